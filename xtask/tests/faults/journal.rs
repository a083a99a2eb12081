//! The audit trail when it cannot be written, and what stands in it.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts the tool from outside, so crates/process is not its door"
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
    const ROOM: usize = 64;
    let set = Set::usual();
    set.xtask(&["down", "dev"]).run().code(0);
    set.xtask(&["up", "dev"]).run().code(0);
    let path = set.path("state/journal.jsonl");
    let text = fs::read_to_string(&path).expect("a journal");
    let line = text.lines().last().expect("a line").len();
    // Room for the beginning of one more run, and for half a line of its first step.
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
    // Anybody can set these: the kernel says who it is.
    set.xtask(&WIPE)
        .env("SUDO_USER", "erika")
        .env("USER", "erika")
        .run()
        .code(0);
    let lines = set.journal();
    for line in &lines {
        let who = line["who"].as_str().expect("it is told");
        assert!(!who.is_empty() && !who.contains("erika"), "{who}");
        assert!(line["uid"].is_u64(), "{line}");
        assert_eq!(line["command"], "wipe-dev");
        assert_eq!(line["environment"], "dev");
        assert_eq!(line["instance"], "");
        assert_eq!(line["engine"], before.engine);
        assert_eq!(line["run"], lines[0]["run"]);
    }
    // A line before and after the run, and before and after each of its five steps.
    let outcomes: Vec<&str> = lines
        .iter()
        .map(|line| line["outcome"].as_str().expect("an outcome"))
        .collect();
    let steps = ["started", "done"].repeat(5);
    assert_eq!(outcomes, [&["started"][..], &steps, &["done"]].concat());
    // What it was about to do, and what it did.
    for outcome in ["started", "done"] {
        let removed: Vec<(&str, &str)> = lines
            .iter()
            .filter(|line| line["outcome"] == outcome)
            .filter_map(|line| line["step"]["deeds"].as_array())
            .flatten()
            .filter(|deed| deed["verb"] == "remove")
            .map(|deed| {
                let of = |name: &str| deed[name].as_str().expect("a text");
                (of("name"), of("id"))
            })
            .collect();
        let id = &before.containers["tta-dev-redis"].id;
        assert!(removed.contains(&("tta-dev-redis", id)), "{removed:?}");
        let volume = &before.volumes["tta_redis_dev_data"].created_at;
        assert!(
            removed.contains(&("tta_redis_dev_data", volume)),
            "{removed:?}"
        );
    }
    let mode = |path: &str| {
        fs::metadata(set.path(path))
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("state"), mode("state/journal.jsonl")), (0o700, 0o600));
    assert_eq!(mode("state/journal.tip"), 0o600);
}

#[test]
fn whoever_changes_removes_or_adds_a_line_is_found_by_the_chain() {
    let set = Set::usual();
    set.xtask(&["down", "dev"]).run().code(0);
    set.xtask(&["up", "dev"]).run().code(0);
    let verified = || set.xtask(&["history", "--verify"]).run();
    verified().code(0);
    let path = set.path("state/journal.jsonl");
    let text = fs::read_to_string(&path).expect("a journal");
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len();
    let without = |line: usize| [&lines[..line - 1], &lines[line..]].concat().join("\n");
    for (now, told) in [
        (text.replacen("down", "up", 1), "line 1: ".to_owned()),
        (without(3), "line 3: 1 before it were removed".to_owned()),
        (
            without(last),
            format!("line {}: 1 after it were removed", last - 1),
        ),
    ] {
        fs::write(&path, now + "\n").expect("written");
        verified().code(1).stderr_has(&told);
    }
    // A machine that went down while it wrote is nobody's doing.
    fs::write(&path, text + "{\"at\":\"2026").expect("written");
    let torn = verified().code(0);
    assert!(
        torn.stdout.contains("cut off by a crash"),
        "{}",
        torn.stdout
    );
    set.xtask(&["up", "dev"]).run().code(0);
    verified().code(0);
}
