//! `migrate-namespace`: keys and nodes from before the prefixes and labels are given them.
//!
//! What has another environment's mark, and a key whose name with the prefix is taken, are left as
//! they are and listed; `--foreign move-to FILE` moves the former. Staging and production are changed only behind a drilled snapshot.

use environments::{
    Changeable, Deployment, Disposable, Environment, Protected, Protection, Service,
};
use process::side_by_side::both;

use crate::cli::MigrateArgs;
use crate::contents::{agree, contents};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{About, Run, journalled, planned_server};
use crate::namespace::audit::{self, Census, Depth};
use crate::namespace::migrate::{self, compare};
use crate::namespace::{Migration, Moving, foreign, mark, move_foreign};
use crate::observe::observe_one;
use crate::plan::{Action as _, Step};
use crate::report::Answer;
use crate::secrets;
use crate::snapshot::cover;
use crate::snapshot::place::{Id, Place};
use crate::snapshot::verify::verify;
use crate::tasks::{hold, planned, show};
use crate::tools::docker::Container;
use crate::ui::counted;

const NAME: &str = "migrate-namespace";

pub(crate) fn run(context: &Context, args: &MigrateArgs) -> Result<Answer> {
    let environment = args.environment;
    context.about(environment);
    let deployment = context.deployment(environment);
    let file = args.move_to()?;
    let cover = Cover::of(deployment.clone(), args)?;
    let held = hold(context, NAME, &deployment)?;
    let (Some(neo4j), Some(redis)) = (&held.observed.neo4j, &held.observed.redis) else {
        return Err(down(&deployment.to_string(), environment));
    };
    if !held.observed.running() {
        return Err(down(&deployment.to_string(), environment));
    }
    let found = contents(context, &held.observed);
    context.interrupt().check()?;
    let store = match (&found.graph, &found.keys) {
        (Ok(graph), Ok(_)) => graph.store_id.clone(),
        (Err(reason), _) | (_, Err(reason)) => return Err(Failure::failed(reason.clone())),
    };
    agree(NAME, &deployment, &found)?;
    let target = cover.target(context, &held.engine.id, &store)?;
    // A plan needs the names alone: the rest is compared with what is there afterwards.
    let depth = if context.dry_run || file.is_some() {
        Depth::Names
    } else {
        Depth::Lifetimes
    };
    let mut before = census(context, &deployment, neo4j, redis, depth)?;
    let mut plan = mark(
        &target,
        neo4j,
        redis,
        before.keys.bare - before.keys.taken,
        before.nodes.bare,
    );
    if let Some(file) = file {
        let foreign = |census: &Census| census.foreign.values().sum();
        let count = (foreign(&before.keys), foreign(&before.nodes));
        plan.moving = move_foreign(&target, neo4j, redis, count, file);
    }
    plan.notes = notes(environment, &before, file.is_some());
    plan.notes.extend(cover.note());
    show(context, &plan);
    let phrase = cover.phrase().filter(|_| !plan.is_empty());
    if context.dry_run {
        if let Some(phrase) = &phrase {
            context.confirmation.rehearse(phrase)?;
        }
        return Ok(planned(&[&plan]));
    }
    if plan.is_empty() {
        return Ok(Answer::done(
            vec![environment],
            said(&deployment.to_string(), &plan, &before),
        ));
    }
    if let Some(phrase) = &phrase {
        context.confirmation.ask(phrase, context.interrupt())?;
    }
    let mut about = About::new(NAME, &held.engine, &deployment);
    about.snapshot = args.backup.as_ref().map(Id::to_string);
    // What is moved away is no part of what must be the same before and after.
    if file.is_some() && plan.moving.is_none() {
        before.keys = audit::keys(context, environment, redis, Depth::Lifetimes)?;
    }
    journalled(context, &about, |run| {
        if let Some(step) = &plan.moving {
            before.keys = moved(context, run, step, &deployment)?;
        }
        marked(context, run, &plan, &deployment)
    })?;
    let after = census(context, &deployment, neo4j, redis, Depth::Lifetimes)?;
    compare(environment, &before.keys, &after.keys)?;
    Ok(Answer::done(
        vec![environment],
        said(&deployment.to_string(), &plan, &after),
    ))
}

/// Moves what has another environment's mark to a file; the keys that are there then.
fn moved(
    context: &Context,
    run: &mut Run<'_>,
    step: &Step<Moving>,
    deployment: &Deployment,
) -> Result<Census> {
    run.step(step, |did| {
        let work = &step.action;
        let observed = observe_one(context, deployment)?;
        let redis = planned_server(&observed, Service::Redis, &work.redis)?;
        let servers = foreign::Servers {
            neo4j: &planned_server(&observed, Service::Neo4j, &work.neo4j)?,
            redis: &redis,
            password: &secrets::password(deployment.environment())?,
        };
        foreign::move_to(context, deployment, servers, &work.file)?;
        did.add(work.deeds());
        audit::keys(context, deployment.environment(), &redis, Depth::Lifetimes)
    })
}

