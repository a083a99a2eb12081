//! Removing and making volumes.

use environments::{Deployment, label};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::plan::Removal;
use crate::stack::Stack;

/// Removes volumes by name, since they have no id: their labels and the time they were made are
/// read again, and that nobody uses them, immediately before.
pub(super) fn remove_volumes(
    context: &Context,
    deployment: &Deployment,
    removals: &[Removal],
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
            .hint("docker rm --force ID   (if that container is yours), then run the same command again"));
        }
        there.push(name.to_owned());
    }
    context.docker.remove_volumes(&there)
}

pub(super) fn create_volumes(context: &Context, stack: &Stack, names: &[String]) -> Result<()> {
    let labels: Vec<(String, String)> = stack
        .target
        .labels()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for name in names {
        context.docker.create_volume(name, &labels)?;
    }
    Ok(())
}
