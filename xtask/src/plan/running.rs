//! Starting and stopping, and the steps of it that other plans have too.

use std::path::PathBuf;

use environments::{Deployment, Protection};

use super::servers::objects;
use super::{ComposeAction, EngineAction, Object, Plan, ServerAction, Step};
use crate::observe::Observed;
use crate::tools::docker::Container;

/// Starting a deployment: whatever is missing is made, whatever has changed is made anew.
pub(crate) fn up(observed: &Observed) -> Plan<ServerAction> {
    let mut plan = Plan::new(observed.deployment.clone());
    plan.steps(thaw(observed));
    plan.steps(missing_volumes(observed));
    let because = if observed.running() {
        "it runs: compose changes only what differs from its file"
    } else {
        "it does not run"
    };
    plan.steps([start(because), ready()]);
    plan
}

/// Starting one that a run has stopped which was cut off before it had changed anything else.
pub(crate) fn bring_up(observed: &Observed) -> Plan<ServerAction> {
    let mut plan = up(observed);
    for step in &mut plan.steps {
        if step.action == ComposeAction::Start.into() {
            "a run that was cut off has stopped it: what it holds is looked at anew"
                .clone_into(&mut step.because);
        }
    }
    plan
}

/// The volumes of a protected deployment are made by us.
pub(crate) fn missing_volumes(observed: &Observed) -> Option<Step<ComposeAction>> {
    let absent = observed.volumes.iter().filter(|(_, state)| state.is_none());
    let names = absent.map(|(volume, _)| observed.deployment.volume(*volume));
    created(&observed.deployment, names.collect())
}

/// Making volumes that compose does not make: those of a protected deployment.
pub(crate) fn created(deployment: &Deployment, names: Vec<String>) -> Option<Step<ComposeAction>> {
    let external = matches!(
        Protection::from(deployment.clone()),
        Protection::Protected(_)
    );
    let because = "its compose file calls them external, so that no compose command removes them";
    (external && !names.is_empty()).then(|| Step::new(ComposeAction::CreateVolumes(names), because))
}

/// Writing the files that servers are started from, where they are not as rendered.
pub(crate) fn write(files: Vec<PathBuf>) -> Option<Step<ComposeAction>> {
    let because = "what servers are started from has to be as rendered";
    (!files.is_empty()).then(|| Step::new(ComposeAction::WriteFiles(files), because))
}

pub(crate) fn start(because: &str) -> Step<ComposeAction> {
    Step::new(ComposeAction::Start, because)
}

pub(crate) fn ready() -> Step<ComposeAction> {
    Step::new(
        ComposeAction::AwaitReady,
        "it is up when Bolt answers on its database and Redis answers as its user",
    )
}

/// Stopping a deployment. Its volumes stay, and its network while somebody else is on it.
pub(crate) fn down(observed: &Observed) -> Plan<EngineAction> {
    let mut plan = Plan::new(observed.deployment.clone());
    plan.steps(thaw(observed));
    plan.steps(stop(observed, "the stores must be closed cleanly"));
    plan.steps(remove(observed, "their data is in volumes, which stay"));
    let Some(network) = &observed.network else {
        return plan;
    };
    let others: Vec<String> = observed.strangers_on_network().collect();
    if others.is_empty() {
        let network = Object {
            name: network.name.clone(),
            id: network.id.clone(),
        };
        plan.step(
            EngineAction::RemoveNetwork(network),
            "no container is left on it",
        );
    } else {
        plan.notes.push(format!(
            "the network {} stays, because others are on it: {}",
            network.name,
            others.join(", ")
        ));
        plan.notes.extend(others.iter().map(|other| {
            let name = other.split(' ').next().unwrap_or(other);
            format!(
                "  docker network disconnect {} {name}   (then `down` removes it)",
                network.name
            )
        }));
    }
    plan
}

/// Letting what a killed run has frozen run again. Nothing where nothing is frozen.
pub(crate) fn thawing(observed: &Observed) -> Plan<EngineAction> {
    let mut plan = Plan::new(observed.deployment.clone());
    plan.steps(thaw(observed));
    plan
}

fn thaw(observed: &Observed) -> Option<Step<EngineAction>> {
    let paused = objects(observed.containers().filter(|one| one.paused()));
    let because = "a run that froze them has gone";
    (!paused.is_empty()).then(|| Step::new(EngineAction::Unpause(paused), because))
}

/// Ends the servers with their grace; their containers stay.
pub(crate) fn stop(observed: &Observed, because: &str) -> Option<Step<EngineAction>> {
    let running = alive(observed);
    (!running.is_empty()).then(|| Step::new(EngineAction::Stop(running), because))
}

/// Ends the servers at once.
pub(crate) fn kill(observed: &Observed, because: &str) -> Option<Step<EngineAction>> {
    let running = alive(observed);
    (!running.is_empty()).then(|| Step::new(EngineAction::Kill(running), because))
}

/// Removes the containers.
pub(crate) fn remove(observed: &Observed, because: &str) -> Option<Step<EngineAction>> {
    let containers = objects(observed.containers());
    (!containers.is_empty()).then(|| Step::new(EngineAction::RemoveContainers(containers), because))
}

fn alive(observed: &Observed) -> Vec<Object> {
    let ended = |container: &Container| {
        let status = container.state.status.as_str();
        matches!(status, "exited" | "created" | "dead")
    };
    objects(observed.containers().filter(|one| !ended(one)))
}
