//! The canaries of development and test: one node and one field of a hash, named after the run that
//! wrote them, looked for in every server and taken away again.
//!
//! A canary is never written to a protected environment: what is written to takes a [`Disposable`]
//! environment whose server was seen to be none of the protected ones. Writing and removing go
//! through one `cypher-shell`, which is started before anything is known of the server but that it
//! took its login, gets its script once it may be written to, and waits in between. What a killed
//! run has left is removed by the next one, as soon as that run is over; the hash ends by itself
//! after ten minutes.

use std::time::Duration;

use environments::{Environment, Service};

use crate::guard::turn::{self, Standing};
use crate::isolation::scene::{Scene, Site};
use crate::isolation::servers::graph::Graph;
use crate::isolation::servers::keys::Keys;
use crate::isolation::servers::{Pair, container, in_short};
use crate::process::Conversation;
use crate::tools::neo4j::quoted_name;

/// How long a hash may be left behind, in seconds.
const LEFT: &str = "600";

/// After how many milliseconds a run on another machine is taken for dead: it would have lasted far
/// longer than any.
const DEAD: i64 = 15 * 60 * 1000;

/// How long `cypher-shell` may take to start and write.
const START: Duration = Duration::from_secs(60);

const LABEL: &str = "TtaCanary";

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
    let now = jiff::Timestamp::now().as_millisecond();
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

/// A `cypher-shell` that logs in and waits for its script: no other question waits for its JVM.
#[derive(Debug)]
pub(super) struct Waiting(Conversation);

/// A `cypher-shell` that has written a canary and waits to take it away.
#[derive(Debug)]
pub(super) struct Node(Conversation);

/// Sweeps and writes the node of this run.
pub(super) fn write_node(
    scene: &Scene<'_>,
    site: &Site,
    pair: &Pair,
    waiting: Waiting,
) -> Result<Node, String> {
    let environment = site.deployment.environment();
    let found = pair.graph()?.ask(
        environment.database(),
        &format!("MATCH (c:{LABEL}) RETURN DISTINCT c.run LIMIT 1000"),
    )?;
    let found: Vec<String> = found
        .iter()
        .filter_map(|row| Some(row.first()?.as_str()?.to_owned()))
        .collect();
    let old = swept(scene, site, &found);
    let run = &scene.run;
    let runs: Vec<String> = old.iter().map(|run| format!("'{run}'")).collect();
    let script = format!(
        "MATCH (c:{LABEL}) WHERE c.run IN [{runs}] DELETE c;\n\
         CREATE (:{LABEL}:{label} {{run: '{run}', environment: '{environment}'}});\n\
         MATCH (c:{LABEL} {{run: '{run}'}}) RETURN count(c) AS written;\n\
         :source /dev/stdin\n\
         MATCH (c:{LABEL} {{run: '{run}'}}) DELETE c;\n\
         MATCH (c:{LABEL} {{run: '{run}'}}) RETURN count(c) AS left;",
        runs = runs.join(", "),
        label = quoted_name(environment.neo4j_label()),
    );
    let Waiting(mut shell) = waiting;
    let said = shell.say(&format!("{script}\0"));
    said.map_err(|failure| in_short(&failure))?;
    expect(&mut shell, "written", "1")?;
    forget(scene, site, &old);
    Ok(Node(shell))
}

/// The script comes from a file descriptor: from its standard input `cypher-shell` runs nothing
/// before that has ended (5.26). It is what comes first on standard input, up to a NUL, so that half
/// a script is none. `:source` waits for the end of the rest, which comes when the canary is no
/// longer needed, and also when this process is killed; then the node is removed.
const SHELL: &str = r#"exec timeout 180 cypher-shell --database "$1" --format plain --non-interactive --fail-fast --file /dev/fd/3 3< <(IFS= read -r -d '' script && printf '%s\n' "$script")"#;

