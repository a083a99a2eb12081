//! Starting and stopping.

use environments::Protection;

use super::{Action, Object, Plan, ended, objects};
use crate::observe::Observed;

/// Starting a deployment: whatever is missing is made, whatever has changed is made anew.
pub(crate) fn up(observed: &Observed) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    thaw(&mut plan, observed);
    let missing: Vec<String> = observed
        .volumes
        .iter()
        .filter(|(_, state)| state.is_none())
        .map(|(volume, _)| observed.deployment.volume(*volume))
        .collect();
    let external = matches!(
        Protection::from(observed.deployment.clone()),
        Protection::Protected(_)
    );
    if external && !missing.is_empty() {
        plan.step(
            Action::CreateVolumes(missing),
            "its compose file calls them external, so that no compose command removes them",
        );
    }
    let because = if observed.running() {
        "it runs: compose changes only what differs from its file"
    } else {
        "it does not run"
    };
    plan.step(Action::Start, because);
    plan.step(
        Action::AwaitReady,
        "it is up when Bolt answers on its database and Redis answers as its user",
    );
    plan
}

/// Stopping a deployment. Its volumes stay.
pub(crate) fn down(observed: &Observed) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    thaw(&mut plan, observed);
    let running = objects(observed.containers().filter(|container| !ended(container)));
    if !running.is_empty() {
        plan.step(
            Action::Stop(running),
            "with grace, so that the stores are closed",
        );
    }
    let containers = objects(observed.containers());
    if !containers.is_empty() {
        plan.step(
            Action::RemoveContainers(containers),
            "their data is in volumes, which stay",
        );
    }
    if let Some(network) = &observed.network {
        let network = Object {
            name: network.name.clone(),
            id: network.id.clone(),
        };
        plan.step(Action::RemoveNetwork(network), "nobody is left on it");
    }
    plan
}

/// Letting what a killed run has frozen run again. Nothing where nothing is frozen.
pub(crate) fn thawing(observed: &Observed) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    thaw(&mut plan, observed);
    plan
}

fn thaw(plan: &mut Plan, observed: &Observed) {
    let paused = objects(observed.containers().filter(|one| one.paused()));
    if !paused.is_empty() {
        plan.step(Action::Unpause(paused), "a run that froze them has gone");
    }
}
