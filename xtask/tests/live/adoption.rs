//! Volumes from before this tool, made as an old stack made them: database `neo4j`, no users, bare
//! keys. They are brought in without being changed, also by a run that was killed on the way.

use serde_json::json;

use crate::docker::{docker, inspected, tried, until};
use crate::harness::patience;
use crate::live::Live;

const NEO4J: &str = "tta-neo4j:5.26.30";
const REDIS: &str = "tta-redis:8.0.2";

/// Two volumes of an old stack, and the containers that wrote them. Dropping it removes them.
struct Old {
    neo4j: String,
    redis: String,
}

impl Old {
    /// Starts old servers on new volumes and has them hold something.
    fn stack(live: &Live) -> Self {
        let old = Self {
            neo4j: format!("old_{}_neo4j", live.name),
            redis: format!("old_{}_redis", live.name),
        };
        // By this label alone a later run finds what a killed one has left.
        let label = format!("--label=org.tta.instance={}", live.name);
        for name in [&old.neo4j, &old.redis] {
            docker(&["volume", "create", &label, name]);
        }
        let volume = format!("{}:/data", old.neo4j);
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
        let volume = format!("{}:/data", old.redis);
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
        docker(&["exec", &old.redis, "redis-cli", "EVAL", script, "0"]);
        docker(&[
            "exec",
            &old.redis,
            "redis-cli",
            "-n",
            "2",
            "SADD",
            "set",
            "a",
            "b",
        ]);
        until("the old Neo4j is up", || {
            tried(&["exec", &old.neo4j, "tta-neo4j-health", "neo4j"]).code == Some(0)
        });
        let statements = "CREATE CONSTRAINT session_id FOR (s:Session) REQUIRE s.id IS UNIQUE;\n\
            UNWIND range(1, 700) AS n CREATE (:Session {id: n, text: 'tëxt'})-[:HAS {n: n}]->(:Turn);\n";
        let shell = ["exec", "--interactive", &old.neo4j, "cypher-shell"];
        assert_eq!(crate::docker::fed(&shell, statements).code, Some(0));
        old
    }

    /// Ends the servers: Redis in peace, Neo4j as a machine that goes down would.
    fn end(&self) {
        docker(&["stop", &self.redis]);
        docker(&["kill", &self.neo4j]);
        docker(&["rm", "--volumes", &self.neo4j, &self.redis]);
    }

    /// Every file of both volumes, its content and its time.
    fn files(&self) -> String {
        let mounts = [
            format!("{}:/n:ro", self.neo4j),
            format!("{}:/r:ro", self.redis),
        ];
        let script = "find /n /r -type f -printf '%p %s %T@ ' -exec sha256sum {} ';' | sort";
        docker(&[
            "run",
            "--rm",
            "--volume",
            &mounts[0],
            "--volume",
            &mounts[1],
            "--entrypoint",
            "bash",
            REDIS,
            "-c",
            script,
        ])
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        tried(&["rm", "--force", "--volumes", &self.neo4j, &self.redis]);
        tried(&["volume", "rm", "--force", &self.neo4j, &self.redis]);
    }
}

#[track_caller]
fn assert_adopted(live: &Live) {
    let sessions = "MATCH (s:Session:Development)-[h:HAS]->(t:Turn:Development) RETURN count(s), sum(h.n), count(DISTINCT s.id)";
    assert_eq!(live.graph("dev", sessions), json!([[700, 245_350, 700]]));
    assert_eq!(live.nodes("dev"), 1400);
    assert_eq!(
        live.value("dev", "SHOW CONSTRAINTS YIELD name RETURN name"),
        "session_id"
    );
    assert_eq!(
        live.value("dev", "SHOW HOME DATABASE YIELD name RETURN name"),
        "tta-dev"
    );
    assert_eq!(live.keys("dev"), 503);
    let mut redis = live.redis("dev");
    assert_eq!(
        redis.ask(&["GET", "development:user:7"]),
        Ok(json!("value 7"))
    );
    assert_eq!(
        redis.ask(&["LRANGE", "development:list", "0", "-1"]),
        Ok(json!(["a", "b"]))
    );
    assert_eq!(
        redis.ask(&["GET", "development:user:123"]),
        Ok(json!("alice"))
    );
    let left = redis.ask(&["PTTL", "development:expires"]).expect("a time");
    assert!(
        left.as_i64().is_some_and(|left| left > 80_000_000),
        "{left}"
    );
    assert_eq!(
        live.admin("dev", &["-n", "2", "SCARD", "development:set"]),
        "2"
    );
    assert_eq!(live.admin("dev", &["KEYS", "user:*"]), "");
}

/// Nothing that the command makes for itself is left.
#[track_caller]
fn assert_swept(live: &Live) {
    for service in ["neo4j", "redis"] {
        let container = format!("{}-adopting", live.container("dev", service));
        assert!(inspected("container", &container).is_none(), "{container}");
        let volume = format!("tta_{}_{service}_dev_data_adopting", live.name);
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
    assert_swept(&live);
    let before = old.files();

    let planned = live.xtask(&adopt).args(&["--dry-run"]).run().code(0);
    planned
        .stderr_has("1400 nodes, 700 relationships, 2100 properties, 1 constraint and 3 indexes")
        .stderr_has("503 keys; 503 without an environment's prefix");
    assert_swept(&live);
    assert_eq!(live.made("dev"), Vec::<[String; 2]>::new());

    live.xtask(&adopt)
        .run()
        .code(0)
        .stdout_has("which are as they were");
    assert_adopted(&live);
    assert_swept(&live);
    assert!(old.files() == before, "a source was changed");

    // It survives a restart, and is not brought in twice.
    live.xtask(&["down", "dev"]).run().code(0);
    live.up(&["dev"]);
    assert_adopted(&live);
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
    assert_adopted(&live);
}

#[test]
fn an_adoption_that_is_killed_anywhere_ends_well_when_it_is_run_again() {
    let live = Live::new("a killed adoption");
    let old = Old::stack(&live);
    old.end();
    let before = old.files();
    let adopt = [
        "adopt",
        "dev",
        "--from-neo4j",
        &old.neo4j,
        "--from-redis",
        &old.redis,
    ];
    let there = |name: String| inspected("container", &name).is_some();
    let runs = |name: String| {
        inspected("container", &name).is_some_and(|one| one["State"]["Status"] == "running")
    };
    let scratch = |service: &str| format!("{}-adopting", live.container("dev", service));
    let moments: [(&str, &dyn Fn() -> bool); 3] = [
        ("Redis' copy is read", &|| there(scratch("redis"))),
        ("the volumes are filled", &|| {
            there(live.container("dev", "neo4j"))
        }),
        ("the servers start", &|| {
            runs(live.container("dev", "neo4j"))
        }),
    ];
    for (moment, come) in moments {
        let said = live.folder.path().join("said");
        let file = std::fs::File::create(&said).expect("a file");
        let mut run = live.xtask(&adopt).command();
        let mut run = run.stderr(file).spawn().expect("it starts");
        until(moment, || {
            if run.try_wait().expect("it is ours").is_some() {
                let said = std::fs::read_to_string(&said).unwrap_or_default();
                panic!("it ended before {moment}: {said}");
            }
            come()
        });
        run.kill().expect("it runs");
        patience::status(&mut run, "the tool");
        assert!(old.files() == before, "a source was changed");
    }
    live.xtask(&adopt).run().code(0);
    assert_adopted(&live);
    assert_swept(&live);
    assert!(old.files() == before, "a source was changed");
}
