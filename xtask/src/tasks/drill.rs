//! `drill`: the newest snapshot restored into a scratch instance, compared and timed.

use std::time::Instant;

use serde_json::json;

use crate::cli::DrillArgs;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{About, journalled};
use crate::plan::{One, Step};
use crate::report::{Answer, Changed, with};
use crate::snapshot::drill::{self, Drill, DrillOf};
use crate::snapshot::place::{Id, Place};
use crate::snapshot::scratch::Scratch;
use crate::snapshot::sequence;
use crate::snapshot::verify::{Verified, verify};
use crate::tasks::{Held, hold, planned, show};
use crate::ui::bytes;

const NAME: &str = "drill";

pub(crate) fn run(context: &Context, args: &DrillArgs) -> Result<Answer> {
    let deployment = context.deployment(args.environment);
    let held = hold(context, NAME, &deployment)?;
    let id = chosen(context, &held, args.id.as_ref())?;
    let plan = plan(&held, &id);
    show(context, &plan);
    if context.dry_run {
        return Ok(planned(&[&plan]));
    }
    let (verified, drill) = carry_out(context, NAME, &held, &plan)?;
    let changed = Changed {
        environments: vec![args.environment],
        outcome: "done",
        planned: Vec::new(),
        human: told(&verified, &drill),
    };
    let extra = json!({ "snapshot": id, "drill": drill });
    Ok(with(context, NAME, &changed, extra))
}

/// The snapshot that was named, else the newest.
fn chosen(context: &Context, held: &Held, named: Option<&Id>) -> Result<Id> {
    let deployment = &held.observed.deployment;
    let place = Place::of(context, deployment);
    if let Some(named) = named {
        return Ok(named.clone());
    }
    sequence::newest(&place)?.ok_or_else(|| {
        Failure::failed(format!(
            "there are no snapshots of {deployment} in {}",
            place.folder.display()
        ))
        .hint(format!("cargo xtask snapshot {}", deployment.environment()))
    })
}

/// One step.
pub(crate) fn plan(held: &Held, id: &Id) -> One<DrillOf> {
    One {
        deployment: held.observed.deployment.clone(),
        step: Step::new(
            DrillOf(id.clone()),
            "only a backup that was restored is known to work",
        ),
    }
}

/// Drills one snapshot under the deployment's lock.
///
/// # Errors
/// It is damaged, of another deployment, cannot be restored, or restores to other data.
pub(crate) fn carry_out(
    context: &Context,
    command: &str,
    held: &Held,
    plan: &One<DrillOf>,
) -> Result<(Verified, Drill)> {
    let deployment = &held.observed.deployment;
    let DrillOf(id) = &plan.step.action;
    let about = About::new(command, &held.engine, deployment).snapshot(id);
    journalled(context, &about, |run| {
        run.step(&plan.step, |_| one(context, held, id))
    })
}

fn one(context: &Context, held: &Held, id: &Id) -> Result<(Verified, Drill)> {
    let deployment = &held.observed.deployment;
    let started = Instant::now();
    let verified = verify(&Place::of(context, deployment).path(id), id)?;
    if !verified.manifest.is_of(deployment) {
        return Err(Failure::refused(format!(
            "the snapshot {id} is of {:?} of instance {:?}, not of {deployment}",
            verified.manifest.environment, verified.manifest.instance
        )));
    }
    let verifying = started.elapsed().as_secs_f64();
    let scratch = Scratch::begin(context, deployment)?;
    let drill = drill::drill(&scratch, &held.engine.id, &verified, verifying)?;
    scratch.remove()?;
    if !drill.matched {
        return Err(Failure::failed(format!(
            "the snapshot {id} restores to other data:\n  - {}",
            drill.differences.join("\n  - ")
        ))
        .hint(format!(
            "make another: cargo xtask snapshot {}",
            deployment.environment()
        )));
    }
    Ok((verified, drill))
}

/// What a person reads.
pub(crate) fn told(verified: &Verified, drill: &Drill) -> String {
    format!(
        "{} restores to the same data in {:.1} s (Neo4j {:.1} s, Redis {:.1} s, reading {} {:.1} s); \
         it holds what was written until {}",
        verified.id,
        drill.seconds.total,
        drill.seconds.neo4j,
        drill.seconds.redis,
        bytes(verified.manifest.bytes()),
        drill.seconds.verify,
        verified.manifest.created
    )
}
