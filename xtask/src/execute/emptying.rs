//! Emptying servers as they run, and proving that they are empty.

use std::thread;

use environments::{Deployment, Service};

use super::ready::{First, answering, servers};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::{self, Observed, joined, observe_one};
use crate::plan::{InPlace, Object, Seed};
use crate::process::printable;
use crate::stack::Stack;
use crate::tools::docker::Container;
use crate::tools::neo4j::quoted_name;
use crate::tools::redis::Redis;
use crate::ui::counted;

/// Both servers answer and hold nothing; then the fixture is loaded.
pub(super) fn await_empty(context: &Context, stack: &Stack, seed: Option<&Seed>) -> Result<()> {
    let servers = servers(context, stack)?;
    answering(context, stack, &servers, First::EmptyHome, &seeding(seed))
        .map_err(|failure| seeding_failure(&stack.deployment, seed, failure))?;
    no_keys(&stack.deployment, &observe::redis(context, &servers.redis))
}

/// Fails where there is a node.
const ASSERT_EMPTY: &str = "MATCH (n) WITH count(n) AS nodes \
     RETURN CASE nodes WHEN 0 THEN 0 ELSE 1 / (nodes - nodes) END AS nodes;\n";

/// The two lookup indexes that every new database has, by the names that Neo4j gives them.
const LOOKUP_INDEXES: &str = "\
     CREATE LOOKUP INDEX index_343aff4e IF NOT EXISTS FOR (n) ON EACH labels(n);\n\
     CREATE LOOKUP INDEX index_f7700477 IF NOT EXISTS FOR ()-[r]-() ON EACH type(r);\n";

/// Empties both servers as they run and proves it: nothing of this is believed, all is counted.
pub(super) fn empty_in_place(context: &Context, stack: &Stack, work: &InPlace) -> Result<()> {
    let deployment = work.deployment();
    let observed = observe_one(context, deployment)?;
    let neo4j = planned_server(&observed, Service::Neo4j, &work.neo4j)?;
    let redis_container = planned_server(&observed, Service::Redis, &work.redis)?;
    let redis = observe::redis(context, &redis_container);
    let script = format!(
        "{}{LOOKUP_INDEXES}{ASSERT_EMPTY}{SCHEMA_LEFT}{}",
        emptying(work),
        seeding(work.seed.as_ref())
    );
    thread::scope(|scope| {
        let keys = scope.spawn(|| flush(&redis));
        // In the environment's database by name: whether that is the server's home, the look has asked.
        let graph = observe::neo4j(context, deployment, &neo4j, &stack.password);
        let lines = graph
            .prove(&script)
            .map_err(|failure| seeding_failure(deployment, work.seed.as_ref(), failure));
        joined(keys)?;
        schema_gone(deployment, &lines?)
    })?;
    no_keys(deployment, &redis)
}

/// A server's container, which must be the very one that the plan saw.
pub(super) fn planned_server(
    observed: &Observed,
    service: Service,
    planned: &Object,
) -> Result<Container> {
    let same = observed
        .container(service)
        .filter(|found| found.id == planned.id);
    same.cloned().ok_or_else(|| {
        Failure::refused(format!(
            "{} is not the container that the plan saw",
            planned.name
        ))
        .hint("run the same command again: it looks anew")
    })
}

fn emptying(work: &InPlace) -> String {
    let mut script = String::new();
    if work.nodes > 0 {
        script.push_str("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS;\n");
    }
    // Constraints first: an index that one of them owns cannot be dropped.
    for name in &work.constraints {
        script.push_str(&format!(
            "DROP CONSTRAINT {} IF EXISTS;\n",
            quoted_name(name)
        ));
    }
    for name in &work.indexes {
        script.push_str(&format!("DROP INDEX {} IF EXISTS;\n", quoted_name(name)));
    }
    script
}

const SCHEMA_LEFT: &str = "\
     SHOW CONSTRAINTS YIELD name RETURN count(*) AS constraints;\n\
     SHOW INDEXES YIELD type RETURN \
     sum(CASE type WHEN 'LOOKUP' THEN 1 ELSE 0 END) + 100 * sum(CASE type WHEN 'LOOKUP' THEN 0 ELSE 1 END) AS indexes;\n";

fn schema_gone(deployment: &Deployment, lines: &[String]) -> Result<()> {
    let value = |name: &str| {
        let at = lines.iter().position(|line| line == name)?;
        lines.get(at + 1)?.parse::<u64>().ok()
    };
    match (value("constraints"), value("indexes")) {
        // The two lookup indexes, and nothing else.
        (Some(0), Some(2)) => Ok(()),
        (Some(_), Some(_)) => Err(still_writing(deployment, "constraints or indexes")),
        _ => Err(Failure::failed(format!(
            "cypher-shell did not count the schema of {deployment}, but printed:\n    {}",
            printable(&lines.join(" / "))
        ))),
    }
}

/// FLUSHALL leaves functions and scripts, so they are flushed by their own commands.
fn flush(redis: &Redis<'_>) -> Result<()> {
    redis.admin_script(&["FLUSHALL SYNC", "FUNCTION FLUSH SYNC", "SCRIPT FLUSH SYNC"])
}

fn no_keys(deployment: &Deployment, redis: &Redis<'_>) -> Result<()> {
    let left: u64 = redis.keys()?.values().sum();
    if left == 0 {
        Ok(())
    } else {
        Err(still_writing(deployment, &counted(left, "key")))
    }
}

fn still_writing(deployment: &Deployment, what: &str) -> Failure {
    Failure::failed(format!(
        "{deployment} is not empty: {what} appeared while it was being emptied, so somebody is \
         still writing to it"
    ))
    .hint(format!(
        "stop what uses {deployment}, then run the same command again; who is connected: docker \
         exec --user root {} tta-redis-admin CLIENT LIST",
        deployment.container(Service::Redis)
    ))
}

/// The statements of a fixture, each after a line that says which one it is.
fn seeding(seed: Option<&Seed>) -> String {
    let statements = seed
        .map(|seed| seed.statements.as_slice())
        .unwrap_or_default();
    let mut script = String::new();
    for (number, statement) in statements.iter().enumerate() {
        script.push_str(&format!(
            "RETURN {} AS statement;\n{statement}\n;\n",
            number + 1
        ));
    }
    script
}

/// Tells "not empty" and "the fixture is wrong" from everything else.
fn seeding_failure(deployment: &Deployment, seed: Option<&Seed>, failure: Failure) -> Failure {
    if failure.message.contains("/ by zero") && !failure.message.contains("statement\n") {
        return still_writing(deployment, "nodes");
    }
    let Some(seed) = seed else { return failure };
    let lines: Vec<&str> = failure.message.lines().map(str::trim).collect();
    let reached = lines.windows(2).rev().find_map(|pair| match pair {
        ["statement", number] => number.parse::<usize>().ok(),
        _ => None,
    });
    let Some(number) = reached else {
        return failure;
    };
    let statement = seed.statements.get(number - 1).map_or("", String::as_str);
    let message = lines.last().copied().unwrap_or_default();
    Failure::failed(format!(
        "{deployment} was emptied, but statement {number} of {} failed: {message}\n    {}",
        seed.file,
        printable(
            &statement
                .chars()
                .take(300)
                .collect::<String>()
                .replace('\n', " ")
        )
    ))
    .hint("the statements before it were loaded; mend the fixture and run the same command again")
}
