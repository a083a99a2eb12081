//! What a probe is told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// What a container has answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// By the question's number. Each has one.
    pub(crate) answers: BTreeMap<usize, Answer>,
    /// The ports on which something listens in the container for others than itself.
    pub(crate) listening: BTreeSet<u16>,
    /// How long a question could stay without an answer.
    pub(crate) deadline: Duration,
    /// That was less than its own servers would have to be given: silence says nothing.
    pub(crate) cut_off: bool,
    /// How long it took to ask all of it.
    pub(crate) took: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Open,
    /// Open once, and not when it was asked again. No container says so.
    Once,
    /// The address itself has answered that nobody listens. Told apart from `Closed` over IPv6 alone.
    Refused,
    /// Refused, or no way there.
    Closed,
    /// Nothing within the deadline.
    Silent,
    /// What a name stands for.
    Names(BTreeSet<IpAddr>),
    Said(String),
}
