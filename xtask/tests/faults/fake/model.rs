//! An engine that exists in a file: what the fake `docker` tells and changes, and what the tests
//! set up and compare.
#![allow(
    dead_code,
    reason = "the fake and the tests each use a part of what they share"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What clients wrote, by number: no two writes have the same, so that it can be told of each where
/// it is.
pub(crate) type Writes = BTreeSet<u64>;

/// Everything on the engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Its id.
    pub(crate) engine: String,
    /// Whether it answers no more.
    pub(crate) gone: bool,
    /// Whether the client is a newer one, which words that otherwise.
    #[serde(default)]
    pub(crate) newer: bool,
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) volumes: BTreeMap<String, Volume>,
    pub(crate) networks: BTreeMap<String, Network>,
    /// How containers fare that are started from now on, by name; the others run.
    pub(crate) fates: BTreeMap<String, Fate>,
    /// Volumes that somebody writes to without pause, and how much is there at any moment.
    pub(crate) writers: BTreeMap<String, u64>,
    /// For how many probes to come every container reaches every other one.
    #[serde(default)]
    pub(crate) gaps: usize,
    /// What the engine tells of networks that were made or removed.
    #[serde(default)]
    pub(crate) network_events: Vec<String>,
    /// Every write that a client was answered, by the volume.
    #[serde(default)]
    pub(crate) acknowledged: BTreeMap<String, Writes>,
    /// When which container was frozen: its id by moment.
    #[serde(default)]
    pub(crate) freezes: BTreeMap<String, String>,
    /// Counts the moments, so that no two objects are made or started at the same one.
    moments: u64,
    /// How many changes were begun since the orders were given.
    pub(crate) changes: usize,
    /// How often each order's call was seen, by the order's number.
    pub(crate) seen: BTreeMap<usize, usize>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) project: String,
    pub(crate) image: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) command: Vec<String>,
    /// Where each volume is mounted: folder to volume name.
    pub(crate) mounts: BTreeMap<String, String>,
    /// Container port to host port.
    pub(crate) ports: BTreeMap<String, String>,
    /// The password that it was started with.
    pub(crate) password: String,
    /// The network that it is on, where it is not its project's own.
    #[serde(default)]
    pub(crate) network: String,
    pub(crate) status: String,
    pub(crate) started_at: String,
    pub(crate) fate: Fate,
    /// Redis: what ACL LIST answers.
    pub(crate) users: Vec<String>,
    /// Redis: the settings that were changed.
    pub(crate) drift: Vec<String>,
    /// The folder of its volume that a scratch server serves, where it is not the volume's own.
    #[serde(default)]
    pub(crate) folder: String,
}

impl Container {
    pub(crate) fn network(&self) -> String {
        match self.network.as_str() {
            "" => format!("{}-network", self.project),
            other => other.to_owned(),
        }
    }
}

/// What becomes of a container that is started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fate {
    /// It ends at once, with this exit code.
    pub(crate) ends_with: Option<i64>,
    pub(crate) out_of_memory: bool,
    /// What its health check complains of, for ever.
    pub(crate) sick: Option<String>,
    pub(crate) log: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Volume {
    pub(crate) created_at: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// A Neo4j store, once a server has run on it.
    pub(crate) graph: Option<Graph>,
    /// Redis: the number of keys.
    pub(crate) keys: u64,
    /// Which clients wrote of them.
    #[serde(default)]
    pub(crate) writes: Writes,
    /// How many of them have no environment's prefix.
    #[serde(default)]
    pub(crate) bare: u64,
    /// It is a whole copy of an old volume.
    #[serde(default)]
    pub(crate) kept: bool,
    /// A store's dump, in a folder of its own.
    #[serde(default)]
    pub(crate) dump: Option<Box<Graph>>,
    /// An old volume's data is being filled into it, by the command with these words.
    #[serde(default)]
    pub(crate) adopting: Option<String>,
    /// What restores have loaded beside it, by the snapshot's id.
    #[serde(default)]
    pub(crate) incoming: BTreeMap<String, Beside>,
    /// What was there before restores, by the id of the snapshot that was put in place.
    #[serde(default)]
    pub(crate) before: BTreeMap<String, Beside>,
}

impl Volume {
    /// The folder that the restore of a snapshot fills.
    pub(crate) fn beside(&mut self, id: &str) -> &mut Beside {
        self.incoming.entry(id.to_owned()).or_default()
    }
}

/// The snapshot of whose restore a folder is.
pub(crate) fn incoming(folder: &str) -> Option<&str> {
    let (_, rest) = folder.split_once(".incoming-")?;
    rest.split('/').next()
}

