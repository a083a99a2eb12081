//! `reset-test`: test is empty, schema included, and healthy. Never asks.
//!
//! In place where that gives what new volumes would, else by new volumes.

use std::fs;

use environments::render::Target;
use environments::{Disposable, Test};
use process::side_by_side::both;

use crate::cli::{ResetMode, ResetTest};
use crate::contents::{Contents, Sizes, agree, contents, notes, sizes as sizes_of};
use crate::context::Context;
use crate::emptying::{self, Action, InPlace, Seed, seed};
use crate::error::{Failure, Kind, Result};
use crate::execute::{About, execute};
use crate::neighbours::Neighbours;
use crate::plan::{Plan, Step};
use crate::report::Answer;
use crate::stack::Stack;
use crate::tasks::{Held, hold, planned, show};
use crate::tidiness::{Tidiness, inspect, users_of_redis};

const NAME: &str = "reset-test";

/// Up to here deleting is quicker than new volumes: 100,000 nodes with their relationships take
/// about 2 s.
const LITTLE: u64 = 200_000;

pub(crate) fn run(context: &Context, args: &ResetTest) -> Result<Answer> {
    let seed = args.seed.as_deref().map(read_seed).transpose()?;
    let target = Disposable::of(Test, context.instance.clone());
    let held = hold(context, NAME, target.deployment())?;
    let stack = Stack::prepare(context, &held.observed)?;
    let found = look(context, args.mode, &held)?;
    agree(NAME, target.deployment(), &found.contents)?;

    let verdict = verdict(args.mode, &found, &stack)?;
    let loaded = seed.as_ref();
    let loaded = loaded.map_or(String::new(), |seed| format!("; then loaded {seed}"));
    let mut plan = chosen(context, &target, &held, &found, verdict, seed);
    if recreates(&plan) {
        plan.write_files(stack.to_write());
    }
    if context.dry_run {
        show(context, &plan);
        return Ok(planned(&[&plan]));
    }
    context.ui.say(plan.to_string().trim_end());
    let about = About::new(NAME, &held.engine, target.deployment());
    execute(context, &about, &plan, |action, did| {
        emptying::act(context, &stack, action, did)
    })?;
    found.neighbours.verify(context, &held.engine)?;
    let said = "test is empty and healthy: 0 nodes, 0 keys, no schema but the two lookup indexes";
    let chosen = vec![target.deployment().environment()];
    Ok(Answer::done(chosen, format!("{said}{loaded}")))
}

/// What was seen before anything is decided.
struct Found {
    contents: Contents,
    /// Not looked at where test is recreated in any case.
    tidiness: Option<Result<Tidiness>>,
    /// Counted where test is recreated in any case; else only once that is decided.
    sizes: Option<Sizes>,
    neighbours: Neighbours,
}

/// Looks at everything side by side: each look waits for a child most of its time.
fn look(context: &Context, mode: ResetMode, held: &Held) -> Result<Found> {
    let observed = &held.observed;
    let recreates = mode == ResetMode::Recreate;
    let inspected = !recreates && observed.running();
    let ((contents, sizes), (tidiness, neighbours)) = both(
        || {
            both(
                || contents(context, observed),
                || Ok::<_, Failure>(recreates.then(|| sizes_of(context, observed))),
            )
        },
        || {
            both(
                || inspected.then(|| inspect(context, observed)).transpose(),
                || Neighbours::of(context, &observed.deployment),
            )
        },
    );
    Ok(Found {
        contents,
        tidiness: tidiness.transpose(),
        sizes: sizes?,
        neighbours: neighbours?,
    })
}

fn read_seed(path: &std::path::Path) -> Result<Seed> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!(
            "the fixture {} cannot be read: {error}",
            path.display()
        ))
    })?;
    let statements = seed::statements(&text)
        .map_err(|error| Failure::usage(format!("the fixture {}: {error}", path.display())))?;
    Ok(Seed {
        file: path.display().to_string(),
        statements,
    })
}

