//! `restore`: a snapshot put in place of what an environment holds, behind a snapshot of that.

use std::time::Duration;

use environments::{Deployment, Service, Volume, images};

use crate::cli::RestoreArgs;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{self, Run};
use crate::journal::Entry;
use crate::neighbours::Neighbours;
use crate::observe::{self, Observed};
use crate::plan::Action;
use crate::report::Answer;
use crate::secrets;
use crate::snapshot::capture::container;
use crate::snapshot::fingerprint::graph::GraphPrint;
use crate::snapshot::make::How;
use crate::snapshot::now;
use crate::snapshot::place::{Id, Place};
use crate::snapshot::restore::{self, Folders, Progress, Step};
use crate::snapshot::scratch::Scratch;
use crate::snapshot::space;
use crate::snapshot::verify::{Verified, verify};
use crate::stack::Stack;
use crate::tasks::snapshot::prepare;
use crate::tasks::{Held, hold, planned, show, thawed};
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
    let observed = &held.observed;
    let scratch = Scratch::begin(context, &deployment)?;
    let folders = folders(&scratch, &held, &args.id)?;
    let cut_off = cut_off(context, &deployment)?
        .is_some_and(|entry| entry.snapshot.as_deref() == Some(args.id.as_str()));
    let state = folders.state()?;
    let progress = state.progress(observed, &args.id, cut_off)?;
    let whole = progress == Progress::Whole;
    if whole {
        container(observed, Service::Neo4j)
            .and(container(observed, Service::Redis))
            .map_err(|failure| failure.hint(format!("cargo xtask up {}", args.environment)))?;
    }
    let phrase = format!(
        "RESTORE {} {}",
        args.environment.slug().to_uppercase(),
        args.id
    );
    let stack = Stack::prepare(context, observed)?;
    let plan = match progress {
        Progress::Whole => restore::plan(observed, &args.id, &state),
        Progress::Swap => restore::resumed(observed, &args.id),
        Progress::Start => restore::started(observed, &args.id),
    };
    let safety = if whole {
        Some(prepare(context, NAME, &held, How::Frozen(FREEZE))?)
    } else {
        None
    };
    if let Some(safety) = &safety {
        show(context, &safety.plan);
        let size = space::sizes(&context.docker, observed)?.total();
        let image = container(observed, Service::Neo4j)?.image_id();
        space::on_engine(&scratch, image, size.max(verified.manifest.bytes() * 4))?;
    }
    show(context, &plan);
    if context.dry_run {
        context.confirmation.rehearse(&phrase)?;
        let plans = safety.iter().map(|safety| &safety.plan).chain([&plan]);
        return Ok(planned(&plans.collect::<Vec<_>>()));
    }
    context.confirmation.ask(&phrase, context.interrupt())?;
    let neighbours = Neighbours::of(context, &deployment)?;
    scratch.remove()?;
    // Once it is saved, nobody may write any more: looked at before, so that nothing is missed.
    let quiet = if whole {
        Some(now::writes(context, observed)?)
    } else {
        None
    };
    let saved = match &safety {
        Some(safety) => Some(safety.make(context, NAME)?),
        None => None,
    };
    let scratch = Scratch::begin(context, &deployment)?;
    let folders = self::folders(&scratch, &held, &args.id)?;
    let run = Run {
        command: NAME,
        engine: &held.engine,
        snapshot: Some(args.id.to_string()),
    };
    execute::journalled(context, &run, &plan, |action| match action {
        Action::Restore(step) => match step {
            Step::Clear => folders.clear(),
            Step::Load(_) => restore::load(&scratch, observed, &verified),
            Step::Prove(_) => {
                restore::prove(&scratch, observed, &verified)?;
                folders.arm()
            }
            Step::StillQuiet => match &quiet {
                Some(before) => now::still_quiet(context, observed, before),
                None => Ok(()),
            },
            Step::Swap(_) => folders.swap(),
            Step::Compare(_) => compare(context, &held, &verified),
            Step::Forget(_) => folders.forget(),
        },
        other => execute::act(context, &deployment, other, Some(&stack)),
    })?;
    scratch.remove()?;
    neighbours.verify(context, &held.engine)?;
    let before = saved.map_or_else(String::new, |saved| {
        format!("; what was there before is saved as {}", saved.manifest.id)
    });
    Ok(Answer::done(
        vec![args.environment],
        format!(
            "{deployment} holds {} again{before}, and kept in its volumes until: cargo xtask \
             restore {} {} --forget",
            args.id, args.environment, args.id
        ),
    ))
}

/// The restore that was begun on a deployment and never ended, where nothing was done to it since.
fn cut_off(context: &Context, deployment: &Deployment) -> Result<Option<Entry>> {
    let cut_off = context.journal.cut_off(deployment)?;
    Ok(cut_off.filter(|entry| entry.command == NAME))
}

/// Refuses to start servers on stores of two moments, which a restore that was cut off may have left.
///
/// # Errors
/// Refused (3), with the command that goes on where it stopped.
pub(crate) fn not_half_done(context: &Context, held: &Held) -> Result<()> {
    let observed = &held.observed;
    let deployment = &observed.deployment;
    // The volumes are looked into only where the journal says that there may be something to see.
    let Some(entry) = cut_off(context, deployment)? else {
        return Ok(());
    };
    let id = entry.snapshot.as_deref().and_then(|id| id.parse().ok());
    let Some(id) = id.filter(|_| there(observed)) else {
        return Ok(());
    };
    let scratch = Scratch::begin(context, deployment)?;
    let state = folders(&scratch, held, &id)?.state()?;
    scratch.remove()?;
    state.not_amid_another(deployment, None)
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
    let scratch = Scratch::begin(context, &held.observed.deployment)?;
    let folders = folders(&scratch, held, &args.id)?;
    if folders.state()?.armed() {
        return Err(Failure::refused(format!(
            "the restore of {} was cut off half way: what was there before is needed still",
            args.id
        ))
        .hint(format!(
            "cargo xtask restore {} {}",
            args.environment, args.id
        )));
    }
    let plan = restore::forgetting(&held.observed, &args.id);
    let phrase = format!(
        "FORGET {} {}",
        args.environment.slug().to_uppercase(),
        args.id
    );
    show(context, &plan);
    if context.dry_run {
        context.confirmation.rehearse(&phrase)?;
        return Ok(planned(&[&plan]));
    }
    context.confirmation.ask(&phrase, context.interrupt())?;
    let run = Run {
        command: NAME,
        engine: &held.engine,
        snapshot: Some(args.id.to_string()),
    };
    execute::journalled(context, &run, &plan, |_| folders.forget())?;
    scratch.remove()?;
    Ok(Answer::done(
        vec![args.environment],
        format!("what was there before {} was restored is gone", args.id),
    ))
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
