//! `wipe`: staging or production emptied, behind a snapshot of it that was drilled today.
//!
//! A run that was cut off is gone on with only where the engine shows that volumes which it named are
//! gone. Else everything begins anew: what is there now is compared with the snapshot.

use std::time::Duration;

use environments::{Deployment, Protected, Protection};

use crate::cli::WipeArgs;
use crate::context::Context;
use crate::emptying::{self, Action};
use crate::error::{Failure, Result};
use crate::execute::{About, execute};
use crate::guard::evidence::Begun;
use crate::neighbours::Neighbours;
use crate::plan::Plan;
use crate::report::Answer;
use crate::snapshot::cover;
use crate::snapshot::make::How;
use crate::snapshot::now;
use crate::snapshot::place::Place;
use crate::snapshot::scratch::Scratch;
use crate::snapshot::verify::{Verified, verify};
use crate::stack::Stack;
use crate::tasks::restore;
use crate::tasks::snapshot::prepare;
use crate::tasks::{Held, brought_up, hold, planned, show, thawed};
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
    let place = Place::of(context, &deployment);
    let verified = verify(&place.path(&args.backup), &args.backup)?;
    if let Some(begun) = begun(context, args, &held)? {
        return rest(context, args, protected, &held, &verified, &begun);
    }
    let held = brought_up(context, NAME, held)?;
    restore::state(context, &held, &args.backup)?.nothing_kept(&deployment)?;
    let looked = look(context, &held, &verified)?;
    let engine = &held.engine.id;
    let target = cover::behind(protected, &verified, engine, &looked.store, "emptied")?;
    let lost = lost(context, &held, &verified)?;

    let mut plan = emptying::wipe(&target, &held.observed);
    plan.notes = looked.notes;
    plan.notes.extend(told(&lost));
    let phrase = if lost.is_empty() {
        plain(args)
    } else {
        losing(args)
    };
    carry_out(context, args, &held, plan, &phrase, &looked.store, || {
        // Immediately before the first step: whatever was written while somebody was asked.
        now::still_quiet(context, &held.observed, &looked.writes)
    })
}

/// What a wipe behind this snapshot has begun that was cut off.
fn begun(context: &Context, args: &WipeArgs, held: &Held) -> Result<Option<Begun>> {
    let cut_off = context.journal.cut_off(&held.observed.deployment, NAME)?;
    let same = cut_off.filter(|run| run.begun.snapshot.as_deref() == Some(args.backup.as_str()));
    Ok(same.and_then(|run| Begun::of(&run, &held.observed)))
}

/// What is left of one that was cut off when it had begun to remove data.
fn rest(
    context: &Context,
    args: &WipeArgs,
    protected: Protected,
    held: &Held,
    verified: &Verified,
    begun: &Begun,
) -> Result<Answer> {
    let engine = &held.engine.id;
    let target = cover::behind(protected, verified, engine, begun.store(), "emptied")?;
    let mut plan = if begun.all_gone() {
        emptying::wiped(&held.observed)
    } else {
        emptying::wipe(&target, &held.observed)
    };
    plan.notes = vec![format!(
        "a wipe that was cut off goes on: it has removed {} of its volumes, and had compared what \
         they held with {}",
        if begun.all_gone() { "all" } else { "some" },
        args.backup
    )];
    // The same command again is the one that was typed, whichever phrase it was then.
    let given = context.confirmation.given.as_deref();
    let phrase = if given == Some(&losing(args)) {
        losing(args)
    } else {
        plain(args)
    };
    carry_out(context, args, held, plan, &phrase, begun.store(), || Ok(()))
}

fn carry_out(
    context: &Context,
    args: &WipeArgs,
    held: &Held,
    mut plan: Plan<Action>,
    phrase: &str,
    store: &str,
    first: impl Fn() -> Result<()>,
) -> Result<Answer> {
    let deployment: &Deployment = &held.observed.deployment;
    let stack = Stack::prepare(context, &held.observed)?;
    plan.write_files(stack.to_write());
    show(context, &plan);
    if context.dry_run {
        context.confirmation.rehearse(phrase)?;
        return Ok(planned(&[&plan]));
    }
    context.confirmation.ask(phrase, context.interrupt())?;

    let neighbours = Neighbours::of(context, deployment)?;
    first()?;
    let about = About::new(NAME, &held.engine, deployment)
        .snapshot(&args.backup)
        .store(store);
    execute(context, &about, &plan, |action, did| {
        emptying::act(context, &stack, action, did)
    })?;
    let unchanged = neighbours.verify(context, &held.engine)?;
    Ok(Answer::done(
        vec![args.environment],
        format!(
            "{deployment} is empty and healthy: 0 nodes, 0 keys; {} of other environments \
             unchanged; what it held: cargo xtask restore {} {}",
            counted(unchanged, "object"),
            args.environment,
            args.backup
        ),
    ))
}

/// What is known of an environment that is to be emptied.
struct Looked {
    store: String,
    notes: Vec<String>,
    /// When something was last written.
    writes: String,
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
        writes: now::writes(context, &held.observed)?,
    })
}

/// What the snapshot has not, a line each: compared by a copy of what is there.
fn lost(context: &Context, held: &Held, verified: &Verified) -> Result<Vec<String>> {
    let scratch = Scratch::begin(context, &held.observed.deployment)?;
    let live = now::fingerprint(context, &scratch, &held.observed, FREEZE)?;
    scratch.remove()?;
    Ok(verified.manifest.fingerprint.differences(&live))
}

fn told(lost: &[String]) -> Vec<String> {
    if lost.is_empty() {
        return vec!["the snapshot contains everything".to_owned()];
    }
    let head = "the snapshot does not contain this, and it would be lost:".to_owned();
    let lines = lost.iter().map(|line| format!("  {line}"));
    std::iter::once(head).chain(lines).collect()
}

fn plain(args: &WipeArgs) -> String {
    let environment = args.environment.slug().to_uppercase();
    format!("DELETE {environment} DATA, BACKUP {}", args.backup)
}

fn losing(args: &WipeArgs) -> String {
    format!("{}, LOSING CHANGES SINCE {}", plain(args), args.backup)
}
