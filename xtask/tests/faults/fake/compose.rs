//! What `docker compose up` makes of a rendered file, one change at a time.
#![allow(
    dead_code,
    reason = "the fake and the tests each use a part of what they share"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::model::{Container, Graph, Network, State, Volume};

/// A compose file, as far as the fake has to know it.
#[derive(Debug)]
pub(crate) struct Project {
    name: String,
    services: Vec<Service>,
    volumes: BTreeMap<String, VolumeEntry>,
    network: String,
    network_labels: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Service {
    container: String,
    image: String,
    labels: BTreeMap<String, String>,
    command: Vec<String>,
    /// Volume key and folder.
    mounts: Vec<(String, String)>,
    /// Host port and container port.
    ports: Vec<(String, String)>,
    /// Neo4j's database; none for Redis.
    database: Option<String>,
    password: String,
    users: Vec<String>,
}

#[derive(Debug)]
struct VolumeEntry {
    name: String,
    external: bool,
    labels: BTreeMap<String, String>,
}

/// One change that brings an engine nearer to a project.
#[derive(Debug)]
pub(crate) enum Step {
    Network,
    Volume(String),
    Remove(usize),
    Create(usize),
    Start(usize),
}

impl Project {
    /// Reads a rendered file. Secrets come from compose's own environment.
    pub(crate) fn read(name: &str, file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let text = fs::read_to_string(file)
            .unwrap_or_else(|error| panic!("compose file {}: {error}", file.display()));
        let document = document(&text);
        let folder = file.parent().expect("a file has a folder");
        let users = users(&document, folder, env);
        let secret = |what: &str| {
            let variable = document["secrets"][what]["environment"].as_str()?;
            env(variable)
        };
        let service = |service: &Value| {
            let settings = &service["environment"];
            let written = settings["NEO4J_AUTH"]
                .as_str()
                .and_then(|auth| auth.strip_prefix("neo4j/"))
                .or_else(|| settings["TTA_REDIS_PASSWORD"].as_str());
            let given = || secret("neo4j_password").or_else(|| secret("redis_password"));
            Service {
                container: text_of(&service["container_name"]),
                image: text_of(&service["image"]),
                labels: labels(&service["labels"]),
                command: words(&service["command"]),
                mounts: pairs(&service["volumes"]),
                ports: pairs(&service["ports"]),
                database: settings["NEO4J_initial_dbms_default__database"]
                    .as_str()
                    .map(str::to_owned),
                password: written
                    .map(str::to_owned)
                    .or_else(given)
                    .unwrap_or_default(),
                users: users.clone(),
            }
        };
        let volumes = entries(&document["volumes"]).map(|(key, volume)| {
            let volume = VolumeEntry {
                name: text_of(&volume["name"]),
                external: volume["external"] == "true",
                labels: labels(&volume["labels"]),
            };
            (key.clone(), volume)
        });
        let network = &document["networks"]["default"];
        Self {
            name: name.to_owned(),
            services: entries(&document["services"])
                .map(|(_, value)| service(value))
                .collect(),
            volumes: volumes.collect(),
            network: text_of(&network["name"]),
            network_labels: labels(&network["labels"]),
        }
    }

    /// The next change that is needed, if any. A container is started once only.
    pub(crate) fn next(
        &self,
        state: &State,
        started: &BTreeSet<usize>,
    ) -> Result<Option<Step>, String> {
        for volume in self.volumes.values().filter(|volume| volume.external) {
            if !state.volumes.contains_key(&volume.name) {
                return Err(format!("external volume {:?} not found", volume.name));
            }
        }
        if !state.networks.contains_key(&self.network) {
            return Ok(Some(Step::Network));
        }
        let missing =
            |(_, volume): &(&String, &VolumeEntry)| !state.volumes.contains_key(&volume.name);
        if let Some((key, _)) = self.volumes.iter().find(missing) {
            return Ok(Some(Step::Volume(key.clone())));
        }
        for (index, service) in self.services.iter().enumerate() {
            match state.containers.get(&service.container) {
                None => return Ok(Some(Step::Create(index))),
                Some(there) if self.differs(service, there) => {
                    return Ok(Some(Step::Remove(index)));
                }
                Some(_) => {}
            }
        }
        let waits = |(index, service): &(usize, &Service)| {
            let there = state.containers.get(&service.container);
            there.is_some_and(|there| there.status != "running") && !started.contains(index)
        };
        let waiting = self.services.iter().enumerate().find(waits);
        Ok(waiting.map(|(index, _)| Step::Start(index)))
    }

    /// Which object a step is about.
    pub(crate) fn subject(&self, step: &Step) -> String {
        let container = |index: &usize| format!("container {}", self.services[*index].container);
        match step {
            Step::Network => format!("network {}", self.network),
            Step::Volume(key) => format!("volume {}", self.volumes[key].name),
            Step::Remove(index) | Step::Create(index) | Step::Start(index) => container(index),
        }
    }

    pub(crate) fn apply(&self, state: &mut State, step: &Step) {
        match step {
            Step::Network => {
                let network = Network {
                    id: state.id(),
                    labels: self.network_labels.clone(),
                };
                state.networks.insert(self.network.clone(), network);
            }
            Step::Volume(key) => {
                let entry = &self.volumes[key];
                let volume = Volume {
                    created_at: state.moment(),
                    labels: entry.labels.clone(),
                    ..Volume::default()
                };
                state.volumes.insert(entry.name.clone(), volume);
            }
            Step::Remove(index) => {
                state.containers.remove(&self.services[*index].container);
            }
            Step::Create(index) => self.create(state, &self.services[*index]),
            Step::Start(index) => start(state, &self.services[*index]),
        }
    }

