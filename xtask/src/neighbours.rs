//! What must be as it was when one environment is worked on: the containers, their start times and
//! the volumes of all the others.

use std::time::SystemTime;

use environments::{Deployment, Environment, Instance};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::guard::lock::held_since;
use crate::observe::{self, Observed};
use crate::tools::docker::Engine;

/// The other environments of the instance, and the main set, at one moment.
#[derive(Debug)]
pub(crate) struct Neighbours {
    target: Deployment,
    seen_at: SystemTime,
    observed: Vec<Observed>,
}

impl Neighbours {
    /// Looks at all the neighbours of a deployment.
    pub(crate) fn of(context: &Context, target: &Deployment) -> Result<Self> {
        let mut instances = vec![target.instance().clone()];
        if !target.instance().is_main() {
            instances.push(Instance::main());
        }
        let others: Vec<Deployment> = instances
            .iter()
            .flat_map(|instance| {
                Environment::ALL.map(|environment| Deployment::new(environment, instance.clone()))
            })
            .filter(|deployment| deployment != target)
            .collect();
        Ok(Self {
            target: target.clone(),
            seen_at: SystemTime::now(),
            observed: observe::observe(context, &others)?,
        })
    }

    /// How many objects were seen.
    pub(crate) fn count(&self) -> u64 {
        let count: usize = self.observed.iter().map(|one| identities(one).len()).sum();
        count as u64
    }

    /// Looks again and fails where a neighbour is not as it was, unless another run of this tool
    /// has held its lock meanwhile.
    pub(crate) fn verify(&self, context: &Context, engine: &Engine) -> Result<()> {
        let now = Self::of(context, &self.target)?;
        for (before, after) in self.observed.iter().zip(&now.observed) {
            let after = identities(after);
            let changed: Vec<String> = identities(before)
                .into_iter()
                .filter(|object| !after.contains(object))
                .collect();
            if changed.is_empty() {
                continue;
            }
            let neighbour = &before.deployment;
            if held_since(&engine.id, neighbour, self.seen_at) {
                context
                    .ui
                    .say(format!("meanwhile another run has worked on {neighbour}"));
                continue;
            }
            return Err(Failure::failed(format!(
                "{} is done, but meanwhile {neighbour} has changed, and not by this tool: {}",
                self.target,
                changed.join(", ")
            ))
            .hint("cargo xtask status; cargo xtask history"));
        }
        Ok(())
    }
}

/// Whatever would be different after a restart or a recreation.
fn identities(observed: &Observed) -> Vec<String> {
    let containers = observed.containers().map(|container| {
        let since = &container.state.started_at;
        format!(
            "{} ({}) running since {since}",
            container.name(),
            container.id
        )
    });
    let volumes = observed
        .volumes()
        .map(|(_, volume)| format!("{} made at {}", volume.name, volume.created_at));
    containers.chain(volumes).collect()
}
