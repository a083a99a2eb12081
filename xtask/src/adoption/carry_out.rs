//! Carrying an adoption out, and comparing what came of it with what was read of the sources.

use environments::{Deployment, Environment, Service};

use super::plan::{Action, Adoption};
use super::{filled, graph, helper, kept, keys};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{Did, act_on_servers};
use crate::namespace::audit::{self, Depth};
use crate::namespace::migrate;
use crate::observe::{neo4j, observe_one};
use crate::plan::Action as _;
use crate::secrets;
use crate::stack::Stack;
use crate::ui::counted;

/// Carries out one action.
pub(crate) fn act(context: &Context, stack: &Stack, action: &Action, did: &mut Did) -> Result<()> {
    let deployment = &stack.deployment;
    match action {
        Action::Servers(action) => return act_on_servers(context, stack, action, did),
        Action::KeepVolumes(volumes) => kept::keep(context, deployment, volumes)?,
        Action::FreeNames(volumes) => kept::free(context, deployment, volumes)?,
        Action::Fill(adopted) => fill(context, deployment, adopted)?,
        Action::Compare(adopted) => compare(context, deployment, adopted)?,
    }
    did.add(action.deeds());
    Ok(())
}

fn fill(context: &Context, deployment: &Deployment, adopted: &Adoption) -> Result<()> {
    let mut volumes = Vec::new();
    volumes.extend(adopted.graph.as_ref().map(|_| helper::data(Service::Neo4j)));
    volumes.extend(adopted.keys.as_ref().map(|_| helper::data(Service::Redis)));
    filled::begin(context, deployment, &volumes, &adopted.named)?;
    if let Some(graph) = &adopted.graph {
        graph::fill(context, deployment, &graph.database)?;
    }
    if adopted.keys.is_some() {
        keys::fill(context, deployment)?;
    }
    Ok(())
}

/// Gives the adopted keys and nodes their marks, and compares with what was read of the sources.
/// Marks change neither side of the comparison: it is made before them too, so that nothing else is
/// ever marked by this.
///
/// # Errors
/// Something is missing, or there is more than was adopted.
fn compare(context: &Context, deployment: &Deployment, adopted: &Adoption) -> Result<()> {
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
            "{deployment} does not hold what {source} holds: {was} there, {is} here. Old volumes are \
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
        if migrate::compare(environment, &keys.census, &now).is_err() {
            let is = format!("{}, not all the same", counted(now.total(), "key"));
            let was = counted(keys.census.total(), "key");
            return Err(differs(&keys.source, was, is));
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