/// A store in a folder beside a volume's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beside {
    pub(crate) graph: Option<Graph>,
    pub(crate) keys: u64,
    #[serde(default)]
    pub(crate) writes: Writes,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Graph {
    pub(crate) edition: String,
    pub(crate) databases: BTreeSet<String>,
    /// The one that the server calls its home.
    pub(crate) home: String,
    /// Its store's own number: a new store has another.
    pub(crate) store: String,
    pub(crate) password: String,
    /// What Bolt answers to every login, and to every statement: a code and a message.
    #[serde(default)]
    pub(crate) refuses_logins: Option<[String; 2]>,
    #[serde(default)]
    pub(crate) refuses_statements: Option<[String; 2]>,
    pub(crate) users: Vec<String>,
    /// The settings that were changed.
    pub(crate) settings: Vec<String>,
    pub(crate) nodes: u64,
    /// Which clients wrote of them.
    #[serde(default)]
    pub(crate) writes: Writes,
    /// The environment's label that all of them carry; empty where they carry none.
    #[serde(default)]
    pub(crate) label: String,
    pub(crate) relationships: u64,
    pub(crate) constraints: BTreeSet<String>,
    pub(crate) indexes: BTreeSet<String>,
    pub(crate) lookup_indexes: BTreeSet<String>,
}

impl Graph {
    /// What a server makes of an empty volume.
    pub(crate) fn fresh(database: &str, password: &str) -> Self {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self {
            edition: "community".to_owned(),
            databases: names(&[database, "system"]),
            home: database.to_owned(),
            password: password.to_owned(),
            users: vec!["neo4j".to_owned()],
            lookup_indexes: names(&["index_343aff4e", "index_f7700477"]),
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Network {
    pub(crate) id: String,
    pub(crate) labels: BTreeMap<String, String>,
}

impl State {
    /// A moment that no other was.
    pub(crate) fn moment(&mut self) -> String {
        self.moments += 1;
        let seconds = self.moments;
        format!(
            "2026-01-{:02}T{:02}:{:02}:{:02}Z",
            1 + seconds / 86_400,
            seconds / 3600 % 24,
            seconds / 60 % 60,
            seconds % 60
        )
    }

    /// An id that no other object has, also by its first twelve characters.
    pub(crate) fn id(&mut self) -> String {
        self.moments += 1;
        format!("{:012x}{:052x}", self.moments, self.moments)
    }

    /// A client writes a node or a key to each of these servers that answers.
    pub(crate) fn write(&mut self, containers: &[String]) {
        for name in containers {
            let Some(server) = self.containers.get(name) else {
                continue;
            };
            let data = server.mounts.get("/data").cloned().unwrap_or_default();
            let answers = server.status == "running" && server.fate.sick.is_none();
            let Some(volume) = self.volumes.get_mut(&data).filter(|_| answers) else {
                continue;
            };
            self.moments += 1;
            match &mut volume.graph {
                Some(graph) => {
                    graph.nodes += 1;
                    graph.writes.insert(self.moments);
                }
                None => {
                    volume.keys += 1;
                    volume.writes.insert(self.moments);
                }
            }
            let acknowledged = self.acknowledged.entry(data).or_default();
            acknowledged.insert(self.moments);
        }
    }

    /// The name of the container with that id.
    pub(crate) fn container_of(&self, id: &str) -> Option<String> {
        let named = |(name, container): (&String, &Container)| {
            (container.id == id || name == id).then(|| name.clone())
        };
        self.containers.iter().find_map(named)
    }

    /// The containers that mount a volume: id and name.
    pub(crate) fn users_of(&self, volume: &str) -> Vec<(String, String)> {
        let mounts = |container: &Container| container.mounts.values().any(|name| name == volume);
        self.containers
            .iter()
            .filter(|(_, container)| mounts(container))
            .map(|(name, container)| (container.id.clone(), name.clone()))
            .collect()
    }
}

/// Where an engine is kept, and the one way to it: under a lock.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn state(&self) -> State {
        let _lock = self.lock();
        self.load()
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let _lock = self.lock();
        let mut state = self.load();
        let result = change(&mut state);
        let text = serde_json::to_string(&state).expect("a state is JSON");
        fs::write(self.file("state.json"), text).expect("the engine's state is written");
        result
    }

    /// Appends a line to what the tests read afterwards.
    pub(crate) fn log(&self, line: &Value) {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.file("log.jsonl"))
            .expect("the fake's log opens");
        file.write_all(format!("{line}\n").as_bytes())
            .expect("the fake's log is written");
    }

    fn load(&self) -> State {
        match fs::read_to_string(self.file("state.json")) {
            Ok(text) => serde_json::from_str(&text).expect("the engine's state is whole"),
            Err(_) => State::default(),
        }
    }

    /// Held until the file is closed.
    fn lock(&self) -> File {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.file("lock"))
            .expect("the engine's lock opens");
        flock(&file, FlockOperation::LockExclusive).expect("the engine's lock is taken");
        file
    }
}
