//! The harness itself: a child that hangs fails its own test, and no other.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts children from outside, so crates/process is not its door"
)]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::patience::{output, within};

fn shell(script: &str) -> Child {
    let mut command = Command::new("bash");
    let command = command.args(["-c", script]).stdin(Stdio::null());
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash")
}

#[test]
fn a_child_that_hangs_is_ended_and_what_it_said_is_told() {
    let child = shell("echo so far; exec sleep 1000");
    let ended = std::panic::catch_unwind(|| {
        within(Duration::from_secs(2), child, "sleeping");
    });
    let told = ended.expect_err("it hangs");
    let told = told.downcast_ref::<String>().expect("a text");
    assert!(told.contains("sleeping did not end within 2 s"), "{told}");
    assert!(told.contains("so far"), "{told}");
}

#[test]
fn an_orphan_that_holds_the_output_of_a_child_is_not_waited_for_without_end() {
    let child = shell("echo so far; sleep 30 & exit 0");
    let ended = std::panic::catch_unwind(|| {
        within(Duration::from_secs(2), child, "a parent");
    });
    let told = ended.expect_err("its output is held");
    let told = told.downcast_ref::<String>().expect("a text");
    assert!(told.contains("something that it started"), "{told}");
}

#[test]
fn what_a_child_says_is_whole() {
    let output = output(Command::new("bash").args(["-c", "seq 100000; echo err >&2; exit 3"]));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stderr, b"err\n");
    assert!(output.stdout.ends_with(b"\n99999\n100000\n"));
}
