//! What the auth layer has seen of each environment's servers.

use std::collections::BTreeSet;

use environments::Environment;

use crate::isolation::auth::acl::User;
use crate::isolation::servers::graph::Login;
use crate::isolation::servers::keyed::{Digest, Secret};

/// One environment's servers.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) environment: Environment,
    /// By what the definitions and the secrets provider say.
    pub(crate) password: Result<Digest, String>,
    pub(crate) graph: Result<Graph, String>,
    pub(crate) keys: Result<Keys, String>,
}

/// A Neo4j.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    /// The container's name.
    pub(crate) name: String,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) own: Login,
    /// Without any login.
    pub(crate) anonymous: Login,
    pub(crate) tries: Vec<Try>,
    /// The names of the users that are not suspended.
    pub(crate) users: Result<BTreeSet<String>, String>,
}

/// A Redis.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// The container's name.
    pub(crate) name: String,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) own: Login,
    /// Without any login.
    pub(crate) anonymous: Login,
    pub(crate) tries: Vec<Try>,
    /// What its own user tried and must be refused; empty where the list of users decides that.
    pub(crate) beyond: Vec<Beyond>,
    pub(crate) users: Result<Vec<User>, String>,
    /// The user that asked for them.
    pub(crate) asker: String,
    /// The users that the definitions give it; none where its password is not known.
    pub(crate) defined: Vec<User>,
    /// The container was started in the namespace mode `audit`.
    pub(crate) audit: bool,
}

/// A login that should be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Try {
    pub(crate) user: String,
    /// Whose password it is.
    pub(crate) password: Environment,
    pub(crate) outcome: Login,
    /// How it was decided, and the control beside it.
    pub(crate) how: String,
}

/// What an environment's own user tried with its login alone and must be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beyond {
    pub(crate) reach: Reach,
    pub(crate) outcome: Login,
    /// The commands that were not refused.
    pub(crate) allowed: Vec<String>,
}

/// What is beyond an environment's own user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Keys without its prefix, another environment's among them.
    Keys,
    /// Commands that administer the server.
    Commands,
}
