//! `docker`: what is there, and what is done to it by id.

pub(crate) mod containers;
mod disk;
pub(crate) mod freezer;
mod said;

use std::collections::BTreeMap;
use std::time::Duration;

use process::{Invocation, Reply, Runner, printable, tail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Failure, Result};

/// How long the engine may take over something that moves data.
const SLOW: Duration = Duration::from_secs(120);

/// One Docker engine, reached by the `docker` on PATH.
#[derive(Debug, Clone)]
pub(crate) struct Docker {
    runner: Runner,
    context: Option<String>,
}

/// The engine that answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Engine {
    /// Made once per engine, and kept with its data.
    #[serde(rename = "ID")]
    pub(crate) id: String,
    #[serde(rename = "ServerVersion")]
    pub(crate) version: String,
}

/// A container as `docker container inspect` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    pub(crate) id: String,
    name: String,
    /// The image's id: its name may have gone to another meanwhile.
    #[serde(default, rename = "Image")]
    image_id: String,
    /// When it was made, where that is told.
    #[serde(default)]
    pub(crate) created: String,
    pub(crate) state: ContainerState,
    config: ContainerConfig,
    #[serde(default)]
    restart_count: Option<u64>,
    #[serde(default)]
    pub(crate) mounts: Vec<Mount>,
    #[serde(default)]
    host_config: HostConfig,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ContainerState {
    pub(crate) status: String,
    pub(crate) started_at: String,
    #[serde(default)]
    pub(crate) exit_code: i64,
    #[serde(rename = "OOMKilled", default)]
    pub(crate) out_of_memory: bool,
    health: Option<Health>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerConfig {
    image: String,
    labels: Option<BTreeMap<String, String>>,
    cmd: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Mount {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) destination: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    port_bindings: Option<BTreeMap<String, Option<Vec<PortBinding>>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PortBinding {
    host_port: String,
}

impl Container {
    pub(crate) fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    pub(crate) fn running(&self) -> bool {
        self.state.status == "running"
    }

    /// `healthy`, `unhealthy`, `starting`, or nothing where there is no health check.
    pub(crate) fn health(&self) -> &str {
        self.state
            .health
            .as_ref()
            .map_or("", |health| health.status.as_str())
    }

    /// How often the engine has started it again by its restart policy, where it tells.
    pub(crate) const fn restarts(&self) -> Option<u64> {
        self.restart_count
    }

    pub(crate) fn image(&self) -> &str {
        &self.config.image
    }

    /// The very image that it runs, whatever its name stands for now.
    pub(crate) fn image_id(&self) -> &str {
        if self.image_id.is_empty() {
            self.image()
        } else {
            &self.image_id
        }
    }

    /// Whether its processes are frozen, by what the engine says and by what the kernel does.
    pub(crate) fn paused(&self) -> bool {
        self.state.status == "paused" || freezer::holds(&self.id)
    }

    pub(crate) fn command(&self) -> &[String] {
        self.config.cmd.as_deref().unwrap_or_default()
    }

    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        label(self.config.labels.as_ref(), name)
    }

    /// The host port that it publishes the container's port on, as it was asked to.
    pub(crate) fn published(&self, port: u16) -> Option<u16> {
        let bindings = self.host_config.port_bindings.as_ref()?;
        let binding = bindings.get(&format!("{port}/tcp"))?.as_ref()?.first()?;
        binding.host_port.parse().ok()
    }
}

/// A volume. It has no id: its name and the time it was made stand for one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VolumeState {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) created_at: String,
    labels: Option<BTreeMap<String, String>>,
}

impl VolumeState {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        label(self.labels.as_ref(), name)
    }
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkState {
    pub(crate) id: String,
    pub(crate) name: String,
    /// When it was made, where that is told.
    #[serde(default)]
    pub(crate) created: String,
    labels: Option<BTreeMap<String, String>>,
    /// The running containers on it, by their ids.
    containers: Option<BTreeMap<String, Member>>,
}

/// A container on a network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    #[serde(default)]
    name: String,
}

