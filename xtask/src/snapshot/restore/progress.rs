//! How far a restore has come, and what is left of it to be done. Pure.
//!
//! It is told by what lies in the volumes. What the journal says of a run opens no way of its own.

use std::collections::BTreeSet;

use environments::Deployment;

use crate::error::{Failure, Result};
use crate::snapshot::place::Id;

/// How far a restore has come in the volumes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Something was loaded beside the data, of this or another snapshot.
    pub(super) loaded: bool,
    /// What was there before is kept.
    kept: bool,
    /// The snapshots, this one or others, of which that is so.
    all_kept: BTreeSet<Id>,
    /// The snapshot, this one or another, that was being put in place and is so only in part.
    begun: Option<Id>,
}

/// What is left to do of a restore. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All of it: nothing is in place.
    Whole,
    /// It was cut off amid the swap: one store may be in place, and the other not.
    Swap,
    /// It was cut off after the swap: both stores are in place.
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
        let all_kept = said.lines().filter_map(|line| line.strip_prefix("kept "));
        Ok(Self {
            loaded: line("loaded"),
            kept: said.lines().any(|line| line.starts_with("before ")),
            all_kept: all_kept
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map_err(Failure::failed)?,
            begun: begun.map(str::parse).transpose().map_err(Failure::failed)?,
        })
    }

    /// What is left of the restore of a snapshot; `swapped` where the last run that changed the
    /// deployment is a restore of it, which was cut off when or after it had put it in place.
    ///
    /// # Errors
    /// Another restore is half done, or what an earlier one has kept would be lost: refused (3).
    pub(crate) fn progress(
        &self,
        deployment: &Deployment,
        id: &Id,
        swapped: bool,
    ) -> Result<Progress> {
        self.not_amid_another(deployment, Some(id))?;
        let environment = deployment.environment();
        match (&self.begun, self.kept) {
            (Some(_), _) => Ok(Progress::Swap),
            (None, true) if swapped => Ok(Progress::Start),
            (None, true) => Err(Failure::refused(format!(
                "{id} was restored into {deployment} before, and what was there until then is still \
                 kept: it would be lost"
            ))
            .hint(format!(
                "cargo xtask up {environment}   (where it does not run; it holds what was restored)"
            ))
            .hint(format!(
                "cargo xtask restore {environment} {id} --forget   (when nobody misses what is kept)"
            ))),
            (None, false) => Ok(Progress::Whole),
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

    /// Refuses where anything is kept of before a restore: it would go with the volumes.
    ///
    /// # Errors
    /// Refused (3), with the commands that forget it.
    pub(crate) fn nothing_kept(&self, deployment: &Deployment) -> Result<()> {
        if self.all_kept.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = self.all_kept.iter().map(Id::as_str).collect();
        let failure = Failure::refused(format!(
            "the volumes of {deployment} still keep what was there before {} was restored, and it \
             would go with them",
            ids.join(" and before ")
        ));
        let environment = deployment.environment();
        Err(ids.iter().fold(failure, |failure, id| {
            failure.hint(format!(
                "cargo xtask restore {environment} {id} --forget   (when nobody misses it)"
            ))
        }))
    }

    /// Whether it is in place only in part.
    pub(crate) const fn half_done(&self) -> bool {
        self.begun.is_some()
    }
}

#[cfg(test)]
mod tests {
    use environments::{Environment, Instance};

    use super::*;

    fn staging() -> Deployment {
        Deployment::new(Environment::Staging, Instance::main())
    }

    fn id() -> Id {
        "20261122_213000".parse().expect("an id")
    }

    #[test]
    fn what_is_left_of_a_restore_is_told_by_the_volumes() {
        let of = |kept, begun: bool, swapped| {
            let state = State {
                loaded: begun,
                kept,
                begun: begun.then(id),
                ..State::default()
            };
            state.progress(&staging(), &id(), swapped).ok()
        };
        for swapped in [true, false] {
            // Nothing is in place: whatever a run has said of it, all begins anew.
            assert_eq!(of(false, false, swapped), Some(Progress::Whole));
            // Half of it is, whatever was done since.
            assert_eq!(of(false, true, swapped), Some(Progress::Swap));
            assert_eq!(of(true, true, swapped), Some(Progress::Swap));
        }
        assert_eq!(of(true, false, true), Some(Progress::Start));
        assert_eq!(of(true, false, false), None);
    }

    #[test]
    fn a_restore_is_refused_while_that_of_another_snapshot_is_half_done() {
        let state = State {
            begun: Some(id()),
            ..State::default()
        };
        let other: Id = "20261122_213001".parse().expect("an id");
        let refused = state.progress(&staging(), &other, true);
        let refused = refused.expect_err("it is half done");
        assert_eq!(refused.kind, crate::error::Kind::Refused);
        assert!(refused.message.contains("cut off half way"), "{refused}");
    }
}
