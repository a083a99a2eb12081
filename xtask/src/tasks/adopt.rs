//! `adopt ENV --engine`: from now on the environment lives on the engine that answers now.
//!
//! Asked for after Docker was installed anew or moved: until then every changing command refuses
//! an engine that isn't the one of the journal.

use crate::cli::Adopt;
use crate::context::Context;
use crate::error::Result;
use crate::execute::execute;
use crate::guard::identity;
use crate::guard::lock::Lock;
use crate::observe::observe_one;
use crate::plan::Plan;
use crate::report::Answer;
use crate::tasks::{planned, show};

const NAME: &str = "adopt";

pub(crate) fn run(context: &Context, args: &Adopt) -> Result<Answer> {
    let environment = args.environment;
    context.about(environment);
    let deployment = context.deployment(environment);
    let engine = context.docker.engine()?;
    let typed = &context.confirmation.command;
    let _lock = Lock::take(
        &engine.id,
        &deployment,
        typed,
        context.interrupt(),
        &context.ui,
    )?;
    let observed = observe_one(context, &deployment)?;
    identity::settle(NAME, &deployment, &identity::objects(&observed))?;

    let mut plan = Plan::new(deployment.clone());
    let known = context.journal.engine_of(&deployment)?;
    plan.notes.push(match known.as_deref() {
        Some(known) if known == engine.id => format!("the journal has the engine {known} already"),
        Some(known) => format!(
            "the journal has the engine {known}, from now on {}",
            engine.id
        ),
        None => format!(
            "the journal has no engine for it, from now on {}",
            engine.id
        ),
    });
    show(context, &plan);
    if context.dry_run {
        return Ok(planned(&[&plan]));
    }
    // A plan without steps: the line in the journal is what changes.
    execute(context, NAME, &engine, &plan, None)?;
    let said = format!("{deployment} is on the engine {}", engine.id);
    Ok(Answer::done(vec![environment], said))
}
