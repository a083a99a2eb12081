//! Somebody else changes the engine between the plan and its execution.

use environments::{Environment, Service};
use serde_json::json;

use crate::orders::Act;
use crate::set::{Set, WIPE, at_change, main_set};

/// When a wipe has ended and removed the containers, and before it removes volumes.
const CONTAINERS_GONE: usize = 4;

fn volumes_kept(set: &Set) {
    let removed = set
        .changes()
        .iter()
        .any(|subject| subject.starts_with("volume"));
    assert!(!removed, "a volume was touched: {:?}", set.changes());
    set.holds(Environment::Dev, 3, 5);
}

#[test]
fn a_volume_that_was_made_anew_since_the_plan_is_not_removed() {
    let set = Set::usual();
    let patch =
        json!({ "volumes": { "tta_neo4j_dev_data": { "created_at": "2031-05-05T05:05:05Z" } } });
    set.order(&[at_change(CONTAINERS_GONE, Act::Behind(patch))]);
    set.xtask(&WIPE)
        .run()
        .code(3)
        .stderr_has("the volume tta_neo4j_dev_data is not the one that the plan saw")
        .stderr_has("2031-05-05T05:05:05Z")
        .stderr_has("run the same command again");
    volumes_kept(&set);
    set.order(&[]);
    set.xtask(&WIPE).run().code(0);
}

#[test]
fn a_volume_whose_labels_say_another_environment_since_the_plan_is_not_removed() {
    let set = Set::usual();
    let patch = json!({ "volumes": { "tta_redis_dev_data": { "labels": { "org.tta.environment": "staging" } } } });
    set.order(&[at_change(CONTAINERS_GONE, Act::Behind(patch))]);
    set.xtask(&WIPE)
        .run()
        .code(3)
        .stderr_has("the volume tta_redis_dev_data is not the one that the plan saw");
    volumes_kept(&set);
    set.order(&[]);
    // From now on it is somebody else's volume under our name.
    set.xtask(&WIPE)
        .run()
        .code(3)
        .stderr_has("org.tta.environment=\"staging\"");
}

/// A container that somebody made, with that volume.
fn stranger(volume: &str) -> serde_json::Value {
    json!({
        "id": "f".repeat(64), "project": "", "image": "busybox", "labels": {}, "command": [],
        "mounts": { "/backup": volume }, "ports": {}, "password": "",
        "status": "running", "started_at": "2031-01-01T00:00:00Z", "users": [], "drift": [],
        "fate": { "ends_with": null, "out_of_memory": false, "sick": null, "log": [] },
    })
}

#[test]
fn a_volume_that_another_container_has_begun_to_use_is_not_removed() {
    let set = Set::usual();
    let guest = stranger("tta_neo4j_dev_data");
    let patch = json!({ "containers": { "a-backup": guest } });
    set.order(&[at_change(CONTAINERS_GONE, Act::Behind(patch))]);
    set.xtask(&WIPE).run().code(3).stderr_has(
        "the volume tta_neo4j_dev_data is in use by another container: ffffffffffff a-backup",
    );
    volumes_kept(&set);
    assert_eq!(set.state().containers["a-backup"].status, "running");
}

#[test]
fn a_container_that_was_replaced_since_the_plan_is_not_emptied_in_place() {
    let set = Set::usual();
    let patch = json!({ "containers": { "tta-test-neo4j": { "id": "e".repeat(64) } } });
    // The last look before the servers are told anything is the third at these two.
    let words = "container inspect tta-test-neo4j tta-test-redis";
    set.order(&[crate::set::at_call(words, 2, Act::Behind(patch))]);
    set.xtask(&["reset-test", "--mode", "in-place"])
        .run()
        .code(3)
        .stderr_has("tta-test-neo4j is not the container that the plan saw");
    set.untouched();
}

#[test]
fn a_container_that_somebody_removed_since_the_plan_is_no_failure() {
    let set = Set::usual();
    let patch = json!({ "containers": { "tta-dev-redis": null } });
    set.order(&[at_change(1, Act::Behind(patch))]);
    set.xtask(&WIPE).run().code(0);
    set.holds(Environment::Dev, 0, 0);
}

#[test]
fn a_container_that_ended_by_itself_since_the_plan_is_no_failure() {
    let set = Set::usual();
    let patch = json!({ "containers": { "tta-dev-redis": { "status": "exited" } } });
    set.order(&[at_change(1, Act::Behind(patch))]);
    set.xtask(&WIPE).run().code(0);
}

#[test]
fn a_volume_that_somebody_removed_since_the_plan_is_no_failure() {
    let set = Set::usual();
    let patch = json!({ "volumes": { "tta_neo4j_dev_logs": null } });
    set.order(&[at_change(CONTAINERS_GONE, Act::Behind(patch))]);
    set.xtask(&WIPE).run().code(0);
}

