//! What adopting may do, and the plans for it. Pure.

use std::fmt;

use environments::{Disposable, Volume};

use super::graph::Graph;
use super::kept::InTheWay;
use super::keys::Keys;
use crate::journal::{Deed, Kind, Verb};
use crate::observe::Observed;
use crate::plan::{self, ComposeAction, EngineAction, Plan, Removal, ServerAction};

/// What adopting may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Servers(ServerAction),
    /// Copies volumes that bear the environment's own names.
    KeepVolumes(Vec<InTheWay>),
    /// Removes them, each compared with its copy.
    FreeNames(Vec<InTheWay>),
    /// Fills the environment's own volumes from what was read of old ones.
    Fill(Box<Adoption>),
    /// What was adopted is there, and nothing else.
    Compare(Box<Adoption>),
}

impl From<ServerAction> for Action {
    fn from(action: ServerAction) -> Self {
        Self::Servers(action)
    }
}

impl From<EngineAction> for Action {
    fn from(action: EngineAction) -> Self {
        Self::Servers(action.into())
    }
}

impl From<ComposeAction> for Action {
    fn from(action: ComposeAction) -> Self {
        Self::Servers(action.into())
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

/// Puts the steps first that free the environment's own names of old volumes.
pub(crate) fn free_names(plan: &mut Plan<Action>, volumes: &[InTheWay]) {
    if volumes.is_empty() {
        return;
    }
    let mut first: Plan<Action> = Plan::new(plan.deployment.clone());
    first.step(
        Action::KeepVolumes(volumes.to_vec()),
        "they bear the environment's own names, and Docker can neither rename nor label a volume",
    );
    first.step(
        Action::FreeNames(volumes.to_vec()),
        "the environment's own volumes need the names; the copies stay until you remove them",
    );
    plan.steps.splice(0..0, first.steps);
}

/// Bringing what was read of old volumes into a deployment. What it has is empty: `replaced` says
/// that it may be removed, for it has been counted.
pub(crate) fn adopt(
    observed: &Observed,
    replaced: Option<&Disposable>,
    adoption: Adoption,
) -> Plan<Action> {
    let mut plan = Plan::new(observed.deployment.clone());
    if replaced.is_some() {
        plan.steps(plan::kill(observed, "it holds nothing"));
    }
    plan.steps(plan::remove(observed, "a volume in use cannot be filled"));
    match replaced {
        Some(target) => {
            let volumes = observed.volumes();
            let volumes: Vec<Removal> = volumes.map(|(_, one)| Removal::of(target, one)).collect();
            if !volumes.is_empty() {
                plan.step(
                    EngineAction::RemoveVolumes(volumes),
                    "they hold 0 nodes and 0 keys, and a store is loaded into an empty volume",
                );
            }
        }
        None => plan.steps(plan::missing_volumes(observed)),
    }
    plan.step(
        ComposeAction::Create,
        "compose makes the volumes with its labels",
    );
    plan.step(
        Action::Fill(Box::new(adoption.clone())),
        "the old volumes are only read: users and passwords stay behind",
    );
    started_and_compared(&mut plan, adoption);
    plan
}

/// The rest of it where a run was killed when it had filled some of the volumes, and no server has
/// run on any.
pub(crate) fn adopt_rest(
    observed: &Observed,
    adoption: Adoption,
    filled: &[Volume],
) -> Plan<Action> {
    let mut plan = Plan::new(observed.deployment.clone());
    let left = |volume| !filled.contains(&volume);
    let rest = Adoption {
        named: adoption.named.clone(),
        graph: adoption.graph.clone().filter(|_| left(Volume::Neo4jData)),
        keys: adoption.keys.clone().filter(|_| left(Volume::RedisData)),
    };
    if rest.graph.is_some() || rest.keys.is_some() {
        plan.step(
            Action::Fill(Box::new(rest)),
            "a run that was killed has filled the other volumes, and not this one",
        );
    }
    started_and_compared(&mut plan, adoption);
    plan
}

/// The rest of it where a run was killed after the volumes had been filled.
pub(crate) fn adopted_before(observed: &Observed, adoption: Adoption) -> Plan<Action> {
    let mut plan = Plan::new(observed.deployment.clone());
    started_and_compared(&mut plan, adoption);
    plan
}

fn started_and_compared(plan: &mut Plan<Action>, adoption: Adoption) {
    plan.steps([plan::start("it is wanted"), plan::ready()]);
    plan.step(
        Action::Compare(Box::new(adoption)),
        "its user may touch no key without the prefix, and nothing may be lost on the way",
    );
}

impl plan::Action for Action {
    fn deeds(&self) -> Vec<Deed> {
        let volume = |verb, name: &str, at: &str| Deed::new(verb, Kind::Volume, name, at);
        match self {
            Self::Servers(action) => action.deeds(),
            Self::KeepVolumes(volumes) => {
                let deed = |one: &InTheWay| volume(Verb::Make, &one.kept, "");
                volumes.iter().map(deed).collect()
            }
            Self::FreeNames(volumes) => {
                let deed = |one: &InTheWay| volume(Verb::Remove, &one.name, &one.created_at);
                volumes.iter().map(deed).collect()
            }
            Self::Fill(adoption) | Self::Compare(adoption) => {
                let sources = adoption.to_string();
                vec![Deed::new(Verb::Change, Kind::Data, sources, "")]
            }
        }
    }
}

impl fmt::Display for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = self
            .graph
            .as_ref()
            .map(|one| format!("the database {} of {}", one.database, one.source));
        let keys = self
            .keys
            .as_ref()
            .map(|one| format!("the keys of {}", one.source));
        let both: Vec<String> = graph.into_iter().chain(keys).collect();
        f.write_str(&both.join(" and "))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(action) => action.fmt(f),
            Self::KeepVolumes(volumes) => {
                let each = volumes
                    .iter()
                    .map(|one| format!("{} as {}", one.name, one.kept));
                write!(f, "copy {}", each.collect::<Vec<_>>().join(", "))
            }
            Self::FreeNames(volumes) => {
                let names: Vec<&str> = volumes.iter().map(|one| one.name.as_str()).collect();
                write!(f, "compare with the copies and remove {}", names.join(", "))
            }
            Self::Fill(adoption) => write!(f, "fill the new volumes with {adoption}"),
            Self::Compare(_) => {
                f.write_str("give prefixes and labels, and compare with what was read")
            }
        }
    }
}

#[cfg(test)]
mod tests;
