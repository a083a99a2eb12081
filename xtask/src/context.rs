//! What every task is given: where it is, whom it may ask, and how it was called.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use environments::{Deployment, Environment, Instance};
use process::{Interrupt, Runner};
use serde::Serialize;

use crate::error::{Failure, Result};
use crate::guard::confirmation::Confirmation;
use crate::journal::Journal;
use crate::tools::docker::Docker;
use crate::ui::Ui;

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// One document on stdout.
    Json,
    /// `NAME=value`, as `.env` files have it.
    Dotenv,
    /// For `>> "$GITHUB_ENV"`.
    Github,
}

/// Everything that a task needs and that its name and arguments don't say.
#[derive(Debug)]
pub(crate) struct Context {
    /// The checkout.
    pub(crate) root: PathBuf,
    pub(crate) instance: Instance,
    pub(crate) ui: Ui,
    pub(crate) runner: Runner,
    pub(crate) docker: Docker,
    pub(crate) journal: Journal,
    pub(crate) format: Format,
    pub(crate) dry_run: bool,
    pub(crate) confirmation: Confirmation,
    /// How long a server may take to become healthy.
    pub(crate) patience: Duration,
    /// What has been done so far: shown also when the command fails half way.
    done: Mutex<Vec<Done>>,
    /// Which environments the command has turned to.
    about: Mutex<Vec<Environment>>,
}

/// A step that was carried out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Done {
    pub(crate) action: String,
    pub(crate) because: String,
    pub(crate) seconds: f64,
}

/// What [`Context`] is made from.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) instance: Instance,
    pub(crate) ui: Ui,
    pub(crate) format: Format,
    pub(crate) dry_run: bool,
    pub(crate) confirm: Option<String>,
    pub(crate) docker_context: Option<String>,
    pub(crate) patience: Duration,
    /// The command as it was typed.
    pub(crate) command: String,
}

impl Context {
    pub(crate) fn new(options: Options) -> Result<Self> {
        let interrupt = Interrupt::listen().context("cannot listen for Ctrl-C")?;
        let runner = Runner::new(interrupt, options.ui.clone());
        Ok(Self {
            root: checkout()?,
            docker: Docker::new(runner.clone(), options.docker_context),
            journal: Journal::of_user()?,
            instance: options.instance,
            patience: options.patience,
            ui: options.ui,
            runner,
            format: options.format,
            dry_run: options.dry_run,
            confirmation: Confirmation {
                given: options.confirm,
                command: options.command,
            },
            done: Mutex::new(Vec::new()),
            about: Mutex::new(Vec::new()),
        })
    }

    /// The environment in the instance that was chosen.
    pub(crate) fn deployment(&self, environment: Environment) -> Deployment {
        Deployment::new(environment, self.instance.clone())
    }

    /// The same for several; all local ones where none is named.
    pub(crate) fn deployments(&self, environments: &[Environment]) -> Vec<Deployment> {
        let chosen = if environments.is_empty() {
            &Environment::LOCAL[..]
        } else {
            environments
        };
        let mut chosen = chosen.to_vec();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
            .into_iter()
            .map(|environment| self.deployment(environment))
            .collect()
    }

    pub(crate) fn interrupt(&self) -> &Interrupt {
        self.runner.interrupt()
    }

    /// Writes down that a step was carried out.
    pub(crate) fn record(&self, done: Done) {
        self.done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(done);
    }

    /// Notes that the command has turned to an environment: an error names it.
    pub(crate) fn about(&self, environment: Environment) {
        let mut about = self.about.lock().unwrap_or_else(PoisonError::into_inner);
        if !about.contains(&environment) {
            about.push(environment);
            about.sort_unstable();
        }
    }

    /// The environments that the command has turned to.
    pub(crate) fn environments(&self) -> Vec<Environment> {
        self.about
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What has been carried out so far.
    pub(crate) fn done(&self) -> Vec<Done> {
        self.done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The checkout that this binary belongs to: cargo says so at run time, and said so when it was
/// built.
fn checkout() -> Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = manifest.parent().unwrap_or(Path::new(".")).to_owned();
    if root.join("docker").is_dir() {
        Ok(root)
    } else {
        Err(Failure::failed(format!(
            "the checkout {} has no folder docker/",
            root.display()
        ))
        .hint("run `cargo xtask` inside the checkout"))
    }
}
