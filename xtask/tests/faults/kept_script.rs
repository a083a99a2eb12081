//! The script that keeps an old volume as a copy, killed between any two of its commands: given
//! again, the copy is whole, and until then nothing says that it is.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts a shell from outside, so crates/process is not its door"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::patience;

const SCRIPT: &str = include_str!("../../src/adoption/kept.sh");
const DIFFERS: Option<i32> = Some(70);

/// A volume and the place of its copy.
struct Volumes(TempDir);

impl Volumes {
    fn new() -> Self {
        let volumes = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir_all(volumes.at("from/databases/neo4j/empty")).expect("a folder");
        fs::create_dir_all(volumes.at("to")).expect("a folder");
        for (name, text) in [
            ("from/databases/neo4j/store", "graph"),
            ("from/-rf", "a name that looks like an option"),
            ("from/line\nbreak", "x"),
        ] {
            fs::write(volumes.at(name), text).expect("a file");
        }
        symlink("databases", volumes.at("from/link")).expect("a link");
        volumes
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Gives an order; killed before its n-th command where there is one.
    fn give(&self, order: &str, killed_before: Option<usize>) -> Output {
        let mut script = SCRIPT.to_owned();
        for folder in ["from", "to"] {
            let path = self.at(folder).display().to_string();
            script = script.replace(&format!("/{folder}"), &path);
        }
        let number = killed_before.unwrap_or_default();
        let trap = format!("set -T; trap '(( ++commands != {number} )) || kill -9 $$' DEBUG\n");
        let text = format!("commands=0\n{trap}{script}");
        patience::output(Command::new("bash").args(["-c", &text, "kept", order]))
    }

    fn is_whole(&self) -> bool {
        self.give("whole", None).status.success()
    }
}

#[test]
fn a_copy_that_was_killed_anywhere_is_whole_when_it_is_made_again() {
    let mut number = 1;
    loop {
        let volumes = Volumes::new();
        let killed = volumes.give("keep", Some(number));
        if killed.status.success() {
            break;
        }
        assert_eq!(
            killed.status.signal(),
            Some(9),
            "command {number}: {killed:?}"
        );
        let marked = volumes.at("to/.tta-kept").exists();
        let whole = volumes.give("whole", None);
        assert_eq!(whole.status.success(), marked, "command {number}");
        let again = volumes.give("keep", None);
        assert!(again.status.success(), "command {number}: {again:?}");
        assert!(volumes.is_whole(), "command {number}");
        let link = fs::read_link(volumes.at("to/link")).expect("a link");
        assert_eq!(link, PathBuf::from("databases"));
        assert!(volumes.at("to/databases/neo4j/empty").is_dir());
        number += 1;
    }
    assert!(number > 8, "it has no more than {number} commands");
}

#[test]
fn a_copy_that_differs_in_anything_is_told_and_never_written_over() {
    let changes: [fn(&Volumes); 6] = [
        |one| fs::write(one.at("from/databases/neo4j/store"), "other").expect("written"),
        |one| fs::write(one.at("from/new"), "").expect("written"),
        |one| fs::remove_file(one.at("from/-rf")).expect("removed"),
        |one| fs::create_dir(one.at("from/folder")).expect("made"),
        |one| {
            fs::remove_file(one.at("from/link")).expect("removed");
            symlink("elsewhere", one.at("from/link")).expect("a link");
        },
        |one| fs::write(one.at("to/more"), "").expect("written"),
    ];
    for (number, change) in changes.iter().enumerate() {
        let volumes = Volumes::new();
        assert_eq!(volumes.give("whole", None).status.code(), DIFFERS);
        assert!(volumes.give("keep", None).status.success());
        assert!(volumes.give("keep", None).status.success(), "once more");
        change(&volumes);
        let before = fs::read(volumes.at("to/databases/neo4j/store")).expect("a file");
        for order in ["whole", "keep"] {
            let said = volumes.give(order, None);
            assert_eq!(said.status.code(), DIFFERS, "{number}, {order}: {said:?}");
        }
        let after = fs::read(volumes.at("to/databases/neo4j/store")).expect("a file");
        assert_eq!(before, after);
    }
}

#[test]
fn a_volume_that_was_kept_before_does_not_pass_its_mark_on() {
    let volumes = Volumes::new();
    fs::write(volumes.at("from/.tta-kept"), "of another").expect("written");
    let mut number = 1;
    loop {
        fs::remove_dir_all(volumes.at("to")).expect("removed");
        fs::create_dir(volumes.at("to")).expect("made");
        let killed = volumes.give("keep", Some(number));
        let mark = fs::read_to_string(volumes.at("to/.tta-kept"));
        assert_ne!(mark.as_deref().ok(), Some("of another"), "command {number}");
        assert_eq!(volumes.is_whole(), mark.is_ok(), "command {number}");
        if killed.status.success() {
            return;
        }
        number += 1;
    }
}
