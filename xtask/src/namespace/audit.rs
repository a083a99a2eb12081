//! Counts whose the keys and nodes of an environment are, by prefix and label.
//!
//! Looks only. What it hands back has counts, a few names and how long a server was kept busy at a
//! time; never a value or a property. It must not judge: whether a count is a fault depends on who
//! asks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use environments::{Deployment, Environment};
use process::printable;
use serde::Serialize;
use serde_json::Value;

use super::batches::{Batches, Misread, Verb};
use super::scripts::{self, Side};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::{neo4j, redis};
use crate::secrets::Password;
use crate::tools::docker::Container;
use crate::tools::neo4j::{Neo4j, quoted_name};
use crate::tools::redis::Keyspace;

/// How many samples of each kind are kept.
const SAMPLES: usize = 5;
/// How much of a long name is kept.
const SHOWN: usize = 80;

/// Whose the keys or nodes of one server are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Census {
    /// With the environment's own mark alone.
    pub(crate) own: u64,
    /// With no environment's mark.
    pub(crate) bare: u64,
    /// With another environment's mark. A node may carry several, and its own beside them.
    pub(crate) foreign: BTreeMap<Environment, u64>,
    /// Of the bare keys, those whose name with the prefix is taken. Always 0 for nodes.
    pub(crate) taken: u64,
    /// At most five that are bare, and at most five that are another environment's.
    pub(crate) samples: Vec<Sample>,
    /// What each database of Redis holds, where that was asked for.
    #[serde(skip)]
    pub(crate) holdings: BTreeMap<u32, Holdings>,
    /// The longest that one call to the server took, there and back.
    #[serde(skip)]
    pub(crate) longest: Duration,
    /// How many calls there were.
    #[serde(skip)]
    pub(crate) calls: u64,
}

/// One that is not as it should be. Its name, never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Sample {
    /// Whose mark it carries; none where it carries none.
    pub(crate) environment: Option<Environment>,
    /// In which of Redis' numbered databases; always 0 for a node.
    pub(crate) database: u32,
    /// A key with control characters and bytes that are no text escaped, cut where it is long; a
    /// node's id and labels.
    pub(crate) name: String,
}

impl Census {
    /// Whether everything carries the environment's own mark and no other.
    pub(crate) fn clean(&self) -> bool {
        self.bare == 0 && self.foreign.values().all(|count| *count == 0)
    }

    /// How many keys there are in all. A node may be counted several times.
    pub(crate) fn total(&self) -> u64 {
        self.own + self.bare + self.foreign.values().sum::<u64>()
    }

    fn sample(&mut self, sample: Sample) {
        let alike = |one: &&Sample| one.environment.is_some() == sample.environment.is_some();
        if self.samples.iter().filter(alike).count() < SAMPLES {
            self.samples.push(sample);
        }
    }
}

/// What is looked at of each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Its name.
    Names,
    /// Whether it expires too, for the counts of [`Census::holdings`].
    Lifetimes,
    /// What it holds too, for their sum.
    Values,
}

impl Depth {
    const fn number(self) -> &'static str {
        match self {
            Self::Names => "0",
            Self::Lifetimes => "1",
            Self::Values => "2",
        }
    }
}

/// What a database of Redis holds, whatever the names without the prefix are and in whatever order
/// it is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// Keys that stay until somebody deletes them.
    pub(crate) keys: u64,
    /// The sum of 52 bits over their names with the prefix and what they hold.
    pub(crate) sum: u64,
    /// Keys that expire: they may only become fewer.
    pub(crate) expiring: u64,
}

/// Counts the keys of all databases of an environment's Redis.
///
/// # Errors
/// The server does not answer, or answers what is not understood.
pub(crate) fn keys(
    context: &Context,
    environment: Environment,
    container: &Container,
    depth: Depth,
) -> Result<Census> {
    let keyspace = redis(context, container).keyspace()?;
    keys_in(context, environment, container, depth, keyspace)
}

/// The same where it is known already which databases hold keys: it asks nothing of a server that
/// has none.
///
/// # Errors
/// Those of [`keys`].
pub(crate) fn keys_in(
    context: &Context,
    environment: Environment,
    container: &Container,
    depth: Depth,
    databases: BTreeMap<u32, Keyspace>,
) -> Result<Census> {
    let redis = redis(context, container);
    let mut census = Census::default();
    let owners = scripts::owners(environment);
    let script = scripts::census();
    for (database, keyspace) in databases {
        let args = |depth: Depth, side: Side| {
            let mut args = scripts::prefixes(&owners);
            let expires = u8::from(keyspace.expires > 0);
            let words = [depth.number(), &expires.to_string(), side.number()];
            args.extend(words.map(str::to_owned));
            args
        };
        let mut batches = Batches::of(&redis, database)?;
        // What a key is summed up by depends on whether its own name with the prefix is taken.
        let mut side = Side::Bare;
        if depth != Depth::Values {
            let mut some = Census::default();
            batches.glance(&script, &args(Depth::Names, Side::None), |line| {
                add(&mut some, &owners, database, line)
            })?;
            if some.own < some.bare {
                side = Side::Own;
            }
        }
        batches.run(Verb::Look, &script, &args(depth, side), |line| {
            add(&mut census, &owners, database, line)
        })?;
        census.longest = census.longest.max(batches.longest());
        census.calls += batches.calls();
    }
    Ok(census)
}

