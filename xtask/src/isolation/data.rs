//! The data layer: which store is behind which server, and where each address leads.
//!
//! Development and test get a canary each, which is looked for in every server. Nothing is written
//! to a protected environment: its stores are told apart by what they say of themselves, and its
//! addresses by the name under which a connection is listed.

mod address;
mod canary;
mod collect;
mod evidence;
mod findings;
mod judge;
mod leave;
mod writing;

use compose_audit::finding::Outcome;
pub(crate) use findings::{TO_DROP, bad_name, folders};

use crate::isolation::scene::Scene;
use crate::isolation::servers::Servers;

pub(crate) fn look(scene: &Scene<'_>, servers: &Servers) -> Outcome {
    judge::judge(&scene.context.instance, &collect::collect(scene, servers))
}
