//! A snapshot put in place of what an environment holds.

use serde_json::{Value, json};

use crate::docker::{inspect, until};
use crate::live::Live;
use crate::shim::{Moment, Shim};

/// Nodes and keys with their values.
fn held(live: &Live) -> (Value, Value, Value) {
    let mut redis = live.redis("staging");
    (
        live.graph(
            "staging",
            "MATCH (n) RETURN n.mark, n.n ORDER BY n.mark, n.n",
        ),
        redis.ask(&["GET", "staging:trace:first"]).expect("a reply"),
        redis.ask(&["GET", "staging:trace:later"]).expect("a reply"),
    )
}

#[test]
fn a_restore_brings_back_both_stores_keeps_what_was_there_and_goes_on_where_it_was_killed() {
    let live = Live::new("a restore");
    live.up(&["staging"]);
    live.write("staging", "first");
    let kept = held(&live);
    let path = live.snapshot("staging");
    let id = path
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let restore = ["restore", "staging", id.as_str()];
    let phrase = format!("RESTORE STAGING {id}");
    let confirmed = |shim: Option<&Shim>| {
        let command = live.xtask(&restore).args(&["--confirm", &phrase]);
        match shim {
            Some(shim) => shim.before(command),
            None => command,
        }
    };
    live.write("staging", "later");
    let later = held(&live);
    assert_ne!(later, kept);
    let before = live.containers("staging");

    // Nobody was asked, or said something else: nothing is touched.
    live.xtask(&restore).run().code(3).stderr_has(&phrase);
    live.xtask(&restore)
        .args(&["--confirm", "yes"])
        .run()
        .code(1);
    live.xtask(&restore).args(&["--dry-run"]).run().code(0);
    live.xtask(&["restore", "dev", &id]).run().code(1);
    assert_eq!(
        (live.containers("staging"), held(&live)),
        (before.clone(), later.clone())
    );

    // Killed while the servers still run: nothing has changed for them.
    let shim = Shim::killing("stop", Moment::Before);
    // The first server that is stopped is a scratch one.
    assert_eq!(confirmed(Some(&shim)).run().code, None);
    until("they answer", || live.keys("staging") == 4);
    assert_eq!(
        (live.containers("staging"), held(&live)),
        (before, later.clone())
    );

    // Killed when they are stopped and swapped, and before they are started.
    let shim = Shim::killing("compose up", Moment::Before);
    assert_eq!(confirmed(Some(&shim)).run().code, None);
    let status = &inspect("container", &live.container("staging", "neo4j"))["State"]["Status"];
    assert_eq!(*status, json!("exited"));
    confirmed(None)
        .run()
        .code(0)
        .nowhere("load ")
        .stdout_has("holds");
    assert_eq!(held(&live), kept);
    live.assert_no_scratch();
    // Its store has the id that it was saved with, and that is nobody else's.
    live.xtask(&["verify-isolation", "staging", "--layer", "data"])
        .run()
        .code(0)
        .stdout_has("isolated");

    // What was there is in a snapshot of its own, and in the volumes until it is forgotten.
    confirmed(None).run().code(3).stderr_has("--forget");
    let forget = format!("FORGET STAGING {id}");
    live.xtask(&restore)
        .args(&["--forget"])
        .run()
        .code(3)
        .stderr_has(&forget);
    live.xtask(&restore)
        .args(&["--forget", "--confirm", &forget])
        .run()
        .code(0);
    let safety = live
        .saved_names("staging")
        .pop()
        .expect("a safety snapshot");
    assert_ne!(safety, id);
    let phrase = format!("RESTORE STAGING {safety}");
    live.xtask(&["restore", "staging", &safety, "--confirm", &phrase])
        .run()
        .code(0);
    assert_eq!(held(&live), later);
    live.assert_no_scratch();
}
