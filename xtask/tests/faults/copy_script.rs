//! The script that copies both stores, pass after pass, and says how far it is where that is seen.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts a shell from outside, so crates/process is not its door"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::patience;
use crate::orders::Act;
use crate::set::{Set, at_call};
use crate::terminal::Terminal;

const SCRIPT: &str = include_str!("../../src/snapshot/copy.sh");

/// Two stores to be copied, and the script with its orders.
struct Copying {
    folder: TempDir,
    text: String,
}

impl Copying {
    fn begin(orders: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for store in ["neo4j", "redis"] {
            fs::create_dir_all(at(&format!("from/{store}/inner"))).expect("a folder");
            fs::write(at(&format!("from/{store}/inner/data")), store).expect("a file");
            fs::create_dir_all(at(&format!("from/{store}/.before-1"))).expect("a folder");
            fs::create_dir_all(at(&format!("to/{store}"))).expect("a folder");
        }
        fs::write(at("orders"), orders).expect("a file");
        fs::create_dir(at("tmp")).expect("a folder");
        let mut script = SCRIPT.to_owned();
        for name in ["tmp", "from", "to"] {
            script = script.replace(&format!("/{name}/"), &format!("{}/", at(name).display()));
            script = script.replace(&format!(" /{name})"), &format!(" {})", at(name).display()));
        }
        let orders = at("orders");
        let text = format!("exec <'{}'\n{script}", orders.display());
        Self { folder, text }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it answers to its orders. Programs in `bin` are found first.
    fn said(&self) -> Vec<String> {
        let path = format!("{}:/usr/bin:/bin", self.at("bin").display());
        let mut bash = Command::new("bash");
        let ended = patience::output(bash.args(["-c", &self.text]).env("PATH", path));
        assert!(ended.status.success(), "{ended:?}");
        let said = String::from_utf8(ended.stdout).expect("text");
        said.lines().map(str::to_owned).collect()
    }
}

/// What it answers to these orders, and whether the copy then has what was to be copied.
fn answers(orders: &str) -> Vec<String> {
    let copying = Copying::begin(orders);
    let said = copying.said();
    for store in ["neo4j", "redis"] {
        let copy = fs::read_to_string(copying.at(&format!("to/{store}/inner/data")));
        assert_eq!(copy.expect("it is copied"), store);
        assert!(!copying.at(&format!("to/{store}/.before-1")).exists());
    }
    said
}

#[test]
fn a_copy_says_how_far_it_is_in_its_first_pass_alone_and_only_where_it_is_asked() {
    let plain = answers("pass\nlast\n");
    assert!(
        plain.iter().all(|line| line.starts_with("done ")),
        "{plain:?}"
    );
    assert_eq!(plain.len(), 2);

    let shown = answers("pass shown\npass shown\nlast shown\n");
    let done = shown.iter().rposition(|line| line.starts_with("at "));
    let done = done.expect("it says how far it is");
    assert_eq!(shown.len(), done + 4, "{shown:?}");
    assert!(
        shown[done + 1..]
            .iter()
            .all(|line| line.starts_with("done ")),
        "{shown:?}"
    );
    let numbers = shown[0].split(' ').skip(1).map(str::parse::<u64>);
    let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().expect("numbers");
    assert!(numbers.len() == 2 && numbers[1] > 10, "{shown:?}");
}

#[test]
fn the_last_pass_says_what_was_written_to_while_it_copied() {
    let set = Copying::begin("last\n");
    // Whatever is copied from Neo4j, somebody writes to Redis meanwhile.
    let written = set.at("from/redis/inner/data");
    let cp = format!(
        "#!/bin/bash\n[ -e '{mark}' ] || echo more >>'{written}'\ntouch '{mark}'\nexec /bin/cp \"$@\"\n",
        mark = set.at("mark").display(),
        written = written.display()
    );
    fs::create_dir(set.at("bin")).expect("a folder");
    fs::write(set.at("bin/cp"), cp).expect("a program");
    let all = fs::Permissions::from_mode(0o755);
    fs::set_permissions(set.at("bin/cp"), all).expect("it can be run");
    let said = set.said();
    assert_eq!(said, ["moved redis/inner/data"]);
}

#[test]
fn on_a_terminal_a_snapshot_and_a_load_say_how_many_bytes_are_done() {
    let set = Set::usual();
    let terminal = Terminal::start(&set.xtask(&["snapshot-staging"]));
    let (code, screen) = terminal.ended();
    assert_eq!(code, Some(0), "{screen}");
    assert!(
        screen.contains(" 25%  1.0 MiB of 4.0 MiB copied, "),
        "{screen}"
    );

    // Held as soon as the dump is read.
    set.order(&[at_call("--overwrite-destination", 1, Act::Wait)]);
    let terminal = Terminal::start(&set.xtask(&["drill"]));
    set.await_mark("waiting");
    terminal.shows(" loaded, ");
    terminal.shows("100%");
    set.release();
    let (code, screen) = terminal.ended();
    assert_eq!(code, Some(0), "{screen}");

    let piped = set.xtask(&["snapshot-staging"]).run().code(0);
    piped.nowhere("copied, ");
}
