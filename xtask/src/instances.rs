//! Whole second sets: which there are on an engine, when each was last used, and how one ends.
//!
//! What may be removed of a set is in the types that the plan takes: development and test as they are,
//! staging and production only where nothing was counted in them.

mod age;
mod census;
mod files;
mod removal;

pub(crate) use self::age::{Age, LastUse, REMOVE, last_use};
pub(crate) use self::census::{Census, Found};
pub(crate) use self::removal::{Action, Leave, Part, act, plan};
