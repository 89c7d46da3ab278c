//! Virus scans by clamd.

use std::time::Duration;

use clamav_client::tokio::{Tcp, scan_stream};

use crate::SpooledFile;

/// How long a scan may take; the largest file is 100 MB.
const TIMEOUT: Duration = Duration::from_mins(2);

/// What looks at files before they are kept; looks at none without an address.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    address: String,
}

/// What the scanner says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is nothing, or no scanner.
    Clean,
    /// There is something.
    Infected { signature: String },
}

/// The scanner gave no verdict.
#[derive(Debug, thiserror::Error)]
#[error("clamd at {address} did not scan a file: {detail}")]
pub struct ScannerAway {
    address: String,
    detail: String,
}

impl Scanner {
    pub(crate) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
        }
    }

    /// Shows a file to the scanner.
    ///
    /// # Errors
    /// [`ScannerAway`] as [`crate::IntakeError::Scanner`], or a file that cannot be read.
    ///
    /// # Source
    /// clamd(8), `INSTREAM`.
    pub(crate) async fn scan(&self, file: &mut SpooledFile) -> Result<Verdict, crate::IntakeError> {
        if self.address.is_empty() {
            return Ok(Verdict::Clean);
        }
        let pieces = file.pieces().await?;
        let host_address = self.address.as_str();
        let scanning = scan_stream(pieces, Tcp { host_address }, None);
        let answer = match tokio::time::timeout(TIMEOUT, scanning).await {
            Ok(Ok(answer)) => String::from_utf8_lossy(&answer).into_owned(),
            Ok(Err(error)) => return Err(self.away(error.to_string()).into()),
            Err(_) => return Err(self.away("it took too long".to_owned()).into()),
        };
        read(&answer).ok_or_else(|| self.away(answer).into())
    }

    fn away(&self, detail: String) -> ScannerAway {
        ScannerAway {
            address: self.address.clone(),
            detail,
        }
    }
}

/// `stream: OK`, `stream: <signature> FOUND`, or anything else.
fn read(answer: &str) -> Option<Verdict> {
    let answer = answer.trim_end_matches('\0').trim();
    let said = answer.strip_prefix("stream: ")?;
    if said == "OK" {
        return Some(Verdict::Clean);
    }
    let signature = said.strip_suffix(" FOUND")?.to_owned();
    Some(Verdict::Infected { signature })
}

#[cfg(test)]
mod tests {
    use sb_testkit::TestScanner;

    use super::*;
    use crate::spool::spooled;

    #[test]
    fn only_a_clear_answer_is_a_verdict() {
        let infected = |signature: &str| Verdict::Infected {
            signature: signature.to_owned(),
        };
        assert_eq!(read("stream: OK\0"), Some(Verdict::Clean));
        assert_eq!(
            read("stream: Win.Test.EICAR_HDB-1 FOUND\0"),
            Some(infected("Win.Test.EICAR_HDB-1"))
        );
        for unclear in [
            "",
            "OK",
            "INSTREAM size limit exceeded. ERROR",
            "stream: x ERROR",
        ] {
            assert_eq!(read(unclear), None, "{unclear}");
        }
    }

    #[tokio::test]
    async fn the_scanner_sees_the_whole_file() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(600_000).collect();
        let mut file = spooled(&bytes).await;
        let clamd = TestScanner::start("stream: Some.Virus FOUND").await;
        let verdict = Scanner::new(clamd.address()).scan(&mut file).await;
        let signature = "Some.Virus".to_owned();
        assert_eq!(verdict.unwrap(), Verdict::Infected { signature });
        assert!(clamd.shown() == bytes);
    }

    #[tokio::test]
    async fn a_scanner_that_is_away_is_not_a_verdict() {
        let mut file = spooled(b"abc").await;
        let clamd = TestScanner::start("").await;
        let address = clamd.address().to_owned();
        let unclear = Scanner::new(&address).scan(&mut file).await.unwrap_err();
        assert!(unclear.to_string().contains(&address), "{unclear}");
        drop(clamd);
        let closed = Scanner::new("127.0.0.1:1").scan(&mut file).await;
        assert!(closed.unwrap_err().to_string().contains("127.0.0.1:1"));
    }
}
