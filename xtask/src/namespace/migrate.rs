//! Giving prefixes and labels to what has none, in batches, and comparing what is held before and
//! after. What a key holds is compared within the batch that renames it, since only there has nobody
//! else written in between; how many there are, over all of it.
//!
//! Each batch changes what it changes at once, and leaves alone what is marked already: killed
//! anywhere and run again, it goes on where it was.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use environments::{Deployment, Environment};
use process::side_by_side::joined;

use super::audit::{self, Census};
use super::batches::{Batches, Misread, Verb};
use super::scripts;
use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::observe::{neo4j, redis};
use crate::secrets::Password;
use crate::tools::docker::Container;
use crate::tools::neo4j::{Neo4j, quoted_name};
use crate::ui::counted;

/// How many nodes a transaction labels.
const NODES_IN_A_BATCH: u32 = 10_000;

/// Gives the prefix to every key that has none, in all databases.
///
/// A key whose name with the prefix is taken, and one with another environment's prefix, stay as
/// they are. RENAMENX keeps the time to live and never overwrites.
///
/// # Errors
/// The server goes away or refuses.
pub(crate) fn prefix_keys(
    context: &Context,
    environment: Environment,
    container: &Container,
    bare: u64,
) -> Result<()> {
    let redis = redis(context, container);
    let prefixes = scripts::prefixes(&scripts::owners(environment));
    let progress = context.ui.progress("keys", bare);
    let mut changed = None;
    let mut rename = || -> Result<()> {
        for database in redis.keyspace()?.into_keys() {
            let mut batches = Batches::of(&redis, database)?;
            batches.run(Verb::Change, &scripts::rename(), &prefixes, |line| {
                let (count, differs) = renamed(line)?;
                progress.advance(count);
                changed = differs.map(|key| (database, key));
                changed.as_ref().map_or(Ok(()), |_| Err(Misread))
            })?;
        }
        Ok(())
    };
    let ran = rename();
    if let Some((database, key)) = changed {
        return Err(Failure::failed(format!(
            "the key {key} of database {database} does not hold under its new name what it held \
             before: the renaming was stopped"
        )));
    }
    ran.map_err(|failure| went_on(environment, failure))
}

/// How many keys a batch has renamed, and the first that holds something else since.
fn renamed(line: &str) -> Result<(u64, Option<String>), Misread> {
    let mut words = line.split_whitespace();
    let count = words.next().and_then(|count| count.parse().ok());
    let count = count.ok_or(Misread)?;
    let Some(key) = words.next() else {
        return Ok((count, None));
    };
    let key = audit::bytes(key).ok_or(Misread)?;
    Ok((count, Some(audit::shown(&key))))
}

fn went_on(environment: Environment, failure: Failure) -> Failure {
    if failure.kind != Kind::Failed {
        return failure;
    }
    failure.hint(format!(
        "cargo xtask migrate-namespace {environment}   (goes on where it stopped: nothing is lost)"
    ))
}

/// Whether each database holds what it held before.
///
/// # Errors
/// It does not: somebody else has written to it.
pub(crate) fn compare(environment: Environment, before: &Census, after: &Census) -> Result<()> {
    let databases: BTreeSet<u32> = before
        .holdings
        .keys()
        .chain(after.holdings.keys())
        .copied()
        .collect();
    for database in databases {
        let of = |census: &Census| census.holdings.get(&database).copied().unwrap_or_default();
        let (was, is) = (of(before), of(after));
        if (was.keys, was.sum) != (is.keys, is.sum) || is.expiring > was.expiring {
            return Err(Failure::failed(format!(
                "database {database} of the Redis of {environment} held {} that stay and {} that \
                 expire, and now {} and {}{}: somebody else has written to it meanwhile. This \
                 command has overwritten and deleted nothing.",
                counted(was.keys, "key"),
                was.expiring,
                is.keys,
                is.expiring,
                if was.sum == is.sum {
                    ""
                } else {
                    ", and not all of them hold the same"
                },
            ))
            .hint(format!(
                "stop what uses {environment}, and run the same command again: it compares anew"
            )));
        }
    }
    Ok(())
}