/// Adds what a batch has counted.
fn add(
    census: &mut Census,
    owners: &[Environment],
    database: u32,
    line: &str,
) -> Result<(), Misread> {
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let mut count = || words.next()?.parse::<u64>().ok();
    // A server that is not ours may say any number.
    let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
    add(&mut census.taken, count().ok_or(Misread)?);
    add(&mut census.bare, count().ok_or(Misread)?);
    for (at, owner) in owners.iter().enumerate() {
        let counted = count().ok_or(Misread)?;
        if at == 0 {
            add(&mut census.own, counted);
        } else if counted > 0 {
            add(census.foreign.entry(*owner).or_default(), counted);
        }
    }
    let holdings = census.holdings.entry(database).or_default();
    add(&mut holdings.keys, count().ok_or(Misread)?);
    holdings.sum = holdings.sum.wrapping_add(count().ok_or(Misread)?) % (1 << 52);
    add(&mut holdings.expiring, count().ok_or(Misread)?);
    for word in words {
        let (owner, hex) = word.split_once('=').ok_or(Misread)?;
        let owner: usize = owner.parse().map_err(|_| Misread)?;
        let environment = match owner {
            0 => None,
            _ => Some(*owners.get(owner - 1).ok_or(Misread)?),
        };
        census.sample(Sample {
            environment,
            database,
            name: shown(&bytes(hex).ok_or(Misread)?),
        });
    }
    Ok(())
}

