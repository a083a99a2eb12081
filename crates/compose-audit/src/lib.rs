//! Comparing anyone's compose files: every way that is known by which one environment's data, name,
//! address, credential or process can reach, replace or delete another's.
//!
//! Needs `docker compose`, which renders the files, and no engine. Whoever also looks at what runs
//! uses the same faults, findings, declarations and reports: what it has seen is judged with
//! [`Proof::judged`].
//!
//! Architecture Invariant: this crate knows no environment by name, and none of the tools that use
//! it. What they are called is given to it.

pub mod allow;
pub mod alone;
mod composed;
pub mod digest;
mod error;
pub mod fault;
pub mod files;
pub mod finding;
pub mod report;
pub mod shared;
pub mod statics;
pub mod store;
pub mod verdict;

use std::collections::BTreeSet;
use std::time::Instant;

use process::Runner;

pub use composed::Composed;
pub use error::{Error, Kind, Result};

use crate::finding::{Layer, Looked};
use crate::report::proof::Scope;

/// Looks at anyone's compose files: no engine, no objects.
///
/// # Errors
/// Usage: one name twice. Ctrl-C.
pub fn look_at_files(runner: &Runner, composed: &[Composed]) -> Result<(Scope, Looked)> {
    let mut names = BTreeSet::new();
    if let Some(twice) = composed.iter().find(|one| !names.insert(&one.name)) {
        return Err(Error::usage(format!(
            "--compose names {:?} twice: all files of one environment go into one --compose NAME=FILE,FILE",
            twice.name
        )));
    }
    let started = Instant::now();
    let printed = |at: usize| statics::clean(runner, &composed[at]);
    let outcome = statics::look(runner, composed, &printed);
    runner.interrupt().check()?;
    let scope = Scope {
        environments: composed.iter().map(|one| one.name.clone()).collect(),
        layers: vec![Layer::Static],
        absent: Vec::new(),
    };
    let looked = Looked {
        layer: Layer::Static,
        outcome,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok((scope, looked))
}
