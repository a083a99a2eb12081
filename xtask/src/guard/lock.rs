//! One lock per engine, environment and instance: two clones, or two users, exclude each other.
//!
//! The operating system holds it (`flock`), so a killed run leaves none behind. Our children
//! inherit it, and it is given back by closing alone, never by unlocking: while a child of a run is
//! still at work, whether that was killed or has ended, the lock is held, and the next run waits.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use environments::Deployment;
use process::{Interrupt, printable};
use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Result};
use crate::guard::files::{alive, existing, file_name_for, folder, open, planted};
use crate::guard::turn;
use crate::guard::who::Who;
use crate::ui::Ui;

/// How long the children of a run that is over may take to end.
const ORPHANS: Duration = Duration::from_secs(180);

/// The same where nobody is told that we wait.
const MOMENT: Duration = Duration::from_secs(15);

/// Whoever holds a lock without being alive.
const KILLED: &str = "children of a run that was killed";

/// What a lock's file begins with, unless it is empty.
const BEGINS: &[u8] = b"{\"pid\":";

/// More than who holds a lock can take.
const LONG: u64 = 64 * 1024;

/// Who holds a lock, as it wrote itself into the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    pid: i32,
    /// When that process was started, in ticks since the machine was: its number may go to another.
    #[serde(default)]
    started: Option<u64>,
    user: String,
    command: String,
    since: String,
    /// The run is through: if the lock is held, then by what it has left at work.
    #[serde(default)]
    over: bool,
}

impl Holder {
    fn of(command: &str) -> Self {
        let pid = std::process::id().cast_signed();
        Self {
            pid,
            started: started(pid),
            user: Who::runs_this().to_string(),
            command: command.to_owned(),
            since: crate::journal::now(),
            over: false,
        }
    }

    /// Whether the run itself still has the lock.
    fn at_work(&self) -> bool {
        let same = || self.started.is_none() || self.started == started(self.pid);
        !self.over && alive(self.pid) && same()
    }

    /// Whoever has the lock though the run is over, in words.
    fn left(&self) -> String {
        let (command, pid) = (printable(&self.command), self.pid);
        if self.over {
            format!("what `{command}` (process {pid}), which has ended, left at work")
        } else {
            format!("{KILLED} (`{command}`, process {pid})")
        }
    }
}

/// A lock that is held until this value is dropped and the last child that inherited it has ended.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    holder: Holder,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing gives it back, and not while a child that was left behind has it open. Who had it
        // stays in the file, so that whoever waits for that child can be told.
        self.holder.over = true;
        let _ = write(&self.file, &self.holder);
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
        let path = place(engine, deployment);
        let started = Instant::now();
        let mut told = false;
        let file = loop {
            let file = open(&path)?;
            if locked(&file, &path, FlockOperation::NonBlockingLockExclusive)? {
                break file;
            }
            interrupt.check()?;
            let holder = read(&path);
            if let Some(holder) = holder.as_ref().filter(|holder| holder.at_work()) {
                return Err(held(deployment, holder));
            }
            let left = || holder.as_ref().map(Holder::left);
            if started.elapsed() > ORPHANS {
                let by = turn::going(engine, deployment).or_else(left);
                let by = by.unwrap_or_else(|| KILLED.to_owned());
                return Err(still(deployment, &by, &path));
            }
            if !told {
                told = true;
                // A proof that has just begun may not have said so yet.
                let whom = turn::going(engine, deployment)
                    .or_else(left)
                    .unwrap_or_else(|| format!("{KILLED}, or a proof,"));
                ui.say(format!("waiting for {whom} on {deployment} …"));
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let holder = Holder::of(command);
        ours(&file, &path)?;
        write(&file, &holder).context("cannot write who holds the lock")?;
        share(&file)?;
        Ok(Self { file, holder })
    }
}

/// A share in a deployment's lock: other proofs may have one too, and whoever wants to change
/// something waits until all are given back. Inherited and given back as the lock is.
#[derive(Debug)]
pub(crate) struct Share {
    _file: File,
}

