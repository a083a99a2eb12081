//! `restore`: a snapshot put in place of what an environment holds, behind a snapshot of that.
//!
//! What lies in the volumes says how far a restore has come that was cut off. Before anything of it is
//! in place, all begins anew.

use std::time::Duration;

use environments::{Deployment, Service, Volume, images};

use crate::cli::RestoreArgs;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{About, Did, act_on_servers, execute};
use crate::journal::{self, DOWN, PROOF, Verb};
use crate::neighbours::Neighbours;
use crate::observe::{self, Observed};
use crate::plan::{Action as _, Plan};
use crate::report::Answer;
use crate::secrets;
use crate::snapshot::capture::container;
use crate::snapshot::fingerprint::graph::GraphPrint;
use crate::snapshot::make::How;
use crate::snapshot::now;
use crate::snapshot::place::{Id, Place};
use crate::snapshot::restore::{self, Action, Folders, Progress, State};
use crate::snapshot::scratch::Scratch;
use crate::snapshot::space;
use crate::snapshot::verify::{Verified, verify};
use crate::stack::Stack;
use crate::tasks::snapshot::prepare;
use crate::tasks::{Held, brought_up, hold, planned, show, thawed};
use crate::tools::docker::Container;

const NAME: &str = "restore";

/// How long the freeze of the safety snapshot may last.
const FREEZE: Duration = Duration::from_secs(5);

pub(crate) fn run(context: &Context, args: &RestoreArgs) -> Result<Answer> {
    let deployment = context.deployment(args.environment);
    let held = thawed(context, NAME, hold(context, NAME, &deployment)?)?;
    if args.forget {
        return forget(context, args, &held);
    }
    let verified = verified(context, args, &held)?;
    let state = state(context, &held, &args.id)?;
    let last = swapped(context, &deployment, &args.id)?;
    let observed = &held.observed;
    let plan = match state.progress(&deployment, &args.id, last.is_some())? {
        Progress::Whole => return whole(context, args, held, &verified, &state),
        Progress::Swap => restore::resumed(observed, &args.id),
        Progress::Start => restore::started(observed, &args.id),
    };
    rest(context, args, &held, &verified, plan, last)
}

/// All of it: what is there is saved first.
fn whole(
    context: &Context,
    args: &RestoreArgs,
    held: Held,
    verified: &Verified,
    state: &State,
) -> Result<Answer> {
    let held = brought_up(context, NAME, held)?;
    let observed = &held.observed;
    let deployment = &observed.deployment;
    if observed.containers().count() < Service::ALL.len() {
        return Err(Failure::refused(format!(
            "{deployment} is not up: what it holds is saved before anything is put in its place"
        ))
        .hint(format!("cargo xtask up {}", args.environment)));
    }
    let stack = Stack::prepare(context, observed)?;
    let safety = prepare(context, NAME, &held, How::Frozen(FREEZE))?;
    show(context, &safety.plan);
    let size = space::sizes(&context.docker, observed)?.total();
    let image = container(observed, Service::Neo4j)?.image_id();
    let scratch = Scratch::begin(context, deployment)?;
    space::on_engine(&scratch, image, size.max(verified.manifest.bytes() * 4))?;
    scratch.remove()?;
    let mut plan = restore::plan(observed, &args.id, state);
    plan.write_files(stack.to_write());
    show(context, &plan);
    if context.dry_run {
        context.confirmation.rehearse(&phrase("RESTORE", args))?;
        return Ok(planned(&[&safety.plan, &plan]));
    }
    let phrase = phrase("RESTORE", args);
    context.confirmation.ask(&phrase, context.interrupt())?;
    let neighbours = Neighbours::of(context, deployment)?;
    // Once it is saved, nobody may write any more: looked at before, so that nothing is missed.
    let quiet = now::writes(context, observed)?;
    let saved = safety.make(context, NAME)?;
    let about = About::new(NAME, &held.engine, deployment)
        .snapshot(&args.id)
        .safety(&saved.manifest.id);
    let work = Work {
        context,
        held: &held,
        verified,
        stack: &stack,
        quiet: Some(&quiet),
    };
    work.carry_out(&about, &plan)?;
    neighbours.verify(context, &held.engine)?;
    let before = format!("what was there before is saved as {}", saved.manifest.id);
    Ok(answer(args, deployment, &before))
}

