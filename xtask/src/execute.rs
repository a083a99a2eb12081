//! Doing what a plan says, step by step, with a line in the journal before and after each.
//!
//! Architecture Invariant: takes no decision, and knows no feature. A step that finds something else
//! than the plan saw fails; it never does something else instead.

mod did;
mod ready;
mod servers;
mod volumes;

use std::time::Instant;

use environments::Deployment;

pub(crate) use self::did::Did;
pub(crate) use self::ready::{answering, planned_server, servers};
pub(crate) use self::servers::{act_by_compose, act_by_engine, act_on_servers};
use crate::context::{Context, Done};
use crate::error::Result;
use crate::guard::who::Who;
use crate::journal::{self, Deed, Entry, STARTED, StepLine};
use crate::plan::{Action, Plan, Step};
use crate::tools::docker::Engine;
use crate::ui::Tone;

/// What the journal is told of a run besides its steps.
#[derive(Debug, Clone)]
pub(crate) struct About<'a> {
    pub(crate) command: &'a str,
    pub(crate) engine: &'a Engine,
    pub(crate) deployment: &'a Deployment,
    /// The snapshot that is made, restored or relied on.
    pub(crate) snapshot: Option<String>,
    /// The store that was compared with it.
    pub(crate) store: Option<String>,
    /// The snapshot of what was there before.
    pub(crate) safety: Option<String>,
}

impl<'a> About<'a> {
    pub(crate) const fn new(
        command: &'a str,
        engine: &'a Engine,
        deployment: &'a Deployment,
    ) -> Self {
        Self {
            command,
            engine,
            deployment,
            snapshot: None,
            store: None,
            safety: None,
        }
    }

    pub(crate) fn snapshot(mut self, id: impl ToString) -> Self {
        self.snapshot = Some(id.to_string());
        self
    }

    pub(crate) fn store(mut self, id: impl Into<String>) -> Self {
        self.store = Some(id.into());
        self
    }

    pub(crate) fn safety(mut self, id: impl ToString) -> Self {
        self.safety = Some(id.to_string());
        self
    }

    fn entry(&self) -> Entry {
        let who = Who::runs_this();
        Entry {
            at: journal::now(),
            run: journal::run_id(),
            who: who.to_string(),
            uid: Some(who.uid),
            engine: self.engine.id.clone(),
            command: self.command.to_owned(),
            environment: self.deployment.environment().slug().to_owned(),
            instance: self.deployment.instance().label().to_owned(),
            outcome: STARTED.to_owned(),
            snapshot: self.snapshot.clone(),
            store: self.store.clone(),
            safety: self.safety.clone(),
            ..Entry::default()
        }
    }
}

/// A run that has begun, and has a line in the journal that says so.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    context: &'a Context,
    deployment: &'a Deployment,
    entry: Entry,
    number: usize,
}

/// Carries a plan out, in the journal from its beginning to its end.
///
/// # Errors
/// The first step that fails; what was done before it is in the context.
pub(crate) fn execute<A: Action>(
    context: &Context,
    about: &About<'_>,
    plan: &Plan<A>,
    mut act: impl FnMut(&A, &mut Did) -> Result<()>,
) -> Result<()> {
    journalled(context, about, |run| {
        let mut steps = plan.steps.iter();
        steps.try_for_each(|step| run.step(step, |did| act(&step.action, did)))
    })
}

/// The same for steps that hand on what they yield: the work takes them in their order.
///
/// # Errors
/// What the work fails with.
pub(crate) fn journalled<T>(
    context: &Context,
    about: &About<'_>,
    work: impl FnOnce(&mut Run<'_>) -> Result<T>,
) -> Result<T> {
    // Pressed while something was looked at: nothing has begun, so nothing is to be told.
    context.interrupt().check()?;
    let mut run = Run {
        context,
        deployment: about.deployment,
        entry: about.entry(),
        number: 0,
    };
    context.journal.append(&run.entry)?;
    let result = work(&mut run);
    let ended = Entry {
        at: journal::now(),
        outcome: outcome(&result),
        ..run.entry
    };
    both(result, context.journal.append(&ended))
}

fn outcome<T>(result: &Result<T>) -> String {
    match result {
        Ok(_) => journal::DONE.to_owned(),
        Err(failure) => failure.kind.outcome().to_owned(),
    }
}

/// What was done, and whether that could be written down: neither failure hides the other.
fn both<T>(done: Result<T>, written: Result<()>) -> Result<T> {
    match (done, written) {
        (Err(failure), Err(unwritten)) => Err(failure.also(unwritten)),
        (Ok(_), Err(unwritten)) => Err(unwritten),
        (done, Ok(())) => done,
    }
}

impl Run<'_> {
    /// Carries one step out.
    ///
    /// # Errors
    /// It fails, or cannot be written down: then nothing was begun, or nothing goes on.
    pub(crate) fn step<A: Action, T>(
        &mut self,
        step: &Step<A>,
        work: impl FnOnce(&mut Did) -> Result<T>,
    ) -> Result<T> {
        let context = self.context;
        context.interrupt().check()?;
        self.number += 1;
        let action = step.action.to_string();
        let line = |outcome: String, deeds: Vec<Deed>| Entry {
            at: journal::now(),
            outcome,
            step: Some(StepLine {
                number: self.number,
                action: action.clone(),
                deeds,
            }),
            ..self.entry.clone()
        };
        let begun = line(STARTED.to_owned(), step.action.deeds());
        context.journal.append(&begun)?;
        let started = Instant::now();
        let mut did = Did::default();
        let result = work(&mut did);
        let ended = line(outcome(&result), did.told());
        let value = both(result, context.journal.append(&ended))
            .map_err(|failure| failure.within(format!("{}: {action}", self.deployment)))?;
        let seconds = started.elapsed().as_secs_f64();
        let mark = context.ui.paint(Tone::Good, "✓");
        let environment = self.deployment.environment();
        context
            .ui
            .say(format!("{mark} {environment}: {action} ({seconds:.1} s)"));
        context.record(Done {
            action: format!("{}: {action}", self.deployment),
            because: step.because.clone(),
            seconds: (seconds * 1000.0).round() / 1000.0,
        });
        Ok(value)
    }
}
