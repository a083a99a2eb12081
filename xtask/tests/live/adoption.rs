//! Volumes from before this tool, made as an old stack made them: database `neo4j`, no users, bare
//! keys. They are brought in without being changed, also by a run that was killed on the way.

use serde_json::json;

use crate::docker::{docker, inspected, tried, until};
use crate::live::Live;
use crate::look::prefix;
use crate::shim::{Moment, Shim};

const NEO4J: &str = "tta-neo4j:5.26.30";
const REDIS: &str = "tta-redis:8.0.2";

/// Two volumes of an old stack, and the containers that wrote them. Dropping it removes them.
struct Old {
    neo4j: String,
    redis: String,
    /// The volume of each.
    volumes: [String; 2],
}

impl Old {
    /// Starts old servers on new volumes and has them hold something.
    fn stack(live: &Live) -> Self {
        let names = ["neo4j", "redis"].map(|service| format!("old_{}_{service}", live.name));
        // By this label alone a later run finds what a killed one has left.
        let label = format!("--label=org.tta.instance={}", live.name);
        Self::on(live, names, &[&label])
    }

    /// The same on volumes of these names and labels.
    fn on(live: &Live, volumes: [String; 2], labels: &[&str]) -> Self {
        let old = Self {
            neo4j: format!("old_{}_neo4j", live.name),
            redis: format!("old_{}_redis", live.name),
            volumes,
        };
        for name in &old.volumes {
            docker(&[&["volume", "create"], labels, &[name]].concat());
        }
        let label = format!("--label=org.tta.instance={}", live.name);
        let volume = format!("{}:/data", old.volumes[0]);
        // The old stack had no limit of its own; here several servers share a machine.
        let pages = "NEO4J_server_memory_pagecache_size=64m";
        docker(&[
            "run",
            "--detach",
            &label,
            "--name",
            &old.neo4j,
            "--env",
            "NEO4J_AUTH=none",
            "--env",
            pages,
            "--volume",
            &volume,
            NEO4J,
        ]);
        let volume = format!("{}:/data", old.volumes[1]);
        docker(&[
            "run",
            "--detach",
            &label,
            "--name",
            &old.redis,
            "--entrypoint",
            "redis-server",
            "--volume",
            &volume,
            REDIS,
            "--dir",
            "/data",
        ]);
        let script = "for i = 1, 500 do redis.call('SET', 'user:' .. i, 'value ' .. i) end \
            redis.call('SET', 'user:123', 'alice') \
            redis.call('SET', 'expires', 'soon', 'PX', '86400000') redis.call('RPUSH', 'list', 'a', 'b') return 1";
        until("the old Redis answers", || {
            tried(&["exec", &old.redis, "redis-cli", "PING"])
                .stdout
                .trim()
                == "PONG"
        });
        old.redis_cli(&["EVAL", script, "0"]);
        old.redis_cli(&["-n", "2", "SADD", "set", "a", "b"]);
        until("the old Neo4j is up", || {
            tried(&["exec", &old.neo4j, "tta-neo4j-health", "neo4j"]).code == Some(0)
        });
        let statements = "CREATE CONSTRAINT session_id FOR (s:Session) REQUIRE s.id IS UNIQUE;\n\
            UNWIND range(1, 700) AS n CREATE (:Session {id: n, text: 'tëxt'})-[:HAS {n: n}]->(:Turn);\n";
        let shell = ["exec", "--interactive", &old.neo4j, "cypher-shell"];
        assert_eq!(crate::docker::fed(&shell, statements).code, Some(0));
        old
    }

    /// A command to the old Redis, which asks for no login.
    fn redis_cli(&self, command: &[&str]) {
        docker(&[&["exec", &self.redis, "redis-cli"], command].concat());
    }

    /// Ends the servers: Redis in peace, Neo4j as a machine that goes down would.
    fn end(&self) {
        docker(&["stop", &self.redis]);
        docker(&["kill", &self.neo4j]);
        docker(&["rm", "--volumes", &self.neo4j, &self.redis]);
    }

    /// Every file of both volumes, its content and its time.
    fn files(&self) -> String {
        files(&self.volumes[0], &self.volumes[1])
    }
}

fn files(neo4j: &str, redis: &str) -> String {
    let mounts = [format!("{neo4j}:/n:ro"), format!("{redis}:/r:ro")];
    let script =
        "find /n /r -type f ! -name .tta-kept -printf '%p %s %T@ ' -exec sha256sum {} ';' | sort";
    // Not by --rm, which may come later: a volume that is replaced may belong to no container.
    let name = format!("{redis}-files");
    let found = docker(&[
        "run",
        "--name",
        &name,
        "--volume",
        &mounts[0],
        "--volume",
        &mounts[1],
        "--entrypoint",
        "bash",
        REDIS,
        "-c",
        script,
    ]);
    docker(&["rm", "--volumes", &name]);
    found
}

