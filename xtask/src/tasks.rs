//! The tasks, one file each, named as the person types them.

pub(crate) mod adopt;
pub(crate) mod bench;
pub(crate) mod ci;
pub(crate) mod cypher;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod drill;
pub(crate) mod env;
pub(crate) mod generate;
pub(crate) mod history;
pub(crate) mod images;
pub(crate) mod init_neo4j;
pub(crate) mod instances;
pub(crate) mod logs;
pub(crate) mod migrate_namespace;
pub(crate) mod pre_deploy;
pub(crate) mod quickstart;
pub(crate) mod redis;
pub(crate) mod remove;
pub(crate) mod reset_test;
pub(crate) mod restore;
pub(crate) mod snapshot;
pub(crate) mod snapshots;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod up;
pub(crate) mod verify_isolation;
pub(crate) mod wipe;
pub(crate) mod wipe_dev;

use environments::Deployment;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{About, act_by_engine, act_on_servers, execute};
use crate::guard::evidence::stopped_by;
use crate::guard::identity;
use crate::guard::lock::Lock;
use crate::journal::PROOF;
use crate::observe::{self, Observed, observe_one};
use crate::plan::{self, Planned};
use crate::report::{Answer, Changed};
use crate::stack::Stack;
use crate::tools::docker::{Container, Engine};

/// A deployment under its lock, observed, and ours by every label and by the engine's id.
///
/// The lock comes first: what is observed after it cannot be changed by another run.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) observed: Observed,
    pub(crate) engine: Engine,
    _lock: Lock,
}

/// Takes the lock, looks, and checks whose the objects are.
pub(crate) fn hold(context: &Context, command: &str, deployment: &Deployment) -> Result<Held> {
    hold_all(context, command, std::slice::from_ref(deployment))?
        .pop()
        .ok_or_else(|| Failure::failed(format!("{deployment} was not observed")))
}

/// The same where some of what is observed is no part of the deployment: the function takes it out
/// and keeps it.
pub(crate) fn hold_without<T>(
    context: &Context,
    command: &str,
    deployment: &Deployment,
    set_aside: impl FnOnce(&mut Observed) -> T,
) -> Result<(Held, T)> {
    context.about(deployment.environment());
    let engine = context.docker.engine()?;
    let typed = &context.confirmation.command;
    let lock = Lock::take(
        &engine.id,
        deployment,
        typed,
        context.interrupt(),
        &context.ui,
    )?;
    let mut observed = observe_one(context, deployment)?;
    let aside = set_aside(&mut observed);
    let held = judged(context, command, &engine, observed, lock)?;
    Ok((held, aside))
}

/// The same for several: all locks first, then one look at all of them.
pub(crate) fn hold_all(
    context: &Context,
    command: &str,
    deployments: &[Deployment],
) -> Result<Vec<Held>> {
    for deployment in deployments {
        context.about(deployment.environment());
    }
    let engine = context.docker.engine()?;
    let typed = &context.confirmation.command;
    let locks: Vec<Lock> = deployments
        .iter()
        .map(|one| Lock::take(&engine.id, one, typed, context.interrupt(), &context.ui))
        .collect::<Result<_>>()?;
    let all = observe::observe(context, deployments)?;
    let mut held = Vec::new();
    for (observed, lock) in all.into_iter().zip(locks) {
        held.push(judged(context, command, &engine, observed, lock)?);
    }
    Ok(held)
}

fn judged(
    context: &Context,
    command: &str,
    engine: &Engine,
    observed: Observed,
    lock: Lock,
) -> Result<Held> {
    let known = context.journal.engine_of(&observed.deployment)?;
    let mut objections = identity::engine(&observed.deployment, known.as_deref(), &engine.id);
    objections.extend(identity::objects(&observed));
    identity::settle(command, &observed.deployment, &objections)?;
    Ok(Held {
        observed,
        engine: engine.clone(),
        _lock: lock,
    })
}

/// The same deployment with nothing frozen: under its lock nobody else's freeze can be going on, so
/// whoever froze it has gone.
pub(crate) fn thawed(context: &Context, command: &str, mut held: Held) -> Result<Held> {
    let plan = plan::thawing(&held.observed);
    if plan.steps.is_empty() {
        return Ok(held);
    }
    show(context, &plan);
    if !context.dry_run {
        let deployment = &held.observed.deployment;
        let about = About::new(command, &held.engine, deployment);
        execute(context, &about, &plan, |action, did| {
            act_by_engine(context, deployment, action, did)
        })?;
        held.observed = observe_one(context, deployment)?;
    }
    Ok(held)
}

/// The same deployment, started again where a run that was cut off has stopped it: what it holds can
/// only be looked at while it runs.
///
/// # Errors
/// It does not start; `--dry-run` starts nothing, so nothing can be looked at.
pub(crate) fn brought_up(context: &Context, command: &str, mut held: Held) -> Result<Held> {
    let deployment = &held.observed.deployment;
    let last = context.journal.last(deployment, &[PROOF])?;
    if !last.is_some_and(|run| stopped_by(&run, &held.observed)) {
        return Ok(held);
    }
    let mut plan = plan::bring_up(&held.observed);
    if context.dry_run {
        show(context, &plan);
        return Err(Failure::refused(format!(
            "{deployment} was stopped by a run that was cut off: what it holds can be looked at once \
             it runs again"
        ))
        .hint(format!("cargo xtask up {}", deployment.environment())));
    }
    let stack = Stack::prepare(context, &held.observed)?;
    plan.write_files(stack.to_write());
    show(context, &plan);
    let about = About::new(command, &held.engine, deployment);
    execute(context, &about, &plan, |action, did| {
        act_on_servers(context, &stack, action, did)
    })?;
    held.observed = observe_one(context, deployment)?;
    Ok(held)
}

/// Shows a plan to the person. It is shown even under `--quiet`: nothing happens unseen.
pub(crate) fn show(context: &Context, plan: &dyn Planned) {
    context.ui.insist(plan::text(plan).trim_end());
}

/// The answer of `--dry-run`.
pub(crate) fn planned(plans: &[&dyn Planned]) -> Answer {
    let steps = plans.iter().flat_map(|plan| {
        let lines = plan.lines().into_iter();
        lines.map(|(action, because)| {
            let action = format!("{}: {action}", plan.deployment());
            (action, because.to_owned())
        })
    });
    Answer::Changed(Changed {
        environments: plans
            .iter()
            .map(|plan| plan.deployment().environment())
            .collect(),
        outcome: "planned",
        planned: steps.collect(),
        human: String::new(),
    })
}

/// The running container of one of a deployment's servers, known to be ours.
pub(crate) fn running_container(
    context: &Context,
    command: &str,
    deployment: &Deployment,
    service: environments::Service,
) -> Result<Container> {
    context.about(deployment.environment());
    let observed = observe_one(context, deployment)?;
    identity::settle(command, deployment, &identity::objects(&observed))?;
    let name = deployment.container(service);
    match observed.container(service) {
        Some(container) if container.running() => Ok(container.clone()),
        Some(container) => Err(not_running(
            deployment,
            &format!("is {}", container.state.status),
            &name,
        )),
        None => Err(not_running(deployment, "does not exist", &name)),
    }
}

fn not_running(deployment: &Deployment, state: &str, container: &str) -> Failure {
    Failure::failed(format!("{container} {state}: {deployment} is not up"))
        .hint(format!("cargo xtask up {}", deployment.environment()))
}
