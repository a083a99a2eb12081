//! Volumes from before this tool: looked at in a copy, and brought into an environment.
//!
//! A source is only ever mounted read-only. It is copied, the copy is read by a scratch server that
//! no network reaches, and what that server holds goes into the environment's own volumes.

mod filled;
pub(crate) mod graph;
mod helper;
pub(crate) mod kept;
pub(crate) mod keys;

pub(crate) use filled::{begin, filled};
pub(crate) use graph::Graph;
pub(crate) use helper::sweep;
pub(crate) use kept::InTheWay;
pub(crate) use keys::Keys;

use environments::{Deployment, Environment, Volume, label};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::guard::identity;
use crate::namespace::audit::{self, Depth};
use crate::namespace::migrate;
use crate::observe::{neo4j, observe_one};
use crate::plan::Adoption;
use crate::secrets;

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

/// Fails where a container that runs has the volume.
fn unused(context: &Context, name: &str) -> Result<()> {
    let users = context.docker.running_users_of_volume(name)?;
    if users.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "the volume {name} is in use by {}: what is written meanwhile would be lost, or half copied",
        users.join(", ")
    ))
    .hint("docker stop ID, with the first word of each as ID; then run the same command again"))
}

/// Gives the adopted keys and nodes their marks, and compares with what was read of the sources.
/// Marks change neither side of the comparison: it is made before them too, so that nothing else is
/// ever marked by this.
///
/// # Errors
/// Something is missing, or there is more than was adopted.
pub(crate) fn compare(
    context: &Context,
    deployment: &Deployment,
    adopted: &Adoption,
) -> Result<()> {
    same(context, deployment, adopted)?;
    let environment = deployment.environment();
    let observed = observe_one(context, deployment)?;
    if let (Some(keys), Some(redis)) = (&adopted.keys, &observed.redis) {
        migrate::prefix_keys(context, environment, redis, keys.census.bare)?;
    }
    if let (Some(graph), Some(neo4j)) = (&adopted.graph, &observed.neo4j) {
        let password = secrets::password(environment)?;
        migrate::label_nodes(context, deployment, neo4j, &password, graph.census.bare)?;
    }
    same(context, deployment, adopted)
}

/// Whether a running deployment holds just what was read of the sources.
///
/// # Errors
/// It does not, or cannot be asked.
pub(crate) fn same(context: &Context, deployment: &Deployment, adopted: &Adoption) -> Result<()> {
    let environment = deployment.environment();
    let observed = observe_one(context, deployment)?;
    let gone = || Failure::failed(format!("{deployment} is gone"));
    let differs = |source: &str, was: String, is: String| {
        Failure::refused(format!(
            "{deployment} does not hold what {source} holds: {is} there, {was} here. Old volumes are \
             brought into an environment that holds nothing, and never mixed with what is there"
        ))
        .hint(match environment {
            Environment::Dev => "if its data may go: cargo xtask wipe-dev; the source is as it was",
            Environment::Test => "if its data may go: cargo xtask reset-test; the source is as it was",
            Environment::Staging | Environment::Prod => "the source is as it was",
        })
    };
    if let Some(keys) = &adopted.keys {
        let redis = observed.redis.as_ref().ok_or_else(gone)?;
        let now = audit::keys(context, environment, redis, Depth::Values)?;
        if let Err(difference) = migrate::compare(environment, &keys.census, &now) {
            return Err(differs(
                &keys.source,
                difference.message,
                "other keys".to_owned(),
            ));
        }
    }
    if let Some(graph) = &adopted.graph {
        let container = observed.neo4j.as_ref().ok_or_else(gone)?;
        let password = secrets::password(environment)?;
        let now = migrate::totals(&neo4j(context, deployment, container, &password))?;
        if now != graph.totals {
            return Err(differs(
                &graph.source,
                graph.totals.to_string(),
                now.to_string(),
            ));
        }
    }
    Ok(())
}
