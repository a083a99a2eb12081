//! A staging of some 50 MB saved and put back, beside the documented way: stop, dump or load, start;
//! and how long a client cannot write while one is saved, of 50 MB and of 1 GB, by its own clock.

use std::path::PathBuf;

use environments::{Environment, Service};
use serde_json::Value;

use crate::bench::Way;
use crate::bench::client::{Client, Seen};
use crate::bench::data::{OPEN_REDIS, Servers};
use crate::bench::old::write;
use crate::bench::ours::servers;
use crate::bench::plain::{Shell, compose};
use crate::bench::site::{KEYS, Site};
use crate::error::{Failure, Result};

/// A store of some 50 MB.
const NODES: u64 = 200_000;

/// What the documented way is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Dump,
    Load,
}

/// A server of the plain image.
pub(super) struct Documented<'a> {
    site: &'a Site<'a>,
    shell: Shell,
    servers: Servers<'a>,
    text: String,
    work: Work,
    started: bool,
}

impl<'a> Documented<'a> {
    pub(super) fn new(site: &'a Site<'a>, work: Work) -> Result<Self> {
        let target = site.old_target(Environment::Staging)?;
        let deployment = target.deployment().clone();
        Ok(Self {
            site,
            shell: site.old_shell(&deployment)?,
            text: compose(&target)?,
            servers: Servers {
                docker: &site.context.docker,
                deployment,
                database: "neo4j",
                redis: OPEN_REDIS,
            },
            work,
            started: false,
        })
    }

    fn dump(&self) -> PathBuf {
        self.site.scratch.folder().join("documented.dump")
    }

    fn save(&self) -> Result<()> {
        let redis = self.servers.deployment.container(Service::Redis);
        let dump = self.dump().display().to_string();
        self.site.shell(&self.shell.saved(&dump, &redis))
    }
}

impl Way for Documented<'_> {
    fn prepare(&mut self) -> Result<()> {
        if !self.started {
            write(&self.shell.file, &self.text)?;
            self.site.shell(&self.shell.start())?;
            self.servers.fill(NODES, KEYS)?;
            if self.work == Work::Load {
                self.save()?;
            }
            self.started = true;
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        match self.work {
            Work::Dump => self.save(),
            Work::Load => {
                let dump = self.dump().display().to_string();
                self.site.shell(&self.shell.loaded(&dump))
            }
        }
    }

    fn check(&mut self) -> Result<()> {
        let size = std::fs::metadata(self.dump()).map_or(0, |file| file.len());
        if size < 1_000_000 {
            return Err(Failure::failed(format!("the dump has {size} bytes")));
        }
        self.servers.holds(NODES, KEYS)
    }
}

/// What is measured of a snapshot of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// All of it, of some 50 MB.
    Whole,
    /// The longest time that a client which writes throughout has to wait for an answer.
    Unwritable,
    /// The same with a store of 1 GB.
    UnwritableLarge,
}

/// As many nodes with a text of 4 KB are 1 GB.
const LARGE: u64 = 240_000;

/// `snapshot staging`.
pub(super) struct Saved<'a> {
    site: &'a Site<'a>,
    servers: Servers<'a>,
    measure: Measure,
    started: bool,
    newest: Value,
    seen: Option<Seen>,
}

impl<'a> Saved<'a> {
    pub(super) fn new(site: &'a Site<'a>, measure: Measure) -> Self {
        Self {
            site,
            servers: servers(site, Environment::Staging),
            measure,
            started: false,
            newest: Value::Null,
            seen: None,
        }
    }

    const fn nodes(&self) -> u64 {
        match self.measure {
            Measure::Whole | Measure::Unwritable => NODES,
            Measure::UnwritableLarge => LARGE,
        }
    }

    fn save(&self) -> Result<()> {
        self.site.xtask(&["snapshot", "staging"]).map(drop)
    }
}

impl Way for Saved<'_> {
    fn prepare(&mut self) -> Result<()> {
        if !self.started {
            self.site.xtask(&["up", "staging"])?;
            match self.measure {
                Measure::Whole | Measure::Unwritable => self.servers.fill(NODES, KEYS)?,
                Measure::UnwritableLarge => self.servers.fill_with_text(LARGE)?,
            }
            self.started = true;
        }
        self.newest = newest(self.site)?;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        if self.measure == Measure::Whole {
            return self.save();
        }
        let client = Client::of(self.site)?;
        self.seen = Some(client.throughout(|| self.save())?);
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        let newest = newest(self.site)?;
        if newest["id"] == self.newest["id"] || newest["proved"] != true {
            return Err(Failure::failed(format!("no new snapshot: {newest}")));
        }
        self.newest = newest;
        if let Some(seen) = &self.seen {
            self.site.context.ui.say(format!(
                "a client wrote {} keys and {} nodes, and waited {:.2} s at most; both servers were \
                 frozen for {} s",
                seen.keys,
                seen.nodes,
                seen.longest.as_secs_f64(),
                self.newest["freeze_seconds"]
            ));
            self.servers.forget_writers(seen.keys)?;
        }
        let keys = if self.measure == Measure::UnwritableLarge {
            0
        } else {
            KEYS
        };
        self.servers.holds(self.nodes(), keys)
    }

    fn part(&self) -> Option<f64> {
        self.seen.map(|seen| seen.longest.as_secs_f64())
    }
}

fn newest(site: &Site<'_>) -> Result<Value> {
    let listed = site.xtask(&["snapshots", "list", "staging", "--format", "json"])?;
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap_or_default();
    let all = listed["snapshots"].as_array().into_iter().flatten();
    let newest = all.max_by_key(|one| one["id"].as_str().unwrap_or_default().to_owned());
    Ok(newest.cloned().unwrap_or_default())
}

/// `restore staging`, and what was there before forgotten again.
pub(super) struct Restored<'a> {
    saved: Saved<'a>,
    id: String,
}

impl<'a> Restored<'a> {
    pub(super) fn new(site: &'a Site<'a>) -> Self {
        Self {
            saved: Saved::new(site, Measure::Whole),
            id: String::new(),
        }
    }

    fn restore(&self, more: &[&str], verb: &str) -> Result<()> {
        let phrase = format!("{verb} STAGING {}", self.id);
        let args = [
            &["restore", "staging", &self.id],
            more,
            &["--confirm", &phrase],
        ];
        self.saved.site.xtask(&args.concat()).map(drop)
    }
}

impl Way for Restored<'_> {
    fn prepare(&mut self) -> Result<()> {
        self.saved.prepare()?;
        if self.id.is_empty() {
            self.saved.run()?;
            let newest = newest(self.saved.site)?;
            newest["id"]
                .as_str()
                .unwrap_or_default()
                .clone_into(&mut self.id);
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        self.restore(&[], "RESTORE")
    }

    fn check(&mut self) -> Result<()> {
        self.saved.servers.holds(NODES, KEYS)?;
        self.restore(&["--forget"], "FORGET")
    }
}
