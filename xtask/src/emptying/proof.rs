//! Emptying servers as they run, and proving that they are empty.

use environments::{Deployment, Service};
use process::printable;
use process::side_by_side::both;

use super::work::{InPlace, Seed};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{Did, answering, planned_server, servers};
use crate::journal::{Deed, Kind, Verb};
use crate::observe::{self, observe_one};
use crate::stack::Stack;
use crate::tidiness::Schema;
use crate::tools::bolt::Rows;
use crate::tools::neo4j::{Neo4j, STATEMENT, quoted_name};
use crate::tools::redis::Redis;
use crate::ui::counted;

/// Both servers answer and hold nothing; then the fixture is loaded.
pub(super) fn await_empty(
    context: &Context,
    stack: &Stack,
    seed: Option<&Seed>,
    did: &mut Did,
) -> Result<()> {
    let servers = servers(context, stack)?;
    let both = [&servers.neo4j, &servers.redis];
    did.add(both.map(|one| Deed::new(Verb::Make, Kind::Container, one.name(), &one.id)));
    let nodes = answering(context, stack, &servers)?;
    empty(&stack.deployment, nodes, "node")?;
    no_keys(&stack.deployment, &observe::redis(context, &servers.redis))?;
    let graph = observe::neo4j(context, &stack.deployment, &servers.neo4j, &stack.password);
    load(&stack.deployment, &graph, seed)
}

/// The two lookup indexes that every new database has, by the names that Neo4j gives them.
const LOOKUP_INDEXES: [&str; 2] = [
    "CREATE LOOKUP INDEX index_343aff4e IF NOT EXISTS FOR (n) ON EACH labels(n)",
    "CREATE LOOKUP INDEX index_f7700477 IF NOT EXISTS FOR ()-[r]-() ON EACH type(r)",
];

/// What tells whether anything is left: nodes, then the schema.
const LEFT: [&str; 3] = {
    let [constraints, indexes] = Schema::ASKED;
    ["MATCH (n) RETURN count(n)", constraints, indexes]
};

/// Empties both servers as they run and proves it: nothing of this is believed, all is counted.
pub(super) fn empty_in_place(context: &Context, stack: &Stack, work: &InPlace) -> Result<()> {
    let deployment = work.deployment();
    let observed = observe_one(context, deployment)?;
    let neo4j = planned_server(&observed, Service::Neo4j, &work.neo4j)?;
    let redis_container = planned_server(&observed, Service::Redis, &work.redis)?;
    let redis = observe::redis(context, &redis_container);
    // In the environment's database by name: whether that is the server's home, the look has asked.
    let graph = observe::neo4j(context, deployment, &neo4j, &stack.password);
    let mut talk = graph.talk(STATEMENT)?;
    let (keys, answers) = both(|| flush(&redis), || talk.prove(&emptying(work)));
    keys?;
    nothing_left(deployment, &answers?)?;
    no_keys(deployment, &redis)?;
    // Once more, now that all was emptied: who writes seldom was not yet seen.
    nothing_left(deployment, &talk.prove(&LEFT)?)?;
    no_keys(deployment, &redis)?;
    load(deployment, &graph, work.seed.as_ref())
}

/// What empties Neo4j, then what counts whether it is empty.
fn emptying(work: &InPlace) -> Vec<String> {
    let mut statements = Vec::new();
    if work.nodes > 0 {
        statements.push(
            "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS".to_owned(),
        );
    }
    // Constraints first: an index that one of them owns cannot be dropped.
    let constraints = work.schema.constraints.iter();
    statements
        .extend(constraints.map(|name| format!("DROP CONSTRAINT {} IF EXISTS", quoted_name(name))));
    let indexes = work.schema.indexes.iter();
    statements.extend(indexes.map(|name| format!("DROP INDEX {} IF EXISTS", quoted_name(name))));
    if !work.schema.has_lookup_indexes() {
        statements.extend(LOOKUP_INDEXES.map(str::to_owned));
    }
    statements.extend(LEFT.map(str::to_owned));
    statements
}

/// Reads the answers to [`LEFT`], which are the last ones.
fn nothing_left(deployment: &Deployment, answers: &[Rows]) -> Result<()> {
    let told = match &answers[answers.len().saturating_sub(LEFT.len())..] {
        [nodes, constraints, indexes] => {
            let nodes = nodes.first().and_then(|row| row.first()?.as_u64());
            nodes.zip(Schema::read(constraints, indexes))
        }
        _ => None,
    };
    match told {
        Some((nodes, schema)) if schema.is_new() => empty(deployment, nodes, "node"),
        Some(_) => Err(still_writing(deployment, "constraints or indexes")),
        None => Err(Failure::failed(format!(
            "Neo4j was expected to count what is left in {deployment}, but answered {}",
            printable(&format!("{answers:?}"))
        ))),
    }
}

/// FLUSHALL leaves functions and scripts, so they are flushed by their own commands.
fn flush(redis: &Redis<'_>) -> Result<()> {
    redis.admin_script(&["FLUSHALL SYNC", "FUNCTION FLUSH SYNC", "SCRIPT FLUSH SYNC"])
}

fn no_keys(deployment: &Deployment, redis: &Redis<'_>) -> Result<()> {
    empty(deployment, redis.keys()?.values().sum(), "key")
}

fn empty(deployment: &Deployment, left: u64, what: &str) -> Result<()> {
    if left == 0 {
        Ok(())
    } else {
        Err(still_writing(deployment, &counted(left, what)))
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

fn load(deployment: &Deployment, graph: &Neo4j<'_>, seed: Option<&Seed>) -> Result<()> {
    let Some(seed) = seed.filter(|seed| !seed.statements.is_empty()) else {
        return Ok(());
    };
    let Err((number, said)) = graph.load(&seed.statements)? else {
        return Ok(());
    };
    let statement = seed.statements.get(number - 1).map_or("", String::as_str);
    let statement: String = statement.chars().take(300).collect();
    Err(Failure::failed(format!(
        "{deployment} was emptied, but statement {number} of {} failed: {said}\n    {}",
        seed.file,
        printable(&statement.replace('\n', " "))
    ))
    .hint("the statements before it were loaded; fix the fixture and run the same command again"))
}
