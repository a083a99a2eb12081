//! `wipe`: staging or production emptied, behind a snapshot of it that was drilled today.

use std::time::Duration;

use environments::{Protection, Volume};

use crate::cli::WipeArgs;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{self, Run};
use crate::journal::Entry;
use crate::neighbours::Neighbours;
use crate::observe::Observed;
use crate::plan::{self, Action};
use crate::report::Answer;
use crate::snapshot::cover;
use crate::snapshot::make::How;
use crate::snapshot::now;
use crate::snapshot::place::Place;
use crate::snapshot::scratch::Scratch;
use crate::snapshot::verify::{Verified, verify};
use crate::stack::Stack;
use crate::tasks::snapshot::prepare;
use crate::tasks::{Held, hold, planned, show, thawed};
use crate::tools::docker::VolumeState;
use crate::ui::counted;

const NAME: &str = "wipe";

/// How long the freeze may last in which the environment is compared with its snapshot.
const FREEZE: Duration = Duration::from_secs(5);

pub(crate) fn run(context: &Context, args: &WipeArgs) -> Result<Answer> {
    let deployment = context.deployment(args.environment);
    let Protection::Protected(protected) = Protection::from(deployment.clone()) else {
        return Err(
            Failure::usage(format!("{} is not protected", args.environment))
                .hint("cargo xtask wipe-dev, cargo xtask reset-test"),
        );
    };
    let held = thawed(context, NAME, hold(context, NAME, &deployment)?)?;
    let verified = verify(
        &Place::of(context, &deployment).path(&args.backup),
        &args.backup,
    )?;
    let cut_off = context.journal.cut_off(&deployment)?.filter(|entry| {
        entry.command == NAME && entry.snapshot.as_deref() == Some(args.backup.as_str())
    });
    let looked = match cut_off {
        // Its guards have passed, and what is left may be neither asked nor anything that a
        // snapshot is of.
        Some(entry) if made_anew(&held.observed, &entry) => Looked::made_anew(&verified),
        Some(_) if !held.observed.running() => Looked::resumed(&verified),
        _ => look(context, &held, &verified)?,
    };
    let target = cover::behind(
        protected,
        &verified,
        &held.engine.id,
        &looked.store,
        "emptied",
    )?;
    let looked = looked.compared(context, &held, &verified)?;

    let stack = Stack::prepare(context, &held.observed)?;
    let mut plan = if looked.made_anew {
        plan::wiped(&deployment)
    } else {
        plan::wipe(&target, &held.observed)
    };
    plan.notes.clone_from(&looked.notes);
    show(context, &plan);
    let phrase = looked.phrase(context, args);
    if context.dry_run {
        context.confirmation.rehearse(&phrase)?;
        return Ok(planned(&[&plan]));
    }
    context.confirmation.ask(&phrase, context.interrupt())?;

    let neighbours = Neighbours::of(context, &deployment)?;
    let run = Run {
        command: NAME,
        engine: &held.engine,
        snapshot: Some(args.backup.to_string()),
    };
    let mut first = true;
    execute::journalled(context, &run, &plan, |action| {
        // Immediately before the first step: whatever was written while somebody was asked.
        if let (true, Some(writes)) = (std::mem::take(&mut first), &looked.writes) {
            now::still_quiet(context, &held.observed, writes)?;
        }
        match action {
            Action::RemoveVolumes(_)
            | Action::CreateVolumes(_)
            | Action::Kill(_)
            | Action::RemoveContainers(_)
            | Action::Start
            | Action::AwaitEmpty(_) => execute::act(context, &deployment, action, Some(&stack)),
            other => Err(Failure::failed(format!("{other}: no part of a wipe"))),
        }
    })?;
    neighbours.verify(context, &held.engine)?;
    Ok(Answer::done(
        vec![args.environment],
        format!(
            "{deployment} is empty and healthy: 0 nodes, 0 keys; {} of other environments \
             unchanged; what it held: cargo xtask restore {} {}",
            counted(neighbours.count(), "object"),
            args.environment,
            args.backup
        ),
    ))
}

/// What is known of an environment that is to be emptied.
struct Looked {
    store: String,
    notes: Vec<String>,
    /// When something was last written; none where no server runs any more.
    writes: Option<String>,
    /// What the snapshot has not, a line each.
    lost: Vec<String>,
    /// The volumes are new already: nothing is left to be removed.
    made_anew: bool,
}

/// Whether all volumes were made after a wipe that was cut off had begun to remove the old ones.
fn made_anew(observed: &Observed, begun: &Entry) -> bool {
    let old = |volume: &VolumeState| begun.removed.contains(&plan::removed_volume(volume));
    observed.running()
        && observed.volumes().count() == Volume::ALL.len()
        && !observed.volumes().any(|(_, volume)| old(volume))
}

/// Asks both servers, which must answer: what cannot be asked is not known to be in the snapshot.
fn look(context: &Context, held: &Held, verified: &Verified) -> Result<Looked> {
    let prepared = prepare(context, NAME, held, How::Frozen(FREEZE))?;
    let mut notes = prepared.plan.notes.clone();
    notes.push(format!(
        "{} was made {}",
        verified.id, verified.manifest.created
    ));
    Ok(Looked {
        store: prepared.store_id().to_owned(),
        notes,
        writes: Some(now::writes(context, &held.observed)?),
        lost: Vec::new(),
        made_anew: false,
    })
}

impl Looked {
    fn resumed(verified: &Verified) -> Self {
        Self {
            store: verified.manifest.neo4j.store_id.clone(),
            notes: vec!["a wipe that was cut off goes on; contents not inspected".to_owned()],
            writes: None,
            lost: Vec::new(),
            made_anew: false,
        }
    }

    fn made_anew(verified: &Verified) -> Self {
        Self {
            notes: vec!["a wipe that was cut off has made its volumes anew".to_owned()],
            made_anew: true,
            ..Self::resumed(verified)
        }
    }

    /// Compares the environment with its snapshot, by a copy of it.
    fn compared(mut self, context: &Context, held: &Held, verified: &Verified) -> Result<Self> {
        if self.writes.is_none() {
            return Ok(self);
        }
        let scratch = Scratch::begin(context, &held.observed.deployment)?;
        let live = now::fingerprint(context, &scratch, &held.observed, FREEZE)?;
        scratch.remove()?;
        self.lost = verified.manifest.fingerprint.differences(&live);
        if self.lost.is_empty() {
            self.notes.push("it holds all that is there".to_owned());
        } else {
            self.notes
                .push("it does not hold, and this would be lost:".to_owned());
            let lines = self.lost.iter().map(|line| format!("  {line}"));
            self.notes.extend(lines);
        }
        Ok(self)
    }

    fn phrase(&self, context: &Context, args: &WipeArgs) -> String {
        let environment = args.environment.slug().to_uppercase();
        let plain = format!("DELETE {environment} DATA, BACKUP {}", args.backup);
        let losing = format!("{plain}, LOSING CHANGES SINCE {}", args.backup);
        // The same command again, after it was cut off, is the one that was typed.
        let again = self.writes.is_none() && context.confirmation.given.as_ref() == Some(&losing);
        if self.lost.is_empty() && !again {
            plain
        } else {
            losing
        }
    }
}