impl Share {
    /// Takes a share for some seconds. Waits no longer than a moment, for what a run that is over
    /// has left at work.
    ///
    /// # Errors
    /// Refused while a run changes that deployment, naming that run.
    pub(crate) fn take(engine: &str, deployment: &Deployment) -> Result<Self> {
        let path = place(engine, deployment);
        let started = Instant::now();
        let file = loop {
            let file = open(&path)?;
            if locked(&file, &path, FlockOperation::NonBlockingLockShared)? {
                break file;
            }
            let holder = read(&path);
            if let Some(holder) = holder.as_ref().filter(|holder| holder.at_work()) {
                return Err(held(deployment, holder));
            }
            if started.elapsed() > MOMENT {
                let by = holder.map_or_else(|| KILLED.to_owned(), |holder| holder.left());
                return Err(still(deployment, &by, &path));
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        share(&file)?;
        Ok(Self { _file: file })
    }
}

/// Whether a run held a deployment's lock at any time since that moment, or what it left at work has
/// it still: the file is written to when it is taken and when it is given back.
pub(crate) fn held_since(engine: &str, deployment: &Deployment, moment: SystemTime) -> bool {
    /// A file's time is that of the kernel's last tick.
    const TICK: Duration = Duration::from_millis(10);
    let path = place(engine, deployment);
    let written = std::fs::symlink_metadata(&path).and_then(|file| file.modified());
    if written.is_ok_and(|written| written + TICK >= moment) {
        return true;
    }
    // No proof's share is meant by this: proofs change nothing.
    let shared = |file: File| flock(&file, FlockOperation::NonBlockingLockShared);
    existing(&path).is_ok_and(|file| shared(file) == Err(Errno::WOULDBLOCK))
}

fn held(deployment: &Deployment, holder: &Holder) -> Failure {
    Failure::refused(format!(
        "{deployment} is locked by {} (`{}`, process {} of this machine, since {})",
        printable(&holder.user),
        printable(&holder.command),
        holder.pid,
        printable(&holder.since)
    ))
    .hint("wait for it to end, then run the same command again")
}

fn still(deployment: &Deployment, by: &str, path: &Path) -> Failure {
    Failure::refused(format!("{deployment} is still being worked on by {by}"))
        .hint(format!("fuser -v {}", path.display()))
}

/// Where a deployment's lock is held: beside the engine, so that whoever works on that engine meets
/// there.
///
/// That is so for an engine of this machine. One that is reached over a network excludes those who
/// reach it from here, and nobody else: this function is where a lock beside that engine begins.
fn place(engine: &str, deployment: &Deployment) -> PathBuf {
    folder().join(file_name_for(engine, "", deployment))
}

/// Tries to lock a file that is still the one at that place: what was removed meanwhile excludes
/// nobody.
fn locked(file: &File, path: &Path, how: FlockOperation) -> Result<bool> {
    match flock(file, how) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(false),
        Err(error) => return Err(Failure::failed(format!("lock {}: {error}", path.display()))),
    }
    let ours = file.metadata().map(|file| (file.dev(), file.ino()));
    let there = std::fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()));
    Ok(matches!((ours, there), (Ok(ours), Ok(there)) if ours == there))
}

/// Inherited by our children, on purpose: see the head of this file.
fn share(file: &File) -> Result<()> {
    fcntl_setfd(file, FdFlags::empty()).context("the lock could not be shared")?;
    Ok(())
}