impl Drop for Old {
    fn drop(&mut self) {
        tried(&["rm", "--force", "--volumes", &self.neo4j, &self.redis]);
        let [neo4j, redis] = &self.volumes;
        tried(&["volume", "rm", "--force", neo4j, redis]);
    }
}

#[track_caller]
fn assert_adopted(live: &Live, environment: &str) {
    assert_marked(live, environment);
    let prefix = prefix(environment);
    assert_eq!(
        live.admin(environment, &["-n", "2", "SCARD", &format!("{prefix}set")]),
        "2"
    );
}

/// All of it is there, and says which environment it is from.
#[track_caller]
fn assert_marked(live: &Live, environment: &str) {
    let key = |name: &str| format!("{}{name}", prefix(environment));
    let label = if environment == "dev" {
        "Development"
    } else {
        "Staging"
    };
    let sessions = format!(
        "MATCH (s:Session:{label})-[h:HAS]->(t:Turn:{label}) RETURN count(s), sum(h.n), count(DISTINCT s.id)"
    );
    assert_eq!(
        live.graph(environment, &sessions),
        json!([[700, 245_350, 700]])
    );
    assert_eq!(live.nodes(environment), 1400);
    assert_eq!(
        live.value(environment, "SHOW CONSTRAINTS YIELD name RETURN name"),
        "session_id"
    );
    assert_eq!(
        live.value(environment, "SHOW HOME DATABASE YIELD name RETURN name"),
        format!("tta-{environment}")
    );
    assert_eq!(live.keys(environment), 503);
    let mut redis = live.redis(environment);
    assert_eq!(redis.ask(&["GET", &key("user:7")]), Ok(json!("value 7")));
    assert_eq!(
        redis.ask(&["LRANGE", &key("list"), "0", "-1"]),
        Ok(json!(["a", "b"]))
    );
    assert_eq!(redis.ask(&["GET", &key("user:123")]), Ok(json!("alice")));
    let left = redis.ask(&["PTTL", &key("expires")]).expect("a time");
    assert!(
        left.as_i64().is_some_and(|left| left > 80_000_000),
        "{left}"
    );
    assert_eq!(live.admin(environment, &["KEYS", "user:*"]), "");
}

/// Nothing that the command makes for itself is left.
#[track_caller]
fn assert_swept(live: &Live, environment: &str) {
    for service in ["neo4j", "redis"] {
        let container = format!("{}-adopting", live.container(environment, service));
        assert!(inspected("container", &container).is_none(), "{container}");
        let volume = format!("tta_{}_{service}_{environment}_data_adopting", live.name);
        assert!(inspected("volume", &volume).is_none(), "{volume}");
    }
}

#[test]
fn an_old_stack_is_adopted_and_its_volumes_are_as_they_were() {
    let live = Live::new("adoption");
    let old = Old::stack(&live);
    let adopt = [
        "adopt",
        "dev",
        "--from-neo4j",
        &old.neo4j,
        "--from-redis",
        &old.redis,
    ];

    // In use, absent, of our own names, or an environment's own: refused, and nothing is made.
    live.xtask(&adopt).run().code(3).stderr_has("is in use by");
    old.end();
    live.xtask(&["adopt", "dev", "--from-redis", "no_such_volume"])
        .run()
        .code(1)
        .stderr_has("there is no volume");
    live.xtask(&["adopt", "dev", "--from-redis", "a:/b"])
        .run()
        .code(2);
    live.xtask(&["adopt", "dev", "--from-neo4j", &old.redis])
        .run()
        .code(3)
        .stderr_has("no Neo4j store");
    assert_swept(&live, "dev");
    let before = old.files();

    let planned = live.xtask(&adopt).args(&["--dry-run"]).run().code(0);
    planned
        .stderr_has("1400 nodes, 700 relationships, 2100 properties, 1 constraint and 3 indexes")
        .stderr_has("503 keys; 503 without an environment's prefix");
    assert_swept(&live, "dev");
    assert_eq!(live.made("dev"), Vec::<[String; 2]>::new());

    live.xtask(&adopt)
        .run()
        .code(0)
        .stdout_has("which are as they were");
    assert_adopted(&live, "dev");
    assert_swept(&live, "dev");
    assert!(old.files() == before, "a source was changed");

    // It survives a restart, and is not brought in twice.
    live.xtask(&["down", "dev"]).run().code(0);
    live.up(&["dev"]);
    assert_adopted(&live, "dev");
    let own = &live.volumes("dev")[0];
    live.xtask(&["adopt", "test", "--from-neo4j", own])
        .run()
        .code(3)
        .stderr_has("an environment's own");
    live.graph("dev", "CREATE (:Later:Development)");
    live.xtask(&adopt)
        .run()
        .code(3)
        .stderr_has("does not hold what");
    assert_eq!(live.nodes("dev"), 1401);
    live.xtask(&["wipe-dev", "--confirm", "DELETE DEV DATA"])
        .run()
        .code(0);
    live.xtask(&adopt).run().code(0);
    assert_adopted(&live, "dev");

    live.xtask(&["down", "dev"]).run().code(0);
    into_a_protected_environment(&live, &old);
    assert!(old.files() == before, "a source was changed");
}

