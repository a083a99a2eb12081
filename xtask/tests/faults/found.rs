//! What is found where snapshots are kept: folders made by hand, and snapshots of another time.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::patience;
use crate::set::Set;
use crate::snapshots::{snapshot, whole};

const PRUNE: [&str; 7] = [
    "snapshots",
    "prune",
    "staging",
    "--keep-last",
    "1",
    "--confirm",
    "PRUNE STAGING SNAPSHOTS",
];

fn place(set: &Set) -> PathBuf {
    set.checkout().join("backups/staging")
}

fn names(set: &Set) -> Vec<String> {
    let entries = fs::read_dir(place(set)).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[test]
fn folders_made_by_hand_are_no_snapshots_and_nobody_touches_them() {
    let set = Set::usual();
    let elsewhere = set.path("home/precious");
    fs::create_dir_all(place(&set)).expect("a folder");
    fs::create_dir_all(&elsewhere).expect("a folder");
    fs::write(elsewhere.join("manifest.json"), "{}").expect("a file");
    for name in [
        "..20200101_000000",
        " 20200101_000000",
        "20200101_000000 ",
        "20200101_000000\n",
        "20200101_000000\n20200101_000001",
        "a copy of 20200101_000000",
        "-rf",
        // An id, and nothing in it that this tool has made.
        "20200101_000000",
    ] {
        fs::create_dir(place(&set).join(name)).expect("a folder");
        fs::write(place(&set).join(name).join("mine"), "mine").expect("a file");
    }
    fs::write(place(&set).join("20200101_000002"), "").expect("a file");
    std::os::unix::fs::symlink(&elsewhere, place(&set).join("20200101_000003")).expect("a link");
    let by_hand = names(&set);
    assert_eq!(whole(&set), 0);
    set.xtask(&["snapshots", "list"])
        .run()
        .code(0)
        .nowhere("2020");
    set.xtask(&["snapshots", "verify", "staging"])
        .run()
        .code(1)
        .stdout_has("the snapshot 20200101_000000 is not whole")
        .nowhere("20200101_000003");
    for id in ["20200101_000000", "20200101_000002", "20200101_000003"] {
        let phrase = format!("RESTORE STAGING {id}");
        let ended = set
            .xtask(&["restore", "staging", id, "--confirm", &phrase])
            .run();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        set.xtask(&["drill", "staging", "--id", id]).run().code(1);
    }
    for id in [
        "../staging/20200101_000000",
        "20200101_000000 ",
        "20200101_000000\n",
        "",
    ] {
        set.xtask(&["restore", "staging", id]).run().code(2);
        set.xtask(&["wipe", "staging", "--backup", id])
            .run()
            .code(2);
    }
    set.untouched();
    snapshot(&set).run().code(0);
    set.xtask(&["drill"]).run().code(0);
    snapshot(&set).run().code(0);
    set.xtask(&PRUNE).run().code(0);
    let left = names(&set);
    assert!(by_hand.iter().all(|name| left.contains(name)), "{left:?}");
    assert!(elsewhere.join("manifest.json").exists());
    assert!(place(&set).join("20200101_000000/mine").exists());
}

/// Makes a snapshot one that was made, and drilled, when the clock was ahead.
fn of_the_future(set: &Set, id: &str) {
    let (from, to) = (place(set).join(id), place(set).join("20990101_000000"));
    fs::rename(from, &to).expect("renamed");
    for (file, names) in [("manifest.json", &["created"][..]), ("drill.json", &["at"])] {
        let Ok(text) = fs::read_to_string(to.join(file)) else {
            continue;
        };
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        for name in names {
            value[*name] = "2099-01-01T00:00:00Z".into();
        }
        if file == "manifest.json" {
            value["id"] = "20990101_000000".into();
        }
        fs::write(to.join(file), value.to_string()).expect("written");
    }
    summed(&to);
}

/// The sums of its files anew, and the drill's word that it speaks of them.
#[expect(
    clippy::disallowed_types,
    reason = "a test starts sha256sum from outside, so crates/process is not its door"
)]
fn summed(folder: &std::path::Path) {
    let script =
        "sha256sum manifest.json redis.rdb tta-staging.dump >SHA256SUMS && sha256sum SHA256SUMS";
    let mut command = std::process::Command::new("bash");
    let output = patience::output(command.args(["-c", script]).current_dir(folder));
    assert!(output.status.success(), "{output:?}");
    let sum = String::from_utf8(output.stdout).expect("text");
    let path = folder.join("drill.json");
    if let Ok(text) = fs::read_to_string(&path) {
        let mut drill: Value = serde_json::from_str(&text).expect("JSON");
        drill["sums"] = sum.split(' ').next().expect("a sum").into();
        fs::write(path, drill.to_string()).expect("written");
    }
}

#[test]
fn after_the_clock_was_set_back_snapshots_are_made_and_none_is_given_up_or_relied_on_unseen() {
    let set = Set::usual();
    snapshot(&set).run().code(0);
    set.xtask(&["drill"]).run().code(0);
    let first = names(&set).remove(0);
    of_the_future(&set, &first);
    set.xtask(&["snapshots", "list"])
        .run()
        .code(0)
        .stdout_has("in the future");
    set.xtask(&["snapshots", "verify", "staging"]).run().code(0);
    // Drilled in the future: it is not said when, so nothing is emptied behind it.
    set.xtask(&["wipe", "staging", "--backup", "20990101_000000"])
        .run()
        .code(3)
        .stderr_has("its drill is in the future");
    // A new one is made and can be drilled, and which is the newest is nobody's guess.
    snapshot(&set).run().code(0);
    let second = names(&set).remove(0);
    assert_ne!(second, "20990101_000000");
    let drilled = set.xtask(&["drill", "--format", "json"]).run().code(0);
    assert_eq!(drilled.json()["snapshot"], second.as_str());
    let listed = set.xtask(&["status", "staging", "--format", "json"]).run();
    let last = &listed.code(0).json()["environments"][0]["last_snapshot"]["id"];
    assert_eq!(last, second.as_str());
    let before = names(&set);
    set.xtask(&PRUNE)
        .run()
        .code(3)
        .stderr_has("20990101_000000")
        .stderr_has("does not tell which one is the newest");
    assert_eq!(names(&set), before);
    set.xtask(&["restore", "staging", "20990101_000000"])
        .args(&["--confirm", "RESTORE STAGING 20990101_000000"])
        .run()
        .code(0);
}
