//! Emptying: what may be emptied is in the types that these take.

use environments::{Deployment, Disposable, Expendable, Volume};

use super::{Action, InPlace, Plan, Removal, Seed, ended, objects};
use crate::observe::Observed;

/// Emptying a running deployment without stopping it.
pub(crate) fn empty_in_place(work: InPlace) -> Plan {
    let mut plan = Plan::new(work.deployment().clone());
    plan.step(
        Action::EmptyInPlace(Box::new(work)),
        "it is healthy, what it holds is little, and only data and schema differ from a fresh set",
    );
    plan
}

/// Emptying a deployment by new volumes. Takes a [`Disposable`]: staging and production are none.
pub(crate) fn recreate(target: &Disposable, observed: &Observed, seed: Option<Seed>) -> Plan {
    let mut plan = Plan::new(target.deployment().clone());
    let volumes = observed.volumes();
    let removals = volumes.map(|(_, volume)| Removal::of(target, volume));
    remove_all(&mut plan, observed, removals.collect());
    start_empty(&mut plan, seed);
    plan
}

/// The same for staging and production. Takes an [`Expendable`], which only a drilled snapshot of
/// them yields.
pub(crate) fn wipe(target: &Expendable, observed: &Observed) -> Plan {
    let mut plan = Plan::new(target.deployment().clone());
    let volumes = observed.volumes();
    let removals = volumes.map(|(_, volume)| Removal::behind_snapshot(target, volume));
    remove_all(&mut plan, observed, removals.collect());
    let names = Volume::ALL.map(|volume| target.deployment().volume(volume));
    plan.step(
        Action::CreateVolumes(names.to_vec()),
        "its compose file calls them external, so that no compose command removes them",
    );
    start_empty(&mut plan, None);
    plan
}

/// The rest of it where a run was killed after the volumes had been made anew: nothing is removed.
pub(crate) fn wiped(deployment: &Deployment) -> Plan {
    let mut plan = Plan::new(deployment.clone());
    start_empty(&mut plan, None);
    plan
}

fn remove_all(plan: &mut Plan, observed: &Observed, volumes: Vec<Removal>) {
    let alive = objects(observed.containers().filter(|container| !ended(container)));
    if !alive.is_empty() {
        plan.step(
            Action::Kill(alive),
            "their data is going anyway, so they need no grace",
        );
    }
    let containers = objects(observed.containers());
    if !containers.is_empty() {
        plan.step(
            Action::RemoveContainers(containers),
            "a volume in use cannot be removed",
        );
    }
    if !volumes.is_empty() {
        plan.step(
            Action::RemoveVolumes(volumes),
            "only a new volume is as on the first day",
        );
    }
}

fn start_empty(plan: &mut Plan, seed: Option<Seed>) {
    plan.step(Action::Start, "it is wanted again, empty");
    plan.step(
        Action::AwaitEmpty(seed),
        "it is done when both servers answer and count 0 nodes and 0 keys",
    );
}
