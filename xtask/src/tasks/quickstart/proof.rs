//! A first proof that the environments are apart: what is written in development is found there,
//! and nowhere else.
//!
//! One node and one key, named after this run, so that nothing of anyone else is touched; test and
//! staging are only read. Both are removed again, whatever came out. What a run that was killed
//! left behind is removed by the next one, and its key ends by itself after ten minutes.

use std::thread;

use environments::{Deployment, Environment, Service};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::guard::identity;
use crate::observe::{self, joined, observe_one};
use crate::secrets;
use crate::tasks::hold;
use crate::tools::docker::Container;
use crate::ui;

/// How long a key may be left behind, in seconds.
const LEFT: &str = "600";

/// How often one environment's writing was found in another's store, or in its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) to: Environment,
    store: Service,
    expected: u64,
    observed: u64,
}

/// Writes in development, looks everywhere, removes what was written.
///
/// # Errors
/// Violated where it is found elsewhere; inconclusive where it is not found in development, which
/// is the control that gives the zeros their meaning.
pub(crate) fn prove(
    context: &Context,
    command: &str,
    deployments: &[Deployment],
) -> Result<Vec<Cell>> {
    let dev = context.deployment(Environment::Dev);
    // Under development's lock: nobody wipes it meanwhile, and no other run sweeps our node.
    let held = hold(context, command, &dev)?;
    let writer = Servers::of(
        context,
        &dev,
        held.observed.neo4j.clone(),
        held.observed.redis.clone(),
    )?;
    let mut readers = Vec::new();
    for deployment in deployments.iter().filter(|deployment| **deployment != dev) {
        let observed = observe_one(context, deployment)?;
        identity::settle(command, deployment, &identity::objects(&observed))?;
        readers.push(Servers::of(
            context,
            deployment,
            observed.neo4j,
            observed.redis,
        )?);
    }
    let run = format!(
        "{}-{}",
        jiff::Timestamp::now().as_millisecond(),
        std::process::id()
    );
    let found = look(&writer, &readers, &run);
    let removed = writer.remove(&run);
    let cells = found?;
    removed
        .map_err(|failure| failure.within("the proof's own node and key could not be removed"))?;
    judge(&cells)?;
    Ok(cells)
}

fn look(writer: &Servers<'_>, readers: &[Servers<'_>], run: &str) -> Result<Vec<Cell>> {
    let own = thread::scope(|scope| {
        let nodes = scope.spawn(|| writer.write_node(run));
        let keys = writer.write_key(run);
        Ok::<_, Failure>([(Service::Neo4j, joined(nodes)?), (Service::Redis, keys?)])
    })?;
    let mut cells = cells(writer.environment, 1, own);
    // Only now: a look before the writing had ended would find nothing anywhere.
    let theirs = thread::scope(|scope| {
        let threads: Vec<_> = readers
            .iter()
            .map(|reader| (reader.environment, scope.spawn(|| reader.counts(run))))
            .collect();
        let outcomes = threads
            .into_iter()
            .map(|(to, thread)| Ok((to, joined(thread)?)));
        outcomes.collect::<Result<Vec<_>>>()
    })?;
    for (to, counts) in theirs {
        cells.extend(self::cells(to, 0, counts));
    }
    Ok(cells)
}

fn cells(to: Environment, expected: u64, counts: [(Service, u64); 2]) -> Vec<Cell> {
    let cell = |(store, observed)| Cell {
        to,
        store,
        expected,
        observed,
    };
    counts.into_iter().map(cell).collect()
}

fn judge(cells: &[Cell]) -> Result<()> {
    let said = |cell: &&Cell| {
        format!(
            "{} of {}: expected {}, found {}",
            cell.store.name(),
            cell.to,
            cell.expected,
            cell.observed
        )
    };
    let wrong = |control: bool| -> Vec<String> {
        cells
            .iter()
            .filter(|cell| cell.observed != cell.expected && (cell.expected > 0) == control)
            .map(|cell| said(&cell))
            .collect()
    };
    let leaked = wrong(false);
    if !leaked.is_empty() {
        return Err(Failure::new(
            Kind::Violated,
            format!("what was written in dev is found elsewhere: {}", leaked.join("; ")),
        )
        .hint("docker ps --filter label=org.tta.environment   (do two environments share a volume or a port?)"));
    }
    let lost = wrong(true);
    if lost.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Inconclusive,
        format!(
            "what was written in dev is not found there, so nothing is proved: {}",
            lost.join("; ")
        ),
    )
    .hint("cargo xtask logs dev"))
}

/// One deployment's two servers.
struct Servers<'a> {
    context: &'a Context,
    deployment: Deployment,
    environment: Environment,
    neo4j: Container,
    redis: Container,
    password: secrets::Password,
}

impl<'a> Servers<'a> {
    fn of(
        context: &'a Context,
        deployment: &Deployment,
        neo4j: Option<Container>,
        redis: Option<Container>,
    ) -> Result<Self> {
        let there = |container: Option<Container>, service: Service| {
            container.filter(Container::running).ok_or_else(|| {
                Failure::failed(format!(
                    "{} of {deployment} does not run any more",
                    service.name()
                ))
            })
        };
        let environment = deployment.environment();
        Ok(Self {
            context,
            deployment: deployment.clone(),
            environment,
            neo4j: there(neo4j, Service::Neo4j)?,
            redis: there(redis, Service::Redis)?,
            password: secrets::password(environment)?,
        })
    }

