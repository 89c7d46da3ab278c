use std::fmt;

use ring::digest;

/// How many bytes of the digest are shown: enough to follow one person through a log, no more.
const SHOWN_BYTES: usize = 4;

/// A value about a person (phone number, name) that may appear in a log line only as a short
/// digest: `sha256:1f2e3d4c`. Equal values look equal, nothing else is told.
///
/// A phone number can be found again by trying all of them, so the digest is a pseudonym and not a
/// licence: prefer the id of the row.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sensitive<T>(pub T);

impl<T: fmt::Display> fmt::Display for Sensitive<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = digest::digest(&digest::SHA256, self.0.to_string().as_bytes());
        let shown = digest.as_ref().get(..SHOWN_BYTES).unwrap_or_default();
        write!(formatter, "sha256:{}", hex::encode(shown))
    }
}

impl<T: fmt::Display> fmt::Debug for Sensitive<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_digest_is_shown() {
        let shown = format!("{} {:?}", Sensitive("abc"), Sensitive(String::from("abc")));
        assert_eq!(shown, "sha256:ba7816bf sha256:ba7816bf");
    }
}
