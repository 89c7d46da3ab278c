//! The log file of a server.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::LocalError;

/// A longer log is set aside at the next start.
const ROTATE_BYTES: u64 = 8 * 1024 * 1024;
/// What an error shows of a log.
const TAIL_LINES: usize = 20;
/// What is read of a log at most.
const READ_BYTES: u64 = 256 * 1024;

/// A log file, and where in it the current run of the server begins.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    start: u64,
}

impl Log {
    /// Names the log; it is created by [`Log::begin_run`].
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, start: 0 }
    }

    /// Opens the log for a new run of the server, after what earlier runs wrote.
    pub(crate) fn begin_run(&mut self) -> Result<File, LocalError> {
        if self.length() > ROTATE_BYTES {
            let aside = self.path.with_extension("log.old");
            fs::rename(&self.path, &aside)
                .map_err(|source| self.failed("setting aside", source))?;
        }
        self.start = self.length();
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(|source| self.failed("opening", source))
    }

    /// Returns what the current run wrote so far (the end of it, if it is long).
    pub(crate) fn current_run(&self) -> String {
        let from = self.start.max(self.length().saturating_sub(READ_BYTES));
        read_from(&self.path, from).unwrap_or_default()
    }

    /// Returns the last lines of the current run, for an error message.
    pub(crate) fn tail(&self) -> String {
        let text = self.current_run();
        let lines: Vec<&str> = text.lines().collect();
        let skipped = lines.len().saturating_sub(TAIL_LINES);
        let tail: Vec<&str> = lines.into_iter().skip(skipped).collect();
        format!("{}\n(all of it: {})", tail.join("\n"), self.path.display())
    }

    fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> LocalError {
        LocalError::File {
            action,
            path: self.path.clone(),
            source,
        }
    }
}

fn read_from(path: &Path, offset: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_tail_shows_the_last_lines_of_the_current_run_only() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::new(dir.path().join("server.log"));
        writeln!(log.begin_run().unwrap(), "from an earlier run").unwrap();
        let mut file = log.begin_run().unwrap();
        for line in 0..50 {
            writeln!(file, "line {line}").unwrap();
        }
        let tail = log.tail();
        assert!(!tail.contains("earlier run"), "{tail}");
        assert!(tail.starts_with("line 30\n"), "{tail}");
        assert!(tail.contains("line 49\n"), "{tail}");
    }

    #[test]
    fn a_long_log_is_set_aside_at_the_next_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.log");
        let mut log = Log::new(path.clone());
        log.begin_run().unwrap().set_len(ROTATE_BYTES + 1).unwrap();
        log.begin_run().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        assert!(path.with_extension("log.old").exists());
    }
}
