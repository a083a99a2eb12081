//! `remove`: a whole instance gone, with its volumes; or all those that nobody has used for long.
//!
//! The main set is never removed. Staging and production of an instance go only where they hold
//! nothing, which is counted before anybody is asked and once more immediately before.

use chrono::Utc;
use environments::{
    Deployment, Environment, Holding, Instance, Protected, Protection, Vacant, Volume,
};
use serde_json::json;

use crate::cli::RemoveArgs;
use crate::contents::{Contents, agree, contents, notes, sizes};
use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::execute::{About, execute};
use crate::guard::evidence::Begun;
use crate::instances::{self, Action, Age, Census, Found, LastUse, Leave, Part, last_use};
use crate::journal::{self, Verb};
use crate::neighbours::Neighbours;
use crate::plan::{Action as _, Plan, Planned};
use crate::report::{self, Answer};
use crate::snapshot::place::{Id, Place};
use crate::tasks::{Held, brought_up, hold_all, planned, restore, show, thawed};
use crate::ui::counted;

const NAME: &str = instances::REMOVE;

pub(crate) fn run(context: &Context, args: &RemoveArgs) -> Result<Answer> {
    match (&args.older_than, context.instance.name()) {
        (None, Some(name)) => one(context, name),
        (Some(age), None) => older(context, age),
        (None, None) => Err(
            Failure::usage("the main set is never removed: which instance?")
                .hint("cargo xtask instances")
                .hint("cargo xtask remove --instance NAME"),
        ),
        (Some(age), Some(name)) => Err(Failure::usage(format!(
            "--older-than is about all instances, but {name} was named (by --instance or \
             TTA_INSTANCE)"
        ))
        .hint(format!(
            "TTA_INSTANCE= cargo xtask remove --older-than {age}"
        ))),
    }
}

/// One by its name.
fn one(context: &Context, name: &str) -> Result<Answer> {
    let ending = Ending::prepare(context, &context.instance, |_| Ok(()))?;
    if ending.is_nothing() {
        let snapshots = ending.snapshots_stay().unwrap_or_default();
        return Ok(Answer::done(
            Vec::new(),
            format!("there is no instance {name}: nothing was to be removed{snapshots}"),
        ));
    }
    let phrase = format!("REMOVE INSTANCE {}", name.to_uppercase());
    ending.show(context);
    if context.dry_run {
        context.confirmation.rehearse(&phrase)?;
        return Ok(planned(&ending.plans()));
    }
    context.confirmation.ask(&phrase, context.interrupt())?;

    let neighbours = Neighbours::of_instances(context, format!("the removal of instance {name}"))?;
    ending.carry_out(context)?;
    let unchanged = neighbours.verify(context, ending.engine())?;
    Ok(Answer::done(
        ending.environments(),
        format!(
            "{}; {} of the main set unchanged{}",
            ending.told(),
            counted(unchanged, "object"),
            ending.snapshots_stay().unwrap_or_default()
        ),
    ))
}

/// Why an instance stays.
struct Skipped {
    name: String,
    because: String,
}

/// All that nobody has used for long. What cannot be told, or must not go by age alone, stays.
fn older(context: &Context, age: &Age) -> Result<Answer> {
    let (endings, skipped) = old_ones(context, age)?;
    let because = skipped
        .iter()
        .map(|one| format!("skipped {}: {}", one.name, one.because));
    let because: Vec<String> = because.collect();
    let extra = |removed: &[&Ending]| {
        let removed: Vec<&str> = removed.iter().map(|one| one.name()).collect();
        let skipped = skipped.iter();
        let skipped: Vec<_> = skipped
            .map(|one| json!({ "name": one.name, "because": one.because }))
            .collect();
        json!({ "instances": removed, "skipped": skipped })
    };
    let answer = |ended: Answer, removed: &[&Ending]| match ended {
        Answer::Changed(changed) => report::with(context, NAME, &changed, extra(removed)),
        other => other,
    };
    let all: Vec<&Ending> = endings.iter().collect();
    all.iter().for_each(|ending| ending.show(context));
    because.iter().for_each(|line| context.ui.insist(line));
    if all.is_empty() {
        let told = format!("no instance was removed: none is known to be older than {age}");
        return Ok(answer(Answer::done(Vec::new(), told), &[]));
    }
    let phrase = format!(
        "REMOVE INSTANCES OLDER THAN {}",
        age.to_string().to_uppercase()
    );
    if context.dry_run {
        context.confirmation.rehearse(&phrase)?;
        let plans: Vec<&dyn Planned> = all.iter().flat_map(|one| one.plans()).collect();
        return Ok(answer(planned(&plans), &all));
    }
    context.confirmation.ask(&phrase, context.interrupt())?;

    let neighbours = Neighbours::of_instances(context, "the removal of old instances")?;
    // What becomes of one keeps nobody from the others.
    Failure::unless_all(all.iter().map(|ending| ending.carry_out(context)))?;
    let unchanged = neighbours.verify(context, all[0].engine())?;
    let mut told: Vec<String> = all.iter().map(|one| one.told()).collect();
    told.push(format!(
        "{} of the main set unchanged",
        counted(unchanged, "object")
    ));
    let mut chosen: Vec<Environment> = all.iter().flat_map(|one| one.environments()).collect();
    chosen.sort_unstable();
    chosen.dedup();
    Ok(answer(Answer::done(chosen, told.join("\n")), &all))
}

