//! Preparing, planning, a dry run and a look write nothing: what is in the checkout and in the state
//! folder stays to the byte, times included.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use environments::Instance;
use rustix::process::Signal;

use crate::orders::Act;
use crate::running::Running;
use crate::set::{Set, WIPE, at_call};

/// Everything in the checkout and the state folder: what it holds, its mode and its time.
fn kept(set: &Set) -> BTreeMap<PathBuf, (Vec<u8>, u32, i64, i64)> {
    let mut all = BTreeMap::new();
    for name in ["checkout", "state", "home"] {
        look(&set.path(name), &mut all);
    }
    all
}

fn look(path: &Path, all: &mut BTreeMap<PathBuf, (Vec<u8>, u32, i64, i64)>) {
    let Ok(about) = fs::symlink_metadata(path) else {
        return;
    };
    let bytes = fs::read(path).unwrap_or_default();
    let times = (about.mtime(), about.mtime_nsec());
    all.insert(path.to_owned(), (bytes, about.mode(), times.0, times.1));
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        look(&entry.path(), all);
    }
}

/// A set that was started in the audit mode once, and whose files in the state folder are not as
/// rendered any more: whoever rendered now would write.
fn used() -> Set {
    let set = Set::usual();
    set.xtask(&["up", "dev", "test"])
        .env("TTA_NAMESPACE", "audit")
        .run()
        .code(0);
    for file in ["docker-compose.dev.yml", "redis/users.dev.acl"] {
        let path = set.path("state/compose/main/dev").join(file);
        let text = fs::read_to_string(&path).expect("it was rendered");
        fs::write(path, format!("{text}\n")).expect("edited");
    }
    fs::create_dir_all(set.path("home")).expect("a folder");
    set
}

const DRY: &[&[&str]] = &[
    &["up"],
    &["up", "dev"],
    &["down"],
    &["wipe-dev"],
    &["reset-test"],
    &["reset-test", "--mode", "recreate"],
    &["snapshot", "dev"],
    &["snapshot", "dev", "--offline"],
    &["snapshot-staging"],
    &["restore", "dev", "20200101_000000"],
    &["wipe", "staging", "--backup", "20200101_000000"],
    &["generate"],
    &["remove", "--instance", "other"],
    &["remove", "--older-than", "1m"],
];

const LOOKS: &[&[&str]] = &[
    &["status"],
    &["doctor"],
    &["env", "dev"],
    &["history"],
    &["generate", "--check"],
    &["snapshots", "list"],
    &["instances"],
];

const PROOF: &[&str] = &["verify-isolation", "dev", "test", "--layer", "network,tool"];

#[track_caller]
fn leaves_everything(set: &Set, args: &[&str], audit: bool) {
    leaves(set, args, audit, &[]);
}

/// A proof writes its verdict into the journal, as it should, and nothing else.
#[track_caller]
fn leaves_all_but_the_journal(set: &Set, args: &[&str], audit: bool) {
    let journal = ["state", "state/journal.jsonl", "state/journal.tip"];
    leaves(set, args, audit, &journal.map(|name| set.path(name)));
}

#[track_caller]
fn leaves(set: &Set, args: &[&str], audit: bool, but: &[PathBuf]) {
    let before = kept(set);
    let command = set.xtask(args);
    let ended = if audit {
        command.env("TTA_NAMESPACE", "audit").run()
    } else {
        command.run()
    };
    let after = kept(set);
    for (path, was) in before.iter().filter(|(path, _)| !but.contains(path)) {
        assert_eq!(after.get(path), Some(was), "{}: {ended:?}", path.display());
    }
    assert_eq!(after.len(), before.len(), "{ended:?}");
}

#[test]
fn a_dry_run_writes_nothing_in_the_audit_mode_or_in_an_instance() {
    let set = used();
    for args in DRY {
        leaves_everything(&set, &[*args, &["--dry-run"]].concat(), true);
        let instance = ["--dry-run", "--instance", "other"];
        leaves_everything(&set, &[*args, &instance[..]].concat(), false);
    }
    set.xtask(&["up", "dev", "--dry-run"])
        .env("TTA_NAMESPACE", "audit")
        .run()
        .code(0)
        .stderr_has("write docker-compose.dev.yml, redis/users.dev.acl in ")
        .stderr_has("state/compose/main/dev\n       because ");
}

#[test]
fn a_look_writes_nothing_in_the_audit_mode_or_in_an_instance() {
    let set = used();
    for args in LOOKS {
        leaves_everything(&set, args, true);
        leaves_everything(&set, &[*args, &["--instance", "other"]].concat(), false);
    }
    leaves_all_but_the_journal(&set, PROOF, true);
    leaves_everything(&set, &[PROOF, &["--dry-run"]].concat(), true);
    set.whatever_was_asked();
}

