//! The steps of making a snapshot. Each hands on what it yields to the next. Pure.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use environments::Deployment;

use crate::journal::{Deed, Kind, Verb};
use crate::observe::Observed;
use crate::plan::{self, ComposeAction, EngineAction, Planned, Step};
use crate::stack::Stack;

/// How both stores are brought to one moment.
#[derive(Debug)]
pub(crate) enum How<S = Stack> {
    /// Frozen while they run, for at most this long.
    Frozen(Duration),
    /// Stopped and started again, as Neo4j's manual has it: the files that are to be written for
    /// that, and what else starting takes.
    Stopped(Vec<PathBuf>, S),
}

/// What is going to be done to make a snapshot.
#[derive(Debug)]
pub(crate) struct MakePlan<S = Stack> {
    deployment: Deployment,
    pub(crate) notes: Vec<String>,
    pub(super) capture: Capturing<S>,
    pub(super) prove: Step<Action>,
    pub(super) keep: Step<Action>,
}

/// The steps that bring both stores to one moment.
#[derive(Debug)]
pub(super) enum Capturing<S> {
    Frozen {
        copy: Step<Action>,
        freeze: Step<Action>,
        longest: Duration,
    },
    Stopped {
        write: Option<Step<ComposeAction>>,
        stop: Option<Step<EngineAction>>,
        copy: Step<Action>,
        start: Step<ComposeAction>,
        ready: Step<ComposeAction>,
        with: S,
    },
}

/// What a step does. None changes anything but what it makes beside the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    CopyRunning,
    Freeze(Duration),
    CopyStopped,
    Prove,
    Keep,
}

/// What will be done.
pub(crate) fn plan<S>(observed: &Observed, how: How<S>) -> MakePlan<S> {
    let capture = match how {
        How::Frozen(longest) => Capturing::Frozen {
            copy: Step::new(
                Action::CopyRunning,
                "little is left to be copied then while nobody can write",
            ),
            freeze: Step::new(
                Action::Freeze(longest),
                "what two frozen servers have on the disk is one moment of both",
            ),
            longest,
        },
        How::Stopped(files, with) => Capturing::Stopped {
            write: plan::write(files),
            stop: plan::stop(observed, "--offline asks for the documented way"),
            copy: Step::new(Action::CopyStopped, "nothing changes while no server runs"),
            start: plan::start("nothing else needs them stopped"),
            ready: plan::ready(),
            with,
        },
    };
    MakePlan {
        deployment: observed.deployment.clone(),
        notes: Vec::new(),
        capture,
        prove: Step::new(
            Action::Prove,
            "only what has been loaded and recovered is a backup",
        ),
        keep: Step::new(
            Action::Keep,
            "a folder with a snapshot's name is a whole snapshot",
        ),
    }
}

impl<S> MakePlan<S> {
    /// How both stores are brought to one moment, in the manifest's word.
    pub(super) const fn taken(&self) -> &'static str {
        match self.capture {
            Capturing::Frozen { .. } => "frozen",
            Capturing::Stopped { .. } => "stopped",
        }
    }
}

impl<S> Planned for MakePlan<S> {
    fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn lines(&self) -> Vec<(String, &str)> {
        let mut lines = match &self.capture {
            Capturing::Frozen { copy, freeze, .. } => plan::lines([copy, freeze]),
            Capturing::Stopped {
                write,
                stop,
                copy,
                start,
                ready,
                ..
            } => {
                let mut lines = plan::lines(write);
                lines.extend(plan::lines(stop));
                lines.extend(plan::lines([copy]));
                lines.extend(plan::lines([start, ready]));
                lines
            }
        };
        lines.extend(plan::lines([&self.prove, &self.keep]));
        lines
    }
}

impl plan::Action for Action {
    fn deeds(&self) -> Vec<Deed> {
        match self {
            Self::Keep => vec![Deed::new(Verb::Make, Kind::Snapshot, "", "")],
            Self::CopyRunning | Self::Freeze(_) | Self::CopyStopped | Self::Prove => Vec::new(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CopyRunning => f.write_str("copy both stores while the servers run"),
            Self::Freeze(longest) => write!(
                f,
                "freeze both servers together for at most {} s, and copy what has changed",
                longest.as_secs_f64()
            ),
            Self::CopyStopped => f.write_str("copy both stores"),
            Self::Prove => f.write_str(
                "prove both copies on scratch servers, side by side: Redis loads, saves and checks \
                 an RDB; Neo4j recovers, is checked and dumped",
            ),
            Self::Keep => f.write_str("write the manifest and the sums, and name the folder"),
        }
    }
}

#[cfg(test)]
mod tests {
    use environments::{Environment, Instance};

    use super::*;
    use crate::observe::testing::running;

    fn shown(how: How<()>) -> String {
        let staging = Deployment::new(Environment::Staging, Instance::main());
        plan::text(&plan(&running(&staging), how))
    }

    #[test]
    fn servers_that_are_frozen_are_copied_before_and_proved_after() {
        insta::assert_snapshot!(shown(How::Frozen(Duration::from_millis(2500))));
    }

    #[test]
    fn servers_that_are_stopped_run_again_before_anything_is_proved() {
        insta::assert_snapshot!(shown(How::Stopped(Vec::new(), ())));
    }
}