/// Starts the one `cypher-shell` of this run in a site's Neo4j, which has taken its login before.
pub(super) fn start(scene: &Scene<'_>, site: &Site) -> Result<Waiting, String> {
    let environment = site.deployment.environment();
    let password = site.password.as_ref().map_err(Clone::clone)?;
    let container = container(site, Service::Neo4j)?;
    let options = ["--env", "NEO4J_USERNAME", "--env", "NEO4J_PASSWORD"];
    let args = ["bash", "-c", SHELL, "canary", environment.database()];
    let command = scene
        .context
        .docker
        .exec_with(&container.id, &options, &args)
        .env("NEO4J_USERNAME", environment.neo4j_user())
        .secret("NEO4J_PASSWORD", &password.value);
    let shell = scene.context.runner.converse(&command);
    shell.map(Waiting).map_err(|failure| in_short(&failure))
}

/// A column's name and its one value.
fn expect(shell: &mut Conversation, name: &str, value: &str) -> Result<(), String> {
    for expected in [name, value] {
        let line = shell.answer(START).map_err(|failure| in_short(&failure))?;
        if line != expected.as_bytes() {
            let line = String::from_utf8_lossy(&line).into_owned();
            return Err(in_short(&shell.unexpected(&line, expected)));
        }
    }
    Ok(())
}

impl Node {
    /// Takes the node away, and looks that it is gone.
    pub(super) fn remove(mut self) -> Result<(), String> {
        self.0.finish();
        expect(&mut self.0, "left", "0")
    }
}

/// Whose canaries of this run are in a Neo4j.
pub(super) fn nodes_in(
    scene: &Scene<'_>,
    graph: &mut Graph,
    database: &str,
) -> Result<Vec<Environment>, String> {
    let run = &scene.run;
    let statement = format!("MATCH (c:{LABEL} {{run: '{run}'}}) RETURN c.environment LIMIT 100");
    graph
        .ask(database, &statement)?
        .iter()
        .map(|row| {
            let name = row.first().and_then(|cell| cell.as_str());
            name.and_then(|name| name.parse().ok())
                .ok_or_else(|| "a canary of this run names no environment".to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::process::{Interrupt, Invocation, Runner};
    use crate::ui::Ui;

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
    fn a_canary_lies_in_its_environment_s_namespace() {
        assert_eq!(hash(Environment::Dev), "development:tta-canary");
        assert_eq!(hash(Environment::Test), "test:tta-canary");
    }

    /// [`SHELL`] before a `cypher-shell` that prints its script, then `read`, then the rest.
    fn printing(folder: &Path) -> Conversation {
        let stub = folder.join("cypher-shell");
        std::fs::write(&stub, "#!/bin/sh\ncat /dev/fd/3\necho read\ncat\n").expect("written");
        std::fs::set_permissions(&stub, Permissions::from_mode(0o755)).expect("its own file");
        let path = std::env::var("PATH").expect("a PATH");
        let command = Invocation::new("bash")
            .args(["-c", SHELL, "canary", "tta-dev"])
            .env("PATH", format!("{}:{path}", folder.display()));
        let runner = Runner::new(Interrupt::default(), Ui::silent());
        runner.converse(&command).expect("it starts")
    }

    fn said(shell: &mut Conversation) -> String {
        let line = shell.answer(START).expect("a line");
        String::from_utf8(line).expect("text")
    }

    #[test]
    fn a_script_is_run_once_it_is_whole_and_what_follows_it_is_not_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut shell = printing(folder.path());
        shell.say("one;\ntwo;\0").expect("it listens");
        assert_eq!(said(&mut shell), "one;");
        assert_eq!(said(&mut shell), "two;");
        assert_eq!(said(&mut shell), "read");
        shell.say("later").expect("it listens");
        shell.finish();
        // What comes after the NUL, the end of that line among it, is left to `:source`.
        assert_eq!([said(&mut shell), said(&mut shell)], ["", "later"]);
    }

    #[test]
    fn of_half_a_script_nothing_is_run() {
        for half in ["", "MATCH (n) DELETE n;"] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut shell = printing(folder.path());
            shell.say(half).expect("it listens");
            shell.finish();
            assert_eq!(said(&mut shell), "read", "{half:?}");
        }
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
