//! Our ways: this binary, called as a user would.

use std::fs;
use std::path::PathBuf;

use environments::{Deployment, Environment};
use process::Invocation;
use serde_json::Value;

use crate::bench::Way;
use crate::bench::data::{ADMIN_REDIS, Servers};
use crate::bench::site::Site;
use crate::error::{Failure, Result};
use crate::observe::observe_one;

/// What must be true of an emptied environment besides holding nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The servers were never stopped.
    SameServers,
    /// Nothing of the old volumes is left.
    NewVolumes,
}

/// An environment emptied by one of our commands.
pub(super) struct Emptied<'a> {
    site: &'a Site<'a>,
    args: &'static [&'static str],
    servers: Servers<'a>,
    proof: Proof,
    nodes: u64,
    keys: u64,
    started: bool,
    before: Vec<String>,
}

impl<'a> Emptied<'a> {
    pub(super) fn new(
        site: &'a Site<'a>,
        environment: Environment,
        args: &'static [&'static str],
        proof: Proof,
        (nodes, keys): (u64, u64),
    ) -> Self {
        Self {
            site,
            args,
            servers: servers(site, environment),
            proof,
            nodes,
            keys,
            started: false,
            before: Vec::new(),
        }
    }

    /// What the proof is about: which servers since when, or which volumes made when.
    fn identity(&self) -> Result<Vec<String>> {
        let observed = observe_one(self.site.context, &self.servers.deployment)?;
        Ok(match self.proof {
            Proof::SameServers => observed
                .containers()
                .map(|one| format!("{} {}", one.id, one.state.started_at))
                .collect(),
            Proof::NewVolumes => observed
                .volumes()
                .map(|(_, one)| format!("{} {}", one.name, one.created_at))
                .collect(),
        })
    }
}

impl Way for Emptied<'_> {
    fn prepare(&mut self) -> Result<()> {
        if !self.started {
            let environment = self.servers.deployment.environment();
            self.site.xtask(&["up", environment.slug()])?;
            self.started = true;
        }
        self.servers.fill(self.nodes, self.keys)?;
        self.before = self.identity()?;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        self.site.xtask(self.args).map(drop)
    }

    fn check(&mut self) -> Result<()> {
        self.servers.holds(0, 0)?;
        let now = self.identity()?;
        let kept = now.iter().filter(|one| self.before.contains(one)).count();
        let expected = match self.proof {
            Proof::SameServers => self.before.len(),
            Proof::NewVolumes => 0,
        };
        if kept == expected && now.len() == self.before.len() && !now.is_empty() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "`cargo xtask {}` was expected to leave {:?}: {} before, {} after",
            self.args.join(" "),
            self.proof,
            self.before.join(", "),
            now.join(", ")
        )))
    }
}

const UP: [&str; 4] = ["up", "dev", "test", "staging"];

/// The three local environments started side by side.
pub(super) struct Started<'a> {
    pub(super) site: &'a Site<'a>,
}

impl Way for Started<'_> {
    fn prepare(&mut self) -> Result<()> {
        self.site.scratch.clear()
    }

    fn run(&mut self) -> Result<()> {
        self.site.xtask(&UP).map(drop)
    }

    fn check(&mut self) -> Result<()> {
        for environment in Environment::LOCAL {
            servers(self.site, environment).holds(0, 0)?;
        }
        self.site.scratch.clear_one(self.site.scratch.ours())
    }
}

/// A command that only looks at three environments, which run from its first run on.
pub(super) struct Looked<'a> {
    site: &'a Site<'a>,
    args: &'static [&'static str],
    /// Whether it told of all of them, and what that is in words.
    whole: fn(&Value) -> bool,
    wanted: &'static str,
    started: bool,
    told: String,
}

impl<'a> Looked<'a> {
    pub(super) const fn new(
        site: &'a Site<'a>,
        args: &'static [&'static str],
        whole: fn(&Value) -> bool,
        wanted: &'static str,
    ) -> Self {
        Self {
            site,
            args,
            whole,
            wanted,
            started: false,
            told: String::new(),
        }
    }
}

impl Way for Looked<'_> {
    fn prepare(&mut self) -> Result<()> {
        if !self.started {
            self.site.xtask(&UP)?;
            self.started = true;
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        self.told = self.site.xtask(self.args)?.stdout;
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        if (self.whole)(&serde_json::from_str(&self.told).unwrap_or_default()) {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "`cargo xtask {}` does not tell of {}: {}",
            self.args.join(" "),
            self.wanted,
            self.told
        )))
    }
}

/// `status` of three that run.
pub(super) const fn status<'a>(site: &'a Site<'a>) -> Looked<'a> {
    let args = &["status", "--format", "json"];
    Looked::new(site, args, all_answer, "three environments that answer")
}

/// Both servers of all three were asked what they hold.
fn all_answer(told: &Value) -> bool {
    let environments = told["environments"].as_array();
    let answered = environments.into_iter().flatten().filter(|one| {
        one["neo4j"]["nodes"] == 0 && one["redis"]["keys"] == 0 && one["ours"] == true
    });
    answered.count() == Environment::LOCAL.len()
}

/// `--help`, by the binary that is there.
pub(super) struct Help<'a> {
    pub(super) site: &'a Site<'a>,
    told: String,
}

impl<'a> Help<'a> {
    pub(super) const fn new(site: &'a Site<'a>) -> Self {
        Self {
            site,
            told: String::new(),
        }
    }
}

impl Way for Help<'_> {
    fn prepare(&mut self) -> Result<()> {
        // Warm: the file is in memory.
        self.run()
    }

    fn run(&mut self) -> Result<()> {
        self.told = self.site.xtask(&["--help"])?.stdout;
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        if self.told.contains("Usage: cargo xtask") {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "`cargo xtask --help` told no usage: {}",
            self.told
        )))
    }
}

/// This tool built from nothing but the sources that cargo has fetched.
pub(super) struct ColdBuild<'a> {
    pub(super) site: &'a Site<'a>,
}

impl ColdBuild<'_> {
    fn folder(&self) -> PathBuf {
        self.site.scratch.folder().join("target")
    }

    fn cargo(&self, args: &[&str]) -> Invocation {
        Invocation::new("cargo")
            .args(args.iter().copied())
            .folder(&self.site.context.root)
            .env("CARGO_TARGET_DIR", self.folder().display().to_string())
    }
}

impl Way for ColdBuild<'_> {
    fn prepare(&mut self) -> Result<()> {
        let folder = self.folder();
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| {
                Failure::failed(format!("cannot remove {}: {error}", folder.display()))
            })?;
        }
        // What is measured is the compiler, not the registry.
        self.site.run(self.cargo(&["fetch", "--locked"])).map(drop)
    }

    fn run(&mut self) -> Result<()> {
        let help = self.cargo(&["xtask", "--help"]);
        self.site
            .run(help.env("CARGO_NET_OFFLINE", "true"))
            .map(drop)
    }

    fn check(&mut self) -> Result<()> {
        if self.folder().join("debug/xtask").is_file() {
            return Ok(());
        }
        Err(Failure::failed("`cargo xtask --help` made no debug/xtask"))
    }
}

pub(super) fn servers<'a>(site: &'a Site<'a>, environment: Environment) -> Servers<'a> {
    Servers {
        docker: &site.context.docker,
        deployment: Deployment::new(environment, site.scratch.ours().clone()),
        database: environment.database(),
        redis: ADMIN_REDIS,
    }
}