fn old_ones(context: &Context, age: &Age) -> Result<(Vec<Ending>, Vec<Skipped>)> {
    let (mut endings, mut skipped) = (Vec::new(), Vec::new());
    let engine = context.docker.engine()?.id;
    let old = |found: &Found| -> Result<Option<bool>> {
        let used: LastUse = last_use(found, &context.journal.all_runs()?, &engine);
        Ok(used.is_older_than(age, Utc::now()))
    };
    let census = Census::take(context)?;
    for found in census.sets().filter(|one| !one.instance.is_main()) {
        let mut skip = |because: String| {
            skipped.push(Skipped {
                name: found.name().to_owned(),
                because,
            });
        };
        match old(found)? {
            Some(false) => continue,
            None => {
                skip(format!(
                    "when it was last used is not known: the journal has no run on it, and no \
                     container of it was started (cargo xtask remove --instance {})",
                    found.name()
                ));
                continue;
            }
            Some(true) => {}
        }
        // Under its locks: somebody may have used it meanwhile.
        let still = |now: &Found| match old(now)? {
            Some(true) => Ok(()),
            _ => Err(Failure::refused("it was used meanwhile")),
        };
        match Ending::prepare(context, &found.instance, still) {
            Ok(ending) if ending.is_nothing() => {}
            Ok(ending) => endings.push(ending),
            Err(failure) if failure.kind == Kind::Refused => skip(failure.message),
            Err(failure) => return Err(failure),
        }
    }
    Ok((endings, skipped))
}

/// The end of an instance, under all its locks.
struct Ending {
    instance: Instance,
    parts: Vec<Ready>,
    /// Where its snapshots are, if it has any.
    snapshots: Option<String>,
}

/// One deployment of it.
struct Ready {
    held: Held,
    plan: Plan<Action>,
    /// The store in which nothing was counted, where something was to be counted.
    store: Option<String>,
}

impl Ending {
    /// Takes all locks, looks, and checks that all of it may go.
    ///
    /// # Errors
    /// Refused (3): it is being worked on, something else is on its network or volumes, or staging or
    /// production holds something, or cannot be asked.
    fn prepare(
        context: &Context,
        instance: &Instance,
        guard: impl FnOnce(&Found) -> Result<()>,
    ) -> Result<Self> {
        let deployments = Environment::ALL.map(|one| Deployment::new(one, instance.clone()));
        let all = hold_all(context, NAME, &deployments)?;
        let mut census = Census::take(context)?;
        guard(&census.set_of(instance))?;
        // Before anything is thawed or started to be counted.
        for held in &all {
            Part::of(context, &held.observed, &census)?;
        }
        let mut asked = Vec::new();
        for held in all {
            asked.push(ask(context, held)?);
        }
        if asked.iter().any(|one| one.store.is_some()) {
            // To look into staging has removed what a killed run had left of it.
            census = Census::take(context)?;
        }
        let mut parts = Vec::new();
        for one in asked {
            let part = Part::of(context, &one.held.observed, &census)?;
            let mut plan = instances::plan(&part, &one.leave);
            plan.notes.extend(one.notes);
            parts.push(Ready {
                held: one.held,
                plan,
                store: one.store,
            });
        }
        let mut ending = Self {
            instance: instance.clone(),
            snapshots: snapshots(context, &deployments),
            parts,
        };
        ending.note_snapshots();
        Ok(ending)
    }

