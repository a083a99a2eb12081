//! What must be as it was when one environment is worked on: the containers, volumes and networks of
//! all the others.

use std::time::SystemTime;

use environments::{Deployment, Environment, Instance};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::guard::lock::held_since;
use crate::identity::{Change, Identity};
use crate::observe;
use crate::tools::docker::Engine;

/// The other environments of the instance, and the main set, at one moment.
#[derive(Debug)]
pub(crate) struct Neighbours {
    /// Whose neighbours they are.
    of: String,
    seen_at: SystemTime,
    seen: Vec<(Deployment, Identity)>,
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
        Self::seen(context, target.to_string(), &others)
    }

    /// Looks at the main set, beside which whole instances are worked on.
    pub(crate) fn of_instances(context: &Context, what: impl Into<String>) -> Result<Self> {
        let main = |environment| Deployment::new(environment, Instance::main());
        Self::seen(context, what.into(), &Environment::ALL.map(main))
    }

    fn seen(context: &Context, of: String, others: &[Deployment]) -> Result<Self> {
        let seen_at = SystemTime::now();
        let observed = observe::observe(context, others)?;
        let seen = observed.iter().map(Identity::of);
        Ok(Self {
            of,
            seen_at,
            seen: others.iter().cloned().zip(seen).collect(),
        })
    }

    /// How many objects were seen.
    fn count(&self) -> u64 {
        let count: usize = self.seen.iter().map(|(_, one)| one.count()).sum();
        count as u64
    }

    /// Looks again and fails where a neighbour is not as it was, unless another run of this tool
    /// has held its lock meanwhile. How many objects are as they were: those of a neighbour on which
    /// another run has worked are not among them.
    ///
    /// # Errors
    /// All that has changed, of all neighbours.
    pub(crate) fn verify(&self, context: &Context, engine: &Engine) -> Result<u64> {
        let others: Vec<Deployment> = self.seen.iter().map(|(one, _)| one.clone()).collect();
        let now = Self::seen(context, self.of.clone(), &others)?;
        let mut changed = Vec::new();
        let mut unchanged = self.count();
        for ((neighbour, before), (_, after)) in self.seen.iter().zip(&now.seen) {
            let changes = before.changes(after).into_iter();
            let (health, done): (Vec<Change>, Vec<Change>) = changes
                .filter(|change| !change.by_itself())
                .partition(Change::of_health);
            if health.is_empty() && done.is_empty() {
                continue;
            }
            if held_since(&engine.id, neighbour, self.seen_at) {
                context
                    .ui
                    .say(format!("meanwhile another run has worked on {neighbour}"));
                unchanged -= before.count() as u64;
                continue;
            }
            // A check that times out on a loaded machine is nobody's deed: told, and no failure.
            for change in &health {
                context.ui.insist(format!("meanwhile {change}"));
                unchanged -= 1;
            }
            changed.extend(done.iter().map(|change| format!("\n  - {change}")));
        }
        if changed.is_empty() {
            return Ok(unchanged);
        }
        Err(Failure::failed(format!(
            "{} is done, but meanwhile other environments have changed, and not by this tool:{}",
            self.of,
            changed.concat()
        ))
        .hint("cargo xtask status; cargo xtask history"))
    }
}
