//! Refuses servers that would silently ignore our settings.

use crate::BusError;

/// Pinned clients, per-message expiry and consumer pause came with it.
const NEEDED: (u64, u64) = (2, 11);
const NEEDED_TEXT: &str = "2.11";

/// `2.12.1` and `2.12.0-RC.3` to `(2, 12)`.
fn major_minor(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.trim_start_matches('v').split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?;
    let digits = minor
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(minor.len());
    Some((major, minor.get(..digits)?.parse().ok()?))
}

/// Accepts a version that is new enough.
pub(crate) fn check(version: &str) -> Result<(), BusError> {
    if major_minor(version).is_some_and(|found| found >= NEEDED) {
        return Ok(());
    }
    Err(BusError::ServerTooOld {
        found: version.to_owned(),
        needed: NEEDED_TEXT,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_older_than_2_11_are_refused_and_newer_ones_accepted() {
        for (version, good) in [
            ("2.9.10", false),
            ("2.10.27", false),
            ("1.99.0", false),
            ("2.11.0", true),
            ("2.12.0-RC.3", true),
            ("v2.15.1", true),
            ("3.0.0", true),
            ("2.11-beta", true),
            ("", false),
            ("unknown", false),
        ] {
            assert_eq!(check(version).is_ok(), good, "{version}");
        }
    }

    #[test]
    fn the_refusal_says_what_is_needed() {
        assert_eq!(
            check("2.9.10").unwrap_err().to_string(),
            "nats-server 2.9.10 is too old, 2.11 or newer is needed"
        );
    }
}
