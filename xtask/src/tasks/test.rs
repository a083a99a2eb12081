//! `test`: every group of tests, with how many cases each ran and how long it took.
//!
//! Unit tests need nothing. The others talk to real servers, so an engine and the images are set up
//! first. A group that ran nothing has failed: nothing is skipped silently.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use serde_json::json;
use xshell::{Shell, cmd};

use crate::cli::{Images, Test};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::isolation::fault::Fault;
use crate::report::{Answer, Changed};
use crate::tasks::images;
use crate::{engine, ui};

/// Tests that are started together and counted together.
#[derive(Debug, Clone, Copy)]
struct Group {
    name: &'static str,
    /// What each `cargo test` of the group is given.
    selections: &'static [&'static [&'static str]],
    on_servers: OnServers,
}

/// Which tests of a group need an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnServers {
    None,
    /// Only those in the module of this name.
    Module(&'static str),
    All,
}

const GROUPS: [Group; 6] = [
    Group {
        name: "unit",
        selections: &[
            &["--package", "environments"],
            &["--package", "xtask", "--bins"],
        ],
        on_servers: OnServers::None,
    },
    Group {
        name: "faults",
        selections: &[&["--package", "xtask", "--test", "faults"]],
        on_servers: OnServers::None,
    },
    Group {
        name: "python",
        selections: &[&["--package", "xtask", "--test", "python"]],
        on_servers: OnServers::None,
    },
    Group {
        name: "documentation",
        selections: &[&["--package", "xtask", "--test", "documentation"]],
        on_servers: OnServers::Module("on_servers::"),
    },
    Group {
        name: "corpus",
        selections: &[&["--package", "xtask", "--test", "corpus"]],
        on_servers: OnServers::Module("planted::"),
    },
    Group {
        name: "live",
        selections: &[&["--package", "xtask", "--test", "live"]],
        on_servers: OnServers::All,
    },
];

/// How a group ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Outcome {
    group: &'static str,
    passed: u64,
    failed: u64,
    ignored: u64,
    seconds: f64,
    /// The names of the tests that failed, or what went wrong before any could.
    failures: Vec<String>,
    #[serde(skip)]
    faults: Vec<FaultRow>,
}

/// A row of the corpus of faults, as its test tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct FaultRow {
    fault: String,
    severity: &'static str,
    what: String,
    found: bool,
    /// How many innocent counterparts were reported, of how many.
    false_alarms: String,
}

impl FaultRow {
    /// Of a line `fault<TAB>E3<TAB>found<TAB>0 of 2<TAB>what it is`, which libtest may have begun.
    fn told(line: &str) -> Option<Self> {
        let (_, line) = line.split_once("fault\t")?;
        let [fault, found, false_alarms, what] = line.split('\t').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Self {
            fault: fault.to_owned(),
            severity: Fault::of_id(fault)?.severity.word(),
            what: what.to_owned(),
            found: found == "found",
            false_alarms: false_alarms.to_owned(),
        })
    }
}

