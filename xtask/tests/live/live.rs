//! An instance of a scenario's own, and its end.
//!
//! Its name says which process made it: the program's [mark](crate::MARK), seven digits of a process id, two of a number. What a
//! killed run left is found by that name and removed when no such test process is alive any more.
//! Objects are removed by the exact names that an instance of that name can have, by nothing else.

use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, Once, PoisonError};
use std::time::Instant;

use environments::render::{self, Secrets, Target};
use environments::{Deployment, Environment, Instance, PublishedPorts};
use tempfile::TempDir;

use crate::docker::{docker, tried};
use crate::harness::{Xtask, xtask};

pub(crate) const ENVIRONMENTS: [&str; 4] = ["dev", "test", "staging", "prod"];
const SERVICES: [&str; 2] = ["neo4j", "redis"];

/// A second set of environments, for one scenario. Dropping it removes it, after a failure too.
pub(crate) struct Live {
    pub(crate) name: String,
    /// `TTA_STATE`, and whatever else the scenario writes.
    pub(crate) folder: TempDir,
    scenario: &'static str,
    started: Instant,
    slots: usize,
}

impl Live {
    /// For a scenario that starts one or two environments.
    pub(crate) fn new(scenario: &'static str) -> Self {
        Self::taking(1, scenario)
    }

    /// For one that starts three at once: nothing else runs beside it.
    pub(crate) fn alone(scenario: &'static str) -> Self {
        Self::taking(SLOTS, scenario)
    }

    fn taking(slots: usize, scenario: &'static str) -> Self {
        static SWEPT: Once = Once::new();
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let answer = tried(&["info", "--format", "{{.ID}}"]);
        assert!(
            answer.code == Some(0) && !answer.stdout.trim().is_empty(),
            "no Docker engine answers: cargo xtask quickstart"
        );
        SWEPT.call_once(sweep);
        take(slots);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        Self {
            name: format!("{}{:07}{number:02}", crate::MARK, std::process::id()),
            folder: tempfile::tempdir().expect("a folder"),
            scenario,
            started: Instant::now(),
            slots,
        }
    }

    /// `cargo xtask --instance NAME ARGS`, with no secret of the person who runs the tests.
    pub(crate) fn xtask(&self, args: &[&str]) -> Xtask {
        xtask(&["--instance", &self.name])
            .args(args)
            .env("TTA_STATE", self.folder.path().display().to_string())
            .env("TTA_BACKUPS", self.backups().display().to_string())
            .unset("TTA_STAGING_PASSWORD")
    }

    /// `TTA_BACKUPS`.
    pub(crate) fn backups(&self) -> std::path::PathBuf {
        self.folder.path().join("backups")
    }

    /// `cargo xtask up ENV…`, which must succeed.
    #[track_caller]
    pub(crate) fn up(&self, environments: &[&str]) {
        self.xtask(&["up"]).args(environments).run().code(0);
    }

    pub(crate) fn container(&self, environment: &str, service: &str) -> String {
        container(&self.name, environment, service)
    }

    /// Neo4j's data, Neo4j's logs, Redis' data.
    pub(crate) fn volumes(&self, environment: &str) -> [String; 3] {
        volumes(&self.name, environment)
    }

    pub(crate) fn network(&self, environment: &str) -> String {
        format!("tta-{}-{environment}-network", self.name)
    }

    /// The compose file that the tool has rendered for this instance.
    pub(crate) fn compose_file(&self, environment: &str) -> String {
        let file = format!(
            "compose/instances/{}/{environment}/docker-compose.{environment}.yml",
            self.name
        );
        let path = self.folder.path().join(file);
        assert!(path.is_file(), "{} was not rendered", path.display());
        path.display().to_string()
    }

    /// The same file where no command of the tool has written it: as rendered, with ports that are
    /// free now.
    pub(crate) fn rendered(&self, environment: Environment) -> String {
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let [http, bolt, redis] = listeners.map(|one| one.local_addr().expect("an address").port());
        let ports = PublishedPorts { http, bolt, redis };
        let instance = Instance::named(&self.name).expect("a name");
        let deployment = Deployment::new(environment, instance);
        let target = Target::new(deployment, Some(ports), Secrets::well_known())
            .expect("it publishes ports");
        let folder = self.folder.path().join("rendered");
        let mut compose = None;
        for file in render::deployment_files(&target) {
            let path = folder.join(&file.path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, &file.contents).expect("written");
            compose.get_or_insert(path.display().to_string());
        }
        compose.expect("a compose file")
    }

