//! What the servers of a comparison are filled with, and what they hold afterwards: counted by
//! Bolt and `redis-cli`, in the same way on both sides.

use environments::{Deployment, Environment, Service};

use crate::error::{Failure, Result};
use crate::tools::bolt::Rows;
use crate::tools::docker::Docker;
use crate::tools::neo4j::Neo4j;

/// One environment's two servers, old or ours.
#[derive(Debug, Clone)]
pub(super) struct Servers<'a> {
    pub(super) docker: &'a Docker,
    pub(super) deployment: Deployment,
    /// Neo4j's home database.
    pub(super) database: &'static str,
    /// How Redis is spoken to: anybody may, or our image's admin alone.
    pub(super) redis: &'static [&'static str],
}

pub(super) const OPEN_REDIS: &[&str] = &["redis-cli", "-e"];
pub(super) const ADMIN_REDIS: &[&str] = &["tta-redis-admin", "-e"];

impl Servers<'_> {
    /// As many nodes, each with a relationship, and as many keys.
    pub(super) fn fill(&self, nodes: u64, keys: u64) -> Result<()> {
        self.fill_labelled("Bench", nodes, keys)
    }

    /// The same, where each node has the environment's own label beside its other one. The keys have
    /// its prefix either way: the server takes no other.
    pub(super) fn fill_with_own(&self, nodes: u64, keys: u64) -> Result<()> {
        let labels = format!("Bench:{}", self.environment().neo4j_label());
        self.fill_labelled(&labels, nodes, keys)
    }

    fn fill_labelled(&self, labels: &str, nodes: u64, keys: u64) -> Result<()> {
        let pairs = nodes / 2;
        let script = format!(
            "UNWIND range(1, {pairs}) AS i CALL (i) {{ \
             CREATE (a:{labels} {{name: i}})-[:KNOWS]->(b:{labels} {{name: -i}})-[:KNOWS]->(a) \
             }} IN TRANSACTIONS OF 10000 ROWS"
        );
        if pairs > 0 {
            self.cypher(&script)?;
        }
        let set = "for i = 1, tonumber(ARGV[2]) do redis.call('SET', ARGV[1] .. ':' .. i, i) end";
        let prefix = format!("{}bench", self.environment().redis_prefix());
        if keys > 0 {
            self.redis(&["EVAL", set, "0", &prefix, &keys.to_string()])?;
        }
        self.holds(nodes, keys)
    }

    /// As many nodes with a text of 4 KB each, which differs from node to node.
    pub(super) fn fill_with_text(&self, nodes: u64) -> Result<()> {
        let some = "of what was thought and said there, ".repeat(10);
        let script = format!(
            "UNWIND range(1, {nodes}) AS i CALL (i) {{ \
             CREATE (:Bench {{name: i, text: reduce(all = '', part IN range(1, 10) | \
             all + randomUUID() + '{some}')}}) \
             }} IN TRANSACTIONS OF 5000 ROWS"
        );
        self.cypher(&script)?;
        self.holds(nodes, 0)
    }

    /// Removes what a client has written meanwhile.
    pub(super) fn forget_writers(&self, keys: u64) -> Result<()> {
        self.cypher("MATCH (n:Writer) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS")?;
        let delete = "for i = 0, tonumber(ARGV[2]) do redis.call('DEL', ARGV[1] .. i) end";
        let prefix = format!("{}writer:", self.environment().redis_prefix());
        self.redis(&["EVAL", delete, "0", &prefix, &keys.to_string()])?;
        Ok(())
    }

    /// # Errors
    /// They hold anything else.
    pub(super) fn holds(&self, nodes: u64, keys: u64) -> Result<()> {
        let counted = self.cypher("MATCH (n) RETURN count(n)")?;
        let found = counted.first().and_then(|row| row.first()?.as_u64());
        if found != Some(nodes) {
            let found = found.map_or_else(|| "an unknown number".to_owned(), |n| n.to_string());
            return Err(self.wrong("nodes", nodes, &found));
        }
        let counted = self.redis(&["DBSIZE"])?;
        if counted.trim() != keys.to_string() {
            return Err(self.wrong("keys", keys, counted.trim()));
        }
        Ok(())
    }

    fn environment(&self) -> Environment {
        self.deployment.environment()
    }

    fn cypher(&self, statement: &str) -> Result<Rows> {
        let neo4j = Neo4j {
            docker: self.docker,
            container: &self.deployment.container(Service::Neo4j),
            database: self.database,
            user: self.environment().neo4j_user(),
            password: well_known_password(self.environment())?,
        };
        Ok(neo4j.prove(&[statement])?.pop().unwrap_or_default())
    }

    pub(super) fn redis(&self, args: &[&str]) -> Result<String> {
        let container = self.deployment.container(Service::Redis);
        let args = [self.redis, args].concat();
        let command = self
            .docker
            .exec_with(&container, &["--user", "root"], &args);
        Ok(self.docker.runner().run(&command)?.ok()?.stdout)
    }

    fn wrong(&self, what: &str, expected: u64, found: &str) -> Failure {
        Failure::failed(format!(
            "{} was expected to hold {expected} {what}, and holds {found}",
            self.deployment
        ))
    }
}

/// Scratch instances hold nothing worth a secret.
pub(super) fn well_known_password(environment: Environment) -> Result<&'static str> {
    environment
        .credential()
        .well_known()
        .ok_or_else(|| Failure::failed(format!("{environment} has no well-known password")))
}
