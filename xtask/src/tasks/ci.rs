//! `ci`: what CI checks, on any machine.
//!
//! Every check runs, also after one has failed. A checker that is not installed is named with the
//! line that installs it, and fails the whole unless `--allow-missing` was given.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use serde_json::json;
use xshell::{Shell, cmd};

use crate::cli::{Ci, Test};
use crate::context::Context;
use crate::error::{Kind, Result};
use crate::report::Answer;
use crate::tasks::test::{cargo, shell};
use crate::tasks::{generate, test};
use crate::ui;

const ACTIONLINT: &str = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7";
/// Our own, and the one that the documents give as an example.
const WORKFLOWS: [&str; 2] = [".github/workflows/ci.yml", "docs/examples/pre-deploy.yml"];

/// One check: a program and its arguments, or the way to get it.
#[derive(Debug)]
struct Check {
    name: &'static str,
    line: Vec<String>,
    /// Where the program is missing: the line that installs it.
    missing: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    check: &'static str,
    /// `passed`, `failed` or `not run`.
    outcome: &'static str,
    seconds: f64,
    /// Where it was not run: the line that installs what it needs.
    install: Option<&'static str>,
}

pub(crate) fn run(context: &Context, args: &Ci) -> Result<Answer> {
    let sh = shell(context)?;
    let checks = checks(&sh, &context.root);
    if context.dry_run {
        let planned = checks
            .iter()
            .map(|check| (check.line.join(" "), check.name.to_owned()));
        return Ok(test::rehearsed(context, planned.collect()));
    }
    let mut outcomes = Vec::new();
    for check in &checks {
        outcomes.push(carry_out(context, &sh, check)?);
    }
    outcomes.push(timed("generate --check", || {
        Ok(generate::run(context, true)
            .inspect_err(|failure| context.ui.insist(&failure.message))
            .is_ok())
    })?);
    let tests = Test {
        all: false,
        unit: false,
        faults: false,
        install_engine: false,
        filter: None,
    };
    let mut tested = String::new();
    outcomes.push(timed("test", || {
        let answer = test::run(context, &tests)?;
        let Answer::Document {
            human, exit_code, ..
        } = answer
        else {
            return Ok(false);
        };
        tested = human;
        Ok(exit_code == 0)
    })?);
    Ok(told(&outcomes, &tested, args.allow_missing))
}

/// What is checked apart from the rendered files and the tests, in this order.
fn checks(sh: &Shell, root: &Path) -> Vec<Check> {
    let cargo = cargo().to_string_lossy().into_owned();
    let component = |name: &'static str, args: &[&str], install| {
        let there = cmd!(sh, "{cargo} {name} --version")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()
            .is_ok();
        let words = [&[cargo.as_str(), name], args].concat();
        check(name, &words, (!there).then_some(install))
    };
    let program = |name: &'static str, args: &[&str], install| {
        let words = [&[name], args].concat();
        check(name, &words, which::which(name).is_err().then_some(install))
    };
    let scripts = scripts(root);
    let scripts: Vec<&str> = scripts.iter().map(String::as_str).collect();
    vec![
        component("fmt", &["--all", "--check"], "rustup component add rustfmt"),
        component(
            "clippy",
            &["--workspace", "--all-targets", "--", "--deny", "warnings"],
            "rustup component add clippy",
        ),
        // Without the advisories: their database is fetched anew, and CI has a step for it.
        program(
            "cargo-deny",
            &["check", "bans", "licenses", "sources"],
            "cargo install --locked cargo-deny",
        ),
        program("typos", &[], "cargo install --locked typos-cli"),
        actionlint(),
        program("shellcheck", &scripts, "apt-get install shellcheck"),
    ]
}

fn check(name: &'static str, words: &[&str], missing: Option<&'static str>) -> Check {
    Check {
        name,
        line: words.iter().map(ToString::to_string).collect(),
        missing,
    }
}

/// From PATH, else built by Go from its module.
fn actionlint() -> Check {
    let there = |program: &str| which::which(program).is_ok();
    let by = |words: &[&str], missing| check("actionlint", &[words, &WORKFLOWS].concat(), missing);
    match (there("actionlint"), there("go")) {
        (true, _) => by(&["actionlint"], None),
        (false, true) => by(&["go", "run", ACTIONLINT], None),
        (false, false) => by(
            &["actionlint"],
            Some("go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7"),
        ),
    }
}

