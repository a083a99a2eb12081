//! Where snapshots go: too small, filled up, read-only, removed half way.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts the tool from outside, so crates/process is not its door"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{getgid, getuid};

use crate::harness::{Xtask, patience};
use crate::orders::Act;
use crate::running::Running;
use crate::set::{Set, at_call};
use crate::snapshots::{all_but_scratch, no_scratch, snapshot, whole};

/// A file system in memory that one command alone sees, in place of a folder.
struct Mount {
    /// What may mount it: ourselves, as root or in a namespace of our own, or `sudo`.
    way: Vec<&'static str>,
    folder: PathBuf,
    options: String,
}

const SCRIPT: &str = r#"mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@""#;

impl Mount {
    fn new(folder: &Path, options: &str) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let ways = [
            vec!["unshare", "--mount"],
            vec!["unshare", "--map-root-user", "--mount"],
            vec!["sudo", "-n", "unshare", "--mount"],
        ];
        let works = |way: &Vec<&'static str>| {
            let mut command = Command::new(way[0]);
            command
                .args(&way[1..])
                .args(["mount", "-t", "tmpfs", "none"]);
            patience::tried(command.arg(folder)).is_some_and(|output| output.status.success())
        };
        let way = ways.into_iter().find(works).expect(
            "the test needs to mount a file system in memory: as root, in a user namespace, or by sudo",
        );
        let (user, group) = match way[..] {
            ["unshare", "--map-root-user", ..] => (0, 0),
            _ => (getuid().as_raw(), getgid().as_raw()),
        };
        Self {
            way,
            folder: folder.to_owned(),
            options: format!("uid={user},gid={group},mode=0700,{options}"),
        }
    }

    /// The command where it is mounted, as the user that we are.
    fn before(&self, xtask: &Xtask) -> Command {
        let plain = xtask.command();
        let mut command = Command::new(self.way[0]);
        command.args(&self.way[1..]);
        command.args(["bash", "-c", SCRIPT, "mounted", &self.options]);
        command.arg(&self.folder);
        if self.way[0] == "sudo" {
            let (user, group) = (getuid().as_raw(), getgid().as_raw());
            command.args(["setpriv", "--clear-groups"]);
            command.arg(format!("--reuid={user}"));
            command.arg(format!("--regid={group}"));
        }
        // `sudo` clears the environment.
        command.arg("env");
        for (name, _) in plain.get_envs().filter(|(_, value)| value.is_none()) {
            command.arg("-u").arg(name);
        }
        for (name, value) in plain.get_envs() {
            command.args(value.map(|value| format!("{}={}", name.display(), value.display())));
        }
        command.arg(plain.get_program()).args(plain.get_args());
        command
    }
}

fn backups(set: &Set) -> PathBuf {
    set.checkout().join("backups/staging")
}

#[track_caller]
fn as_before(set: &Set, before: &str) {
    assert_eq!(all_but_scratch(set), before);
    assert_eq!(whole(set), 0);
    no_scratch(set);
}

#[test]
fn a_destination_with_too_little_room_is_told_before_anything_is_begun() {
    let set = Set::usual();
    let mount = Mount::new(&backups(&set), "size=1m");
    let ended = Running::spawn(mount.before(&snapshot(&set)))
        .ended()
        .code(1);
    let said = &ended.stderr;
    assert!(said.contains("backups/staging has 1.0 MiB free"), "{said}");
    assert!(said.contains("nothing was begun"), "{said}");
    assert!(said.contains("snapshots prune"), "{said}");
    set.untouched();
    snapshot(&set).run().code(0);
}

#[test]
fn a_destination_that_is_filled_up_half_way_keeps_nothing_that_looks_whole() {
    let set = Set::usual();
    let before = all_but_scratch(&set);
    let mount = Mount::new(&backups(&set), "size=80m");
    set.order(&[at_call("neo4j-admin database dump", 1, Act::Wait)]);
    let running = Running::spawn(mount.before(&snapshot(&set)));
    set.await_mark("waiting");
    // Whoever waits there sees the file system too.
    let pid = fs::read_to_string(set.engine.file("waiting")).expect("a process");
    let seen = Path::new("/proc").join(pid).join("root");
    let folder = seen.join(mount.folder.strip_prefix("/").expect("a whole path"));
    let full = fs::write(folder.join("somebody's"), vec![1; 81 << 20]).expect_err("it is full");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    set.release();
    let ended = running.ended().code(1);
    let said = &ended.stderr;
    assert!(said.contains("the dump was not written"), "{said}");
    assert!(said.contains("no space left on device"), "{said}");
    assert!(said.contains("there is no room for it"), "{said}");
    as_before(&set, &before);
}

#[test]
fn a_destination_that_is_read_only_is_told_and_nothing_is_touched() {
    let set = Set::usual();
    let before = all_but_scratch(&set);
    let mount = Mount::new(&backups(&set), "ro,size=80m");
    let ended = Running::spawn(mount.before(&snapshot(&set)))
        .ended()
        .code(1);
    let said = &ended.stderr;
    assert!(said.contains("backups/staging"), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    as_before(&set, &before);
}

#[test]
fn a_destination_that_is_removed_half_way_is_told_and_keeps_nothing_that_looks_whole() {
    for call in ["pause ", "redis-check-rdb", "neo4j-admin database dump"] {
        let set = Set::usual();
        let before = all_but_scratch(&set);
        set.order(&[at_call(call, 1, Act::Wait)]);
        let running = Running::start(&snapshot(&set));
        set.await_mark("waiting");
        fs::remove_dir_all(set.checkout().join("backups")).expect("it is removed");
        set.release();
        let ended = running.ended().code(1);
        let said = &ended.stderr;
        assert!(said.contains("backups/staging/.making-"), "{call}: {said}");
        assert!(said.contains("No such file or directory"), "{call}: {said}");
        as_before(&set, &before);
        snapshot(&set).run().code(0);
    }
}
