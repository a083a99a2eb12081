//! The canaries of development and test: one node and one field of a hash, named after the run that
//! wrote them, looked for in every server and taken away again.
//!
//! A canary is never written to a protected environment: what is written to takes a [`Disposable`]
//! environment whose server was seen to be none of the protected ones. Writing and removing go over
//! one login on Bolt, which is begun before anything is known of the server but that it took its
//! login, gets its statements once it may be written to, and waits in between. What a killed run has
//! left is removed by the next one, as soon as that run is over; the hash ends by itself after ten
//! minutes.

use std::collections::BTreeSet;
use std::time::Duration;

use environments::{Environment, Service};
use serde_json::Value;

use crate::guard::turn::{self, Standing};
use crate::isolation::scene::{Scene, Site};
use crate::isolation::servers::graph::Graph;
use crate::isolation::servers::keys::Keys;
use crate::isolation::servers::{Pair, container, in_short};
use crate::observe;
use crate::tools::neo4j::{Talk, quoted_name};

/// How long a hash may be left behind, in seconds.
const LEFT: &str = "600";

/// After how many milliseconds a run on another machine is taken for dead: it would have lasted far
/// longer than any.
const DEAD: i64 = 15 * 60 * 1000;

/// How long a server may take to write a canary.
const PATIENCE: Duration = Duration::from_secs(120);

const LABEL: &str = "TtaCanary";

/// Of how many canaries in a server it is not known whether they are all.
const MANY: usize = 1000;

/// Where an environment's canaries are: in its own namespace.
fn hash(environment: Environment) -> String {
    format!("{}tta-canary", environment.redis_prefix())
}

/// Whether a text is a run's id: digits, a dash, digits. Nothing else is put into a statement.
fn is_run(text: &str) -> bool {
    let digits = |part: &str| {
        (1..=20).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.split_once('-')
        .is_some_and(|(when, pid)| digits(when) && digits(pid))
}

/// Of the runs whose canaries are in a server, those that are over.
pub(super) fn left_behind(
    found: &[String],
    now: i64,
    standing: impl Fn(&str) -> Standing,
) -> Vec<String> {
    let over = |run: &&String| {
        is_run(run)
            && match standing(run) {
                Standing::Going => false,
                Standing::Over => true,
                Standing::Unknown => {
                    let when = run
                        .split_once('-')
                        .and_then(|(when, _)| when.parse::<i64>().ok());
                    when.is_none_or(|when| now.saturating_sub(when) > DEAD)
                }
            }
    };
    found.iter().filter(over).cloned().collect()
}

fn swept(scene: &Scene<'_>, site: &Site, found: &[String]) -> Vec<String> {
    let now = chrono::Utc::now().timestamp_millis();
    left_behind(found, now, |run| {
        turn::standing(&scene.engine.id, &site.deployment, run)
    })
}

fn forget(scene: &Scene<'_>, site: &Site, runs: &[String]) {
    for run in runs {
        turn::forget(&scene.engine.id, &site.deployment, run);
    }
}

/// Sweeps and writes the hash's field of this run.
pub(super) fn write_key(scene: &Scene<'_>, site: &Site, keys: &mut Keys) -> Result<(), String> {
    keys.may_write()?;
    let environment = site.deployment.environment();
    let hash = hash(environment);
    let old = swept(scene, site, &keys.ask(&["HKEYS", &hash])?);
    for run in &old {
        keys.number(0, &["HDEL", &hash, run])?;
    }
    let added = keys.number(0, &["HSET", &hash, &scene.run, environment.slug()])?;
    keys.number(0, &["EXPIRE", &hash, LEFT])?;
    if added == 1 {
        Ok(())
    } else {
        Err("the canary was there before it was written".to_owned())
    }
}

/// Takes the field away, and looks that it is gone.
pub(super) fn remove_key(scene: &Scene<'_>, site: &Site, keys: &mut Keys) -> Result<(), String> {
    let hash = hash(site.deployment.environment());
    keys.number(0, &["HDEL", &hash, &scene.run])?;
    match keys.number(0, &["HEXISTS", &hash, &scene.run])? {
        0 => Ok(()),
        _ => Err("the canary is still there".to_owned()),
    }
}

/// Whether an environment's canary is in a Redis, in any of its databases that hold keys.
pub(super) fn key_is_in(
    scene: &Scene<'_>,
    keys: &mut Keys,
    databases: impl Iterator<Item = u32>,
    environment: Environment,
) -> Result<bool, String> {
    let mut found = false;
    for database in databases {
        found |= keys.number(database, &["HEXISTS", &hash(environment), &scene.run])? > 0;
    }
    Ok(found)
}

/// A login that waits for what it is to write: nothing else waits for it.
#[derive(Debug)]
pub(super) struct Waiting<'a>(Talk<'a>);

/// A login that has written a canary and waits to take it away.
#[derive(Debug)]
pub(super) struct Node<'a> {
    talk: Talk<'a>,
    run: String,
}

/// Begins the one login of this run on a site's Neo4j, which has taken it before.
pub(super) fn start<'a>(scene: &'a Scene<'_>, site: &'a Site) -> Result<Waiting<'a>, String> {
    let password = site.password.as_ref().map_err(Clone::clone)?;
    let container = container(site, Service::Neo4j)?;
    let server = observe::neo4j(scene.context, &site.deployment, container, password);
    let talk = server.talk(PATIENCE).map_err(in_short)?;
    Ok(Waiting(talk))
}

