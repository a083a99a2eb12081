//! Emptying test: its fixture, and what stands against emptying it in place.

use std::fs;

use environments::{Environment, Service, Volume};
use serde_json::json;

use crate::harness::Ended;
use crate::orders::Act;
use crate::set::{Set, at_call, main_set};

const RECREATED: &str = "by new volumes: ";

fn reset(set: &Set, more: &[&str]) -> Ended {
    set.xtask(&["reset-test"])
        .args(more)
        .folder(set.path(""))
        .run()
}

fn with_seed(text: &str) -> Set {
    let set = Set::usual();
    fs::write(set.path("seed.cypher"), text).expect("a fixture");
    set
}

/// What makes `auto` recreate, and `in-place` give up.
#[track_caller]
fn stands_against(change: impl Fn(&Set), reason: &str) {
    let set = Set::usual();
    change(&set);
    reset(&set, &["--mode", "in-place"])
        .code(1)
        .stderr_has("test cannot be emptied in place: ")
        .stderr_has(reason)
        .stderr_has("next: cargo xtask reset-test --mode recreate");
    set.untouched();
    reset(&set, &[])
        .code(0)
        .stderr_has(RECREATED)
        .stderr_has(reason);
    empty(&set, 0);
}

#[track_caller]
fn empty(set: &Set, nodes: u64) {
    let graph = set.graph(Environment::Test);
    set.emptied(Environment::Test, nodes);
    assert_eq!(graph.users, ["neo4j"]);
}

#[test]
fn a_healthy_test_with_little_in_it_is_emptied_in_place() {
    let set = Set::usual();
    let before = set.state();
    reset(&set, &[])
        .code(0)
        .stderr_has("empty in place: 3 nodes, 5 keys, 1 constraint, 1 index")
        .nowhere(RECREATED);
    empty(&set, 0);
    let after = set.state();
    let container = "tta-test-neo4j";
    assert_eq!(after.containers[container], before.containers[container]);
    set.touched_only(Environment::Test);
}

#[test]
fn a_lookup_index_that_somebody_dropped_is_there_again() {
    let set = Set::usual();
    set.change_graph(Environment::Test, |graph| graph.lookup_indexes.clear());
    reset(&set, &["--mode", "in-place"]).code(0);
    empty(&set, 0);
}

#[test]
fn a_user_that_somebody_added_to_neo4j_calls_for_new_volumes() {
    stands_against(
        |set| {
            set.change_graph(Environment::Test, |graph| {
                graph.users.push("mallory".to_owned())
            })
        },
        "Neo4j has the users neo4j, mallory",
    );
}

#[test]
fn a_setting_that_somebody_changed_in_neo4j_calls_for_new_volumes() {
    stands_against(
        |set| {
            set.change_graph(Environment::Test, |graph| {
                // Community has no way to do so.
                "enterprise".clone_into(&mut graph.edition);
                graph.settings.push("db.transaction.timeout".to_owned());
            });
        },
        "Neo4j's setting db.transaction.timeout was changed",
    );
}

#[test]
fn a_user_that_somebody_added_to_redis_calls_for_new_volumes() {
    stands_against(
        |set| {
            set.change_container(Environment::Test, Service::Redis, |container| {
                container
                    .users
                    .push("user mallory on nopass ~* &* +@all".to_owned());
            });
        },
        "Redis' user mallory is not as rendered",
    );
}

#[test]
fn a_user_whose_rights_somebody_widened_in_redis_calls_for_new_volumes() {
    stands_against(
        |set| {
            set.change_container(Environment::Test, Service::Redis, |container| {
                for line in &mut container.users {
                    if line.starts_with("user tta-test ") {
                        line.push_str(" ~staging:*");
                    }
                }
            });
        },
        "Redis' user tta-test is not as rendered",
    );
}

#[test]
fn a_setting_that_somebody_changed_in_redis_calls_for_new_volumes() {
    stands_against(
        |set| {
            set.change_container(Environment::Test, Service::Redis, |container| {
                container
                    .drift
                    .push("the setting maxmemory was changed".to_owned());
            });
        },
        "Redis: the setting maxmemory was changed",
    );
}

#[test]
fn a_server_that_does_not_answer_calls_for_new_volumes() {
    stands_against(
        |set| {
            set.change_container(Environment::Test, Service::Neo4j, |container| {
                container.fate.sick = Some("HTTP refuses connections".to_owned());
            });
        },
        "Neo4j cannot be asked",
    );
    stands_against(
        |set| {
            set.change_container(Environment::Test, Service::Redis, |container| {
                "exited".clone_into(&mut container.status);
            });
        },
        "Redis cannot be asked: its container is exited",
    );
}

#[test]
fn a_test_that_was_never_started_is_made() {
    let set = Set::running(&[Environment::Dev]);
    reset(&set, &[]).code(0).stderr_has(RECREATED);
    empty(&set, 0);
}

