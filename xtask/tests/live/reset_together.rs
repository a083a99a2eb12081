//! `reset-test` while others are at work on test.

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::docker::{docker, until};
use crate::harness::patience;
use crate::live::Live;
use crate::look::password;
use crate::wire;

#[test]
fn a_reset_never_says_empty_while_somebody_writes() {
    let live = Live::new("reset-test beside a writer");
    live.up(&["test"]);

    let ports = live.ports("test");
    let mut redis = live.redis("test");
    let key = |number: u64| format!("test:writer:{number}");
    beside(&live, |number| {
        redis.ask(&["SET", &key(number), "1"]).is_ok()
    });
    assert!(live.keys("test") > 0, "the writer was not at work");

    let create = |_| {
        let create = "CREATE (:Writer)";
        wire::query(ports.http, "tta-test", &password("test"), create).is_ok()
    };
    beside(&live, create);
    assert!(live.nodes("test") > 0, "the writer was not at work");

    live.xtask(&["reset-test"]).run().code(0);
    live.assert_empty("test");
}

/// Resets while somebody writes all the while. It must fail and say why.
fn beside(live: &Live, mut write: impl FnMut(u64) -> bool + Send) {
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) && write(written.load(Ordering::SeqCst)) {
                written.fetch_add(1, Ordering::SeqCst);
            }
        });
        until("somebody writes", || written.load(Ordering::SeqCst) > 10);
        let reset = live.xtask(&["reset-test", "--mode", "in-place"]).run();
        stop.store(true, Ordering::SeqCst);
        let reset = reset.code(1).stderr_has("still writing");
        reset.nowhere("is empty and healthy");
    });
}

#[test]
fn of_two_resets_at_once_one_is_refused_and_told_who_holds_the_lock() {
    let live = Live::new("two resets at once");
    live.up(&["test"]);
    live.write("test", "to be removed");
    let start = || {
        let mut command = live.xtask(&["reset-test", "--mode", "recreate"]).command();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("xtask starts")
    };
    let (first, second) = (start(), start());
    let names = [first.id(), second.id()];
    let ended = [first, second].map(|child| patience::ended(child, "the tool"));
    let codes = [ended[0].status.code(), ended[1].status.code()];
    let (winner, loser) = match codes {
        [Some(0), Some(3)] => (0, 1),
        [Some(3), Some(0)] => (1, 0),
        _ => panic!("{codes:?}: {ended:?}"),
    };
    let said = String::from_utf8_lossy(&ended[loser].stderr);
    assert!(
        said.contains(&format!("process {}", names[winner])),
        "{said}"
    );
    assert!(said.contains("reset-test --mode recreate"), "{said}");
    live.assert_empty("test");
}

#[test]
fn a_reset_interrupted_amid_its_deleting_does_not_delete_what_the_next_one_loads() {
    let live = Live::new("reset-test interrupted amid its deleting");
    live.up(&["test"]);
    // In batches: one transaction of this size is more than the server's heap.
    let many = "UNWIND range(1, 60000) AS n CALL (n) { CREATE (:Many)-[:OF]->(:Them) } \
                IN TRANSACTIONS OF 5000 ROWS;";
    live.cypher_shell("test", many).good();

    // The interrupted run has this constraint on its list to drop; the next one loads it.
    let constraint = "CREATE CONSTRAINT seed FOR (s:Seed) REQUIRE s.id IS UNIQUE";
    live.graph("test", constraint);
    let mut command = live.xtask(&["reset-test", "--mode", "in-place"]).command();
    let mut reset = command.stdin(Stdio::null()).spawn().expect("xtask starts");
    until("it has begun to delete", || live.nodes("test") < 120_000);
    let process = Pid::from_child(&reset);
    kill_process(process, Signal::INT).expect("it runs");
    assert_eq!(patience::status(&mut reset, "the tool").code(), Some(130));
    // The engine goes on with whatever a client that was ended had started, so the run ends that.
    let processes = docker(&["top", &live.container("test", "neo4j")]);
    assert!(!processes.contains("org.neo4j.shell"), "{processes}");

    let seed = live.folder.path().join("fixture.cypher");
    let fixture = format!("CREATE (:Seed {{id: 1}});\n{constraint};\n");
    fs::write(&seed, fixture).expect("written");
    let path = seed.display().to_string();
    live.xtask(&["reset-test", "--mode", "in-place", "--seed", &path])
        .run()
        .code(0);
    assert_eq!(
        live.graph("test", "MATCH (n) RETURN labels(n)"),
        json!([[["Seed"]]])
    );
    assert_eq!(
        live.graph("test", "SHOW CONSTRAINTS YIELD name RETURN name"),
        json!([["seed"]])
    );
}
