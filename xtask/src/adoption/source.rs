//! Whether a volume may be read as a source.

use environments::{Deployment, Volume, label};

use super::kept::{self, InTheWay};
use super::users::unused;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::guard::identity;

/// Whether a volume may be taken as a source.
///
/// # Errors
/// There is none of that name, it is an environment's own or was kept of another's, or somebody uses
/// it.
pub(crate) fn acceptable(
    context: &Context,
    deployment: &Deployment,
    name: &str,
    aside: &[InTheWay],
) -> Result<()> {
    let found = context.docker.volumes(&[name.to_owned()])?.pop();
    let Some(volume) = found.filter(|volume| volume.name == name) else {
        return Err(Failure::failed(format!("there is no volume {name}")).hint("docker volume ls"));
    };
    // A copy that was kept of this environment's, of this instance, is a source as its original was.
    let own_copy = kept::original(deployment, &volume).is_some();
    if let (Some(environment), false) = (volume.label(label::ENVIRONMENT), own_copy) {
        return Err(Failure::refused(format!(
            "the volume {name} is labelled {}={environment:?}: it is an environment's own already",
            label::ENVIRONMENT
        )));
    }
    let own = Volume::ALL
        .into_iter()
        .any(|one| deployment.volume(one) == name);
    if own && !aside.iter().any(|one| one.name == name) {
        return Err(Failure::refused(format!(
            "the volume {name} bears the name that {deployment} needs for its own: Docker can neither \
             rename nor label a volume that exists"
        ))
        .hint(identity::keep_volume(name)));
    }
    unused(context, name)
}
