//! A fake engine with environments on it, a checkout, a state folder: all a test's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use environments::render::{self, Secrets, Target};
use environments::{Deployment, Environment, Instance, Service, Volume};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::compose::Project;
use crate::harness::{Xtask, xtask};
use crate::model::{Container, Folder, Graph, State};
use crate::orders::{Act, Order, When};

/// How long a test waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct Set {
    folder: TempDir,
    pub(crate) engine: Folder,
    id: String,
}

impl Set {
    /// An engine with nothing on it.
    pub(crate) fn empty() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::Builder::new()
            .prefix("faults")
            .tempdir()
            .expect("a folder");
        let unique = folder.path().file_name().expect("a name").to_string_lossy();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = format!("fake-{}-{number}-{unique}", std::process::id()).replace('.', "-");
        for name in ["bin", "engine", "home", "checkout/xtask", "checkout/docker"] {
            fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        let docker = folder.path().join("bin/docker");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fake-docker"), docker).expect("a link");
        let set = Self {
            engine: Folder::new(folder.path().join("engine")),
            folder,
            id,
        };
        for file in render::files(Secrets::well_known(), None).expect("it renders") {
            let path = set.checkout().join(&file.path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, file.contents).expect("a rendered file");
        }
        set.engine.change(|state| state.engine.clone_from(&set.id));
        set
    }

    /// An engine on which environments run that hold something each.
    pub(crate) fn running(environments: &[Environment]) -> Self {
        let set = Self::empty();
        for environment in environments {
            set.bring_up(&Deployment::new(*environment, Instance::main()));
        }
        set
    }

    /// Development with neighbours on all sides: the usual beginning.
    pub(crate) fn usual() -> Self {
        let set = Self::running(&Environment::LOCAL);
        let other = Instance::named("other").expect("a name");
        set.bring_up(&Deployment::new(Environment::Dev, other.clone()));
        set.bring_up(&Deployment::new(Environment::Test, other));
        set
    }

    pub(crate) fn bring_up(&self, deployment: &Deployment) {
        let environment = deployment.environment();
        let ports = environment.main_ports().map(|mut ports| {
            if !deployment.instance().is_main() {
                ports.http += 20_000;
                ports.bolt += 20_000;
                ports.redis += 20_000;
            }
            ports
        });
        let target =
            Target::new(deployment.clone(), ports, Secrets::well_known()).expect("a target");
        let folder = self.path("rendered").join(deployment.prefix());
        let files = render::deployment_files(&target);
        for file in &files {
            let path = folder.join(&file.path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, &file.contents).expect("a rendered file");
        }
        self.engine.change(|state| {
            // Staging's volumes are external: made before, with the labels of its target.
            for volume in Volume::ALL {
                let labels = target.labels().into_iter();
                let made = crate::model::Volume {
                    created_at: state.moment(),
                    labels: labels
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                    ..crate::model::Volume::default()
                };
                state.volumes.insert(deployment.volume(volume), made);
            }
            Project::read(&deployment.project(), &folder.join(&files[0].path), &|_| {
                None
            })
            .up(state);
            let graph = state.volumes.get_mut(&deployment.volume(Volume::Neo4jData));
            let graph = graph
                .and_then(|volume| volume.graph.as_mut())
                .expect("a store");
            graph.nodes = 3;
            graph.relationships = 2;
            graph.constraints.insert("agent id".to_owned());
            graph.indexes.insert("by`name".to_owned());
            let redis = deployment.volume(Volume::RedisData);
            state.volumes.get_mut(&redis).expect("a volume").keys = 5;
        });
    }

