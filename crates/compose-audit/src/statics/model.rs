//! A compose project, as `docker compose config --format json` tells it.
//!
//! Pure. Knows the shapes that Compose prints and what they mean by default; must not know what is
//! wrong with any of them. What it does not understand is an error, not a default.

use std::collections::BTreeMap;

use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::Driven;

/// One environment's files, merged.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Model {
    /// The project's name.
    pub(crate) name: String,
    #[serde(default, deserialize_with = "present")]
    pub(crate) services: BTreeMap<String, Service>,
    #[serde(default, deserialize_with = "entries")]
    pub(crate) volumes: BTreeMap<String, Volume>,
    #[serde(default, deserialize_with = "entries")]
    pub(crate) networks: BTreeMap<String, Network>,
    #[serde(default, deserialize_with = "entries")]
    pub(crate) secrets: BTreeMap<String, Source>,
    #[serde(default, deserialize_with = "entries")]
    pub(crate) configs: BTreeMap<String, Source>,
    #[serde(rename = "x-tta-shared")]
    pub(crate) shared: Option<Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Service {
    pub(crate) image: Option<String>,
    pub(crate) build: Option<Value>,
    pub(crate) container_name: Option<String>,
    pub(crate) hostname: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) profiles: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) ports: Vec<Port>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) expose: Vec<Scalar>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) volumes: Vec<Mount>,
    #[serde(default, deserialize_with = "entries")]
    pub(crate) networks: BTreeMap<String, Attachment>,
    pub(crate) network_mode: Option<String>,
    pub(crate) pid: Option<String>,
    pub(crate) ipc: Option<String>,
    pub(crate) uts: Option<String>,
    pub(crate) userns_mode: Option<String>,
    pub(crate) cgroup: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) volumes_from: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) external_links: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) extra_hosts: Hosts,
    #[serde(default, deserialize_with = "present")]
    pub(crate) environment: BTreeMap<String, Option<Scalar>>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) labels: BTreeMap<String, Option<Scalar>>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) command: Words,
    #[serde(default, deserialize_with = "present")]
    pub(crate) entrypoint: Words,
    pub(crate) healthcheck: Option<Health>,
    #[serde(default)]
    pub(crate) privileged: bool,
    #[serde(default, deserialize_with = "present")]
    pub(crate) cap_add: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) security_opt: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) devices: Vec<Device>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) dns: Words,
    #[serde(default, deserialize_with = "present")]
    pub(crate) logging: Logging,
    #[serde(default)]
    pub(crate) use_api_socket: bool,
    #[serde(default, deserialize_with = "present")]
    pub(crate) secrets: Vec<Grant>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) configs: Vec<Grant>,
    scale: Option<u64>,
    deploy: Option<Deploy>,
}

