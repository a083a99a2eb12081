//! Removing and making volumes.

use environments::{Deployment, label};

use super::did::{Did, done_of};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::journal::{Deed, Kind, Verb};
use crate::plan::Removal;
use crate::stack::Stack;

/// Removes volumes by name, since they have no id: their labels and the time they were made are
/// read again, and that nobody uses them, immediately before.
pub(super) fn remove_volumes(
    context: &Context,
    deployment: &Deployment,
    removals: &[Removal],
    did: &mut Did,
) -> Result<()> {
    let names: Vec<String> = removals
        .iter()
        .map(|removal| removal.name().to_owned())
        .collect();
    let now = context.docker.volumes(&names)?;
    let mut there = Vec::new();
    for removal in removals {
        let name = removal.name();
        // Gone already is what was wanted.
        let Some(volume) = now.iter().find(|volume| volume.name == name) else {
            continue;
        };
        let ours = volume.label(label::ENVIRONMENT) == Some(deployment.environment().slug())
            && volume.label(label::INSTANCE) == Some(deployment.instance().label());
        if !ours || volume.created_at != removal.created_at() {
            return Err(Failure::refused(format!(
                "the volume {name} is not the one that the plan saw: it was made at {}, expected {}",
                volume.created_at,
                removal.created_at()
            ))
            .hint("run the same command again: it looks anew"));
        }
        let users = context.docker.users_of_volume(name)?;
        if !users.is_empty() {
            return Err(Failure::refused(format!(
                "the volume {name} is in use by another container: {}",
                users.join(", ")
            ))
            .hint("docker inspect ID, with the first word of each as ID; where nobody needs it: docker stop ID; docker rm ID; then run the same command again"));
        }
        there.push(name.to_owned());
    }
    let done = context.docker.remove_volumes(&there);
    did.add(done_of(&done, removals.iter().map(Removal::deed).collect()));
    done.outcome
}

pub(super) fn create_volumes(
    context: &Context,
    stack: &Stack,
    names: &[String],
    did: &mut Did,
) -> Result<()> {
    let labels: Vec<(String, String)> = stack
        .target
        .labels()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for name in names {
        context.docker.create_volume(name, &labels)?;
    }
    let made = context.docker.volumes(names)?;
    did.add(
        made.into_iter()
            .map(|one| Deed::new(Verb::Make, Kind::Volume, one.name, one.created_at)),
    );
    Ok(())
}
