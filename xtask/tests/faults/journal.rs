//! The audit trail when it cannot be written, and what stands in it.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts the tool from outside, so process.rs is not its door"
)]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::engine::CHANGING;
use crate::harness::Xtask;
use crate::running::{Finished, Running};
use crate::set::{Set, WIPE};

/// Runs the command where no file may grow beyond so many blocks of 512 bytes: what a full disk
/// does, for the command alone. The fake `docker` lifts the limit for itself.
fn with_room_for(blocks: usize, command: &Xtask) -> Finished {
    let plain = command.command();
    let mut shell = Command::new("/bin/sh");
    let script = "trap '' XFSZ; ulimit -S -f \"$1\"; shift; exec \"$@\"";
    shell.args(["-c", script, "sh", &blocks.to_string()]);
    shell.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Running::spawn(shell).ended()
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    let set = Set::usual();
    // A file where the folder should be: root could write into any folder.
    fs::write(set.path("state"), "").expect("a file");
    for args in CHANGING {
        set.xtask(args)
            .run()
            .code(1)
            .stderr_has("journal.jsonl")
            .nowhere("✓");
    }
    set.untouched();
}

#[test]
fn on_a_full_disk_nothing_is_done() {
    let set = Set::usual();
    fs::create_dir(set.path("state")).expect("a folder");
    fs::write(set.path("state/journal.jsonl"), " ".repeat(511) + "\n").expect("a full journal");
    for args in CHANGING {
        let ended = with_room_for(1, &set.xtask(args)).code(1);
        assert!(
            ended.stderr.contains("cannot write the journal"),
            "{}",
            ended.stderr
        );
    }
    set.untouched();
}

#[test]
fn a_disk_that_is_full_at_the_end_is_told_and_hides_no_earlier_line() {
    const ROOM: usize = 16;
    let set = Set::usual();
    set.xtask(&["down", "dev"]).run().code(0);
    set.xtask(&["up", "dev"]).run().code(0);
    let path = set.path("state/journal.jsonl");
    let text = fs::read_to_string(&path).expect("a journal");
    let line = text.lines().last().expect("a line").len();
    // Room for the beginning of one more run, but not for its end.
    let padding = ROOM * 512 - text.len() - line - line / 2;
    let mut journal = OpenOptions::new()
        .append(true)
        .open(&path)
        .expect("it opens");
    journal
        .write_all(format!("{}\n", " ".repeat(padding - 1)).as_bytes())
        .expect("padding");
    let ended = with_room_for(ROOM, &set.xtask(&["up", "dev"])).code(1);
    assert!(
        ended.stderr.contains("cannot write the journal"),
        "{}",
        ended.stderr
    );
    let runs = set
        .xtask(&["history", "--format", "json"])
        .run()
        .code(0)
        .json();
    let outcomes: Vec<&Value> = runs["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| &run["outcome"])
        .collect();
    assert_eq!(outcomes, ["done", "done", "started"]);
    set.xtask(&["up", "dev"]).run().code(0);
    let again = set
        .xtask(&["history", "--format", "json"])
        .run()
        .code(0)
        .json();
    assert_eq!(again["runs"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_journal_that_cannot_be_read_stops_everything() {
    let set = Set::usual();
    fs::create_dir_all(set.path("state/journal.jsonl")).expect("a folder in its place");
    for args in CHANGING {
        set.xtask(args).run().code(1).stderr_has("journal.jsonl");
    }
    set.untouched();
}

#[test]
fn the_journal_says_who_did_what_to_which_object_and_only_its_owner_reads_it() {
    let set = Set::usual();
    let before = set.state();
    set.xtask(&WIPE)
        .env("SUDO_USER", "")
        .env("USER", "erika")
        .run()
        .code(0);
    let lines = set.journal();
    assert_eq!(lines.len(), 2);
    for (line, outcome) in lines.iter().zip(["started", "done"]) {
        assert_eq!(line["outcome"], outcome);
        assert_eq!(line["who"], "erika");
        assert_eq!(line["command"], "wipe-dev");
        assert_eq!(line["environment"], "dev");
        assert_eq!(line["instance"], "");
        assert_eq!(line["engine"], before.engine);
        let removed: Vec<&str> = line["removed"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let container = format!(
            "container tta-dev-redis {}",
            before.containers["tta-dev-redis"].id
        );
        let volume = &before.volumes["tta_redis_dev_data"].created_at;
        assert!(removed.contains(&container.as_str()), "{removed:?}");
        let volume = format!("volume tta_redis_dev_data created {volume}");
        assert!(removed.contains(&volume.as_str()), "{removed:?}");
    }
    assert_eq!(lines[0]["run"], lines[1]["run"]);
    let mode = |path: &str| {
        fs::metadata(set.path(path))
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("state"), mode("state/journal.jsonl")), (0o700, 0o600));
}
