//! Proving a copy: what has been recovered, checked and loaded is a backup; files alone are none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use process::side_by_side::both;
use process::{printable, tail};
use serde_json::Value;

use crate::error::{Failure, Kind, Result};
use crate::snapshot::fingerprint::graph::GraphPrint;
use crate::snapshot::fingerprint::keys::KeysPrint;
use crate::snapshot::scratch::Scratch;
use crate::snapshot::servers::{Load, ScratchGraph, ScratchKeys, Store};
use crate::ui::bytes;

/// What a recovered Neo4j says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    pub(crate) print: GraphPrint,
    pub(crate) store_id: String,
}

/// What is done to one store and to the other at the same time: neither needs the other, and a
/// server that starts waits more than it works. Both have ended when it returns.
///
/// # Errors
/// What failed first in this order; where both did, the other is told beside it.
pub(crate) fn side_by_side<A: Send, B>(
    one: impl FnOnce() -> Result<A> + Send,
    other: impl FnOnce() -> Result<B>,
) -> Result<(A, B)> {
    match both(one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        // Whoever pressed Ctrl-C has ended both.
        (Err(one), Err(other)) if other.kind == Kind::Interrupted => Err(other.also(one)),
        (Err(one), Err(other)) => Err(one.also(other)),
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    }
}

/// A scratch Neo4j recovers the store, and ends cleanly.
pub(crate) fn recover(scratch: &Scratch<'_>, store: &Store) -> Result<Graph> {
    let server = ScratchGraph::start(scratch, store, "recover")
        .map_err(|failure| failure.within("the copy of Neo4j does not recover"))?;
    let print = GraphPrint::of(server.neo4j())?;
    let answers = server.neo4j().ask(&["CALL db.info() YIELD id RETURN id"])?;
    let id = answers
        .first()
        .and_then(|rows| rows.first()?.first()?.as_str());
    let store_id = id
        .ok_or_else(|| Failure::failed("the scratch Neo4j told no store id"))?
        .to_owned();
    server.stop()?;
    Ok(Graph { print, store_id })
}

/// `neo4j-admin database check`: reads every record.
pub(crate) fn check(scratch: &Scratch<'_>, store: &Store) -> Result<()> {
    let command = store.admin(scratch, "check", &["database", "check", store.database]);
    let reply = scratch.docker().runner().run(&command)?;
    if reply.success() {
        Ok(())
    } else {
        Err(Failure::from(reply.failure()).within("the copy of Neo4j is not consistent"))
    }
}

/// An official dump of the store, into a file.
pub(crate) fn dump(scratch: &Scratch<'_>, store: &Store, file: &File) -> Result<()> {
    let dump = [
        "neo4j-admin",
        "database",
        "dump",
        store.database,
        "--to-stdout",
    ];
    let command = store.run(scratch, "dump", &counted(&dump));
    streamed(scratch, &command, file, "dump")
}

/// What a loaded Redis says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) print: KeysPrint,
    pub(crate) modules: BTreeMap<String, u64>,
}

/// A scratch Redis loads the copy's append-only file and writes an RDB, which is checked and goes
/// into a file.
pub(crate) fn save(scratch: &Scratch<'_>, image: &str, volume: &str, file: &File) -> Result<Keys> {
    let server = ScratchKeys::start(scratch, image, (volume, "/data"), Load::AppendOnly, "keys")
        .map_err(|failure| failure.within("the copy of Redis does not load"))?;
    let keys = Keys {
        print: KeysPrint::of(&server)?,
        modules: modules(&server)?,
    };
    let saved = server.ask(&["SAVE"])?;
    if saved.trim() != "OK" {
        return Err(Failure::failed(format!(
            "the scratch Redis answered SAVE with {:?}",
            printable(saved.trim())
        )));
    }
    let runner = scratch.docker().runner();
    let check = runner.run(&server.exec(&["redis-check-rdb", "/data/dump.rdb"]))?;
    if !check.success() || !check.stdout.contains("RDB looks OK") {
        return Err(Failure::from(check.failure()).within("the RDB is not right"));
    }
    let command = server.exec(&counted(&["cat", "/data/dump.rdb"]));
    streamed(scratch, &command, file, "RDB")?;
    server.end()?;
    Ok(keys)
}

