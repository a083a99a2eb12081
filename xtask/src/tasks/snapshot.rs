//! `snapshot` and `snapshot-staging`: an environment saved while it runs, and the copy proved.

use std::time::Duration;

use environments::Environment;
use serde_json::json;

use crate::cli::SnapshotOptions;
use crate::contents::{agree, contents};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::report::{self, Answer, Changed};
use crate::snapshot::make::{self, How, Made, MakePlan, Source};
use crate::snapshot::space;
use crate::stack::Stack;
use crate::tasks::snapshots::Listed;
use crate::tasks::{Held, hold, planned, show, thawed};
use crate::ui::{bytes, counted};

pub(crate) fn run(
    context: &Context,
    command: &str,
    environment: Environment,
    options: &SnapshotOptions,
) -> Result<Answer> {
    let deployment = context.deployment(environment);
    let held = thawed(context, command, hold(context, command, &deployment)?)?;
    let how = how(context, &held, options)?;
    let prepared = prepare(context, command, &held, how)?;
    show(context, &prepared.plan);
    if context.dry_run {
        return Ok(planned(&[&prepared.plan]));
    }
    let made = prepared.make(context, command)?;
    Ok(answer(context, command, environment, &made))
}

/// Frozen, unless it is to be stopped.
pub(crate) fn how(context: &Context, held: &Held, options: &SnapshotOptions) -> Result<How> {
    Ok(if options.offline {
        let stack = Stack::prepare(context, &held.observed)?;
        How::Stopped(stack.to_write(), stack)
    } else {
        How::Frozen(Duration::from_secs_f64(options.max_freeze))
    })
}

/// A snapshot that can be made.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    source: Source<'a>,
    pub(crate) plan: MakePlan,
}

/// Looks at both servers and plans.
///
/// # Errors
/// Refused where one of them does not answer or is another's: what cannot be asked is not saved.
pub(crate) fn prepare<'a>(
    context: &Context,
    command: &str,
    held: &'a Held,
    how: How,
) -> Result<Prepared<'a>> {
    let deployment = &held.observed.deployment;
    let found = contents(context, &held.observed);
    // What was not answered because Ctrl-C was pressed is no server that does not answer.
    context.interrupt().check()?;
    agree(command, deployment, &found)?;
    let (graph, keys) = match (found.graph, found.keys) {
        (Ok(graph), Ok(keys)) => (graph, keys),
        (graph, keys) => {
            let neo4j = graph.err().map(|reason| format!("Neo4j: {reason}"));
            let redis = keys.err().map(|reason| format!("Redis: {reason}"));
            let reasons: Vec<String> = neo4j.into_iter().chain(redis).collect();
            return Err(Failure::refused(format!(
                "{deployment} cannot be saved, because its servers do not answer: {}",
                reasons.join("; ")
            ))
            .hint(format!("cargo xtask up {}", deployment.environment())));
        }
    };
    let sizes = space::sizes(&context.docker, &held.observed)?;
    let mut plan = make::plan(&held.observed, how);
    plan.notes = vec![
        format!(
            "Neo4j {} holds {}, {} ({})",
            graph.version,
            counted(graph.nodes, "node"),
            counted(graph.relationships, "relationship"),
            bytes(sizes.neo4j)
        ),
        format!(
            "Redis {} holds {} ({})",
            keys.version,
            counted(keys.keys, "key"),
            bytes(sizes.redis)
        ),
    ];
    Ok(Prepared {
        source: Source {
            observed: &held.observed,
            engine: &held.engine,
            graph,
            keys,
            sizes,
        },
        plan,
    })
}

impl Prepared<'_> {
    /// The store that Neo4j has now.
    pub(crate) fn store_id(&self) -> &str {
        &self.source.graph.store_id
    }

    pub(crate) fn make(&self, context: &Context, command: &str) -> Result<Made> {
        make::execute(context, command, &self.source, &self.plan)
    }
}

fn answer(context: &Context, command: &str, environment: Environment, made: &Made) -> Answer {
    let print = &made.manifest.fingerprint;
    let human = format!(
        "{} holds {}, {} and {} ({}); nobody could write for {:.2} s",
        made.path.display(),
        counted(print.neo4j.nodes, "node"),
        counted(print.neo4j.relationships, "relationship"),
        counted(print.redis.keys(), "key"),
        bytes(made.manifest.bytes()),
        made.manifest.freeze_seconds
    );
    let changed = Changed {
        environments: vec![environment],
        outcome: "done",
        planned: Vec::new(),
        human,
    };
    let listed = Listed::of(&made.path, &made.manifest, None);
    report::with(context, command, &changed, json!({ "snapshot": listed }))
}
