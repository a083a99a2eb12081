//! What stands before everything destructive: identity, the lock, the person's word.

pub(crate) mod confirmation;
pub(crate) mod evidence;
mod files;
pub(crate) mod identity;
pub(crate) mod lock;
pub(crate) mod turn;
pub(crate) mod who;

pub(crate) use files::folder;
