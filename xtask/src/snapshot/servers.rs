//! Scratch servers on a copy: off every network, asked by `exec` alone, and so without a password.

use std::time::{Duration, Instant};

use process::{printable, tail};
use serde_json::Value;

use crate::error::{Failure, Result};
use crate::snapshot::scratch::Scratch;
use crate::tools::docker::containers::{Helper, Mounted};
use crate::tools::neo4j::Neo4j;

/// How long a recovery may take.
const RECOVERY: Duration = Duration::from_secs(1800);

/// How long a question to a scratch server may take: a digest reads every key.
const QUESTION: Duration = Duration::from_secs(900);

/// How long a clean stop may take: it writes a checkpoint.
const GRACE: Duration = Duration::from_secs(300);

/// A Neo4j on a scratch volume.
#[derive(Debug)]
pub(crate) struct ScratchGraph<'a> {
    scratch: &'a Scratch<'a>,
    id: String,
    database: &'static str,
}

/// Where a store is.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) volume: String,
    /// The data folder inside the volume, which is mounted at `/data`.
    pub(crate) folder: String,
    pub(crate) database: &'static str,
    pub(crate) image: String,
}

impl Store {
    /// A container on this store, with the server's own settings.
    fn helper(&self, scratch: &Scratch<'_>, part: &str) -> Helper {
        let mut helper = scratch.helper(part, &self.image);
        helper.mounts = vec![Mounted::writing(&self.volume, "/data")];
        helper.in_memory = vec!["/logs"];
        helper.env = [
            ("NEO4J_AUTH", "none"),
            ("NEO4J_initial_dbms_default__database", self.database),
            ("NEO4J_server_directories_data", self.folder.as_str()),
            ("NEO4J_server_memory_heap_initial__size", "512m"),
            ("NEO4J_server_memory_heap_max__size", "512m"),
            ("NEO4J_server_memory_pagecache_size", "128m"),
            ("NEO4J_server_jvm_additional", "-XX:TieredStopAtLevel=1"),
            ("NEO4J_db_tx__log_preallocate", "false"),
            ("NEO4J_dbms_usage__report_enabled", "false"),
            (
                "NEO4J_internal_server_bolt_thread__pool__shutdown__wait__time",
                "0s",
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        helper
    }

    /// `neo4j-admin ARGS` on this store, which no server may have open.
    pub(crate) fn admin(
        &self,
        scratch: &Scratch<'_>,
        part: &str,
        args: &[&str],
    ) -> process::Invocation {
        let words: Vec<&str> = ["neo4j-admin"]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        self.run(scratch, part, &words)
    }

    /// A command beside this store, which no server may have open.
    pub(crate) fn run(
        &self,
        scratch: &Scratch<'_>,
        part: &str,
        words: &[&str],
    ) -> process::Invocation {
        let mut helper = self.helper(scratch, part);
        helper.args = words.iter().copied().map(str::to_owned).collect();
        scratch.docker().run_once(&helper, RECOVERY)
    }
}

impl<'a> ScratchGraph<'a> {
    /// Starts a server on a store and waits until its database answers: it has recovered then.
    pub(crate) fn start(scratch: &'a Scratch<'a>, store: &Store, part: &str) -> Result<Self> {
        let id = scratch
            .docker()
            .run_in_background(&store.helper(scratch, part))?;
        let server = Self {
            scratch,
            id,
            database: store.database,
        };
        let healthy = ["tta-neo4j-health", store.database];
        await_answer(scratch, &server.id, &healthy)?;
        Ok(server)
    }

    pub(crate) fn neo4j(&self) -> Neo4j<'_> {
        Neo4j {
            docker: self.scratch.docker(),
            container: &self.id,
            database: self.database,
            user: "neo4j",
            password: "",
        }
    }

    /// Ends it cleanly, so that nothing is left to recover.
    pub(crate) fn stop(self) -> Result<()> {
        let docker = self.scratch.docker();
        let code = docker.stop_and_wait(&self.id, GRACE)?;
        if !matches!(code, 0 | 143) {
            let log = docker.log_tail(&self.id, 10).unwrap_or_default();
            return Err(Failure::failed(format!(
                "the scratch Neo4j ended with {code}:\n    {}",
                printable(&log)
            )));
        }
        docker.remove_scratch(&[self.id])
    }
}

/// What a scratch Redis loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// The append-only file, as the environment's own server would.
    AppendOnly,
    /// `dump.rdb`, as after a restore.
    Rdb,
}

