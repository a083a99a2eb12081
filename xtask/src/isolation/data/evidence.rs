//! What the data layer has seen.

use std::collections::{BTreeMap, BTreeSet};

use environments::{Environment, Service};

/// All that was seen in one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    pub(crate) sites: Vec<Site>,
    /// The environments that got a canary in a store, and why one did not.
    pub(crate) written: Vec<Written>,
}

/// A canary in one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) environment: Environment,
    pub(crate) service: Service,
    pub(crate) outcome: Result<(), String>,
    /// Why it could not be taken away again.
    pub(crate) left: Option<String>,
}

/// One environment's servers.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) environment: Environment,
    pub(crate) graph: Result<Graph, String>,
    pub(crate) keys: Result<Keys, String>,
    /// Where its published addresses lead.
    pub(crate) addresses: Vec<Address>,
}

/// A Neo4j, as it tells itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Graph {
    /// The container's name.
    pub(crate) name: String,
    /// The home database's name.
    pub(crate) home: String,
    /// Each database that has files on it, with the id of its store where it is in use.
    pub(crate) stores: BTreeMap<String, Option<String>>,
    /// The running process: its number, its host's name, when it started.
    pub(crate) process: String,
    /// Whose canaries are in it.
    pub(crate) canaries: Result<BTreeSet<Environment>, String>,
    /// The connections of this run that it lists.
    pub(crate) connections: Result<BTreeSet<String>, String>,
}

/// A Redis, as it tells itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// The container's name.
    pub(crate) name: String,
    /// Made at every start.
    pub(crate) run_id: String,
    /// The history that it shares with its replicas.
    pub(crate) replication: String,
    /// `master` or `slave`.
    pub(crate) role: String,
    /// Where it replicates from, if it does.
    pub(crate) master: Option<String>,
    pub(crate) replicas: u64,
    /// The databases that hold keys, with how many.
    pub(crate) databases: BTreeMap<u32, u64>,
    /// Whose canaries are in it.
    pub(crate) canaries: Result<BTreeSet<Environment>, String>,
    /// The connections of this run that it lists.
    pub(crate) connections: Result<BTreeSet<String>, String>,
}

/// A published address, as an application of the environment would use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `bolt`, `http` or `redis`.
    pub(crate) scheme: &'static str,
    pub(crate) port: u16,
    /// The name of the connection that was opened there, or why none was.
    pub(crate) connection: Result<String, String>,
}

impl Address {
    /// Whether its connection is one that a server lists.
    ///
    /// # Errors
    /// It was not made, or the server gave no list.
    pub(crate) fn leads_to(&self, server: &Site) -> Result<bool, String> {
        let name = self.connection.clone()?;
        let listed = match self.service() {
            Service::Neo4j => server.graph.clone()?.connections?,
            Service::Redis => server.keys.clone()?.connections?,
        };
        Ok(listed.contains(&name))
    }

    pub(crate) fn service(&self) -> Service {
        if self.scheme == "redis" {
            Service::Redis
        } else {
            Service::Neo4j
        }
    }
}
