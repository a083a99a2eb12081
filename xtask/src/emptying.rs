//! Emptying a deployment: where it is, or by new volumes.
//!
//! What may be emptied is in the types that these take: development and test as they are, staging and
//! production only behind a drilled snapshot.

mod proof;
pub(crate) mod seed;
mod work;

use std::fmt;

use environments::{Disposable, Expendable, Volume};

use self::proof::{await_empty, empty_in_place};
pub(crate) use self::work::{InPlace, Seed};
use crate::context::Context;
use crate::error::Result;
use crate::execute::{Did, act_on_servers};
use crate::journal::{Deed, Kind, Verb};
use crate::observe::Observed;
use crate::plan::{self, ComposeAction, EngineAction, Object, Plan, Removal, ServerAction};
use crate::stack::Stack;
use crate::ui::counted;

/// What emptying may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Servers(ServerAction),
    /// Both servers answer and are empty; then the fixture is loaded in the same session.
    AwaitEmpty(Option<Seed>),
    /// Empties a running set.
    InPlace(Box<InPlace>),
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

/// Emptying a running deployment without stopping it.
pub(crate) fn in_place(work: InPlace) -> Plan<Action> {
    let mut plan = Plan::new(work.deployment().clone());
    plan.step(
        Action::InPlace(Box::new(work)),
        "it is healthy, what it holds is little, and only data and schema differ from a fresh set",
    );
    plan
}

/// Emptying a deployment by new volumes. Takes a [`Disposable`]: staging and production are none.
pub(crate) fn recreate(
    target: &Disposable,
    observed: &Observed,
    seed: Option<Seed>,
) -> Plan<Action> {
    let mut plan = Plan::new(target.deployment().clone());
    let volumes = observed.volumes();
    let removals = volumes.map(|(_, volume)| Removal::of(target, volume));
    remove_all(&mut plan, observed, removals.collect());
    start_empty(&mut plan, seed);
    plan
}

/// The same for staging and production. Takes an [`Expendable`], which only a drilled snapshot of
/// them yields.
pub(crate) fn wipe(target: &Expendable, observed: &Observed) -> Plan<Action> {
    let mut plan = Plan::new(target.deployment().clone());
    let volumes = observed.volumes();
    let removals = volumes.map(|(_, volume)| Removal::behind_snapshot(target, volume));
    remove_all(&mut plan, observed, removals.collect());
    let names = Volume::ALL.map(|volume| target.deployment().volume(volume));
    plan.steps(plan::created(target.deployment(), names.to_vec()));
    start_empty(&mut plan, None);
    plan
}

/// The rest of it where a run was cut off after all old volumes were gone: nothing is removed.
pub(crate) fn wiped(observed: &Observed) -> Plan<Action> {
    let mut plan = Plan::new(observed.deployment.clone());
    plan.steps(plan::missing_volumes(observed));
    start_empty(&mut plan, None);
    plan
}

fn remove_all(plan: &mut Plan<Action>, observed: &Observed, volumes: Vec<Removal>) {
    plan.steps(plan::kill(
        observed,
        "their data is removed anyway, so they need not stop cleanly",
    ));
    plan.steps(plan::remove(observed, "a volume in use cannot be removed"));
    if !volumes.is_empty() {
        plan.step(
            EngineAction::RemoveVolumes(volumes),
            "only a new volume is as on the first day",
        );
    }
}

fn start_empty(plan: &mut Plan<Action>, seed: Option<Seed>) {
    plan.steps([plan::start("it is wanted again, empty")]);
    let because = "it is done when both servers answer and count 0 nodes and 0 keys";
    plan.step(Action::AwaitEmpty(seed), because);
}

/// Carries out one action.
pub(crate) fn act(context: &Context, stack: &Stack, action: &Action, did: &mut Did) -> Result<()> {
    match action {
        Action::Servers(action) => act_on_servers(context, stack, action, did),
        Action::AwaitEmpty(seed) => await_empty(context, stack, seed.as_ref(), did),
        Action::InPlace(work) => {
            empty_in_place(context, stack, work)?;
            did.add(plan::Action::deeds(action));
            Ok(())
        }
    }
}

impl plan::Action for Action {
    fn deeds(&self) -> Vec<Deed> {
        let data = |verb, container: &Object, what: String| {
            Deed::new(
                verb,
                Kind::Data,
                format!("{what} in {}", container.name),
                &container.id,
            )
        };
        match self {
            Self::Servers(action) => action.deeds(),
            Self::AwaitEmpty(_) => Vec::new(),
            Self::InPlace(work) => vec![
                data(Verb::Empty, &work.neo4j, counted(work.nodes, "node")),
                data(Verb::Empty, &work.redis, counted(work.keys, "key")),
            ],
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(action) => action.fmt(f),
            Self::AwaitEmpty(None) => f.write_str("wait until both servers answer, and count 0"),
            Self::AwaitEmpty(Some(seed)) => {
                write!(
                    f,
                    "wait until both servers answer, count 0, then load {seed}"
                )
            }
            Self::InPlace(work) => {
                write!(
                    f,
                    "empty in place: {}, {}, {}, {}",
                    counted(work.nodes, "node"),
                    counted(work.keys, "key"),
                    counted(work.schema.constraints.len() as u64, "constraint"),
                    counted(work.schema.indexes.len() as u64, "index")
                )?;
                match &work.seed {
                    Some(seed) => write!(f, ", then load {seed}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
