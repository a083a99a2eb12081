//! `wipe-dev`: all development data gone, new volumes, healthy again.
//!
//! Looks, checks whose everything is, shows the plan with what would be lost, asks for the phrase,
//! carries the plan out, counts 0, and sees that no neighbour changed.

use std::thread;

use environments::{Deployment, Dev, Disposable, Service, Volume};

use crate::context::Context;
use crate::error::Result;
use crate::execute::execute;
use crate::guard::identity;
use crate::neighbours::Neighbours;
use crate::observe::Observed;
use crate::plan;
use crate::report::Answer;
use crate::stack::Stack;
use crate::tasks::{Contents, contents, hold, planned, show};
use crate::tools::docker::Container;
use crate::ui::{bytes, counted};

const NAME: &str = "wipe-dev";
const PHRASE: &str = "DELETE DEV DATA";

pub(crate) fn run(context: &Context) -> Result<Answer> {
    let target = Disposable::of(Dev, context.instance.clone());
    let held = hold(context, NAME, target.deployment())?;
    let found = contents(context, &held.observed);
    agree(NAME, target.deployment(), &found)?;
    let stack = Stack::prepare(context, &held.observed)?;

    let mut plan = plan::recreate(&target, &held.observed, None);
    plan.notes = notes(context, &held.observed, &found);
    show(context, &plan);
    if context.dry_run {
        context.confirmation.rehearse(PHRASE)?;
        return Ok(planned(&[&plan]));
    }
    context.confirmation.ask(PHRASE, context.interrupt())?;

    let neighbours = Neighbours::of(context, target.deployment())?;
    execute(context, NAME, &held.engine, &plan, Some(&stack))?;
    neighbours.verify(context, &held.engine)?;
    let said = format!(
        "development is empty and healthy: 0 nodes, 0 keys; {} of other environments unchanged",
        counted(neighbours.count(), "object")
    );
    Ok(Answer::done(vec![target.deployment().environment()], said))
}

/// Servers that answer must be development's own. Those that don't answer say nothing: the labels
/// of the volumes have decided, and the plan says that the contents were not inspected.
pub(crate) fn agree(command: &str, deployment: &Deployment, found: &Contents) -> Result<()> {
    let mut objections = Vec::new();
    if let Ok(facts) = &found.graph {
        objections.extend(identity::graph(deployment, facts));
    }
    if let Ok(facts) = &found.keys {
        objections.extend(identity::keys(deployment, facts));
    }
    identity::settle(command, deployment, &objections)
}

/// What would be lost.
pub(crate) fn notes(context: &Context, observed: &Observed, found: &Contents) -> Vec<String> {
    let mut notes = Vec::new();
    notes.push(match &found.graph {
        Ok(facts) => format!(
            "Neo4j {} holds {}, {}",
            facts.version,
            counted(facts.nodes, "node"),
            counted(facts.relationships, "relationship")
        ),
        Err(reason) => format!("Neo4j: contents not inspected, {reason}"),
    });
    notes.push(match &found.keys {
        Ok(facts) => format!(
            "Redis {} holds {}",
            facts.version,
            counted(facts.keys, "key")
        ),
        Err(reason) => format!("Redis: contents not inspected, {reason}"),
    });
    // Side by side: each count waits for a child.
    let sizes = thread::scope(|scope| {
        let threads: Vec<_> = observed
            .volumes()
            .map(|(volume, state)| (state, scope.spawn(move || size(context, observed, volume))))
            .collect();
        threads
            .into_iter()
            .map(|(state, thread)| (state, thread.join().ok().flatten()))
            .collect::<Vec<_>>()
    });
    notes.extend(sizes.into_iter().map(|(state, size)| {
        let size = size.map_or_else(|| "size not known".to_owned(), bytes);
        format!("{} ({size}, made {})", state.name, state.created_at)
    }));
    notes
}

/// The bytes in a volume, counted inside the container that mounts it.
fn size(context: &Context, observed: &Observed, volume: Volume) -> Option<u64> {
    let service: Service = volume.service();
    let container = observed
        .container(service)
        .filter(|container| Container::running(container))?;
    let folder = match volume {
        Volume::Neo4jData | Volume::RedisData => "/data",
        Volume::Neo4jLogs => "/logs",
    };
    let du = context.docker.exec(&container.id, &["du", "-sb", folder]);
    let reply = context.runner.run(&du).ok()?;
    reply.stdout.split_whitespace().next()?.parse().ok()
}
