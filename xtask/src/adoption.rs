//! Volumes from before this tool: looked at in a copy, and brought into an environment.
//!
//! A source is only ever mounted read-only. It is copied, the copy is read by a scratch server that
//! no network reaches, and what that server holds goes into the environment's own volumes.

mod carry_out;
mod filled;
mod graph;
mod helper;
pub(crate) mod kept;
mod keys;
mod plan;
mod source;
mod users;

pub(crate) use carry_out::{act, same};
pub(crate) use filled::filled;
pub(crate) use graph::Graph;
pub(crate) use helper::sweep;
pub(crate) use kept::InTheWay;
pub(crate) use keys::Keys;
pub(crate) use plan::{Adoption, adopt, adopt_rest, adopted_before, free_names};
pub(crate) use source::acceptable;