impl NetworkState {
    /// The ids and names of the running containers on it.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        let members = self.containers.iter().flatten();
        members.map(|(id, member)| (id.as_str(), member.name.as_str()))
    }

    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        label(self.labels.as_ref(), name)
    }
}

/// An image, by the name that it was asked by.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Image {
    /// Where it was pulled from, as `name@sha256:…`.
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    config: Option<ImageConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageConfig {
    labels: Option<BTreeMap<String, String>>,
}

impl Image {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        label(self.config.as_ref()?.labels.as_ref(), name)
    }

    /// The digest under which the registry of that reference has it; none for one made here.
    pub(crate) fn digest(&self, reference: &str) -> Option<&str> {
        let of_it = |digest: &&String| {
            let name = digest.split('@').next().unwrap_or_default();
            reference
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(':'))
        };
        self.repo_digests
            .as_ref()?
            .iter()
            .find(of_it)
            .map(String::as_str)
    }
}

fn label<'a>(labels: Option<&'a BTreeMap<String, String>>, name: &str) -> Option<&'a str> {
    labels?.get(name).map(String::as_str)
}

/// What came of a call for several objects.
#[derive(Debug)]
#[must_use]
pub(crate) struct Done {
    /// Those that the engine says it did it to: one that was so already is none of them.
    pub(crate) subjects: Vec<String>,
    pub(crate) outcome: Result<()>,
}

impl Docker {
    pub(crate) const fn new(runner: Runner, context: Option<String>) -> Self {
        Self { runner, context }
    }

    pub(crate) const fn runner(&self) -> &Runner {
        &self.runner
    }

    /// The same engine, asked on after Ctrl-C: for whatever has to be set right.
    pub(crate) fn steadfast(&self) -> Self {
        Self::new(self.runner.steadfast(), self.context.clone())
    }

    /// The Docker context that was chosen, if any.
    pub(crate) fn context(&self) -> Option<&str> {
        self.context.as_deref()
    }

    /// `docker`, led to the engine that was chosen.
    pub(crate) fn command(&self) -> Invocation {
        let command = Invocation::new("docker");
        match &self.context {
            None => command,
            Some(context) => command.args(["--context", context]),
        }
    }

    fn ask(&self, args: &[&str]) -> Result<Reply> {
        Ok(self
            .runner
            .run(&self.command().args(args.iter().copied()))?)
    }

    /// Which engine answers.
    ///
    /// # Errors
    /// None does. The hint says how to get one.
    pub(crate) fn engine(&self) -> Result<Engine> {
        let reply = self.ask(&["info", "--format", "{{json .}}"])?;
        let engine: Engine = serde_json::from_str(&reply.stdout).unwrap_or(Engine {
            id: String::new(),
            version: String::new(),
        });
        if engine.id.is_empty() || engine.version.is_empty() {
            let said = tail(&reply.stderr, 3).join("\n    ");
            let said = if said.is_empty() {
                tail(&reply.stdout, 3).join("\n    ")
            } else {
                said
            };
            return Err(Failure::failed(format!(
                "no Docker engine answers:\n    {}",
                printable(&said)
            ))
            .hint(
                "cargo xtask quickstart   (starts one; `cargo xtask doctor` says what is missing)",
            ));
        }
        Ok(engine)
    }

    /// The containers of those names. A name that no container has is left out.
    pub(crate) fn containers(&self, names: &[String]) -> Result<Vec<Container>> {
        self.inspect("container", names)
    }

    /// The volumes of those names. A name that no volume has is left out.
    pub(crate) fn volumes(&self, names: &[String]) -> Result<Vec<VolumeState>> {
        self.inspect("volume", names)
    }

    /// The networks of those names. A name that no network has is left out.
    pub(crate) fn networks(&self, names: &[String]) -> Result<Vec<NetworkState>> {
        self.inspect("network", names)
    }

