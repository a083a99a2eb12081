//! The end of one deployment of an instance: what is to go of it, and what must not be touched.
//!
//! Pure but for [`act`].

use std::fmt;
use std::path::PathBuf;

use environments::{Deployment, Disposable, Vacant, label};

use super::census::{Census, Found};
use super::files::{self, Rendered};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{Did, act_by_engine};
use crate::journal::Deed;
use crate::observe::Observed;
use crate::plan::{self, EngineAction, Object, Plan, Removal, object};
use crate::snapshot::scratch::made_by_a_run;
use crate::tools::docker::{Container, NetworkState, VolumeState};

/// What removing an instance may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Engine(EngineAction),
    RemoveFiles(Vec<PathBuf>),
}

impl From<EngineAction> for Action {
    fn from(action: EngineAction) -> Self {
        Self::Engine(action)
    }
}

/// What allows a deployment's volumes to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leave {
    /// Nothing in it is precious.
    Disposable(Disposable),
    /// It holds nothing.
    Vacant(Vacant),
}

impl Leave {
    fn removal(&self, volume: &VolumeState) -> Removal {
        match self {
            Self::Disposable(target) => Removal::of(target, volume),
            Self::Vacant(target) => Removal::of_vacant(target, volume),
        }
    }

    const fn why(&self) -> &'static str {
        match self {
            Self::Disposable(_) => "their data goes with the instance",
            Self::Vacant(_) => "they hold nothing: 0 nodes, 0 keys",
        }
    }
}

/// What runs have made beside the servers and left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) containers: Vec<Container>,
    pub(crate) volumes: Vec<VolumeState>,
    pub(crate) networks: Vec<NetworkState>,
}

impl Left {
    /// Known by the label of a run and by a name that a run gives.
    pub(crate) fn of(found: &Found) -> Self {
        let by_a_run = |run: Option<&str>, name: &str| run.is_some() && made_by_a_run(name);
        let mut left = Self {
            containers: found.containers.clone(),
            volumes: found.volumes.clone(),
            networks: found.networks.clone(),
        };
        left.containers
            .retain(|one| by_a_run(one.label(label::RUN), one.name()));
        left.volumes
            .retain(|one| by_a_run(one.label(label::RUN), &one.name));
        left.networks
            .retain(|one| by_a_run(one.label(label::RUN), &one.name));
        left
    }
}

/// All that there is of one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub(crate) observed: &'a Observed,
    pub(crate) left: Left,
    pub(crate) rendered: Rendered,
}

impl<'a> Part<'a> {
    /// What the engine and the state folder have of it.
    ///
    /// # Errors
    /// Refused (3) where anything else carries its labels, or is on its network or its volumes.
    pub(crate) fn of(context: &Context, observed: &'a Observed, census: &Census) -> Result<Self> {
        let deployment = &observed.deployment;
        let found = census.set_of(deployment.instance()).only(deployment);
        let part = Self {
            observed,
            left: Left::of(&found),
            rendered: Rendered::of(context, deployment),
        };
        settled(deployment, part.strangers(&found, &census.everybody))?;
        Ok(part)
    }

    fn is_ours(&self, id: &str) -> bool {
        let mut ours = self.observed.containers().chain(&self.left.containers);
        ours.any(|one| one.id == id)
    }

    /// What is neither its own nor left by a run, and what to do about each.
    fn strangers(&self, found: &Found, everybody: &[Container]) -> Vec<(String, String)> {
        let mut strangers = Vec::new();
        let unknown = |kind: &str, name: &str| {
            let hint = format!(
                "docker {kind} inspect {name}; where nobody needs it: docker {kind} rm {name}"
            );
            (
                format!(
                    "the {kind} {name} carries its labels, and has no name that this tool gives"
                ),
                hint,
            )
        };
        let containers = found.containers.iter().filter(|one| !self.is_ours(&one.id));
        strangers.extend(containers.map(|one| unknown("container", one.name())));
        let own = |volume: &VolumeState| {
            let mut own = self.observed.volumes().map(|(_, one)| one);
            own.any(|one| one.name == volume.name) || self.left.volumes.contains(volume)
        };
        let volumes = found.volumes.iter().filter(|one| !own(one));
        strangers.extend(volumes.map(|one| match one.label(label::KEPT) {
            Some(of) => (
                format!(
                    "the volume {} is the copy of {of} that `adopt` has kept",
                    one.name
                ),
                format!("docker volume rm {}   (when nobody misses it)", one.name),
            ),
            None => unknown("volume", &one.name),
        }));
        let networks = found.networks.iter().filter(|one| {
            self.observed.network.as_ref().map(|own| &own.id) != Some(&one.id)
                && !self.left.networks.contains(one)
        });
        strangers.extend(networks.map(|one| unknown("network", &one.name)));
        strangers.extend(self.visitors(found, everybody));
        strangers
    }

