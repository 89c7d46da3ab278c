//! Under which account a server runs: `PostgreSQL` refuses to run as root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown, lchown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binaries;
use crate::directory::failed;
use crate::error::LocalError;
use crate::orphan::SHUTDOWN_SIGNAL;

/// Nothing of the caller's environment reaches a server: `PG*` and locale variables would change it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// One capability of root's, kept across the change of user and inherited by the server.
const PASS_CLOSED: [&str; 3] = [
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=-all,+dac_override",
    "--bounding-set=-all,+dac_override",
];
/// Accounts that exist for this purpose, best first.
const SERVER_USERS: [&str; 2] = ["postgres", "nobody"];

/// The account of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// That of the calling process.
    Caller,
    /// An unprivileged user of the machine; the caller is root.
    User {
        uid: u32,
        gid: u32,
        /// Whether it keeps root's right to pass closed directories, and only that one: for a
        /// directory below one that only root may enter, such as `/root`.
        passes_closed: bool,
    },
}

impl Account {
    /// Chooses the account for a server that refuses root, in a directory that exists.
    pub(crate) fn unprivileged(dir: &Path) -> Result<Self, LocalError> {
        if effective_uid()? != 0 {
            return Ok(Self::Caller);
        }
        let above = dir.parent().unwrap_or(dir);
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        for passes_closed in [false, true] {
            for name in SERVER_USERS {
                let user = parse_user(&passwd, name, passes_closed);
                if let Some(user) = user.filter(|user| user.can_enter(above)) {
                    return Ok(user);
                }
            }
        }
        Err(LocalError::NoUnprivilegedUser {
            path: dir.to_path_buf(),
        })
    }

    /// Prepares a command that runs under this account, with an empty environment, in a process
    /// group of its own (Ctrl-C is for the caller, who then stops the server in good order), and
    /// that is told to shut down when this process dies.
    pub(crate) async fn command(self, program: &Path, dir: &Path) -> Command {
        let mut command = self.wrapped(program, binaries::directory_on_path("setpriv").await);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C.UTF-8")
            .current_dir(dir);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::null());
        command
    }

    /// Gives a file or a whole directory to this account, if it is not its own already.
    pub(crate) fn take_over(self, path: &Path) -> Result<(), LocalError> {
        let wrong = |source| failed("reading", path, source);
        let owner = fs::metadata(path).map_err(wrong)?.uid();
        let (uid, gid) = match self {
            Self::Caller if effective_uid()? == owner => return Ok(()),
            Self::Caller => {
                return Err(LocalError::ForeignData {
                    path: path.to_path_buf(),
                });
            }
            Self::User { uid, gid, .. } => (uid, gid),
        };
        if owner == uid {
            return Ok(());
        }
        change_owner(path, uid, gid).map_err(|source| failed("changing the owner of", path, source))
    }

    /// Gives the directory itself to this account, so that it can create its data in there.
    pub(crate) fn take_over_directory(self, path: &Path) -> Result<(), LocalError> {
        if let Self::User { uid, gid, .. } = self {
            chown(path, Some(uid), Some(gid))
                .map_err(|source| failed("changing the owner of", path, source))?;
        }
        Ok(())
    }

    fn wrapped(self, program: &Path, setpriv: Option<PathBuf>) -> Command {
        // The signal is set last, inside: the kernel forgets it when the account changes.
        let signal = ["--pdeathsig", SHUTDOWN_SIGNAL];
        match (self, setpriv) {
            (Self::Caller, None) => Command::new(program),
            (Self::Caller, Some(bin)) => {
                let mut command = Command::new(bin.join("setpriv"));
                command.args(signal).arg("--").arg(program);
                command
            }
            (
                Self::User {
                    uid,
                    gid,
                    passes_closed,
                },
                _,
            ) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={uid}"), format!("--regid={gid}")]);
                command.arg("--clear-groups");
                if passes_closed {
                    command.args(PASS_CLOSED);
                }
                command.args(signal).arg("--").arg(program);
                command
            }
        }
    }

    /// Tries it rather than reading modes, which would miss access lists; entering, because asking
    /// (`access`) ignores capabilities.
    fn can_enter(self, dir: &Path) -> bool {
        let mut probe = self.wrapped(Path::new("/bin/sh"), None);
        probe.env_clear().env("PATH", PATH).current_dir("/");
        probe.args(["-c", "cd \"$1\"", "sh"]).arg(dir);
        probe.stdin(Stdio::null()).stdout(Stdio::null());
        probe.stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    }
}

/// Returns the user this process acts as.
fn effective_uid() -> Result<u32, LocalError> {
    let own = Path::new("/proc/self");
    // Where there is no /proc, a file made by this process would tell; nobody is root there.
    if !own.exists() {
        return Ok(u32::MAX);
    }
    fs::metadata(own)
        .map(|metadata| metadata.uid())
        .map_err(|source| failed("reading", own, source))
}

/// Reads `name:password:uid:gid:…`.
fn parse_user(passwd: &str, name: &str, passes_closed: bool) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account::User {
            uid,
            gid,
            passes_closed,
        })
    })
}

fn change_owner(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    lchown(path, Some(uid), Some(gid))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            change_owner(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:,,,:/var/lib:/bin/sh\n";

    #[test]
    fn a_user_is_found_with_its_group() {
        let found = Account::User {
            uid: 101,
            gid: 104,
            passes_closed: false,
        };
        assert_eq!(parse_user(PASSWD, "postgres", false), Some(found));
        assert_eq!(parse_user(PASSWD, "postgre", false), None);
        assert_eq!(parse_user("postgres:x:many", "postgres", false), None);
    }

    #[test]
    fn the_account_never_is_root() {
        let dir = tempfile::tempdir().unwrap();
        match Account::unprivileged(dir.path()).unwrap() {
            Account::Caller => assert_ne!(effective_uid().unwrap(), 0),
            Account::User { uid, .. } => assert_ne!(uid, 0),
        }
    }

    #[test]
    fn a_directory_only_root_may_enter_is_reached_with_one_capability() {
        if effective_uid().unwrap() != 0 {
            return;
        }
        let closed = tempfile::tempdir().unwrap();
        fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let account = Account::unprivileged(&closed.path().join("server")).unwrap();
        assert!(
            matches!(account, Account::User { uid, passes_closed: true, .. } if uid != 0),
            "{account:?}"
        );
    }
}
