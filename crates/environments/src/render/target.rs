//! What is rendered for: a deployment, its ports, where its password comes from, its namespace mode.
//!
//! Decides which of these go together. It must not know what any file looks like.

use std::error::Error;
use std::fmt;

use crate::{
    Credential, Deployment, Disposable, Environment, Instance, PublishedPorts, Service, label,
};

/// For which environments a secrets provider gives the password.
///
/// Production's is always provided, development's and test's never; only staging's may be either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Secrets {
    staging: bool,
}

impl Secrets {
    /// Staging has its well-known password: what the repository's files are rendered with.
    #[must_use]
    pub const fn well_known() -> Self {
        Self { staging: false }
    }

    /// Staging's password is a secret too.
    #[must_use]
    pub const fn with_staging() -> Self {
        Self { staging: true }
    }

    /// Whether the environment's password is a secret, so that no file may hold it.
    #[must_use]
    pub const fn provides(self, environment: Environment) -> bool {
        match environment.credential() {
            Credential::WellKnown(_) => false,
            Credential::WellKnownUnlessProvided { .. } => self.staging,
            Credential::Provided { .. } => true,
        }
    }

    /// The password that files may hold; none where a provider gives it.
    #[must_use]
    pub const fn written_password(self, environment: Environment) -> Option<&'static str> {
        if self.provides(environment) {
            None
        } else {
            environment.credential().well_known()
        }
    }
}

/// What a Redis server does with a key that lacks its environment's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// Refuses it.
    Enforce,
    /// Takes it, for code that still writes bare keys. Only [`Target::audited`] gives this, and
    /// that takes development or test.
    Audit,
}

/// Ports were given to what publishes none, or were missing where some are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortsMismatch {
    deployment: Deployment,
    publishes: bool,
}

impl fmt::Display for PortsMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = if self.publishes {
            "publishes ports, and none were given: pick free ones, or read those its labels name"
        } else {
            "publishes no port, and some were given"
        };
        write!(f, "{} {found}", self.deployment)
    }
}

impl Error for PortsMismatch {}

/// One deployment with all that its files depend on.
///
/// A protected environment can't be audited, at compile time:
///
/// ```
/// use environments::{Dev, Disposable, Environment, Instance, render::Target};
/// let ports = Environment::Dev.main_ports().expect("development publishes ports");
/// let target = Target::audited(&Disposable::of(Dev, Instance::main()), ports);
/// ```
///
/// ```compile_fail,E0308
/// use environments::{Environment, Instance, Protected, Staging, render::Target};
/// let ports = Environment::Staging.main_ports().expect("staging publishes ports");
/// let target = Target::audited(&Protected::of(Staging, Instance::main()), ports);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    deployment: Deployment,
    ports: Option<PublishedPorts>,
    secrets: Secrets,
    namespace: Namespace,
}

impl Target {
    /// The main set's deployment of an environment, with its fixed ports.
    #[must_use]
    pub const fn main(environment: Environment, secrets: Secrets) -> Self {
        Self {
            deployment: Deployment::new(environment, Instance::main()),
            ports: environment.main_ports(),
            secrets,
            namespace: Namespace::Enforce,
        }
    }

    /// Any deployment, with the ports that were picked for it.
    ///
    /// # Errors
    /// The environment publishes ports and none are given, or the other way round.
    pub fn new(
        deployment: Deployment,
        ports: Option<PublishedPorts>,
        secrets: Secrets,
    ) -> Result<Self, PortsMismatch> {
        let publishes = deployment.environment().publishes_ports();
        if publishes != ports.is_some() {
            return Err(PortsMismatch {
                deployment,
                publishes,
            });
        }
        Ok(Self {
            deployment,
            ports,
            secrets,
            namespace: Namespace::Enforce,
        })
    }

    /// Development or test with [`Namespace::Audit`]. Both publish ports and have a well-known
    /// password.
    #[must_use]
    pub fn audited(disposable: &Disposable, ports: PublishedPorts) -> Self {
        Self {
            deployment: disposable.deployment().clone(),
            ports: Some(ports),
            secrets: Secrets::well_known(),
            namespace: Namespace::Audit,
        }
    }

    /// Which environment in which instance.
    #[must_use]
    pub const fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The ports published on 127.0.0.1. None for production.
    #[must_use]
    pub const fn ports(&self) -> Option<PublishedPorts> {
        self.ports
    }

    /// What the Redis server does with a bare key.
    #[must_use]
    pub const fn namespace(&self) -> Namespace {
        self.namespace
    }

    /// Whether a secrets provider gives the password, so that no file may hold it.
    #[must_use]
    pub const fn is_provided(&self) -> bool {
        self.secrets.provides(self.deployment.environment())
    }

    /// The password that files may hold; none where a provider gives it.
    #[must_use]
    pub const fn written_password(&self) -> Option<&'static str> {
        self.secrets.written_password(self.deployment.environment())
    }

    /// The labels of every container, volume and network: whose it is, and the published ports,
    /// which outlive the containers on the volumes.
    #[must_use]
    pub fn labels(&self) -> Vec<(&'static str, String)> {
        let mut labels = Vec::from(self.deployment.labels());
        if let Some(ports) = self.ports {
            labels.extend([
                (label::HTTP_PORT, ports.http.to_string()),
                (label::BOLT_PORT, ports.bolt.to_string()),
                (label::REDIS_PORT, ports.redis.to_string()),
            ]);
        }
        labels
    }

    /// Where applications reach Neo4j over Bolt: a published port, or for production the container
    /// by its name, from within its network.
    #[must_use]
    pub fn bolt_address(&self) -> String {
        match self.ports {
            Some(ports) => format!("localhost:{}", ports.bolt),
            None => format!("{}:7687", self.deployment.container(Service::Neo4j)),
        }
    }

    /// Where applications reach Redis.
    #[must_use]
    pub fn redis_address(&self) -> String {
        match self.ports {
            Some(ports) => format!("localhost:{}", ports.redis),
            None => format!("{}:6379", self.deployment.container(Service::Redis)),
        }
    }

    /// The address that Neo4j tells Neo4j Browser and routing drivers to use.
    ///
    /// Without one every server says `localhost:7687`, which is development (Neo4j's setting
    /// `server.bolt.advertised_address`).
    #[must_use]
    pub fn advertised_bolt_address(&self) -> String {
        match self.ports {
            Some(ports) => format!("localhost:{}", ports.bolt),
            None => format!("{}-proxy:7687", self.deployment.prefix()),
        }
    }
}
