//! `verify-isolation` where the engine or a probe lies, hangs or dies: nothing passes, nothing panics.

use environments::{Environment, Service};
use serde_json::Value;

use crate::orders::Act;
use crate::running::Running;
use crate::set::{Set, WIPE, at_call, main_set};

const VERIFY: [&str; 7] = [
    "verify-isolation",
    "dev",
    "test",
    "staging",
    "--layer",
    "network,tool",
    "--format=json",
];

fn unasked(document: &Value) -> Vec<String> {
    let checks = document["checks"].as_array().expect("a list").iter();
    checks
        .filter(|check| check["observed"] == "could_not_ask")
        .map(|check| format!("{}: {}", check["layer"], check["control"]))
        .collect()
}

/// Inconclusive, with a cell that says why.
#[track_caller]
fn inconclusive(set: &Set, because: &str) {
    let document = set.xtask(&VERIFY).run().code(5).json();
    assert_eq!(document["verdict"], "inconclusive");
    let unasked = unasked(&document);
    assert!(
        unasked.iter().any(|cell| cell.contains(because)),
        "no {because:?} in {unasked:#?}"
    );
}

#[test]
fn three_environments_that_do_not_reach_each_other_are_isolated() {
    let set = Set::usual();
    let document = set.xtask(&VERIFY).run().code(0).json();
    assert_eq!(document["verdict"], "isolated");
    assert_eq!(document["findings"], serde_json::json!([]));
    assert_eq!(unasked(&document), Vec::<String>::new());
    set.untouched();
}

#[test]
fn an_engine_that_dies_half_way_proves_nothing() {
    for call in ["container ls", "volume ls --quiet", "network ls"] {
        let set = Set::usual();
        set.order(&[at_call(call, 1, Act::Gone)]);
        inconclusive(&set, "Cannot connect to the Docker daemon");
    }
    for call in ["container inspect", "volume inspect", "network inspect"] {
        let set = Set::usual();
        set.change(|state| state.newer = true);
        // What looks first is what finds out what there is; the second is the proof's own.
        set.order(&[at_call(call, 2, Act::Gone)]);
        inconclusive(&set, "connect: no such file or directory");
    }
}

#[test]
fn a_list_or_an_object_that_is_not_understood_proves_nothing() {
    for (call, nth, stdout) in [
        ("container inspect", 2, "[{\"Id\": \"x\"}]\n"),
        ("container inspect", 2, "<html>502</html>\n"),
        ("network inspect", 2, "[{\"Name\": 7}]\n"),
        ("volume inspect", 2, "\n"),
    ] {
        let set = Set::usual();
        let reply = Act::Reply {
            code: 0,
            stdout: stdout.to_owned(),
            stderr: String::new(),
        };
        set.order(&[at_call(call, nth, reply)]);
        inconclusive(&set, "was expected to answer a list of objects in JSON");
    }
}

#[test]
fn a_list_of_containers_without_the_environments_own_proves_nothing() {
    let set = Set::usual();
    set.answer("container ls", 0, "", "");
    inconclusive(&set, "there is no container tta-dev-neo4j");
}

#[test]
fn a_probe_that_says_anything_else_proves_nothing() {
    for said in [
        "",
        "0 open\n",
        "all good\n",
        "end 300000\n",
        "\u{1b}[31m0 open\n",
    ] {
        let set = Set::usual();
        set.answer("bash -s", 0, said, "");
        inconclusive(&set, "was expected to answer");
    }
}

#[test]
fn a_probe_that_fails_or_dies_is_told_with_its_text() {
    let set = Set::usual();
    set.answer("bash -s", 127, "", "exec: \"bash\": not found\n");
    inconclusive(&set, "tta-dev-redis cannot ask");
    let set = Set::usual();
    set.order(&[at_call("bash -s", 2, Act::Die)]);
    inconclusive(&set, "ended with 137");
}

#[test]
fn a_probe_that_hangs_is_ended_and_proves_nothing() {
    let set = Set::usual();
    set.order(&[at_call("bash -s", 0, Act::Hang)]);
    inconclusive(&set, "did not end within");
}

#[test]
fn a_probe_that_was_not_answered_in_time_is_asked_once_more() {
    let set = Set::usual();
    // An engine that does not come to it, once.
    set.order(&[at_call("bash -s", 1, Act::Hang)]);
    let document = set.xtask(&VERIFY).run().code(0).json();
    assert_eq!(document["verdict"], "isolated");
    assert_eq!(unasked(&document), Vec::<String>::new());
}

#[test]
fn a_probe_whose_output_is_lost_is_asked_once_more() {
    let set = Set::usual();
    let nothing = Act::Reply {
        code: 0,
        stdout: String::new(),
        stderr: String::new(),
    };
    set.order(&[at_call("bash -s", 1, nothing)]);
    let document = set.xtask(&VERIFY).run().code(0).json();
    assert_eq!(document["verdict"], "isolated");
}

#[test]
fn a_second_proof_waits_for_the_first_says_so_and_both_come_out() {
    let set = Set::usual();
    set.order(&[at_call("bash -s", 1, Act::Wait)]);
    let first = Running::start(&set.xtask(&VERIFY));
    set.await_mark("waiting");
    let second = Running::start(&set.xtask(&VERIFY));
    second.says(&format!(
        "waiting for `verify-isolation` (process {}) on dev",
        first.pid()
    ));
    set.release();
    for proof in [first, second] {
        assert_eq!(proof.ended().code(0).json()["verdict"], "isolated");
    }
}

