//! Objects and servers that are not what their names say.

use environments::{Environment, Service, Volume};

use crate::engine::CHANGING;
use crate::harness::Ended;
use crate::set::{Set, WIPE, main_set};

/// What development's wipe says on this set: refused, with nothing touched.
fn refused(set: &Set) -> Ended {
    let ended = set.xtask(&WIPE).run().code(3);
    set.untouched();
    assert_eq!(set.journal(), Vec::<serde_json::Value>::new());
    ended
        .stderr_has("wipe-dev was refused for dev, nothing was touched")
        .stderr_has("next: ")
}

fn dev_volume(set: &Set, volume: Volume, change: impl FnOnce(&mut crate::model::Volume)) {
    let name = main_set(Environment::Dev).volume(volume);
    set.change(|state| change(state.volumes.get_mut(&name).expect("it is there")));
}

#[test]
fn a_volume_of_our_name_with_another_environments_labels_is_left_alone() {
    let set = Set::usual();
    dev_volume(&set, Volume::RedisData, |volume| {
        volume
            .labels
            .insert("org.tta.environment".to_owned(), "staging".to_owned());
    });
    refused(&set)
        .stderr_has("the volume tta_redis_dev_data is labelled org.tta.environment=\"staging\"")
        .stderr_has("docker volume inspect tta_redis_dev_data");
}

#[test]
fn a_volume_of_our_name_with_another_instances_labels_is_left_alone() {
    let set = Set::usual();
    dev_volume(&set, Volume::Neo4jLogs, |volume| {
        volume
            .labels
            .insert("org.tta.instance".to_owned(), "ci42".to_owned());
    });
    refused(&set).stderr_has("org.tta.instance=\"ci42\"");
}

#[test]
fn a_volume_of_our_name_without_labels_is_left_alone_with_how_to_keep_its_data() {
    let set = Set::usual();
    dev_volume(&set, Volume::Neo4jData, |volume| volume.labels.clear());
    refused(&set)
        .stderr_has("the volume tta_neo4j_dev_data carries no label of ours")
        .stderr_has("to keep its data: docker run --rm --volume tta_neo4j_dev_data:/from:ro");
}

#[test]
fn a_container_of_our_name_without_labels_is_left_alone() {
    let set = Set::usual();
    set.change_container(Environment::Dev, Service::Redis, |container| {
        container.labels.clear()
    });
    refused(&set)
        .stderr_has("the container tta-dev-redis carries no label of ours")
        .stderr_has("docker container inspect tta-dev-redis");
}

#[test]
fn a_container_that_stores_elsewhere_is_left_alone() {
    let set = Set::usual();
    set.change_container(Environment::Dev, Service::Neo4j, |container| {
        let staging = main_set(Environment::Staging).volume(Volume::Neo4jData);
        container.mounts.insert("/data".to_owned(), staging);
    });
    refused(&set).stderr_has(
        "the container tta-dev-neo4j has \"tta_neo4j_staging_data\" at /data, expected the volume tta_neo4j_dev_data",
    );
}

#[test]
fn a_network_of_our_name_with_other_labels_is_left_alone() {
    let set = Set::usual();
    let name = main_set(Environment::Dev).network();
    set.change(|state| {
        let network = state.networks.get_mut(&name).expect("it is there");
        network
            .labels
            .insert("org.tta.environment".to_owned(), "test".to_owned());
    });
    refused(&set)
        .stderr_has("the network tta-dev-network is labelled org.tta.environment=\"test\"");
    set.xtask(&["down", "dev"]).run().code(3);
    set.untouched();
}

#[test]
fn a_server_whose_home_is_another_database_is_left_alone() {
    let set = Set::usual();
    set.change_graph(Environment::Dev, |graph| {
        "tta-staging".clone_into(&mut graph.home)
    });
    refused(&set)
        .stderr_has(
            "the Neo4j in tta-dev-neo4j calls \"tta-staging\" its home database, expected tta-dev",
        )
        .stderr_has("cargo xtask init-neo4j dev");
}

#[test]
fn a_redis_without_the_environments_user_is_left_alone() {
    let set = Set::usual();
    set.change_container(Environment::Dev, Service::Redis, |container| {
        container.users = vec![
            "user default on nopass ~* &* +@all".to_owned(),
            "user tta-staging on #00 ~staging:* &staging:* +@all".to_owned(),
        ];
    });
    refused(&set)
        .stderr_has("the Redis in tta-dev-redis has no user tta-dev for the keys development:*")
        .stderr_has("cargo xtask redis dev ACL WHOAMI");
}

