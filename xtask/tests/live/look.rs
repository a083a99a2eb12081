//! What an environment of an instance holds, asked from outside.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::docker::{Said, docker, fed, inspect, inspected};
use crate::live::Live;
use crate::wire::{self, Resp, Transaction};

/// The well-known password. Production has none.
pub(crate) fn password(environment: &str) -> String {
    format!("tta_{environment}_password_2024")
}

/// What every key of an environment begins with.
pub(crate) fn prefix(environment: &str) -> &'static str {
    match environment {
        "dev" => "development:",
        "test" => "test:",
        "staging" => "staging:",
        _ => "production:",
    }
}

/// The host ports that the engine publishes for a running environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) http: u16,
    pub(crate) bolt: u16,
    pub(crate) redis: u16,
}

/// What must not change when a neighbour is worked on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Name, id, start time.
    containers: Vec<[String; 3]>,
    /// Name and time of making.
    pub(crate) volumes: Vec<[String; 2]>,
    pub(crate) nodes: Value,
    pub(crate) keys: BTreeMap<String, String>,
}

impl Live {
    #[track_caller]
    pub(crate) fn ports(&self, environment: &str) -> Ports {
        Ports {
            http: self.port(environment, "neo4j", "7474/tcp"),
            bolt: self.port(environment, "neo4j", "7687/tcp"),
            redis: self.port(environment, "redis", "6379/tcp"),
        }
    }

    /// The one host port of a container's port, bound to 127.0.0.1 and nothing else.
    #[track_caller]
    fn port(&self, environment: &str, service: &str, inside: &str) -> u16 {
        let container = inspect("container", &self.container(environment, service));
        let bindings = &container["NetworkSettings"]["Ports"][inside];
        let all = bindings.as_array().map_or(0, Vec::len);
        assert_eq!(all, 1, "{environment} publishes {inside} at {bindings}");
        assert_eq!(bindings[0]["HostIp"], "127.0.0.1", "{environment} {inside}");
        let port = bindings[0]["HostPort"].as_str();
        port.and_then(|port| port.parse().ok()).expect("a port")
    }

    /// The rows of one statement, over the published HTTP port.
    #[track_caller]
    pub(crate) fn graph(&self, environment: &str, statement: &str) -> Value {
        let port = self.port(environment, "neo4j", "7474/tcp");
        let database = format!("tta-{environment}");
        let (status, body) = wire::query(port, &database, &password(environment), statement)
            .unwrap_or_else(|error| panic!("{environment} does not answer: {error}"));
        assert!(
            status < 300 && body["data"].is_object(),
            "{statement}: {status} {body}"
        );
        body["data"]["values"].clone()
    }

    /// A transaction that has run a statement and stays open.
    #[track_caller]
    pub(crate) fn transaction(&self, environment: &str, statement: &str) -> Transaction {
        let port = self.port(environment, "neo4j", "7474/tcp");
        let database = format!("tta-{environment}");
        Transaction::open(port, &database, &password(environment), statement)
    }

    /// The one value of one statement.
    #[track_caller]
    pub(crate) fn value(&self, environment: &str, statement: &str) -> Value {
        self.graph(environment, statement)[0][0].clone()
    }

    #[track_caller]
    pub(crate) fn nodes(&self, environment: &str) -> u64 {
        let nodes = self.value(environment, "MATCH (n) RETURN count(n)");
        nodes.as_u64().expect("a number")
    }

    /// A script through `cypher-shell` inside the container.
    pub(crate) fn cypher_shell(&self, environment: &str, script: &str) -> Said {
        let login = format!("NEO4J_PASSWORD={}", password(environment));
        let database = format!("tta-{environment}");
        let container = self.container(environment, "neo4j");
        let head = [
            "exec",
            "--interactive",
            "--env",
            "NEO4J_USERNAME=neo4j",
            "--env",
            &login,
        ];
        let tail = [
            &container,
            "cypher-shell",
            "--database",
            &database,
            "--format",
            "plain",
            "--fail-fast",
        ];
        fed(&[&head[..], &tail[..]].concat(), script)
    }

