//! The four environments, the instances they are started in, and every name that follows.
//!
//! Decides what things are called. It must not know whether any of them exists.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown environment {0:?}: expected dev, test, staging or prod")]
pub struct UnknownEnvironment(String);

/// A value of `ENVIRONMENT` that names no environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ENVIRONMENT is {0:?}: expected development, test, staging or production")]
pub struct UnknownNamespace(String);

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

/// Where an environment's password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// Written in rendered files: it guards nothing but against mistakes.
    WellKnown(&'static str),
    /// Well known, unless a secrets provider gives another under this variable's name.
    WellKnownUnlessProvided {
        /// The password where no provider gives one.
        password: &'static str,
        /// The name under which a provider is asked.
        variable: &'static str,
    },
    /// Never written anywhere: only a secrets provider has it.
    Provided {
        /// The name under which a provider is asked.
        variable: &'static str,
    },
}

impl Credential {
    /// The well-known password, if there is one.
    #[must_use]
    pub const fn well_known(self) -> Option<&'static str> {
        match self {
            Self::WellKnown(password) | Self::WellKnownUnlessProvided { password, .. } => {
                Some(password)
            }
            Self::Provided { .. } => None,
        }
    }

    /// The variable under which a provider gives the password, if it may.
    #[must_use]
    pub const fn variable(self) -> Option<&'static str> {
        match self {
            Self::WellKnown(_) => None,
            Self::WellKnownUnlessProvided { variable, .. } | Self::Provided { variable } => {
                Some(variable)
            }
        }
    }
}

/// A whole set of environments on one engine: the main one, or a named second one beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instance(Option<String>);

/// A name that no instance may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid instance name {0:?}: expected 1 to 12 characters of a-z and 0-9")]
pub struct InvalidInstance(String);

impl Instance {
    /// The set without a name, with the fixed ports.
    #[must_use]
    pub const fn main() -> Self {
        Self(None)
    }

    /// A second set. An empty name is refused: it would be the main one.
    ///
    /// # Errors
    /// Anything but 1 to 12 characters of `a-z0-9`.
    pub fn named(name: &str) -> Result<Self, InvalidInstance> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if (1..=12).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(Some(name.to_owned())))
        } else {
            Err(InvalidInstance(name.to_owned()))
        }
    }

    /// The name, or `None` for the main set.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The value of the instance label: the name, or empty.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name().unwrap_or_default()
    }

    /// Whether this is the set without a name.
    #[must_use]
    pub const fn is_main(&self) -> bool {
        self.0.is_none()
    }
}

impl FromStr for Instance {
    type Err = InvalidInstance;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::named(text)
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

/// One of the two servers of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// The graph.
    Neo4j,
    /// The key-value store.
    Redis,
}

impl Service {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Neo4j, Self::Redis];

    /// The compose service's name: `neo4j`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neo4j => "neo4j",
            Self::Redis => "redis",
        }
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|service| service.name() == text)
            .ok_or_else(|| format!("unknown service {text:?}: expected neo4j or redis"))
    }
}

/// One of the three volumes of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Volume {
    /// Neo4j's stores and transaction logs.
    Neo4jData,
    /// Neo4j's own log files.
    Neo4jLogs,
    /// Redis' append-only files.
    RedisData,
}

impl Volume {
    /// All three, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Neo4jData, Self::Neo4jLogs, Self::RedisData];

    /// The name that the compose file gives it inside its own model: `neo4j_data`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Neo4jData => "neo4j_data",
            Self::Neo4jLogs => "neo4j_logs",
            Self::RedisData => "redis_data",
        }
    }

    /// The service that mounts it.
    #[must_use]
    pub const fn service(self) -> Service {
        match self {
            Self::Neo4jData | Self::Neo4jLogs => Service::Neo4j,
            Self::RedisData => Service::Redis,
        }
    }
}

/// One environment in one instance: what is started, emptied, saved and compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deployment {
    environment: Environment,
    instance: Instance,
}

impl Deployment {
    /// The environment in the instance.
    #[must_use]
    pub const fn new(environment: Environment, instance: Instance) -> Self {
        Self {
            environment,
            instance,
        }
    }

    /// Which of the four it is.
    #[must_use]
    pub const fn environment(&self) -> Environment {
        self.environment
    }

    /// Which set it belongs to.
    #[must_use]
    pub const fn instance(&self) -> &Instance {
        &self.instance
    }

    /// What every container and network name starts with: `tta-dev`, `tta-NAME-dev`.
    #[must_use]
    pub fn prefix(&self) -> String {
        match self.instance.name() {
            None => format!("tta-{}", self.environment),
            Some(name) => format!("tta-{name}-{}", self.environment),
        }
    }

    /// The compose project.
    #[must_use]
    pub fn project(&self) -> String {
        self.prefix()
    }

    /// A container's name: `tta-dev-neo4j`.
    #[must_use]
    pub fn container(&self, service: Service) -> String {
        format!("{}-{}", self.prefix(), service.name())
    }

    /// A volume's name: `tta_neo4j_dev_data`, `tta_NAME_neo4j_dev_data`.
    #[must_use]
    pub fn volume(&self, volume: Volume) -> String {
        let environment = self.environment;
        let name = match volume {
            Volume::Neo4jData => format!("neo4j_{environment}_data"),
            Volume::Neo4jLogs => format!("neo4j_{environment}_logs"),
            Volume::RedisData => format!("redis_{environment}_data"),
        };
        match self.instance.name() {
            None => format!("tta_{name}"),
            Some(instance) => format!("tta_{instance}_{name}"),
        }
    }

    /// The name of a container that one run makes beside the servers: no server of ours has it.
    #[must_use]
    pub fn scratch_container(&self, run: &str, part: &str) -> String {
        format!("{}-scratch-{run}-{part}", self.prefix())
    }

    /// The name of a volume that one run makes beside the environment's own.
    #[must_use]
    pub fn scratch_volume(&self, run: &str, part: &str) -> String {
        let environment = self.environment;
        match self.instance.name() {
            None => format!("tta_scratch_{environment}_{run}_{part}"),
            Some(instance) => format!("tta_{instance}_scratch_{environment}_{run}_{part}"),
        }
    }

    /// The network's name: `tta-dev-network`.
    #[must_use]
    pub fn network(&self) -> String {
        format!("{}-network", self.prefix())
    }

    /// The lock's name on one engine: no two deployments share it.
    #[must_use]
    pub fn lock(&self) -> String {
        format!("{}.{}", self.environment, self.instance.label())
    }

    /// The labels that say whose an object is.
    #[must_use]
    pub fn labels(&self) -> [(&'static str, String); 2] {
        [
            (label::ENVIRONMENT, self.environment.slug().to_owned()),
            (label::INSTANCE, self.instance.label().to_owned()),
        ]
    }

    /// The fixed ports of the main set. None for production, and for an instance, whose ports are
    /// picked when it is first started.
    #[must_use]
    pub fn fixed_ports(&self) -> Option<PublishedPorts> {
        if self.instance.is_main() {
            self.environment.main_ports()
        } else {
            None
        }
    }
}

impl fmt::Display for Deployment {
    /// `dev`, or `dev of instance NAME`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instance.name() {
            None => write!(f, "{}", self.environment),
            Some(name) => write!(f, "{} of instance {name}", self.environment),
        }
    }
}
