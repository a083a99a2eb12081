//! Starting an engine that is installed, and waiting until it answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use process::{Invocation, printable, tail};

use crate::context::Context;
use crate::engine::detect::Found;
use crate::engine::judge;
use crate::error::{Failure, Result};
use crate::journal::private_folder;

/// How long an engine may take to answer.
const START: Duration = Duration::from_secs(60);

/// How an engine is started on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    Systemd,
    /// In a container, or wherever systemd does not run.
    Detached(PathBuf),
    /// Only root can: what to type.
    ByPerson(String),
}

pub(crate) fn way(found: &Found) -> Way {
    if !found.root {
        return Way::ByPerson(judge::start_line(found));
    }
    if found.systemd {
        return Way::Systemd;
    }
    Way::Detached(
        found
            .daemon
            .clone()
            .unwrap_or_else(|| PathBuf::from("dockerd")),
    )
}

/// Starts it, and returns when it answers.
///
/// # Errors
/// Refused where only a person can start it; it ends or does not answer within a minute.
pub(crate) fn start(context: &Context, way: &Way) -> Result<()> {
    let log = context.journal.folder().join("dockerd.log");
    let pid = match way {
        Way::ByPerson(line) => {
            return Err(Failure::refused(
                "the Docker engine is installed, but only root can start it",
            )
            .hint(format!("{line}   (then run the same command again)")));
        }
        Way::Systemd => {
            let command = Invocation::new("systemctl")
                .args(["start", "docker"])
                .deadline(START);
            let started = context.runner.run(&command)?.ok();
            started.map_err(|error| {
                Failure::from(error).hint("journalctl --unit docker --lines 30")
            })?;
            None
        }
        // A package's own script may have started it already.
        Way::Detached(_) if running_already() => None,
        Way::Detached(daemon) => {
            private_folder(context.journal.folder()).context("the state folder")?;
            let command = Invocation::new(daemon.display().to_string());
            Some(context.runner.detach(&command, &log)?)
        }
    };
    let started = Instant::now();
    loop {
        context.interrupt().check()?;
        let silent = match context.docker.engine() {
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        };
        let ended = pid.is_some_and(|pid| !alive(pid));
        if ended || started.elapsed() > START {
            return Err(not_started(ended, pid.map(|_| log.as_path()), &silent));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Whether the engine that last wrote its process id is still there.
fn running_already() -> bool {
    let pid = fs::read_to_string("/var/run/docker.pid").ok();
    let pid = pid.and_then(|text| text.trim().parse::<u32>().ok());
    let name = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    name.is_some_and(|name| name.trim() == "dockerd")
}

/// A child that has ended stays as a zombie, since nobody waits for it.
fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

fn not_started(ended: bool, log: Option<&Path>, silent: &Failure) -> Failure {
    let what = if ended {
        "ended at once"
    } else {
        "does not answer after 60 s"
    };
    let Some(log) = log else {
        return Failure::failed(format!(
            "the Docker engine was started, but {what}: {silent}"
        ))
        .hint("journalctl --unit docker --lines 30");
    };
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<String> = tail(&text, 10).into_iter().map(printable).collect();
    Failure::failed(format!(
        "the Docker engine was started, but {what}; the end of {}:\n    {}",
        log.display(),
        lines.join("\n    ")
    ))
    .hint("fix what it complains of, then run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::judge::tests::well;

    #[test]
    fn systemd_starts_it_where_it_runs_and_only_root_starts_anything() {
        let mut found = well("28.2.2");
        assert_eq!(
            way(&found),
            Way::ByPerson("sudo systemctl start docker".to_owned())
        );
        found.root = true;
        assert_eq!(way(&found), Way::Systemd);
        found.systemd = false;
        assert_eq!(
            way(&found),
            Way::Detached(PathBuf::from("/usr/sbin/dockerd"))
        );
    }

    #[test]
    fn a_process_that_has_ended_is_not_taken_for_a_running_one() {
        assert!(alive(std::process::id()));
        assert!(!alive(u32::MAX));
    }
}