#[test]
fn much_data_is_replaced_by_new_volumes_unless_asked_otherwise() {
    let much = |set: &Set| {
        set.change_graph(Environment::Test, |graph| graph.nodes = 300_000);
    };
    let set = Set::usual();
    much(&set);
    reset(&set, &[])
        .code(0)
        .stderr_has("300002 nodes and relationships are more than 200000");
    let set = Set::usual();
    much(&set);
    reset(&set, &["--mode", "in-place"]).code(0);
    empty(&set, 0);
}

#[test]
fn schema_that_appears_while_it_is_emptied_is_told() {
    let set = Set::usual();
    // Somebody makes an index once it is known what there is.
    let volume = main_set(Environment::Test).volume(Volume::Neo4jData);
    let graph = json!({ "graph": { "indexes": ["a_new_one"] } });
    let patch = json!({ "volumes": { volume: graph } });
    set.order(&[at_call(" bolt ", 1, Act::Behind(patch))]);
    reset(&set, &["--mode", "in-place"])
        .code(1)
        .stderr_has("test is not empty: constraints or indexes appeared");
}

#[test]
fn a_flush_that_is_not_acknowledged_is_a_failure() {
    let set = Set::usual();
    let reply = Act::Reply {
        code: 0,
        stdout: "OK\n(error) BUSY Redis is busy running a script\nOK\n".to_owned(),
        stderr: String::new(),
    };
    set.order(&[at_call("tta-redis-admin -e\n", 1, reply)]);
    reset(&set, &["--mode", "in-place"])
        .code(1)
        .nowhere("test is empty");
}

#[test]
fn a_fixture_is_loaded_into_what_was_emptied() {
    for mode in ["auto", "in-place", "recreate"] {
        let set = with_seed("// two\nCREATE (:Test {t: 'a;b'});\nCREATE (:Test);\n");
        reset(&set, &["--mode", mode, "--seed", "seed.cypher"])
            .code(0)
            .stderr_has("load 2 statements of seed.cypher");
        empty(&set, 2);
    }
}

#[test]
fn a_fixture_that_is_not_there_is_told_before_anything_is_asked() {
    let set = Set::usual();
    reset(&set, &["--seed", "none.cypher"])
        .code(2)
        .stderr_has("the fixture none.cypher cannot be read");
    fs::create_dir(set.path("folder.cypher")).expect("a folder");
    reset(&set, &["--seed", "folder.cypher"])
        .code(2)
        .stderr_has("cannot be read");
    fs::write(set.path("latin1.cypher"), b"CREATE (:T {t: '\xe9'});").expect("a fixture");
    reset(&set, &["--seed", "latin1.cypher"])
        .code(2)
        .stderr_has("cannot be read");
    assert_eq!(set.calls(), Vec::<(String, String)>::new());
}

#[test]
fn a_fixture_with_a_command_of_the_shell_or_an_open_quote_is_told_before_anything_is_asked() {
    for (text, problem) in [
        (
            ":param x => 1;\nCREATE (:Test);",
            "is a command of cypher-shell, not Cypher",
        ),
        ("CREATE (:Test {t: 'x});", "does not end"),
        (
            "CREATE (:Test);\n:source /etc/passwd\n",
            "is a command of cypher-shell, not Cypher",
        ),
    ] {
        let set = with_seed(text);
        reset(&set, &["--seed", "seed.cypher"])
            .code(2)
            .stderr_has("seed.cypher")
            .stderr_has(problem);
        assert_eq!(set.calls(), Vec::<(String, String)>::new());
    }
}

#[test]
fn a_statement_of_a_fixture_that_fails_is_named_by_its_number_and_text() {
    for mode in ["in-place", "recreate"] {
        let set = with_seed("CREATE (:Test);\nCREATE (:Test);\nBROKEN (:Test);\nCREATE (:Test);\n");
        reset(&set, &["--mode", mode, "--seed", "seed.cypher"])
            .code(1)
            .stderr_has(
                "test was emptied, but statement 3 of seed.cypher failed: Invalid input 'BROKEN'",
            )
            .stderr_has("    BROKEN (:Test)")
            .stderr_has("fix the fixture and run the same command again");
        fs::write(set.path("seed.cypher"), "CREATE (:Test);\n").expect("a fixture");
        reset(&set, &["--mode", mode, "--seed", "seed.cypher"]).code(0);
        empty(&set, 1);
    }
}

#[test]
fn a_fixture_that_divides_by_zero_is_not_taken_for_somebody_writing() {
    let set = with_seed("CREATE (:Test);\nBROKEN / by zero;\n");
    reset(&set, &["--mode", "in-place", "--seed", "seed.cypher"])
        .code(1)
        .stderr_has("statement 2 of seed.cypher failed")
        .nowhere("somebody is still writing");
}
