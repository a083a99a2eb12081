//! Children of a killed run that are still at work, and two runs at once.

use rustix::process::Signal;

use crate::kill_points::{
    DOWN, EMPTY_TEST, RECREATE_TEST, Scenario, UP_FROM_NOTHING, UP_STAGING, WIPE_DEV,
};
use crate::orders::Act;
use crate::running::Running;
use crate::set::{Set, WIPE, at_call, at_change};

impl Scenario {
    /// Kills the run at each change in turn while the child goes on with it, and runs the same
    /// command again at once: it waits for that child.
    fn orphans_everywhere(&self) {
        for number in 1..=self.changes {
            let set = (self.begin)();
            let neighbours = set.neighbours_of(self.environment);
            set.order(&[at_change(number, Act::Orphan)]);
            let first = Running::start(&self.command(&set));
            set.await_mark("orphan");
            first.ended().killed();
            let before = set.calls().len();
            let second = Running::start(&self.command(&set));
            second.says("waiting for children of a run that was killed");
            let looked = |(words, _): &(String, String)| words.contains("inspect");
            assert!(!set.calls()[before..].iter().any(looked), "it did not wait");
            set.release();
            second.ended().code(0);
            self.ended_well(&set, &neighbours);
        }
    }
}

#[test]
fn wiping_development_again_waits_for_what_a_killed_run_left_at_work() {
    WIPE_DEV.orphans_everywhere();
}

#[test]
fn recreating_test_again_waits_for_what_a_killed_run_left_at_work() {
    RECREATE_TEST.orphans_everywhere();
}

#[test]
fn emptying_test_in_place_again_waits_for_what_a_killed_run_left_at_work() {
    EMPTY_TEST.orphans_everywhere();
}

#[test]
fn starting_again_waits_for_what_a_killed_run_left_at_work() {
    UP_FROM_NOTHING.orphans_everywhere();
    UP_STAGING.orphans_everywhere();
}

#[test]
fn stopping_again_waits_for_what_a_killed_run_left_at_work() {
    DOWN.orphans_everywhere();
}

#[test]
fn a_wait_for_what_a_killed_run_left_can_be_interrupted() {
    let set = Set::usual();
    set.order(&[at_call("volume rm", 1, Act::Orphan)]);
    let first = Running::start(&set.xtask(&WIPE));
    set.await_mark("orphan");
    first.ended().killed();
    let second = Running::start(&set.xtask(&WIPE));
    second.says("waiting for children of a run that was killed");
    second.signal(Signal::INT);
    second.ended().code(130);
    set.release();
    set.order(&[]);
    set.xtask(&WIPE).run().code(0);
}

#[test]
fn two_runs_at_once_exclude_each_other_and_the_second_names_the_first() {
    let set = Set::usual();
    set.order(&[at_call("volume rm", 1, Act::Hang)]);
    let first = Running::start(&set.xtask(&WIPE));
    set.await_mark("hanging");
    let before = set.changes();
    for args in [
        &WIPE[..],
        &["up", "dev"],
        &["down", "dev"],
        &["adopt", "dev", "--engine"],
    ] {
        let second = set.xtask(args).run().code(3);
        second
            .stderr_has("dev is locked by")
            .stderr_has("cargo xtask wipe-dev --confirm 'DELETE DEV DATA'")
            .stderr_has(&format!("process {}", first.pid()))
            .stderr_has("run the same command again");
    }
    assert_eq!(set.changes(), before, "the second run changed something");
    first.signal(Signal::INT);
    first.ended().code(130);
    set.order(&[]);
    set.xtask(&WIPE).run().code(0);
}

#[test]
fn a_run_on_one_environment_does_not_keep_others_from_theirs() {
    let set = Set::usual();
    set.order(&[at_call("volume rm tta_neo4j_dev_data", 1, Act::Hang)]);
    let first = Running::start(&set.xtask(&WIPE));
    set.await_mark("hanging");
    set.xtask(&["reset-test", "--mode", "recreate"])
        .run()
        .code(0);
    set.xtask(&["down", "staging"]).run().code(0);
    set.xtask(&["down", "dev", "--instance", "other"])
        .run()
        .code(0);
    first.signal(Signal::INT);
    first.ended().code(130);
}

#[test]
fn a_neighbour_that_another_run_changes_meanwhile_is_no_alarm() {
    let set = Set::usual();
    set.order(&[at_call("compose", 1, Act::Wait)]);
    let wipe = Running::start(&set.xtask(&WIPE));
    set.await_mark("waiting");
    set.xtask(&["down", "staging"]).run().code(0);
    set.release();
    let wipe = wipe.ended().code(0);
    assert!(
        wipe.stderr.contains("another run has worked on staging"),
        "{}",
        wipe.stderr
    );
}
