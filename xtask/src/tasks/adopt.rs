//! `adopt ENV --from-neo4j VOLUME --from-redis VOLUME`: what volumes from before this tool hold is
//! brought into an environment that holds nothing yet. Where such a volume bears the environment's own
//! name, it is kept as a copy under another, behind a phrase.
//!
//! `adopt ENV --engine`: from now on the environment lives on the engine that answers now. Asked for
//! after Docker was installed anew or moved: until then every changing command refuses an engine
//! that isn't the one of the journal.

use environments::{Disposable, Protection, Volume};

use crate::adoption::{self, Adoption, Graph, InTheWay, Keys, kept};
use crate::cli::Adopt;
use crate::contents::{agree, contents};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{About, execute, journalled};
use crate::guard::identity;
use crate::guard::lock::Lock;
use crate::journal::{DOWN, PROOF};
use crate::observe::{Observed, observe_one};
use crate::plan::{EngineAction, Plan};
use crate::report::Answer;
use crate::stack::Stack;
use crate::tasks::{Held, hold_without, planned, show};
use crate::tools::docker::Container;
use crate::ui::{bytes, counted};

const NAME: &str = "adopt";

pub(crate) fn run(context: &Context, args: &Adopt) -> Result<Answer> {
    if args.engine {
        engine(context, args)
    } else {
        volumes(context, args)
    }
}

fn volumes(context: &Context, args: &Adopt) -> Result<Answer> {
    let deployment = context.deployment(args.environment);
    context.about(args.environment);
    let sources = [args.from_neo4j.as_deref(), args.from_redis.as_deref()];
    let named: Vec<&str> = sources.into_iter().flatten().collect();
    let (held, aside) = hold_without(context, NAME, &deployment, |observed| {
        kept::set_aside(observed, &named)
    })?;
    // Before the sources are looked at: a container that a killed run has left may still have one.
    adoption::sweep(context, &deployment)?;
    kept::replaceable(context, &aside)?;
    let resolved = |name: &Option<String>| -> Result<Option<String>> {
        let Some(name) = name else { return Ok(None) };
        let source = kept::source(context, &deployment, name, &aside)?;
        adoption::acceptable(context, &deployment, &source, &aside)?;
        Ok(Some(source))
    };
    let (neo4j, redis) = (resolved(&args.from_neo4j)?, resolved(&args.from_redis)?);
    let mut copies: Vec<String> = aside.iter().map(|one| one.kept.clone()).collect();
    // Those of a run that was killed, which are read instead of what was named.
    for source in [&neo4j, &redis].into_iter().flatten() {
        if !named.contains(&source.as_str()) {
            copies.push(source.clone());
        }
    }
    let sources = Sources {
        neo4j,
        redis,
        aside,
        copies,
        named: words(args),
    };
    let place = place(context, &held.observed, &to_be_filled(args))?;
    let stack = Stack::prepare(context, &held.observed)?;
    // The scratch volumes go whatever comes of it: the sources are what is kept.
    let outcome = adopted(context, &sources, &held, &stack, &place);
    let swept = adoption::sweep(context, &deployment);
    outcome.and_then(|answer| swept.map(|()| answer))
}

/// Where the data are, and what stands in their way.
struct Sources {
    neo4j: Option<String>,
    redis: Option<String>,
    aside: Vec<InTheWay>,
    /// What is kept of volumes whose names are freed, or were by a run that was killed.
    copies: Vec<String>,
    /// The words by which they were named.
    named: String,
}

fn words(args: &Adopt) -> String {
    let named = [
        ("--from-neo4j", &args.from_neo4j),
        ("--from-redis", &args.from_redis),
    ];
    let named = named.iter().filter_map(|(option, name)| {
        let name = name.as_ref()?;
        Some(format!("{option} {name}"))
    });
    named.collect::<Vec<_>>().join(" ")
}

fn to_be_filled(args: &Adopt) -> Vec<Volume> {
    let mut volumes = Vec::new();
    volumes.extend(args.from_neo4j.as_ref().map(|_| Volume::Neo4jData));
    volumes.extend(args.from_redis.as_ref().map(|_| Volume::RedisData));
    volumes
}