pub(crate) fn run(context: &Context, args: &Test) -> Result<Answer> {
    let commands = commands(args);
    if context.dry_run {
        let planned = commands.iter().flat_map(|(group, lines)| {
            let line =
                |line: &Vec<String>| (format!("cargo {}", line.join(" ")), (*group).to_owned());
            lines.iter().map(line)
        });
        return Ok(rehearsed(context, planned.collect()));
    }
    let started = Instant::now();
    if !args.unit {
        set_up(context, args)?;
    }
    let sh = shell(context)?;
    let mut outcomes = Vec::new();
    for (group, lines) in commands {
        context.interrupt().check()?;
        outcomes.push(run_group(context, &sh, group, &lines)?);
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
fn set_up(context: &Context, args: &Test) -> Result<()> {
    // A CI system has nobody to ask and a machine of its own.
    let agreed = args.install_engine || std::env::var("CI").is_ok_and(|value| value == "true");
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

/// The `cargo test` lines of each group.
fn commands(args: &Test) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let chosen = |group: &&Group| {
        let left_out = args.unit && group.on_servers == OnServers::All;
        !left_out && (!args.faults || group.name == "corpus")
    };
    let lines = |group: &Group| {
        let line = |selection: &&[&str]| {
            let mut line = vec!["test", "--no-fail-fast"];
            line.extend(*selection);
            line.push("--");
            if args.all {
                line.push("--include-ignored");
            }
            if let (true, OnServers::Module(module)) = (args.unit, group.on_servers) {
                line.extend(["--skip", module]);
            }
            if args.faults {
                // Where each row is told as it comes.
                line.push("--nocapture");
            }
            line.extend(args.filter.as_deref());
            line.into_iter().map(str::to_owned).collect()
        };
        (group.name, group.selections.iter().map(line).collect())
    };
    GROUPS.iter().filter(chosen).map(lines).collect()
}

fn run_group(
    context: &Context,
    sh: &Shell,
    group: &'static str,
    lines: &[Vec<String>],
) -> Result<Outcome> {
    let started = Instant::now();
    let mut outcome = Outcome {
        group,
        ..Outcome::default()
    };
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::failed(format!("no folder for a log: {error}")))?;
    for (number, line) in lines.iter().enumerate() {
        context.interrupt().check()?;
        let log = folder.path().join(number.to_string());
        let ended_well = streamed(context, sh, &log, line)?;
        let text = std::fs::read(&log).unwrap_or_default();
        count(&mut outcome, &String::from_utf8_lossy(&text), ended_well);
    }
    outcome.seconds = (started.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    Ok(outcome)
}

/// Runs cargo, its output on our stderr as it comes and in a file. Whether it exited with 0.
///
/// # Errors
/// Ctrl-C.
fn streamed(context: &Context, sh: &Shell, log: &Path, line: &[String]) -> Result<bool> {
    // xshell has no pipes, and tells no status of a child whose output it leaves alone.
    const SCRIPT: &str = r#""$@" 2>&1 | tee "$0" >&2; echo "${PIPESTATUS[0]}" >"$0.status""#;
    context.ui.say(format!("$ cargo {}", line.join(" ")));
    let cargo = cargo();
    let ran = cmd!(sh, "bash -c {SCRIPT} {log} {cargo} {line...}")
        .quiet()
        .run();
    context.interrupt().check()?;
    // Somebody may have killed bash itself: a group that failed, and the others still run.
    if let Err(error) = &ran {
        context.ui.insist(error.to_string());
    }
    let status = std::fs::read_to_string(log.with_extension("status")).unwrap_or_default();
    Ok(ran.is_ok() && status.trim() == "0")
}

/// The cargo that runs us, or the one on PATH.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Adds up what libtest has printed.
fn count(outcome: &mut Outcome, text: &str, ended_well: bool) {
    let mut failed = 0;
    for line in text.lines() {
        outcome.faults.extend(FaultRow::told(line));
        if let Some(counts) = line.strip_prefix("test result: ") {
            let of = |word| counted(counts, word);
            outcome.passed += of("passed");
            outcome.ignored += of("ignored");
            failed += of("failed");
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|line| line.strip_suffix(" ... FAILED"))
        {
            outcome.failures.push(name.to_owned());
        }
    }
    if !ended_well && failed == 0 {
        failed = 1;
        let last = text.lines().rfind(|line| line.starts_with("error"));
        let last = last.unwrap_or("the tests ended before they were counted");
        outcome.failures.push(last.to_owned());
    }
    outcome.failed += failed;
}

/// The number before a word in `ok. 3 passed; 1 failed; 0 ignored; …`.
fn counted(counts: &str, word: &str) -> u64 {
    let number = |part: &str| {
        let (number, found) = part.rsplit_once(' ')?;
        (found == word).then(|| number.rsplit(' ').next()?.parse().ok())?
    };
    counts.split(';').find_map(number).unwrap_or_default()
}

/// A group that ran nothing has failed; with a filter, all of them together must run something.
fn expect_cases(outcomes: &mut [Outcome], filter: Option<&str>) {
    let ran = |outcome: &Outcome| outcome.passed + outcome.failed > 0;
    if filter.is_some() && outcomes.iter().any(ran) {
        return;
    }
    for outcome in outcomes.iter_mut().filter(|outcome| !ran(outcome)) {
        outcome.failed = 1;
        outcome.failures.push(match filter {
            Some(filter) => format!("no test's name contains {filter}"),
            None => "it ran no test".to_owned(),
        });
    }
}

fn told(outcomes: &[Outcome], seconds: f64) -> Answer {
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let (passed, failed) = (sum(|one| one.passed), sum(|one| one.failed));
    let head = ["group", "ran", "passed", "failed", "left out", "seconds"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(outcomes.iter().map(|one| {
        vec![
            one.group.to_owned(),
            (one.passed + one.failed).to_string(),
            one.passed.to_string(),
            one.failed.to_string(),
            one.ignored.to_string(),
            format!("{:.1}", one.seconds),
        ]
    }));
    let faults: Vec<&FaultRow> = outcomes.iter().flat_map(|one| &one.faults).collect();
    let mut human = table_of_faults(&faults);
    human.push_str(&ui::table(&lines));
    for one in outcomes {
        for failure in &one.failures {
            let _ = writeln!(human, "failed: {}: {failure}", one.group);
        }
    }
    let _ = writeln!(human, "{seconds:.0} s in all");
    // Read by CI: this form, alone on its line.
    let _ = write!(human, "{passed} passed, {failed} failed");
    let mut json = json!({ "groups": outcomes, "passed": passed, "failed": failed });
    if !faults.is_empty() {
        json["faults"] = json!(faults);
    }
    Answer::Document {
        human,
        json,
        exit_code: u8::from(failed > 0),
    }
}

/// Empty where no row told itself.
fn table_of_faults(faults: &[&FaultRow]) -> String {
    if faults.is_empty() {
        return String::new();
    }
    let head = ["fault", "severity", "found", "false alarms", "what"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(faults.iter().map(|one| {
        let found = if one.found { "yes" } else { "NO" };
        vec![
            one.fault.clone(),
            one.severity.to_owned(),
            found.to_owned(),
            one.false_alarms.clone(),
            one.what.clone(),
        ]
    }));
    ui::table(&lines) + "\n"
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::Value;

    use super::*;

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

    fn of(text: &str, ended_well: bool) -> Outcome {
        let mut outcome = Outcome::default();
        count(&mut outcome, text, ended_well);
        outcome
    }

    #[test]
    fn the_results_of_several_binaries_are_added_up() {
        let text = "test a ... ok\n\
                    test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s\n\
                    test b::c ... FAILED\n\
                    test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        let outcome = of(text, false);
        assert_eq!((outcome.passed, outcome.failed, outcome.ignored), (7, 1, 1));
        assert_eq!(outcome.failures, ["b::c"]);
    }

    #[test]
    fn tests_that_do_not_compile_are_a_failure() {
        let outcome = of("error: could not compile `xtask`\n", false);
        assert_eq!((outcome.passed, outcome.failed), (0, 1));
        assert_eq!(outcome.failures, ["error: could not compile `xtask`"]);
    }

    #[test]
    fn a_group_that_ran_nothing_has_failed_unless_a_filter_left_it_out() {
        let nothing = of("test result: ok. 0 passed; 0 failed; 2 ignored", true);
        let something = of("test result: ok. 1 passed; 0 failed; 0 ignored", true);
        let failed = |filter| {
            let mut both = [nothing.clone(), something.clone()];
            expect_cases(&mut both, filter);
            both.map(|one| one.failed)
        };
        assert_eq!(failed(None), [1, 0]);
        assert_eq!(failed(Some("x")), [0, 0]);
        let mut alone = [nothing];
        expect_cases(&mut alone, Some("x"));
        assert_eq!(alone[0].failed, 1);
    }

    #[test]
    fn the_last_line_is_the_one_that_ci_reads() {
        let outcome = of("test result: ok. 2 passed; 0 failed; 0 ignored", true);
        let Answer::Document {
            human,
            json,
            exit_code,
        } = told(&[outcome], 1.0)
        else {
            panic!("an answer");
        };
        assert_eq!(keys(&json), documented("test"));
        assert_eq!(human.lines().last(), Some("2 passed, 0 failed"));
        assert_eq!(exit_code, 0);
    }

    #[test]
    fn without_an_engine_no_test_on_servers_is_started() {
        let args = Test {
            all: false,
            unit: true,
            faults: false,
            install_engine: false,
            filter: Some("name".to_owned()),
        };
        let lines: Vec<String> = commands(&args)
            .into_iter()
            .flat_map(|(_, lines)| lines)
            .map(|line| line.join(" "))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        test --no-fail-fast --package environments -- name
        test --no-fail-fast --package xtask --bins -- name
        test --no-fail-fast --package xtask --test faults -- name
        test --no-fail-fast --package xtask --test python -- name
        test --no-fail-fast --package xtask --test documentation -- --skip on_servers:: name
        test --no-fail-fast --package xtask --test corpus -- --skip planted:: name
        ");
    }

    #[test]
    fn the_rows_of_the_corpus_become_a_table_and_what_is_no_row_does_not() {
        let text = "test planted::every ... fault\tE3\tfound\t0 of 2\ta volume mounted elsewhere\n\
                    fault\tN1\tmissed\t0 of 0\ttwo networks\nfault\tX9\tfound\t0 of 0\tno fault\nfault\tE3\n\
                    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let outcome = of(text, false);
        let found: Vec<(&str, bool)> = outcome
            .faults
            .iter()
            .map(|row| (row.fault.as_str(), row.found))
            .collect();
        assert_eq!(found, [("E3", true), ("N1", false)]);
        let Answer::Document { human, json, .. } = told(&[outcome], 1.0) else {
            panic!("an answer");
        };
        assert_eq!(json["faults"][0]["severity"], "high");
        assert!(
            human.contains("N1     high      NO     0 of 0        two networks"),
            "{human}"
        );
    }
}
