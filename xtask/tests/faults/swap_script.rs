//! The script that swaps a restored store with the one that is there, killed between any two of its
//! commands: given again, it ends as if it had never been killed.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts a shell from outside, so crates/process is not its door"
)]

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::patience;

const SCRIPT: &str = include_str!("../../src/snapshot/restore.sh");
const ID: &str = "20261126_120000";

/// `mv --exchange` came with coreutils 9.5, which the images have and this machine may not.
const EXCHANGE: &str = r#"
exchange='import ctypes, os, sys
a, b = map(os.fsencode, sys.argv[1:])
sys.exit(ctypes.CDLL(None).renameat2(-100, a, -100, b, 2) != 0)'
mv() { if [ "$2" = --exchange ]; then python3 -c "$exchange" "$3" "$4"; else command mv "$@"; fi; }
"#;

/// Both volumes, and what a restore has loaded into them.
struct Volumes(TempDir);

impl Volumes {
    fn loaded() -> Self {
        let volumes = Self(tempfile::tempdir().expect("a folder"));
        for (path, text) in [
            ("neo4j/databases/tta-staging/store", "old"),
            ("neo4j/databases/system/store", "own"),
            ("neo4j/transactions/tta-staging/log", "old"),
            ("neo4j/transactions/system/log", "own"),
            ("neo4j/dbms/auth", "own"),
            ("neo4j/server_id", "own"),
            ("redis/appendonlydir/aof", "old"),
            ("redis/dump.rdb", "old"),
            ("neo4j/.incoming-ID/databases/tta-staging/store", "new"),
            ("neo4j/.incoming-ID/databases/system/store", "scratch"),
            ("neo4j/.incoming-ID/transactions/tta-staging/log", "new"),
            ("neo4j/.incoming-ID/transactions/system/log", "scratch"),
            ("neo4j/.incoming-ID/server_id", "scratch"),
            ("redis/.incoming-ID/appendonlydir/aof", "new"),
            ("redis/.incoming-ID/dump.rdb", "new"),
        ] {
            let path = volumes.0.path().join(path.replace("ID", ID));
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        volumes
    }

    /// Gives an order; killed before its n-th command where there is one.
    fn give(&self, order: &str, killed_before: Option<usize>) -> Output {
        let root = self.0.path().display();
        let mut script = SCRIPT.to_owned();
        for volume in ["neo4j", "redis", "$volume"] {
            script = script.replace(&format!("/{volume}"), &format!("{root}/{volume}"));
        }
        let number = killed_before.unwrap_or_default();
        let trap = format!("set -T; trap '(( ++commands != {number} )) || kill -9 $$' DEBUG\n");
        let text = format!("{EXCHANGE}commands=0\n{trap}{script}");
        patience::output(Command::new("bash").args([
            "-c",
            &text,
            "restore",
            order,
            ID,
            "tta-staging",
        ]))
    }

    fn state(&self) -> String {
        let said = self.give("state", None);
        assert!(said.status.success(), "{said:?}");
        let said = String::from_utf8(said.stdout).expect("text");
        let all = said.strip_suffix("told\n");
        all.expect("its last line says that it is all").to_owned()
    }

    /// Every file and what it says, but the marks, which say numbers.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(self.0.path(), self.0.path(), &mut files);
        files.sort();
        files
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path: PathBuf = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("below it").display();
            let text = fs::read_to_string(&path).expect("a file");
            files.push(format!("{name}: {text}").replace(ID, "ID"));
        }
    }
}

/// Kills an order before each of its commands in turn, until there is none left.
fn killed_everywhere(order: &str, begin: fn() -> Volumes, mut check: impl FnMut(&Volumes, usize)) {
    for number in 1.. {
        let volumes = begin();
        let ended = volumes.give(order, Some(number));
        if ended.status.success() {
            assert!(number > 10, "the trap never came into effect");
            return;
        }
        assert_eq!(
            ended.status.signal(),
            Some(9),
            "command {number}: {ended:?}"
        );
        check(&volumes, number);
    }
}

/// What is told once both stores are in place.
fn swapped() -> String {
    format!("before neo4j\nbefore redis\nkept {ID}\nkept {ID}\n")
}

#[test]
fn a_swap_puts_the_snapshot_in_place_and_keeps_what_was_there_and_the_credentials() {
    let volumes = Volumes::loaded();
    assert_eq!(volumes.state(), "loaded\n");
    assert!(volumes.give("swap", None).status.success());
    assert_eq!(volumes.state(), swapped());
    insta::assert_snapshot!(volumes.files().join("\n"), @"
    neo4j/.before-ID/databases/store: old
    neo4j/.before-ID/transactions/log: old
    neo4j/databases/system/store: own
    neo4j/databases/tta-staging/store: new
    neo4j/dbms/auth: own
    neo4j/server_id: own
    neo4j/transactions/system/log: own
    neo4j/transactions/tta-staging/log: new
    redis/.before-ID/appendonlydir/aof: old
    redis/.before-ID/dump.rdb: old
    redis/appendonlydir/aof: new
    ");
}

#[test]
fn a_swap_killed_between_any_two_commands_is_known_to_be_half_done_and_ends_well_when_given_again()
{
    let whole = Volumes::loaded();
    let untouched = whole.files();
    assert!(whole.give("swap", None).status.success());
    let whole = whole.files();
    let marks = |files: Vec<String>| -> Vec<String> {
        let mark = |line: &String| line.contains("/armed: ");
        files.into_iter().filter(|line| !mark(line)).collect()
    };
    // What the servers would start from, and what is kept of it.
    let own = |files: &[String]| -> Vec<String> {
        let files = files.iter().filter(|line| !line.contains("/.incoming-"));
        files.cloned().collect()
    };
    let untouched = own(&untouched);
    killed_everywhere("swap", Volumes::loaded, |volumes, number| {
        let state = volumes.state();
        let files = own(&marks(volumes.files()));
        // Nothing starts on stores of two moments: whoever asks is told.
        let mixed = files != untouched && files != whole && !state.contains("before redis");
        assert!(
            !mixed || state.contains(&format!("begun {ID}")),
            "killed before command {number}: {state:?}\n{}",
            files.join("\n")
        );
        // Until then nothing was done to what is there, and a restore begins anew.
        let begun = state.contains("begun") || state.contains("before");
        assert!(
            begun || files == untouched,
            "killed before command {number}: {state:?}"
        );
        let again = volumes.give("swap", None);
        assert!(again.status.success(), "command {number}: {again:?}");
        assert_eq!(volumes.state(), swapped());
        // A mark in what is kept is of no consequence.
        assert_eq!(marks(volumes.files()), whole, "command {number}");
    });
}

#[test]
fn what_was_loaded_and_never_put_in_place_can_be_removed_wherever_the_swap_was_killed_before_it() {
    killed_everywhere("swap", Volumes::loaded, |volumes, number| {
        if volumes.state() != "loaded\n" {
            return;
        }
        assert!(volumes.give("clear", None).status.success());
        assert_eq!(volumes.state(), "", "killed before command {number}");
    });
}