/// What is left of one that was cut off when something of it was in place.
fn rest(
    context: &Context,
    args: &RestoreArgs,
    held: &Held,
    verified: &Verified,
    mut plan: Plan<Action>,
    last: Option<journal::Run>,
) -> Result<Answer> {
    let observed = &held.observed;
    let deployment = &observed.deployment;
    let stack = Stack::prepare(context, observed)?;
    plan.write_files(stack.to_write());
    let safety = last.and_then(|run| run.begun.safety);
    let before = match &safety {
        Some(id) => format!("what was there before that run is saved as {id}"),
        None => "no snapshot is known to hold what was there before".to_owned(),
    };
    plan.notes.push(format!(
        "a restore of {} that was cut off goes on; {before}",
        args.id
    ));
    show(context, &plan);
    let phrase = phrase("RESTORE", args);
    if context.dry_run {
        context.confirmation.rehearse(&phrase)?;
        return Ok(planned(&[&plan]));
    }
    context.confirmation.ask(&phrase, context.interrupt())?;
    let neighbours = Neighbours::of(context, deployment)?;
    let mut about = About::new(NAME, &held.engine, deployment).snapshot(&args.id);
    about.safety = safety;
    let work = Work {
        context,
        held,
        verified,
        stack: &stack,
        quiet: None,
    };
    work.carry_out(&about, &plan)?;
    neighbours.verify(context, &held.engine)?;
    Ok(answer(args, deployment, &before))
}

fn phrase(word: &str, args: &RestoreArgs) -> String {
    let environment = args.environment.slug().to_uppercase();
    format!("{word} {environment} {}", args.id)
}

fn answer(args: &RestoreArgs, deployment: &Deployment, before: &str) -> Answer {
    Answer::done(
        vec![args.environment],
        format!(
            "{deployment} holds {id} again; {before}, and is kept in its volumes until: cargo xtask \
             restore {} {id} --forget",
            args.environment,
            id = args.id
        ),
    )
}

/// What every step takes.
struct Work<'a> {
    context: &'a Context,
    held: &'a Held,
    verified: &'a Verified,
    stack: &'a Stack,
    /// When something was last written before what is there was saved.
    quiet: Option<&'a str>,
}

impl Work<'_> {
    fn carry_out(&self, about: &About<'_>, plan: &Plan<Action>) -> Result<()> {
        let observed = &self.held.observed;
        let scratch = Scratch::begin(self.context, &observed.deployment)?;
        let folders = folders(&scratch, self.held, &self.verified.id)?;
        execute(self.context, about, plan, |action, did| {
            self.act(&scratch, &folders, action, did)
        })?;
        scratch.remove()
    }

    fn act(
        &self,
        scratch: &Scratch<'_>,
        folders: &Folders<'_>,
        action: &Action,
        did: &mut Did,
    ) -> Result<()> {
        let observed = &self.held.observed;
        match action {
            Action::Servers(action) => {
                return act_on_servers(self.context, self.stack, action, did);
            }
            Action::Clear => folders.clear()?,
            Action::Load(_) => restore::load(scratch, observed, self.verified)?,
            Action::Prove(_) => restore::prove(scratch, observed, self.verified)?,
            Action::StillQuiet => {
                if let Some(before) = self.quiet {
                    now::still_quiet(self.context, observed, before)?;
                }
            }
            Action::Swap(_) => folders.swap()?,
            Action::Compare(_) => compare(self.context, self.held, self.verified)?,
            Action::Forget(_) => folders.forget()?,
        }
        did.add(action.deeds());
        Ok(())
    }
}

/// What lies in the volumes.
pub(crate) fn state(context: &Context, held: &Held, id: &Id) -> Result<State> {
    let scratch = Scratch::begin(context, &held.observed.deployment)?;
    let state = folders(&scratch, held, id)?.state()?;
    scratch.remove()?;
    Ok(state)
}

/// The restore of a snapshot that was cut off when or after it had put it in place, where nothing else
/// has changed the deployment since.
fn swapped(context: &Context, deployment: &Deployment, id: &Id) -> Result<Option<journal::Run>> {
    let cut_off = context.journal.cut_off(deployment, NAME)?;
    Ok(cut_off.filter(|run| {
        run.begun.snapshot.as_deref() == Some(id.as_str()) && run.about(Verb::Replace).count() > 0
    }))
}

/// Refuses to start servers on stores of two moments, which a restore that was cut off may have left.
///
/// # Errors
/// Refused (3), with the command that goes on where it stopped.
pub(crate) fn not_half_done(context: &Context, held: &Held) -> Result<()> {
    let observed = &held.observed;
    let deployment = &observed.deployment;
    // The volumes are looked into only where the journal says that there may be something to see.
    let last = context.journal.last(deployment, &[PROOF, DOWN])?;
    let Some(run) = last.filter(|run| run.begun.command == NAME && !run.done()) else {
        return Ok(());
    };
    let id = run.begun.snapshot.as_deref().and_then(|id| id.parse().ok());
    let Some(id) = id.filter(|_| there(observed)) else {
        return Ok(());
    };
    state(context, held, &id)?.not_amid_another(deployment, None)
}

/// Whether both stores have their volume: mounting one that is absent would make it.
fn there(observed: &Observed) -> bool {
    let stores = [Volume::Neo4jData, Volume::RedisData];
    let known = |store| observed.volumes().any(|(volume, _)| volume == store);
    stores.into_iter().all(known)
}

