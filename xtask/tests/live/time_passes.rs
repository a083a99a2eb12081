//! A run that was cut off, then time, then the same command: nothing of the first is believed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::docker::{docker, inspect, until};
use crate::live::Live;
use crate::shim::Shim;

/// Between two writes of a client.
const PACE: Duration = Duration::from_millis(20);

/// Staging saved and drilled; the snapshot's id.
fn saved(live: &Live) -> String {
    live.write("staging", "first");
    let path = live.snapshot("staging");
    live.xtask(&["drill"]).run().code(0);
    let name = path.file_name().expect("a name");
    name.to_string_lossy().into_owned()
}

#[test]
fn a_wipe_or_restore_that_was_cut_off_is_no_leave_to_remove_what_was_written_since() {
    let live = Live::new("time that passes");
    live.up(&["staging"]);
    let id = saved(&live);
    wipe_begins_anew(&live, &id);
    restore_begins_anew(&live, &id);
}

/// Its first `docker kill` fails: nothing is touched. People go on writing, and staging is stopped.
fn wipe_begins_anew(live: &Live, id: &str) {
    let phrase = format!("DELETE STAGING DATA, BACKUP {id}");
    let wipe = || live.xtask(&["wipe", "staging", "--backup", id, "--confirm", &phrase]);
    let shim = Shim::failing("kill");
    shim.before(wipe()).run().code(1).stderr_has(": kill tta-");
    live.write("staging", "since");
    let since = live.evidence("staging");
    live.xtask(&["down", "staging"]).run().code(0);
    wipe()
        .run()
        .code(3)
        .stderr_has("cargo xtask up staging")
        .nowhere("goes on");
    assert_eq!(live.made("staging"), since.volumes);
    // As it says; and then the guards say what would be lost.
    live.up(&["staging"]);
    wipe().run().code(1).stderr_has("LOSING CHANGES SINCE");
    let now = live.evidence("staging");
    assert_eq!((now.nodes, now.keys), (since.nodes, since.keys));
}

/// It is refused at its end, because somebody writes. Then staging is stopped.
fn restore_begins_anew(live: &Live, id: &str) {
    let phrase = format!("RESTORE STAGING {id}");
    let restore = || live.xtask(&["restore", "staging", id, "--confirm", &phrase]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0_u32.. {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                // One key: all that is there is looked at more than once.
                let number = number.to_string();
                let set = live
                    .redis("staging")
                    .ask(&["SET", "staging:writer", &number]);
                assert_eq!(set, Ok(json!("OK")));
                thread::sleep(PACE);
            }
        });
        let refused = restore().run();
        over.store(true, Ordering::SeqCst);
        refused.code(3).stderr_has("somebody writes");
    });
    live.write("staging", "late");
    let late = live.evidence("staging");
    live.xtask(&["down", "staging"]).run().code(0);
    restore().run().code(3).stderr_has("cargo xtask up staging");
    live.up(&["staging"]);
    let done = restore().run().code(0);
    // What was written last is in the snapshot that it names.
    let safety = live.saved_names("staging").pop().expect("a snapshot");
    let said = format!("what was there before is saved as {safety}");
    assert!(done.stdout.contains(&said), "{}", done.stdout);
    let manifest = live.saved("staging").join(&safety);
    let manifest = std::fs::read_to_string(manifest.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("it is JSON");
    let nodes = late.nodes.as_array().expect("rows").len();
    assert_eq!(manifest["fingerprint"]["neo4j"]["nodes"], json!(nodes));
    live.xtask(&["history", "--verify"]).run().code(0);
    live.assert_no_scratch();
}

#[test]
fn a_neighbour_that_somebody_kills_or_freezes_meanwhile_is_told() {
    let live = Live::new("neighbours that change");
    live.up(&["dev", "staging"]);
    for (call, state) in [("kill", "exited"), ("pause", "paused")] {
        let shim = Shim::holding("volume rm");
        let wipe = ["wipe-dev", "--confirm", "DELETE DEV DATA"];
        let redis = live.container("staging", "redis");
        thread::scope(|scope| {
            let run = scope.spawn(|| shim.before(live.xtask(&wipe)).run());
            until("the wipe is at its volumes", || shim.reached());
            docker(&[call, &redis]);
            shim.release();
            let run = run.join().expect("it ends");
            run.code(1).stderr_has(&redis).stderr_has(state);
        });
        let stands = &inspect("container", &redis)["State"]["Status"];
        assert_eq!(*stands, json!(state));
        live.up(&["staging"]);
    }
    // One after the other is no finding of the next.
    let wipe = ["wipe-dev", "--confirm", "DELETE DEV DATA"];
    live.xtask(&wipe).run().code(0).stdout_has("unchanged");
}