fn read(path: &Path) -> Option<Holder> {
    let mut text = String::new();
    let file = existing(path).ok()?;
    file.take(LONG).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Refuses a file with something else in it. To be asked once it is locked.
fn ours(mut file: &File, path: &Path) -> Result<()> {
    let mut begin = [0; BEGINS.len()];
    let mut look = || {
        file.rewind()?;
        file.read(&mut begin)
    };
    let length = look().with_context(|| format!("cannot read the lock {}", path.display()))?;
    if BEGINS.starts_with(&begin[..length]) {
        Ok(())
    } else {
        Err(planted(path, "holds something else than who holds a lock"))
    }
}

fn write(mut file: &File, holder: &Holder) -> anyhow::Result<()> {
    let text = serde_json::to_string(holder)?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

/// When a process was started, in ticks since the machine was (proc_pid_stat(5), field 22).
fn started(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use environments::{Environment, Instance};

    use super::*;
    use crate::guard::files::objection;
    use std::os::unix::fs::PermissionsExt as _;

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
            let file = open(&place(&engine, &deployment)).expect("a file");
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

    fn dev() -> Deployment {
        Deployment::new(Environment::Dev, Instance::main())
    }

    /// A place for a lock that somebody has been at before us, and its end.
    struct Planted(PathBuf, String);

    impl Planted {
        fn at(name: &str) -> Self {
            let engine = engine(name);
            Self(place(&engine, &dev()), engine)
        }

        #[track_caller]
        fn refused(&self, said: &str) {
            for failure in [
                take(&self.1, Environment::Dev).expect_err("it is planted"),
                Share::take(&self.1, &dev()).expect_err("it is planted"),
            ] {
                assert_eq!(failure.kind.exit_code(), 3, "{failure}");
                let path = self.0.display().to_string();
                assert!(failure.message.contains(&path), "{failure}");
                assert!(failure.message.contains(said), "{failure}");
            }
            assert!(!held_since(&self.1, &dev(), SystemTime::now() + ORPHANS));
        }
    }

    impl Drop for Planted {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
            let _ = std::fs::remove_dir(&self.0);
        }
    }

    #[test]
    fn a_link_at_the_place_of_a_lock_is_refused_and_what_it_leads_to_is_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("precious");
        std::fs::write(&file, "precious").expect("a file");
        for target in [file.clone(), folder.path().join("nothing")] {
            let planted = Planted::at("link");
            std::os::unix::fs::symlink(&target, &planted.0).expect("a link");
            planted.refused("is a symbolic link");
        }
        assert_eq!(std::fs::read(&file).expect("it is there"), b"precious");
        assert!(!folder.path().join("nothing").exists());
    }

    #[test]
    fn a_second_name_for_a_file_at_the_place_of_a_lock_is_refused() {
        let planted = Planted::at("names");
        let other = planted.0.with_extension("precious");
        std::fs::write(&other, "").expect("a file");
        std::fs::hard_link(&other, &planted.0).expect("a second name");
        planted.refused("has 2 names");
        std::fs::remove_file(other).expect("it was there");
    }

    #[test]
    fn a_folder_and_a_pipe_at_the_place_of_a_lock_are_refused_without_waiting() {
        let planted = Planted::at("folder");
        std::fs::create_dir(&planted.0).expect("a folder");
        planted.refused("is a folder");
        let planted = Planted::at("pipe");
        let (kind, mode) = (rustix::fs::FileType::Fifo, 0o666.into());
        rustix::fs::mknodat(rustix::fs::CWD, &planted.0, kind, mode, 0).expect("a pipe");
        planted.refused("is a named pipe");
    }

    #[test]
    fn a_file_that_holds_something_else_is_not_emptied() {
        let planted = Planted::at("else");
        std::fs::write(&planted.0, "somebody's letter").expect("a file");
        let failure = take(&planted.1, Environment::Dev).expect_err("it is somebody's");
        assert!(failure.message.contains("something else"), "{failure}");
        let text = std::fs::read_to_string(&planted.0).expect("it is there");
        assert_eq!(text, "somebody's letter");
        // What a run left that was killed amid its writing, and one of before, are ours. No process
        // has that number: a child that another test starts just then inherits the lock for a moment,
        // and whoever holds it must not seem alive.
        for text in [
            "",
            "{\"pid\":1",
            "{\"pi",
            r#"{"pid":2147483647,"user":"a","command":"b","since":"c"}"#,
        ] {
            std::fs::write(&planted.0, text).expect("a file");
            take(&planted.1, Environment::Dev).expect("it is a lock's");
        }
    }

    #[test]
    fn another_user_s_lock_is_used_where_it_was_made_for_all_and_no_other_file_is() {
        let planted = Planted::at("other");
        std::fs::write(&planted.0, "").expect("a file");
        let judged = |mode: u32, me: u32| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&planted.0, mode).expect("it is ours");
            objection(&planted.0.metadata().expect("a file"), me)
        };
        let owner = planted.0.metadata().expect("a file").uid();
        assert_eq!(judged(0o666, owner + 1), None);
        assert_eq!(judged(0o644, owner), None);
        // What root has there was put there by root.
        assert_eq!(judged(0o600, owner + 1).is_none(), owner == 0);
    }

    #[test]
    fn who_holds_a_lock_cannot_move_the_cursor() {
        let _lock = take(&engine("cursor"), Environment::Dev).expect("free");
        let path = place(&engine("cursor"), &dev());
        let mut holder = read(&path).expect("it is told");
        holder.user = "a\u{1b}[2J".to_owned();
        holder.command = "b\u{1b}[2J".to_owned();
        std::fs::write(&path, serde_json::to_string(&holder).expect("JSON")).expect("a file");
        let failure = take(&engine("cursor"), Environment::Dev).expect_err("held");
        assert!(!failure.message.contains('\u{1b}'), "{failure:?}");
        holder.over = true;
        assert!(!holder.left().contains('\u{1b}'), "{holder:?}");
    }

    #[test]
    fn a_lock_that_is_given_back_stays_with_the_child_that_still_works() {
        let engine = engine("child");
        let lock = take(&engine, Environment::Dev).expect("free");
        let runner = process::Runner::new(Interrupt::default(), Ui::silent());
        let child = process::Invocation::new("cat");
        let child = runner.converse(&child).expect("it starts");
        let taken = SystemTime::now();
        drop(lock);
        let file = open(&place(&engine, &dev())).expect("a file");
        let other = flock(&file, FlockOperation::NonBlockingLockExclusive);
        assert!(other.is_err(), "the child still works");
        // What it does to its environment is this tool's doing, and nobody is named who is no more.
        assert!(held_since(&engine, &dev(), taken + Duration::from_secs(60)));
        let holder = read(&place(&engine, &dev())).expect("it is told");
        assert!(!holder.at_work() && holder.left().contains("cargo xtask wipe-dev"));
        std::thread::scope(|scope| {
            let next = scope.spawn(|| take(&engine, Environment::Dev));
            drop(child);
            next.join().expect("it ends").expect("free in the end");
        });
    }

    #[test]
    fn a_process_that_only_has_the_number_of_one_that_held_it_is_not_named() {
        let mut holder = Holder::of("cargo xtask down");
        assert!(holder.at_work());
        holder.started = holder.started.map(|ticks| ticks + 1);
        assert!(!holder.at_work());
        holder.started = None;
        assert!(holder.at_work(), "a run of before did not tell");
    }

    #[test]
    fn a_lock_whose_file_was_removed_is_taken_anew() {
        let engine = engine("removed");
        let path = place(&engine, &dev());
        let file = open(&path).expect("a file");
        std::fs::remove_file(&path).expect("it was there");
        let how = FlockOperation::NonBlockingLockExclusive;
        assert!(!locked(&file, &path, how).expect("it can be asked"));
        let _lock = take(&engine, Environment::Dev).expect("free");
        take(&engine, Environment::Dev).expect_err("held");
    }
}
