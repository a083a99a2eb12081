//! The corpus of faults: each is planted for real, found under its id, gone once it is taken away,
//! and its innocent look-alike is not reported.
//!
//! What is planted is data: files, and lines of docker, compose, redis-cli and cypher-shell as a
//! person would type them; never made by the code that judges. `--nocapture` prints a line for each
//! row, from which `cargo xtask test --faults` makes its table.
#![allow(clippy::print_stdout, reason = "its lines are read by `test --faults`")]
#![allow(missing_docs, reason = "tests are sentences")]

#[path = "../harness/mod.rs"]
mod harness;

mod files;
mod table;