    fn note_snapshots(&mut self) {
        let note = self
            .snapshots
            .as_ref()
            .map(|path| format!("the snapshots in {path} stay"));
        let first = self.parts.iter_mut().find(|one| !one.plan.steps.is_empty());
        if let (Some(part), Some(note)) = (first, note) {
            part.plan.notes.push(note);
        }
    }

    /// The parts of which anything is there.
    fn busy(&self) -> impl Iterator<Item = &Ready> {
        self.parts.iter().filter(|one| !one.plan.steps.is_empty())
    }

    fn is_nothing(&self) -> bool {
        self.busy().next().is_none()
    }

    fn name(&self) -> &str {
        self.instance.name().unwrap_or_default()
    }

    fn engine(&self) -> &crate::tools::docker::Engine {
        &self.parts[0].held.engine
    }

    fn environments(&self) -> Vec<Environment> {
        let environment = |one: &Ready| one.plan.deployment.environment();
        self.busy().map(environment).collect()
    }

    fn plans(&self) -> Vec<&dyn Planned> {
        self.busy().map(|one| &one.plan as &dyn Planned).collect()
    }

    fn show(&self, context: &Context) {
        for plan in self.plans() {
            show(context, plan);
        }
    }

    fn snapshots_stay(&self) -> Option<String> {
        let path = self.snapshots.as_ref()?;
        Some(format!("; its snapshots stay in {path}"))
    }

    /// One environment after the other, each with its own lines in the journal.
    fn carry_out(&self, context: &Context) -> Result<()> {
        for part in self.busy() {
            let deployment = &part.held.observed.deployment;
            let mut about = About::new(NAME, &part.held.engine, deployment);
            if let (Some(store), Protection::Protected(protected)) =
                (&part.store, Protection::from(deployment.clone()))
            {
                about = about.store(store);
                // Immediately before: somebody may have written while somebody was asked.
                vacant(protected, count(context, &part.held)?.0)?;
            }
            execute(context, &about, &part.plan, |action, did| {
                instances::act(context, deployment, action, did)
            })?;
        }
        let left = Census::take(context)?.set_of(&self.instance);
        if left.is_nothing() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "instance {} was removed, but meanwhile something of it was made anew, and not by this \
             tool",
            self.name()
        ))
        .hint(format!("cargo xtask --instance {} status", self.name())))
    }

    /// What was removed.
    fn told(&self) -> String {
        let deeds = self.busy().flat_map(|one| &one.plan.steps);
        let deeds: Vec<_> = deeds.flat_map(|step| step.action.deeds()).collect();
        let count = |kind: journal::Kind, one: &str| {
            let removed = deeds.iter();
            let removed = removed.filter(|deed| deed.verb == Verb::Remove && deed.kind == kind);
            counted(removed.count() as u64, one)
        };
        format!(
            "instance {} is gone: {}, {}, {}, {}",
            self.name(),
            count(journal::Kind::Container, "container"),
            count(journal::Kind::Volume, "volume"),
            count(journal::Kind::Network, "network"),
            count(journal::Kind::File, "file")
        )
    }
}

/// Where an instance has snapshots, if it has any.
fn snapshots(context: &Context, deployments: &[Deployment]) -> Option<String> {
    let folder = Place::of(context, deployments.first()?).folder;
    let folder = folder.parent()?;
    let any = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    any.then(|| folder.display().to_string())
}

/// A deployment of which is known that it may go.
struct Asked {
    held: Held,
    leave: Leave,
    store: Option<String>,
    notes: Vec<String>,
}

