//! The engine or its command is missing, lies, hangs or dies.

use std::fs;

use environments::Environment;

use crate::orders::Act;
use crate::set::{Set, WIPE, at_call, at_change};

/// Each command that would change something, as it is typed.
pub(crate) const CHANGING: [&[&str]; 5] = [
    &WIPE,
    &["reset-test"],
    &["reset-test", "--mode", "recreate"],
    &["up", "dev", "test", "staging"],
    &["down"],
];

#[test]
fn without_an_engine_every_command_says_so_and_what_to_do() {
    let set = Set::usual();
    set.change(|state| state.gone = true);
    for args in CHANGING {
        set.xtask(args)
            .run()
            .code(1)
            .stderr_has("no Docker engine answers")
            .stderr_has("Is the docker daemon running?")
            .stderr_has("next: cargo xtask quickstart");
    }
    set.xtask(&["status"])
        .run()
        .code(1)
        .stderr_has("no Docker engine answers");
    set.untouched();
}

#[test]
fn a_socket_that_may_not_be_opened_is_told_as_the_client_says_it() {
    let set = Set::usual();
    let said = "permission denied while trying to connect to the Docker daemon socket at \
                unix:///var/run/docker.sock: Get \"http://%2Fvar%2Frun%2Fdocker.sock/v1.50/info\": \
                dial unix /var/run/docker.sock: connect: permission denied\n";
    set.answer("", 1, "{\"ID\":\"\",\"Containers\":0}\n", said);
    for args in CHANGING {
        set.xtask(args)
            .run()
            .code(1)
            .stderr_has("permission denied while trying to connect")
            .stderr_has("cargo xtask doctor");
    }
    set.untouched();
}

#[test]
fn a_machine_without_docker_is_told_that_it_is_not_installed() {
    let set = Set::usual();
    fs::remove_file(set.path("bin/docker")).expect("it was there");
    for args in CHANGING {
        set.xtask(args)
            .run()
            .code(1)
            .stderr_has("`docker` is not installed")
            .stderr_has("next: cargo xtask doctor");
    }
    set.untouched();
}