/// A Redis on a scratch volume.
#[derive(Debug)]
pub(crate) struct ScratchKeys<'a> {
    scratch: &'a Scratch<'a>,
    id: String,
}

impl<'a> ScratchKeys<'a> {
    /// Starts a server that loads a volume's folder, and waits until it has.
    ///
    /// It is a replica of nobody: a master drops expired keys while it loads an RDB (Redis, rdb.c),
    /// and tomorrow's drill must find what today's snapshot has. Its user `default` has all
    /// permissions, because the append-only file's transactions are replayed as that user.
    pub(crate) fn start(
        scratch: &'a Scratch<'a>,
        image: &str,
        (volume, folder): (&str, &str),
        load: Load,
        part: &str,
    ) -> Result<Self> {
        let mut helper = scratch.helper(part, image);
        helper.entrypoint = Some("redis-server");
        helper.user = Some("redis");
        helper.mounts = vec![Mounted::writing(volume, "/data")];
        let append_only = match load {
            Load::AppendOnly => "yes",
            Load::Rdb => "no",
        };
        helper.args = [
            &["--dir", folder][..],
            &["--appendonly", append_only],
            &["--save", ""],
            &["--enable-debug-command", "yes"],
            &["--replicaof", "127.0.0.1", "1"],
            // A file that was cut off is an error here, not something to be mended silently.
            &["--aof-load-truncated", "no"],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
        let id = scratch.docker().run_in_background(&helper)?;
        let server = Self { scratch, id };
        await_answer(scratch, &server.id, &["redis-cli", "-e", "PING"])?;
        Ok(server)
    }

    /// The answer to one command.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String> {
        let words = [&["redis-cli", "-e"], args].concat();
        let docker = self.scratch.docker();
        let command = docker.exec(&self.id, &words).deadline(QUESTION);
        Ok(docker.runner().run(&command)?.ok()?.stdout)
    }

    /// The answer to one command, in JSON.
    pub(crate) fn ask_json(&self, args: &[&str]) -> Result<Value> {
        let text = self.ask(&[&["--json"], args].concat())?;
        serde_json::from_str(&text).map_err(|_| {
            Failure::failed(format!(
                "the scratch Redis answered {} with {:?}",
                args.join(" "),
                printable(text.trim())
            ))
        })
    }

    /// Makes it write the append-only file that a server starts from, and waits until it is there.
    pub(crate) fn write_append_only(&self) -> Result<()> {
        self.ask(&["CONFIG", "SET", "appendonly", "yes"])?;
        let wait = "until info=$(redis-cli -e INFO persistence) && \
            [[ $info = *aof_rewrite_in_progress:0* && $info = *aof_rewrite_scheduled:0* ]]; do sleep 0.05; done; \
            [[ $info = *aof_last_bgrewrite_status:ok* && $info = *aof_enabled:1* ]]";
        let docker = self.scratch.docker();
        docker
            .runner()
            .run(&self.exec(&["bash", "-c", wait]))?
            .ok()
            .map(drop)
            .map_err(|error| {
                Failure::from(error).within("the scratch Redis wrote no append-only file")
            })
    }

    /// A command of the image's, beside the server.
    pub(crate) fn exec(&self, args: &[&str]) -> process::Invocation {
        self.scratch
            .docker()
            .exec(&self.id, args)
            .deadline(QUESTION)
    }

    pub(crate) fn end(self) -> Result<()> {
        self.scratch.docker().remove_scratch(&[self.id])
    }
}

/// Waits until a check inside a container passes, as long as the container runs.
fn await_answer(scratch: &Scratch<'_>, id: &str, check: &[&str]) -> Result<()> {
    let wait = r#"until "$@" >/dev/null 2>&1; do sleep 0.1; done"#;
    let seconds = RECOVERY.as_secs().to_string();
    let words = [
        &["timeout", seconds.as_str(), "bash", "-c", wait, "await"],
        check,
    ]
    .concat();
    let docker = scratch.docker();
    let started = Instant::now();
    let reply = docker
        .runner()
        .run(&docker.exec(id, &words).deadline(RECOVERY + GRACE))?;
    if reply.success() {
        return Ok(());
    }
    let log = docker.log_tail(id, 10).unwrap_or_default();
    let lines: Vec<String> = tail(&log, 10).into_iter().map(printable).collect();
    Err(Failure::failed(format!(
        "the scratch server did not answer after {:.0} s; its last log lines:\n    {}",
        started.elapsed().as_secs_f64(),
        lines.join("\n    ")
    )))
}