#[derive(Debug, Clone, Deserialize)]
struct Deploy {
    replicas: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Logging {
    #[serde(default, deserialize_with = "present")]
    pub(crate) options: BTreeMap<String, Option<Scalar>>,
}

/// A device of the host: `SOURCE:TARGET:PERMISSIONS`, or its parts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Device {
    Text(String),
    Parts { source: String },
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Health {
    #[serde(default, deserialize_with = "present")]
    pub(crate) test: Words,
}

/// A published port. Compose has expanded `8000-8002:80-82` already, but not `8000-8002:80`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Port {
    pub(crate) target: Option<Scalar>,
    pub(crate) published: Option<Scalar>,
    pub(crate) host_ip: Option<String>,
    pub(crate) protocol: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Mount {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) source: Option<String>,
    pub(crate) target: Option<String>,
    #[serde(default)]
    pub(crate) read_only: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Attachment {
    #[serde(default, deserialize_with = "present")]
    pub(crate) aliases: Vec<String>,
    pub(crate) ipv4_address: Option<String>,
    pub(crate) ipv6_address: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Grant {
    pub(crate) source: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Volume {
    pub(crate) name: Option<String>,
    pub(crate) driver: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) driver_opts: BTreeMap<String, Scalar>,
    #[serde(default)]
    pub(crate) external: bool,
}

impl Volume {
    pub(crate) fn driven(&self) -> Driven<'_> {
        let options = self.driver_opts.iter();
        Driven {
            driver: self.driver.as_deref().unwrap_or("local"),
            options: options
                .map(|(name, Scalar(value))| (name.as_str(), value.as_str()))
                .collect(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Network {
    pub(crate) name: Option<String>,
    pub(crate) driver: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) driver_opts: BTreeMap<String, Scalar>,
    #[serde(default)]
    pub(crate) external: bool,
    ipam: Option<Ipam>,
}

#[derive(Debug, Clone, Deserialize)]
struct Ipam {
    #[serde(default, deserialize_with = "present")]
    config: Vec<Pool>,
}

#[derive(Debug, Clone, Deserialize)]
struct Pool {
    subnet: Option<String>,
}

/// Where a secret or a config comes from.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Source {
    pub(crate) name: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) content: Option<String>,
    #[serde(default)]
    pub(crate) external: bool,
}

/// Text, or a number or a truth that is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub(crate) struct Scalar(pub(crate) String);

/// A command: a list of words, or one text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words(pub(crate) Vec<String>);

/// `extra_hosts`: name and address. A list of `name=address` or `name:address`, or a map.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts(pub(crate) Vec<(String, String)>);

impl Model {
    /// Reads what compose printed.
    ///
    /// # Errors
    /// Another shape than Compose is known to print, said in one line.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let model: Self = serde_json::from_str(json)
            .map_err(|error| format!("what compose printed is no project: {error}"))?;
        if model.name.is_empty() {
            return Err("what compose printed names no project".to_owned());
        }
        Ok(model)
    }

    /// The name by which the engine knows a network of this project.
    pub(crate) fn network_name(&self, key: &str) -> Option<String> {
        let network = self.networks.get(key)?;
        Some(resolved(
            &self.name,
            key,
            network.name.as_deref(),
            network.external,
        ))
    }

    /// The name by which the engine knows a volume of this project.
    pub(crate) fn volume_name(&self, key: &str) -> Option<String> {
        let volume = self.volumes.get(key)?;
        Some(resolved(
            &self.name,
            key,
            volume.name.as_deref(),
            volume.external,
        ))
    }

    /// The containers' names: what the file says, else those that Compose makes up.
    pub(crate) fn container_names(&self, key: &str) -> Vec<String> {
        let Some(service) = self.services.get(key) else {
            return Vec::new();
        };
        if let Some(name) = &service.container_name {
            return vec![name.clone()];
        }
        // Nobody scales by hand to thousands; a file that says so must not fill the memory.
        let replicas = service.replicas().clamp(1, 100);
        (1..=replicas)
            .map(|number| format!("{}-{key}-{number}", self.name))
            .collect()
    }

    /// The project without the services that a profile has to be chosen for, and without what only
    /// they use.
    pub(crate) fn without_profiles(&self) -> Self {
        let mut plain = self.clone();
        plain
            .services
            .retain(|_, service| service.profiles.is_empty());
        let used = |uses: &dyn Fn(&Service) -> bool| {
            plain.services.values().any(uses) || !self.services.values().any(uses)
        };
        let mounts = |key: &str| {
            used(&|service: &Service| {
                let sources = service
                    .volumes
                    .iter()
                    .filter(|mount| mount.kind == "volume");
                sources
                    .filter_map(|mount| mount.source.as_deref())
                    .any(|source| source == key)
            })
        };
        let volumes = self.volumes.keys().filter(|key| mounts(key));
        let networks = self
            .networks
            .keys()
            .filter(|key| used(&|service: &Service| service.networks.contains_key(*key)));
        let granted = |grants: &dyn Fn(&Service) -> Vec<String>, key: &str| {
            used(&|service: &Service| grants(service).iter().any(|source| source == key))
        };
        let secrets = |service: &Service| -> Vec<String> {
            service
                .secrets
                .iter()
                .map(|grant| grant.source.clone())
                .collect()
        };
        let configs = |service: &Service| -> Vec<String> {
            service
                .configs
                .iter()
                .map(|grant| grant.source.clone())
                .collect()
        };
        let kept: [Vec<String>; 4] = [
            volumes.cloned().collect(),
            networks.cloned().collect(),
            self.secrets
                .keys()
                .filter(|key| granted(&secrets, key))
                .cloned()
                .collect(),
            self.configs
                .keys()
                .filter(|key| granted(&configs, key))
                .cloned()
                .collect(),
        ];
        let [volumes, networks, secrets, configs] = kept;
        plain.volumes.retain(|key, _| volumes.contains(key));
        plain.networks.retain(|key, _| networks.contains(key));
        plain.secrets.retain(|key, _| secrets.contains(key));
        plain.configs.retain(|key, _| configs.contains(key));
        plain
    }
}

impl Service {
    pub(crate) fn replicas(&self) -> u64 {
        let deployed = self.deploy.as_ref().and_then(|deploy| deploy.replicas);
        deployed.or(self.scale).unwrap_or(1)
    }
}

impl Device {
    pub(crate) fn source(&self) -> &str {
        match self {
            Self::Text(text) => text.split(':').next().unwrap_or_default(),
            Self::Parts { source } => source,
        }
    }
}

impl Source {
    /// By what its text is known once it is looked up: a file, or `$VARIABLE`.
    pub(crate) fn origin(&self) -> Option<String> {
        let variable = || self.environment.as_ref().map(|name| format!("${name}"));
        self.file.clone().or_else(variable)
    }
}

impl Network {
    /// The subnets that the file asks for, as it writes them.
    pub(crate) fn subnets(&self) -> Vec<&str> {
        let pools = self.ipam.iter().flat_map(|ipam| &ipam.config);
        pools.filter_map(|pool| pool.subnet.as_deref()).collect()
    }
}

/// Compose prints the resolved name; where it does not, these are its rules.
fn resolved(project: &str, key: &str, name: Option<&str>, external: bool) -> String {
    match name {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ if external => key.to_owned(),
        _ => format!("{project}_{key}"),
    }
}

/// A field that Compose may print as null.
fn present<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A map whose values Compose may print as null, itself too.
fn entries<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    let map: Option<BTreeMap<String, Option<T>>> = Option::deserialize(deserializer)?;
    let full = map.unwrap_or_default().into_iter();
    Ok(full
        .map(|(key, value)| (key, value.unwrap_or_default()))
        .collect())
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            Value::Bool(truth) => Ok(Self(truth.to_string())),
            _ => Err(serde::de::Error::custom("expected text or a number")),
        }
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Words(Vec<Scalar>),
            Text(Scalar),
        }
        Ok(Self(match Form::deserialize(deserializer)? {
            Form::Words(words) => words.into_iter().map(|word| word.0).collect(),
            Form::Text(text) => vec![text.0],
        }))
    }
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            List(Vec<String>),
            Map(BTreeMap<String, Addresses>),
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Addresses {
            One(String),
            Several(Vec<String>),
        }
        let mut hosts = Vec::new();
        match Form::deserialize(deserializer)? {
            Form::List(entries) => {
                for entry in entries {
                    let pair = entry.split_once('=').or_else(|| entry.split_once(':'));
                    let (name, address) = pair
                        .ok_or_else(|| serde::de::Error::custom("extra_hosts lacks an address"))?;
                    hosts.push((name.to_owned(), address.to_owned()));
                }
            }
            Form::Map(map) => {
                for (name, addresses) in map {
                    match addresses {
                        Addresses::One(address) => hosts.push((name, address)),
                        Addresses::Several(several) => {
                            hosts.extend(several.into_iter().map(|address| (name.clone(), address)))
                        }
                    }
                }
            }
        }
        Ok(Self(hosts))
    }
}
