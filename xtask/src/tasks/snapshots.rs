//! `snapshots list`, `verify` and `prune`: what has been saved.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use environments::{Deployment, Environment};
use serde::Serialize;
use serde_json::json;

use crate::cli::{PruneArgs, Snapshots, SnapshotsCommand, VerifyArgs};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{About, execute};
use crate::plan::{Action as _, Plan};
use crate::report::Answer;
use crate::snapshot::drill::{self, Drill};
use crate::snapshot::manifest::{MANIFEST, Manifest};
use crate::snapshot::place::{Id, Place};
use crate::snapshot::retention::{Kept, Removal, Retention, surplus};
use crate::snapshot::scratch::Scratch;
use crate::snapshot::sums::{self, SUMS};
use crate::snapshot::verify::verify;
use crate::tasks::{hold, planned, show};
use crate::ui::{self, bytes, counted};

const NAME: &str = "snapshots";

pub(crate) fn run(context: &Context, args: &Snapshots) -> Result<Answer> {
    match &args.what {
        SnapshotsCommand::List(args) => list(context, &args.environments),
        SnapshotsCommand::Verify(args) => verified(context, args),
        SnapshotsCommand::Prune(args) => prune(context, args),
    }
}

/// A whole snapshot, as the list tells it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Listed {
    pub(crate) id: Id,
    #[serde(skip)]
    number: u64,
    environment: String,
    instance: String,
    path: String,
    created: String,
    bytes: u64,
    freeze_seconds: f64,
    /// Recovered and checked before it was given its name: so is every whole one.
    proved: bool,
    /// Restored into a scratch instance since, and found to be the same data.
    drilled: bool,
}

impl Listed {
    pub(crate) fn of(path: &Path, manifest: &Manifest, drill: Option<&Drill>) -> Self {
        Self {
            id: manifest.id.clone(),
            number: manifest.number,
            environment: manifest.environment.clone(),
            instance: manifest.instance.clone(),
            path: path.display().to_string(),
            created: manifest.created.clone(),
            bytes: manifest.bytes(),
            freeze_seconds: manifest.freeze_seconds,
            proved: true,
            drilled: drill.is_some_and(|drill| drill.matched),
        }
    }

    pub(crate) fn created(&self) -> &str {
        &self.created
    }
}

/// The snapshots of a deployment that are whole at a glance: all files are there, with their sizes,
/// and the manifest is the one that the sums name. `verify` reads all of it. In the order in which
/// they were made.
pub(crate) fn whole(context: &Context, deployment: &Deployment) -> Result<Vec<Listed>> {
    let place = Place::of(context, deployment);
    let one = |id: Id| {
        let path = place.path(&id);
        let manifest = glance(&path, &id, deployment)?;
        let (sum, _) = sums::of_file(&path.join(SUMS)).ok()?;
        let drill = drill::read(&path, &sum);
        Some(Listed::of(&path, &manifest, drill.as_ref()))
    };
    let mut all: Vec<Listed> = place.ids()?.into_iter().filter_map(one).collect();
    // By name where the numbers are the same: a sort keeps that order.
    all.sort_by_key(|one| one.number);
    Ok(all)
}

fn glance(path: &Path, id: &Id, deployment: &Deployment) -> Option<Manifest> {
    let manifest = Manifest::parse(&fs::read_to_string(path.join(MANIFEST)).ok()?).ok()?;
    let sums = sums::parse(&fs::read_to_string(path.join(SUMS)).ok()?).ok()?;
    let (sum, _) = sums::of_file(&path.join(MANIFEST)).ok()?;
    let sized = |file: &crate::snapshot::manifest::File| {
        fs::metadata(path.join(&file.name)).is_ok_and(|there| there.len() == file.bytes)
    };
    let whole = manifest.id == *id
        && manifest.is_of(deployment)
        && sums.get(MANIFEST) == Some(&sum)
        && manifest.files.iter().all(sized);
    whole.then_some(manifest)
}

