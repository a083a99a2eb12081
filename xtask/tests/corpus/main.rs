//! The corpus of faults: each is planted for real, found under its id, gone once it is taken away,
//! and its innocent look-alike is not reported.
//!
//! The rows of files alone are tried by `compose-audit`.
//!
//! What is planted is data: files, and lines of docker, compose, redis-cli and cypher-shell as a
//! person would type them; never made by the code that judges. `--nocapture` prints a line for each
//! row, from which `cargo xtask test --faults` makes its table.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts the tool and docker from outside, so crates/process is not its door"
)]
#![allow(clippy::print_stdout, reason = "its lines are read by `test --faults`")]
#![allow(dead_code, reason = "each test binary uses a part of what they share")]
#![allow(missing_docs, reason = "tests are sentences")]

/// What the names of these tests' instances begin with, and the file name of what makes them.
const MARK: &str = "fc";
const PROGRAM: &str = "corpus-";

#[path = "../live/docker.rs"]
mod docker;
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../live/live.rs"]
mod live;
#[path = "../live/look.rs"]
mod look;
#[path = "../../../crates/compose-audit/tests/corpus/tried.rs"]
mod tried;
#[path = "../live/wire.rs"]
mod wire;

mod files;
mod planted;
mod row;
mod table;