#[test]
fn a_network_that_somebody_removed_since_the_plan_is_no_failure() {
    let set = Set::usual();
    let patch = json!({ "networks": { "tta-dev-network": null } });
    set.order(&[at_change(CONTAINERS_GONE, Act::Behind(patch))]);
    set.xtask(&["down", "dev"]).run().code(0);
}

#[test]
fn a_container_that_somebody_thawed_since_the_plan_is_no_failure() {
    let set = Set::usual();
    set.change_container(Environment::Dev, Service::Neo4j, |container| {
        "paused".clone_into(&mut container.status);
    });
    let name = main_set(Environment::Dev).container(Service::Neo4j);
    let patch = json!({ "containers": { name: { "status": "running" } } });
    set.order(&[crate::set::at_call("unpause", 1, Act::Behind(patch))]);
    set.xtask(&["up", "dev"]).run().code(0);
}

#[test]
fn a_neighbour_that_changes_meanwhile_and_not_by_this_tool_is_told() {
    for (change, said) in [
        (
            json!({ "containers": { "tta-staging-neo4j": { "started_at": "2031-01-01T00:00:00Z" } } }),
            "tta-staging-neo4j",
        ),
        (
            json!({ "containers": { "tta-test-redis": null } }),
            "tta-test-redis",
        ),
        (
            json!({ "volumes": { "tta_redis_staging_data": { "created_at": "2031-01-01T00:00:00Z" } } }),
            "tta_redis_staging_data",
        ),
        (
            json!({ "volumes": { "tta_neo4j_test_data": null } }),
            "tta_neo4j_test_data was made at",
        ),
        // Neither id, start time nor a volume's date changes by these.
        (
            json!({ "containers": { "tta-staging-redis": { "status": "exited" } } }),
            "now exited",
        ),
        (
            json!({ "containers": { "tta-staging-neo4j": { "status": "paused" } } }),
            "now paused",
        ),
        (
            json!({ "networks": { "tta-test-network": null } }),
            "the network tta-test-network was there",
        ),
        (
            json!({ "networks": { "tta-test-network": { "id": "d".repeat(64) } } }),
            "the network tta-test-network was there",
        ),
        (
            json!({ "networks": { "tta-prod-network": { "id": "d".repeat(64), "labels": {} } } }),
            "the network tta-prod-network was absent, now there",
        ),
        (
            json!({ "containers": { "tta-prod-redis": stranger("tta-prod-network") } }),
            "tta-prod-redis was absent, now running since",
        ),
    ] {
        let set = Set::usual();
        set.order(&[at_change(CONTAINERS_GONE, Act::Behind(change))]);
        set.xtask(&WIPE)
            .run()
            .code(1)
            .stderr_has("dev is done, but meanwhile other environments have changed")
            .stderr_has(said)
            .stderr_has("cargo xtask status");
    }
}

#[test]
fn a_neighbour_that_recovers_by_itself_meanwhile_is_no_alarm() {
    let set = Set::usual();
    set.change_container(Environment::Staging, Service::Redis, |container| {
        container.fate.sick = Some("not yet".to_owned());
    });
    let patch = json!({ "containers": { "tta-staging-redis": { "fate": { "sick": null } } } });
    set.order(&[at_change(CONTAINERS_GONE, Act::Behind(patch))]);
    let wiped = set.xtask(&WIPE).run().code(0);
    wiped
        .nowhere("tta-staging-redis")
        .stdout_has("; 12 objects of other environments unchanged");
}

#[test]
fn a_neighbour_that_gets_sick_meanwhile_is_told_and_not_called_unchanged() {
    let set = Set::usual();
    let patch = json!({ "containers": { "tta-staging-redis": { "fate": { "sick": "no" } } } });
    set.order(&[at_change(CONTAINERS_GONE, Act::Behind(patch))]);
    set.xtask(&WIPE)
        .run()
        .code(0)
        .stderr_has("meanwhile tta-staging-redis was healthy, now unhealthy")
        .stdout_has("; 11 objects of other environments unchanged");
}

#[test]
fn data_that_somebody_goes_on_writing_is_told_and_never_called_empty() {
    for (volume, args) in [
        ("tta_neo4j_test_data", ["reset-test", "--mode", "in-place"]),
        ("tta_redis_test_data", ["reset-test", "--mode", "in-place"]),
        ("tta_neo4j_test_data", ["reset-test", "--mode", "recreate"]),
        ("tta_redis_test_data", ["reset-test", "--mode", "recreate"]),
    ] {
        let set = Set::usual();
        set.change(|state| {
            state.writers.insert(volume.to_owned(), 1);
        });
        set.xtask(&args)
            .run()
            .code(1)
            .stderr_has("test is not empty")
            .stderr_has("somebody is still writing to it")
            .stderr_has("tta-redis-admin CLIENT LIST")
            .nowhere("test is empty");
    }
}
