//! Data from before this tool: old volumes brought in, marks given to what has none.

use std::path::Path;

use environments::{Changeable, Disposable, Protection, Volume};

use super::{Action, Adoption, Marking, Moving, Plan, Removal, ended, object, objects};
use crate::adoption::InTheWay;
use crate::observe::Observed;
use crate::tools::docker::Container;

/// Giving marks to so many keys and nodes of running servers.
pub(crate) fn mark(
    target: &Changeable,
    neo4j: &Container,
    redis: &Container,
    keys: u64,
    nodes: u64,
) -> Plan {
    let mut plan = Plan::new(target.deployment().clone());
    let marking = |server, count| Marking {
        server: object(server),
        count,
    };
    if keys > 0 {
        plan.step(
            Action::PrefixKeys(marking(redis, keys)),
            "the environment's user may touch no key without the prefix",
        );
    }
    if nodes > 0 {
        plan.step(
            Action::LabelNodes(marking(neo4j, nodes)),
            "a node must say which environment it is from",
        );
    }
    plan
}

/// The step that moves what has another environment's mark, where there is any.
pub(crate) fn move_foreign(
    plan: &mut Plan,
    _: &Changeable,
    neo4j: &Container,
    redis: &Container,
    (keys, nodes): (u64, u64),
    file: &Path,
) {
    if keys + nodes == 0 {
        return;
    }
    let work = Moving {
        neo4j: object(neo4j),
        redis: object(redis),
        keys,
        nodes,
        file: file.to_owned(),
    };
    let because = "it was asked for: what is there is in the file before it is removed here";
    plan.step(Action::MoveForeign(Box::new(work)), because);
}

/// Puts the steps first that free the environment's own names of old volumes.
pub(crate) fn free_names(plan: &mut Plan, volumes: &[InTheWay]) {
    if volumes.is_empty() {
        return;
    }
    let mut first = Plan::new(plan.deployment.clone());
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
) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    if replaced.is_some() {
        let alive = objects(observed.containers().filter(|container| !ended(container)));
        if !alive.is_empty() {
            plan.step(Action::Kill(alive), "it holds nothing");
        }
    }
    let containers = objects(observed.containers());
    if !containers.is_empty() {
        plan.step(
            Action::RemoveContainers(containers),
            "a volume in use cannot be filled",
        );
    }
    let mut missing: Vec<String> = Vec::new();
    match replaced {
        Some(target) => {
            let volumes: Vec<Removal> = observed
                .volumes()
                .map(|(_, volume)| Removal::of(target, volume))
                .collect();
            if !volumes.is_empty() {
                plan.step(
                    Action::RemoveVolumes(volumes),
                    "they hold 0 nodes and 0 keys, and a store is loaded into an empty volume",
                );
            }
        }
        None => {
            let absent = observed.volumes.iter().filter(|(_, state)| state.is_none());
            missing.extend(absent.map(|(volume, _)| observed.deployment.volume(*volume)));
        }
    }
    let protected = matches!(
        Protection::from(observed.deployment.clone()),
        Protection::Protected(_)
    );
    if protected && !missing.is_empty() {
        plan.step(
            Action::CreateVolumes(missing),
            "its compose file calls them external, so that no compose command removes them",
        );
    }
    plan.step(Action::Create, "compose makes the volumes with its labels");
    plan.step(
        Action::Adopt(Box::new(adoption.clone())),
        "the old volumes are only read: users and passwords stay behind",
    );
    started_and_compared(&mut plan, adoption);
    plan
}

/// The rest of it where a run was killed when it had filled some of the volumes, and no server has
/// run on any.
pub(crate) fn adopt_rest(observed: &Observed, adoption: Adoption, filled: &[Volume]) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    let left = |volume| !filled.contains(&volume);
    let rest = Adoption {
        named: adoption.named.clone(),
        graph: adoption.graph.clone().filter(|_| left(Volume::Neo4jData)),
        keys: adoption.keys.clone().filter(|_| left(Volume::RedisData)),
    };
    if rest.graph.is_some() || rest.keys.is_some() {
        plan.step(
            Action::Adopt(Box::new(rest)),
            "a run that was killed has filled the other volumes, and not this one",
        );
    }
    started_and_compared(&mut plan, adoption);
    plan
}

/// The rest of it where a run was killed after the volumes had been filled.
pub(crate) fn adopted_before(observed: &Observed, adoption: Adoption) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    started_and_compared(&mut plan, adoption);
    plan
}

fn started_and_compared(plan: &mut Plan, adoption: Adoption) {
    plan.step(Action::Start, "it is wanted");
    plan.step(
        Action::AwaitReady,
        "it is up when Bolt answers on its database and Redis answers as its user",
    );
    plan.step(
        Action::CompareAdopted(Box::new(adoption)),
        "its user may touch no key without the prefix, and nothing may be lost on the way",
    );
}
