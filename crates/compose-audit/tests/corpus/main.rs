//! The corpus of faults in files: each is planted for real, found under its id, gone once it is taken
//! away, and its innocent look-alike is not reported. And what the program promises besides.
//!
//! `--nocapture` prints a line for each row, from which `cargo xtask test --faults` makes its table.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts the program from outside, so crates/process is not its door"
)]
#![allow(clippy::print_stdout, reason = "its lines are read by `test --faults`")]
#![allow(dead_code, reason = "each test binary uses a part of what they share")]
#![allow(missing_docs, reason = "tests are sentences")]
#![allow(unreachable_pub, reason = "a module of test binaries has no outside")]

#[path = "../harness/patience.rs"]
mod patience;

mod files;
mod program;
mod tried;