/// Whether it starts servers.
fn recreates(plan: &Plan<Action>) -> bool {
    let in_place = |step: &Step<Action>| matches!(step.action, Action::InPlace(_));
    !plan.steps.iter().any(in_place)
}

/// The plan for a verdict.
fn chosen(
    context: &Context,
    target: &Disposable,
    held: &Held,
    found: &Found,
    verdict: Verdict,
    seed: Option<Seed>,
) -> Plan<Action> {
    match verdict {
        Verdict::InPlace(tidiness) => in_place(target, held, &found.contents, tidiness, seed),
        Verdict::Recreate(reason) => {
            let mut plan = emptying::recreate(target, &held.observed, seed);
            let sizes = found.sizes.clone();
            let sizes = sizes.unwrap_or_else(|| sizes_of(context, &held.observed));
            plan.notes = notes(&held.observed, &found.contents, sizes);
            plan.notes.push(format!("by new volumes: {reason}"));
            plan
        }
    }
}

enum Verdict {
    InPlace(Tidiness),
    Recreate(String),
}

/// What the mode and the state of test ask for.
///
/// # Errors
/// It was to be emptied in place and cannot be.
fn verdict(mode: ResetMode, found: &Found, stack: &Stack) -> Result<Verdict> {
    if mode == ResetMode::Recreate {
        return Ok(Verdict::Recreate("it was asked for".to_owned()));
    }
    match obstacle(mode, found, &stack.target)? {
        Verdict::Recreate(reason) if mode == ResetMode::InPlace => Err(Failure::failed(format!(
            "{} cannot be emptied in place: {reason}",
            stack.target.deployment()
        ))
        .hint("cargo xtask reset-test --mode recreate")),
        verdict => Ok(verdict),
    }
}

/// What stands against emptying in place, if anything.
fn obstacle(mode: ResetMode, found: &Found, rendered: &Target) -> Result<Verdict> {
    let recreate = |reason: String| Ok(Verdict::Recreate(reason));
    let (graph, keys) = match (&found.contents.graph, &found.contents.keys) {
        (Ok(graph), Ok(keys)) => (graph, keys),
        (Err(reason), _) => return recreate(format!("Neo4j cannot be asked: {reason}")),
        (_, Err(reason)) => return recreate(format!("Redis cannot be asked: {reason}")),
    };
    let amount = graph.nodes + graph.relationships;
    if mode == ResetMode::Auto && amount > LITTLE {
        return recreate(format!(
            "{amount} nodes and relationships are more than {LITTLE}"
        ));
    }
    match &found.tidiness {
        Some(Ok(tidiness)) => {
            let users = users_of_redis(rendered, keys)?;
            match tidiness.untidy.iter().chain(&users).next() {
                None => Ok(Verdict::InPlace(tidiness.clone())),
                Some(reason) => recreate(reason.clone()),
            }
        }
        Some(Err(failure)) if failure.kind == Kind::Interrupted => Err(failure.clone()),
        Some(Err(failure)) => recreate(failure.message.clone()),
        None => recreate("it does not run".to_owned()),
    }
}

fn in_place(
    target: &Disposable,
    held: &Held,
    found: &Contents,
    tidiness: Tidiness,
    seed: Option<Seed>,
) -> Plan<Action> {
    // Both are there and run: `obstacle` has asked them.
    let (Some(neo4j), Some(redis)) = (&held.observed.neo4j, &held.observed.redis) else {
        return emptying::recreate(target, &held.observed, seed);
    };
    let mut work = InPlace::of(target, neo4j, redis);
    work.nodes = found.graph.as_ref().map_or(0, |facts| facts.nodes);
    work.keys = found.keys.as_ref().map_or(0, |facts| facts.keys);
    work.schema = tidiness.schema;
    work.seed = seed;
    emptying::in_place(work)
}
