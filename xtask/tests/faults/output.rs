//! What becomes of the answer: a disk that is full, a reader who has gone, several failures at once.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::process::{Output, Stdio};

use environments::Environment;

use crate::harness::Xtask;
use crate::orders::Act;
use crate::set::{Set, WIPE, at_call};

const SAID: &str = "could not be written to standard output: No space left on device";

/// Runs it with its standard output on a full disk.
fn on_a_full_disk(command: &Xtask) -> Output {
    let full = OpenOptions::new().write(true).open("/dev/full");
    command
        .command()
        .stdin(Stdio::null())
        .stdout(full.expect("Linux has one"))
        .stderr(Stdio::piped())
        .output()
        .expect("xtask starts")
}

#[test]
fn an_answer_that_could_not_be_written_is_a_failure_whatever_its_form() {
    let set = Set::usual();
    let answers: [&[&str]; 14] = [
        &["history"],
        &["history", "--format", "json"],
        &["status"],
        &["status", "--format", "json"],
        &["env", "dev"],
        &["env", "dev", "--format", "json"],
        &["env", "dev", "--format", "dotenv"],
        &["env", "dev", "--format", "github"],
        &["snapshots", "list"],
        &["up", "dev"],
        &["down", "dev", "--format", "json"],
        &["up", "dev", "--dry-run", "--format", "json"],
        &["--help"],
        &["--version"],
    ];
    for args in answers {
        let ended = on_a_full_disk(&set.xtask(args));
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(SAID), "{args:?}: {said}");
    }
}

#[test]
fn a_refusal_that_could_not_be_written_down_is_still_a_refusal() {
    let set = Set::usual();
    let ended = on_a_full_disk(&set.xtask(&["wipe-dev", "--format", "json"]));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(
        said.contains(SAID) && said.contains("DELETE DEV DATA"),
        "{said}"
    );
}

#[test]
fn a_reader_who_has_heard_enough_is_no_failure() {
    let set = Set::usual();
    for _ in 0..30 {
        set.xtask(&["down", "dev"]).run().code(0);
        set.xtask(&["up", "dev"]).run().code(0);
    }
    for args in [
        &["history", "--format", "json"][..],
        &["history"],
        &["--help"],
    ] {
        let mut child = set
            .xtask(args)
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("xtask starts");
        // As `| head -1`.
        let mut first = String::new();
        let mut stdout = BufReader::with_capacity(16, child.stdout.take().expect("a pipe"));
        stdout.read_line(&mut first).expect("a line");
        drop(stdout);
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*said), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn several_environments_that_fail_are_each_told_with_what_to_do() {
    for (args, call) in [
        (&["up", "dev", "test"], "up --detach"),
        (&["down", "dev", "test"], "stop "),
    ] {
        let set = Set::usual();
        let says = |stderr: &str| Act::Reply {
            code: 1,
            stdout: String::new(),
            stderr: stderr.to_owned(),
        };
        if args[0] == "up" {
            set.xtask(&["down", "dev", "test"]).run().code(0);
        }
        // A call that an order has answered is not seen by the next.
        set.order(&[
            at_call(
                call,
                1,
                says("Error response from daemon: port is already allocated\n"),
            ),
            at_call(
                call,
                1,
                says("Error response from daemon: no space left on device\n"),
            ),
        ]);
        let ended = set.xtask(args).args(&["--format", "json"]).run().code(1);
        let document = ended.json();
        let message = document["error"]["message"].as_str().expect("a text");
        for told in [
            "dev: ",
            "test: ",
            "port is already allocated",
            "no space left on device",
        ] {
            assert!(message.contains(told), "{told}: {document:#}");
        }
        if args[0] == "up" {
            let hints = document["error"]["hints"].as_array().expect("a list");
            assert_eq!(hints.len(), 2, "{document:#}");
        }
    }
}

#[test]
fn what_to_type_next_is_told_of_every_object_that_is_refused() {
    let set = Set::running(&[Environment::Dev]);
    set.change(|state| {
        for container in state.containers.values_mut() {
            container.labels.remove("org.tta.environment");
        }
    });
    let ended = set.xtask(&WIPE).run().code(3);
    for name in ["tta-dev-neo4j", "tta-dev-redis"] {
        let line = format!("next: docker container inspect {name}");
        assert!(ended.stderr.contains(&line), "{}", ended.stderr);
    }
}
