//! One lock per engine, environment and instance: two clones, or two users, exclude each other.
//!
//! The operating system holds it (`flock`), so a killed run leaves none behind. Our children
//! inherit it: while those of a killed run are still at work, the lock is still held, and the next
//! run waits for them.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use environments::Deployment;
use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Result};
use crate::guard::turn;
use crate::process::Interrupt;
use crate::ui::Ui;

/// How long the children of a killed run may take to end.
const ORPHANS: Duration = Duration::from_secs(180);

/// Whoever holds a lock without being alive.
const KILLED: &str = "children of a run that was killed";

/// Who holds a lock, as it wrote itself into the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    pid: i32,
    user: String,
    command: String,
    since: String,
}

/// A lock that is held until this value is dropped and the last child that inherited it has ended.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would release it too, but not while a child that was left behind has it open.
        let _ = self.file.set_len(0);
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Takes the lock of one deployment on one engine.
    ///
    /// # Errors
    /// Refused while another run holds it, naming that run.
    pub(crate) fn take(
        engine: &str,
        deployment: &Deployment,
        command: &str,
        interrupt: &Interrupt,
        ui: &Ui,
    ) -> Result<Self> {
        let path = folder().join(file_name(engine, deployment));
        let file = open(&path)?;
        let started = Instant::now();
        let mut told = false;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => {
                    return Err(Failure::failed(format!("lock {}: {error}", path.display())));
                }
            }
            interrupt.check()?;
            let holder = read(&path);
            if let Some(holder) = holder.as_ref().filter(|holder| alive(holder.pid)) {
                return Err(held(deployment, holder));
            }
            if started.elapsed() > ORPHANS {
                let by = turn::going(engine, deployment).unwrap_or_else(|| KILLED.to_owned());
                return Err(Failure::refused(format!(
                    "{deployment} is still being worked on by {by}"
                ))
                .hint(format!("fuser -v {}", path.display())));
            }
            if !told {
                told = true;
                // A proof that has just begun may not have said so yet.
                let whom = turn::going(engine, deployment)
                    .unwrap_or_else(|| format!("{KILLED}, or a proof,"));
                ui.say(format!("waiting for {whom} on {deployment} …"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        write(&file, command)?;
        // Inherited on purpose: see the head of this file.
        fcntl_setfd(&file, FdFlags::empty()).context("the lock could not be shared")?;
        Ok(Self { file })
    }
}

/// A share in a deployment's lock: other proofs may have one too, and whoever wants to change
/// something waits until all are given back. Inherited and given back as the lock is.
#[derive(Debug)]
pub(crate) struct Share {
    file: File,
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

impl Share {
    /// Takes a share for some seconds, without waiting.
    ///
    /// # Errors
    /// Refused while a run changes that deployment, naming that run.
    pub(crate) fn take(engine: &str, deployment: &Deployment) -> Result<Self> {
        let path = folder().join(file_name(engine, deployment));
        let file = open(&path)?;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockShared) {
                Ok(()) => break,
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => {
                    let holder = read(&path).filter(|holder| alive(holder.pid));
                    return Err(match holder {
                        Some(holder) => held(deployment, &holder),
                        None => Failure::refused(format!(
                            "{deployment} is still being worked on by {KILLED}"
                        ))
                        .hint(format!("fuser -v {}", path.display())),
                    });
                }
                Err(error) => {
                    return Err(Failure::failed(format!("lock {}: {error}", path.display())));
                }
            }
        }
        fcntl_setfd(&file, FdFlags::empty()).context("the lock could not be shared")?;
        Ok(Self { file })
    }
}

/// Whether a run held a deployment's lock at any time since that moment: it was written to when it
/// was taken and when it was given back.
pub(crate) fn held_since(engine: &str, deployment: &Deployment, moment: SystemTime) -> bool {
    let path = folder().join(file_name(engine, deployment));
    let held_now = || read(&path).is_some_and(|holder| alive(holder.pid));
    let written = std::fs::metadata(&path).and_then(|file| file.modified());
    written.is_ok_and(|written| written >= moment) || held_now()
}

fn held(deployment: &Deployment, holder: &Holder) -> Failure {
    Failure::refused(format!(
        "{deployment} is locked by {} (`{}`, process {}, since {})",
        holder.user, holder.command, holder.pid, holder.since
    ))
    .hint("wait for it to end, then run the same command again")
}

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

