//! `bench`: this tool beside the shell lines that it replaces, in one run.
//!
//! A measurement: whatever the ratios, it has gone well if everything ran and did its work.

use serde_json::json;

use crate::bench::catalogue::{self, Entry};
use crate::bench::report::{self, Machine};
use crate::bench::scratch::Scratch;
use crate::bench::{compare, figures::Outcome};
use crate::cli::Bench;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::report::Answer;

pub(crate) fn run(context: &Context, args: &Bench) -> Result<Answer> {
    let chosen = catalogue::chosen(args.only.as_deref(), args.all)?;
    if args.runs == 0 {
        return Err(Failure::usage("--runs 0 measures nothing"));
    }
    if context.dry_run {
        return Ok(planned(&chosen));
    }
    let engine = context.docker.engine()?;
    let machine = Machine::read(engine.version.clone());
    let scratch = Scratch::begin(context, &engine)?;
    let outcomes = compare(context, &scratch, &chosen, args.runs);
    let ended = scratch.end();
    if let Err(failure) = &ended {
        // What was measured is told all the same.
        crate::report::tell(&context.ui, failure);
    }
    let outcomes = outcomes?;
    let failed = outcomes
        .iter()
        .any(|outcome| matches!(outcome, Outcome::Failed { .. }));
    Ok(Answer::Document {
        human: report::human(&machine, args.runs, &outcomes),
        json: report::document(&machine, args.runs, &outcomes),
        exit_code: u8::from(failed || ended.is_err()),
    })
}

/// The answer of `--dry-run`: what would be compared.
fn planned(chosen: &[&Entry]) -> Answer {
    let lines: Vec<String> = chosen.iter().map(|entry| entry.description()).collect();
    let names: Vec<&str> = chosen.iter().map(|entry| entry.name).collect();
    Answer::document(lines.join("\n"), json!({ "planned": names }))
}
