//! The commands against real servers: Neo4j, Redis and Compose, in instances of their own.
//!
//! What is claimed is looked at with plain `docker`, over the published ports, or with the servers'
//! own tools inside their containers; never with the code that claims it. The set without an
//! instance is never touched. At most two scenarios run at a time, each with its own instance
//! ([`live`]), whatever RUST_TEST_THREADS says. `--nocapture` shows how long each of them took.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts the tool and docker from outside, so crates/process is not its door"
)]
#![allow(missing_docs, reason = "tests are sentences")]

/// What the names of these tests' instances begin with, and the file name of what makes them.
const MARK: &str = "lv";
const PROGRAM: &str = "live-";

#[path = "../harness/mod.rs"]
mod harness;

mod docker;
mod live;
mod look;
mod shim;
mod wire;

// In the order of their names they are begun: what takes longest comes early, or it runs alone at the end.
mod adoption;
mod behind_a_snapshot;
mod commands;
mod credentials;
mod damaged;
mod foreign;
mod freezes;
mod instances;
mod interrupted_up;
mod killed;
mod moved;
mod namespaces;
mod persistence;
mod plain_compose;
mod pre_deploy;
mod production;
mod proof;
mod pulled;
mod python_drivers;
mod reset_by_new_volumes;
mod reset_in_place;
mod reset_together;
mod restored;
mod saved;
mod side_by_side;
mod swept;
mod time_passes;
mod wipe;
mod writers;
