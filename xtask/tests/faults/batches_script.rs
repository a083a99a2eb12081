//! The script that goes through a database batch after batch: in two lanes it comes to every bucket
//! once, and it never runs more than it was let.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts a shell from outside, so crates/process is not its door"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::harness::patience;

const SCRIPT: &str = include_str!("../../src/namespace/batches.sh");

/// A client of a database of eight buckets, which a SCAN goes through in this order (dict.c). It
/// answers which bucket it was at, at bucket 6 what it is told to, and at bucket 0, where it is told
/// so, not before bucket 1 was asked for.
const DATABASE: &str = r#"#!/bin/bash
order=(0 4 2 6 1 5 3 7 0)
while IFS= read -r line; do
    if [ "$line" = PING ]; then echo PONG; continue; fi
    echo "$line" >>"$0.asked"
    read -r _ cursor _ <<<"$line"
    if [ "$cursor$SIX" = 0both ]; then
        until grep -q '^RUN 1 ' "$0.asked"; do sleep 0.01; done
    fi
    if [ "$cursor$SIX" = 6stop ]; then printf 'stop\n1\n6\n'; continue; fi
    if [ "$cursor$SIX" = 6error ]; then printf 'ERR no\n\n'; continue; fi
    for at in 0 1 2 3 4 5 6 7; do
        [ "${order[at]}" != "$cursor" ] || printf '%s\n1\n%s\n' "${order[at + 1]}" "$cursor"
    done
done
"#;

/// What it says of a run with so many batches let, and what the database was asked.
fn ran(lanes: &str, six: &str, batches: usize) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("tta-redis-admin");
    fs::write(&database, DATABASE).expect("it is written");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o755)).expect("it is executable");
    let input = folder.path().join("input");
    let lines = format!("RUN\nREST\n{lanes}\n{}", "on\n".repeat(batches));
    fs::write(&input, lines).expect("it is written");
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let text = format!("exec <'{}'\n{SCRIPT}", input.display());
    let mut command = Command::new("bash");
    command.args(["-c", &text, "0"]);
    let output = patience::output(command.env("PATH", path).env("SIX", six));
    let asked = fs::read_to_string(folder.path().join("tta-redis-admin.asked"));
    let lines = |text: &str| text.lines().map(str::to_owned).collect();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (lines(&said), lines(&asked.unwrap_or_default()))
}

#[test]
fn two_lanes_come_to_every_bucket_once_and_one_does() {
    let (said, asked) = ran("0 1", "", 20);
    let expected = [
        "PONG", "2 0", "2 1", "2 4", "2 5", "2 2", "2 3", "1 6", "0 7",
    ];
    assert_eq!(said, expected);
    each_bucket_once(&asked);
    let (said, asked) = ran("0", "", 20);
    let expected = [
        "PONG", "1 0", "1 4", "1 2", "1 6", "1 1", "1 5", "1 3", "0 7",
    ];
    assert_eq!(said, expected);
    each_bucket_once(&asked);
}

/// Which lane's client comes first is not known.
#[track_caller]
fn each_bucket_once(asked: &[String]) {
    let mut asked = asked.to_vec();
    asked.sort_unstable();
    let expected: Vec<String> = (0..8).map(|bucket| format!("RUN {bucket} REST")).collect();
    assert_eq!(asked, expected);
}

#[test]
fn a_batch_of_one_lane_is_at_the_server_before_that_of_the_other_has_ended() {
    let (said, asked) = ran("0 1", "both", 20);
    assert_eq!(said.last().map(String::as_str), Some("0 7"), "{said:?}");
    each_bucket_once(&asked);
}

#[test]
fn no_more_is_run_than_was_let() {
    for batches in 0..8 {
        for lanes in ["0", "0 1"] {
            let (said, asked) = ran(lanes, "", batches);
            assert_eq!(asked.len(), batches, "{lanes}: {said:?}");
        }
    }
}

#[test]
fn a_batch_that_stops_is_the_last_that_is_told_and_an_error_is_told_as_it_is() {
    let (said, asked) = ran("0 1", "stop", 20);
    assert_eq!(said.last().map(String::as_str), Some("0 6"), "{said:?}");
    assert_eq!(asked.len(), 8, "{asked:?}");
    let (said, _) = ran("0", "error", 20);
    assert_eq!(said.last().map(String::as_str), Some("ERR no"), "{said:?}");
}