fn list(context: &Context, environments: &[Environment]) -> Result<Answer> {
    let chosen = if environments.is_empty() {
        &Environment::ALL[..]
    } else {
        environments
    };
    let mut all = Vec::new();
    for deployment in context.deployments(chosen) {
        all.extend(whole(context, &deployment)?);
    }
    let head = [
        "environment",
        "snapshot",
        "age",
        "size",
        "freeze",
        "proved",
        "drilled",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    for one in &all {
        lines.push(vec![
            one.environment.clone(),
            one.id.to_string(),
            age(&one.created),
            bytes(one.bytes),
            format!("{:.2} s", one.freeze_seconds),
            word(one.proved),
            word(one.drilled),
        ]);
    }
    Ok(Answer::document(
        ui::table(&lines),
        json!({ "snapshots": all }),
    ))
}

/// How long ago, in the largest unit that fits.
pub(crate) fn age(created: &str) -> String {
    let Ok(created) = created.parse::<DateTime<Utc>>() else {
        return "not known".to_owned();
    };
    let seconds = Utc::now().timestamp() - created.timestamp();
    match seconds {
        // The clock was set back since.
        ..0 => "in the future".to_owned(),
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn verified(context: &Context, args: &VerifyArgs) -> Result<Answer> {
    let deployment = context.deployment(args.environment);
    context.about(args.environment);
    let place = Place::of(context, &deployment);
    let ids = match &args.id {
        Some(id) => vec![id.clone()],
        None => place.ids()?,
    };
    let held = if args.deep {
        Some(hold(context, NAME, &deployment)?)
    } else {
        None
    };
    let mut lines = Vec::new();
    let mut documents = Vec::new();
    let mut bad = 0;
    for id in &ids {
        let checked = verify(&place.path(id), id).and_then(|verified| {
            if !verified.manifest.is_of(&deployment) {
                return Err(Failure::failed(format!(
                    "the snapshot {id} is of {:?} of instance {:?}, not of {deployment}",
                    verified.manifest.environment, verified.manifest.instance
                )));
            }
            let drilled = verified.drill.as_ref().is_some_and(|drill| drill.matched);
            let Some(held) = &held else {
                return Ok(("every byte is as written", drilled));
            };
            let scratch = Scratch::begin(context, &deployment)?;
            let drill = drill::drill(&scratch, &held.engine.id, &verified, 0.0)?;
            scratch.remove()?;
            if drill.matched {
                let said = "every byte is as written, and it restores to the same data";
                Ok((said, true))
            } else {
                Err(Failure::failed(format!(
                    "the snapshot {id} restores to other data:\n  - {}",
                    drill.differences.join("\n  - ")
                )))
            }
        });
        context.interrupt().check()?;
        match checked {
            Ok((said, drilled)) => {
                lines.push(format!("{id}: {said}"));
                documents
                    .push(json!({ "id": id, "whole": true, "drilled": drilled, "error": null }));
            }
            Err(failure) => {
                bad += 1;
                lines.push(failure.message.clone());
                documents
                    .push(json!({ "id": id, "whole": false, "drilled": false, "error": failure }));
            }
        }
    }
    if ids.is_empty() {
        lines.push(format!("there are no snapshots of {deployment}"));
    }
    Ok(Answer::Document {
        human: lines.join("\n"),
        json: json!({
            "environment": args.environment,
            "instance": context.instance.label(),
            "deep": args.deep,
            "snapshots": documents,
        }),
        exit_code: u8::from(bad > 0),
    })
}

/// Refuses to choose where the clock does not tell which one is the newest.
fn none_of_the_future(all: &[Listed]) -> Result<()> {
    let now = Utc::now();
    let ahead = |one: &&Listed| {
        one.created
            .parse::<DateTime<Utc>>()
            .is_ok_and(|at| at > now)
    };
    let ahead: Vec<&str> = all
        .iter()
        .filter(ahead)
        .map(|one| one.id.as_str())
        .collect();
    if ahead.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "these snapshots are dated in the future: {}; the clock is wrong, or was when they \
         were made, and so does not tell which one is the newest; nothing was removed",
        ahead.join(", ")
    ))
    .hint("date --utc   (set the clock, or move those folders elsewhere)"))
}

fn prune(context: &Context, args: &PruneArgs) -> Result<Answer> {
    let deployment = context.deployment(args.environment);
    let held = hold(context, NAME, &deployment)?;
    let place = Place::of(context, &deployment);
    let all = whole(context, &deployment)?;
    none_of_the_future(&all)?;
    let kept = |one: &Listed| Kept {
        id: one.id.clone(),
        number: one.number,
        drilled: one.drilled,
    };
    let retention = Retention {
        last: args.keep_last.unwrap_or_default(),
        daily: args.keep_daily.unwrap_or_default(),
        weekly: args.keep_weekly.unwrap_or_default(),
    };
    let surplus = surplus(all.iter().map(kept).collect(), retention);
    let mut plan: Plan<Removal> = Plan::new(deployment);
    plan.notes.push(format!(
        "{} in {}, {} stay",
        counted(all.len() as u64, "snapshot"),
        place.folder.display(),
        all.len() - surplus.len()
    ));
    for id in &surplus {
        plan.step(
            Removal(id.clone()),
            "none of --keep-last, --keep-daily and --keep-weekly keeps it, and a newer one is there",
        );
    }
    show(context, &plan);
    let phrase = format!("PRUNE {} SNAPSHOTS", args.environment.slug().to_uppercase());
    if context.dry_run {
        context.confirmation.rehearse(&phrase)?;
        return Ok(planned(&[&plan]));
    }
    let said = format!("{} removed", counted(surplus.len() as u64, "snapshot"));
    if surplus.is_empty() {
        return Ok(Answer::done(vec![args.environment], said));
    }
    context.confirmation.ask(&phrase, context.interrupt())?;
    let about = About::new(NAME, &held.engine, &held.observed.deployment);
    execute(context, &about, &plan, |removal, did| {
        place.remove(&removal.0)?;
        did.add(removal.deeds());
        Ok(())
    })?;
    Ok(Answer::done(vec![args.environment], said))
}
