//! `down`: stops environments. Their data stays, in their volumes.

use environments::{Deployment, Environment};
use process::side_by_side::each;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{About, act_by_engine, execute};
use crate::journal::DOWN;
use crate::plan::{self, Planned};
use crate::report::Answer;
use crate::tasks::{hold_all, planned, show};

pub(crate) fn run(context: &Context, environments: &[Environment]) -> Result<Answer> {
    let deployments = context.deployments(environments);
    let mut ready = Vec::new();
    for held in hold_all(context, DOWN, &deployments)? {
        let plan = plan::down(&held.observed);
        if !plan.notes.is_empty() && !context.dry_run {
            show(context, &plan);
        }
        ready.push((held, plan));
    }
    if context.dry_run {
        for (_, plan) in &ready {
            show(context, plan);
        }
        return Ok(planned(
            &ready
                .iter()
                .map(|(_, plan)| plan as &dyn Planned)
                .collect::<Vec<_>>(),
        ));
    }
    let busy = ready.iter().filter(|(_, plan)| !plan.steps.is_empty());
    let outcomes = each(busy, |(held, plan)| {
        let deployment = &held.observed.deployment;
        let about = About::new(DOWN, &held.engine, deployment);
        execute(context, &about, plan, |action, did| {
            act_by_engine(context, deployment, action, did)
        })
    });
    Failure::unless_all(outcomes)?;
    let chosen = deployments.iter().map(Deployment::environment).collect();
    Ok(Answer::done(chosen, ""))
}
