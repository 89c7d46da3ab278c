use std::{fmt, ops::Deref};

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use crate::secret::MASK;

/// The address of a database or of NATS, which may carry a password.
///
/// It dereferences to the complete `str` for the client that connects; `Debug` and `Serialize`
/// show host, port and path with the credentials masked. There is no `Display` on purpose: it
/// would have to be either dangerous or unusable.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ConnectionUrl(String);

impl ConnectionUrl {
    /// The complete URL, credentials included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL with every credential replaced by `***`.
    ///
    /// A comma separated list (several NATS servers) is masked part by part. Whatever cannot be
    /// taken apart safely is masked as a whole.
    pub fn redacted(&self) -> String {
        let parts: Option<Vec<String>> = self.0.split(',').map(redact_one).collect();
        parts.map_or_else(|| MASK.to_owned(), |parts| parts.join(","))
    }
}

impl Deref for ConnectionUrl {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ConnectionUrl {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<String> for ConnectionUrl {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for ConnectionUrl {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.redacted())
    }
}

impl Serialize for ConnectionUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

fn redact_one(part: &str) -> Option<String> {
    let part = part.trim();
    if !part.contains("://") {
        // `host:4222` is a valid NATS server; anything with an `@` may hide a password.
        return (!part.contains('@')).then(|| part.to_owned());
    }
    let mut url = Url::parse(part).ok()?;
    // An `@` behind the host means that an unescaped `/`, `?` or `#` cut the password in two.
    let behind_host = [Some(url.path()), url.query(), url.fragment()];
    if behind_host
        .into_iter()
        .flatten()
        .any(|text| text.contains('@'))
    {
        return None;
    }
    if url.password().is_some() {
        url.set_password(Some(MASK)).ok()?;
    } else if url.scheme() != "postgres"
        && url.scheme() != "postgresql"
        && !url.username().is_empty()
    {
        // `nats://token@host`: the user part is the secret.
        url.set_username(MASK).ok()?;
    }
    redact_query(&mut url);
    Some(url.to_string())
}

fn redact_query(url: &mut Url) {
    if url.query().is_none() {
        return;
    }
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(key, value)| {
            let shown = if key.contains("password") {
                MASK.to_owned()
            } else {
                value.into_owned()
            };
            (key.into_owned(), shown)
        })
        .collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn passwords_and_tokens_are_masked_and_the_rest_stays_readable() {
        for (url, shown) in [
            (
                "postgres://app:pw@db:5432/sb?sslmode=require",
                "postgres://app:***@db:5432/sb?sslmode=require",
            ),
            ("postgres://app@db/sb", "postgres://app@db/sb"),
            (
                "postgres://db/sb?user=a&password=pw",
                "postgres://db/sb?user=a&password=***",
            ),
            ("nats://token@nats:4222", "nats://***@nats:4222"),
            (
                "nats://a:4222,nats://u:p@b:4222",
                "nats://a:4222,nats://u:***@b:4222",
            ),
            ("localhost:4222", "localhost:4222"),
            ("not a url with p@ss", "***"),
            ("postgres://u:p@[broken", "***"),
            ("postgres://u:p?ss@db/sb", "***"),
            ("postgres://u:1,2@db/sb", "***"),
            ("", ""),
        ] {
            assert_eq!(ConnectionUrl::from(url).redacted(), shown, "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_password_survives_in_debug_output(password in "[a-z0-9#/?@:,%]{0,12}SECRET[a-z0-9#/?@:,%]{0,12}") {
            let url = ConnectionUrl::from(format!("postgres://app:{password}@db:5432/sb"));
            prop_assert!(!format!("{url:?}").contains("SECRET"), "{:?}", url);
        }
    }
}
