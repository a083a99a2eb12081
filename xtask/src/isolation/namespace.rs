//! The namespace layer: whose the keys and nodes of each server are, by prefix and label, and what
//! its databases are called.
//!
//! Keys are read in batches that each keep the server busy for a bounded time, nodes from counts
//! that the store keeps. No value and no property is ever read.

mod collect;
mod evidence;
mod findings;
mod judge;

use compose_audit::finding::Outcome;

use crate::isolation::scene::Scene;
use crate::isolation::servers::Servers;

pub(crate) fn look(scene: &Scene<'_>, servers: &Servers) -> Outcome {
    judge::judge(&scene.context.instance, &collect::collect(scene, servers))
}
