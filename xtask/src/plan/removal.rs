//! What allows a volume to be removed.

use environments::{Deployment, Disposable, Expendable, Vacant, Volume, label};

use crate::journal::{Deed, Kind, Verb};
use crate::tools::docker::VolumeState;

/// A volume that may be removed. An environment's own is so only by a [`Disposable`], an
/// [`Expendable`] or a [`Vacant`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removal {
    name: String,
    /// Stands for the id that volumes don't have.
    created_at: String,
}

impl Removal {
    pub(crate) fn of(_: &Disposable, volume: &VolumeState) -> Self {
        Self::named(volume)
    }

    pub(crate) fn behind_snapshot(_: &Expendable, volume: &VolumeState) -> Self {
        Self::named(volume)
    }

    pub(crate) fn of_vacant(_: &Vacant, volume: &VolumeState) -> Self {
        Self::named(volume)
    }

    /// One that a run has made beside the environment's own and left. None for any other.
    pub(crate) fn left_by_a_run(deployment: &Deployment, volume: &VolumeState) -> Option<Self> {
        let own = Volume::ALL.map(|one| deployment.volume(one));
        let left = volume.label(label::RUN).is_some() && !own.contains(&volume.name);
        left.then(|| Self::named(volume))
    }

    fn named(volume: &VolumeState) -> Self {
        Self {
            name: volume.name.clone(),
            created_at: volume.created_at.clone(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn created_at(&self) -> &str {
        &self.created_at
    }

    /// As the journal names it.
    pub(crate) fn deed(&self) -> Deed {
        Deed::new(Verb::Remove, Kind::Volume, &self.name, &self.created_at)
    }
}
