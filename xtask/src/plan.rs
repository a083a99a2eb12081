//! What must happen, and why: steps with their cause, made from what was observed.
//!
//! Architecture Invariant: pure. A plan for a given state is the same text every time, and the
//! executor adds no decision to it.

mod emptying;
mod old_data;
mod running;
mod shown;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use environments::{Deployment, Disposable, Expendable};

use crate::adoption::{Graph, InTheWay, Keys};
use crate::observe::Observed;
use crate::snapshot;
use crate::snapshot::place::Id;
use crate::tidiness::Schema;
use crate::tools::docker::{Container, VolumeState};

pub(crate) use emptying::{empty_in_place, recreate, wipe, wiped};
pub(crate) use old_data::{adopt, adopt_rest, adopted_before, free_names, mark, move_foreign};
pub(crate) use running::{down, thawing, up};

/// What a command is going to do to one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) deployment: Deployment,
    /// What a person should know before saying yes.
    pub(crate) notes: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

/// One step and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) because: String,
}

/// What the executor can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Lets frozen processes run again.
    Unpause(Vec<Object>),
    /// Ends processes at once.
    Kill(Vec<Object>),
    /// Ends processes with their grace.
    Stop(Vec<Object>),
    RemoveContainers(Vec<Object>),
    RemoveNetwork(Object),
    RemoveVolumes(Vec<Removal>),
    /// Creates labelled volumes that no compose version will ever remove.
    CreateVolumes(Vec<String>),
    /// `docker compose up`.
    Start,
    /// Bolt answers on the right database, Redis answers as the right user.
    AwaitReady,
    /// The same, and both are empty; then the fixture is loaded in the same session.
    AwaitEmpty(Option<Seed>),
    /// Empties a running set.
    EmptyInPlace(Box<InPlace>),
    /// `docker compose create`: everything is made, and nothing started.
    Create,
    /// Copies volumes that bear the environment's own names.
    KeepVolumes(Vec<InTheWay>),
    /// Removes them, each compared with its copy.
    FreeNames(Vec<InTheWay>),
    /// Fills the environment's own volumes from what was read of old ones.
    Adopt(Box<Adoption>),
    /// What was adopted is there, and nothing else.
    CompareAdopted(Box<Adoption>),
    /// Writes what has another environment's mark to a file, and removes it.
    MoveForeign(Box<Moving>),
    /// Gives the prefix to the keys that have none.
    PrefixKeys(Marking),
    /// Gives the label to the nodes that have none.
    LabelNodes(Marking),
    /// A step of making a snapshot.
    Snapshot(snapshot::make::Step),
    /// Restores a snapshot on scratch servers and compares.
    Drill(Id),
    RemoveSnapshot(Id),
    /// A step of a restore.
    Restore(snapshot::restore::Step),
}

/// A container or network: removed by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) id: String,
}

/// A volume that may be removed. Only a [`Disposable`] or an [`Expendable`] yields one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removal {
    name: String,
    /// Stands for the id that volumes don't have.
    created_at: String,
}

impl Removal {
    fn of(_: &Disposable, volume: &VolumeState) -> Self {
        Self::named(volume)
    }

    fn behind_snapshot(_: &Expendable, volume: &VolumeState) -> Self {
        Self::named(volume)
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

    /// As the journal keeps it.
    fn line(&self) -> String {
        format!("volume {} created {}", self.name, self.created_at)
    }

    pub(crate) fn created_at(&self) -> &str {
        &self.created_at
    }
}

/// What there is to empty in a running set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InPlace {
    target: Disposable,
    pub(crate) neo4j: Object,
    pub(crate) redis: Object,
    pub(crate) nodes: u64,
    pub(crate) keys: u64,
    pub(crate) schema: Schema,
    /// The fixture to load afterwards, in the same session.
    pub(crate) seed: Option<Seed>,
}

impl InPlace {
    /// Only a [`Disposable`] can be emptied.
    pub(crate) fn of(target: &Disposable, neo4j: &Container, redis: &Container) -> Self {
        Self {
            target: target.clone(),
            neo4j: object(neo4j),
            redis: object(redis),
            nodes: 0,
            keys: 0,
            schema: Schema::default(),
            seed: None,
        }
    }