/// For so many probes every container reaches every other one.
fn with_gaps(gaps: usize, event: Option<&str>) -> Set {
    let set = Set::usual();
    set.change(|state| {
        state.gaps = gaps;
        state.network_events = event.into_iter().map(str::to_owned).collect();
    });
    set
}

#[test]
fn what_the_engine_lets_through_while_it_makes_a_network_is_told_and_no_violation() {
    // All six containers ask in a round; the gap is over in the second, or in the third.
    for gaps in [3, 8] {
        let set = with_gaps(gaps, Some("create tta-other-dev-network"));
        let document = set.xtask(&VERIFY).run().code(0).json();
        let remark = document["remarks"][0].as_str().expect("a remark");
        assert!(
            remark.contains("answered for a moment")
                && remark.ends_with("(create tta-other-dev-network)"),
            "{remark}"
        );
    }
}

#[test]
fn what_answers_once_for_no_known_reason_proves_nothing() {
    inconclusive(&with_gaps(3, None), "it answered once at");
}

#[test]
fn what_answers_each_time_is_a_violation_whatever_the_engine_does_meanwhile() {
    let set = with_gaps(1000, Some("create tta-other-dev-network"));
    let document = set.xtask(&VERIFY).run().code(4).json();
    let faults = document["findings"].as_array().expect("a list").iter();
    assert!(faults.into_iter().any(|finding| finding["fault"] == "N1"));
}

#[test]
fn a_target_that_is_down_is_not_called_unreachable() {
    let set = Set::usual();
    set.change_container(Environment::Test, Service::Redis, |container| {
        "exited".clone_into(&mut container.status);
    });
    inconclusive(&set, "tta-test-redis is exited");
}

#[test]
fn an_environment_that_changes_while_the_proof_looks_is_not_judged() {
    let set = Set::usual();
    // What would be found, if it stood still.
    set.change_container(Environment::Test, Service::Redis, |container| {
        let run = ("org.tta.run".to_owned(), "1-2".to_owned());
        container.labels.extend([run]);
    });
    let document = set.xtask(&VERIFY).run().code(4).json();
    assert_eq!(document["findings"][0]["fault"], "H4");
    let again = serde_json::json!({
        "containers": { "tta-test-redis": { "started_at": "2031-01-01T00:00:00Z" } }
    });
    set.order(&[at_call("bash -s", 1, Act::Behind(again))]);
    let document = set.xtask(&VERIFY).run().code(5).json();
    assert_eq!(document["findings"], serde_json::json!([]));
    let unasked = unasked(&document);
    let told = |cell: &String| cell.contains("tta-test-redis changed while the proof looked");
    assert!(unasked.iter().all(told), "{unasked:#?}");
    let named = |check: &Value| check["from"] == "test" || check["to"] == "test";
    let checks = document["checks"].as_array().expect("a list");
    assert_eq!(
        checks.iter().filter(|check| named(check)).count(),
        unasked.len()
    );
}

#[test]
fn a_reset_or_wipe_typed_while_a_proof_looks_waits_for_it_and_names_it() {
    let reset: &[&str] = &["reset-test", "--mode", "recreate"];
    for (environment, change) in [(Environment::Test, reset), (Environment::Dev, &WIPE)] {
        let set = Set::usual();
        // The data layer's first question to a server, which this fake does not know.
        let nothing = Act::Reply {
            code: 1,
            stdout: String::new(),
            stderr: "no such program\n".to_owned(),
        };
        set.order(&[
            at_call("standard input is a key", 1, Act::Wait),
            at_call("standard input is a key", 0, nothing),
        ]);
        let args = [
            "verify-isolation",
            "dev",
            "test",
            "--layer=data,tool",
            "--format=json",
        ];
        let proof = Running::start(&set.xtask(&args));
        set.await_mark("waiting");
        let change = Running::start(&set.xtask(change));
        change.says(&format!(
            "waiting for `verify-isolation` (process {}) on {environment}",
            proof.pid()
        ));
        // It has looked at nothing yet, much less changed it.
        set.untouched();
        set.release();
        change.ended().code(0);
        set.holds(environment, 0, 0);
        set.touched_only(environment);
        // Nobody was asked, and what was looked at has gone meanwhile.
        let document = proof.ended().code(5).json();
        assert_eq!(document["verdict"], "inconclusive");
        assert_eq!(document["findings"], serde_json::json!([]));
    }
}

#[test]
fn another_engine_than_the_journal_s_is_found() {
    let set = Set::usual();
    set.xtask(&["down", "dev"]).run().code(0);
    set.xtask(&["up", "dev"]).run().code(0);
    set.change(|state| "another".clone_into(&mut state.engine));
    let document = set.xtask(&VERIFY).run().code(4).json();
    let finding = &document["findings"][0];
    assert_eq!(finding["fault"], "H2");
    assert_eq!(finding["environments"], serde_json::json!(["dev"]));
}

#[test]
fn a_name_from_elsewhere_is_shown_and_not_obeyed() {
    let set = Set::usual();
    let hostile = "x\u{1b}]0;owned\u{7}'; touch /tmp/owned; '";
    set.change(|state| {
        let mut stranger =
            state.containers[&main_set(Environment::Dev).container(Service::Redis)].clone();
        stranger.id = "e".repeat(64);
        stranger
            .labels
            .insert("org.tta.run".to_owned(), hostile.to_owned());
        state.containers.insert(hostile.to_owned(), stranger);
    });
    let ended = set
        .xtask(&["verify-isolation", "dev", "--layer", "tool"])
        .run()
        .code(4);
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert!(told.contains("H4"), "{told}");
    assert!(
        !told.contains('\u{1b}') && !told.contains('\u{7}'),
        "{told:?}"
    );
}
