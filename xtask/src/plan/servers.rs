//! What may be done to the containers, volumes and network of a deployment, whatever the feature.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Action, Removal};
use crate::journal::{Deed, Kind, Verb};
use crate::tools::docker::Container;

/// What the engine does by itself, given the objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineAction {
    /// Lets frozen processes run again.
    Unpause(Vec<Object>),
    /// Ends processes at once.
    Kill(Vec<Object>),
    /// Ends processes with their grace.
    Stop(Vec<Object>),
    RemoveContainers(Vec<Object>),
    RemoveNetwork(Object),
    RemoveVolumes(Vec<Removal>),
}

/// What takes the deployment's compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ComposeAction {
    /// Creates labelled volumes that no compose version will ever remove.
    CreateVolumes(Vec<String>),
    /// Writes the files that servers are started from.
    WriteFiles(Vec<PathBuf>),
    /// `docker compose create`: everything is made, and nothing started.
    Create,
    /// `docker compose up`.
    Start,
    /// Bolt answers on the right database, Redis answers as the right user.
    AwaitReady,
}

/// What every feature may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerAction {
    Engine(EngineAction),
    Compose(ComposeAction),
}

impl From<EngineAction> for ServerAction {
    fn from(action: EngineAction) -> Self {
        Self::Engine(action)
    }
}

impl From<ComposeAction> for ServerAction {
    fn from(action: ComposeAction) -> Self {
        Self::Compose(action)
    }
}

/// A container or network: removed by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) id: String,
}

impl Object {
    fn deed(&self, verb: Verb, kind: Kind) -> Deed {
        Deed::new(verb, kind, &self.name, &self.id)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.id.get(..12).unwrap_or(&self.id);
        write!(f, "{} ({short})", self.name)
    }
}

pub(crate) fn object(container: &Container) -> Object {
    Object {
        name: container.name().to_owned(),
        id: container.id.clone(),
    }
}

pub(crate) fn objects<'a>(containers: impl Iterator<Item = &'a Container>) -> Vec<Object> {
    containers.map(object).collect()
}

impl Action for EngineAction {
    fn deeds(&self) -> Vec<Deed> {
        let containers = |verb, objects: &[Object]| {
            let deed = |object: &Object| object.deed(verb, Kind::Container);
            objects.iter().map(deed).collect()
        };
        match self {
            Self::Unpause(objects) => containers(Verb::Unpause, objects),
            Self::Kill(objects) => containers(Verb::Kill, objects),
            Self::Stop(objects) => containers(Verb::Stop, objects),
            Self::RemoveContainers(objects) => containers(Verb::Remove, objects),
            Self::RemoveNetwork(object) => vec![object.deed(Verb::Remove, Kind::Network)],
            Self::RemoveVolumes(volumes) => volumes.iter().map(Removal::deed).collect(),
        }
    }
}

impl Action for ComposeAction {
    fn deeds(&self) -> Vec<Deed> {
        match self {
            // A volume to be has no time yet.
            Self::CreateVolumes(names) => {
                let deed = |name: &String| Deed::new(Verb::Make, Kind::Volume, name, "");
                names.iter().map(deed).collect()
            }
            Self::WriteFiles(files) => {
                let deed = |file: &PathBuf| {
                    Deed::new(Verb::Write, Kind::File, file.display().to_string(), "")
                };
                files.iter().map(deed).collect()
            }
            // Compose decides which objects it makes: its step says so afterwards.
            Self::Create | Self::Start | Self::AwaitReady => Vec::new(),
        }
    }
}

impl Action for ServerAction {
    fn deeds(&self) -> Vec<Deed> {
        match self {
            Self::Engine(action) => action.deeds(),
            Self::Compose(action) => action.deeds(),
        }
    }
}

impl fmt::Display for EngineAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |objects: &[Object]| {
            let objects: Vec<String> = objects.iter().map(Object::to_string).collect();
            objects.join(", ")
        };
        match self {
            Self::Unpause(objects) => write!(f, "unpause {}", list(objects)),
            Self::Kill(objects) => write!(f, "kill {}", list(objects)),
            Self::Stop(objects) => write!(f, "stop {}", list(objects)),
            Self::RemoveContainers(objects) => write!(f, "remove {}", list(objects)),
            Self::RemoveNetwork(object) => write!(f, "remove network {object}"),
            Self::RemoveVolumes(volumes) => {
                let names: Vec<&str> = volumes.iter().map(Removal::name).collect();
                write!(f, "remove volumes {}", names.join(", "))
            }
        }
    }
}

impl fmt::Display for ComposeAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateVolumes(names) => write!(f, "create volumes {}", names.join(", ")),
            Self::WriteFiles(files) => {
                let folder = files.first().and_then(|first| first.parent());
                let folder = folder.unwrap_or(Path::new(""));
                let below = |file: &PathBuf| {
                    let name = file.strip_prefix(folder).unwrap_or(file);
                    name.display().to_string()
                };
                let names: Vec<String> = files.iter().map(below).collect();
                write!(f, "write {} in {}", names.join(", "), folder.display())
            }
            Self::Create => f.write_str("compose create"),
            Self::Start => f.write_str("compose up"),
            Self::AwaitReady => f.write_str("wait until both servers answer"),
        }
    }
}

impl fmt::Display for ServerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(action) => action.fmt(f),
            Self::Compose(action) => action.fmt(f),
        }
    }
}
