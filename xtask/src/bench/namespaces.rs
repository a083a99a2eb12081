//! Marks given to a million keys and a million nodes, and to one key in this process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use environments::{Environment, Service, label};
use process::Invocation;
use process::side_by_side::joined;

use crate::bench::Way;
use crate::bench::client::{self, Keys};
use crate::bench::data::Servers;
use crate::bench::ours::servers;
use crate::bench::site::Site;
use crate::error::{Failure, Result};

const MILLION: u64 = 1_000_000;
const MIGRATE: [&str; 2] = ["migrate-namespace", "dev"];

/// For how long another client is watched before the work.
const BEFORE: Duration = Duration::from_secs(2);

/// What is without marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    Keys,
    Nodes,
}

/// A development full of old data, marked by the command.
pub(super) struct Marked<'a> {
    site: &'a Site<'a>,
    servers: Servers<'a>,
    bare: Bare,
    started: bool,
}

impl<'a> Marked<'a> {
    pub(super) fn new(site: &'a Site<'a>, bare: Bare) -> Self {
        Self {
            site,
            servers: servers(site, Environment::Dev),
            bare,
            started: false,
        }
    }

    fn counts(&self) -> (u64, u64) {
        match self.bare {
            Bare::Keys => (0, MILLION),
            Bare::Nodes => (MILLION, 0),
        }
    }

    /// How long another client waits for each answer, until it is told to end.
    fn watch(&self, enough: impl Fn() -> bool) -> Result<Vec<Duration>> {
        let dev = Environment::Dev;
        let port = client::port(self.site, dev, Service::Redis, label::REDIS_PORT)?;
        let mut keys = Keys::login(port, dev)?;
        let mut waits = Vec::new();
        while !enough() {
            let asked = Instant::now();
            keys.ask(&["EXISTS", "development:another:client"], ":0")?;
            waits.push(asked.elapsed());
        }
        Ok(waits)
    }
}

impl Way for Marked<'_> {
    fn prepare(&mut self) -> Result<()> {
        if self.started {
            self.site
                .xtask(&["wipe-dev", "--confirm", "DELETE DEV DATA"])?;
        } else {
            self.site.xtask(&["up", "dev"])?;
            self.started = true;
        }
        let (nodes, keys) = self.counts();
        if keys > 0 {
            let set = "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'user:' .. i, 'value ' .. i) end";
            self.servers.redis(&["EVAL", set, "0", &keys.to_string()])?;
        } else {
            self.servers.fill(nodes, 0)?;
        }
        self.servers.holds(nodes, keys)
    }

    fn run(&mut self) -> Result<()> {
        self.site.xtask(&MIGRATE).map(drop)
    }

    fn check(&mut self) -> Result<()> {
        let (nodes, keys) = self.counts();
        self.servers.holds(nodes, keys)?;
        let again = self.site.xtask(&["migrate-namespace", "dev"])?;
        if again
            .stdout
            .contains("has nothing to mark; nothing is without its mark")
        {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "something is without its mark: {}",
            again.stdout
        )))
    }
}

/// The same, beside another client that asks one question after the other.
pub(super) struct Watched<'a>(pub(super) Marked<'a>, Vec<Duration>);

impl<'a> Watched<'a> {
    pub(super) const fn new(marked: Marked<'a>) -> Self {
        Self(marked, Vec::new())
    }
}

impl Way for Watched<'_> {
    fn prepare(&mut self) -> Result<()> {
        self.0.prepare()?;
        let started = Instant::now();
        self.1 = self.0.watch(|| started.elapsed() > BEFORE)?;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let done = AtomicBool::new(false);
        let during = thread::scope(|scope| {
            let marked = &self.0;
            let client = scope.spawn(|| marked.watch(|| done.load(Ordering::SeqCst)));
            let run = marked.site.xtask(&MIGRATE);
            done.store(true, Ordering::SeqCst);
            let waits = joined(client);
            run.and(waits)
        })?;
        self.0.site.context.ui.say(format!(
            "another client's p99: {} before, {} during",
            p99(&mut self.1),
            p99(&mut during.clone())
        ));
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        self.0.check()
    }
}

fn p99(waits: &mut [Duration]) -> String {
    waits.sort_unstable();
    let at = waits.len() * 99 / 100;
    let milliseconds = waits.get(at).map_or(f64::NAN, Duration::as_secs_f64) * 1000.0;
    format!("{milliseconds:.1} ms of {} answers", waits.len())
}

/// How many bytes ten million keys have, each with its prefix: ten million times 100 ns are a second.
const BYTES: usize = 10_000_000 * "development:user:123".len();

/// Keys given their prefix, by a program built as an application is that links the crate.
pub(super) struct Prefixed<'a> {
    site: &'a Site<'a>,
    told: String,
}

impl<'a> Prefixed<'a> {
    pub(super) const fn new(site: &'a Site<'a>) -> Self {
        Self {
            site,
            told: String::new(),
        }
    }

    fn cargo(&self) -> Invocation {
        let bench = ["bench", "--quiet", "--package", "environments"];
        Invocation::new("cargo")
            .args(bench)
            .args(["--bench", "prefix-a-key"])
            .folder(&self.site.context.root)
    }
}

impl Way for Prefixed<'_> {
    fn prepare(&mut self) -> Result<()> {
        self.site.run(self.cargo().arg("--no-run")).map(drop)
    }

    fn run(&mut self) -> Result<()> {
        self.told = self.site.run(self.cargo())?.stdout;
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        if self.told.trim() == BYTES.to_string() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "expected {BYTES} bytes to be made, was told: {}",
            self.told
        )))
    }
}