/// Sweeps and writes the node of this run.
pub(super) fn write_node<'a>(
    scene: &Scene<'_>,
    site: &Site,
    pair: &Pair,
    Waiting(mut talk): Waiting<'a>,
) -> Result<Node<'a>, String> {
    let environment = site.deployment.environment();
    let found = pair.graph()?.ask(environment.database(), &all())?;
    let found: BTreeSet<&str> = found.iter().filter_map(|row| run_of(row)).collect();
    let found: Vec<String> = found.into_iter().map(str::to_owned).collect();
    let old = swept(scene, site, &found);
    let run = &scene.run;
    let mut statements: Vec<String> = old.iter().map(|run| deleting(run)).collect();
    statements.push(format!(
        "CREATE (:{LABEL}:{} {{run: '{run}', environment: '{environment}'}})",
        quoted_name(environment.neo4j_label())
    ));
    counts(&mut talk, statements, run, 1)?;
    forget(scene, site, &old);
    Ok(Node {
        talk,
        run: run.clone(),
    })
}

/// All canaries, whoever wrote them: always in the same words, since a server that has just started
/// plans each wording for a tenth of a second.
fn all() -> String {
    format!("MATCH (c:{LABEL}) RETURN c.run, c.environment LIMIT {MANY}")
}

/// The run that a row of [`all`] is of.
fn run_of(row: &[Value]) -> Option<&str> {
    row.first()?.as_str()
}

fn deleting(run: &str) -> String {
    format!("MATCH (c:{LABEL} {{run: '{run}'}}) DELETE c")
}

/// Runs statements, after which there must be so many canaries of a run.
fn counts(
    talk: &mut Talk<'_>,
    mut statements: Vec<String>,
    run: &str,
    expected: usize,
) -> Result<(), String> {
    statements.push(all());
    let answers = talk.prove(&statements);
    let answers = answers.map_err(in_short)?;
    let found = of_run(answers.last().map(Vec::as_slice), run)?.len();
    if found == expected {
        Ok(())
    } else {
        Err(format!(
            "{expected} canaries were expected, and it counts {found}"
        ))
    }
}

/// The rows of [`all`] that are of a run.
fn of_run<'a>(rows: Option<&'a [Vec<Value>]>, run: &str) -> Result<Vec<&'a [Value]>, String> {
    match rows {
        None => Err("it was asked for canaries and answered nothing".to_owned()),
        Some(rows) if rows.len() >= MANY => {
            Err(format!("{MANY} canaries or more of other runs lie in it"))
        }
        Some(rows) => {
            let rows = rows.iter().map(Vec::as_slice);
            Ok(rows.filter(|row| run_of(row) == Some(run)).collect())
        }
    }
}

impl Node<'_> {
    /// Takes the node away, and looks that it is gone.
    pub(super) fn remove(mut self) -> Result<(), String> {
        let run = &self.run;
        counts(&mut self.talk, vec![deleting(run)], run, 0)
    }
}

/// Whose canaries of this run are in a Neo4j.
pub(super) fn nodes_in(
    scene: &Scene<'_>,
    graph: &mut Graph,
    database: &str,
) -> Result<Vec<Environment>, String> {
    let rows = graph.ask(database, &all())?;
    of_run(Some(&rows), &scene.run)?
        .into_iter()
        .map(|row| {
            let name = row.get(1).and_then(|cell| cell.as_str());
            name.and_then(|name| name.parse().ok())
                .ok_or_else(|| "a canary of this run names no environment".to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_run_that_is_over_is_swept_and_one_that_goes_on_is_not() {
        let now = 1_795_383_542_745;
        let fresh = "1795383542000-12".to_owned();
        let old = "1795380000000-12".to_owned();
        for (run, standing, swept) in [
            (&fresh, Standing::Over, true),
            (&fresh, Standing::Going, false),
            (&old, Standing::Going, false),
            (&fresh, Standing::Unknown, false),
            (&old, Standing::Unknown, true),
        ] {
            let left = left_behind(std::slice::from_ref(run), now, |_| standing);
            assert_eq!(!left.is_empty(), swept, "{run} {standing:?}");
        }
    }

    #[test]
    fn of_the_canaries_in_a_server_those_of_a_run_are_found() {
        let row = |run: &str| vec![Value::from(run), Value::from("dev")];
        let told = [row("1-2"), row("1-3"), vec![Value::Null], vec![]];
        let found = of_run(Some(&told), "1-2").expect("they are few");
        assert_eq!(found, [row("1-2").as_slice()]);
    }

    #[test]
    fn where_there_may_be_more_canaries_than_were_told_none_is_said_to_be_missing() {
        let many = vec![vec![Value::from("1-3")]; MANY];
        assert!(of_run(Some(&many), "1-2").is_err());
        assert!(of_run(None, "1-2").is_err());
    }

    #[test]
    fn a_canary_lies_in_its_environment_s_namespace() {
        assert_eq!(hash(Environment::Dev), "development:tta-canary");
        assert_eq!(hash(Environment::Test), "test:tta-canary");
    }

    proptest! {
        #[test]
        fn what_is_no_run_is_never_swept_nor_put_into_a_statement(text in any::<String>()) {
            let left = left_behind(std::slice::from_ref(&text), i64::MAX, |_| Standing::Over);
            for run in left {
                prop_assert!(run.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
            }
        }
    }
}
