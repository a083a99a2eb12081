//! What an environment's compose file renders to, as far as the engine's objects are compared with
//! it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use compose_audit::shared::Shared;

/// A rendered compose file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Model {
    #[serde(default)]
    name: String,
    pub(crate) services: BTreeMap<String, ServiceModel>,
    #[serde(default)]
    volumes: BTreeMap<String, Named>,
    #[serde(default)]
    networks: BTreeMap<String, NetworkModel>,
    #[serde(default)]
    configs: BTreeMap<String, FileModel>,
    #[serde(default)]
    secrets: BTreeMap<String, FileModel>,
    #[serde(default, rename = "x-tta-shared")]
    shared: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct NetworkModel {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) internal: bool,
    #[serde(default)]
    pub(crate) enable_ipv6: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct FileModel {
    /// Where it lies on the host; none for what compose copies into the container.
    file: Option<String>,
}

/// One service, as compose would start it. Compose doubles every `$` in what it prints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct ServiceModel {
    pub(crate) container_name: Option<String>,
    pub(crate) image: String,
    #[serde(default)]
    command: Option<Vec<String>>,
    #[serde(default)]
    entrypoint: Option<Vec<String>>,
    #[serde(default)]
    environment: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) ports: Vec<Port>,
    #[serde(default)]
    volumes: Vec<MountModel>,
    #[serde(default)]
    configs: Vec<Placed>,
    #[serde(default)]
    secrets: Vec<Placed>,
    #[serde(default)]
    networks: BTreeMap<String, Value>,
    #[serde(default)]
    healthcheck: Option<HealthModel>,
    #[serde(default)]
    pub(crate) restart: Option<String>,
    #[serde(default)]
    mem_limit: Option<String>,
    #[serde(default)]
    profiles: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Port {
    #[serde(default)]
    pub(crate) host_ip: String,
    pub(crate) target: u16,
    #[serde(default)]
    pub(crate) published: String,
    #[serde(default = "tcp")]
    pub(crate) protocol: String,
}

fn tcp() -> String {
    "tcp".to_owned()
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct MountModel {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    source: String,
    target: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Placed {
    source: String,
    #[serde(default)]
    target: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct HealthModel {
    #[serde(default)]
    test: Option<Vec<String>>,
}

impl Model {
    /// # Errors
    /// The text is no rendered compose file of the known form.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map_err(|error| format!("the rendered compose file is not of the known form: {error}"))
    }

    /// Whether it is the project of that name, with nothing left open for the surroundings to fill
    /// and nothing behind a profile: then it is the same in whatever way it was rendered.
    pub(crate) fn is_whole(&self, project: &str) -> bool {
        self.name == project
            && self.services.values().all(|service| {
                service.profiles.is_empty() && service.environment.values().all(Option::is_some)
            })
    }

    /// What the file declares to be shared.
    pub(crate) fn shared(&self) -> Shared {
        Shared::parse(self.shared.as_ref())
    }

    /// The networks of a service, by the names that they have on the engine.
    pub(crate) fn networks_of(&self, service: &ServiceModel) -> Vec<&str> {
        let named = |key: &String| Some(self.networks.get(key)?.name.as_str());
        service.networks.keys().filter_map(named).collect()
    }

    /// A network by the name that it has on the engine.
    pub(crate) fn network(&self, name: &str) -> Option<&NetworkModel> {
        self.networks.values().find(|network| network.name == name)
    }

    /// What a service mounts: where inside, and a volume's name or a path of the host.
    pub(crate) fn mounts_of(&self, service: &ServiceModel) -> BTreeMap<String, String> {
        let volumes = service.volumes.iter().map(|mount| {
            let source = match self.volumes.get(&mount.source) {
                Some(volume) if mount.kind == "volume" => volume.name.clone(),
                _ => mount.source.clone(),
            };
            (mount.target.clone(), source)
        });
        let files = |placed: &'_ [Placed],
                     files: &'_ BTreeMap<String, FileModel>,
                     default: &'static str|
         -> Vec<(String, String)> {
            let mount = |one: &Placed| {
                let source = files.get(&one.source)?.file.clone()?;
                let target = match &one.target {
                    Some(target) if target.starts_with('/') => target.clone(),
                    Some(target) => format!("{default}{target}"),
                    None => format!("{default}{}", one.source),
                };
                Some((target, source))
            };
            placed.iter().filter_map(mount).collect()
        };
        volumes
            .chain(files(&service.configs, &self.configs, "/"))
            .chain(files(&service.secrets, &self.secrets, "/run/secrets/"))
            .collect()
    }
}

impl ServiceModel {
    /// None where the image's own is run.
    pub(crate) fn command(&self) -> Option<Vec<String>> {
        self.command.as_deref().map(plain)
    }

    pub(crate) fn entrypoint(&self) -> Option<Vec<String>> {
        self.entrypoint.as_deref().map(plain)
    }

    /// The variables that it sets.
    pub(crate) fn environment(&self) -> BTreeMap<&str, String> {
        let set = self.environment.iter();
        set.filter_map(|(name, value)| Some((name.as_str(), undoubled(value.as_ref()?))))
            .collect()
    }

    /// The words of its health check.
    pub(crate) fn health(&self) -> Option<Vec<String>> {
        Some(plain(self.healthcheck.as_ref()?.test.as_deref()?))
    }

    /// In bytes; 0 where there is no limit.
    pub(crate) fn memory(&self) -> Option<i64> {
        match &self.mem_limit {
            None => Some(0),
            Some(limit) => limit.parse().ok(),
        }
    }
}

fn plain(words: &[String]) -> Vec<String> {
    words.iter().map(undoubled).collect()
}

fn undoubled(text: impl AsRef<str>) -> String {
    text.as_ref().replace("$$", "$")
}
