//! The two instances that a bench works in, and their end.
//!
//! A marker on the engine names them before anything else is made: a volume whose label is the name
//! of the run. Whatever has been killed since, the next bench finds the marker, removes what carries
//! the instances' labels, and removes the marker last. One bench at a time on an engine: two would
//! measure each other, and whoever holds the lock knows that every marker was left behind.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use environments::{Deployment, Environment, Instance, label};
use process::{Interrupt, Runner};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::guard::lock::Lock;
use crate::journal::private_folder;
use crate::tools::docker::{Docker, Engine};
use crate::ui::Ui;

/// The marker's label; its value is the name of the run.
const MARKER: &str = "org.tta.bench";

const COMMAND: &str = "cargo xtask bench";

/// How long what an ended child has left at work on the engine may take.
const ORPHANS: Duration = Duration::from_secs(60);

/// Held from the first object to the last.
#[derive(Debug)]
pub(crate) struct Scratch {
    cleaner: Cleaner,
    run: Run,
    _lock: Lock,
}

impl Scratch {
    /// Takes the lock, sweeps what killed runs left, and marks the engine.
    ///
    /// # Errors
    /// Refused while another bench runs here.
    pub(crate) fn begin(context: &Context, engine: &Engine) -> Result<Self> {
        let lock = Lock::take(
            &engine.id,
            &Deployment::new(Environment::Dev, instance("bench".to_owned())?),
            COMMAND,
            context.interrupt(),
            &context.ui,
        )?;
        let cleaner = Cleaner {
            docker: Docker::new(
                // Ctrl-C is why we clean up: it must not keep us from it. A second one does.
                Runner::new(Interrupt::default(), context.ui.clone()),
                context.docker.context().map(str::to_owned),
            ),
            engine: engine.id.clone(),
            ui: context.ui.clone(),
            folder: context.journal.folder().join("bench"),
        };
        for name in cleaner.docker.volume_label_values(MARKER)? {
            let left = Run::named(&name)?;
            context
                .ui
                .say(format!("removing what the killed bench {} left", left.name));
            cleaner.end(&left)?;
        }
        let run = Run::named(&fresh_name())?;
        let labels = [(MARKER.to_owned(), run.name.clone())];
        cleaner.docker.create_volume(&run.marker(), &labels)?;
        let scratch = Self {
            cleaner,
            run,
            _lock: lock,
        };
        private_folder(&scratch.folder()).context("the bench has no folder for its files")?;
        Ok(scratch)
    }

    /// The instance that the old ways work in.
    pub(crate) const fn old(&self) -> &Instance {
        &self.run.old
    }

    /// The instance that this tool works in.
    pub(crate) const fn ours(&self) -> &Instance {
        &self.run.ours
    }

    /// For the run's files. Goes with it.
    pub(crate) fn folder(&self) -> PathBuf {
        self.cleaner.folder.join(&self.run.name)
    }

    /// Removes every object of both instances.
    pub(crate) fn clear(&self) -> Result<()> {
        self.clear_one(self.old())?;
        self.clear_one(self.ours())
    }

    /// The same for one of them.
    pub(crate) fn clear_one(&self, instance: &Instance) -> Result<()> {
        self.cleaner.clear(instance)
    }

    /// Removes everything, the marker last.
    pub(crate) fn end(self) -> Result<()> {
        self.cleaner.end(&self.run).map_err(|failure| {
            failure
                .within("the bench could not remove all it made")
                .hint(format!("{COMMAND}   (removes it before it begins)"))
        })
    }
}

/// The names of one bench.
#[derive(Debug)]
struct Run {
    name: String,
    old: Instance,
    ours: Instance,
}

impl Run {
    fn named(name: &str) -> Result<Self> {
        if !name.starts_with("bench") {
            return Err(Failure::refused(format!(
                "a volume's label {MARKER} is {name:?}, which no bench is called"
            ))
            .hint(format!("docker volume ls --filter label={MARKER}")));
        }
        Ok(Self {
            name: name.to_owned(),
            old: instance(format!("{name}o"))?,
            ours: instance(format!("{name}x"))?,
        })
    }