/// Gives the label to every node that has no environment's, and counts before and after.
///
/// # Errors
/// The server goes away or refuses; what it holds afterwards is not what it held before.
pub(crate) fn label_nodes(
    context: &Context,
    deployment: &Deployment,
    container: &Container,
    password: &Password,
    bare: u64,
) -> Result<()> {
    let server = neo4j(context, deployment, container, password);
    let all: Vec<String> = Environment::ALL
        .map(|one| quoted_name(one.neo4j_label()))
        .to_vec();
    let own = quoted_name(deployment.environment().neo4j_label());
    let statement = format!(
        "MATCH (n) WHERE NOT n:{} CALL (n) {{ SET n:{own} }} IN TRANSACTIONS OF {NODES_IN_A_BATCH} ROWS",
        all.join("|")
    );
    let before = totals(&server)?;
    let labelled = count(&server, &own)?;
    let done = AtomicBool::new(false);
    let progress = context.ui.progress("nodes", bare);
    thread::scope(|scope| {
        let work = scope.spawn(|| {
            let result = server.prove(&[&statement]);
            done.store(true, Ordering::SeqCst);
            result
        });
        // The count store tells how far it is, at no cost to the work.
        while progress.shown() && !done.load(Ordering::SeqCst) {
            if let Ok(now) = count(&server, &own) {
                progress.at(now.saturating_sub(labelled));
            }
            thread::park_timeout(Duration::from_millis(500));
        }
        joined(work)
    })
    .map_err(|failure| went_on(deployment.environment(), failure))?;
    progress.end();
    let after = totals(&server)?;
    if before == after {
        return Ok(());
    }
    let environment = deployment.environment();
    Err(Failure::failed(format!(
        "the Neo4j of {environment} held {before}, now {after}: somebody else has written to it meanwhile"
    ))
    .hint(format!(
        "stop what uses {environment}, and run the same command again: it goes on where it is"
    )))
}

/// What labelling must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) nodes: u64,
    pub(crate) relationships: u64,
    pub(crate) properties: u64,
    pub(crate) constraints: u64,
    pub(crate) indexes: u64,
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nodes = counted(self.nodes, "node");
        let relationships = counted(self.relationships, "relationship");
        write!(
            f,
            "{nodes}, {relationships}, {} properties, {} and {}",
            self.properties,
            counted(self.constraints, "constraint"),
            counted(self.indexes, "index")
        )
    }
}

/// Counts it.
///
/// # Errors
/// The server does not answer.
pub(crate) fn totals(server: &Neo4j<'_>) -> Result<Totals> {
    let answers = server.ask(&[
        "MATCH (n) RETURN count(n), coalesce(sum(size(keys(n))), 0)",
        "MATCH ()-[r]->() RETURN count(r), coalesce(sum(size(keys(r))), 0)",
        "SHOW CONSTRAINTS YIELD name RETURN count(*)",
        "SHOW INDEXES YIELD name RETURN count(*)",
    ])?;
    let number = |answer: usize, column: usize| {
        let cell = answers
            .get(answer)
            .and_then(|rows| rows.first()?.get(column)?.as_u64());
        cell.ok_or_else(|| {
            Failure::failed(format!(
                "Neo4j was expected to count, but answered {answers:?}"
            ))
        })
    };
    Ok(Totals {
        nodes: number(0, 0)?,
        relationships: number(1, 0)?,
        properties: number(0, 1)? + number(1, 1)?,
        constraints: number(2, 0)?,
        indexes: number(3, 0)?,
    })
}

fn count(server: &Neo4j<'_>, label: &str) -> Result<u64> {
    let answers = server.ask(&[&format!("MATCH (n:{label}) RETURN count(n)")])?;
    let cell = answers
        .first()
        .and_then(|rows| rows.first()?.first()?.as_u64());
    cell.ok_or_else(|| {
        Failure::failed(format!(
            "Neo4j was expected to count, but answered {answers:?}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_says_how_many_it_renamed_and_which_key_changed_on_the_way() {
        assert!(matches!(renamed("12"), Ok((12, None))));
        let (count, changed) = renamed("3 61ff").expect("a count and a key");
        assert_eq!((count, changed.as_deref()), (3, Some("a\\xff")));
        for line in ["", "x", "3 6"] {
            assert!(renamed(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn what_somebody_else_has_written_meanwhile_is_told() {
        use crate::namespace::audit::Holdings;
        let of = |keys, sum, expiring| {
            let holdings = Holdings {
                keys,
                sum,
                expiring,
            };
            Census {
                holdings: [(3, holdings)].into(),
                ..Census::default()
            }
        };
        let told = |before, after| {
            compare(Environment::Dev, &before, &after).map_err(|failure| failure.message)
        };
        assert_eq!(told(of(2, 9, 2), of(2, 9, 1)), Ok(()));
        for (after, says) in [
            (of(1, 9, 2), "and now 1 and 2: somebody"),
            (of(2, 9, 3), "and now 2 and 3: somebody"),
            (
                of(2, 8, 2),
                "2 and 2, and not all of them hold the same: somebody",
            ),
            (Census::default(), "and now 0 and 0"),
        ] {
            let message = told(of(2, 9, 2), after).expect_err(says);
            assert!(message.contains(says), "{message}");
        }
    }
}
