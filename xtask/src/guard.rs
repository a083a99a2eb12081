//! What stands before everything destructive: identity, the lock, the person's word.

pub(crate) mod confirmation;
pub(crate) mod identity;
pub(crate) mod lock;
pub(crate) mod turn;
