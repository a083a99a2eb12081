//! `verify-isolation` beside clients, killed, and on servers that do not answer.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::docker::{docker, until};
use crate::harness::patience;
use crate::live::Live;
use crate::look::{password, prefix};
use crate::wire::{Resp, query};

const SERVERS: [&str; 2] = ["--layer", "auth,data,namespace"];

#[test]
fn a_client_that_logs_in_all_the_while_is_never_refused_and_nothing_is_left() {
    let live = Live::alone("two proofs beside clients that log in");
    let all = ["dev", "test", "staging"];
    live.up(&all);
    let before: Vec<Value> = all.map(|one| live.evidence(one).nodes).to_vec();
    let (over, logins) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = all
            .map(|environment| {
                let ports = live.ports(environment);
                let (over, logins) = (&over, &logins);
                scope.spawn(move || {
                    let (secret, database) = (password(environment), format!("tta-{environment}"));
                    let mut refused = Vec::new();
                    while !over.load(Ordering::SeqCst) {
                        match query(ports.http, &database, &secret, "RETURN 1") {
                            Ok((status, _)) if status < 300 => {}
                            other => refused.push(format!("{environment} neo4j: {other:?}")),
                        }
                        if let Err(why) = Resp::login(ports.redis, &database, &secret) {
                            refused.push(format!("{environment} redis: {why}"));
                        }
                        logins.fetch_add(1, Ordering::SeqCst);
                        // Three that never pause leave servers that have just started nothing.
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    refused
                })
            })
            .into();
        for _ in 0..2 {
            let ended = live
                .xtask(&["verify-isolation", "--format", "json"])
                .args(&SERVERS)
                .run();
            let (code, document) = (ended.code, ended.json());
            over.fetch_or(code != Some(0), Ordering::SeqCst);
            assert_eq!(code, Some(0), "{document:#}");
        }
        over.store(true, Ordering::SeqCst);
        for client in clients {
            assert_eq!(client.join().expect("it ends"), Vec::<String>::new());
        }
    });
    assert!(logins.load(Ordering::SeqCst) > 20, "the clients hardly ran");
    let after: Vec<Value> = all.map(|one| live.evidence(one).nodes).to_vec();
    assert_eq!(before, after);
    for environment in all {
        assert_eq!(canaries(&live, environment), (0, 0), "{environment}");
    }
    // Neo4j keeps the name of a label for ever, and Redis the logins that it has refused.
    let ports = live.ports("staging");
    let (_, labels) = query(
        ports.http,
        "tta-staging",
        &password("staging"),
        "CALL db.labels()",
    )
    .expect("it answers");
    assert!(!labels.to_string().contains("Canary"), "{labels}");
    let log = docker(&["logs", &live.container("staging", "neo4j")]);
    let wrong = log.matches("Failed authentication attempt").count();
    assert!(wrong <= 2 * 2, "{wrong} wrong passwords in two proofs");
    let staging = live.container("staging", "redis");
    let refused = docker(&[
        "exec",
        "--user",
        "root",
        &staging,
        "tta-redis-admin",
        "ACL",
        "LOG",
    ]);
    assert_eq!(refused, "", "a wrong password was given to staging");
}

#[test]
fn what_a_killed_proof_has_left_is_swept_by_the_next_and_what_one_still_needs_is_not() {
    let live = Live::new("a proof killed while its canaries are out");
    live.up(&["dev", "test"]);
    let proof = || live.xtask(&["verify-isolation", "dev", "test", "--layer", "data"]);
    let ports = live.ports("dev");
    let mut redis = Resp::login(ports.redis, "tta-dev", &password("dev")).expect("a login");
    let hash = format!("{}tta-canary", prefix("dev"));
    let mut command = proof().command();
    let mut run = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    until("a canary", || {
        redis.ask(&["HLEN", &hash]).expect("it answers") == 1
    });
    // Beside one that is going on, another leaves that one's canary alone.
    run.kill().expect("it runs");
    patience::status(&mut run, "the tool");
    assert_eq!(redis.ask(&["HLEN", &hash]).expect("it answers"), 1);
    // The journal has what it was about, and never heard of its end.
    assert_eq!(
        journalled(&live, "dev").last().map(String::as_str),
        Some("started")
    );
    proof().run().code(0);
    assert_eq!(
        journalled(&live, "dev").last().map(String::as_str),
        Some("done")
    );
    for environment in ["dev", "test"] {
        assert_eq!(canaries(&live, environment), (0, 0), "{environment}");
    }

    // Of a run on another machine nothing is known but when it began.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let going = format!("{}-1", now.expect("a clock").as_millis());
    redis
        .ask(&["HSET", &hash, &going, "dev"])
        .expect("it is written");
    proof().run().code(0);
    assert_eq!(
        redis.ask(&["HEXISTS", &hash, &going]).expect("it answers"),
        1
    );
}

#[test]
fn servers_that_are_stopped_or_do_not_answer_make_a_proof_inconclusive() {
    let live = Live::new("a proof over servers that do not answer");
    live.up(&["dev", "test"]);
    docker(&["stop", &live.container("test", "neo4j")]);
    // The engine refuses to run anything in a paused container.
    docker(&["pause", &live.container("test", "redis")]);
    let ended = live
        .xtask(&["verify-isolation", "dev", "test", "--format", "json"])
        .args(&SERVERS)
        .run();
    docker(&["unpause", &live.container("test", "redis")]);
    let document = ended.json();
    assert_eq!(ended.code, Some(5), "{document:#}");
    assert_eq!(document["findings"], serde_json::json!([]));
    let checks = document["checks"].as_array().expect("checks");
    let asked = |layer: &str, observed: &str| {
        let of_it = |check: &&Value| check["layer"] == layer && check["observed"] == observed;
        checks.iter().filter(of_it).count()
    };
    for layer in ["auth", "data", "namespace"] {
        assert!(asked(layer, "could_not_ask") > 0, "{layer}: {document:#}");
    }
    // The others went on.
    assert!(asked("auth", "login_refused") > 0 && asked("namespace", "distinct") > 0);
}

/// What became of the proofs that left a canary in an environment, oldest first.
fn journalled(live: &Live, environment: &str) -> Vec<String> {
    let history = live.xtask(&["history", "--format", "json"]).run().json();
    let runs = history["runs"].as_array().expect("runs").clone();
    let of_it = |run: &Value| {
        let proof = run["command"] == "verify-isolation" && run["environment"] == environment;
        proof.then(|| run["outcome"].as_str().expect("a word").to_owned())
    };
    runs.iter().filter_map(of_it).collect()
}

/// How many canaries are in an environment's Neo4j and Redis.
fn canaries(live: &Live, environment: &str) -> (u64, i64) {
    let ports = live.ports(environment);
    let (secret, user) = (password(environment), format!("tta-{environment}"));
    let count = "MATCH (c:TtaCanary) RETURN count(c)";
    let (_, nodes) = query(ports.http, &user, &secret, count).expect("it answers");
    let nodes = nodes["data"]["values"][0][0].as_u64().expect("a count");
    let mut redis = Resp::login(ports.redis, &user, &secret).expect("a login");
    let hash = format!("{}tta-canary", prefix(environment));
    let fields = redis.ask(&["HLEN", &hash]).expect("it answers");
    (nodes, fields.as_i64().expect("a number"))
}
