//! `up`: starts environments side by side, and returns when their servers answer.

use environments::{Deployment, Environment};
use process::side_by_side::each;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{About, act_on_servers, execute};
use crate::plan::{self, Plan, Planned, ServerAction};
use crate::report::Answer;
use crate::stack::Stack;
use crate::tasks::{Held, adopt, hold_all, planned, restore, show};
use crate::ui;

pub(crate) const NAME: &str = "up";

pub(crate) fn run(context: &Context, environments: &[Environment]) -> Result<Answer> {
    let deployments = context.deployments(environments);
    let started = start(context, NAME, &deployments)?;
    if context.dry_run {
        return Ok(planned(
            &started
                .iter()
                .map(|one| &one.plan as &dyn Planned)
                .collect::<Vec<_>>(),
        ));
    }
    let chosen = deployments.iter().map(Deployment::environment).collect();
    Ok(Answer::done(chosen, connections(&started)))
}

/// A deployment that was started, and what it was started with.
pub(crate) struct Started {
    pub(crate) stack: Stack,
    pub(crate) plan: Plan<ServerAction>,
}

/// Starts deployments, each in a thread of its own.
///
/// # Errors
/// Every failure among them: each is brought to its end whatever becomes of the others.
pub(crate) fn start(
    context: &Context,
    command: &str,
    deployments: &[Deployment],
) -> Result<Vec<Started>> {
    let mut ready = Vec::new();
    for held in hold_all(context, command, deployments)? {
        restore::not_half_done(context, &held)?;
        adopt::not_half_done(context, &held)?;
        let mut plan = plan::up(&held.observed);
        let stack = Stack::prepare(context, &held.observed)?;
        plan.write_files(stack.to_write());
        ready.push((held, stack, plan));
    }
    if context.dry_run {
        for (_, _, plan) in &ready {
            show(context, plan);
        }
        return Ok(ready
            .into_iter()
            .map(|(_, stack, plan)| Started { stack, plan })
            .collect());
    }
    let run = |(held, stack, plan): (Held, Stack, Plan<ServerAction>)| {
        let about = About::new(command, &held.engine, &held.observed.deployment);
        execute(context, &about, &plan, |action, did| {
            act_on_servers(context, &stack, action, did)
        })?;
        Ok(Started { stack, plan })
    };
    Failure::unless_all(each(ready, run))
}

/// Where each of them is reached.
pub(crate) fn connections(started: &[Started]) -> String {
    let head = [
        "environment",
        "Neo4j",
        "browser",
        "Redis",
        "database",
        "namespace",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for one in started {
        let environment = one.stack.deployment.environment();
        let [bolt, http, redis] = match one.stack.target.ports() {
            Some(ports) => [
                format!("bolt://localhost:{}", ports.bolt),
                format!("http://localhost:{}", ports.http),
                format!("redis://localhost:{}/0", ports.redis),
            ],
            None => ["", "", ""].map(|_| "no port published".to_owned()),
        };
        lines.push(vec![
            one.stack.deployment.to_string(),
            bolt,
            http,
            redis,
            environment.database().to_owned(),
            format!(
                "{}* :{}",
                environment.redis_prefix(),
                environment.neo4j_label()
            ),
        ]);
    }
    ui::table(&lines)
}
