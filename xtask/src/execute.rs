//! Doing what a plan says, step by step.
//!
//! Architecture Invariant: takes no decision. A step that finds something else than the plan saw
//! fails; it never does something else instead.

mod emptying;
mod ready;
mod volumes;

use std::time::Instant;

use environments::{Deployment, Service};

use self::emptying::{await_empty, empty_in_place, planned_server};
use self::ready::{await_ready, start};
use self::volumes::{create_volumes, remove_volumes};
use crate::adoption;
use crate::context::{Context, Done};
use crate::error::{Failure, Result};
use crate::guard::lock::user;
use crate::journal::{self, Entry};
use crate::namespace::{foreign, migrate};
use crate::observe::observe_one;
use crate::plan::{Action, Object, Plan};
use crate::secrets;
use crate::stack::Stack;
use crate::tools::compose;
use crate::tools::docker::Engine;
use crate::ui::Tone;

/// Carries a plan out, in the journal from its beginning to its end.
///
/// # Errors
/// The first step that fails; what was done before it is in the context.
pub(crate) fn execute(
    context: &Context,
    command: &str,
    engine: &Engine,
    plan: &Plan,
    stack: Option<&Stack>,
) -> Result<()> {
    let run = Run {
        command,
        engine,
        snapshot: None,
    };
    journalled(context, &run, plan, |action| {
        act(context, &plan.deployment, action, stack)
    })
}

/// What the journal is told of a run besides its plan.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) command: &'a str,
    pub(crate) engine: &'a Engine,
    /// The snapshot that is made, restored or relied on.
    pub(crate) snapshot: Option<String>,
}

/// The same for a plan whose actions another carries out.
///
/// # Errors
/// The first step that fails.
pub(crate) fn journalled(
    context: &Context,
    run: &Run<'_>,
    plan: &Plan,
    act: impl FnMut(&Action) -> Result<()>,
) -> Result<()> {
    // Pressed while something was looked at: nothing has begun, so nothing is to be told.
    context.interrupt().check()?;
    let mut entry = Entry {
        at: journal::now(),
        run: journal::run_id(),
        who: user(),
        engine: run.engine.id.clone(),
        command: run.command.to_owned(),
        environment: plan.deployment.environment().slug().to_owned(),
        instance: plan.deployment.instance().label().to_owned(),
        outcome: "started".to_owned(),
        removed: plan.removed(),
        snapshot: run.snapshot.clone(),
    };
    context.journal.append(&entry)?;
    let result = steps(context, plan, act);
    entry.at = journal::now();
    entry.outcome = match &result {
        Ok(()) => "done".to_owned(),
        Err(failure) => failure.kind.outcome().to_owned(),
    };
    context.journal.append(&entry)?;
    result
}

fn steps(context: &Context, plan: &Plan, mut act: impl FnMut(&Action) -> Result<()>) -> Result<()> {
    for step in &plan.steps {
        context.interrupt().check()?;
        let started = Instant::now();
        act(&step.action)
            .map_err(|failure| failure.within(format!("{}: {}", plan.deployment, step.action)))?;
        let seconds = started.elapsed().as_secs_f64();
        let mark = context.ui.paint(Tone::Good, "✓");
        context.ui.say(format!(
            "{mark} {}: {} ({seconds:.1} s)",
            plan.deployment.environment(),
            step.action
        ));
        context.record(Done {
            action: format!("{}: {}", plan.deployment, step.action),
            because: step.because.clone(),
            seconds: (seconds * 1000.0).round() / 1000.0,
        });
    }
    Ok(())
}

/// Carries out one action of those that need nothing but the engine and the compose file.
pub(crate) fn act(
    context: &Context,
    deployment: &Deployment,
    action: &Action,
    stack: Option<&Stack>,
) -> Result<()> {
    let docker = &context.docker;
    let stack = || {
        stack.ok_or_else(|| Failure::failed("a plan that starts servers was given no compose file"))
    };
    match action {
        Action::Unpause(objects) => docker.unpause(&ids(objects)),
        Action::Kill(objects) => docker.kill(&ids(objects)),
        Action::Stop(objects) => docker.stop(&ids(objects)),
        Action::RemoveContainers(objects) => docker.remove_containers(&ids(objects)),
        Action::RemoveNetwork(object) => docker.remove_network(&object.id),
        Action::RemoveVolumes(removals) => remove_volumes(context, deployment, removals),
        Action::CreateVolumes(names) => create_volumes(context, stack()?, names),
        Action::Start => start(context, stack()?),
        Action::AwaitReady => await_ready(context, stack()?),
        Action::AwaitEmpty(seed) => await_empty(context, stack()?, seed.as_ref()),
        Action::EmptyInPlace(work) => empty_in_place(context, stack()?, work),
        Action::Create => {
            let stack = stack()?;
            compose::create(docker, stack.project(&stack.name()))
        }
        Action::KeepVolumes(volumes) => adoption::kept::keep(context, deployment, volumes),
        Action::FreeNames(volumes) => adoption::kept::free(context, deployment, volumes),
        Action::Adopt(adopted) => {
            adoption::begin(context, deployment, adopted)?;
            if let Some(graph) = &adopted.graph {
                adoption::graph::fill(context, deployment, &graph.database)?;
            }
            if adopted.keys.is_some() {
                adoption::keys::fill(context, deployment)?;
            }
            Ok(())
        }
        Action::CompareAdopted(adopted) => adoption::compare(context, deployment, adopted),
        Action::MoveForeign(work) => {
            let observed = observe_one(context, deployment)?;
            let servers = foreign::Servers {
                neo4j: &planned_server(&observed, Service::Neo4j, &work.neo4j)?,
                redis: &planned_server(&observed, Service::Redis, &work.redis)?,
                password: &secrets::password(deployment.environment())?,
            };
            foreign::move_to(context, deployment, servers, &work.file)
        }
        Action::PrefixKeys(work) => {
            let (environment, redis) = (deployment.environment(), Service::Redis);
            let observed = observe_one(context, deployment)?;
            let redis = planned_server(&observed, redis, &work.server)?;
            migrate::prefix_keys(context, environment, &redis, work.count)
        }
        Action::LabelNodes(work) => {
            let observed = observe_one(context, deployment)?;
            let neo4j = planned_server(&observed, Service::Neo4j, &work.server)?;
            let password = secrets::password(deployment.environment())?;
            migrate::label_nodes(context, deployment, &neo4j, &password, work.count)
        }
        Action::Snapshot(_) | Action::Drill(_) | Action::RemoveSnapshot(_) | Action::Restore(_) => {
            Err(Failure::failed(format!(
                "{action}: no part of this command"
            )))
        }
    }
}

fn ids(objects: &[Object]) -> Vec<String> {
    objects.iter().map(|object| object.id.clone()).collect()
}