    /// Plain `docker compose` on that file.
    pub(crate) fn compose<'a>(
        &self,
        file: &'a str,
        environment: &str,
        args: &[&'a str],
    ) -> Vec<String> {
        let project = format!("tta-{}-{environment}", self.name);
        let head = ["compose", "--project-name", &project, "--file", file].map(str::to_owned);
        let args = args.iter().map(ToString::to_string);
        head.into_iter().chain(args).collect()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if std::thread::panicking() {
            keep_logs(&self.name);
        }
        // Given back also when the engine hangs and the clean-up fails: others wait for them.
        let _slots = Taken(self.slots);
        remove(&self.name);
        eprintln!(
            "{:7.1} s  {}",
            self.started.elapsed().as_secs_f64(),
            self.scenario
        );
    }
}

fn container(instance: &str, environment: &str, service: &str) -> String {
    format!("tta-{instance}-{environment}-{service}")
}

pub(crate) fn volumes(instance: &str, environment: &str) -> [String; 3] {
    ["neo4j_ENV_data", "neo4j_ENV_logs", "redis_ENV_data"]
        .map(|name| format!("tta_{instance}_{}", name.replace("ENV", environment)))
}

/// Removes whatever an instance of that name can have. What isn't there is passed over.
fn remove(instance: &str) {
    thaw(instance);
    remove_visitors(instance);
    let all = |names: &dyn Fn(&str) -> Vec<String>| -> Vec<String> {
        ENVIRONMENTS.iter().flat_map(|one| names(one)).collect()
    };
    let mut containers = all(&|one| {
        SERVICES
            .map(|service| container(instance, one, service))
            .to_vec()
    });
    let mut volumes = all(&|one| volumes(instance, one).to_vec());
    // What `adopt` makes for itself, and what its tests make it from.
    containers.extend(
        containers
            .clone()
            .iter()
            .map(|name| format!("{name}-adopting")),
    );
    volumes.extend(
        volumes
            .clone()
            .iter()
            .map(|name| format!("{name}_adopting")),
    );
    volumes.extend(volumes.clone().iter().map(|name| format!("{name}_kept")));
    let old = SERVICES.map(|service| format!("old_{instance}_{service}"));
    containers.extend(old.clone());
    volumes.extend(old);
    let networks = all(&|one| vec![format!("tta-{instance}-{one}-network")]);
    for (command, names) in [
        (&["rm", "--force", "--volumes"][..], containers),
        (&["volume", "rm", "--force"], volumes),
        (&["network", "rm"], networks),
    ] {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        tried(&[command, &names].concat());
    }
    remove_scratch(instance);
    remove_locks(instance);
}

/// Thaws what a killed test has left frozen: the engine (26.1) takes minutes to remove such a one,
/// and hangs on one that the kernel thawed only by half. Its cgroup is thawed beside it then.
fn thaw(instance: &str) {
    let filter = format!("label=org.tta.instance={instance}");
    let filters = ["--filter", "status=paused", "--filter", &filter];
    let paused = tried(&[&["ps", "--all", "--quiet", "--no-trunc"][..], &filters].concat());
    for id in paused.stdout.lines() {
        for (file, word) in [
            (
                format!("/sys/fs/cgroup/freezer/docker/{id}/freezer.state"),
                "THAWED",
            ),
            (
                format!("/sys/fs/cgroup/system.slice/docker-{id}.scope/cgroup.freeze"),
                "0",
            ),
            (format!("/sys/fs/cgroup/docker/{id}/cgroup.freeze"), "0"),
        ] {
            if Path::new(&file).exists() {
                // Another user's engine, and an older kernel, say no: the engine thaws it below.
                let _ = std::fs::write(&file, word);
            }
        }
        tried(&["unpause", id]);
    }
}

