//! `cypher`, `redis`, `env`, `logs`, `status` and `init-neo4j` on a running set.

use serde_json::{Value, json};

use crate::live::Live;
use crate::look::password;
use crate::wire::{self, Resp};

#[test]
fn the_everyday_commands_reach_the_right_servers_as_the_right_user() {
    let live = Live::new("the everyday commands");
    let absent = live.xtask(&["cypher", "dev", "RETURN 1"]).run().code(1);
    assert!(absent.stderr.contains("cargo xtask up dev"), "{absent:?}");
    live.up(&["dev", "test"]);

    cypher(&live);
    redis(&live);
    env(&live);
    status(&live);

    let logs = live.xtask(&["logs", "dev"]).run().code(0);
    for service in ["neo4j", "redis"] {
        assert!(
            logs.stdout
                .contains(&format!("--- {}", live.container("dev", service))),
            "{logs:?}"
        );
    }
    live.xtask(&["logs", "dev", "neo4j", "--tail", "500"])
        .run()
        .code(0)
        .stdout_has("Started.");
    live.xtask(&["init-neo4j", "dev"])
        .run()
        .code(0)
        .stdout_has("tta-dev is online on Neo4j community");
}

fn cypher(live: &Live) {
    live.xtask(&["cypher", "dev", "CREATE (:Seen {by: 'cypher'})"])
        .run()
        .code(0);
    assert_eq!(
        live.graph("dev", "MATCH (n) RETURN n.by"),
        json!([["cypher"]])
    );
    assert_eq!(live.nodes("test"), 0);
    let script = "MATCH (n:Seen) RETURN n.by AS who;\nSHOW HOME DATABASE YIELD name RETURN name;\n";
    live.xtask(&["cypher", "dev"])
        .stdin(script)
        .run()
        .code(0)
        .stdout_has("\"cypher\"")
        .stdout_has("\"tta-dev\"");
    let wrong = live.xtask(&["cypher", "dev", "NOT CYPHER"]).run().code(1);
    assert!(wrong.stderr.contains("Invalid input"), "{wrong:?}");
}

fn redis(live: &Live) {
    live.xtask(&["redis", "dev", "SET", "development:a", "b c"])
        .run()
        .code(0)
        .stdout_has("OK");
    live.xtask(&["redis", "dev", "GET", "development:a"])
        .run()
        .code(0)
        .stdout_has("b c");
    live.xtask(&["redis", "dev", "ACL", "WHOAMI"])
        .run()
        .code(0)
        .stdout_has("tta-dev");
    live.xtask(&["redis", "dev", "SET", "bare", "1"])
        .run()
        .code(1);
    live.xtask(&["redis", "dev", "SET", "test:a", "1"])
        .run()
        .code(1);
    live.xtask(&["redis", "dev"])
        .stdin("SET development:b 2\nDBSIZE\n")
        .run()
        .code(0)
        .stdout_has("2");
    assert_eq!(live.admin("dev", &["DBSIZE"]), "2");
    assert_eq!(live.keys("test"), 0);
}

/// The three formats say the same, and what they say opens both servers.
fn env(live: &Live) {
    let ports = live.ports("dev");
    let json = live
        .xtask(&["env", "dev", "--format", "json"])
        .run()
        .code(0)
        .json();
    let expected = json!({
        "ENVIRONMENT": "development",
        "CONTAINER_PREFIX": format!("tta-{}-dev", live.name),
        "NEO4J_URI": format!("bolt://localhost:{}", ports.bolt),
        "NEO4J_PASSWORD": password("dev"),
        "NEO4J_DATABASE": "tta-dev",
        "REDIS_URL": format!("redis://tta-dev:{}@localhost:{}/0", password("dev"), ports.redis),
    });
    assert_eq!(json, expected);
    for format in ["dotenv", "github"] {
        let text = live
            .xtask(&["env", "dev", "--format", format])
            .run()
            .code(0)
            .stdout;
        let pairs = text
            .lines()
            .map(|line| line.split_once('=').expect("NAME=value"));
        let read: serde_json::Map<_, _> = pairs
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        assert_eq!(Value::Object(read), expected, "{format}");
    }

    let url = json["REDIS_URL"]
        .as_str()
        .and_then(|url| url.strip_prefix("redis://"))
        .expect("a URL");
    let (login, address) = url.split_once('@').expect("a login");
    let (user, secret) = login.split_once(':').expect("user:password");
    let port = address
        .strip_prefix("localhost:")
        .and_then(|rest| rest.strip_suffix("/0"))
        .expect("a port");
    let mut redis =
        Resp::login(port.parse().expect("a port"), user, secret).expect("the login is taken");
    assert_eq!(redis.ask(&["SET", "development:env", "1"]), Ok(json!("OK")));
    for foreign in ["env", "test:env", "developmentenv"] {
        let refused = redis
            .ask(&["SET", foreign, "1"])
            .expect_err("no key of this environment");
        assert!(refused.starts_with("NOPERM"), "{foreign}: {refused}");
    }
    let answer = wire::query(
        ports.http,
        "tta-dev",
        json["NEO4J_PASSWORD"].as_str().unwrap_or(""),
        "RETURN 1",
    );
    assert_eq!(
        answer.expect("Neo4j answers").1["data"]["values"],
        json!([[1]])
    );
}

fn status(live: &Live) {
    let status = live
        .xtask(&["status", "--format", "json"])
        .run()
        .code(0)
        .json();
    assert_eq!(status["instance"], live.name.as_str());
    assert!(status["engine"]["id"].is_string() && status["engine"]["version"].is_string());
    let names: Vec<&Value> = status["environments"]
        .as_array()
        .map(|all| all.iter().map(|one| &one["environment"]).collect())
        .unwrap_or_default();
    assert_eq!(names, ["dev", "test", "staging", "prod"]);

    let dev = &status["environments"][0];
    assert_eq!(dev["ours"], true);
    let ports = live.ports("dev");
    for ([name, id, started], (service, port)) in live
        .containers("dev")
        .iter()
        .zip([("neo4j", ports.bolt), ("redis", ports.redis)])
    {
        let server = &dev[service];
        assert_eq!(server["container"], name.as_str());
        assert_eq!(server["id"], id.as_str());
        assert_eq!(server["started_at"], started.as_str());
        assert_eq!(server["state"], "running");
        assert_eq!(server["port"], port);
        assert!(
            server["health"].is_string() && server["image"].is_string(),
            "{server}"
        );
        assert!(server["version"].is_string(), "{server}");
    }
    assert_eq!(dev["neo4j"]["nodes"], live.nodes("dev"));
    assert_eq!(dev["neo4j"]["database"], "tta-dev");
    assert_eq!(
        dev["neo4j"]["store_id"],
        live.value("dev", "CALL db.info() YIELD id RETURN id")
    );
    assert_eq!(dev["redis"]["keys"], live.keys("dev"));
    let staging = &status["environments"][2];
    assert_eq!(staging["neo4j"]["state"], "absent");
    assert_eq!(staging["neo4j"]["id"], Value::Null);
    live.xtask(&["status"])
        .run()
        .code(0)
        .stdout_has("healthy")
        .stdout_has("absent");
}
