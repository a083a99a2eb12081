//! Starting servers, and waiting until they answer as who they are.

use std::ops::RangeInclusive;
use std::time::Duration;

use environments::Service;
use process::side_by_side::both;
use process::{printable, tail};
use serde_json::Value;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::{self, Observed, observe_one};
use crate::plan::Object;
use crate::stack::Stack;
use crate::tools::docker::Container;

/// Both servers answer: Neo4j on Bolt and on the environment's database, Redis as its user.
pub(super) fn await_ready(context: &Context, stack: &Stack) -> Result<()> {
    let servers = servers(context, stack)?;
    answering(context, stack, &servers).map(drop)
}

/// The containers of both servers.
pub(crate) struct Servers {
    pub(crate) neo4j: Container,
    pub(crate) redis: Container,
}

/// Those of a deployment that compose has started.
pub(crate) fn servers(context: &Context, stack: &Stack) -> Result<Servers> {
    let observed = observe_one(context, &stack.deployment)?;
    let missing = |service| {
        let name = stack.deployment.container(service);
        move || Failure::failed(format!("compose started no container {name}"))
    };
    Ok(Servers {
        neo4j: observed.neo4j.ok_or_else(missing(Service::Neo4j))?,
        redis: observed.redis.ok_or_else(missing(Service::Redis))?,
    })
}

/// A server's container, which must be the very one that the plan saw.
pub(crate) fn planned_server(
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

/// What a session that names no database asks: which one it is in, and how many nodes are there.
/// `SHOW HOME DATABASE` would say whose home it is too, but takes a server that has just started
/// 0.8 s longer: it asks the database `system`.
const HOME: &str = "MATCH (n) WITH count(n) AS nodes CALL db.info() YIELD name RETURN name, nodes";

/// Waits for both servers side by side, and asks Neo4j as soon as Bolt takes it: HTTP, which its
/// health check asks, answers a second later. How many nodes are in its home.
pub(crate) fn answering(context: &Context, stack: &Stack, servers: &Servers) -> Result<u64> {
    let database = stack.deployment.environment().database();
    let Servers { neo4j, redis } = servers;
    let server = observe::neo4j(context, &stack.deployment, neo4j, &stack.password);
    let ((graph, early), keys) = both(
        || {
            both(
                || healthy(context, neo4j, &["tta-neo4j-health", database]),
                || server.prove_at_home_at_start(&[HOME], context.patience),
            )
        },
        || healthy(context, redis, &["tta-redis-health"]),
    );
    // Why a server is not healthy explains best why it was not to be talked to.
    let answers = match graph.and(keys).and(early)? {
        Some(answers) => answers,
        None => server.prove_at_home(&[HOME])?,
    };
    at_home(stack, neo4j, answers.first().map_or(&[], Vec::as_slice))
}

/// Waits inside the container until its own health check passes: one call, however long it takes.
fn healthy(context: &Context, container: &Container, check: &[&str]) -> Result<()> {
    // A login that is refused stays refused: waiting for it would only lock the user.
    let wait = r#"until said=$("$@" 2>&1); do
        case $said in *"login was refused"* | *WRONGPASS*) echo "$said" >&2; exit 77 ;; esac
        sleep 0.2
    done"#;
    // The engine goes on running what a client that was ended had started: it ends by itself.
    let seconds = context.patience.as_secs().to_string();
    let args = [&["timeout", &seconds, "bash", "-c", wait, "await"], check].concat();
    let command = context
        .docker
        .exec(&container.id, &args)
        .deadline(context.patience + Duration::from_secs(5));
    let waited = context.runner.run(&command);
    match waited {
        Ok(reply) if reply.success() => Ok(()),
        Ok(reply) if reply.code == LOGIN_REFUSED => Err(login_refused(container, &reply.stderr)),
        Err(error) if error.kind() == process::Kind::Interrupted => Err(error.into()),
        Ok(reply) if NOTHING_RUNS.contains(&reply.code) => {
            let said = [reply.stderr, reply.stdout].concat();
            let said = printable(&tail(&said, 2).join("; "));
            let runs = format!("runs, but nothing can be started in it: {said}");
            Err(unhealthy(context, container, |_| runs))
        }
        _ => Err(unhealthy(context, container, |now| {
            late(context, now, check)
        })),
    }
}

/// What the engine's client exits with where it could start nothing in a container (Docker's
/// reference of `docker run`, exit status).
const NOTHING_RUNS: RangeInclusive<i32> = 125..=127;

/// A server that runs and did not pass its health check in time, and what that says now.
fn late(context: &Context, now: &Container, check: &[&str]) -> String {
    let asked = context.docker.exec(&now.id, check);
    let said = match context.runner.run(&asked.deadline(Duration::from_secs(10))) {
        Ok(reply) => tail(&reply.stderr, 2).join("; "),
        Err(error) => error.message(),
    };
    let seconds = context.patience.as_secs();
    let said = printable(&said);
    format!("runs, but was not healthy within {seconds} s: {said}")
}

/// What the wait for a server exits with when that server refuses the login.
const LOGIN_REFUSED: i32 = 77;

fn login_refused(container: &Container, said: &str) -> Failure {
    Failure::failed(format!(
        "{} refused the login with the password that it was started with: {}",
        container.name(),
        printable(&tail(said, 1).join(" "))
    ))
    .hint(
        "a volume keeps the password of its first start: change it in the server itself (ALTER \
         CURRENT USER SET PASSWORD …), or, where the data may go, make the volume anew",
    )
}

/// A server that did not come up: how it stands, by `runs` where it runs, and its last log lines.
fn unhealthy(
    context: &Context,
    container: &Container,
    runs: impl FnOnce(&Container) -> String,
) -> Failure {
    let name = container.name();
    let now = context
        .docker
        .containers(&[name.to_owned()])
        .ok()
        .and_then(|mut found| found.pop());
    let stands = match &now {
        None => "is gone".to_owned(),
        Some(now) if now.state.out_of_memory => "was killed: out of memory".to_owned(),
        Some(now) if now.running() => runs(now),
        Some(now) => format!(
            "is {} with exit code {}",
            now.state.status, now.state.exit_code
        ),
    };
    let log = context
        .docker
        .log_tail(&container.id, 15)
        .unwrap_or_else(|failure| failure.message);
    let log: Vec<String> = log
        .lines()
        .map(|line| format!("    {}", printable(line)))
        .collect();
    Failure::failed(format!(
        "{name} {stands}. Its last log lines:\n{}",
        log.join("\n")
    ))
    .hint(format!("docker logs {name}"))
}

/// The home database must be the environment's. How many nodes are in it.
fn at_home(stack: &Stack, neo4j: &Container, rows: &[Vec<Value>]) -> Result<u64> {
    let expected = stack.deployment.environment().database();
    let (home, nodes) = match rows {
        [row] => match row.as_slice() {
            [Value::String(home), nodes] => (home.as_str(), nodes.as_u64()),
            _ => ("", None),
        },
        _ => ("", None),
    };
    match nodes {
        Some(nodes) if home == expected => Ok(nodes),
        _ => Err(Failure::refused(format!(
            "the Neo4j in {} calls {:?} its home database, expected {expected:?}",
            neo4j.name(),
            printable(home),
        ))
        .hint(format!(
            "cargo xtask init-neo4j {}   (says what the server has)",
            stack.deployment.environment()
        ))),
    }
}
