//! `verify-isolation`: proves that no environment can reach another, and names every way by which
//! one can.

use std::collections::BTreeSet;
use std::time::Instant;

use environments::Environment;

use crate::cli;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::guard::who::Who;
use crate::isolation::allow::Allowance;
use crate::isolation::finding::{Finding, Layer};
use crate::isolation::scene::Scene;
use crate::isolation::verdict::Verdict;
use crate::isolation::{self, Composed, Looked, allow};
use crate::journal::{self, DONE, Entry, PROOF, Proved};
use crate::report::Answer;
use crate::report::proof::{Proof, Scope};
use crate::report::{human, written};
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
        let proof = judged(scope, looked, &allowances, begun);
        record(context, engine, &proof)?;
        proof
    } else {
        let (scope, looked) = files(context, args)?;
        judged(scope, looked, &allowances, begun)
    };
    written::write(&proof, &args.report, &context.ui)?;
    Ok(Answer::Document {
        human: human::text(&proof, &context.ui.on_stdout()),
        json: proof.json(),
        exit_code: proof.verdict.exit_code(),
    })
}

/// The whole proof over some environments, for commands that end with it.
pub(crate) fn prove(context: &Context, environments: &[Environment]) -> Result<Proof> {
    let begun = Instant::now();
    let (engine, scope, looked) = running(context, environments, Layer::ALL.to_vec())?;
    let proof = judged(scope, looked, &[], begun);
    record(context, engine, &proof)?;
    Ok(proof)
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

fn judged(scope: Scope, looked: Vec<Looked>, allowances: &[Allowance], begun: Instant) -> Proof {
    let mut findings: Vec<Finding> = Vec::new();
    let mut checks = Vec::new();
    let mut remarks = Vec::new();
    let mut times = Vec::new();
    for one in looked {
        times.push((one.layer, one.seconds));
        findings.extend(one.outcome.findings);
        checks.extend(one.outcome.checks);
        remarks.extend(one.outcome.remarks);
    }
    // Worst first; the same thing seen by two layers in the same words is said once.
    findings.sort();
    findings.dedup();
    let today = chrono::Utc::now().date_naive();
    remarks.extend(allow::apply(allowances, &mut findings, today));
    Proof {
        verdict: Verdict::of(&findings, &checks),
        scope,
        findings,
        checks,
        remarks,
        times,
        seconds: begun.elapsed().as_secs_f64(),
    }
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
    let mut names = BTreeSet::new();
    if let Some(twice) = args.compose.iter().find(|one| !names.insert(&one.name)) {
        return Err(Failure::usage(format!(
            "--compose names {:?} twice: all files of one environment go into one --compose NAME=FILE,FILE",
            twice.name
        )));
    }
    let composed: Vec<Composed> = args.compose.clone();
    let scope = Scope {
        environments: composed.iter().map(|one| one.name.clone()).collect(),
        layers: vec![Layer::Static],
        absent: Vec::new(),
    };
    let looked = isolation::look_at_files(context, &composed);
    context.interrupt().check()?;
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