    /// The command on this engine.
    pub(crate) fn xtask(&self, args: &[&str]) -> Xtask {
        let path = |name: &str| self.path(name).display().to_string();
        let mut command = xtask(args)
            .env("PATH", path("bin"))
            .env("FAKE_ENGINE", path("engine"))
            .env("HOME", path("home"))
            .env("TTA_STATE", path("state"))
            .env("CARGO_MANIFEST_DIR", path("checkout/xtask"));
        // Whoever runs the tests may have a secret exported; a test gives its own.
        for name in ["TTA_STAGING_PASSWORD", "TTA_PROD_PASSWORD"] {
            command = command.env(name, "");
        }
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn checkout(&self) -> PathBuf {
        self.path("checkout")
    }

    /// What goes wrong from now on; replaces what was ordered before.
    pub(crate) fn order(&self, orders: &[(When, Act)]) {
        let orders: Vec<Order> = orders
            .iter()
            .map(|(when, act)| Order {
                when: when.clone(),
                act: act.clone(),
            })
            .collect();
        Order::give(&self.engine, &orders);
    }

    /// The first call whose words contain the text is answered so.
    pub(crate) fn answer(&self, call: &str, code: u8, stdout: &str, stderr: &str) {
        let act = Act::Reply {
            code,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        };
        self.order(&[(When::Call(call.to_owned(), 0), act)]);
    }

    pub(crate) fn state(&self) -> State {
        self.engine.state()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        self.engine.change(change);
    }

    pub(crate) fn change_container(
        &self,
        environment: Environment,
        service: Service,
        change: impl FnOnce(&mut Container),
    ) {
        let name = main_set(environment).container(service);
        self.change(|state| change(state.containers.get_mut(&name).expect("it is there")));
    }

    pub(crate) fn change_graph(&self, environment: Environment, change: impl FnOnce(&mut Graph)) {
        let name = main_set(environment).volume(Volume::Neo4jData);
        self.change(|state| {
            let volume = state.volumes.get_mut(&name).expect("it is there");
            change(volume.graph.as_mut().expect("it has a store"));
        });
    }

    pub(crate) fn graph(&self, environment: Environment) -> Graph {
        let name = main_set(environment).volume(Volume::Neo4jData);
        self.state().volumes[&name]
            .graph
            .clone()
            .expect("it has a store")
    }

    pub(crate) fn keys(&self, environment: Environment) -> u64 {
        self.state().volumes[&main_set(environment).volume(Volume::RedisData)].keys
    }

    /// A client writes to both servers of an environment of the main set, where they answer.
    pub(crate) fn write(&self, environment: Environment) {
        let servers = servers(environment);
        self.change(|state| state.write(&servers));
    }

    /// Fails unless an environment of the main set holds just that.
    #[track_caller]
    pub(crate) fn holds(&self, environment: Environment, nodes: u64, keys: u64) {
        let found = (self.graph(environment).nodes, self.keys(environment));
        assert_eq!(found, (nodes, keys), "{environment}");
    }

    /// Fails unless that many nodes are all that it holds, and its schema is that of a new store.
    #[track_caller]
    pub(crate) fn emptied(&self, environment: Environment, nodes: u64) {
        self.holds(environment, nodes, 0);
        let graph = self.graph(environment);
        assert_eq!(graph.relationships, 0, "{graph:?}");
        assert!(
            graph.constraints.is_empty() && graph.indexes.is_empty(),
            "{graph:?}"
        );
        assert_eq!(graph.lookup_indexes.len(), 2, "{graph:?}");
    }

    /// Lets a command have asked the fake engine what that does not know: here its answers don't
    /// matter.
    pub(crate) fn whatever_was_asked(&self) {
        let _ = fs::remove_file(self.engine.file("log.jsonl"));
    }

    fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.engine.file("log.jsonl")).unwrap_or_default();
        let parsed = |line: &str| serde_json::from_str(line).expect("the log is JSON");
        text.lines().map(parsed).collect()
    }

    /// What was logged so far is read no more, but for what the fake did not know.
    pub(crate) fn forget_log(&self) {
        let unknown = self
            .log()
            .into_iter()
            .filter(|line| !line["unknown"].is_null());
        let unknown: String = unknown.map(|line| format!("{line}\n")).collect();
        fs::write(self.engine.file("log.jsonl"), unknown).expect("the fake's log");
    }

    /// The words of every call so far, and what was piped in.
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        let words = |call: &Value| {
            let words = call["call"].as_array()?.iter().filter_map(Value::as_str);
            let line: Vec<&str> = words.collect();
            Some((line.join(" "), call["stdin"].as_str()?.to_owned()))
        };
        self.log().iter().filter_map(words).collect()
    }

    /// Every statement that was run over Bolt so far, and in which database.
    pub(crate) fn statements(&self) -> Vec<(String, String)> {
        let statement = |line: &Value| {
            let of = |name: &str| line[name].as_str().map(str::to_owned);
            Some((of("statement")?, of("database")?))
        };
        self.log().iter().filter_map(statement).collect()
    }

    /// The environment of every call so far.
    pub(crate) fn environments_of_calls(&self) -> Vec<BTreeMap<String, String>> {
        let env = |call: &Value| {
            let pairs: Vec<(String, String)> = serde_json::from_value(call["env"].clone()).ok()?;
            Some(pairs.into_iter().collect())
        };
        self.log().iter().filter_map(env).collect()
    }

    /// The object of every change so far.
    pub(crate) fn changes(&self) -> Vec<String> {
        let subject = |line: &Value| Some(line["subject"].as_str()?.to_owned());
        self.log().iter().filter_map(subject).collect()
    }

    /// Fails unless nothing on the engine was changed.
    #[track_caller]
    pub(crate) fn untouched(&self) {
        assert_eq!(
            self.changes(),
            Vec::<String>::new(),
            "something was touched"
        );
    }

    /// Fails where anything was changed that isn't of this environment of the main set.
    #[track_caller]
    pub(crate) fn touched_only(&self, environment: Environment) {
        let deployment = main_set(environment);
        let containers =
            Service::ALL.map(|service| format!("container {}", deployment.container(service)));
        let volumes = Volume::ALL.map(|volume| format!("volume {}", deployment.volume(volume)));
        let network = format!("network {}", deployment.network());
        for subject in self.changes() {
            let known =
                containers.contains(&subject) || volumes.contains(&subject) || subject == network;
            assert!(known, "{subject} is not of {environment}");
        }
    }

    /// All that is on the engine but this environment of the main set, to the byte.
    pub(crate) fn neighbours_of(&self, environment: Environment) -> String {
        let deployment = main_set(environment);
        let mut state = self.state();
        for service in Service::ALL {
            state.containers.remove(&deployment.container(service));
        }
        for volume in Volume::ALL {
            state.volumes.remove(&deployment.volume(volume));
        }
        state.networks.remove(&deployment.network());
        serde_json::to_string(&(state.containers, state.volumes, state.networks)).expect("JSON")
    }

    pub(crate) fn journal(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("state/journal.jsonl")).unwrap_or_default();
        let parsed = |line: &str| serde_json::from_str(line).expect("the journal is JSON lines");
        text.lines().map(parsed).collect()
    }

    /// Waits until an order that marks its place was carried out.
    pub(crate) fn await_mark(&self, name: &str) {
        let mark = self.engine.file(name);
        observe(&format!("the fake docker came to {name}"), || mark.exists());
    }

    /// Lets whoever waits for it go on.
    pub(crate) fn release(&self) {
        fs::write(self.engine.file("release"), "").expect("released");
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        for mark in ["hanging", "orphan"] {
            end(&self.engine.file(mark));
        }
        let ours = format!("tta.{}", self.id);
        for folder in ["/run/lock", "/tmp"] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(&ours) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        if !std::thread::panicking() {
            let unknown: Vec<Value> = self
                .log()
                .into_iter()
                .filter(|line| !line["unknown"].is_null())
                .collect();
            assert!(
                unknown.is_empty(),
                "the fake docker was asked what it does not know: {unknown:?}"
            );
        }
    }
}

