//! What both ways are given: the engine, the scratch instances, this binary.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use environments::Environment;
use process::{Invocation, Reply};

use crate::bench::scratch::Scratch;
use crate::context::Context;
use crate::error::Result;

/// What an environment holds before it is emptied.
pub(super) const NODES: u64 = 10_000;
pub(super) const KEYS: u64 = 10_000;

/// How long one way may take once: nothing here is meant to.
const DEADLINE: Duration = Duration::from_secs(900);

pub(super) struct Site<'a> {
    pub(super) context: &'a Context,
    pub(super) scratch: &'a Scratch,
    xtask: PathBuf,
}

impl<'a> Site<'a> {
    pub(super) fn new(context: &'a Context, scratch: &'a Scratch) -> Result<Self> {
        Ok(Self {
            context,
            scratch,
            xtask: std::env::current_exe().context("this binary does not know where it is")?,
        })
    }

    /// Shell lines, each of which must succeed.
    pub(super) fn shell(&self, lines: &str) -> Result<()> {
        let command = Invocation::new("sh").args(["-e", "-c", lines]);
        self.run(command).map(drop)
    }

    /// This binary, as a user would call it, in the instance that is ours, and with a state folder
    /// that goes with it: the user's journal is not about measurements.
    pub(super) fn xtask(&self, args: &[&str]) -> Result<Reply> {
        let mut command = Invocation::new(self.xtask.display().to_string())
            .args(["--instance", self.scratch.ours().label()])
            .env(
                "TTA_STATE",
                self.scratch.folder().join("state").display().to_string(),
            )
            .env(
                "TTA_BACKUPS",
                self.scratch.folder().join("backups").display().to_string(),
            )
            .env("TTA_NAMESPACE", "enforce");
        if let Some(context) = self.context.docker.context() {
            command = command.args(["--docker-context", context]);
        }
        // A scratch instance gets no secret of the user's.
        if let Some(variable) = Environment::Staging.credential().variable() {
            command = command.env(variable, "");
        }
        self.run(command.args(args.iter().copied()))
    }

    pub(super) fn run(&self, command: Invocation) -> Result<Reply> {
        Ok(self.context.runner.run(&command.deadline(DEADLINE))?.ok()?)
    }
}
