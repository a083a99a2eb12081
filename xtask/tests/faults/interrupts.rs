//! Ctrl-C at any moment, and the same command again.

use environments::Environment;
use rustix::process::Signal;

use crate::engine::CHANGING;
use crate::kill_points::WIPE_DEV;
use crate::model::Fate;
use crate::orders::Act;
use crate::running::{Finished, Running};
use crate::set::{Set, WIPE, at_call, at_change};

/// Starts the command, and presses Ctrl-C as soon as a child hangs.
fn interrupted(set: &Set, args: &[&str], signal: Signal) -> Finished {
    let running = Running::start(&set.xtask(args));
    set.await_mark("hanging");
    running.signal(signal);
    running.ended().code(130)
}

#[test]
fn ctrl_c_in_the_middle_of_any_change_of_a_wipe_ends_well_when_run_again() {
    for number in 1..=WIPE_DEV.changes {
        let set = Set::usual();
        let neighbours = set.neighbours_of(Environment::Dev);
        set.order(&[at_change(number, Act::Hang)]);
        let ended = interrupted(
            &set,
            &[&WIPE[..], &["--format", "json"]].concat(),
            Signal::INT,
        );
        assert_eq!(ended.json()["outcome"], "interrupted");
        let journal = set.journal();
        assert_eq!(journal[journal.len() - 1]["outcome"], "interrupted");
        set.order(&[]);
        set.xtask(&WIPE).run().code(0);
        (WIPE_DEV.goal)(&set);
        set.touched_only(Environment::Dev);
        assert_eq!(set.neighbours_of(Environment::Dev), neighbours);
    }
}

#[test]
fn ctrl_c_while_the_engine_is_looked_at_touches_nothing() {
    let calls = ["info", "container inspect", " look ", "-e --raw", "du -sb"];
    let commands: [&[&str]; 2] = [&WIPE, &["reset-test", "--mode", "recreate"]];
    for (call, args) in calls
        .iter()
        .flat_map(|call| commands.map(|args| (*call, args)))
    {
        let set = Set::usual();
        set.order(&[at_call(call, 1, Act::Hang)]);
        interrupted(&set, args, Signal::INT);
        set.untouched();
        assert_eq!(set.journal(), Vec::<serde_json::Value>::new(), "{call}");
    }
}

#[test]
fn a_termination_or_a_closed_terminal_is_taken_as_ctrl_c() {
    for signal in [Signal::TERM, Signal::HUP] {
        let set = Set::usual();
        set.order(&[at_call("volume rm", 1, Act::Hang)]);
        interrupted(&set, &WIPE, signal);
        set.order(&[]);
        set.xtask(&WIPE).run().code(0);
    }
}

#[test]
fn ctrl_c_while_a_server_is_waited_for_does_not_wait_for_its_patience() {
    let set = Set::empty();
    let fate = Fate {
        sick: Some("HTTP refuses connections".to_owned()),
        ..Fate::default()
    };
    set.change(|state| {
        state.fates.insert("tta-dev-neo4j".to_owned(), fate);
    });
    let running = Running::start(&set.xtask(&["up", "dev"]));
    running.says("compose up (");
    running.signal(Signal::INT);
    running.ended().code(130);
    set.change(|state| {
        let container = state
            .containers
            .get_mut("tta-dev-neo4j")
            .expect("it is there");
        container.fate = Fate::default();
    });
    set.xtask(&["up", "dev"]).run().code(0);
}

#[test]
fn ctrl_c_ends_every_command_that_changes_something() {
    for args in CHANGING {
        let set = Set::usual();
        set.order(&[at_call("network inspect", 1, Act::Hang)]);
        interrupted(&set, args, Signal::INT);
        set.untouched();
    }
}