/// Staging, which has nothing yet: killed between the two stores it is not started, and what it holds
/// in the end is not to be had away by adopting once more.
fn into_a_protected_environment(live: &Live, old: &Old) {
    let [neo4j, redis] = &old.volumes;
    let line = format!("adopt staging --from-neo4j {neo4j} --from-redis {redis}");
    let adopt: Vec<&str> = line.split(' ').collect();
    let killed = Shim::killing("fill redis", Moment::Before)
        .before(live.xtask(&adopt))
        .run();
    assert_eq!(killed.code, None, "{killed:?}");
    live.xtask(&["up", "staging"])
        .run()
        .code(3)
        .stderr_has("filled by half")
        .stderr_has(&line);
    live.xtask(&adopt).run().code(0);
    assert_adopted(live, "staging");
    assert_swept(live, "staging");
    for volume in live.volumes("staging") {
        let volume = inspected("volume", &volume).expect("it is there");
        assert_eq!(volume["Labels"]["org.tta.environment"], "staging");
    }

    live.graph("staging", "CREATE (:Later:Staging)");
    live.xtask(&adopt)
        .run()
        .code(3)
        .stderr_has("does not hold what");
    assert_eq!(live.nodes("staging"), 1401);
}

#[test]
fn old_volumes_with_our_own_names_are_adopted_beside_a_neighbour_and_proved_apart() {
    let live = Live::new("an adoption of our own names");
    let [neo4j, logs, redis] = live.volumes("dev");
    let old = Old::on(&live, [neo4j.clone(), redis.clone()], &[]);
    docker(&["volume", "create", &logs]);
    // Numbered databases keep nobody apart, and are a finding of their own: it is moved by hand.
    old.redis_cli(&["-n", "2", "MOVE", "set", "0"]);
    old.end();
    live.up(&["test"]);
    live.graph("test", "CREATE (:Thought:Test {mark: 'to be kept'})");
    live.admin("test", &["SET", "test:mark", "to be kept"]);
    let neighbour = live.evidence("test");
    let before = old.files();
    let kept = [&neo4j, &logs, &redis].map(|name| format!("{name}_kept"));
    let adopt = [
        "adopt",
        "dev",
        "--from-neo4j",
        &neo4j,
        "--from-redis",
        &redis,
        "--confirm",
        "REPLACE DEV VOLUMES",
    ];

    // The first name is free, and the copy is all that there is; then the volumes are filled, and the
    // servers about to start.
    let killed = |call, moment| {
        let killed = Shim::killing(call, moment).before(live.xtask(&adopt)).run();
        assert_eq!(
            killed.code, None,
            "not killed {moment:?} {call}: {killed:?}"
        );
        killed
    };
    killed("volume rm", Moment::After)
        .stderr_has("1400 nodes, 700 relationships")
        .stderr_has("503 keys; 503 without an environment's prefix");
    assert!(
        inspected("volume", &neo4j).is_none(),
        "its name is not free"
    );
    assert!(files(&kept[0], &redis) == before, "something was lost");
    killed("compose up", Moment::Before);
    // As one that was killed between the two stores has left it.
    let empties = format!("{redis}-empties");
    let volume = format!("{redis}:/data");
    let run = [
        "run",
        "--name",
        &empties,
        "--volume",
        &volume,
        "--entrypoint",
        "bash",
        REDIS,
    ];
    docker(&[&run[..], &["-c", "rm -r /data/*"]].concat());
    docker(&["rm", "--volumes", &empties]);
    live.xtask(&adopt)
        .run()
        .code(0)
        .stderr_has("has filled the other volumes, and not this one")
        .stdout_has(&kept[0]);

    assert_marked(&live, "dev");
    assert_swept(&live, "dev");
    assert!(files(&kept[0], &kept[2]) == before, "a copy differs");

    // By every question that there is, it is an environment as any other, and its neighbour is as it was.
    let proof = live.xtask(&["verify-isolation", "--format", "json"]).run();
    let proof = proof.code(0).json();
    assert_eq!(proof["verdict"], "isolated");
    assert_eq!(proof["scope"]["environments"], json!(["dev", "test"]));
    let checks = proof["checks"].as_array().expect("checks");
    let unasked = |check: &&serde_json::Value| check["observed"] == "could_not_ask";
    assert_eq!(checks.iter().filter(unasked).count(), 0, "{checks:?}");
    assert!(checks.len() > 50, "{checks:?}");
    assert_eq!(live.evidence("test"), neighbour);
}
