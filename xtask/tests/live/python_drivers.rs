//! The Python helpers with the real redis-py and neo4j drivers, with the variables that
//! `cargo xtask env` prints.

use std::process::Command;

use crate::harness::python::{good, package, with_packages};
use crate::live::Live;

#[test]
fn the_python_helpers_work_with_the_real_drivers() {
    let python = with_packages();
    let live = Live::new("Python drivers");
    live.up(&["test"]);
    let variables = live.xtask(&["env", "test"]).run().code(0).stdout;
    let mut tests = Command::new(python);
    tests
        .args(["-m", "unittest", "tests.drivers"])
        .current_dir(package())
        .env("PYTHONPATH", "src")
        .envs(variables.lines().filter_map(|line| line.split_once('=')));
    let said = good(&mut tests);
    assert!(said.contains("Ran 6 tests"), "{said}");
}
