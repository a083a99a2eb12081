//! What the namespace layer has seen.

use std::collections::BTreeMap;

use environments::Environment;

use crate::namespace::audit::Census;

/// One environment's servers.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) environment: Environment,
    pub(crate) nodes: Result<Nodes, String>,
    pub(crate) keys: Result<Keys, String>,
}

/// A Neo4j.
#[derive(Debug, Clone)]
pub(crate) struct Nodes {
    /// The container's name.
    pub(crate) name: String,
    pub(crate) census: Census,
    /// The databases that have files on it, but `system`: whether one is the home.
    pub(crate) databases: BTreeMap<String, bool>,
}

/// A Redis.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// The container's name.
    pub(crate) name: String,
    pub(crate) census: Census,
    /// Its own user may touch keys of any name: the namespace mode `audit`, or a rule changed by
    /// hand.
    pub(crate) any_key: bool,
}
