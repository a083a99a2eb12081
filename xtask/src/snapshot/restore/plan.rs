//! What a restore may do, and the plans for it. Pure.

use std::fmt;

use crate::journal::{Deed, Kind, Verb};
use crate::observe::Observed;
use crate::plan::{self, ComposeAction, EngineAction, Plan, ServerAction};
use crate::snapshot::place::Id;
use crate::snapshot::restore::progress::State;

/// What a restore may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Servers(ServerAction),
    /// Removes what an earlier restore has loaded beside the data.
    Clear,
    Load(Id),
    Prove(Id),
    StillQuiet,
    /// Puts what was loaded in place, and keeps what was there. Nothing before it is of any
    /// consequence to the data.
    Swap(Id),
    Compare(Id),
    Forget(Id),
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

/// What will be done to servers that run.
pub(crate) fn plan(observed: &Observed, id: &Id, state: &State) -> Plan<Action> {
    let mut plan = Plan::new(observed.deployment.clone());
    if state.loaded {
        plan.step(Action::Clear, "it was cut off before that was put in place");
    }
    plan.step(Action::Load(id.clone()), "the servers go on meanwhile");
    plan.step(
        Action::Prove(id.clone()),
        "nothing is put in place that was not seen to work there",
    );
    plan.step(
        Action::StillQuiet,
        "what is written now would be in no snapshot",
    );
    in_place(&mut plan, observed, id);
    plan
}

/// The rest of one that was cut off when only one of the stores was in place.
pub(crate) fn resumed(observed: &Observed, id: &Id) -> Plan<Action> {
    let mut plan = Plan::new(observed.deployment.clone());
    in_place(&mut plan, observed, id);
    plan
}

/// The rest of one that was cut off after its data was in place.
pub(crate) fn started(observed: &Observed, id: &Id) -> Plan<Action> {
    let mut plan = Plan::new(observed.deployment.clone());
    start(&mut plan, id);
    plan
}

fn in_place(plan: &mut Plan<Action>, observed: &Observed, id: &Id) {
    plan.steps(plan::stop(
        observed,
        "folders are swapped under no running server",
    ));
    plan.step(
        Action::Swap(id.clone()),
        "a rename is done or not done, never half",
    );
    start(plan, id);
}

fn start(plan: &mut Plan<Action>, id: &Id) {
    plan.steps([plan::start("its data is in place"), plan::ready()]);
    let because = "it is restored when the servers hold what the snapshot says";
    plan.step(Action::Compare(id.clone()), because);
}

/// Removing what was there before.
pub(crate) fn forgetting(observed: &Observed, id: &Id) -> Plan<Action> {
    let mut plan = Plan::new(observed.deployment.clone());
    plan.step(Action::Forget(id.clone()), "--forget asks for it");
    plan
}

impl plan::Action for Action {
    fn deeds(&self) -> Vec<Deed> {
        let data = |verb, name: String| vec![Deed::new(verb, Kind::Data, name, "")];
        match self {
            Self::Servers(action) => action.deeds(),
            Self::Swap(id) => data(Verb::Replace, format!("what was there before {id}")),
            Self::Forget(id) => data(Verb::Remove, format!("what was there before {id}")),
            Self::Clear => data(
                Verb::Remove,
                "what an earlier restore has loaded beside the data".to_owned(),
            ),
            Self::Load(_) | Self::Prove(_) | Self::StillQuiet | Self::Compare(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(action) => action.fmt(f),
            Self::Clear => f.write_str("remove what an earlier restore has loaded beside the data"),
            Self::Load(id) => write!(f, "load {id} beside the data, in the same volumes"),
            Self::Prove(id) => write!(f, "start scratch servers on it and compare it with {id}"),
            Self::StillQuiet => f.write_str("see that nobody has written since it was saved"),
            Self::Swap(id) => write!(
                f,
                "put it in place by renames, and keep what was there as .before-{id}"
            ),
            Self::Compare(id) => write!(f, "compare what the servers hold with {id}"),
            Self::Forget(id) => write!(f, "remove what was there before {id} was restored"),
        }
    }
}

#[cfg(test)]
mod tests {
    use environments::{Deployment, Environment, Instance};

    use super::*;
    use crate::observe::testing::{running, stopped};

    fn staging() -> Deployment {
        Deployment::new(Environment::Staging, Instance::main())
    }

    fn id() -> Id {
        "20261122_213000".parse().expect("an id")
    }

    #[test]
    fn nothing_is_stopped_before_the_snapshot_was_seen_to_work_beside_the_data() {
        insta::assert_snapshot!(plan(&running(&staging()), &id(), &State::default()));
    }

    #[test]
    fn what_an_earlier_restore_has_loaded_is_removed_first() {
        let state = State::told("loaded\n").expect("it is told so");
        let plan = plan(&running(&staging()), &id(), &state);
        let first = plan.steps.first().expect("a step");
        assert_eq!(first.action, Action::Clear);
    }

    #[test]
    fn a_restore_that_was_cut_off_after_the_swap_stops_and_moves_nothing() {
        let plan = started(&running(&staging()), &id());
        insta::assert_snapshot!(plan, @r"
        Plan for staging:
          1. compose up
               because its data is in place
          2. wait until both servers answer
               because it is up when Bolt answers on its database and Redis answers as its user
          3. compare what the servers hold with 20261122_213000
               because it is restored when the servers hold what the snapshot says
        ");
    }

    #[test]
    fn a_restore_that_was_cut_off_after_the_stop_loads_nothing_again() {
        insta::assert_snapshot!(resumed(&stopped(&staging()), &id()));
    }
}
