//! The four environments, the instances they are started in, and every name that follows.
//!
//! Decides what things are called. It must not know whether any of them exists.

mod credential;
mod deployment;
mod instance;
mod service;

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

pub use credential::Credential;
pub use deployment::Deployment;
pub use instance::{Instance, InvalidInstance};
pub use service::{Service, Volume};

/// The labels that every container, volume and network of ours carries, and what they mean.
pub mod label {
    /// Which environment an object belongs to: `dev`, `test`, `staging` or `prod`.
    pub const ENVIRONMENT: &str = "org.tta.environment";
    /// Which instance an object belongs to: its name, or empty for the main set.
    pub const INSTANCE: &str = "org.tta.instance";
    /// The host port published for HTTP, on containers and on the Neo4j data volume of an instance.
    pub const HTTP_PORT: &str = "org.tta.port.http";
    /// The host port published for Bolt.
    pub const BOLT_PORT: &str = "org.tta.port.bolt";
    /// The host port published for Redis.
    pub const REDIS_PORT: &str = "org.tta.port.redis";
    /// The digest of a Redis container's file of users, so that a changed file recreates it.
    pub const ACL: &str = "org.tta.acl";
    /// Set on helper containers and half-made objects: the run that made them, so that a later run
    /// can sweep what a killed one left.
    pub const RUN: &str = "org.tta.run";
    /// On a copy of a volume from before these labels: the name of that volume.
    pub const KEPT: &str = "org.tta.kept";
}

/// One of the four environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Where developers try things; may be emptied at any time.
    Dev,
    /// What CI resets before each run; may be emptied at any time.
    Test,
    /// What a release is rehearsed on; emptied only behind a drilled snapshot.
    Staging,
    /// Real sessions; publishes no port and is emptied only behind a drilled snapshot.
    Prod,
}

/// A name that is none of `dev`, `test`, `staging` and `prod`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEnvironment(String);

impl fmt::Display for UnknownEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        write!(
            f,
            "unknown environment {name:?}: expected dev, test, staging or prod"
        )
    }
}

impl Error for UnknownEnvironment {}

/// A value of `ENVIRONMENT` that names no environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownNamespace(String);

impl fmt::Display for UnknownNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = self;
        write!(
            f,
            "ENVIRONMENT is {value:?}: expected development, test, staging or production"
        )
    }
}

impl Error for UnknownNamespace {}

impl Environment {
    /// All four, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Dev, Self::Test, Self::Staging, Self::Prod];

    /// The three that run side by side on a developer's machine.
    pub const LOCAL: [Self; 3] = [Self::Dev, Self::Test, Self::Staging];

    /// The short name that commands take and object names contain: `dev`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Test => "test",
            Self::Staging => "staging",
            Self::Prod => "prod",
        }
    }

    /// The value of `ENVIRONMENT`, which is also the Redis prefix without its colon: `development`.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Dev => "development",
            Self::Test => "test",
            Self::Staging => "staging",
            Self::Prod => "production",
        }
    }

    /// The environment that a value of `ENVIRONMENT` names. An empty, upper-case or misspelt one is
    /// an error: nothing is taken for development.
    ///
    /// ```
    /// use environments::Environment;
    /// assert_eq!(Environment::from_namespace("staging")?, Environment::Staging);
    /// assert!(Environment::from_namespace("Staging").is_err());
    /// # Ok::<(), environments::UnknownNamespace>(())
    /// ```
    ///
    /// # Errors
    /// It is none of `development`, `test`, `staging` and `production`.
    pub fn from_namespace(text: &str) -> Result<Self, UnknownNamespace> {
        Self::ALL
            .into_iter()
            .find(|environment| environment.namespace() == text)
            .ok_or_else(|| UnknownNamespace(text.to_owned()))
    }

    /// The prefix of every Redis key and channel, colon included: `development:`.
    #[must_use]
    pub fn redis_prefix(self) -> String {
        format!("{}:", self.namespace())
    }

    /// The label that every Neo4j node carries: `Development`.
    #[must_use]
    pub const fn neo4j_label(self) -> &'static str {
        match self {
            Self::Dev => "Development",
            Self::Test => "Test",
            Self::Staging => "Staging",
            Self::Prod => "Production",
        }
    }

    /// The Neo4j database and the Redis user, the same in every instance: `tta-dev`.
    ///
    /// Hyphens, because Neo4j allows no underscore in a database name.
    #[must_use]
    pub const fn database(self) -> &'static str {
        match self {
            Self::Dev => "tta-dev",
            Self::Test => "tta-test",
            Self::Staging => "tta-staging",
            Self::Prod => "tta-prod",
        }
    }

    /// The Redis user that applications log in as: `tta-dev`.
    #[must_use]
    pub const fn redis_user(self) -> &'static str {
        self.database()
    }

    /// The Neo4j user. Community has no roles, so there is one: `neo4j`.
    #[must_use]
    pub const fn neo4j_user(self) -> &'static str {
        "neo4j"
    }

    /// What the environment's password is, or who is to be asked for it.
    #[must_use]
    pub const fn credential(self) -> Credential {
        match self {
            Self::Dev => Credential::WellKnown("tta_dev_password_2024"),
            Self::Test => Credential::WellKnown("tta_test_password_2024"),
            Self::Staging => Credential::WellKnownUnlessProvided {
                password: "tta_staging_password_2024",
                variable: "TTA_STAGING_PASSWORD",
            },
            Self::Prod => Credential::Provided {
                variable: "TTA_PROD_PASSWORD",
            },
        }
    }

    /// The host ports of the main set, bound to 127.0.0.1. None for production, which publishes
    /// nothing.
    #[must_use]
    pub const fn main_ports(self) -> Option<PublishedPorts> {
        let offset = match self {
            Self::Dev => 0,
            Self::Test => 1000,
            Self::Staging => 2000,
            Self::Prod => return None,
        };
        Some(PublishedPorts {
            http: 7474 + offset,
            bolt: 7687 + offset,
            redis: 6379 + offset,
        })
    }

    /// Whether the environment publishes ports on the host at all, in any instance.
    #[must_use]
    pub const fn publishes_ports(self) -> bool {
        self.main_ports().is_some()
    }

    /// The label shown in editors: `🟢 DEV`. None for production, which no editor connects to.
    #[must_use]
    pub const fn badge(self) -> Option<&'static str> {
        match self {
            Self::Dev => Some("🟢 DEV"),
            Self::Test => Some("🟡 TEST"),
            Self::Staging => Some("🟠 STAGING"),
            Self::Prod => None,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.slug())
    }
}

impl FromStr for Environment {
    type Err = UnknownEnvironment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|environment| environment.slug() == text)
            .ok_or_else(|| UnknownEnvironment(text.to_owned()))
    }
}

/// Host ports published on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct PublishedPorts {
    /// Neo4j's HTTP port.
    pub http: u16,
    /// Neo4j's Bolt port, which is also the one it advertises.
    pub bolt: u16,
    /// Redis' port.
    pub redis: u16,
}

impl PublishedPorts {
    /// The three, in the order HTTP, Bolt, Redis.
    #[must_use]
    pub const fn all(self) -> [u16; 3] {
        [self.http, self.bolt, self.redis]
    }
}
