//! Runs that only look: one at a time on an environment, and a sign of life for what each leaves in a
//! server while it looks.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use environments::Deployment;
use process::Interrupt;
use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, FdFlags, fcntl_setfd};

use crate::error::{Failure, Kind, Result};
use crate::guard::files::{alive, existing, file_name_for, folder, open};
use crate::ui::Ui;

/// How long a proof waits for its turn: several before it, on a machine that others use up.
const TURN: Duration = Duration::from_secs(300);

/// How long the children of a killed run may take to end: their input has ended.
const ORPHANS: Duration = Duration::from_secs(15);

/// A proof's turn on a deployment, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    file: File,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

/// Waits until no other proof looks at any of these deployments: two that try wrong passwords at one
/// moment would lock a user of Neo4j, and each takes from the other the time to be answered in. Says
/// whom it waits for.
///
/// # Errors
/// Another proof keeps its turn for too long, or Ctrl-C was pressed.
pub(crate) fn take(
    engine: &str,
    deployments: &[Deployment],
    interrupt: &Interrupt,
    ui: &Ui,
) -> Result<Vec<Turn>> {
    // In one order for all, so that no two wait for each other.
    let mut deployments = deployments.to_vec();
    deployments.sort_by_key(Deployment::environment);
    deployments.dedup();
    let turns = deployments.iter();
    turns
        .map(|deployment| one(engine, deployment, interrupt, ui))
        .collect()
}

fn one(engine: &str, deployment: &Deployment, interrupt: &Interrupt, ui: &Ui) -> Result<Turn> {
    let path = folder().join(file_name_for(engine, "proof", deployment));
    let mut file = open(&path)?;
    let began = Instant::now();
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
        let whom = || match holder(&path) {
            Some(pid) => format!("`verify-isolation` (process {pid})"),
            None => "another `verify-isolation`".to_owned(),
        };
        if began.elapsed() > TURN {
            return Err(Failure::new(
                Kind::Inconclusive,
                format!(
                    "nothing was asked: {} has been looking at {deployment} for {} s",
                    whom(),
                    TURN.as_secs()
                ),
            )
            .hint(format!("fuser -v {}", path.display())));
        }
        if !told {
            told = true;
            ui.say(format!("waiting for {} on {deployment} …", whom()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut note = || -> std::io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())
    };
    note().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Turn { file })
}

/// The process that has a turn, where it has said so and is alive.
fn holder(path: &Path) -> Option<i32> {
    let pid = std::fs::read_to_string(path).ok()?.trim().parse().ok()?;
    alive(pid).then_some(pid)
}

/// Says that a run is going on, until it is dropped and the run's last child has ended.
#[derive(Debug)]
pub(crate) struct Sign {
    path: PathBuf,
    _file: File,
}