    /// Others' containers on its volumes and networks.
    fn visitors(&self, found: &Found, everybody: &[Container]) -> Vec<(String, String)> {
        let mut visitors = Vec::new();
        let short = |id: &str| id.get(..12).unwrap_or(id).to_owned();
        let others = everybody.iter().filter(|one| !self.is_ours(&one.id));
        for other in others {
            let mounts =
                |volume: &&VolumeState| other.mounts.iter().any(|mount| mount.name == volume.name);
            let used = found.volumes.iter().filter(mounts);
            visitors.extend(used.map(|volume| {
                (
                    format!(
                        "the container {} ({}), which is not its own, has the volume {}",
                        other.name(),
                        short(&other.id),
                        volume.name
                    ),
                    format!(
                        "where nobody needs it: docker stop {0}; docker rm {0}",
                        other.name()
                    ),
                )
            }));
        }
        for network in &found.networks {
            let members = network.members().filter(|(id, _)| !self.is_ours(id));
            visitors.extend(members.map(|(id, name)| {
                (
                    format!(
                        "the container {name} ({}), which is not its own, is on the network {}",
                        short(id),
                        network.name
                    ),
                    format!("docker network disconnect {} {name}", network.name),
                )
            }));
        }
        visitors
    }
}

fn settled(deployment: &Deployment, strangers: Vec<(String, String)>) -> Result<()> {
    if strangers.is_empty() {
        return Ok(());
    }
    let found: Vec<&str> = strangers.iter().map(|(found, _)| found.as_str()).collect();
    let refused = Failure::refused(format!(
        "{deployment} cannot be removed, nothing was touched:\n  - {}",
        found.join("\n  - ")
    ));
    let hints = strangers.iter().map(|(_, hint)| hint.clone());
    Err(hints.fold(refused, Failure::hint))
}

/// Removing all of a deployment: what a run has left, servers, volumes, network, files. Without steps
/// where there is nothing.
pub(crate) fn plan(part: &Part<'_>, leave: &Leave) -> Plan<Action> {
    let Part {
        observed,
        left,
        rendered,
    } = part;
    let deployment = &observed.deployment;
    let mut plan = Plan::new(deployment.clone());
    let kept = rendered.others.iter();
    plan.notes
        .extend(kept.map(|one| format!("{one}: it stays")));
    plan.steps(plan::kill(observed, leave.why()));
    plan.steps(plan::remove(observed, "a volume in use cannot be removed"));
    let killed_run = "a run that was killed has left it";
    if !left.containers.is_empty() {
        let containers = left.containers.iter().map(object).collect();
        plan.step(EngineAction::RemoveContainers(containers), killed_run);
    }
    let volumes = left.volumes.iter();
    let volumes: Vec<Removal> = volumes
        .filter_map(|one| Removal::left_by_a_run(deployment, one))
        .collect();
    if !volumes.is_empty() {
        plan.step(EngineAction::RemoveVolumes(volumes), killed_run);
    }
    let volumes: Vec<Removal> = observed
        .volumes()
        .map(|(_, one)| leave.removal(one))
        .collect();
    if !volumes.is_empty() {
        plan.step(EngineAction::RemoveVolumes(volumes), leave.why());
    }
    let networks = left.networks.iter().map(|one| (one, killed_run));
    let own = observed.network.iter();
    for (network, because) in own
        .map(|one| (one, "no container is left on it"))
        .chain(networks)
    {
        let network = Object {
            name: network.name.clone(),
            id: network.id.clone(),
        };
        plan.step(EngineAction::RemoveNetwork(network), because);
    }
    if !rendered.files.is_empty() {
        plan.step(
            Action::RemoveFiles(rendered.files.clone()),
            "they were rendered for this instance alone",
        );
    }
    plan
}

/// Carries out one action.
pub(crate) fn act(
    context: &Context,
    deployment: &Deployment,
    action: &Action,
    did: &mut Did,
) -> Result<()> {
    match action {
        Action::Engine(action) => act_by_engine(context, deployment, action, did),
        Action::RemoveFiles(files) => files::remove(context, deployment, files, did),
    }
}

impl plan::Action for Action {
    fn deeds(&self) -> Vec<Deed> {
        match self {
            Self::Engine(action) => action.deeds(),
            Self::RemoveFiles(files) => files.iter().map(|file| files::deed(file)).collect(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(action) => action.fmt(f),
            Self::RemoveFiles(files) => {
                let names: Vec<String> = files
                    .iter()
                    .map(|file| file.display().to_string())
                    .collect();
                write!(f, "remove {}", names.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests;