/// Refuses to start servers on volumes that an adoption which was cut off has filled by half.
///
/// # Errors
/// Refused (3), with the command that goes on where it stopped.
pub(crate) fn not_half_done(context: &Context, held: &Held) -> Result<()> {
    let observed = &held.observed;
    let deployment = &observed.deployment;
    // The volumes are looked into only where the journal says that there may be something to see.
    let last = context.journal.last(deployment, &[PROOF, DOWN])?;
    let adopting = last.is_some_and(|run| run.begun.command == NAME && !run.done());
    let there: Vec<_> = observed.volumes().map(|(volume, _)| volume).collect();
    if !adopting || there.is_empty() || observed.containers().any(Container::running) {
        return Ok(());
    }
    adoption::sweep(context, deployment)?;
    adoption::filled(context, deployment, &there)?.none_by_half_but(deployment, &[])
}

/// Whether a container never ran: a run was killed before it had started it.
fn waiting(container: &Container) -> bool {
    container.state.status == "created"
}

fn adopted(
    context: &Context,
    sources: &Sources,
    held: &Held,
    stack: &Stack,
    place: &Place,
) -> Result<Answer> {
    let deployment = &held.observed.deployment;
    let say = |source: &str| context.ui.say(format!("reading a copy of {source} …"));
    let mut adoption = Adoption {
        named: sources.named.clone(),
        graph: None,
        keys: None,
    };
    if let Some(source) = &sources.neo4j {
        say(source);
        adoption.graph = Some(Graph::look(context, deployment, source)?);
    }
    if let Some(source) = &sources.redis {
        say(source);
        adoption.keys = Some(Keys::look(context, deployment, source)?);
    }
    let notes = notes(&adoption);
    let left_out = adoption.keys.iter().flat_map(|keys| keys.left_out.clone());
    let left_out: Vec<String> = left_out.collect();
    let mut plan = match place {
        Place::Vacant => adoption::adopt(&held.observed, None, adoption),
        Place::Empty(target) => adoption::adopt(&held.observed, Some(target), adoption),
        Place::Begun(filled) => adoption::adopt_rest(&held.observed, adoption, filled),
        Place::Filled { answers } => {
            if *answers {
                adoption::same(context, deployment, &adoption)?;
            }
            adoption::adopted_before(&held.observed, adoption)
        }
    };
    plan.notes = notes;
    adoption::free_names(&mut plan, &sources.aside);
    plan.write_files(stack.to_write());
    show(context, &plan);
    let environment = deployment.environment().slug().to_uppercase();
    let phrase = format!("REPLACE {environment} VOLUMES");
    let replaces = !sources.aside.is_empty();
    if context.dry_run {
        if replaces {
            context.confirmation.rehearse(&phrase)?;
        }
        return Ok(planned(&[&plan]));
    }
    if replaces {
        context.confirmation.ask(&phrase, context.interrupt())?;
    }
    if matches!(place, Place::Empty(_)) {
        // Reading the copies took its time, and an application may have written meanwhile.
        still_empty(context, &held.observed)?;
    }
    let about = About::new(NAME, &held.engine, deployment);
    execute(context, &about, &plan, |action, did| {
        adoption::act(context, stack, action, did)
    })?;
    let mut said = format!("{deployment} holds what the volumes hold, which are as they were");
    let copies = &sources.copies;
    if !copies.is_empty() {
        said = format!(
            "{deployment} holds what the volumes held, which are kept as {}; when nobody misses \
             anything: docker volume rm {}",
            copies.join(", "),
            copies.join(" ")
        );
    }
    if !left_out.is_empty() {
        said = format!("{said}; left out: {}", left_out.join("; "));
    }
    Ok(Answer::done(vec![deployment.environment()], said))
}

fn still_empty(context: &Context, observed: &Observed) -> Result<()> {
    let found = contents(context, observed);
    context.interrupt().check()?;
    match (&found.graph, &found.keys) {
        (Ok(graph), Ok(keys)) if graph.nodes == 0 && keys.keys == 0 => Ok(()),
        _ => Err(Failure::refused(format!(
            "{} counted 0 nodes and 0 keys, and does not any more: somebody writes to it",
            observed.deployment
        ))
        .hint("stop what writes, then run the same command again")),
    }
}