/// Gives the prefixes, then the labels.
fn marked(
    context: &Context,
    run: &mut Run<'_>,
    plan: &Migration,
    deployment: &Deployment,
) -> Result<()> {
    let environment = deployment.environment();
    if let Some(step) = &plan.keys {
        run.step(step, |did| {
            let observed = observe_one(context, deployment)?;
            let redis = planned_server(&observed, Service::Redis, &step.action.server)?;
            migrate::prefix_keys(context, environment, &redis, step.action.count)?;
            did.add(step.action.deeds());
            Ok(())
        })?;
    }
    if let Some(step) = &plan.nodes {
        run.step(step, |did| {
            let observed = observe_one(context, deployment)?;
            let neo4j = planned_server(&observed, Service::Neo4j, &step.action.server)?;
            let password = secrets::password(environment)?;
            let count = step.action.count;
            migrate::label_nodes(context, deployment, &neo4j, &password, count)?;
            did.add(step.action.deeds());
            Ok(())
        })?;
    }
    Ok(())
}

/// What allows the change: that nothing there is precious, or a snapshot.
enum Cover {
    Disposable(Disposable),
    Snapshot(Protected, Id),
}

impl Cover {
    fn of(deployment: Deployment, args: &MigrateArgs) -> Result<Self> {
        let environment = args.environment;
        match (Protection::from(deployment), &args.backup) {
            (Protection::Disposable(target), None) => Ok(Self::Disposable(target)),
            (Protection::Disposable(_), Some(_)) => Err(Failure::usage(format!(
                "{environment} is not protected: no snapshot stands behind its migration"
            ))
            .hint(format!("cargo xtask migrate-namespace {environment}"))),
            (Protection::Protected(target), Some(id)) => Ok(Self::Snapshot(target, id.clone())),
            (Protection::Protected(target), None) => Err(Failure::refused(format!(
                "{} is protected: its data are changed only behind a drilled snapshot of it",
                target.deployment()
            ))
            .hint(format!(
                "cargo xtask snapshot {environment}; cargo xtask drill {environment}; cargo xtask \
                 migrate-namespace {environment} --backup ID"
            ))),
        }
    }

    /// Reads all of the snapshot, where one is needed.
    fn target(&self, context: &Context, engine: &str, store: &str) -> Result<Changeable> {
        match self {
            Self::Disposable(target) => Ok(Changeable::Disposable(target.clone())),
            Self::Snapshot(target, id) => {
                let path = Place::of(context, target.deployment()).path(id);
                let verified = verify(&path, id)?;
                cover::behind(target.clone(), &verified, engine, store, "migrated")
                    .map(Changeable::Covered)
            }
        }
    }

    fn phrase(&self) -> Option<String> {
        let Self::Snapshot(target, id) = self else {
            return None;
        };
        let environment = target.deployment().environment().slug().to_uppercase();
        Some(format!("MIGRATE {environment} DATA, BACKUP {id}"))
    }

    fn note(&self) -> Option<String> {
        let Self::Snapshot(target, id) = self else {
            return None;
        };
        let environment = target.deployment().environment();
        Some(format!(
            "as it was when it was saved: cargo xtask restore {environment} {id}; what was written \
             since is in no snapshot"
        ))
    }
}

struct Both {
    keys: Census,
    nodes: Census,
}

fn census(
    context: &Context,
    deployment: &Deployment,
    neo4j: &Container,
    redis: &Container,
    depth: Depth,
) -> Result<Both> {
    let environment = deployment.environment();
    let password = secrets::password(environment)?;
    let (nodes, keys) = both(
        || audit::nodes(context, deployment, neo4j, &password),
        || audit::keys(context, environment, redis, depth),
    );
    Ok(Both {
        nodes: nodes?,
        keys: keys?,
    })
}

fn down(deployment: &str, environment: Environment) -> Failure {
    Failure::failed(format!("{deployment} is not up")).hint(format!("cargo xtask up {environment}"))
}

/// What there is, by whose it is.
fn notes(environment: Environment, found: &Both, moved: bool) -> Vec<String> {
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
    notes.extend(foreign("key", &found.keys, moved));
    notes.extend(foreign("node", &found.nodes, moved));
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

fn foreign(one: &str, census: &Census, moved: bool) -> Option<String> {
    if census.foreign.is_empty() {
        return None;
    }
    let each: Vec<String> = census
        .foreign
        .iter()
        .map(|(environment, count)| format!("{count} of {}", environment.namespace()))
        .collect();
    let done = if moved { "moved" } else { "left as they are" };
    Some(format!(
        "{done}: {one}s with another environment's mark: {}",
        each.join(", ")
    ))
}

/// What is left after it, which was counted anew.
fn said(deployment: &str, plan: &Migration, after: &Both) -> String {
    let mut said = if plan.is_empty() {
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