    /// Logged in to Redis over the published port, as the environment's user.
    #[track_caller]
    pub(crate) fn redis(&self, environment: &str) -> Resp {
        let port = self.port(environment, "redis", "6379/tcp");
        let user = format!("tta-{environment}");
        Resp::login(port, &user, &password(environment)).expect("Redis takes the login")
    }

    /// One Redis command as the admin of this start, inside the container.
    #[track_caller]
    pub(crate) fn admin(&self, environment: &str, words: &[&str]) -> String {
        let container = self.container(environment, "redis");
        let head = [
            "exec",
            "--user",
            "root",
            &container,
            "tta-redis-admin",
            "-e",
        ];
        docker(&[&head[..], words].concat())
    }

    /// How many keys there are, over all databases.
    #[track_caller]
    pub(crate) fn keys(&self, environment: &str) -> u64 {
        let keyspace = self.admin(environment, &["INFO", "keyspace"]);
        let counts = keyspace.lines().filter_map(|line| {
            line.split_once("keys=")?
                .1
                .split(',')
                .next()?
                .parse::<u64>()
                .ok()
        });
        counts.sum()
    }

    /// A node with a relationship and two keys, so that there is something to lose.
    #[track_caller]
    pub(crate) fn write(&self, environment: &str, mark: &str) {
        self.graph(
            environment,
            &format!("CREATE (:Thought {{mark: '{mark}'}})-[:LED_TO]->(:Thought {{mark: '{mark}', n: 2}})"),
        );
        let mut redis = self.redis(environment);
        for name in ["session", "trace"] {
            let key = format!("{}{name}:{mark}", prefix(environment));
            assert_eq!(redis.ask(&["SET", &key, mark]), Ok(json!("OK")));
        }
    }

    /// Both servers of an environment hold nothing.
    #[track_caller]
    pub(crate) fn assert_empty(&self, environment: &str) {
        assert_eq!(self.nodes(environment), 0, "nodes of {environment}");
        assert_eq!(self.keys(environment), 0, "keys of {environment}");
    }

    /// The ids and start times of an environment's containers, those that exist.
    pub(crate) fn containers(&self, environment: &str) -> Vec<[String; 3]> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let one = |service: &str| {
            let name = self.container(environment, service);
            let found = inspected("container", &name)?;
            Some([name, text(&found["Id"]), text(&found["State"]["StartedAt"])])
        };
        ["neo4j", "redis"].into_iter().filter_map(one).collect()
    }

    /// The names and times of making of an environment's volumes, those that exist.
    pub(crate) fn made(&self, environment: &str) -> Vec<[String; 2]> {
        let one = |name: String| {
            let found = inspected("volume", &name)?;
            Some([name, found["CreatedAt"].as_str()?.to_owned()])
        };
        self.volumes(environment)
            .into_iter()
            .filter_map(one)
            .collect()
    }

    /// Everything of an environment that a neighbour's wipe must leave alone.
    #[track_caller]
    pub(crate) fn evidence(&self, environment: &str) -> Evidence {
        let listed = self.admin(environment, &["KEYS", "*"]);
        let value = |key: &str| (key.to_owned(), self.admin(environment, &["GET", key]));
        let evidence = Evidence {
            containers: self.containers(environment),
            volumes: self.made(environment),
            nodes: self.graph(
                environment,
                "MATCH (n) OPTIONAL MATCH (n)-[r]->(m) \
                 RETURN elementId(n), labels(n), properties(n), type(r), elementId(m) ORDER BY elementId(n)",
            ),
            keys: listed.lines().filter(|key| !key.is_empty()).map(value).collect(),
        };
        assert_eq!((evidence.containers.len(), evidence.volumes.len()), (2, 3));
        evidence
    }
}
