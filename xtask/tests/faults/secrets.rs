//! A password from a provider is nowhere to be seen.

use std::fs;
use std::path::Path;

use environments::{Environment, Service};

use crate::harness::Ended;
use crate::model::Fate;
use crate::set::{Set, main_set};

/// A password that occurs nowhere else.
fn secret() -> String {
    let random = fs::read("/proc/sys/kernel/random/uuid").expect("random bytes");
    format!("pw-{}", String::from_utf8_lossy(&random).trim())
}

fn variable(environment: Environment) -> &'static str {
    environment.credential().variable().expect("a provider's")
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all
}

/// It is in no argv, no input of a child, no output, and no file but the engine's own memory.
#[track_caller]
fn hidden(set: &Set, secret: &str, ended: Ended) -> Ended {
    for (words, stdin) in set.calls() {
        assert!(!words.contains(secret), "in the argv of {words}");
        assert!(!stdin.contains(secret), "piped into {words}");
    }
    for folder in ["state", "checkout", "home"] {
        for path in files(&set.path(folder)) {
            let text = String::from_utf8_lossy(&fs::read(&path).expect("it is read")).into_owned();
            assert!(!text.contains(secret), "in {}", path.display());
        }
    }
    ended.nowhere(secret)
}

#[test]
fn a_provided_password_is_in_no_argv_no_output_no_journal_and_no_file() {
    for environment in [Environment::Staging, Environment::Prod] {
        let set = Set::empty();
        let secret = secret();
        let name = environment.slug();
        for args in [
            &["up", name][..],
            &["status", name],
            &["down", name],
            &["history"],
        ] {
            let ended = set
                .xtask(args)
                .args(&["--verbose"])
                .env(variable(environment), &secret)
                .run()
                .code(0);
            hidden(&set, &secret, ended);
        }
        assert!(!set.calls().is_empty());
    }
}

#[test]
fn a_provided_password_reaches_the_servers() {
    for environment in [Environment::Staging, Environment::Prod] {
        let set = Set::empty();
        let secret = secret();
        set.xtask(&["up", environment.slug()])
            .env(variable(environment), &secret)
            .run()
            .code(0);
        assert_eq!(set.graph(environment).password, secret);
        set.xtask(&["redis", environment.slug(), "PING"])
            .env(variable(environment), &secret)
            .run()
            .code(0)
            .stdout_has("PONG")
            .nowhere(&secret);
        let redis = main_set(environment).container(Service::Redis);
        assert_eq!(set.state().containers[&redis].password, secret);
    }
}

#[test]
fn a_tool_that_prints_the_password_it_was_given_is_not_repeated() {
    for (call, said) in [
        ("compose", "invalid interpolation: "),
        (" bolt ", "cannot log in with "),
    ] {
        let set = Set::empty();
        let secret = secret();
        set.answer(
            call,
            1,
            &format!("{said}{secret}\n"),
            &format!("{said}{secret}\n"),
        );
        let ended = set
            .xtask(&["up", "staging", "--verbose", "--format", "json"])
            .env(variable(Environment::Staging), &secret)
            .run()
            .code(1)
            .stderr_has(said)
            .stderr_has("•••");
        hidden(&set, &secret, ended);
    }
}

#[test]
fn a_server_that_logs_its_password_is_not_repeated() {
    let set = Set::empty();
    let secret = secret();
    let fate = Fate {
        sick: Some(format!("login neo4j:{secret} refused")),
        log: vec![format!("password {secret} is not taken")],
        ..Fate::default()
    };
    let name = main_set(Environment::Staging).container(Service::Neo4j);
    set.change(|state| {
        state.fates.insert(name, fate);
    });
    let ended = set
        .xtask(&["up", "staging", "--patience", "1"])
        .env(variable(Environment::Staging), &secret)
        .run()
        .code(1)
        .stderr_has("is not taken");
    hidden(&set, &secret, ended);
}

#[test]
fn production_without_a_provider_is_refused_by_name() {
    let set = Set::empty();
    for args in [
        &["up", "prod"][..],
        &["env", "prod"],
        &["up", "prod", "--dry-run"],
    ] {
        set.xtask(args)
            .run()
            .code(3)
            .stderr_has("prod has no well-known password")
            .stderr_has("set TTA_PROD_PASSWORD from your secrets manager");
    }
    set.untouched();
}

#[test]
fn a_password_that_no_server_would_take_or_that_everybody_knows_is_refused() {
    let set = Set::empty();
    for (password, problem) in [
        ("2short", "shorter than the 8 characters"),
        ("with\na line break", "line break"),
        ("tta_dev_password_2024", "one of the well-known passwords"),
        (
            "tta_staging_password_2024",
            "one of the well-known passwords",
        ),
    ] {
        for environment in [Environment::Staging, Environment::Prod] {
            set.xtask(&["up", environment.slug()])
                .env(variable(environment), password)
                .run()
                .code(3)
                .stderr_has(&format!("the password given for {environment}"))
                .stderr_has(problem)
                .nowhere(password);
        }
    }
    set.untouched();
}

#[test]
fn a_new_password_for_a_volume_that_was_made_with_another_is_told_as_that() {
    let set = Set::usual();
    let secret = secret();
    let ended = set
        .xtask(&["up", "staging", "--patience", "1"])
        .env(variable(Environment::Staging), &secret)
        .run()
        .code(1)
        .stderr_has("the password given is not the one that its volume was made with")
        .stderr_has("ALTER CURRENT USER SET PASSWORD");
    hidden(&set, &secret, ended);
    set.holds(Environment::Staging, 3, 5);
}
