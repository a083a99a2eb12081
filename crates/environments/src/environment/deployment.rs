//! One environment in one instance, and the names of its objects.

use std::fmt;

use super::{Environment, Instance, PublishedPorts, Service, Volume, label};

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