#[test]
fn no_command_of_the_whole_list_writes_under_dry_run() {
    let set = used();
    let help = set.xtask(&["--help"]).run().code(0).stdout;
    let (_, list) = help.split_once("Commands:\n").expect("a list of commands");
    let (list, _) = list.split_once("\n\n").expect("its end");
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        // What takes an environment and nothing else is given one; the others refuse it.
        for more in [&[][..], &["staging"], &["dev"], &["list"]] {
            let mut args = [&[name][..], more, &["--dry-run", "--quiet"]].concat();
            if name == "verify-isolation" {
                // The others ask compose, which this engine has not, or leave canaries.
                args.extend(["--layer", "network,tool"]);
            }
            leaves_everything(&set, &args, true);
        }
    }
    set.whatever_was_asked();
}

#[test]
fn what_is_not_as_rendered_is_written_by_a_step_of_the_plan() {
    let set = used();
    let place = set.path("state/compose/main/dev");
    let document = set
        .xtask(&["up", "dev", "--format", "json"])
        .env("TTA_NAMESPACE", "audit")
        .run()
        .code(0)
        .json();
    let first = document["steps"][0]["action"].as_str().expect("a step");
    assert_eq!(
        first,
        format!(
            "dev: write docker-compose.dev.yml, redis/users.dev.acl in {}",
            place.display()
        )
    );
    let acl = fs::read_to_string(place.join("redis/users.dev.acl")).expect("written");
    assert!(acl.ends_with("+info\n"), "{acl:?}");
    // Now it is, and the step is gone.
    let again = set
        .xtask(&["up", "dev", "--format", "json"])
        .env("TTA_NAMESPACE", "audit")
        .run()
        .code(0)
        .json();
    assert!(
        !again.to_string().contains("write docker-compose"),
        "{again}"
    );
}

#[test]
fn what_cannot_be_written_fails_before_anything_is_removed() {
    let set = Set::usual();
    fs::create_dir_all(set.path("state/compose")).expect("a folder");
    fs::write(set.path("state/compose/main"), "in the way").expect("written");
    let wipe = set.xtask(&WIPE).env("TTA_NAMESPACE", "audit");
    wipe.run().stderr_has("state/compose/main");
    set.untouched();
}

#[test]
fn a_file_of_somebody_elses_in_the_state_folder_is_refused() {
    let set = Set::usual();
    let place = set.path("state/compose/main/dev");
    fs::create_dir_all(&place).expect("a folder");
    let file = place.join("docker-compose.dev.yml");
    fs::write(&file, "services: {}  # hunter2\n").expect("written");
    set.xtask(&["up", "dev"])
        .env("TTA_NAMESPACE", "audit")
        .run()
        .code(3)
        .stderr_has("docker-compose.dev.yml was not made by this tool")
        .nowhere("hunter2");
    assert!(
        fs::read_to_string(file)
            .expect("it is there")
            .contains("hunter2")
    );
    set.untouched();
}

#[test]
fn the_files_of_the_main_set_and_of_an_instance_are_apart() {
    let set = Set::usual();
    set.xtask(&["up", "dev"])
        .env("TTA_NAMESPACE", "audit")
        .run()
        .code(0);
    set.xtask(&["up", "dev", "--instance", "other"])
        .run()
        .code(0);
    assert!(set.path("state/compose/main/dev").is_dir());
    assert!(set.path("state/compose/instances/other/dev").is_dir());
    for name in ["main", "Main"] {
        set.xtask(&["status", "--instance", name])
            .run()
            .code(2)
            .stderr_has("invalid instance name")
            .stderr_has("not main, which is the set without a name");
    }
    assert!(Instance::named("main").is_err());
    set.xtask(&["status"])
        .env("TTA_INSTANCE", "main")
        .run()
        .code(2);
}

#[test]
fn a_proof_leaves_no_folder_behind_also_when_it_is_interrupted() {
    let set = used();
    let temporary = set.path("temporary");
    fs::create_dir(&temporary).expect("a folder");
    let verify = || {
        set.xtask(&["verify-isolation", "dev", "--layer", "static"])
            .env("TTA_NAMESPACE", "audit")
            .env("TMPDIR", temporary.display().to_string())
    };
    let torn = Act::Reply {
        code: 1,
        stdout: String::new(),
        stderr: "no\n".to_owned(),
    };
    set.order(&[
        at_call("config", 0, torn.clone()),
        at_call("config", 1, torn),
    ]);
    verify().run().code(5);
    let left = || fs::read_dir(&temporary).expect("a folder").count();
    assert_eq!(left(), 0);
    set.order(&[at_call("config", 0, Act::Hang)]);
    let running = Running::start(&verify());
    set.await_mark("hanging");
    assert_eq!(left(), 1);
    running.signal(Signal::INT);
    running.ended().code(130);
    assert_eq!(left(), 0);
    // It was looked at beside its place, from which its paths are read.
    let looked = set.calls().iter().any(|(words, _)| {
        words.contains("--project-directory") && words.contains("state/compose/main/dev")
    });
    assert!(looked);
}