    pub(crate) const fn deployment(&self) -> &Deployment {
        self.target.deployment()
    }
}

/// What was read of volumes from before this tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adoption {
    /// The words by which its sources were named, as they are typed.
    pub(crate) named: String,
    pub(crate) graph: Option<Graph>,
    pub(crate) keys: Option<Keys>,
}

/// How many are to be marked on which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marking {
    pub(crate) server: Object,
    pub(crate) count: u64,
}

/// What has another environment's mark on both servers, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moving {
    pub(crate) neo4j: Object,
    pub(crate) redis: Object,
    pub(crate) keys: u64,
    pub(crate) nodes: u64,
    pub(crate) file: PathBuf,
}

/// A fixture: Cypher statements, one transaction each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seed {
    pub(crate) file: String,
    pub(crate) statements: Vec<String>,
}

/// How the journal names a volume that is removed.
pub(crate) fn removed_volume(volume: &VolumeState) -> String {
    Removal::named(volume).line()
}

impl Plan {
    pub(crate) const fn new(deployment: Deployment) -> Self {
        Self {
            deployment,
            notes: Vec::new(),
            steps: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, action: Action, because: impl Into<String>) {
        self.steps.push(Step {
            action,
            because: because.into(),
        });
    }

    /// Ends the servers with their grace; their containers stay.
    pub(crate) fn stop(&mut self, observed: &Observed, because: &str) {
        let running = objects(observed.containers().filter(|container| !ended(container)));
        if !running.is_empty() {
            self.step(Action::Stop(running), because);
        }
    }

    /// The fixture that one of the steps loads.
    pub(crate) fn seed(&self) -> Option<&Seed> {
        self.steps.iter().find_map(|step| match &step.action {
            Action::AwaitEmpty(seed) => seed.as_ref(),
            Action::EmptyInPlace(work) => work.seed.as_ref(),
            _ => None,
        })
    }

    /// What will be removed, as the journal keeps it.
    pub(crate) fn removed(&self) -> Vec<String> {
        let mut removed = Vec::new();
        for step in &self.steps {
            match &step.action {
                Action::RemoveContainers(objects) => {
                    removed.extend(
                        objects
                            .iter()
                            .map(|object| format!("container {} {}", object.name, object.id)),
                    );
                }
                Action::RemoveNetwork(object) => {
                    removed.push(format!("network {} {}", object.name, object.id));
                }
                Action::RemoveVolumes(volumes) => {
                    removed.extend(volumes.iter().map(Removal::line));
                }
                Action::EmptyInPlace(work) => {
                    removed.push(format!("{} nodes, {} keys in place", work.nodes, work.keys));
                }
                Action::Restore(snapshot::restore::Step::Forget(id)) => {
                    removed.push(format!("what was there before {id}"));
                }
                Action::FreeNames(volumes) => removed.extend(volumes.iter().map(|one| {
                    format!(
                        "volume {} created {}, kept as {}",
                        one.name, one.created_at, one.kept
                    )
                })),
                Action::MoveForeign(work) => removed.push(work.to_string()),
                Action::RemoveSnapshot(id) => removed.push(format!("snapshot {id}")),
                Action::Unpause(_)
                | Action::Drill(_)
                | Action::Restore(_)
                | Action::Kill(_)
                | Action::Stop(_)
                | Action::CreateVolumes(_)
                | Action::Start
                | Action::AwaitReady
                | Action::AwaitEmpty(_)
                | Action::Create
                | Action::KeepVolumes(_)
                | Action::Adopt(_)
                | Action::CompareAdopted(_)
                | Action::PrefixKeys(_)
                | Action::LabelNodes(_)
                | Action::Snapshot(_) => {}
            }
        }
        removed
    }
}

fn ended(container: &Container) -> bool {
    matches!(
        container.state.status.as_str(),
        "exited" | "created" | "dead"
    )
}

fn objects<'a>(containers: impl Iterator<Item = &'a Container>) -> Vec<Object> {
    containers.map(object).collect()
}

fn object(container: &Container) -> Object {
    Object {
        name: container.name().to_owned(),
        id: container.id.clone(),
    }
}
