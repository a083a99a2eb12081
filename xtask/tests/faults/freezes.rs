//! A freeze that somebody else ends while both stores are copied, and one whose holder works on when
//! its run has ended.

use std::fs::File;

use environments::{Environment, Service, Volume};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::orders::Act;
use crate::running::Running;
use crate::set::{Set, at_call, at_change, main_set, observe};
use crate::snapshots::{frozen, no_scratch, snapshot, whole};

/// The change that the copy of the frozen stores is.
fn copied() -> usize {
    let set = Set::usual();
    snapshot(&set).run().code(0);
    let changes = set.changes();
    let name = main_set(Environment::Staging).container(Service::Redis);
    let paused = format!("container {name}");
    let paused = changes.iter().position(|one| *one == paused);
    // Counted from 1, and it is the one after the last that is paused.
    paused.expect("it is paused") + 2
}

fn redis(change: Value) -> Value {
    let name = main_set(Environment::Staging).container(Service::Redis);
    json!({ "containers": { name: change } })
}

/// Somebody does this to the engine while both stores are copied.
#[track_caller]
fn nothing_is_kept(order: (crate::orders::When, Act), said: &str) {
    let set = Set::usual();
    set.order(&[order]);
    snapshot(&set)
        .run()
        .code(1)
        .stderr_has(said)
        .stderr_has("nothing was kept");
    assert_eq!(whole(&set), 0, "{said}");
    set.order(&[]);
    observe("both run again", || !frozen(&set));
    no_scratch(&set);
}

#[test]
fn a_freeze_that_somebody_else_ends_while_both_stores_are_copied_is_no_snapshot() {
    let copied = copied();
    for (change, said) in [
        (
            json!({ "status": "running" }),
            "tta-staging-redis was paused",
        ),
        (json!({ "status": "exited" }), "now exited"),
        // Restarted, and frozen again.
        (
            json!({ "started_at": "2031-01-01T00:00:00Z" }),
            "now paused, started 2031-01-01T00:00:00Z",
        ),
        (
            json!({ "id": "e".repeat(64), "status": "running" }),
            "now absent",
        ),
    ] {
        nothing_is_kept(at_change(copied, Act::Behind(redis(change))), said);
    }
    nothing_is_kept(
        at_change(copied, Act::Behind(redis(Value::Null))),
        "now absent",
    );
}

#[test]
fn a_freeze_that_somebody_ends_and_makes_again_is_no_snapshot_where_something_was_written() {
    let volume = main_set(Environment::Staging).volume(Volume::RedisData);
    let patch = json!({ "volumes": { volume: { "keys": 6 } } });
    nothing_is_kept(
        at_change(copied(), Act::Behind(patch)),
        "was written to while both stores were copied",
    );
}

#[test]
fn a_freeze_that_somebody_ends_and_makes_again_is_no_snapshot_though_nothing_was_written() {
    let staging = main_set(Environment::Staging);
    let id = Set::usual().state().containers[&staging.container(Service::Redis)]
        .id
        .clone();
    let patch = json!({ "freezes": { "2026-02-01T00:00:01Z": id } });
    nothing_is_kept(
        at_change(copied(), Act::Behind(patch)),
        "tta-staging-redis was frozen 2 times, and by this run 1",
    );
}

#[test]
fn servers_that_somebody_starts_while_both_are_copied_at_rest_are_no_snapshot() {
    let offline = |set: &Set| set.xtask(&["snapshot", "staging", "--offline"]);
    let set = Set::usual();
    offline(&set).run().code(0);
    let changes = set.changes();
    // The copy is the last change before the first start, after both were stopped.
    let helper = changes
        .iter()
        .position(|one| one.contains("scratch") && one.ends_with("-copy"));
    let helper = helper.expect("a helper");
    let copied = (1..).zip(&changes).skip(helper + 1);
    let copied = copied
        .into_iter()
        .find(|(_, one)| **one == changes[helper])
        .expect("a copy")
        .0;
    let set = Set::usual();
    let patch = redis(json!({ "status": "running" }));
    set.order(&[at_change(copied, Act::Behind(patch))]);
    offline(&set)
        .run()
        .code(1)
        .stderr_has("tta-staging-redis was exited")
        .stderr_has("nothing was kept");
    assert_eq!(whole(&set), 0);
}

#[test]
fn the_lock_stays_with_the_process_that_holds_a_freeze_until_it_has_thawed() {
    let set = Set::usual();
    set.order(&[at_call("unpause ", 0, Act::Hang)]);
    let run = Running::start(&snapshot(&set));
    set.await_mark("hanging");
    run.signal(Signal::INT);
    // It gives its holder some time, and leaves it to its work.
    run.ended().code(130);
    assert!(frozen(&set), "it is still to be thawed");
    let lock = File::options()
        .read(true)
        .write(true)
        .open(lock_of(&set))
        .expect("a lock");
    let taken = flock(&lock, FlockOperation::NonBlockingLockExclusive);
    assert!(taken.is_err(), "its lock is free while it still works");

    let next = Running::start(&set.xtask(&["up", "staging"]));
    next.says("waiting for what `cargo xtask snapshot-staging`");
    set.order(&[]);
    next.ended().code(0);
    assert!(!frozen(&set));
    // Given back in the end.
    flock(&lock, FlockOperation::NonBlockingLockExclusive).expect("free");
}

fn lock_of(set: &Set) -> std::path::PathBuf {
    let engine = set.state().engine;
    let lock = main_set(Environment::Staging).lock();
    let name = format!("tta.{engine}.{lock}.lock");
    let mut places = ["/run/lock", "/tmp"]
        .map(|folder| std::path::Path::new(folder).join(&name))
        .into_iter();
    places.find(|path| path.exists()).expect("a lock")
}
