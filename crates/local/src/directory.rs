//! The directory a server owns: its lock, its remembered port, its log.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::LocalError;
use crate::port::PortChoice;

/// A directory that this process holds for one server, for as long as the value lives.
#[derive(Debug)]
pub(crate) struct ServerDirectory {
    path: PathBuf,
    /// Held open: the kernel drops the lock with the process, however that ends.
    _lock: File,
}

impl ServerDirectory {
    /// Creates the directory if needed and takes its lock.
    pub(crate) fn open(path: &Path) -> Result<Self, LocalError> {
        fs::create_dir_all(path).map_err(|source| failed("creating", path, source))?;
        // Absolute, because servers change their working directory and because orphans are
        // recognised by the path on their command line.
        let path = fs::canonicalize(path)
            .map_err(|source| failed("resolving the path of", path, source))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|source| failed("opening", &lock_path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(LocalError::InUse { path }),
            Err(TryLockError::Error(source)) => Err(failed("locking", &lock_path, source)),
        }
    }

    /// Returns the absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the port to use: what was asked for, otherwise preferably that of the previous run.
    pub(crate) fn port_choice(&self, asked: Option<u16>) -> PortChoice {
        match asked {
            Some(port) => PortChoice::Fixed(port),
            None => PortChoice::Any {
                previous: fs::read_to_string(self.port_path())
                    .ok()
                    .and_then(|text| text.trim().parse().ok()),
            },
        }
    }

    /// Notes the port in use, for the next run.
    pub(crate) fn remember_port(&self, port: u16) -> Result<(), LocalError> {
        let path = self.port_path();
        fs::write(&path, format!("{port}\n")).map_err(|source| failed("writing", &path, source))
    }

    fn port_path(&self) -> PathBuf {
        self.path.join("port")
    }
}

/// Builds the error of a failed file operation.
pub(crate) fn failed(action: &'static str, path: &Path, source: io::Error) -> LocalError {
    LocalError::File {
        action,
        path: path.to_path_buf(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_serves_one_server_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = ServerDirectory::open(dir.path()).unwrap();
        assert!(matches!(
            ServerDirectory::open(dir.path()),
            Err(LocalError::InUse { .. })
        ));
        drop(first);
        ServerDirectory::open(dir.path()).unwrap();
    }

    #[test]
    fn the_port_of_the_previous_run_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let directory = ServerDirectory::open(dir.path()).unwrap();
        directory.remember_port(15_432).unwrap();
        assert!(matches!(
            directory.port_choice(None),
            PortChoice::Any {
                previous: Some(15_432)
            }
        ));
    }
}