/// What the sources hold.
fn notes(adoption: &Adoption) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(graph) = &adoption.graph {
        notes.push(format!(
            "{} ({}): {}; {} without an environment's label",
            graph.source,
            bytes(graph.bytes),
            graph.totals,
            counted(graph.census.bare, "node")
        ));
    }
    if let Some(keys) = &adoption.keys {
        let census = &keys.census;
        notes.push(format!(
            "{} ({}): {}; {} without an environment's prefix",
            keys.source,
            bytes(keys.bytes),
            counted(census.total(), "key"),
            census.bare
        ));
        for left_out in &keys.left_out {
            notes.push(format!("left out of {}: {left_out}", keys.source));
        }
        if census.taken > 0 {
            notes.push(format!(
                "left as they are: {} whose name with the prefix is taken",
                counted(census.taken, "key")
            ));
        }
    }
    notes
}

/// What stands where the data are to come.
enum Place {
    /// Nothing, or volumes that hold nothing.
    Vacant,
    /// A running environment that counts 0: its volumes may be removed.
    Empty(Disposable),
    /// Containers that never ran, or none since `down`, on volumes of which a killed run has filled these
    /// and maybe not yet all.
    Begun(Vec<Volume>),
    /// Maybe what a killed run has filled already: it is compared before anything is done to it, as
    /// soon as its servers answer.
    Filled { answers: bool },
}

fn place(context: &Context, observed: &Observed, to_be_filled: &[Volume]) -> Result<Place> {
    let deployment = &observed.deployment;
    let there: Vec<_> = observed.volumes().map(|(volume, _)| volume).collect();
    let both = observed.containers().count() == 2;
    if !observed.containers().any(Container::running) {
        if there.is_empty() {
            return Ok(Place::Vacant);
        }
        let filled = adoption::filled(context, deployment, &there)?;
        filled.none_by_half_but(deployment, to_be_filled)?;
        if filled.volumes.is_empty() {
            return Ok(Place::Vacant);
        }
        // A volume that is absent would be made by whoever mounts it, and belong to nobody.
        let whole = there.len() == Volume::ALL.len();
        if whole && !filled.served && observed.containers().all(waiting) {
            return Ok(Place::Begun(filled.volumes));
        }
    }
    // They are started, and compared before anything is marked.
    let well = |one: &Container| waiting(one) || one.running();
    if both && observed.containers().all(well) && observed.containers().any(waiting) {
        return Ok(Place::Filled { answers: false });
    }
    if !observed.running() {
        return Err(Failure::refused(format!(
            "{deployment} has volumes that are not empty, and is not up to say what they hold"
        ))
        .hint(format!("cargo xtask up {}", deployment.environment())));
    }
    let found = contents(context, observed);
    context.interrupt().check()?;
    agree(NAME, deployment, &found)?;
    match (
        found.graph,
        found.keys,
        Protection::from(deployment.clone()),
    ) {
        (Ok(graph), Ok(keys), Protection::Disposable(target))
            if graph.nodes == 0 && keys.keys == 0 =>
        {
            Ok(Place::Empty(target))
        }
        // Servers that run and do not answer may be those that a killed run has just started.
        (graph, keys, _) => Ok(Place::Filled {
            answers: graph.is_ok() && keys.is_ok(),
        }),
    }
}

fn engine(context: &Context, args: &Adopt) -> Result<Answer> {
    let environment = args.environment;
    context.about(environment);
    let deployment = context.deployment(environment);
    let engine = context.docker.engine()?;
    let typed = &context.confirmation.command;
    let _lock = Lock::take(
        &engine.id,
        &deployment,
        typed,
        context.interrupt(),
        &context.ui,
    )?;
    let observed = observe_one(context, &deployment)?;
    identity::settle(NAME, &deployment, &identity::objects(&observed))?;

    let mut plan: Plan<EngineAction> = Plan::new(deployment.clone());
    let known = context.journal.engine_of(&deployment)?;
    plan.notes.push(match known.as_deref() {
        Some(known) if known == engine.id => format!("the journal has the engine {known} already"),
        Some(known) => format!(
            "the journal has the engine {known}, from now on {}",
            engine.id
        ),
        None => format!(
            "the journal has no engine for it, from now on {}",
            engine.id
        ),
    });
    show(context, &plan);
    if context.dry_run {
        return Ok(planned(&[&plan]));
    }
    // A plan without steps: the line in the journal is what changes.
    journalled(context, &About::new(NAME, &engine, &deployment), |_| Ok(()))?;
    let said = format!("{deployment} is on the engine {}", engine.id);
    Ok(Answer::done(vec![environment], said))
}