/// Removes what a test has put beside an instance: containers, volumes and networks whose names
/// begin as its own do, and which nobody else can have named so.
fn remove_visitors(instance: &str) {
    for (list, remove, prefix) in [
        (
            &["ps", "--all", "--format", "{{.Names}}"][..],
            &["rm", "--force", "--volumes"][..],
            format!("tta-{instance}-"),
        ),
        (
            &["volume", "ls", "--quiet"],
            &["volume", "rm", "--force"],
            format!("tta-{instance}-"),
        ),
        (
            &["network", "ls", "--format", "{{.Name}}"],
            &["network", "rm"],
            format!("tta-{instance}-"),
        ),
    ] {
        let listed = tried(list).stdout;
        let names: Vec<&str> = listed
            .lines()
            .filter(|name| name.starts_with(&prefix))
            .collect();
        if !names.is_empty() {
            tried(&[remove, &names].concat());
        }
    }
}

/// What a killed snapshot of an instance has left: it has the label of a run and a name of scratch.
fn remove_scratch(instance: &str) {
    for (list, remove) in [
        (
            &["ps", "--all", "--format", "{{.Names}}"][..],
            &["rm", "--force", "--volumes"][..],
        ),
        (
            &["volume", "ls", "--format", "{{.Name}}"],
            &["volume", "rm"],
        ),
    ] {
        let label = format!("label=org.tta.instance={instance}");
        let filters = ["--filter", &label, "--filter", "label=org.tta.run"];
        let said = tried(&[list, &filters].concat());
        for name in said.stdout.lines().filter(|name| name.contains("scratch")) {
            tried(&[remove, &[name]].concat());
        }
    }
}

/// The files under which the tool has locked an instance: their names end with `.ENV.NAME.lock`.
fn remove_locks(instance: &str) {
    let ends = ENVIRONMENTS.map(|one| format!(".{one}.{instance}.lock"));
    for folder in ["/run/lock".into(), std::env::temp_dir()] {
        for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if name.starts_with("tta.") && ends.iter().any(|end| name.ends_with(end)) {
                // Another user's file in a sticky folder stays.
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

/// The last lines of the servers of a scenario that failed.
fn keep_logs(instance: &str) {
    let filter = format!("label=org.tta.instance={instance}");
    let names = tried(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]);
    for name in names.stdout.lines() {
        let log = tried(&["logs", "--tail", "8", name]);
        eprintln!("--- {name}\n{}{}", log.stdout, log.stderr);
    }
}

/// Removes the instances of earlier runs of these tests whose process is gone.
pub(crate) fn sweep() {
    let label = "{{.Label \"org.tta.instance\"}}";
    let mut found: Vec<String> = Vec::new();
    for list in [&["ps", "--all"][..], &["volume", "ls"], &["network", "ls"]] {
        let filter = ["--filter", "label=org.tta.instance", "--format", label];
        found.extend(docker(&[list, &filter].concat()).lines().map(str::to_owned));
    }
    found.sort_unstable();
    found.dedup();
    for instance in found {
        if maker(&instance).is_some_and(|process| !is_a_live_test(process)) {
            eprintln!("removing {instance}, which a killed run left");
            remove(&instance);
        }
    }
}

/// The process that made an instance of these tests; nothing for any other instance.
pub(crate) fn maker(instance: &str) -> Option<u32> {
    let digits = instance.strip_prefix(crate::MARK)?;
    let all_digits = digits.len() == 9 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.get(..7).filter(|_| all_digits)?.parse().ok()
}

/// Whether a process is one of these tests: its number alone may have gone to another program.
pub(crate) fn is_a_live_test(process: u32) -> bool {
    let program = std::fs::read_link(format!("/proc/{process}/exe")).unwrap_or_default();
    let name = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Path::new(&format!("/proc/{process}")).exists() && name.starts_with(crate::PROGRAM)
}

/// How many scenarios run at a time: each of them starts servers, and each start takes a core.
const SLOTS: usize = 2;
static FREE: Mutex<usize> = Mutex::new(SLOTS);
static FREED: Condvar = Condvar::new();

fn take(slots: usize) {
    let free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut free = FREED
        .wait_while(free, |free| *free < slots)
        .unwrap_or_else(PoisonError::into_inner);
    *free -= slots;
}

/// Dropping it gives them back.
struct Taken(usize);

impl Drop for Taken {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(PoisonError::into_inner) += self.0;
        FREED.notify_all();
    }
}