/// Whether a deployment may go, and what would be lost.
fn ask(context: &Context, held: Held) -> Result<Asked> {
    let deployment = held.observed.deployment.clone();
    let (held, leave, found) = match Protection::from(deployment.clone()) {
        Protection::Disposable(target) => (held, Leave::Disposable(target), None),
        Protection::Protected(protected) => {
            let (held, holding, found) = holding(context, held)?;
            let leave = vacant(protected, holding)?;
            (held, leave, found)
        }
    };
    let observed = &held.observed;
    let store = found.as_ref().and_then(|found| {
        let graph = found.graph.as_ref().ok()?;
        Some(graph.store_id.clone())
    });
    let notes = if observed.containers().next().is_none() && observed.volumes().next().is_none() {
        Vec::new()
    } else {
        let found = found.unwrap_or_else(|| contents(context, observed));
        agree(NAME, &deployment, &found)?;
        notes(observed, &found, sizes(context, observed))
    };
    Ok(Asked {
        held,
        leave,
        store,
        notes,
    })
}

/// What a protected deployment holds, which is counted where there is anything to count.
fn holding(context: &Context, held: Held) -> Result<(Held, Holding, Option<Contents>)> {
    let data = |volume: Volume| matches!(volume, Volume::Neo4jData | Volume::RedisData);
    if !held.observed.volumes().any(|(volume, _)| data(volume)) {
        return Ok((held, Holding::NoData, None));
    }
    if begun(context, &held)? {
        return Ok((held, Holding::Begun, None));
    }
    let held = brought_up(context, NAME, thawed(context, NAME, held)?)?;
    let (holding, found) = count(context, &held)?;
    if holding == (Holding::Counted { nodes: 0, keys: 0 }) {
        let any: Id = "20000101_000000".parse().map_err(Failure::failed)?;
        let state = restore::state(context, &held, &any)?;
        let deployment = &held.observed.deployment;
        state.not_amid_another(deployment, None)?;
        state.nothing_kept(deployment)?;
    }
    Ok((held, holding, Some(found)))
}

/// Whether a removal that had counted 0 was cut off when some of the volumes were gone.
fn begun(context: &Context, held: &Held) -> Result<bool> {
    let deployment = &held.observed.deployment;
    let Some(mut run) = context.journal.cut_off(deployment, NAME)? else {
        return Ok(false);
    };
    // What killed runs had left is none of them, and says nothing.
    let own = Volume::ALL.map(|volume| deployment.volume(volume));
    for step in &mut run.steps {
        let own =
            |deed: &journal::Deed| deed.kind != journal::Kind::Volume || own.contains(&deed.name);
        step.about.retain(own);
        step.did.retain(own);
    }
    let begun = Begun::of(&run, &held.observed);
    Ok(begun.is_some_and(|begun| !begun.all_gone()))
}

/// Asks both servers, which must answer.
fn count(context: &Context, held: &Held) -> Result<(Holding, Contents)> {
    let deployment = &held.observed.deployment;
    let found = contents(context, &held.observed);
    agree(NAME, deployment, &found)?;
    let mut silent = Vec::new();
    if let Err(why) = &found.graph {
        silent.push(format!("Neo4j: {why}"));
    }
    if let Err(why) = &found.keys {
        silent.push(format!("Redis: {why}"));
    }
    if let (Ok(graph), Ok(keys)) = (&found.graph, &found.keys) {
        let (nodes, keys) = (graph.nodes, keys.keys);
        return Ok((Holding::Counted { nodes, keys }, found));
    }
    let environment = deployment.environment();
    let instance = deployment.instance().label();
    Err(Failure::refused(format!(
        "{deployment} has data volumes, and what they hold cannot be counted ({})",
        silent.join("; ")
    ))
    .hint(format!(
        "cargo xtask --instance {instance} up {environment}   (then run the same command again)"
    )))
}

/// The leave to remove a protected deployment.
///
/// # Errors
/// Refused (3): it holds something.
fn vacant(protected: Protected, holding: Holding) -> Result<Leave> {
    let deployment = protected.deployment().clone();
    Vacant::of(protected, holding)
        .map(Leave::Vacant)
        .map_err(|(nodes, keys)| {
            let environment = deployment.environment();
            let instance = deployment.instance().label();
            Failure::refused(format!(
                "{deployment} holds {} and {}: it is protected, and goes only when it is empty",
                counted(nodes, "node"),
                counted(keys, "key")
            ))
            .hint(format!(
                "cargo xtask --instance {instance} wipe {environment} --backup ID   (behind a \
                 snapshot that was drilled today; it leaves it empty)"
            ))
        })
}