fn folders<'a>(scratch: &'a Scratch<'a>, held: &'a Held, id: &'a Id) -> Result<Folders<'a>> {
    let observed = &held.observed;
    if !there(observed) {
        return Err(
            Failure::failed(format!("{} has no volumes", observed.deployment)).hint(format!(
                "cargo xtask up {}",
                observed.deployment.environment()
            )),
        );
    }
    Ok(Folders {
        scratch,
        deployment: &observed.deployment,
        // `down` may have removed the containers of a restore that was cut off.
        image: observed
            .container(Service::Neo4j)
            .map_or(images::NEO4J, Container::image_id),
        id,
    })
}

/// The snapshot, every byte of it read, and fit for this deployment.
fn verified(context: &Context, args: &RestoreArgs, held: &Held) -> Result<Verified> {
    let deployment = &held.observed.deployment;
    let verified = verify(&Place::of(context, deployment).path(&args.id), &args.id)?;
    let manifest = &verified.manifest;
    if !manifest.is_of(deployment) {
        return Err(Failure::refused(format!(
            "the snapshot {} is of {:?} of instance {:?}, not of {deployment}",
            args.id, manifest.environment, manifest.instance
        )));
    }
    for (what, theirs, ours) in [
        ("Neo4j", &manifest.neo4j.version, images::NEO4J_VERSION),
        ("Redis", &manifest.redis.version, images::REDIS_VERSION),
    ] {
        if numbers(theirs) > numbers(ours) {
            return Err(Failure::refused(format!(
                "the snapshot {} is of {what} {theirs}, newer than {ours}: an older server does \
                 not read a newer one's store",
                args.id
            )));
        }
    }
    Ok(verified)
}

fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|character: char| !character.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// The environment's own servers hold what the snapshot says. Keys that can expire may have, since.
fn compare(context: &Context, held: &Held, verified: &Verified) -> Result<()> {
    let deployment = &held.observed.deployment;
    let observed = observe::observe_one(context, deployment)?;
    let expected = &verified.manifest.fingerprint;
    let password = secrets::password(deployment.environment())?;
    let neo4j = container(&observed, Service::Neo4j)?;
    let found = GraphPrint::of(observe::neo4j(context, deployment, neo4j, &password))?;
    let mut differences = expected.neo4j.differences(&found);
    let redis = container(&observed, Service::Redis)?;
    let info = observe::redis(context, redis).admin(&["INFO", "keyspace"])?;
    differences.extend(expected.redis.lost(&info)?);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{deployment} runs, but does not hold what {} says:\n  - {}",
        verified.id,
        differences.join("\n  - ")
    )))
}

fn forget(context: &Context, args: &RestoreArgs, held: &Held) -> Result<Answer> {
    let observed = &held.observed;
    let deployment = &observed.deployment;
    if state(context, held, &args.id)?.half_done() {
        return Err(Failure::refused(format!(
            "the restore of {} was cut off half way: what was there before is needed still",
            args.id
        ))
        .hint(format!(
            "cargo xtask restore {} {}",
            args.environment, args.id
        )));
    }
    let mut plan = restore::forgetting(observed, &args.id);
    plan.notes
        .push(held_elsewhere(context, deployment, &args.id)?);
    show(context, &plan);
    let phrase = phrase("FORGET", args);
    if context.dry_run {
        context.confirmation.rehearse(&phrase)?;
        return Ok(planned(&[&plan]));
    }
    context.confirmation.ask(&phrase, context.interrupt())?;
    let scratch = Scratch::begin(context, deployment)?;
    let folders = folders(&scratch, held, &args.id)?;
    let about = About::new(NAME, &held.engine, deployment).snapshot(&args.id);
    execute(context, &about, &plan, |action, did| {
        folders.forget()?;
        did.add(action.deeds());
        Ok(())
    })?;
    scratch.remove()?;
    Ok(Answer::done(
        vec![args.environment],
        format!("what was there before {} was restored is gone", args.id),
    ))
}

/// Whether a snapshot holds what is to be forgotten, in words.
fn held_elsewhere(context: &Context, deployment: &Deployment, id: &Id) -> Result<String> {
    let runs = context.journal.runs(deployment)?;
    let of_it = |run: &&journal::Run| {
        run.begun.command == NAME && run.begun.snapshot.as_deref() == Some(id.as_str())
    };
    let safety = runs
        .iter()
        .rev()
        .filter(of_it)
        .find_map(|run| run.begun.safety.clone());
    let safety = safety.and_then(|safety| safety.parse::<Id>().ok());
    let whole = safety.filter(|safety| {
        let path = Place::of(context, deployment).path(safety);
        verify(&path, safety).is_ok_and(|verified| verified.manifest.is_of(deployment))
    });
    Ok(match whole {
        Some(safety) => format!("{safety} was made of it, and every byte of that is as written"),
        None => "no snapshot here is known to hold it: it is lost with this".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(numbers("5.26.30") > numbers("5.26.9"));
        assert!(numbers("2025.01.0") > numbers("5.26.30"));
        assert!(numbers("8.0.2") == numbers("8.0.2"));
    }
}
