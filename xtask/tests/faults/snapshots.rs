//! Snapshots and drills that are killed, and what must be so then.

use environments::{Environment, Service};
use rustix::process::Signal;
use serde_json::json;

use crate::harness::Xtask;
use crate::orders::Act;
use crate::running::Running;
use crate::set::{Set, at_call, at_change, main_set, observe};

/// How many changes an undisturbed snapshot makes on the engine.
pub(crate) const SNAPSHOT: usize = 18;

pub(crate) fn snapshot(set: &Set) -> Xtask {
    set.xtask(&["snapshot-staging"])
}

/// Whole ones, by the list.
pub(crate) fn whole(set: &Set) -> usize {
    let listed = set.xtask(&["snapshots", "list", "--format", "json"]);
    let listed = listed.run().code(0).json();
    listed["snapshots"].as_array().expect("a list").len()
}

pub(crate) fn frozen(set: &Set) -> bool {
    let state = set.state();
    let staging = main_set(Environment::Staging);
    let paused = |service| {
        let container = state.containers.get(&staging.container(service));
        container.is_some_and(|container| container.status == "paused")
    };
    Service::ALL.into_iter().any(paused)
}

/// Everything on the engine but what a run made for itself.
pub(crate) fn all_but_scratch(set: &Set) -> String {
    let mut state = set.state();
    state.containers.retain(|name, _| !name.contains("scratch"));
    state.volumes.retain(|name, _| !name.contains("scratch"));
    serde_json::to_string(&(state.containers, state.volumes, state.networks)).expect("JSON")
}

#[track_caller]
pub(crate) fn no_scratch(set: &Set) {
    let state = set.state();
    let left = state.containers.keys().chain(state.volumes.keys());
    let left: Vec<&String> = left.filter(|name| name.contains("scratch")).collect();
    assert_eq!(left, Vec::<&String>::new());
}

fn killed_everywhere(act: &Act) {
    for number in 1..=SNAPSHOT {
        let set = Set::usual();
        let before = all_but_scratch(&set);
        set.order(&[at_change(number, act.clone())]);
        let ended = snapshot(&set).run();
        // The calls of the process that holds the freeze kill that one; it is ours to thaw then.
        assert_ne!(
            ended.code,
            Some(0),
            "not killed at change {number}: {ended:?}"
        );
        set.order(&[]);
        observe("both run again", || !frozen(&set));
        assert_eq!(all_but_scratch(&set), before, "killed at change {number}");
        // What it left looks like nothing whole, and the same command ends well.
        let left = whole(&set);
        assert!(
            left == 0 || number > SNAPSHOT - 2,
            "killed at change {number}: {left} whole"
        );
        snapshot(&set).run().code(0);
        assert_eq!(whole(&set), left + 1);
        assert_eq!(all_but_scratch(&set), before, "after change {number}");
        no_scratch(&set);
        set.xtask(&["drill"]).run().code(0);
        no_scratch(&set);
    }
}

#[test]
fn a_snapshot_killed_before_any_change_leaves_staging_as_it_was_and_ends_well_when_run_again() {
    killed_everywhere(&Act::KillBefore);
}

#[test]
fn a_snapshot_killed_after_any_change_leaves_staging_as_it_was_and_ends_well_when_run_again() {
    killed_everywhere(&Act::KillAfter);
}

#[test]
fn no_kill_point_of_a_snapshot_is_left_out() {
    let set = Set::usual();
    snapshot(&set).run().code(0);
    assert_eq!(set.changes().len(), SNAPSHOT, "{:#?}", set.changes());
}

#[test]
fn an_offline_snapshot_killed_after_any_change_loses_nothing_and_staging_is_one_command_away() {
    let offline = |set: &Set| set.xtask(&["snapshot", "staging", "--offline"]);
    let set = Set::usual();
    offline(&set).run().code(0);
    let volumes = |set: &Set| {
        let mut volumes = set.state().volumes;
        volumes.retain(|name, _| !name.contains("scratch"));
        volumes
    };
    for number in 1..=set.changes().len() {
        let set = Set::usual();
        let before = volumes(&set);
        set.order(&[at_change(number, Act::KillAfter)]);
        assert_eq!(offline(&set).run().code, None, "change {number}");
        set.order(&[]);
        set.xtask(&["up", "staging"]).run().code(0);
        let left = whole(&set);
        offline(&set).run().code(0);
        assert_eq!(whole(&set), left + 1, "change {number}");
        assert_eq!(volumes(&set), before, "change {number}");
        set.holds(Environment::Staging, 3, 5);
        no_scratch(&set);
    }
}

