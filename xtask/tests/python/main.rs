//! The Python package `tta-environments`: its own tests, its types, and that pip installs it.
//!
//! A machine without python3 fails these tests, with a line that says how to get it.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts Python from outside, so crates/process is not its door"
)]
#![allow(missing_docs, reason = "tests are sentences")]

#[path = "../harness/mod.rs"]
mod harness;

use std::process::Command;

use harness::patience;
use harness::python::{good, package, python, with_packages};

/// Runs one module of the package's tests, and returns how many it ran.
#[track_caller]
fn unittest(module: &str) -> u64 {
    let mut command = Command::new(python());
    command
        .args(["-m", "unittest", module])
        .current_dir(package());
    let said = good(command.arg("--quiet").env("PYTHONPATH", "src"));
    let ran = said.lines().find_map(|line| line.strip_prefix("Ran "));
    let ran = ran.and_then(|line| line.split(' ').next()?.parse().ok());
    ran.unwrap_or_else(|| panic!("{module} did not say how many tests it ran: {said}"))
}

#[test]
fn the_helpers_agree_with_the_vectors_of_rust() {
    assert!(unittest("tests.test_helpers") >= 7);
}

#[test]
fn the_audit_finds_what_has_no_mark_and_nothing_else() {
    assert!(unittest("tests.test_audit") >= 5);
}

#[test]
fn every_type_is_strictly_right() {
    let mut mypy = Command::new(with_packages());
    let cache = tempfile::tempdir().expect("a folder");
    let said = good(
        mypy.args(["-m", "mypy", "--strict", "--cache-dir"])
            .arg(cache.path())
            .current_dir(package()),
    );
    assert!(said.contains("Success: no issues found"), "{said}");
}

#[test]
fn pip_installs_it_without_dependencies_and_the_audit_runs_from_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("package");
    // Building leaves files beside the sources: not in the checkout.
    good(Command::new("cp").arg("-R").arg(package()).arg(&copy));
    let target = folder.path().join("installed");
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-build-isolation",
    ];
    good(
        Command::new(with_packages())
            .args(pip)
            .arg("--target")
            .arg(&target)
            .arg(&copy),
    );
    assert!(target.join("tta_environments/py.typed").is_file());

    let module = folder.path().join("agent.py");
    std::fs::write(&module, "redis.set('user:123', data)\n").expect("written");
    let mut audit = Command::new(python());
    let audit = audit.args(["-m", "tta_environments.audit"]).arg(&module);
    let output = patience::output(audit.env("PYTHONPATH", &target));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("agent.py:1: redis set"), "{said}");
}