#[test]
fn the_test_environment_is_refused_by_the_command_that_was_typed() {
    let set = Set::usual();
    set.change_graph(Environment::Test, |graph| {
        "tta-dev".clone_into(&mut graph.home)
    });
    for mode in ["auto", "in-place", "recreate"] {
        set.xtask(&["reset-test", "--mode", mode])
            .run()
            .code(3)
            .stderr_has("reset-test was refused for test, nothing was touched");
    }
    set.untouched();
}

#[test]
fn every_objection_is_told_at_once() {
    let set = Set::usual();
    dev_volume(&set, Volume::Neo4jData, |volume| volume.labels.clear());
    dev_volume(&set, Volume::RedisData, |volume| volume.labels.clear());
    refused(&set)
        .stderr_has("tta_neo4j_dev_data carries no label")
        .stderr_has("tta_redis_dev_data carries no label");
}

#[test]
fn no_command_works_on_what_is_not_ours() {
    let set = Set::usual();
    for environment in Environment::LOCAL {
        let name = main_set(environment).volume(Volume::Neo4jData);
        set.change(|state| {
            state
                .volumes
                .get_mut(&name)
                .expect("it is there")
                .labels
                .clear()
        });
    }
    for args in CHANGING {
        set.xtask(args)
            .run()
            .code(3)
            .stderr_has("carries no label of ours");
        set.xtask(args).args(&["--dry-run"]).run().code(3);
    }
    for args in [
        &["adopt", "dev", "--engine"][..],
        &["logs", "dev"],
        &["cypher", "dev", "RETURN 1"],
        &["redis", "dev", "PING"],
        &["init-neo4j", "dev"],
    ] {
        set.xtask(args)
            .run()
            .code(3)
            .stderr_has("carries no label of ours");
    }
    set.untouched();
}

#[test]
fn one_environment_that_is_not_ours_keeps_the_others_from_being_touched_too() {
    let set = Set::usual();
    set.change_container(Environment::Test, Service::Redis, |container| {
        container.labels.clear()
    });
    set.xtask(&["down", "dev", "test"])
        .run()
        .code(3)
        .stderr_has("down was refused for test");
    set.xtask(&["up", "dev", "test"])
        .run()
        .code(3)
        .stderr_has("up was refused for test");
    set.untouched();
}

#[test]
fn a_development_that_is_down_is_wiped_by_its_labels_and_the_plan_says_so() {
    let set = Set::usual();
    set.xtask(&["down", "dev"]).run().code(0);
    set.xtask(&WIPE)
        .run()
        .code(0)
        .stderr_has("Neo4j: contents not inspected, it has no container")
        .stderr_has("Redis: contents not inspected, it has no container");
    set.holds(Environment::Dev, 0, 0);
}

#[test]
fn a_development_that_is_broken_is_wiped_by_its_labels_and_the_plan_says_so() {
    let set = Set::usual();
    set.change_container(Environment::Dev, Service::Neo4j, |container| {
        container.fate.sick = Some("HTTP refuses connections".to_owned());
    });
    set.xtask(&WIPE)
        .run()
        .code(0)
        .stderr_has("Neo4j: contents not inspected")
        .stderr_has("refuses connections");
    set.holds(Environment::Dev, 0, 0);
}

#[test]
fn another_engine_than_the_last_one_is_refused_until_it_is_adopted() {
    let set = Set::usual();
    set.xtask(&["up", "dev"]).run().code(0);
    let first = set.state().engine;
    let second = format!("{first}-moved");
    set.change(|state| state.engine.clone_from(&second));
    let before = set.changes();
    for args in [&WIPE[..], &["up", "dev"], &["down", "dev"]] {
        set.xtask(args)
            .run()
            .code(3)
            .stderr_has(&format!(
                "the journal has dev on the engine {first}, but the one that answers is {second}"
            ))
            .stderr_has("cargo xtask adopt dev --engine");
    }
    assert_eq!(set.changes(), before);
    // Another environment was never worked on: its engine is the one that answers.
    set.xtask(&["down", "test"]).run().code(0);
    set.xtask(&["adopt", "dev", "--engine", "--dry-run"])
        .run()
        .code(0);
    set.xtask(&WIPE).run().code(3);
    set.xtask(&["adopt", "dev", "--engine"])
        .run()
        .code(0)
        .stderr_has(&second);
    set.xtask(&WIPE).run().code(0);
}
