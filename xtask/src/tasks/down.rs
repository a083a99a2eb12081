//! `down`: stops environments. Their data stays, in their volumes.

use environments::{Deployment, Environment};

use crate::context::Context;
use crate::error::Result;
use crate::execute::execute;
use crate::journal::DOWN;
use crate::plan;
use crate::report::Answer;
use crate::side_by_side::each;
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
    let busy = ready.iter().filter(|(_, plan)| !plan.steps.is_empty());
    let outcomes = each(busy, |(held, plan)| {
        execute(context, DOWN, &held.engine, plan, None)
    });
    outcomes.into_iter().collect::<Result<()>>()?;
    let chosen = deployments.iter().map(Deployment::environment).collect();
    Ok(Answer::done(chosen, ""))
}
