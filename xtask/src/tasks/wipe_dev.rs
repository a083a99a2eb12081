//! `wipe-dev`: all development data gone, new volumes, healthy again.
//!
//! Looks, checks whose everything is, shows the plan with what would be lost, asks for the phrase,
//! carries the plan out, counts 0, and sees that no neighbour changed.

use environments::{Dev, Disposable};
use process::side_by_side::both;

use crate::contents::{agree, contents, notes, sizes};
use crate::context::Context;
use crate::emptying;
use crate::error::{Failure, Result};
use crate::execute::{About, execute};
use crate::neighbours::Neighbours;
use crate::report::Answer;
use crate::stack::Stack;
use crate::tasks::{hold, planned, show};
use crate::ui::counted;

const NAME: &str = "wipe-dev";
const PHRASE: &str = "DELETE DEV DATA";

pub(crate) fn run(context: &Context) -> Result<Answer> {
    let target = Disposable::of(Dev, context.instance.clone());
    let held = hold(context, NAME, target.deployment())?;
    // Side by side: each look waits for children. A phrase that is given is not waited for.
    let answered = context.confirmation.given.is_some() && !context.dry_run;
    let neighbours = || Neighbours::of(context, target.deployment());
    let (found, (sizes, looked)) = both(
        || contents(context, &held.observed),
        || {
            both(
                || Ok::<_, Failure>(sizes(context, &held.observed)),
                || answered.then(neighbours).transpose(),
            )
        },
    );
    agree(NAME, target.deployment(), &found)?;
    let stack = Stack::prepare(context, &held.observed)?;

    let mut plan = emptying::recreate(&target, &held.observed, None);
    plan.write_files(stack.to_write());
    plan.notes = notes(&held.observed, &found, sizes?);
    show(context, &plan);
    if context.dry_run {
        context.confirmation.rehearse(PHRASE)?;
        return Ok(planned(&[&plan]));
    }
    context.confirmation.ask(PHRASE, context.interrupt())?;

    let neighbours = looked.transpose().unwrap_or_else(neighbours)?;
    let about = About::new(NAME, &held.engine, target.deployment());
    execute(context, &about, &plan, |action, did| {
        emptying::act(context, &stack, action, did)
    })?;
    let unchanged = neighbours.verify(context, &held.engine)?;
    let said = format!(
        "development is empty and healthy: 0 nodes, 0 keys; {} of other environments unchanged",
        counted(unchanged, "object")
    );
    Ok(Answer::done(vec![target.deployment().environment()], said))
}
