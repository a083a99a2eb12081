//! The auth layer: which login opens which server.
//!
//! The table of logins and servers comes from the definitions. Each login that should be refused
//! stands beside the server's own, which has to be taken.

pub(crate) mod acl;
mod collect;
mod evidence;
mod findings;
mod judge;
mod matrix;
mod plain;

use compose_audit::finding::Outcome;
pub(crate) use findings::joined;
pub(crate) use findings::xtask;
pub(crate) use matrix::protected;

use crate::isolation::scene::Scene;
use crate::isolation::servers::Servers;

pub(crate) fn look(scene: &Scene<'_>, servers: &Servers) -> Outcome {
    judge::judge(&scene.context.instance, &collect::collect(scene, servers))
}