impl Sign {
    /// Takes the sign away: the run has left nothing anywhere. Without this it stays, and says to
    /// the next run that this one is over and something of it may be left.
    pub(crate) fn done(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What is known of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Going,
    Over,
    /// It was started on another machine, or has cleaned up after itself.
    Unknown,
}

/// Shows a run's sign. To be done before it leaves anything anywhere.
pub(crate) fn show(engine: &str, deployment: &Deployment, run: &str) -> Result<Sign> {
    let path = path(engine, deployment, run);
    let file = open(&path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .with_context(|| format!("lock {}", path.display()))?;
    // Inherited on purpose: a child that a killed run left behind may still write.
    fcntl_setfd(&file, FdFlags::empty()).context("the sign could not be shared")?;
    Ok(Sign { path, _file: file })
}

/// How a run stands. The children of one that was killed are waited for: their input has ended.
pub(crate) fn standing(engine: &str, deployment: &Deployment, run: &str) -> Standing {
    let Ok(file) = existing(&path(engine, deployment, run)) else {
        return Standing::Unknown;
    };
    let pid = run.rsplit_once('-').and_then(|(_, pid)| pid.parse().ok());
    let began = Instant::now();
    loop {
        if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
            return Standing::Over;
        }
        if pid.is_none_or(alive) || began.elapsed() > ORPHANS {
            return Standing::Going;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The proofs that show a sign on a deployment and are alive, in words for whoever waits for them.
pub(crate) fn going(engine: &str, deployment: &Deployment) -> Option<String> {
    let whole = file_name_for(engine, "run-", deployment);
    let (before, after) = whole.split_once("run-")?;
    let begin = format!("{before}run-");
    let mut processes: Vec<i32> = std::fs::read_dir(folder())
        .ok()?
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let run = name.to_str()?.strip_prefix(&begin)?.strip_suffix(after)?;
            let pid = run.rsplit_once('-')?.1.parse().ok()?;
            // Whoever has its lock is still at it.
            (alive(pid) && standing(engine, deployment, run) == Standing::Going).then_some(pid)
        })
        .collect();
    processes.sort_unstable();
    let processes: Vec<String> = processes
        .iter()
        .map(|pid| format!("process {pid}"))
        .collect();
    (!processes.is_empty()).then(|| format!("`verify-isolation` ({})", processes.join(", ")))
}

/// Takes away the sign of a run that is over.
pub(crate) fn forget(engine: &str, deployment: &Deployment, run: &str) {
    let _ = std::fs::remove_file(path(engine, deployment, run));
}

fn path(engine: &str, deployment: &Deployment, run: &str) -> PathBuf {
    folder().join(file_name_for(engine, &format!("run-{run}"), deployment))
}

#[cfg(test)]
mod tests {
    use environments::{Environment, Instance};

    use super::*;

    fn dev() -> Deployment {
        Deployment::new(Environment::Dev, Instance::main())
    }

    #[test]
    fn a_run_is_going_until_its_sign_is_gone() {
        let engine = format!("test-sign-{}", std::process::id());
        let run = format!("1-{}", std::process::id());
        assert_eq!(standing(&engine, &dev(), &run), Standing::Unknown);
        let sign = show(&engine, &dev(), &run).expect("free");
        assert_eq!(standing(&engine, &dev(), &run), Standing::Going);
        drop(sign);
        assert_eq!(standing(&engine, &dev(), &run), Standing::Over);
        let sign = show(&engine, &dev(), &run).expect("free again");
        sign.done();
        assert_eq!(standing(&engine, &dev(), &run), Standing::Unknown);
    }

    #[test]
    fn whoever_waits_for_a_proof_is_told_its_process() {
        let engine = format!("test-going-{}", std::process::id());
        let run = format!("1-{}", std::process::id());
        assert_eq!(going(&engine, &dev()), None);
        let sign = show(&engine, &dev(), &run).expect("free");
        let expected = format!("`verify-isolation` (process {})", std::process::id());
        assert_eq!(going(&engine, &dev()), Some(expected));
        let test = Deployment::new(Environment::Test, Instance::main());
        assert_eq!(going(&engine, &test), None);
        assert_eq!(going(&format!("{engine}-2"), &dev()), None);
        // Its sign stays where it was killed.
        drop(sign);
        assert_eq!(going(&engine, &dev()), None);
        forget(&engine, &dev(), &run);
    }

    #[test]
    fn a_run_that_was_killed_is_over() {
        let engine = format!("test-over-{}", std::process::id());
        // What it leaves: a file that nobody holds.
        let path = path(&engine, &dev(), "1-1");
        open(&path).expect("a file");
        assert_eq!(standing(&engine, &dev(), "1-1"), Standing::Over);
        forget(&engine, &dev(), "1-1");
        assert!(!path.exists());
    }

    #[test]
    fn a_turn_is_one_run_s_at_a_time_and_names_whose() {
        let engine = format!("test-turn-{}", std::process::id());
        let take = || {
            take(
                &engine,
                &[dev(), dev()],
                &Interrupt::default(),
                &Ui::silent(),
            )
        };
        let first = take().expect("free");
        let path = folder().join(file_name_for(&engine, "proof", &dev()));
        let other = open(&path).expect("a file");
        assert!(flock(&other, FlockOperation::NonBlockingLockExclusive).is_err());
        assert_eq!(holder(&path), Some(std::process::id().cast_signed()));
        drop(first);
        assert_eq!(holder(&path), None);
        take().expect("free again");
        let _ = std::fs::remove_file(path);
    }
}
