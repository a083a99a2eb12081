//! Everything on the engine, as it tells it: containers running or not, networks, volumes.
//!
//! Asked once a run for all layers. Anything that the engine leaves out or words otherwise than
//! known makes the census fail: what was not understood is never taken for absent. It must not know
//! what is a fault.

use std::collections::BTreeMap;

use compose_audit::store::Driven;
use environments::{Deployment, Environment, Service, Volume, label};
use process::side_by_side::both;
use serde::{Deserialize, Deserializer};

use crate::context::Context;
use crate::error::Result;

/// What there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) containers: Vec<Container>,
    pub(crate) networks: Vec<Network>,
    pub(crate) volumes: Vec<StoredVolume>,
}

/// A container, running or not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    pub(crate) id: String,
    name: String,
    /// The image's id.
    pub(crate) image: String,
    state: State,
    pub(crate) config: Config,
    pub(crate) host_config: HostConfig,
    pub(crate) mounts: Vec<Mount>,
    network_settings: NetworkSettings,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    /// The image's name, as it was asked for.
    pub(crate) image: String,
    #[serde(default)]
    pub(crate) user: String,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) env: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) cmd: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) entrypoint: Vec<String>,
    pub(crate) healthcheck: Option<Healthcheck>,
    #[serde(deserialize_with = "or_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(crate) exposed_ports: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Healthcheck {
    #[serde(default, deserialize_with = "or_empty")]
    pub(crate) test: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HostConfig {
    pub(crate) network_mode: String,
    pub(crate) pid_mode: String,
    pub(crate) ipc_mode: String,
    #[serde(rename = "UTSMode")]
    pub(crate) uts_mode: String,
    pub(crate) userns_mode: String,
    pub(crate) privileged: bool,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) cap_add: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) security_opt: Vec<String>,
    /// What of the kernel's own files it may not write; none where it is privileged.
    pub(crate) readonly_paths: Option<Vec<String>>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) devices: Vec<Device>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) device_cgroup_rules: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) volumes_from: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) links: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) port_bindings: BTreeMap<String, Option<Vec<Binding>>>,
    pub(crate) restart_policy: RestartPolicy,
    pub(crate) memory: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RestartPolicy {
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Device {
    pub(crate) path_on_host: String,
}

/// A host address and port on which a container's port is published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Binding {
    pub(crate) host_ip: String,
    pub(crate) host_port: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Mount {
    /// `volume`, `bind`, `tmpfs`, …
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    /// The volume's name; none for a bind mount.
    #[serde(default)]
    pub(crate) name: String,
    /// Where it lies on the host.
    #[serde(default)]
    pub(crate) source: String,
    /// The same, links followed where they are this machine's.
    #[serde(skip)]
    pub(crate) real: String,
    pub(crate) destination: String,
    #[serde(rename = "RW")]
    pub(crate) writable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(deserialize_with = "or_empty")]
    networks: BTreeMap<String, Endpoint>,
    #[serde(deserialize_with = "or_empty")]
    ports: BTreeMap<String, Option<Vec<Binding>>>,
}

/// A container's place on a network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Endpoint {
    /// Empty while the container was never started on it.
    #[serde(rename = "NetworkID")]
    pub(crate) network_id: String,
    #[serde(rename = "IPAddress")]
    pub(crate) v4: String,
    #[serde(rename = "GlobalIPv6Address")]
    pub(crate) v6: String,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Network {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) driver: String,
    pub(crate) internal: bool,
    #[serde(rename = "EnableIPv6")]
    pub(crate) v6: bool,
    #[serde(rename = "IPAM")]
    ipam: Ipam,
    #[serde(deserialize_with = "or_empty")]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ipam {
    #[serde(deserialize_with = "or_empty")]
    config: Vec<Subnet>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Subnet {
    #[serde(default)]
    gateway: String,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StoredVolume {
    pub(crate) name: String,
    pub(crate) driver: String,
    pub(crate) mountpoint: String,
    #[serde(deserialize_with = "or_empty")]
    pub(crate) options: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_empty")]
    labels: BTreeMap<String, String>,
}

/// Docker says null for an empty list or map.
fn or_empty<'de, D, T>(deserializer: D) -> std::result::Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Census {
    /// Asks the engine: six calls, in three threads.
    pub(crate) fn take(context: &Context) -> Result<Self> {
        let docker = &context.docker;
        let ((networks, volumes), containers) = both(
            || both(|| docker.all("network"), || docker.all("volume")),
            || docker.all("container"),
        );
        let mut containers: Vec<Container> = containers?;
        for mount in containers.iter_mut().flat_map(|one| &mut one.mounts) {
            let real = std::fs::canonicalize(&mount.source);
            mount.real =
                real.map_or_else(|_| mount.source.clone(), |path| path.display().to_string());
        }
        Ok(Self {
            containers,
            networks: networks?,
            volumes: volumes?,
        })
    }

    /// The container that has this environment's name for a server.
    pub(crate) fn server(&self, deployment: &Deployment, service: Service) -> Option<&Container> {
        let name = deployment.container(service);
        self.containers
            .iter()
            .find(|container| container.name() == name)
    }

    pub(crate) fn volume(&self, deployment: &Deployment, volume: Volume) -> Option<&StoredVolume> {
        let name = deployment.volume(volume);
        self.volumes.iter().find(|volume| volume.name == name)
    }

    pub(crate) fn network(&self, deployment: &Deployment) -> Option<&Network> {
        let name = deployment.network();
        self.networks.iter().find(|network| network.name == name)
    }
}

