//! What a step did, for the journal.

use crate::journal::Deed;
use crate::tools::docker::Done;

/// What a step has done so far, also where it fails in the end.
#[derive(Debug, Default)]
pub(crate) struct Did(Vec<Deed>);

impl Did {
    pub(crate) fn add(&mut self, deeds: impl IntoIterator<Item = Deed>) {
        self.0.extend(deeds);
    }

    pub(super) fn told(self) -> Vec<Deed> {
        self.0
    }
}

/// Of the deeds that were planned, those that the engine says it did.
pub(super) fn done_of(done: &Done, planned: Vec<Deed>) -> impl Iterator<Item = Deed> {
    let is = |deed: &Deed| {
        done.subjects
            .iter()
            .any(|one| *one == deed.id || *one == deed.name)
    };
    planned.into_iter().filter(is)
}