fn file_name(engine: &str, deployment: &Deployment) -> String {
    file_name_for(engine, "", deployment)
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

/// Opens the file without creating it first: in a sticky folder the kernel refuses to open
/// another user's file with O_CREAT (fs.protected_regular), root included.
pub(super) fn open(path: &Path) -> Result<File> {
    let existing = || OpenOptions::new().read(true).write(true).open(path);
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
    let file = existing()
        .or_else(|_| created())
        .or_else(|_: std::io::Error| existing())
        .with_context(|| format!("cannot open the lock {}", path.display()))?;
    Ok(file)
}

fn read(path: &Path) -> Option<Holder> {
    let mut text = String::new();
    File::open(path).ok()?.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write(mut file: &File, command: &str) -> Result<()> {
    let holder = Holder {
        pid: std::process::id().cast_signed(),
        user: user(),
        command: command.to_owned(),
        since: crate::journal::now(),
    };
    let mut put = || -> anyhow::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(serde_json::to_string(&holder)?.as_bytes())?;
        Ok(())
    };
    put().context("cannot write who holds the lock")?;
    Ok(())
}

/// Who is running this: the login name, or the number where there is none.
pub(crate) fn user() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

pub(super) fn alive(pid: i32) -> bool {
    let Some(pid) = rustix::process::Pid::from_raw(pid) else {
        return false;
    };
    // EPERM means that it runs, as somebody else.
    !matches!(rustix::process::test_kill_process(pid), Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use environments::{Environment, Instance};

    use super::*;

    fn take(engine: &str, environment: Environment) -> Result<Lock> {
        let deployment = Deployment::new(environment, Instance::main());
        let interrupt = Interrupt::default();
        Lock::take(
            engine,
            &deployment,
            "cargo xtask wipe-dev",
            &interrupt,
            &Ui::silent(),
        )
    }

    fn engine(name: &str) -> String {
        format!("test-{name}-{}", std::process::id())
    }

    #[test]
    fn a_second_run_is_refused_and_told_who_holds_the_lock() {
        let engine = engine("second");
        let _first = take(&engine, Environment::Dev).expect("free");
        let failure = take(&engine, Environment::Dev).expect_err("held");
        assert_eq!(failure.kind.exit_code(), 3);
        assert!(
            failure.message.contains("cargo xtask wipe-dev"),
            "{failure}"
        );
        assert!(
            failure.message.contains(&std::process::id().to_string()),
            "{failure}"
        );
    }

    #[test]
    fn another_environment_and_another_engine_have_locks_of_their_own() {
        let engine = engine("others");
        let _dev = take(&engine, Environment::Dev).expect("free");
        let _test = take(&engine, Environment::Test).expect("free");
        let _elsewhere = take(&format!("{engine}-b"), Environment::Dev).expect("free");
    }

    #[test]
    fn a_lock_remembers_that_another_run_had_it_meanwhile() {
        let engine = engine("meanwhile");
        let deployment = Deployment::new(Environment::Dev, Instance::main());
        let before = SystemTime::now() - Duration::from_secs(1);
        assert!(!held_since(&engine, &deployment, before));
        drop(take(&engine, Environment::Dev).expect("free"));
        assert!(held_since(&engine, &deployment, before));
        let later = SystemTime::now() + Duration::from_secs(1);
        assert!(!held_since(&engine, &deployment, later));
    }

    #[test]
    fn proofs_share_a_lock_and_a_change_waits_for_the_last_of_them() {
        let engine = engine("share");
        let deployment = Deployment::new(Environment::Dev, Instance::main());
        let first = Share::take(&engine, &deployment).expect("free");
        let second = Share::take(&engine, &deployment).expect("it can be shared");
        std::thread::scope(|scope| {
            let change = scope.spawn(|| take(&engine, Environment::Dev).expect("free in the end"));
            drop(first);
            let file = open(&folder().join(file_name(&engine, &deployment))).expect("a file");
            let alone = flock(&file, FlockOperation::NonBlockingLockExclusive);
            assert!(alone.is_err(), "the second has a share still");
            drop(second);
            let lock = change.join().expect("it ends");
            let failure = Share::take(&engine, &deployment).expect_err("it is being changed");
            assert!(
                failure.message.contains("cargo xtask wipe-dev"),
                "{failure}"
            );
            drop(lock);
        });
        Share::take(&engine, &deployment).expect("free again");
    }

    #[test]
    fn a_lock_is_free_again_when_its_run_has_ended() {
        let engine = engine("again");
        drop(take(&engine, Environment::Dev).expect("free"));
        let _again = take(&engine, Environment::Dev).expect("free again");
    }
}
