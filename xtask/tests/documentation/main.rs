//! README.md and docs/ against the real binary: every command line that they show is one, every
//! command has an example, and what the blocks marked `live` show is what comes.
//!
//! A block that begins with ```` ```console ```` holds lines `$ command` and what each printed, first
//! on stderr, then on stdout. `…` alone on a line stands for lines that are left out. `$ echo $?`
//! after a command shows its exit code, which is 0 otherwise. ```` ```console live ```` blocks are
//! run, in the order of the documents, on one instance of their own; those of the playbook for disasters
//! on another, where each of its other blocks names the tests that run it: ```` ```console tested NAME ````.
#![allow(missing_docs, reason = "tests are sentences")]

#[path = "../harness/mod.rs"]
mod harness;

mod compare;
mod pages;

mod command_lines;
mod on_servers;
