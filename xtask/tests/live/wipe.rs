//! `wipe-dev`: development is as on the first day, and nobody else has noticed.

use serde_json::{Value, json};

use crate::docker::docker;
use crate::live::Live;

const WIPE: [&str; 3] = ["wipe-dev", "--confirm", "DELETE DEV DATA"];

#[test]
fn wiping_dev_leaves_its_neighbours_as_they_were() {
    let live = Live::alone("wipe-dev beside live neighbours");
    live.up(&["dev", "test", "staging"]);
    for environment in ["dev", "test", "staging"] {
        live.write(environment, "kept?");
    }
    live.graph(
        "dev",
        "CREATE CONSTRAINT one FOR (t:Trace) REQUIRE t.id IS UNIQUE",
    );
    let store = store_id(&live);
    let ports = live.ports("dev");
    let dev = (live.containers("dev"), live.made("dev"));
    let neighbours = ["test", "staging"].map(|environment| live.evidence(environment));

    // Not without the phrase.
    live.xtask(&["wipe-dev"])
        .run()
        .code(3)
        .stderr_has("DELETE DEV DATA");
    live.xtask(&["wipe-dev"])
        .stdin("DELETE DEV DATA\n")
        .run()
        .code(3);
    live.xtask(&["wipe-dev", "--confirm", "delete dev data"])
        .run()
        .code(1);
    let planned = live
        .xtask(&WIPE)
        .args(&["--dry-run", "--format", "json"])
        .run()
        .code(0)
        .json();
    assert_eq!(planned["outcome"], "planned");
    assert_eq!((live.containers("dev"), live.made("dev")), dev);
    assert_eq!((live.nodes("dev"), live.keys("dev")), (2, 2));

    let wiped = live
        .xtask(&WIPE)
        .args(&["--format", "json"])
        .run()
        .code(0)
        .json();

    live.assert_empty("dev");
    assert_eq!(live.graph("dev", "CALL db.propertyKeys()"), json!([]));
    assert_eq!(live.graph("dev", "SHOW CONSTRAINTS"), json!([]));
    assert_ne!(store_id(&live), store, "the store is the old one");
    assert_eq!(live.ports("dev"), ports, "a wipe keeps the ports");
    let now = ["test", "staging"].map(|environment| live.evidence(environment));
    assert_eq!(now, neighbours);

    tells_what_it_did(&live, &wiped, &dev);
}

/// The JSON document and the journal, as the contract has them.
fn tells_what_it_did(live: &Live, wiped: &Value, dev: &(Vec<[String; 3]>, Vec<[String; 2]>)) {
    assert_eq!(wiped["command"], "wipe-dev");
    assert_eq!(wiped["environments"], json!(["dev"]));
    assert_eq!(wiped["instance"], live.name.as_str());
    assert_eq!(wiped["outcome"], "done");
    assert_eq!(wiped["error"], Value::Null);
    let steps = wiped["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 5, "{wiped}");
    for step in steps {
        assert!(
            step["action"].is_string()
                && step["because"].is_string()
                && step["seconds"].is_number(),
            "{step}"
        );
    }

    let history = live
        .xtask(&["history", "--format", "json"])
        .run()
        .code(0)
        .json();
    let run = history["runs"]
        .as_array()
        .and_then(|runs| runs.last())
        .expect("a run");
    assert_eq!(
        (&run["command"], &run["environment"], &run["outcome"]),
        (&json!("wipe-dev"), &json!("dev"), &json!("done"))
    );
    assert_eq!(run["instance"], live.name.as_str());
    assert_eq!(
        run["engine"],
        docker(&["info", "--format", "{{.ID}}"]).as_str()
    );
    let removed = run["removed"].to_string();
    for [name, id, _] in &dev.0 {
        assert!(
            removed.contains(&format!("container {name} {id}")),
            "{removed}"
        );
    }
    for [name, made] in &dev.1 {
        assert!(
            removed.contains(&format!("volume {name} created {made}")),
            "{removed}"
        );
    }
}

fn store_id(live: &Live) -> Value {
    live.value("dev", "CALL db.info() YIELD id RETURN id")
}

#[test]
fn wiping_dev_ends_well_whatever_is_left_of_it() {
    let live = Live::new("wipe-dev of what is stopped, half there, or absent");

    // Nothing exists.
    live.xtask(&WIPE).run().code(0);
    live.assert_empty("dev");

    // Stopped.
    live.write("dev", "stopped");
    docker(&[
        "stop",
        &live.container("dev", "neo4j"),
        &live.container("dev", "redis"),
    ]);
    live.xtask(&WIPE)
        .run()
        .code(0)
        .stderr_has("contents not inspected");
    live.assert_empty("dev");

    // One container is gone.
    live.write("dev", "no Redis");
    docker(&[
        "rm",
        "--force",
        "--volumes",
        &live.container("dev", "redis"),
    ]);
    live.xtask(&WIPE).run().code(0);
    live.assert_empty("dev");

    // All containers, the network and one volume are gone.
    live.write("dev", "no Redis data");
    docker(&[
        "rm",
        "--force",
        &live.container("dev", "redis"),
        &live.container("dev", "neo4j"),
    ]);
    docker(&["volume", "rm", &live.volumes("dev")[2]]);
    docker(&["network", "rm", &live.network("dev")]);
    live.xtask(&WIPE).run().code(0);
    live.assert_empty("dev");
}