    /// The networks of the engine that were made or removed within that time, as far as it still
    /// knows: it keeps the last 256 events (Docker 26.1).
    pub(crate) fn networks_changed(&self, within: Duration) -> Result<Vec<String>> {
        let since = format!("{}s", within.as_secs() + 1);
        let format = "{{.Action}} {{.Actor.Attributes.name}}";
        let kind = ["--filter", "type=network"];
        let actions = ["--filter", "event=create", "--filter", "event=destroy"];
        let span = ["events", "--since", &since, "--until", "0s"];
        let words = [&span[..], &kind, &actions, &["--format", format]].concat();
        let reply = self.ask(&words)?.ok()?;
        Ok(reply.stdout.lines().map(printable).collect())
    }

    /// All that the engine has of a kind: `container` (running or not), `network` or `volume`. What
    /// goes between the two calls is left out.
    pub(crate) fn all<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<T>> {
        self.listed(kind, &[])
    }

    /// The same of those that carry a label. A filter only finds candidates: what the label says is
    /// read from the objects themselves.
    pub(crate) fn carrying<T: DeserializeOwned>(&self, kind: &str, label: &str) -> Result<Vec<T>> {
        self.listed(kind, &["--filter", &format!("label={label}")])
    }

    fn listed<T: DeserializeOwned>(&self, kind: &str, filter: &[&str]) -> Result<Vec<T>> {
        let every: &[&str] = match kind {
            "container" => &["container", "ls", "--all", "--no-trunc", "--quiet"],
            "volume" => &["volume", "ls", "--quiet"],
            kind => &[kind, "ls", "--no-trunc", "--quiet"],
        };
        let reply = self.ask(&[every, filter].concat())?.ok()?;
        let names: Vec<String> = reply.stdout.lines().map(str::to_owned).collect();
        self.inspect(kind, &names)
    }