/// Ends a fake docker that was left hanging: only one that is ours.
fn end(mark: &Path) {
    let pid = fs::read_to_string(mark)
        .ok()
        .and_then(|pid| pid.parse::<i32>().ok());
    let Some(pid) = pid else { return };
    let program = fs::read_link(format!("/proc/{pid}/exe"));
    if program.is_ok_and(|program| program == Path::new(env!("CARGO_BIN_EXE_fake-docker")))
        && let Some(pid) = Pid::from_raw(pid)
    {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Looks until it is so.
#[track_caller]
pub(crate) fn observe(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(3));
    }
}

/// The names of an environment's containers.
pub(crate) fn servers(environment: Environment) -> [String; 2] {
    Service::ALL.map(|service| main_set(environment).container(service))
}

pub(crate) fn main_set(environment: Environment) -> Deployment {
    Deployment::new(environment, Instance::main())
}

pub(crate) fn at_change(number: usize, act: Act) -> (When, Act) {
    (When::Change(number), act)
}

/// At the n-th call whose words contain the text.
pub(crate) fn at_call(words: &str, nth: usize, act: Act) -> (When, Act) {
    (When::Call(words.to_owned(), nth), act)
}

pub(crate) const WIPE: [&str; 3] = ["wipe-dev", "--confirm", "DELETE DEV DATA"];
