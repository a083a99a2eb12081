//! `verify-isolation`: proves that no environment can reach another, and names every way by which
//! one can.

use std::time::Instant;

use compose_audit::allow;
use compose_audit::finding::Layer;
use compose_audit::finding::Looked;
use compose_audit::report::proof::{Proof, Scope};
use compose_audit::report::{human, written};
use compose_audit::verdict::Verdict;
use environments::Environment;

use crate::cli;
use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::guard::who::Who;
use crate::isolation::scene::Scene;
use crate::isolation::{self, AGAIN};
use crate::journal::{self, DONE, Entry, PROOF, Proved};
use crate::report::Answer;
use crate::tools::docker::Engine;

pub(crate) fn run(context: &Context, args: &cli::VerifyIsolation) -> Result<Answer> {
    let begun = Instant::now();
    written::possible(&args.report)?;
    let allowances = match &args.allow {
        Some(path) => allow::read(path)?,
        None => Vec::new(),
    };
    let proof = if args.compose.is_empty() {
        let (engine, scope, looked) = running(context, &args.environments, chosen(&args.layer))?;
        let proof = Proof::judged(scope, looked, &allowances, begun);
        record(context, engine, &proof)?;
        proof
    } else {
        let (scope, looked) = files(context, args)?;
        Proof::judged(scope, looked, &allowances, begun)
    };
    let ui = &context.ui;
    written::write(
        &proof,
        &args.report,
        |line| ui.say(line),
        |line| ui.insist(line),
    )?;
    Ok(Answer::Document {
        human: human::text(&proof, ui.on_stdout()),
        json: proof.json(),
        exit_code: proof.verdict.exit_code(),
    })
}

/// The whole proof over some environments, for commands that end with it.
pub(crate) fn prove(context: &Context, environments: &[Environment]) -> Result<Proof> {
    let begun = Instant::now();
    let (engine, scope, looked) = running(context, environments, Layer::ALL.to_vec())?;
    let proof = Proof::judged(scope, looked, &[], begun);
    record(context, engine, &proof)?;
    Ok(proof)
}

/// Why the environments are not to be relied on, where the proof did not come out: for commands that
/// end with it.
pub(crate) fn failure(proof: &Proof) -> Option<Failure> {
    let kind = match proof.verdict {
        Verdict::Isolated => return None,
        Verdict::Violated => Kind::Violated,
        Verdict::Inconclusive => Kind::Inconclusive,
    };
    Some(Failure::new(kind, proof.summary()).hint(AGAIN))
}

/// Writes what the proof came to into the journal; a dry run writes nothing.
fn record(context: &Context, engine: Engine, proof: &Proof) -> Result<()> {
    if context.dry_run {
        return Ok(());
    }
    let counts = proof.counts();
    let who = Who::runs_this();
    context.journal.append(&Entry {
        at: journal::now(),
        run: journal::run_id(),
        who: who.to_string(),
        uid: Some(who.uid),
        engine: engine.id,
        command: PROOF.to_owned(),
        environment: proof.scope.environments.join(","),
        instance: context.instance.label().to_owned(),
        outcome: DONE.to_owned(),
        proof: Some(Proved {
            verdict: proof.verdict.word().to_owned(),
            findings: counts.findings(),
            allowed: counts.allowed,
            checks: proof.checks.len(),
            not_asked: counts.could_not_ask,
            report_sha256: proof.digest(),
        }),
        ..Entry::default()
    })
}

/// The environments on this engine.
fn running(
    context: &Context,
    environments: &[Environment],
    layers: Vec<Layer>,
) -> Result<(Engine, Scope, Vec<Looked>)> {
    let scene = Scene::observe(context, environments)?;
    let looked = isolation::look(&scene, &layers)?;
    let scope = Scope {
        environments: scene
            .sites
            .iter()
            .map(|site| site.name().to_owned())
            .collect(),
        layers,
        absent: scene
            .absent
            .iter()
            .map(|one| one.slug().to_owned())
            .collect(),
    };
    Ok((scene.engine, scope, looked))
}

/// Anyone's compose files.
fn files(context: &Context, args: &cli::VerifyIsolation) -> Result<(Scope, Vec<Looked>)> {
    if let Some(other) = args.layer.iter().find(|layer| **layer != Layer::Static) {
        return Err(Failure::usage(format!(
            "--compose looks at files alone: the {} layer has nothing to look at",
            other.name()
        ))
        .hint("leave --layer out, or leave --compose out"));
    }
    let (scope, looked) = compose_audit::look_at_files(&context.runner, &args.compose)?;
    Ok((scope, vec![looked]))
}

fn chosen(named: &[Layer]) -> Vec<Layer> {
    if named.is_empty() {
        return Layer::ALL.to_vec();
    }
    let mut chosen = named.to_vec();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}