#[test]
fn a_snapshot_is_in_the_journal_and_in_status_by_its_id() {
    let set = Set::usual();
    snapshot(&set).run().code(0);
    let journal = set.journal();
    let id = journal.last().expect("an entry")["snapshot"].clone();
    assert!(id.is_string(), "{journal:?}");
    let status = set.xtask(&["status", "staging", "--format", "json"]);
    let status = status.run().code(0).json();
    let last = &status["environments"][0]["last_snapshot"];
    assert_eq!(
        (&last["id"], &last["proved"], &last["drilled"]),
        (&id, &json!(true), &json!(false))
    );
}

#[test]
fn a_server_that_does_not_answer_is_not_saved() {
    for status in ["exited", "dead"] {
        let set = Set::usual();
        set.change_container(Environment::Staging, Service::Neo4j, |container| {
            status.clone_into(&mut container.status);
        });
        snapshot(&set)
            .run()
            .code(3)
            .stderr_has("its servers do not answer");
        set.untouched();
    }
    let set = Set::usual();
    set.change_container(Environment::Staging, Service::Redis, |container| {
        container.fate.sick = Some("Could not connect to Redis".to_owned());
    });
    snapshot(&set)
        .run()
        .code(3)
        .stderr_has("its servers do not answer");
    set.untouched();
}

#[test]
fn a_freeze_that_fails_is_told_and_both_run_again() {
    let set = Set::usual();
    let before = all_but_scratch(&set);
    let act = Act::Reply {
        code: 1,
        stdout: String::new(),
        stderr: "Error response from daemon: cannot freeze\n".to_owned(),
    };
    set.order(&[at_call("pause ", 1, act)]);
    snapshot(&set)
        .run()
        .code(1)
        .stderr_has("could not be frozen");
    assert!(!frozen(&set));
    assert_eq!((all_but_scratch(&set), whole(&set)), (before, 0));
    no_scratch(&set);
}

#[test]
fn a_freeze_that_came_while_a_server_started_a_process_is_made_again() {
    let set = Set::usual();
    let before = all_but_scratch(&set);
    // The calls between are those that thaw.
    set.order(&[
        at_call("pause ", 1, unable()),
        at_call("pause ", 3, unable()),
    ]);
    snapshot(&set).run().code(0);
    assert!(!frozen(&set));
    assert_eq!((all_but_scratch(&set), whole(&set)), (before, 1));
    no_scratch(&set);
}

#[test]
fn nothing_is_frozen_again_for_a_run_that_was_killed_meanwhile() {
    let set = Set::usual();
    let before = all_but_scratch(&set);
    set.order(&[
        at_call("pause ", 1, Act::Wait),
        at_call("pause ", 1, unable()),
    ]);
    let run = Running::start(&snapshot(&set));
    set.await_mark("waiting");
    run.signal(Signal::KILL);
    run.ended().killed();
    set.release();
    // It waits for the process that holds the freeze, which has the lock.
    set.xtask(&["up", "staging"]).run().code(0);
    let pauses = |(words, _): &&(String, String)| words.split(' ').any(|word| word == "pause");
    assert_eq!(set.calls().iter().filter(pauses).count(), 1);
    assert_eq!(all_but_scratch(&set), before);
}

/// What the engine says of a server that was starting a process.
fn unable() -> Act {
    Act::Reply {
        code: 1,
        stdout: String::new(),
        stderr: "Error response from daemon: cannot pause container 1: OCI runtime pause failed: \
                 unable to freeze: unknown\n"
            .to_owned(),
    }
}

#[test]
fn a_copy_that_is_not_consistent_is_no_snapshot() {
    for (call, said) in [
        ("neo4j-admin database check", "is not consistent"),
        ("neo4j-admin database dump", "the dump was not written"),
        ("redis-check-rdb", "the RDB is not right"),
    ] {
        let set = Set::usual();
        let act = Act::Reply {
            code: 1,
            stdout: String::new(),
            stderr: "no\n".to_owned(),
        };
        set.order(&[at_call(call, 1, act)]);
        snapshot(&set).run().code(1).stderr_has(said);
        assert_eq!(whole(&set), 0, "{call}");
        no_scratch(&set);
    }
}