/// The files of the checkout that a shell runs, by their first line.
fn scripts(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["scripts", ".ci", "docker"]
        .iter()
        .map(|folder| root.join(folder))
        .collect();
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if is_script(&path) {
                let path = path.strip_prefix(root).unwrap_or(&path);
                found.push(path.display().to_string());
            }
        }
    }
    found.sort();
    found
}

fn is_script(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("#!") && (first.ends_with("bash") || first.ends_with("/sh"))
}

fn carry_out(context: &Context, sh: &Shell, check: &Check) -> Result<Outcome> {
    if check.missing.is_some() {
        return Ok(Outcome {
            check: check.name,
            outcome: "not run",
            seconds: 0.0,
            install: check.missing,
        });
    }
    context.ui.say(format!("$ {}", check.line.join(" ")));
    timed(check.name, || {
        context.interrupt().check()?;
        let line = &check.line;
        // stdout is for the answer.
        let script = r#""$@" >&2"#;
        let ran = cmd!(sh, "bash -c {script} bash {line...}").quiet().run();
        context.interrupt().check()?;
        Ok(ran.is_ok())
    })
}

fn timed(name: &'static str, work: impl FnOnce() -> Result<bool>) -> Result<Outcome> {
    let started = Instant::now();
    let passed = match work() {
        Ok(passed) => passed,
        Err(failure) if failure.kind == Kind::Interrupted => return Err(failure),
        Err(failure) => return Err(failure.within(name)),
    };
    Ok(Outcome {
        check: name,
        outcome: if passed { "passed" } else { "failed" },
        seconds: (started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        install: None,
    })
}

fn told(outcomes: &[Outcome], tested: &str, allow_missing: bool) -> Answer {
    let mut lines = vec![["check", "outcome", "seconds"].map(str::to_owned).to_vec()];
    lines.extend(outcomes.iter().map(|one| {
        let seconds = format!("{:.1}", one.seconds);
        vec![one.check.to_owned(), one.outcome.to_owned(), seconds]
    }));
    let mut human = format!("{tested}\n\n{}", ui::table(&lines));
    for one in outcomes {
        if let Some(install) = one.install {
            let _ = writeln!(human, "not run: {} ({install})", one.check);
        }
    }
    let failed = outcomes.iter().any(|one| one.outcome == "failed");
    let missing = outcomes.iter().any(|one| one.install.is_some());
    Answer::Document {
        human,
        json: json!({ "checks": outcomes }),
        exit_code: u8::from(failed || missing && !allow_missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::test::tests::{documented, keys};

    fn outcome(outcome: &'static str, install: Option<&'static str>) -> Outcome {
        Outcome {
            check: "typos",
            outcome,
            seconds: 0.0,
            install,
        }
    }

    fn code(outcomes: &[Outcome], allow_missing: bool) -> (u8, String) {
        let Answer::Document {
            human, exit_code, ..
        } = told(outcomes, "", allow_missing)
        else {
            panic!("an answer");
        };
        (exit_code, human)
    }

    #[test]
    fn a_checker_that_is_missing_fails_and_is_named_with_its_remedy() {
        let missing = [outcome("not run", Some("cargo install --locked typos-cli"))];
        let (exit_code, human) = code(&missing, false);
        assert_eq!(exit_code, 1);
        assert!(human.contains("not run: typos (cargo install --locked typos-cli)"));
        let (exit_code, human) = code(&missing, true);
        assert_eq!(exit_code, 0);
        assert!(human.contains("not run: typos"));
    }

    #[test]
    fn its_document_is_the_one_that_is_documented() {
        let answer = told(&[outcome("passed", None)], "", false);
        let Answer::Document { json, .. } = answer else {
            panic!("an answer");
        };
        assert_eq!(keys(&json), documented("ci"));
    }

    #[test]
    fn a_check_that_failed_fails_whatever_is_allowed() {
        assert_eq!(code(&[outcome("failed", None)], true).0, 1);
        assert_eq!(code(&[outcome("passed", None)], false).0, 0);
    }

    #[test]
    fn the_scripts_of_this_checkout_are_found_by_their_first_line() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let found = scripts(&root);
        for script in [".ci/run", "scripts/cleanup/wipe-dev-data.sh"] {
            assert!(found.iter().any(|path| path.ends_with(script)), "{found:?}");
        }
    }
}
