//! What must happen, and why: steps with their cause, made from what was observed.
//!
//! A plan is typed by what its steps may do: each feature has actions of its own, built on those that
//! all share ([`ServerAction`]). The executor adds no decision to it.
//!
//! Architecture Invariant: pure, and knows no feature. A plan for a given state is the same text every
//! time.

mod removal;
mod running;
mod servers;
mod shown;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

use environments::Deployment;

pub(crate) use self::removal::Removal;
pub(crate) use self::running::{
    bring_up, created, down, kill, missing_volumes, ready, remove, start, stop, thawing, up, write,
};
pub(crate) use self::servers::{ComposeAction, EngineAction, Object, ServerAction, object};
pub(crate) use self::shown::text;
use crate::journal::Deed;

/// What a step does, in its feature's own words.
pub(crate) trait Action: fmt::Display {
    /// What it is about to do to which object, for the journal.
    fn deeds(&self) -> Vec<Deed>;
}

/// What a command is going to do to one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan<A> {
    pub(crate) deployment: Deployment,
    /// What a person should know before saying yes.
    pub(crate) notes: Vec<String>,
    pub(crate) steps: Vec<Step<A>>,
}

/// One step and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step<A> {
    pub(crate) action: A,
    pub(crate) because: String,
}

impl<A> Step<A> {
    pub(crate) fn new(action: impl Into<A>, because: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            because: because.into(),
        }
    }
}

impl<A> Plan<A> {
    pub(crate) const fn new(deployment: Deployment) -> Self {
        Self {
            deployment,
            notes: Vec::new(),
            steps: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, action: impl Into<A>, because: impl Into<String>) {
        self.steps.push(Step::new(action, because));
    }

    /// Has the files written that servers are started from, for a plan that starts some. First of all:
    /// what can fail in it fails before anything is removed.
    pub(crate) fn write_files(&mut self, files: Vec<PathBuf>)
    where
        A: From<ComposeAction>,
    {
        let step = write(files).map(|step| Step::new(step.action, step.because));
        self.steps.splice(0..0, step);
    }

    /// Adds steps that another part has planned.
    pub(crate) fn steps<B: Into<A>>(&mut self, steps: impl IntoIterator<Item = Step<B>>) {
        let steps = steps.into_iter();
        self.steps
            .extend(steps.map(|step| Step::new(step.action, step.because)));
    }
}

/// A plan that can be shown: also one whose steps have names, because one hands on what it yields to
/// the next.
pub(crate) trait Planned {
    fn deployment(&self) -> &Deployment;

    fn notes(&self) -> &[String];

    /// Each step's action and its cause.
    fn lines(&self) -> Vec<(String, &str)>;
}

impl<A: Action> Planned for Plan<A> {
    fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn lines(&self) -> Vec<(String, &str)> {
        lines(&self.steps)
    }
}

/// A plan of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct One<A> {
    pub(crate) deployment: Deployment,
    pub(crate) step: Step<A>,
}

impl<A: Action> Planned for One<A> {
    fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    fn notes(&self) -> &[String] {
        &[]
    }

    fn lines(&self) -> Vec<(String, &str)> {
        lines([&self.step])
    }
}

/// Of steps in their order.
pub(crate) fn lines<'a, A: Action + 'a>(
    steps: impl IntoIterator<Item = &'a Step<A>>,
) -> Vec<(String, &'a str)> {
    let line = |step: &'a Step<A>| (step.action.to_string(), step.because.as_str());
    steps.into_iter().map(line).collect()
}
