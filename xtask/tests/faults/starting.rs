//! Servers that do not come up: what is told, and what is left.

use environments::{Environment, Service};

use crate::harness::Ended;
use crate::model::Fate;
use crate::orders::Act;
use crate::set::{Set, at_call, at_change, main_set};

/// `up dev` on an empty engine, after `compose up` has failed with these words.
fn compose_says(words: &str) -> Ended {
    let set = Set::empty();
    set.answer("compose", 1, "", words);
    let ended = set.xtask(&["up", "dev"]).run().code(1);
    set.untouched();
    ended.stderr_has("dev: compose up").stderr_has(words.trim())
}

/// `up dev` on an empty engine where a server of it fares so.
fn fares(service: Service, fate: Fate) -> Ended {
    let set = Set::empty();
    let name = main_set(Environment::Dev).container(service);
    set.change(|state| {
        state.fates.insert(name.clone(), fate);
    });
    let ended = set.xtask(&["up", "dev", "--patience", "1"]).run().code(1);
    ended
        .stderr_has("dev: wait until both servers answer")
        .stderr_has(&name)
        .stderr_has(&format!("docker logs {name}"))
}

fn log(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

#[test]
fn a_missing_image_is_told_with_the_command_that_makes_it() {
    compose_says("Error response from daemon: No such image: tta-neo4j:5.26.30\n")
        .stderr_has("an image is missing")
        .stderr_has("next: cargo xtask images");
}

#[test]
fn a_full_disk_at_the_start_is_told_as_one() {
    compose_says(
        "Error response from daemon: mkdir /var/lib/docker/volumes/x: no space left on device\n",
    )
    .stderr_has("the engine's disk is full")
    .stderr_has("docker system df");
}

#[test]
fn a_start_that_fails_for_another_reason_shows_what_compose_said() {
    compose_says("yaml: line 7: mapping values are not allowed in this context\n");
}

#[test]
fn a_port_in_use_is_told_with_how_to_find_who_has_it_and_the_same_command_goes_on() {
    for said in [
        "Error response from daemon: driver failed programming external connectivity on endpoint \
         tta-dev-neo4j (0a1b): Bind for 127.0.0.1:7474 failed: port is already allocated\n",
        "Error response from daemon: driver failed programming external connectivity on endpoint \
         tta-dev-neo4j (0a1b): Error starting userland proxy: listen tcp4 127.0.0.1:7474: bind: \
         address already in use\n",
    ] {
        let set = Set::empty();
        let reply = Act::Reply {
            code: 1,
            stdout: String::new(),
            stderr: said.to_owned(),
        };
        // A network, three volumes and two containers are there; the first of these is started.
        set.order(&[at_change(7, reply)]);
        set.xtask(&["up", "dev"])
            .run()
            .code(1)
            .stderr_has("a port is in use")
            .stderr_has(said.trim())
            .stderr_has("docker ps --format");
        set.order(&[]);
        set.xtask(&["up", "dev"]).run().code(0);
    }
}

#[test]
fn a_server_that_never_gets_healthy_is_told_with_its_health_check_and_its_log() {
    fares(
        Service::Neo4j,
        Fate {
            sick: Some("Bolt refuses connections".to_owned()),
            log: log(&["Starting Neo4j.", "WARN: \u{1b}[2Jstill recovering"]),
            ..Fate::default()
        },
    )
    .stderr_has("was not healthy within 1 s: tta-neo4j-health: Bolt refuses connections")
    .stderr_has("    Starting Neo4j.\n")
    // A log must not be able to drive the terminal.
    .stderr_has("    WARN: \\u{1b}[2Jstill recovering")
    .nowhere("\u{1b}");
}

#[test]
fn a_server_in_which_nothing_can_be_started_is_told_in_the_engine_s_words() {
    let set = Set::usual();
    let words = "OCI runtime exec failed: cannot exec in a paused container: unknown\r\n";
    set.answer("tta-neo4j-health", 126, words, "");
    set.xtask(&["up", "dev"])
        .run()
        .code(1)
        .stderr_has("runs, but nothing can be started in it: OCI runtime exec failed: cannot exec")
        .nowhere("was not healthy within");
}

#[test]
fn a_redis_that_never_gets_healthy_is_told_likewise() {
    fares(
        Service::Redis,
        Fate {
            sick: Some("LOADING Redis is loading the dataset in memory".to_owned()),
            log: log(&["Reading RDB base file on AOF loading..."]),
            ..Fate::default()
        },
    )
    .stderr_has("tta-redis-health: LOADING Redis is loading the dataset")
    .stderr_has("    Reading RDB base file on AOF loading...");
}

#[test]
fn a_server_that_ends_at_its_start_is_told_with_its_exit_code_and_its_log() {
    fares(
        Service::Neo4j,
        Fate {
            ends_with: Some(3),
            log: log(&["Unrecognized setting. No declared setting with name: dbms.typo"]),
            ..Fate::default()
        },
    )
    .stderr_has("is exited with exit code 3")
    .stderr_has("    Unrecognized setting. No declared setting with name: dbms.typo");
}

#[test]
fn a_server_that_was_killed_for_want_of_memory_is_told_as_that() {
    fares(
        Service::Redis,
        Fate {
            ends_with: Some(137),
            out_of_memory: true,
            ..Fate::default()
        },
    )
    .stderr_has("was killed: out of memory");
}

#[test]
fn a_start_that_failed_for_its_servers_goes_on_once_they_are_mended() {
    let set = Set::empty();
    let name = main_set(Environment::Dev).container(Service::Neo4j);
    let fate = Fate {
        ends_with: Some(1),
        ..Fate::default()
    };
    set.change(|state| {
        state.fates.insert(name, fate);
    });
    set.xtask(&["up", "dev", "--patience", "1"]).run().code(1);
    set.change(|state| state.fates.clear());
    set.xtask(&["up", "dev"]).run().code(0);
}

#[test]
fn of_several_environments_the_others_are_started_although_one_fails() {
    let set = Set::empty();
    let name = main_set(Environment::Test).container(Service::Neo4j);
    let fate = Fate {
        ends_with: Some(1),
        ..Fate::default()
    };
    set.change(|state| {
        state.fates.insert(name, fate);
    });
    set.xtask(&["up", "--patience", "5"])
        .run()
        .code(1)
        .stderr_has("test: wait until both servers answer");
    for environment in [Environment::Dev, Environment::Staging] {
        for service in Service::ALL {
            let name = main_set(environment).container(service);
            assert_eq!(set.state().containers[&name].status, "running");
        }
    }
    let outcomes: Vec<String> = set
        .journal()
        .iter()
        .filter(|line| line["outcome"] != "started")
        .map(|line| format!("{} {}", line["environment"], line["outcome"]).replace('"', ""))
        .collect();
    for expected in ["dev done", "test failed", "staging done"] {
        assert!(
            outcomes.iter().any(|outcome| outcome == expected),
            "{outcomes:?}"
        );
    }
}

#[test]
fn a_password_that_the_volume_was_not_made_with_is_told_as_that() {
    let set = Set::usual();
    set.change_graph(Environment::Dev, |graph| {
        graph.refuses_logins = Some([
            "Neo.ClientError.Security.Unauthorized".to_owned(),
            "The client is unauthorized due to authentication failure.".to_owned(),
        ]);
    });
    set.xtask(&["up", "dev"])
        .run()
        .code(1)
        .stderr_has("Neo4j refused the login of neo4j on tta-dev")
        .stderr_has("the password given is not the one that its volume was made with")
        .stderr_has("ALTER CURRENT USER SET PASSWORD");
}

#[test]
fn a_password_that_the_health_check_cannot_log_in_with_is_told_as_that() {
    let set = Set::usual();
    set.change_graph(Environment::Dev, |graph| {
        "an-older-one".clone_into(&mut graph.password)
    });
    set.xtask(&["up", "dev", "--patience", "1"])
        .run()
        .code(1)
        .stderr_has("tta-dev-neo4j refused the login with the password that it was started with")
        .stderr_has("401 Unauthorized, Invalid credential.")
        .stderr_has("a volume keeps the password of its first start");
}

#[test]
fn a_volume_with_another_database_is_told_as_that() {
    let set = Set::usual();
    set.change_graph(Environment::Dev, |graph| {
        graph.refuses_statements = Some([
            "Neo.ClientError.Database.DatabaseNotFound".to_owned(),
            "Graph not found: tta-dev".to_owned(),
        ]);
    });
    set.xtask(&["up", "dev"])
        .run()
        .code(1)
        .stderr_has("Neo4j has no database tta-dev")
        .stderr_has("cargo xtask init-neo4j");
}

#[test]
fn a_bolt_that_is_dead_behind_a_good_health_check_is_not_taken_for_ready() {
    let set = Set::usual();
    set.answer(" bolt ", 1, "", "refuses connections\n");
    set.xtask(&["up", "dev"])
        .run()
        .code(1)
        .stderr_has("Neo4j of tta-dev on Bolt")
        .stderr_has("refuses connections");
}

#[test]
fn a_server_with_another_home_database_is_not_taken_for_ready() {
    let set = Set::usual();
    set.change_graph(Environment::Dev, |graph| {
        "neo4j".clone_into(&mut graph.home);
        graph.databases.insert("neo4j".to_owned());
    });
    set.xtask(&["up", "dev"])
        .run()
        .code(3)
        .stderr_has("cargo xtask init-neo4j dev")
        .stderr_has("calls \"neo4j\" its home database, expected \"tta-dev\"");
}

#[test]
fn a_bolt_that_says_nothing_or_anything_else_is_not_taken_for_ready() {
    for said in [
        "",
        "\0\0",
        "\0\0\0\0",
        "\0\0\u{4}\u{5}",
        "HTTP/1.1 400 Bad Request\n",
    ] {
        let set = Set::usual();
        set.answer(" bolt ", 0, said, "");
        let ended = set.xtask(&["up", "dev"]).run();
        assert!(matches!(ended.code, Some(1 | 3)), "{ended:?}");
    }
}

#[test]
fn a_compose_that_exits_0_and_starts_nothing_is_noticed() {
    let set = Set::empty();
    set.answer("compose", 0, "", "");
    set.xtask(&["up", "dev"])
        .run()
        .code(1)
        .stderr_has("compose started no container tta-dev-");
}

#[test]
fn a_count_that_redis_does_not_give_is_not_taken_for_empty() {
    let reply = Act::Reply {
        code: 0,
        stdout: "garbage\n".to_owned(),
        stderr: String::new(),
    };
    // The look for the plan, and the count that is to prove it empty.
    for (call, mode) in [
        ("tta-redis-admin -e --raw", "in-place"),
        ("INFO keyspace", "in-place"),
        ("INFO keyspace", "recreate"),
    ] {
        let set = Set::usual();
        set.order(&[at_call(call, 1, reply.clone())]);
        set.xtask(&["reset-test", "--mode", mode])
            .run()
            .code(1)
            .nowhere("test is empty");
    }
}