    fn marker(&self) -> String {
        format!("tta_{}", self.name)
    }
}

fn instance(name: String) -> Result<Instance> {
    Instance::named(&name).map_err(|error| Failure::refused(error.to_string()))
}

/// `bench` and six characters that no other bench of this year has.
fn fresh_name() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // 24 bits of a clock that ticks every two seconds come round after a year.
    format!("bench{:06x}", (now.as_secs() / 2) & 0x00ff_ffff)
}

#[derive(Debug)]
struct Cleaner {
    docker: Docker,
    engine: String,
    ui: Ui,
    folder: PathBuf,
}

impl Cleaner {
    fn end(&self, run: &Run) -> Result<()> {
        self.clear(&run.old)?;
        self.clear(&run.ours)?;
        let folder = self.folder.join(&run.name);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        self.docker.remove_volumes(&[run.marker()]).outcome
    }

    /// Removes what carries the instance's label, until the engine lists nothing more.
    fn clear(&self, instance: &Instance) -> Result<()> {
        let typed = COMMAND;
        let none = Interrupt::default();
        // Children of an ended run hold these until they are through: they may still make something.
        let _locks = Environment::LOCAL
            .into_iter()
            .map(|environment| {
                let deployment = Deployment::new(environment, instance.clone());
                Lock::take(&self.engine, &deployment, typed, &none, &self.ui)
            })
            .collect::<Result<Vec<Lock>>>()?;
        let started = Instant::now();
        loop {
            let left = Left::of(&self.docker, instance)?;
            if left.is_empty() {
                return Ok(());
            }
            // A `compose` that was ended half way leaves the engine at work: what it has begun to
            // remove, or has just made, is seen in the next look.
            let removed = left.remove(&self.docker);
            if started.elapsed() > ORPHANS {
                return removed.and(Err(Failure::failed(format!(
                    "instance {} is not gone after {} s: {left:?}",
                    instance.label(),
                    ORPHANS.as_secs()
                ))));
            }
        }
    }
}

/// What is left of an instance.
#[derive(Debug)]
struct Left {
    containers: Vec<String>,
    volumes: Vec<String>,
    networks: Vec<String>,
}

impl Left {
    fn of(docker: &Docker, instance: &Instance) -> Result<Self> {
        let filter = format!("label={}={}", label::INSTANCE, instance.label());
        let list = |args: &[&str]| -> Result<Vec<String>> {
            let command = docker.command().args(args.iter().copied());
            let reply = docker
                .runner()
                .run(&command.args(["--quiet", "--filter", &filter]))?
                .ok()?;
            Ok(reply.stdout.lines().map(str::to_owned).collect())
        };
        Ok(Self {
            containers: list(&["ps", "--all", "--no-trunc"])?,
            volumes: list(&["volume", "ls"])?,
            networks: list(&["network", "ls", "--no-trunc"])?,
        })
    }

    const fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.volumes.is_empty() && self.networks.is_empty()
    }

    fn remove(&self, docker: &Docker) -> Result<()> {
        docker.remove_containers(&self.containers).outcome?;
        for network in &self.networks {
            docker.remove_network(network).outcome?;
        }
        docker.remove_volumes(&self.volumes).outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_run_are_instances_of_their_own() {
        let run = Run::named(&fresh_name()).expect("a name that docker takes");
        assert_ne!(run.old, run.ours);
        assert!(!run.old.is_main() && !run.ours.is_main());
    }

    #[test]
    fn a_marker_that_no_bench_made_is_refused() {
        for name in ["", "ci7", "bench too long to be one"] {
            let failure = Run::named(name).expect_err("no bench is called so");
            assert_eq!(failure.kind.exit_code(), 3, "{name}");
        }
    }
}