/// Name to version of what a server has loaded besides its own.
pub(crate) fn modules(server: &ScratchKeys<'_>) -> Result<BTreeMap<String, u64>> {
    let list = server.ask_json(&["MODULE", "LIST"])?;
    let one = |module: &Value| Some((module["name"].as_str()?.to_owned(), module["ver"].as_u64()?));
    let modules = list
        .as_array()
        .and_then(|list| list.iter().map(one).collect());
    modules.ok_or_else(|| Failure::failed(format!("Redis told its modules as {list}")))
}

/// A scratch Redis on the files of a snapshot.
pub(crate) fn load(scratch: &Scratch<'_>, image: &str, volume: &str) -> Result<Keys> {
    let server = ScratchKeys::start(scratch, image, (volume, "/data"), Load::Rdb, "keys")
        .map_err(|failure| failure.within("the RDB does not load"))?;
    let keys = Keys {
        print: KeysPrint::of(&server)?,
        modules: modules(&server)?,
    };
    server.end()?;
    Ok(keys)
}

/// A command that also says how many bytes it has written: `dd` does, on standard error.
///
/// The engine may lose output and end with 0 all the same (seen with `docker run` on a loaded
/// machine): only what was written tells whether all of it came.
fn counted<'a>(args: &[&'a str]) -> Vec<&'a str> {
    const SCRIPT: &str = "set -o pipefail; \"$@\" | LC_ALL=C dd bs=256k";
    ["bash", "-c", SCRIPT, "counted"]
        .into_iter()
        .chain(args.iter().copied())
        .collect()
}

/// What `dd` says that it has written: `8 bytes copied, …` or `8192 bytes (8.2 kB, …) copied, …`.
fn said_to_be_written(stderr: &str) -> Option<u64> {
    stderr.lines().rev().find_map(|line| {
        let (count, rest) = line.split_once(" byte")?;
        rest.contains("copied").then(|| count.parse().ok())?
    })
}

/// Runs a child whose output goes to a file, telling how much came, and sees it to the disk.
fn streamed(
    scratch: &Scratch<'_>,
    command: &process::Invocation,
    file: &File,
    what: &str,
) -> Result<()> {
    let ui = &scratch.context.ui;
    let told = |ran: Duration| {
        let count = file.metadata().map(|file| file.len()).unwrap_or_default();
        ui.redraw(&format!(
            "{what}: {} in {:.0} s",
            bytes(count),
            ran.as_secs_f64()
        ));
    };
    let reply = scratch.docker().runner().saving(command, file, told);
    ui.redraw("");
    let reply = reply?;
    if !reply.success() {
        let said = tail(&reply.stderr, 5).join("\n    ");
        // Java and the shell begin with a capital, docker's client does not.
        let full = said.to_lowercase().contains("no space left");
        let failure = Failure::from(reply.failure()).within(format!("the {what} was not written"));
        return Err(if full {
            failure.hint("df; docker system df   (there is no room for it at the destination, or on the engine's disk)")
        } else {
            failure
        });
    }
    let mut file = file;
    file.flush()
        .and_then(|()| file.sync_all())
        .map_err(|error| Failure::failed(format!("the {what} was not written: {error}")))?;
    let came = written(file)?;
    match said_to_be_written(&reply.stderr) {
        Some(count) if count == came && count > 0 => Ok(()),
        Some(count) => Err(Failure::failed(format!(
            "the {what} is not whole: {count} bytes were written, {came} arrived"
        ))
        .hint("run the same command again: the engine lost a part of the output")),
        None => Err(Failure::failed(format!(
            "the {what} may not be whole: how many bytes were written is unknown, {came} arrived:\n    {}",
            printable(&tail(&reply.stderr, 5).join("\n    "))
        ))
        .hint("run the same command again: the engine lost a part of the output")),
    }
}

/// How many bytes the file has.
fn written(file: &File) -> Result<u64> {
    file.metadata()
        .map(|file| file.len())
        .map_err(|error| Failure::failed(format!("a file of the snapshot: {error}")))
}
