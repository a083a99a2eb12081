//! What a program reads: one document for each outcome, with the contract's fields and no other.

use environments::Environment;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::orders::Act;
use crate::running::Running;
use crate::set::{Set, WIPE, at_call};

/// The document has the fields that the contract names, in its order, and no other.
#[track_caller]
fn checked(document: Value, outcome: &str) -> Value {
    let names = |value: &Value| -> Vec<String> {
        let object = value.as_object().expect("an object");
        object.keys().cloned().collect()
    };
    let expected = [
        "command",
        "environments",
        "instance",
        "outcome",
        "steps",
        "error",
    ];
    assert_eq!(names(&document), expected, "{document}");
    assert_eq!(document["outcome"], outcome, "{document}");
    assert!(document["command"].is_string() && document["instance"].is_string());
    for step in document["steps"].as_array().expect("a list") {
        assert_eq!(names(step), ["action", "because", "seconds"]);
        assert!(step["action"].is_string() && step["because"].is_string());
        let seconds = &step["seconds"];
        assert_eq!(seconds.is_null(), outcome == "planned", "{step}");
        assert!(seconds.is_null() || seconds.is_number());
    }
    let error = &document["error"];
    if matches!(outcome, "done" | "planned") {
        assert_eq!(*error, Value::Null);
    } else {
        assert_eq!(names(error), ["kind", "message", "hints"], "{document}");
        assert!(!error["message"].as_str().expect("a text").is_empty());
    }
    document
}

fn wipe(set: &Set, more: &[&str]) -> crate::harness::Ended {
    set.xtask(&["wipe-dev", "--format", "json"])
        .args(more)
        .run()
}

#[test]
fn a_plan_is_told_with_its_steps_and_their_causes() {
    let document = wipe(&Set::usual(), &["--dry-run"]).code(0).json();
    let document = checked(document, "planned");
    assert_eq!(document["environments"], json!(["dev"]));
    assert_eq!(document["steps"].as_array().map(Vec::len), Some(5));
}

#[test]
fn what_was_done_is_told_step_by_step() {
    let document = wipe(&Set::usual(), &WIPE[1..]).code(0).json();
    let document = checked(document, "done");
    assert_eq!(document["command"], "wipe-dev");
    assert_eq!(document["instance"], "");
    let first = document["steps"][0]["action"].as_str().expect("a text");
    assert!(first.starts_with("dev: kill tta-dev-neo4j ("), "{first}");
}

#[test]
fn a_cancellation_is_told_with_no_step() {
    let document = wipe(&Set::usual(), &["--confirm", "yes"]).code(1).json();
    let document = checked(document, "cancelled");
    assert_eq!(document["error"]["kind"], "cancelled");
    assert_eq!(document["steps"], json!([]));
}

#[test]
fn a_refusal_is_told_with_its_hint_and_no_step() {
    let document = wipe(&Set::usual(), &[]).code(3).json();
    let document = checked(document, "refused");
    assert_eq!(document["error"]["kind"], "refused");
    let hint = document["error"]["hints"][0].as_str().expect("a text");
    assert!(hint.ends_with("--confirm 'DELETE DEV DATA'"), "{hint}");
    assert_eq!(document["steps"], json!([]));
}

#[test]
fn a_failure_is_told_with_the_steps_before_it() {
    let set = Set::usual();
    set.answer(
        "volume rm",
        1,
        "",
        "Error response from daemon: device or resource busy\n",
    );
    let document = checked(wipe(&set, &WIPE[1..]).code(1).json(), "failed");
    assert_eq!(document["error"]["kind"], "failed");
    assert_eq!(document["environments"], json!(["dev"]));
    assert_eq!(document["steps"].as_array().map(Vec::len), Some(2));
}

#[test]
fn an_interruption_is_told_with_the_steps_before_it() {
    let set = Set::usual();
    set.order(&[at_call("volume rm", 1, Act::Hang)]);
    let running = Running::start(&set.xtask(&WIPE).args(&["--format", "json"]));
    set.await_mark("hanging");
    running.signal(Signal::INT);
    let document = checked(running.ended().code(130).json(), "interrupted");
    assert_eq!(document["error"]["kind"], "interrupted");
    assert_eq!(document["steps"].as_array().map(Vec::len), Some(2));
}

#[test]
fn every_changing_command_has_the_same_document() {
    let set = Set::usual();
    std::fs::write(set.path("seed.cypher"), "CREATE (:Test);").expect("a fixture");
    let commands: [&[&str]; 7] = [
        &["up", "dev", "test"],
        &["reset-test", "--mode", "in-place"],
        &["reset-test", "--mode", "recreate", "--seed", "seed.cypher"],
        &["down", "dev"],
        &["adopt", "dev", "--engine"],
        &["init-neo4j", "test"],
        &["generate"],
    ];
    for args in commands {
        let ended = set
            .xtask(args)
            .args(&["--format", "json"])
            .folder(set.path(""))
            .run();
        let document = checked(ended.code(0).json(), "done");
        assert_eq!(document["command"], args[0]);
    }
    for args in commands {
        let dry = set
            .xtask(args)
            .args(&["--format", "json", "--dry-run"])
            .folder(set.path(""))
            .run();
        checked(
            dry.code(0).json(),
            if args[0] == "init-neo4j" {
                "done"
            } else {
                "planned"
            },
        );
    }
}

#[test]
fn a_command_of_an_instance_names_it() {
    let set = Set::usual();
    let ended = set
        .xtask(&["wipe-dev", "--instance", "other", "--format", "json"])
        .args(&WIPE[1..])
        .run();
    let document = checked(ended.code(0).json(), "done");
    assert_eq!(document["instance"], "other");
    for subject in set.changes() {
        assert!(subject.contains("other"), "{subject}");
    }
    assert_eq!(
        set.graph(Environment::Dev).nodes,
        3,
        "the main set's development"
    );
}

#[test]
fn a_failure_before_anything_is_asked_has_the_same_document() {
    let set = Set::usual();
    std::fs::remove_dir_all(set.checkout()).expect("it was there");
    let document = wipe(&set, &[]).code(1).json();
    checked(document, "failed");
}

#[test]
fn stdout_holds_the_document_and_nothing_else_whatever_is_said() {
    for level in ["--verbose", "--quiet"] {
        let set = Set::usual();
        let document = wipe(&set, &[&WIPE[1..], &[level]].concat()).code(0).json();
        checked(document, "done");
    }
}