    /// Runs a script in one `cypher-shell`; the number on its last line.
    fn graph(&self, script: &str) -> Result<u64> {
        let neo4j = observe::neo4j(self.context, &self.deployment, &self.neo4j, &self.password);
        let lines = neo4j.prove(script)?;
        let number = lines.last().and_then(|line| line.trim().parse().ok());
        number.ok_or_else(|| {
            Failure::failed(format!(
                "Neo4j of {} counted no number: {}",
                self.deployment,
                lines.join(" | ")
            ))
        })
    }

    fn keys(&self, args: &[&str]) -> Result<String> {
        observe::redis(self.context, &self.redis).admin(args)
    }

    fn write_node(&self, run: &str) -> Result<u64> {
        self.graph(&writing(run))
    }

    fn write_key(&self, run: &str) -> Result<u64> {
        self.keys(&["SET", &key(run), run, "EX", LEFT])?;
        self.count_key(run)
    }

    fn count_key(&self, run: &str) -> Result<u64> {
        let said = self.keys(&["EXISTS", &key(run)])?;
        said.trim().parse().map_err(|_| {
            Failure::failed(format!(
                "Redis of {} counted no number: {}",
                self.deployment,
                said.trim()
            ))
        })
    }

    /// Reads, and only reads.
    fn counts(&self, run: &str) -> Result<[(Service, u64); 2]> {
        let keys = self.count_key(run)?;
        Ok([
            (Service::Neo4j, self.graph(&counting(run))?),
            (Service::Redis, keys),
        ])
    }

    /// Removes this run's node and key, the one also where the other cannot be.
    fn remove(&self, run: &str) -> Result<()> {
        let key = self.keys(&["DEL", &key(run)]).map(drop);
        let left = self.graph(&removing(run))?;
        key?;
        if left == 0 {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "{left} of its nodes are left in {}",
            self.deployment
        )))
    }
}

/// The run's id is made here of digits and a dash: it needs no quoting in Cypher.
fn writing(run: &str) -> String {
    format!(
        "MATCH (old:TestNode:Development {{quickstart: true}}) DELETE old;\n\
         CREATE (:TestNode:Development {{quickstart: true, run: '{run}'}});\n{}",
        counting(run)
    )
}

fn counting(run: &str) -> String {
    format!("MATCH (n:TestNode {{run: '{run}'}}) RETURN count(n) AS found;\n")
}

fn removing(run: &str) -> String {
    format!(
        "MATCH (n:TestNode:Development {{quickstart: true, run: '{run}'}}) DELETE n;\n{}",
        counting(run)
    )
}

fn key(run: &str) -> String {
    format!("{}quickstart:{run}", Environment::Dev.redis_prefix())
}

/// For people.
pub(crate) fn table(cells: &[Cell]) -> String {
    let head = ["written in", "looked for in", "store", "expected", "found"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(cells.iter().map(|cell| {
        vec![
            "dev".to_owned(),
            cell.to.to_string(),
            cell.store.name().to_owned(),
            cell.expected.to_string(),
            cell.observed.to_string(),
        ]
    }));
    ui::table(&lines)
}

/// For programs.
pub(crate) fn document(cells: &[Cell]) -> Value {
    let cell = |cell: &Cell| {
        json!({
            "from": Environment::Dev,
            "to": cell.to,
            "store": cell.store.name(),
            "expected": cell.expected,
            "observed": cell.observed,
        })
    };
    cells.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(dev: u64, test: u64) -> Vec<Cell> {
        let both = |count| [(Service::Neo4j, count), (Service::Redis, count)];
        [
            cells(Environment::Dev, 1, both(dev)),
            cells(Environment::Test, 0, both(test)),
        ]
        .concat()
    }

    #[test]
    fn a_node_found_elsewhere_is_a_violation_and_one_lost_in_dev_proves_nothing() {
        assert!(judge(&counted(1, 0)).is_ok());
        assert_eq!(
            judge(&counted(1, 1)).expect_err("leaked").kind,
            Kind::Violated
        );
        assert_eq!(
            judge(&counted(0, 0)).expect_err("lost").kind,
            Kind::Inconclusive
        );
        assert_eq!(
            judge(&counted(0, 1)).expect_err("both").kind,
            Kind::Violated
        );
    }

    #[test]
    fn only_nodes_that_a_quickstart_made_are_ever_deleted() {
        insta::assert_snapshot!(writing("1-2") + &removing("1-2"), @r"
        MATCH (old:TestNode:Development {quickstart: true}) DELETE old;
        CREATE (:TestNode:Development {quickstart: true, run: '1-2'});
        MATCH (n:TestNode {run: '1-2'}) RETURN count(n) AS found;
        MATCH (n:TestNode:Development {quickstart: true, run: '1-2'}) DELETE n;
        MATCH (n:TestNode {run: '1-2'}) RETURN count(n) AS found;
        ");
        assert_eq!(key("1-2"), "development:quickstart:1-2");
        assert!(!counting("1").contains("DELETE"));
    }
}
