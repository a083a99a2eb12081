//! `down`: stops environments. Their data stays, in their volumes.

use std::thread;

use environments::{Deployment, Environment};

use crate::context::Context;
use crate::error::Result;
use crate::execute::execute;
use crate::journal::DOWN;
use crate::observe::joined;
use crate::plan;
use crate::report::Answer;
use crate::tasks::{hold_all, planned, show};

pub(crate) fn run(context: &Context, environments: &[Environment]) -> Result<Answer> {
    let deployments = context.deployments(environments);
    let mut ready = Vec::new();
    for held in hold_all(context, DOWN, &deployments)? {
        let plan = plan::down(&held.observed);
        ready.push((held, plan));
    }
    if context.dry_run {
        for (_, plan) in &ready {
            show(context, plan);
        }
        return Ok(planned(
            &ready.iter().map(|(_, plan)| plan).collect::<Vec<_>>(),
        ));
    }
    thread::scope(|scope| {
        let threads: Vec<_> = ready
            .iter()
            .filter(|(_, plan)| !plan.steps.is_empty())
            .map(|(held, plan)| scope.spawn(|| execute(context, DOWN, &held.engine, plan, None)))
            .collect();
        let outcomes: Vec<Result<()>> = threads.into_iter().map(joined).collect();
        outcomes.into_iter().collect::<Result<()>>()
    })?;
    let chosen = deployments.iter().map(Deployment::environment).collect();
    Ok(Answer::done(chosen, ""))
}