    /// Brings a project up in one go, for tests that begin with a running one.
    pub(crate) fn up(&self, state: &mut State) {
        let mut started = BTreeSet::new();
        while let Some(step) = self.next(state, &started).expect("it can be started") {
            self.apply(state, &step);
            if let Step::Start(index) = step {
                started.insert(index);
            }
        }
    }

    fn differs(&self, service: &Service, there: &Container) -> bool {
        there.labels != service.labels
            || there.image != service.image
            || there.command != service.command
            || there.project != self.name
    }

    fn create(&self, state: &mut State, service: &Service) {
        let mounted = |(key, folder): &(String, String)| {
            let volume = &self.volumes[key];
            (folder.clone(), volume.name.clone())
        };
        let container = Container {
            id: state.id(),
            project: self.name.clone(),
            image: service.image.clone(),
            labels: service.labels.clone(),
            command: service.command.clone(),
            mounts: service.mounts.iter().map(mounted).collect(),
            ports: service
                .ports
                .iter()
                .map(|(host, inside)| (inside.clone(), host.clone()))
                .collect(),
            password: service.password.clone(),
            status: "created".to_owned(),
            started_at: "0001-01-01T00:00:00Z".to_owned(),
            ..Container::default()
        };
        state
            .containers
            .insert(service.container.clone(), container);
    }
}

fn start(state: &mut State, service: &Service) {
    let now = state.moment();
    let fate = state.fates.get(&service.container).cloned();
    let Some(container) = state.containers.get_mut(&service.container) else {
        return;
    };
    container.fate = fate.unwrap_or_default();
    container.started_at = now;
    let ends = container.fate.ends_with.is_some();
    container.status = if ends { "exited" } else { "running" }.to_owned();
    let data = container.mounts.get("/data").cloned().unwrap_or_default();
    if service.database.is_none() {
        container.users.clone_from(&service.users);
    }
    let written = state.writers.get(&data).copied().unwrap_or_default();
    let store = format!("store of {}", container.started_at);
    let Some(volume) = state.volumes.get_mut(&data).filter(|_| !ends) else {
        return;
    };
    match &service.database {
        None => volume.keys = volume.keys.max(written),
        Some(database) => {
            let fresh = || Graph {
                store,
                ..Graph::fresh(database, &service.password)
            };
            let graph = volume.graph.get_or_insert_with(fresh);
            graph.nodes = graph.nodes.max(written);
            // A store that was loaded has no users: the first start makes them.
            if graph.users.is_empty() {
                (graph.users, graph.password) =
                    (vec!["neo4j".to_owned()], service.password.clone());
            }
        }
    }
}

/// The users that the Redis of a project has, as ACL LIST tells them.
fn users(document: &Value, folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let file = document["configs"]["redis_users"]["file"].as_str();
    let text = match file {
        Some(file) => fs::read_to_string(folder.join(file)).unwrap_or_default(),
        None => document["secrets"]["redis_users"]["environment"]
            .as_str()
            .and_then(env)
            .unwrap_or_default(),
    };
    let told = |line: &str| line.replacen(" on ", " on sanitize-payload ", 1);
    let mut users: Vec<String> = text.lines().map(told).collect();
    users.push("user tta-admin on sanitize-payload #00 ~* &* +@all".to_owned());
    users
}

/// The part of YAML that rendered files are written in: maps and lists by indentation, scalars,
/// and lists in brackets.
fn document(text: &str) -> Value {
    let lines: Vec<(usize, &str)> = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .map(|line| (line.len() - line.trim_start().len(), line.trim()))
        .collect();
    block(&lines)
}

fn block(lines: &[(usize, &str)]) -> Value {
    let Some((indent, first)) = lines.first() else {
        return Value::Null;
    };
    let starts: Vec<usize> = (0..lines.len())
        .filter(|line| lines[*line].0 == *indent)
        .collect();
    if first.starts_with("- ") {
        let items = starts.iter().map(|line| scalar(&lines[*line].1[2..]));
        return items.collect();
    }
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let entry = |(start, end): (&usize, usize)| {
        let (name, rest) = lines[*start].1.split_once(':').expect("a key and a colon");
        let inner = &lines[start + 1..end];
        let value = if rest.trim().is_empty() {
            block(inner)
        } else {
            scalar(rest.trim())
        };
        (name.to_owned(), value)
    };
    Value::Object(starts.iter().zip(ends).map(entry).collect())
}

fn scalar(text: &str) -> Value {
    if text.starts_with(['"', '[']) {
        serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
    } else {
        Value::from(text)
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    entries(value)
        .map(|(name, value)| (name.clone(), text_of(value)))
        .collect()
}

fn words(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(text_of)
        .collect()
}

/// `a:b` to a pair; an address before it is left out.
fn pairs(value: &Value) -> Vec<(String, String)> {
    let pair = |text: String| {
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            [.., left, right] => Some((left.to_owned(), right.to_owned())),
            _ => None,
        }
    };
    words(value).into_iter().filter_map(pair).collect()
}
