//! A Neo4j store: read by a scratch server, dumped, and loaded under the environment's name.
//!
//! A Community server names its one database at its first start, so the name changes only on the way
//! through a dump (neo4j/neo4j#13492). Users and passwords stay behind.

use environments::{Deployment, Service, images};

use super::filled::filling;
use super::helper;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::namespace::audit::{self, Census};
use crate::namespace::migrate::{Totals, totals};
use crate::tools::neo4j::Neo4j;

/// What a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Graph {
    pub(crate) source: String,
    pub(crate) bytes: u64,
    /// The database's name there.
    pub(crate) database: String,
    pub(crate) totals: Totals,
    pub(crate) census: Census,
}

impl Graph {
    /// Copies a source and reads the copy.
    ///
    /// # Errors
    /// It cannot be copied, or is no store of one database that this Neo4j reads.
    pub(crate) fn look(context: &Context, deployment: &Deployment, source: &str) -> Result<Self> {
        let bytes = helper::copy(context, deployment, Service::Neo4j, source)?;
        let scratch = helper::volume(deployment, Service::Neo4j);
        let database = database(context, deployment, source, &scratch)?;
        let mounts = [format!("{scratch}:/data")];
        let default = format!("--env=NEO4J_initial_dbms_default__database={database}");
        let command = helper::run(context, deployment, Service::Neo4j, &mounts)
            .args(["--detach", "--env=NEO4J_AUTH=none", &default])
            .args([
                "--env=NEO4J_server_memory_heap_max__size=512m",
                "--env=NEO4J_server_memory_pagecache_size=128m",
                "--env=NEO4J_internal_server_bolt_thread__pool__shutdown__wait__time=0s",
                images::NEO4J,
            ]);
        let check = format!("tta-neo4j-health {database}");
        let server = helper::serve(context, deployment, Service::Neo4j, &command, &check)?;
        let asked = Neo4j {
            docker: &context.docker,
            container: &server.id,
            database: &database,
            user: "neo4j",
            password: "",
        };
        let totals = totals(&asked)?;
        let census = audit::nodes_on(&asked, deployment.environment())?;
        helper::end(context, &server)?;
        Ok(Self {
            source: source.to_owned(),
            bytes,
            database,
            totals,
            census,
        })
    }
}

/// The one database of a store, by its folder.
fn database(
    context: &Context,
    deployment: &Deployment,
    source: &str,
    scratch: &str,
) -> Result<String> {
    let mounts = [format!("{scratch}:/data:ro")];
    // A store that has no such folder has no database.
    let list = "ls -1 /data/databases || true";
    let said = helper::look(context, deployment, Service::Neo4j, &mounts, list)?;
    let names: Vec<&str> = said
        .lines()
        .filter(|name| !["system", "store_lock"].contains(name))
        .collect();
    let legal = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(plain)
    };
    match names[..] {
        [name] if legal(name) => Ok(name.to_owned()),
        _ => Err(Failure::refused(format!(
            "the volume {source} is no Neo4j store with one database: it has {}",
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        ))
        .hint(format!(
            "docker run --rm --volume {source}:/data:ro {} ls -R /data",
            images::NEO4J
        ))),
    }
}

/// Dumps the copy, and loads the dump into the environment's own volume.
pub(crate) fn fill(context: &Context, deployment: &Deployment, database: &str) -> Result<()> {
    let name = deployment.environment().database();
    let dump = format!(
        "set -euo pipefail; mkdir -p /data/dumps; rm -f /data/dumps/*; chown -R neo4j:neo4j /data\n\
         setpriv --reuid=neo4j --regid=neo4j --init-groups -- \
         neo4j-admin database dump {database} --to-path=/data/dumps\n\
         if [ {database} != {name} ]; then mv /data/dumps/{database}.dump /data/dumps/{name}.dump; fi"
    );
    let mounts = [format!(
        "{}:/data",
        helper::volume(deployment, Service::Neo4j)
    )];
    helper::shell(context, deployment, Service::Neo4j, &mounts, &dump)?.ok()?;
    let target = deployment.volume(helper::data(Service::Neo4j));
    let mounts = [
        format!("{}:/from:ro", helper::volume(deployment, Service::Neo4j)),
        // By both names: the server's tools look for databases below /data.
        format!("{target}:/to"),
        format!("{target}:/data"),
    ];
    let load = format!(
        "chown neo4j:neo4j /to\n\
         setpriv --reuid=neo4j --regid=neo4j --init-groups -- \
         neo4j-admin database load {name} --from-path=/from/dumps"
    );
    let script = filling(&load);
    helper::shell(context, deployment, Service::Neo4j, &mounts, &script)?.ok()?;
    Ok(())
}
