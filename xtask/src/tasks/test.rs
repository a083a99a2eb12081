//! `test`: every group of tests, with how many cases each ran and how long it took.
//!
//! Unit tests need nothing. The others talk to real servers, so an engine and the images are set up
//! first. A group that ran nothing has failed: nothing is skipped silently. A group that hangs has
//! failed too: it is ended when its time is over, and those after it still run.

mod faults;
mod groups;
mod libtest;
mod outcome;

use std::thread;
use std::time::{Duration, Instant};

use process::Invocation;
use process::relayed::Relayed;
use xshell::Shell;

use self::groups::{Commands, commands, whole};
use self::libtest::Heard;
use self::outcome::{End, Outcome, expect_cases, told};
use crate::cli::{Images, Test};
use crate::context::Context;
use crate::engine;
use crate::error::{Failure, Result};
use crate::report::{Answer, Changed};
use crate::tasks::images;

/// How long a slow machine may take to build one group's tests.
const BUILDING: Duration = Duration::from_secs(20 * 60);

pub(crate) fn run(context: &Context, args: &Test) -> Result<Answer> {
    let commands = commands(args);
    if context.dry_run {
        let planned = commands.iter().flat_map(|one| {
            let line =
                |line: &Vec<String>| (format!("cargo {}", line.join(" ")), one.group.to_owned());
            one.lines.iter().map(line)
        });
        return Ok(rehearsed(context, planned.collect()));
    }
    let started = Instant::now();
    if !args.unit {
        // A CI system has nobody to ask and a machine of its own.
        let agreed = args.install_engine || std::env::var("CI").is_ok_and(|value| value == "true");
        thread::scope(|scope| {
            // On a bare machine the set-up mostly waits for what it fetches.
            if agreed {
                scope.spawn(|| build(context, &commands));
            }
            set_up(context, agreed)
        })?;
    }
    let mut outcomes = Vec::new();
    for group in &commands {
        let left = whole(args).saturating_sub(started.elapsed());
        outcomes.push(run_group(context, group, group.limit.min(left))?);
    }
    expect_cases(&mut outcomes, args.filter.as_deref());
    Ok(told(&outcomes, started.elapsed().as_secs_f64()))
}

/// The answer of `--dry-run`: the lines that would be run, and what for.
pub(crate) fn rehearsed(context: &Context, planned: Vec<(String, String)>) -> Answer {
    for (line, why) in &planned {
        context.ui.insist(format!("{why}: {line}"));
    }
    Answer::Changed(Changed {
        environments: Vec::new(),
        outcome: "planned",
        planned,
        human: String::new(),
    })
}

/// A shell in the checkout.
pub(crate) fn shell(context: &Context) -> Result<Shell> {
    let failed = |error: xshell::Error| Failure::failed(error.to_string());
    let sh = Shell::new().map_err(failed)?;
    sh.change_dir(&context.root);
    Ok(sh)
}

/// The engine and the images that the tests on servers need, by the same code as `quickstart`.
fn set_up(context: &Context, agreed: bool) -> Result<()> {
    let need = engine::need(context)?;
    if !need.nothing() {
        engine::show(context, &need);
        engine::meet(context, &need, agreed)?;
    }
    let images = Images {
        build: false,
        registry: None,
        install_tools: agreed,
    };
    images::run(context, &images).map(drop)
}

/// Builds what the groups run. Whatever goes wrong is told by the group that needs it.
fn build(context: &Context, commands: &[Commands]) {
    for line in commands.iter().flat_map(|group| &group.lines) {
        let cargo = Invocation::new(cargo().to_string_lossy())
            .args(groups::building(line))
            .folder(&context.root)
            .deadline(BUILDING);
        if context.runner.run(&cargo).is_err() {
            return;
        }
    }
}

fn run_group(context: &Context, group: &Commands, limit: Duration) -> Result<Outcome> {
    let started = Instant::now();
    let mut outcome = Outcome {
        group: group.group,
        ..Outcome::default()
    };
    for line in &group.lines {
        context.interrupt().check()?;
        let mut heard = Heard::new(threads());
        let left = limit.saturating_sub(started.elapsed());
        let end = match streamed(context, line, left, &mut heard) {
            Ok(Relayed::Ended(0)) => End::Well,
            Ok(Relayed::Ended(_)) => End::Badly,
            Ok(Relayed::TooLong) => End::CutOff(limit),
            Err(failure) => {
                context.interrupt().check()?;
                context.ui.insist(&failure.message);
                End::Badly
            }
        };
        outcome.count(&heard, end);
    }
    outcome.seconds = (started.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    Ok(outcome)
}

/// Runs cargo, its output on our stderr as it comes.
///
/// # Errors
/// Ctrl-C, or cargo is missing.
fn streamed(
    context: &Context,
    line: &[String],
    limit: Duration,
    heard: &mut Heard,
) -> Result<Relayed> {
    context.ui.say(format!("$ cargo {}", line.join(" ")));
    let cargo = Invocation::new(cargo().to_string_lossy())
        .args(line)
        .folder(&context.root)
        .deadline(limit);
    let started = Instant::now();
    Ok(context.runner.relayed(&cargo, |line| {
        context.ui.insist(line);
        heard.hear(line, started.elapsed().as_secs_f64());
    })?)
}

/// How many tests libtest runs at a time.
fn threads() -> usize {
    let told = std::env::var("RUST_TEST_THREADS").ok();
    told.and_then(|threads| threads.parse().ok())
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, std::num::NonZero::get)
}

/// The cargo that runs us, or the one on PATH.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::Value;

    /// The keys of the document that docs/json.md shows for a command, and of its first list's
    /// first element.
    pub(crate) fn documented(command: &str) -> Vec<String> {
        let text = include_str!("../../../docs/json.md");
        let section = text
            .split(&format!("### `{command}`\n"))
            .nth(1)
            .expect("it has a section");
        let block = section
            .split("```json\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .expect("it shows a document");
        keys(&serde_json::from_str(block).expect("it is JSON"))
    }

    pub(crate) fn keys(document: &Value) -> Vec<String> {
        let of = |value: &Value| -> Vec<String> {
            let object = value.as_object().into_iter().flatten();
            object.map(|(key, _)| key.clone()).collect()
        };
        let first = document
            .as_object()
            .and_then(|object| object.values().find_map(Value::as_array))
            .and_then(|list| list.first())
            .map_or_else(Vec::new, of);
        [of(document), first].concat()
    }
}
