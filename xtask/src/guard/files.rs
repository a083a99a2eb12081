//! Files in the folder where all users of a machine meet, and processes that are alive.
//!
//! Anybody may write to that folder, so a file is known before anything is done to it.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use environments::Deployment;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::who;
use crate::error::{Failure, Result};

/// Where all users of a machine meet: the lock folder, which anyone may write to.
pub(crate) fn folder() -> PathBuf {
    let shared = Path::new("/run/lock");
    let usable = std::fs::metadata(shared)
        .is_ok_and(|folder| folder.is_dir() && folder.permissions().mode() & 0o1777 == 0o1777);
    if usable {
        shared.to_owned()
    } else {
        PathBuf::from("/tmp")
    }
}

/// The name of a file that stands for something else about a deployment than being worked on.
pub(super) fn file_name_for(engine: &str, what: &str, deployment: &Deployment) -> String {
    let safe = |character: char| {
        if character.is_ascii_alphanumeric() {
            character
        } else {
            '-'
        }
    };
    let engine: String = engine.chars().map(safe).collect();
    let what = if what.is_empty() {
        String::new()
    } else {
        format!("{what}.")
    };
    format!("tta.{engine}.{what}{}.lock", deployment.lock())
}

/// Opens a file to be locked, and makes it where there is none. Nothing is written to it.
///
/// # Errors
/// Refused where it is anything but a plain file that somebody's run may have made: anybody may
/// write to that folder, and put a link there to a file of ours.
pub(super) fn open(path: &Path) -> Result<File> {
    let created = || {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o666)
            .open(path)?;
        // Whatever the umask is, the other user's run must be able to open it.
        file.set_permissions(std::fs::Permissions::from_mode(0o666))?;
        Ok(file)
    };
    // Without creating it first: in a sticky folder the kernel refuses to open another user's file
    // with O_CREAT (fs.protected_regular), root included.
    let opened = existing(path)
        .or_else(|_| created())
        .or_else(|_: io::Error| existing(path));
    let file = match opened {
        Ok(file) => file,
        Err(error) => return Err(unusable(path, &error)),
    };
    let found = file
        .metadata()
        .with_context(|| format!("cannot look at the lock {}", path.display()))?;
    match objection(&found, rustix::process::getuid().as_raw()) {
        None => Ok(file),
        Some(what) => Err(planted(path, &what)),
    }
}

/// Opens it as it is: through no link, and without waiting for the other end of a pipe.
pub(super) fn existing(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// What speaks against a file that was opened, if anything.
pub(super) fn objection(found: &Metadata, me: u32) -> Option<String> {
    if !found.is_file() {
        return Some(format!("is {}", kind(found)));
    }
    if found.nlink() != 1 {
        return Some(format!("has {} names", found.nlink()));
    }
    // Anybody's run may have made it, for all to use. A file with which its owner meant something
    // else was moved here.
    let (owner, mode) = (found.uid(), found.mode() & 0o777);
    let may = owner == me || owner == 0 || mode == 0o666;
    (!may).then(|| format!("belongs to {}, with mode {mode:o}", who::user(owner)))
}

fn kind(found: &Metadata) -> &'static str {
    let kind = found.file_type();
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    }
}

/// Why it cannot be opened: mostly that it is no file.
fn unusable(path: &Path, error: &io::Error) -> Failure {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => planted(path, &format!("is {}", kind(&found))),
        Ok(found) => Failure::failed(format!(
            "cannot open the lock {}, which belongs to {}: {error}",
            path.display(),
            who::user(found.uid())
        ))
        .hint(format!("sudo rm {}", path.display())),
        Err(_) => Failure::failed(format!("cannot open the lock {}: {error}", path.display()))
            .hint("cargo xtask doctor"),
    }
}

pub(super) fn planted(path: &Path, what: &str) -> Failure {
    Failure::refused(format!(
        "{} {what}: expected a plain file, as this tool makes it for a lock; it was not touched",
        path.display()
    ))
    .hint(format!("ls -l {0}; sudo rm {0}", path.display()))
}

pub(super) fn alive(pid: i32) -> bool {
    let Some(pid) = rustix::process::Pid::from_raw(pid) else {
        return false;
    };
    // EPERM means that it runs, as somebody else.
    !matches!(rustix::process::test_kill_process(pid), Err(Errno::SRCH))
}
