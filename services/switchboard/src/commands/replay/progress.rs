//! What whoever waits is told, on standard error.

use std::io::Write as _;
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines.
const EVERY: Duration = Duration::from_secs(2);

/// Says now and then how far a run is.
#[derive(Debug)]
pub(super) struct Progress {
    said: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            said: Instant::now(),
        }
    }

    /// Says it, unless something was said just now.
    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        if self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            note(&line());
        }
    }
}

/// Says something at once.
pub(super) fn note(line: &str) {
    // Nothing depends on it: standard error may be closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