    /// The objects of a kind that have those names or ids. One that nothing has is left out.
    pub(crate) fn inspect<T: DeserializeOwned>(
        &self,
        kind: &str,
        names: &[String],
    ) -> Result<Vec<T>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let command = self.command().args([kind, "inspect"]).args(names);
        let reply = self.runner.run(&command)?;
        // Exit 1 and a line a name for what is absent; anything else on stderr is news.
        let absent = said::lines_of(&reply.stderr, names, said::ABSENT);
        if !reply.success() && (reply.code != 1 || absent.is_none()) {
            return Err(reply.failure().into());
        }
        let found: Vec<T> = serde_json::from_str(&reply.stdout)
            .map_err(|_| reply.unexpected("a list of objects in JSON"))?;
        // Each is there or said not to be: of which nothing is told, nothing is known.
        if found.len() + absent.unwrap_or_default() < names.len() {
            return Err(reply.unexpected("what it has of each name").into());
        }
        Ok(found)
    }

    /// The ids and names of all containers, running or not, that mount a volume.
    pub(crate) fn users_of_volume(&self, volume: &str) -> Result<Vec<String>> {
        let filter = format!("volume={volume}");
        let format = "{{.ID}} {{.Names}}";
        let reply = self
            .ask(&["ps", "--all", "--filter", &filter, "--format", format])?
            .ok()?;
        Ok(reply.stdout.lines().map(str::to_owned).collect())
    }

    /// The same for those that run, frozen ones among them.
    pub(crate) fn running_users_of_volume(&self, volume: &str) -> Result<Vec<String>> {
        let filter = format!("volume={volume}");
        let format = "{{.ID}} {{.Names}}";
        let reply = self
            .ask(&["ps", "--filter", &filter, "--format", format])?
            .ok()?;
        Ok(reply.stdout.lines().map(str::to_owned).collect())
    }

    /// The values of a label on all volumes that carry it.
    pub(crate) fn volume_label_values(&self, label: &str) -> Result<Vec<String>> {
        let filter = format!("label={label}");
        let format = format!("{{{{.Label {label:?}}}}}");
        let reply = self
            .ask(&["volume", "ls", "--filter", &filter, "--format", &format])?
            .ok()?;
        Ok(reply.stdout.lines().map(str::to_owned).collect())
    }

    pub(crate) fn create_volume(&self, name: &str, labels: &[(String, String)]) -> Result<()> {
        let labels = labels
            .iter()
            .map(|(name, value)| format!("--label={name}={value}"));
        let command = self
            .command()
            .args(["volume", "create"])
            .args(labels)
            .arg(name);
        self.runner.run(&command)?.ok()?;
        Ok(())
    }

    pub(crate) fn kill(&self, ids: &[String]) -> Done {
        self.each(&["kill"], ids, said::NOT_RUNNING)
    }

    /// Stops containers with the grace that their compose file gives them.
    pub(crate) fn stop(&self, ids: &[String]) -> Done {
        self.each(&["stop"], ids, said::ABSENT)
    }

    pub(crate) fn remove_containers(&self, ids: &[String]) -> Done {
        // Without --volumes the unnamed volumes that an image declares stay behind for ever. It removes
        // no volume that has a name.
        self.each(&["rm", "--force", "--volumes"], ids, said::REMOVED)
    }

    pub(crate) fn remove_network(&self, id: &str) -> Done {
        self.each(&["network", "rm"], &[id.to_owned()], said::ABSENT)
    }

    pub(crate) fn remove_volumes(&self, names: &[String]) -> Done {
        self.each(&["volume", "rm"], names, said::ABSENT)
    }

    /// One call for all. What it complains of may only be that the wanted state is there already,
    /// as after a run that was killed here.
    fn each(&self, command: &[&str], subjects: &[String], already: said::Known) -> Done {
        if subjects.is_empty() {
            return Done {
                subjects: Vec::new(),
                outcome: Ok(()),
            };
        }
        let command = self.command().args(command.iter().copied()).args(subjects);
        let reply = match self.runner.run(&command.deadline(SLOW)) {
            Ok(reply) => reply,
            Err(error) => {
                return Done {
                    subjects: Vec::new(),
                    outcome: Err(error.into()),
                };
            }
        };
        let told = |subject: &&String| reply.stdout.lines().any(|line| line == subject.as_str());
        Done {
            subjects: subjects.iter().filter(told).cloned().collect(),
            outcome: said::done_or(already, subjects, &reply),
        }
    }

    /// A command inside a container, by its id, as the image's own user.
    pub(crate) fn exec(&self, id: &str, args: &[&str]) -> Invocation {
        self.exec_with(id, &[], args)
    }

    /// The same with further options of `docker exec`, such as `--env NAME`, which hands on a
    /// variable of our child's environment without its value ever being an argument.
    pub(crate) fn exec_with(&self, id: &str, options: &[&str], args: &[&str]) -> Invocation {
        self.command()
            .args(["exec", "--interactive"])
            .args(options.iter().copied())
            .arg(id)
            .args(args.iter().copied())
    }

    /// The last lines of a container's log.
    pub(crate) fn log_tail(&self, id: &str, lines: usize) -> Result<String> {
        let reply = self
            .ask(&["logs", "--tail", &lines.to_string(), id])?
            .ok()?;
        let text = format!("{}{}", reply.stdout, reply.stderr);
        Ok(tail(&text, lines).join("\n"))
    }

    /// The image of that name, where the engine has one.
    pub(crate) fn image(&self, name: &str) -> Result<Option<Image>> {
        Ok(self.inspect("image", &[name.to_owned()])?.pop())
    }

    /// Gives an image a further name.
    pub(crate) fn tag(&self, image: &str, name: &str) -> Result<()> {
        self.ask(&["image", "tag", image, name])?.ok()?;
        Ok(())
    }

    /// The names of all running containers with the ports that each publishes, as `docker ps`
    /// prints them.
    pub(crate) fn publishers(&self) -> Result<Vec<(String, String)>> {
        let reply = self
            .ask(&["ps", "--format", "{{.Names}}\t{{.Ports}}"])?
            .ok()?;
        let line = |line: &str| {
            let (name, ports) = line.split_once('\t')?;
            Some((name.to_owned(), ports.to_owned()))
        };
        let lines: Option<Vec<_>> = reply.stdout.lines().map(line).collect();
        Ok(lines.ok_or_else(|| reply.unexpected("a name and its ports a line"))?)
    }
}