impl Container {
    pub(crate) fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    pub(crate) fn running(&self) -> bool {
        self.state.status == "running"
    }

    pub(crate) fn status(&self) -> &str {
        &self.state.status
    }

    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.get(name).map(String::as_str)
    }

    /// The networks that it is on, or will be once it is started: names and places.
    pub(crate) fn networks(&self) -> impl Iterator<Item = (&str, &Endpoint)> {
        let networks = &self.network_settings.networks;
        networks.iter().map(|(name, place)| (name.as_str(), place))
    }

    /// Whether it is on that network. A container that was never started has no ids yet.
    pub(crate) fn is_on(&self, network: &Network) -> bool {
        self.networks().any(|(name, place)| {
            place.network_id == network.id
                || place.network_id.is_empty() && (name == network.name || name == network.id)
        })
    }

    /// What it publishes on the host now: the container's port and where.
    pub(crate) fn published(&self) -> impl Iterator<Item = (&str, &Binding)> {
        let ports = self.network_settings.ports.iter();
        ports.flat_map(|(port, bindings)| {
            let bindings = bindings.iter().flatten();
            bindings.map(move |binding| (port.as_str(), binding))
        })
    }

    /// Which environment of an instance its labels, or compose's, say that it belongs to.
    pub(crate) fn claims(&self, deployment: &Deployment) -> bool {
        let labelled = deployment
            .labels()
            .iter()
            .all(|(name, value)| self.label(name) == Some(value));
        labelled || self.label(PROJECT) == Some(&deployment.project())
    }

    /// The run of this tool that its label names.
    pub(crate) fn run(&self) -> Option<&str> {
        self.label(label::RUN)
    }
}

/// Compose's own labels: the project, the service, whether it was made by `compose run`.
pub(crate) const PROJECT: &str = "com.docker.compose.project";
pub(crate) const SERVICE: &str = "com.docker.compose.service";
pub(crate) const ONE_OFF: &str = "com.docker.compose.oneoff";
pub(crate) const HASH: &str = "com.docker.compose.config-hash";
pub(crate) const FILES: &str = "com.docker.compose.project.config_files";
pub(crate) const VERSION: &str = "com.docker.compose.version";

impl Network {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// The host's own addresses on it.
    pub(crate) fn gateways(&self) -> impl Iterator<Item = &str> {
        let gateways = self.ipam.config.iter();
        gateways
            .map(|subnet| subnet.gateway.as_str())
            .filter(|gateway| !gateway.is_empty())
    }
}

impl StoredVolume {
    pub(crate) fn driven(&self) -> Driven<'_> {
        let options = self.options.iter();
        Driven {
            driver: &self.driver,
            options: options
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        }
    }

    /// The folders or devices of this host that hold its data. A driver that is not Docker's own may
    /// name none.
    pub(crate) fn places(&self) -> impl Iterator<Item = &str> {
        let mountpoint = Some(self.mountpoint.as_str()).filter(|place| !place.is_empty());
        mountpoint.into_iter().chain(self.driven().path())
    }

    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

/// The environment of an instance that an object of this name belongs to, in scope or not.
pub(crate) fn named(
    instance: &environments::Instance,
    is: impl Fn(&Deployment) -> bool,
) -> Option<Environment> {
    Environment::ALL
        .into_iter()
        .find(|environment| is(&Deployment::new(*environment, instance.clone())))
}

#[cfg(test)]
pub(crate) mod testing;
