//! What carries another environment's mark, written to a file and only then removed.
//!
//! The file is whole before anything goes: it is written beside its place, synced, renamed without
//! replacing anything, and read back. What is removed is what the file has, compared once more by
//! the server or immediately before. A run that was killed leaves a file that has all that is left
//! to remove, so the same command goes on; a file that lacks any of it is never touched.

mod file;
mod graph;
mod keys;
mod literal;

use std::path::Path;

use environments::Deployment;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::{neo4j, redis};
use crate::secrets::Password;
use crate::tools::docker::Container;

pub(crate) use file::Moved;

/// Where the servers are that hold it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Servers<'a> {
    pub(crate) neo4j: &'a Container,
    pub(crate) redis: &'a Container,
    pub(crate) password: &'a Password,
}

/// Moves all of it into the file.
///
/// # Errors
/// Something cannot be written down exactly, the file lacks something, or the server goes away: the
/// file or the server has what the other has not.
pub(crate) fn move_to(
    context: &Context,
    deployment: &Deployment,
    servers: Servers<'_>,
    path: &Path,
) -> Result<()> {
    let graph = neo4j(context, deployment, servers.neo4j, servers.password);
    let redis = redis(context, servers.redis);
    let environment = deployment.environment();
    let read = || -> Result<Moved> {
        let mut moved = Moved::of(deployment);
        keys::read(&redis, environment, &mut moved)?;
        graph::read(&graph, environment, &mut moved)?;
        Ok(moved)
    };
    let found = read()?;
    if found.is_empty() {
        return Ok(());
    }
    context.interrupt().check()?;
    found.keep(path)?;
    // Whatever was changed while the file was written is not in it.
    if read()? != found {
        return Err(changed(deployment, path));
    }
    let keys = keys::remove(&redis, &found)?;
    let nodes = graph::remove(&graph, environment, &found)?;
    if keys && nodes {
        return Ok(());
    }
    Err(changed(deployment, path))
}

fn changed(deployment: &Deployment, path: &Path) -> Failure {
    Failure::failed(format!(
        "somebody writes to {deployment}: what {} does not have as it is now was left there",
        path.display()
    ))
    .hint(format!(
        "stop what uses {0}, then run the same command again, with another file",
        deployment.environment()
    ))
}
