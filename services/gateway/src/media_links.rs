//! Signed addresses of files: whoever has one may read that file for a quarter of an hour.
//!
//! **Invariant:** a signature covers everything the address says: tenant, file, variant and end.

use chrono::{DateTime, TimeDelta, Utc};
use ring::hmac;
use sb_config::Secret;
use sb_ids::{MediaId, OrganizationId};

/// How long an address is good.
const LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// Sets this use of the pepper apart from every other.
const PURPOSE: &[u8] = b"switchboard media links v1";

/// Which bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The file itself.
    File,
    /// A small picture of it.
    Thumbnail,
}

impl Variant {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Thumbnail => "thumbnail",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "file" => Some(Self::File),
            "thumbnail" => Some(Self::Thumbnail),
            _ => None,
        }
    }
}

/// What an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) organization: OrganizationId,
    pub(crate) media: MediaId,
    pub(crate) variant: Variant,
}

impl Target {
    fn path(&self) -> String {
        let Self {
            organization,
            media,
            variant,
        } = self;
        format!("/media/{organization}/{media}/{}", variant.as_str())
    }
}

/// Makes and checks addresses.
#[derive(Debug)]
pub(crate) struct MediaLinks {
    key: hmac::Key,
    base: String,
}

impl MediaLinks {
    /// Signs with a key of its own that follows from the installation's pepper. `public_url` is where tenants reach
    /// us; addresses are paths where it is not set.
    pub(crate) fn new(pepper: &Secret, public_url: &str) -> Self {
        let pepper = hmac::Key::new(hmac::HMAC_SHA256, pepper.expose().as_bytes());
        let derived = hmac::sign(&pepper, PURPOSE);
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
            base: public_url.trim_end_matches('/').to_owned(),
        }
    }

    /// The end of addresses that are made now.
    pub(crate) fn end(now: DateTime<Utc>) -> DateTime<Utc> {
        let end = now + LIFETIME;
        DateTime::from_timestamp(end.timestamp(), 0).unwrap_or(end)
    }

    /// An address that is good until `end`.
    pub(crate) fn address(&self, target: &Target, end: DateTime<Utc>) -> String {
        let (path, end) = (target.path(), end.timestamp());
        let signature = hex::encode(hmac::sign(&self.key, signed(&path, end).as_bytes()));
        let base = &self.base;
        format!("{base}{path}?expires={end}&signature={signature}")
    }

    /// Whether an address is ours and still good; takes as long for any wrong signature.
    pub(crate) fn allows(
        &self,
        target: &Target,
        (end, signature): (i64, &str),
        now: DateTime<Utc>,
    ) -> bool {
        let Ok(signature) = hex::decode(signature) else {
            return false;
        };
        let signed = signed(&target.path(), end);
        hmac::verify(&self.key, signed.as_bytes(), &signature).is_ok() && end > now.timestamp()
    }
}

fn signed(path: &str, end: i64) -> String {
    format!("{path}\n{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 5).unwrap()
    }

    fn target() -> Target {
        Target {
            organization: OrganizationId::new(now()),
            media: MediaId::new(now()),
            variant: Variant::File,
        }
    }

    fn parts(address: &str) -> (i64, String) {
        let query = address.split_once("?expires=").unwrap().1;
        let (end, signature) = query.split_once("&signature=").unwrap();
        (end.parse().unwrap(), signature.to_owned())
    }

    #[test]
    fn an_address_is_good_for_a_quarter_of_an_hour() {
        let links = MediaLinks::new(&"pepper".into(), "https://api.example/");
        let target = target();
        let address = links.address(&target, MediaLinks::end(now()));
        assert!(
            address.starts_with("https://api.example/media/"),
            "{address}"
        );
        let (end, signature) = parts(&address);
        let at = |minutes| now() + TimeDelta::minutes(minutes);
        assert!(links.allows(&target, (end, &signature), at(14)));
        assert!(!links.allows(&target, (end, &signature), at(15)));
        assert!(!links.allows(&target, (end + 60, &signature), at(14)));
    }

    #[test]
    fn an_address_is_for_one_file_of_one_tenant() {
        let links = MediaLinks::new(&"pepper".into(), "");
        let ours = target();
        let (end, signature) = parts(&links.address(&ours, MediaLinks::end(now())));
        let thumbnail = Target {
            variant: Variant::Thumbnail,
            ..ours
        };
        let another = Target {
            media: MediaId::new(now()),
            ..ours
        };
        let theirs = Target {
            organization: OrganizationId::new(now()),
            ..ours
        };
        for wrong in [thumbnail, another, theirs] {
            assert!(!links.allows(&wrong, (end, &signature), now()));
        }
        assert!(!links.allows(&ours, (end, ""), now()));
        assert!(!links.allows(&ours, (end, "zz"), now()));
        let elsewhere = MediaLinks::new(&"another".into(), "");
        assert!(!elsewhere.allows(&ours, (end, &signature), now()));
    }
}
