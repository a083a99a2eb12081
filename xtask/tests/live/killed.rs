//! `kill -9` at every call that changes something, then the same command again, at once.

use crate::live::Live;
use crate::shim::{Moment, Shim};

/// The calls of a wipe and of a reset by new volumes that change something, in their order. The
/// last one only looks, but until it has, nothing is proved.
const RECREATION: [&str; 5] = ["kill", "rm", "volume rm", "compose up", "bolt"];

#[test]
fn a_wipe_killed_at_any_call_is_brought_to_its_end_by_the_next() {
    let live = Live::new("wipe-dev killed at every call");
    let wipe = ["wipe-dev", "--confirm", "DELETE DEV DATA"];
    survives(&live, "dev", "test", &wipe, &RECREATION, &Moment::ALL);
}

#[test]
fn a_reset_by_new_volumes_killed_at_any_call_is_brought_to_its_end_by_the_next() {
    let live = Live::new("reset-test --mode recreate killed at every call");
    let reset = ["reset-test", "--mode", "recreate"];
    // What goes on after the tool's death is the same plan's, and tried above.
    survives(
        &live,
        "test",
        "dev",
        &reset,
        &RECREATION,
        &[Moment::Before, Moment::After],
    );
}

#[test]
fn a_reset_in_place_killed_at_any_call_is_brought_to_its_end_by_the_next() {
    let live = Live::new("reset-test --mode in-place killed at every call");
    let reset = ["reset-test", "--mode", "in-place"];
    let calls = ["redis script", "bolt"];
    survives(&live, "test", "dev", &reset, &calls, &Moment::ALL);
}

/// Kills the command at each of its calls, runs it again, and looks: the environment is empty and
/// its neighbour as it was.
fn survives(
    live: &Live,
    environment: &str,
    neighbour: &str,
    command: &[&str],
    calls: &[&str],
    moments: &[Moment],
) {
    live.up(&["dev", "test"]);
    live.write(neighbour, "to be kept");
    let before = live.evidence(neighbour);

    // These are all of them: a step that is new must be killed here too.
    fill(live, environment);
    let recording = Shim::recording();
    recording.before(live.xtask(command)).run().code(0);
    let mut made = recording.record();
    let mut expected: Vec<String> = calls.iter().map(ToString::to_string).collect();
    made.sort_unstable();
    expected.sort_unstable();
    assert_eq!(made, expected);

    for call in calls {
        for moment in moments {
            fill(live, environment);
            let shim = Shim::killing(call, *moment);
            let killed = shim.before(live.xtask(command)).run();
            assert_eq!(
                killed.code, None,
                "not killed {moment:?} {call}: {killed:?}"
            );
            live.xtask(command).run().code(0);
            live.assert_empty(environment);
            assert_eq!(live.evidence(neighbour), before, "killed {moment:?} {call}");
        }
    }
}

/// Data, schema and a function, so that every call has something to remove.
fn fill(live: &Live, environment: &str) {
    live.write(environment, "to be removed");
    live.graph(
        environment,
        "CREATE CONSTRAINT one IF NOT EXISTS FOR (t:Thought) REQUIRE t.id IS UNIQUE",
    );
    let library = "#!lua name=live\nredis.register_function('one', function() return 1 end)";
    live.admin(environment, &["FUNCTION", "LOAD", "REPLACE", library]);
}