/// What is written in hexadecimal.
pub(super) fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// A key as a person can read it: text where it is text, `\xff` where it is not.
pub(crate) fn shown(key: &[u8]) -> String {
    let mut text = String::new();
    for chunk in key.utf8_chunks() {
        text.push_str(&printable(chunk.valid()).replace('\t', "\\t"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    if text.chars().count() > SHOWN {
        text = text.chars().take(SHOWN).collect::<String>() + "…";
    }
    text
}

/// Counts the nodes of an environment's Neo4j, by label.
///
/// A count of all nodes and of all with one label comes from the count store and takes no time.
/// Only where some carry another environment's label are these looked at one by one.
///
/// # Errors
/// The server does not answer, or answers what is not understood.
pub(crate) fn nodes(
    context: &Context,
    deployment: &Deployment,
    container: &Container,
    password: &Password,
) -> Result<Census> {
    let server = neo4j(context, deployment, container, password);
    nodes_on(&server, deployment.environment())
}

/// The same on any server, whoever's nodes they are to be.
///
/// # Errors
/// Those of [`nodes`].
pub(crate) fn nodes_on(server: &Neo4j<'_>, environment: Environment) -> Result<Census> {
    nodes_by(environment, |statements| server.ask(statements))
}

/// The same over whatever way there is already to ask statements one after the other.
///
/// # Errors
/// Those of [`nodes`].
pub(crate) fn nodes_by(
    environment: Environment,
    mut server: impl FnMut(&[&str]) -> Result<Vec<Vec<Vec<Value>>>>,
) -> Result<Census> {
    let mut census = Census::default();
    let mut ask = |census: &mut Census, statements: &[&str]| {
        let started = Instant::now();
        let answers = server(statements)?;
        census.longest = census.longest.max(started.elapsed());
        census.calls += 1;
        Ok::<_, Failure>(answers)
    };

    let owners = scripts::owners(environment);
    let answers = ask(&mut census, &[&counting(&owners)])?;
    let counted = answers.first().map(Vec::as_slice).unwrap_or_default();
    let counts: Vec<u64> = (0..=owners.len())
        .map(|column| number(counted, column))
        .collect::<Result<_>>()?;
    let (all, labelled) = (counts[0], counts[1]);
    for (owner, count) in owners.iter().zip(&counts[1..]).skip(1) {
        if *count > 0 {
            census.foreign.insert(*owner, *count);
        }
    }

    let own = quoted_name(owners[0].neo4j_label());
    let others: Vec<String> = owners[1..]
        .iter()
        .map(|owner| quoted_name(owner.neo4j_label()))
        .collect();
    let others = others.join("|");
    let (mut marked, mut both) = (0, 0);
    if !census.foreign.is_empty() {
        let count =
            format!("MATCH (n:{others}) RETURN count(n), sum(CASE WHEN n:{own} THEN 1 ELSE 0 END)");
        let sample = format!("MATCH (n:{others}) RETURN elementId(n), labels(n) LIMIT {SAMPLES}");
        let answers = ask(&mut census, &[&count, &sample])?;
        (marked, both) = (number(&answers[0], 0)?, number(&answers[0], 1)?);
        named(&mut census, &owners, &answers[1])?;
    }
    // Counted one after the other: somebody may have written in between.
    census.own = labelled.saturating_sub(both);
    let (known, carrying) = (all.saturating_add(both), labelled.saturating_add(marked));
    census.bare = known.saturating_sub(carrying);
    if census.bare > 0 {
        let sample = format!(
            "MATCH (n) WHERE NOT n:{own}|{others} RETURN elementId(n), labels(n) LIMIT {SAMPLES}"
        );
        let answers = ask(&mut census, &[&sample])?;
        named(&mut census, &owners, &answers[0])?;
        // All were looked at and none was found: one with its own label went between two counts.
        if answers[0].is_empty() {
            census.bare = 0;
        }
    }
    Ok(census)
}

/// Counts all nodes, then those with each owner's label: in one statement, since a server that has
/// just started plans each for a tenth of a second. All come from the count store (5.26:
/// `NodeCountFromCountStore` for each of them).
fn counting(owners: &[Environment]) -> String {
    let labelled = owners.iter().map(|owner| {
        format!(
            ", COUNT {{ MATCH (n:{}) }}",
            quoted_name(owner.neo4j_label())
        )
    });
    format!(
        "RETURN COUNT {{ MATCH (n) }}{}",
        labelled.collect::<String>()
    )
}

fn number(rows: &[Vec<Value>], column: usize) -> Result<u64> {
    let cell = rows.first().and_then(|row| row.get(column));
    cell.and_then(Value::as_u64).ok_or_else(|| {
        Failure::failed(format!(
            "Neo4j was expected to count, but answered {rows:?}"
        ))
    })
}

fn named(census: &mut Census, owners: &[Environment], rows: &[Vec<Value>]) -> Result<()> {
    for row in rows {
        let (Some(Value::String(id)), Some(Value::Array(labels))) = (row.first(), row.get(1))
        else {
            return Err(Failure::failed(format!(
                "Neo4j was expected to name a node, but answered {row:?}"
            )));
        };
        let labels: Vec<&str> = labels.iter().filter_map(Value::as_str).collect();
        let other = |owner: &&Environment| labels.contains(&owner.neo4j_label());
        let environment = owners[1..].iter().find(other).copied();
        let labels: String = labels.iter().map(|label| format!(":{label}")).collect();
        census.sample(Sample {
            environment,
            database: 0,
            name: shown(format!("{id} {labels}").trim_end().as_bytes()),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_added_to_what_was_counted_before() {
        let mut census = Census::default();
        let owners = scripts::owners(Environment::Dev);
        add(
            &mut census,
            &owners,
            0,
            "1 2 10 0 1 0 11 4503599627370495 2 0=6100 3=73",
        )
        .expect("counts");
        add(&mut census, &owners, 3, "0 1 5 2 0 0 8 4 0 ").expect("counts");
        assert_eq!((census.own, census.bare, census.taken), (15, 3, 1));
        let foreign = BTreeMap::from([(Environment::Test, 2), (Environment::Staging, 1)]);
        assert_eq!(census.foreign, foreign);
        // Sums go round, and are kept for each database by itself.
        let held: Vec<(u32, u64, u64, u64)> = (census.holdings.iter())
            .map(|(database, held)| (*database, held.keys, held.sum, held.expiring))
            .collect();
        assert_eq!(held, [(0, 11, 4_503_599_627_370_495, 2), (3, 8, 4, 0)]);
        add(&mut census, &owners, 0, "0 0 0 0 0 0 1 2 0 ").expect("counts");
        assert_eq!(census.holdings[&0].sum, 1);
        let name = |name: &str, environment| Sample {
            environment,
            database: 0,
            name: name.to_owned(),
        };
        let samples = [name("a\\u{0}", None), name("s", Some(Environment::Staging))];
        assert_eq!(census.samples, samples);
    }

    #[test]
    fn an_answer_that_is_no_count_is_not_taken_for_none() {
        for line in [
            "",
            "x",
            "0 1 2 3 4 5 6 7",
            "0 1 2 3 4 5 6 7 8 9=61",
            "0 1 2 3 4 5 6 7 8 0=6",
            "0 1 2 3 4 5 6 7 8 61",
        ] {
            let mut census = Census::default();
            assert!(
                add(&mut census, &scripts::owners(Environment::Dev), 0, line).is_err(),
                "{line:?}"
            );
        }
    }

    #[test]
    fn no_more_than_five_of_a_kind_are_kept() {
        let mut census = Census::default();
        let line = "0 9 0 9 0 0 0 0 0 0=61 0=61 0=61 0=61 0=61 0=61 2=61 2=61 2=61 2=61 2=61 2=61";
        for _ in 0..2 {
            add(&mut census, &scripts::owners(Environment::Dev), 0, line).expect("counts");
        }
        assert_eq!(census.samples.len(), 10);
        assert!(!census.clean());
    }

    #[test]
    fn a_key_of_any_bytes_is_shown_as_text_that_no_terminal_obeys() {
        assert_eq!(shown(b"a\xff\x1b[2J\n\t"), "a\\xff\\u{1b}[2J\\n\\t");
        assert_eq!(shown(&[b'x'; 500]).chars().count(), SHOWN + 1);
    }
}
