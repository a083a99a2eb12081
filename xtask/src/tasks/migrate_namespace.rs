//! `migrate-namespace`: keys and nodes from before the prefixes and labels are given them.
//!
//! What has another environment's mark, and a key whose name with the prefix is taken, are left as
//! they are and listed.

use environments::{Environment, Protection};

use crate::contents::{agree, contents};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::execute;
use crate::namespace::audit::{self, Census, Depth};
use crate::namespace::migrate::compare;
use crate::plan::{self, Plan};
use crate::report::Answer;
use crate::secrets;
use crate::tasks::{hold, planned, show};
use crate::tools::docker::Container;
use crate::ui::counted;

const NAME: &str = "migrate-namespace";

pub(crate) fn run(context: &Context, environment: Environment) -> Result<Answer> {
    context.about(environment);
    let deployment = context.deployment(environment);
    if let Protection::Protected(protected) = Protection::from(deployment.clone()) {
        return Err(Failure::refused(format!(
            "{} is protected: its data are changed only behind a drilled snapshot of it, and this \
             command takes none yet",
            protected.deployment()
        ))
        .hint("cargo xtask migrate-namespace dev"));
    }
    let held = hold(context, NAME, &deployment)?;
    let (Some(neo4j), Some(redis)) = (&held.observed.neo4j, &held.observed.redis) else {
        return Err(down(&deployment.to_string(), environment));
    };
    if !held.observed.running() {
        return Err(down(&deployment.to_string(), environment));
    }
    let found = contents(context, &held.observed);
    let silent = [found.graph.as_ref().err(), found.keys.as_ref().err()];
    if let Some(reason) = silent.into_iter().flatten().next() {
        return Err(Failure::failed(reason.clone()));
    }
    agree(NAME, &deployment, &found)?;
    // A plan needs no values: they are compared with what is there afterwards.
    let depth = if context.dry_run {
        Depth::Names
    } else {
        Depth::Values
    };
    let before = census(context, &deployment, neo4j, redis, depth)?;
    let mut plan = plan::mark(
        &deployment,
        neo4j,
        redis,
        before.keys.bare - before.keys.taken,
        before.nodes.bare,
    );
    plan.notes = notes(environment, &before);
    show(context, &plan);
    if context.dry_run {
        return Ok(planned(&[&plan]));
    }
    if plan.steps.is_empty() {
        return Ok(Answer::done(
            vec![environment],
            said(&deployment.to_string(), &plan, &before),
        ));
    }
    execute(context, NAME, &held.engine, &plan, None)?;
    let after = census(context, &deployment, neo4j, redis, Depth::Values)?;
    compare(environment, &before.keys, &after.keys)?;
    Ok(Answer::done(
        vec![environment],
        said(&deployment.to_string(), &plan, &after),
    ))
}

struct Both {
    keys: Census,
    nodes: Census,
}

fn census(
    context: &Context,
    deployment: &environments::Deployment,
    neo4j: &Container,
    redis: &Container,
    depth: Depth,
) -> Result<Both> {
    let environment = deployment.environment();
    let password = secrets::password(environment)?;
    Ok(Both {
        keys: audit::keys(context, environment, redis, depth)?,
        nodes: audit::nodes(context, deployment, neo4j, &password)?,
    })
}

fn down(deployment: &str, environment: Environment) -> Failure {
    Failure::failed(format!("{deployment} is not up")).hint(format!("cargo xtask up {environment}"))
}

/// What there is, by whose it is.
fn notes(environment: Environment, found: &Both) -> Vec<String> {
    let prefix = environment.redis_prefix();
    let label = environment.neo4j_label();
    let mut notes = vec![
        format!(
            "{} with the prefix {prefix}, {} without any",
            counted(found.keys.own, "key"),
            found.keys.bare
        ),
        format!(
            "{} with the label {label} alone, {} without any",
            counted(found.nodes.own, "node"),
            found.nodes.bare
        ),
    ];
    if found.keys.taken > 0 {
        notes.push(format!(
            "left as they are: {} whose name with the prefix is taken",
            counted(found.keys.taken, "key")
        ));
    }
    notes.extend(foreign("key", &found.keys));
    notes.extend(foreign("node", &found.nodes));
    for census in [&found.keys, &found.nodes] {
        for sample in &census.samples {
            let whose = sample.environment.map_or("no mark", Environment::namespace);
            let database = match sample.database {
                0 => String::new(),
                number => format!(", database {number}"),
            };
            notes.push(format!("  {} ({whose}{database})", sample.name));
        }
    }
    notes
}

fn foreign(one: &str, census: &Census) -> Option<String> {
    if census.foreign.is_empty() {
        return None;
    }
    let each: Vec<String> = census
        .foreign
        .iter()
        .map(|(environment, count)| format!("{count} of {}", environment.namespace()))
        .collect();
    Some(format!(
        "left as they are: {one}s with another environment's mark: {}",
        each.join(", ")
    ))
}

/// What is left after it, which was counted anew.
fn said(deployment: &str, plan: &Plan, after: &Both) -> String {
    let mut said = if plan.steps.is_empty() {
        format!("{deployment} has nothing to mark")
    } else {
        format!(
            "{deployment} has {} and {} of its own now",
            counted(after.keys.own, "key"),
            counted(after.nodes.own, "node")
        )
    };
    for (one, census) in [("key", &after.keys), ("node", &after.nodes)] {
        let foreign: u64 = census.foreign.values().sum();
        for (count, which) in [
            (census.taken, "whose name with the prefix is taken"),
            (
                census.bare - census.taken,
                "without a mark: somebody else is writing",
            ),
            (foreign, "with another environment's mark"),
        ] {
            if count > 0 {
                said.push_str(&format!("\nleft: {} {which}", counted(count, one)));
            }
        }
    }
    if after.keys.clean() && after.nodes.clean() {
        said.push_str("; nothing is without its mark");
    }
    said
}
