//! How far a restore has come, and what is left of it to be done. Pure.

use environments::Deployment;

use crate::error::{Failure, Result};
use crate::observe::Observed;
use crate::snapshot::place::Id;

/// How far a restore has come in the volumes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// It was proved and may be put in place.
    armed: bool,
    /// Something was loaded beside the data, of this or another snapshot.
    pub(super) loaded: bool,
    /// What was there before is kept.
    kept: bool,
    /// The snapshot, this one or another, that was being put in place and is so only in part.
    begun: Option<Id>,
}

/// What is left to do of a restore. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All of it.
    Whole,
    /// It was cut off before, or amid, the swap.
    Swap,
    /// It was cut off after the swap.
    Start,
}

impl State {
    /// As the script that moves the folders tells it.
    ///
    /// # Errors
    /// It names a snapshot by what is no id.
    pub(super) fn told(said: &str) -> Result<Self> {
        let line = |wanted: &str| said.lines().any(|line| line == wanted);
        let begun = said.lines().find_map(|line| line.strip_prefix("begun "));
        Ok(Self {
            armed: line("armed"),
            loaded: line("loaded"),
            kept: said.lines().any(|line| line.starts_with("before ")),
            begun: begun.map(str::parse).transpose().map_err(Failure::failed)?,
        })
    }

    /// What is left of the restore of a snapshot; `cut_off` where the journal has it as begun and
    /// never ended, and nothing since.
    ///
    /// # Errors
    /// Another restore is half done, or what an earlier one has kept would be lost: refused (3).
    pub(crate) fn progress(&self, observed: &Observed, id: &Id, cut_off: bool) -> Result<Progress> {
        self.not_amid_another(&observed.deployment, Some(id))?;
        let environment = observed.deployment.environment();
        match (self.armed, self.kept) {
            (true, _) if self.begun.is_some() || !observed.running() => Ok(Progress::Swap),
            (_, true) if cut_off => Ok(Progress::Start),
            (_, true) => Err(Failure::refused(format!(
                "what was there before {id} was restored is still kept, and would be lost"
            ))
            .hint(format!("cargo xtask restore {environment} {id} --forget"))),
            (_, false) => Ok(Progress::Whole),
        }
    }

    /// Refuses where another snapshot, or any, is in place only in part.
    pub(crate) fn not_amid_another(&self, deployment: &Deployment, id: Option<&Id>) -> Result<()> {
        match &self.begun {
            Some(begun) if Some(begun) != id => Err(Failure::refused(format!(
                "the restore of {begun} into {deployment} was cut off half way: one of its stores \
                 may be of {begun}, and the other as it was before"
            ))
            .hint(format!(
                "cargo xtask restore {} {begun}   (goes on where it stopped)",
                deployment.environment()
            ))),
            _ => Ok(()),
        }
    }

    /// Whether it may be put in place, or is so in part.
    pub(crate) const fn armed(&self) -> bool {
        self.armed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{running, stopped};
    use crate::snapshot::restore::tests::{id, staging};

    #[test]
    fn what_is_left_of_a_restore_is_told_by_the_volumes_and_the_journal() {
        let state = |armed, kept, begun: bool| State {
            armed,
            loaded: armed,
            kept,
            begun: begun.then(id),
        };
        let of = |state: State, observed: &Observed, cut_off| {
            state.progress(observed, &id(), cut_off).ok()
        };
        let (up, down) = (running(&staging()), stopped(&staging()));
        assert_eq!(
            of(state(false, false, false), &up, true),
            Some(Progress::Whole)
        );
        // Proved, and never stopped: whatever was written since is saved anew.
        assert_eq!(
            of(state(true, false, false), &up, true),
            Some(Progress::Whole)
        );
        assert_eq!(
            of(state(true, false, false), &down, false),
            Some(Progress::Swap)
        );
        // Somebody has started servers on half of it.
        assert_eq!(
            of(state(true, false, true), &up, false),
            Some(Progress::Swap)
        );
        assert_eq!(
            of(state(true, true, true), &down, false),
            Some(Progress::Swap)
        );
        for observed in [&up, &down] {
            assert_eq!(
                of(state(false, true, false), observed, true),
                Some(Progress::Start)
            );
            assert_eq!(of(state(false, true, false), observed, false), None);
        }
    }

    #[test]
    fn a_restore_is_refused_while_that_of_another_snapshot_is_half_done() {
        let state = State {
            armed: false,
            loaded: true,
            kept: false,
            begun: Some(id()),
        };
        let other: Id = "20261122_213001".parse().expect("an id");
        let refused = state.progress(&running(&staging()), &other, true);
        let refused = refused.expect_err("it is half done");
        assert_eq!(refused.kind, crate::error::Kind::Refused);
        assert!(refused.message.contains("cut off half way"), "{refused}");
    }
}