#[test]
fn an_engine_that_dies_half_way_is_told_with_the_step_and_the_same_command_goes_on() {
    let set = Set::usual();
    set.order(&[at_change(6, Act::Gone)]);
    let ended = set
        .xtask(&WIPE)
        .args(&["--format", "json"])
        .run()
        .code(1)
        .stderr_has("dev: remove volumes")
        .stderr_has("Cannot connect to the Docker daemon");
    let document = ended.json();
    assert_eq!(document["outcome"], "failed");
    let steps = document["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 2, "killed and removed: {document}");
    set.order(&[]);
    set.change(|state| state.gone = false);
    set.xtask(&WIPE).run().code(0);
    set.holds(Environment::Dev, 0, 0);
}

#[test]
fn an_answer_that_is_no_json_is_shown_and_nothing_is_taken_for_absent() {
    for kind in ["container", "volume", "network"] {
        for garbage in [
            "<html>502 Bad Gateway</html>\n",
            "",
            "{\"Id\":",
            "[{\"Id\": 7}]\n",
        ] {
            let set = Set::usual();
            set.answer(&format!("{kind} inspect"), 0, garbage, "");
            set.xtask(&WIPE)
                .run()
                .code(1)
                .stderr_has(&format!("`docker {kind} inspect tta"))
                .stderr_has("was expected to answer a list of objects in JSON");
            set.untouched();
        }
    }
}

#[test]
fn an_error_text_with_exit_0_is_no_empty_engine() {
    for kind in ["container", "volume", "network"] {
        let set = Set::usual();
        set.answer(
            &format!("{kind} inspect"),
            0,
            "",
            "error during connect: EOF\n",
        );
        set.xtask(&WIPE)
            .run()
            .code(1)
            .stderr_has("error during connect: EOF");
        set.untouched();
    }
}

#[test]
fn a_failed_look_is_no_empty_engine() {
    for said in [
        "Error response from daemon: Internal Server Error\n",
        "Error response from daemon: No such container: tta-dev-neo4j\npanic: runtime error\n",
    ] {
        let set = Set::usual();
        set.answer("container inspect", 1, "[]\n", said);
        set.xtask(&["up", "dev"])
            .run()
            .code(1)
            .stderr_has("ended with 1");
        set.untouched();
    }
}

#[test]
fn a_client_that_is_killed_is_told_with_its_signal() {
    let set = Set::usual();
    set.order(&[at_call("volume inspect", 1, Act::Die)]);
    set.xtask(&WIPE)
        .run()
        .code(1)
        .stderr_has("`docker volume inspect")
        .stderr_has("ended with 137");
    set.untouched();
}

#[test]
fn a_removal_that_fails_for_another_reason_is_a_failure() {
    let set = Set::usual();
    let said = "Error response from daemon: remove tta_neo4j_dev_data: device or resource busy\n";
    set.answer("volume rm", 1, "", said);
    set.xtask(&WIPE)
        .run()
        .code(1)
        .stderr_has("dev: remove volumes")
        .stderr_has("device or resource busy");
    set.order(&[]);
    set.xtask(&WIPE).run().code(0);
}

#[test]
fn what_a_shell_has_exported_for_docker_and_compose_reaches_no_child() {
    let set = Set::usual();
    for args in CHANGING {
        set.xtask(args)
            .env("DOCKER_HOST", "tcp://192.0.2.1:2375")
            .env("DOCKER_CONTEXT", "production")
            .env("DOCKER_CONFIG", "/elsewhere")
            .env("COMPOSE_PROJECT_NAME", "tta-staging")
            .env("COMPOSE_FILE", "docker/docker-compose.staging.yml")
            .env("COMPOSE_PROFILES", "all")
            .env("COMPOSE_ENV_FILES", ".env.staging")
            .run()
            .code(0);
    }
    let environments = set.environments_of_calls();
    assert!(environments.len() > 50, "{}", environments.len());
    for environment in environments {
        let leak = environment
            .keys()
            .find(|name| name.starts_with("DOCKER_") || name.starts_with("COMPOSE_"));
        assert_eq!(leak, None);
    }
}

#[test]
fn a_context_is_chosen_by_the_option_alone_and_given_to_every_child() {
    let set = Set::usual();
    set.xtask(&[
        "wipe-dev",
        "--confirm",
        "DELETE DEV DATA",
        "--docker-context",
        "mine",
    ])
    .env("DOCKER_CONTEXT", "theirs")
    .run()
    .code(0);
    for (call, _) in set.calls() {
        assert!(call.starts_with("--context mine "), "{call}");
    }
}

#[test]
fn a_name_that_is_none_is_a_usage_error_and_nothing_is_asked() {
    let set = Set::usual();
    let usage: [(&[&str], &str); 5] = [
        (&["up", "production"], "expected dev, test, staging or prod"),
        (&["down", "Dev"], "expected dev, test, staging or prod"),
        (&["wipe-dev", "staging"], "unexpected argument"),
        (
            &["wipe-dev", "--instance", "../x"],
            "1 to 12 characters of a-z and 0-9",
        ),
        (&["up", "dev", "--format", "dotenv"], "only `env` writes"),
    ];
    for (args, said) in usage {
        set.xtask(args).run().code(2).stderr_has(said);
    }
    set.xtask(&["up", "dev"])
        .env("TTA_NAMESPACE", "off")
        .run()
        .code(2)
        .stderr_has("expected enforce or audit");
    set.xtask(&["up", "dev"])
        .env("TTA_INSTANCE", "A-B")
        .run()
        .code(2);
    set.untouched();
}

/// Newer clients say `no such file or directory` of a socket that is not there.
#[test]
fn an_engine_that_is_gone_is_not_taken_for_an_empty_one_whatever_the_client_calls_it() {
    let commands: [&[&str]; 6] = [
        &WIPE,
        &["reset-test"],
        &["up", "dev"],
        &["down", "dev"],
        &["status", "dev"],
        &["logs", "dev"],
    ];
    for args in commands {
        for kind in ["container", "volume", "network"] {
            let set = Set::usual();
            set.change(|state| state.newer = true);
            set.order(&[at_call(&format!("{kind} inspect"), 1, Act::Gone)]);
            set.xtask(args)
                .run()
                .code(1)
                .stderr_has("failed to connect to the docker API")
                .stderr_has("connect: no such file or directory")
                .nowhere("does not exist");
            set.untouched();
        }
    }
}

#[test]
fn a_removal_that_reached_no_engine_is_not_taken_for_done_whatever_the_client_calls_it() {
    for call in ["kill ", "rm --force", "volume rm"] {
        let set = Set::usual();
        set.change(|state| state.newer = true);
        set.order(&[at_call(call, 1, Act::Gone)]);
        set.xtask(&WIPE)
            .run()
            .code(1)
            .stderr_has("failed to connect to the docker API");
        set.order(&[]);
        set.change(|state| state.gone = false);
        set.xtask(&WIPE).run().code(0);
        set.holds(Environment::Dev, 0, 0);
    }
    for call in ["stop ", "rm --force", "network rm"] {
        let set = Set::usual();
        set.change(|state| state.newer = true);
        set.order(&[at_call(call, 1, Act::Gone)]);
        set.xtask(&["down", "dev"])
            .run()
            .code(1)
            .stderr_has("failed to connect to the docker API");
    }
}

#[test]
fn what_is_said_to_be_absent_is_so_only_by_its_own_name_and_in_the_engines_own_words() {
    for said in [
        "Error response from daemon: No such container: another\n",
        "Error response from daemon: No such container: tta-dev-neo4j-2\n",
        "proxy: No such container: tta-dev-neo4j\n",
        "Error response from daemon: network tta-dev-neo4j not found\n",
        "open /root/.docker/config.json: no such file or directory\n",
        // Only one of two is told of.
        "Error response from daemon: No such container: tta-dev-neo4j\n",
    ] {
        let set = Set::usual();
        set.answer("container inspect", 1, "[]\n", said);
        set.xtask(&["up", "dev"])
            .run()
            .code(1)
            .stderr_has("`docker container inspect")
            .stderr_has(said.trim());
        set.untouched();
    }
    // Nor is silence an absence.
    let set = Set::usual();
    set.answer("volume inspect", 0, "[]\n", "");
    set.xtask(&["up", "dev"])
        .run()
        .code(1)
        .stderr_has("`docker volume inspect");
    set.untouched();
}
