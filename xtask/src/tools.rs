//! The tools we ask: argv as data, replies as types.
//!
//! Architecture Invariant: a tool decides nothing. It turns a question into a command line, and an
//! answer it doesn't know into an error that shows it.

pub(crate) mod bolt;
pub(crate) mod compose;
pub(crate) mod docker;
pub(crate) mod neo4j;
pub(crate) mod redis;
