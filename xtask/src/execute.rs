//! Doing what a plan says, step by step.
//!
//! Architecture Invariant: takes no decision. A step that finds something else than the plan saw
//! fails; it never does something else instead.

use std::thread;
use std::time::{Duration, Instant};

use environments::{Deployment, Service, label};

use crate::adoption;
use crate::context::{Context, Done};
use crate::error::{Failure, Kind, Result};
use crate::guard::lock::user;
use crate::journal::{self, Entry};
use crate::namespace::migrate;
use crate::observe::{self, Observed, joined, observe_one};
use crate::plan::{Action, InPlace, Object, Plan, Removal, Seed};
use crate::process::{printable, tail};
use crate::secrets;
use crate::stack::Stack;
use crate::tools::compose;
use crate::tools::docker::{Container, Engine};
use crate::tools::neo4j::quoted_name;
use crate::tools::redis::Redis;
use crate::ui::{Tone, counted};

/// Carries a plan out, in the journal from its beginning to its end.
///
/// # Errors
/// The first step that fails; what was done before it is in the context.
pub(crate) fn execute(
    context: &Context,
    command: &str,
    engine: &Engine,
    plan: &Plan,
    stack: Option<&Stack>,
) -> Result<()> {
    let run = Run {
        command,
        engine,
        snapshot: None,
    };
    journalled(context, &run, plan, |action| {
        act(context, &plan.deployment, action, stack)
    })
}

/// What the journal is told of a run besides its plan.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) command: &'a str,
    pub(crate) engine: &'a Engine,
    /// The snapshot that is made, restored or relied on.
    pub(crate) snapshot: Option<String>,
}

/// The same for a plan whose actions another carries out.
///
/// # Errors
/// The first step that fails.
pub(crate) fn journalled(
    context: &Context,
    run: &Run<'_>,
    plan: &Plan,
    act: impl FnMut(&Action) -> Result<()>,
) -> Result<()> {
    let mut entry = Entry {
        at: journal::now(),
        run: journal::run_id(),
        who: user(),
        engine: run.engine.id.clone(),
        command: run.command.to_owned(),
        environment: plan.deployment.environment().slug().to_owned(),
        instance: plan.deployment.instance().label().to_owned(),
        outcome: "started".to_owned(),
        removed: plan.removed(),
        snapshot: run.snapshot.clone(),
    };
    context.journal.append(&entry)?;
    let result = steps(context, plan, act);
    entry.at = journal::now();
    entry.outcome = match &result {
        Ok(()) => "done".to_owned(),
        Err(failure) => failure.kind.outcome().to_owned(),
    };
    context.journal.append(&entry)?;
    result
}

fn steps(context: &Context, plan: &Plan, mut act: impl FnMut(&Action) -> Result<()>) -> Result<()> {
    for step in &plan.steps {
        context.interrupt().check()?;
        let started = Instant::now();
        act(&step.action)
            .map_err(|failure| failure.within(format!("{}: {}", plan.deployment, step.action)))?;
        let seconds = started.elapsed().as_secs_f64();
        let mark = context.ui.paint(Tone::Good, "✓");
        context.ui.say(format!(
            "{mark} {}: {} ({seconds:.1} s)",
            plan.deployment.environment(),
            step.action
        ));
        context.record(Done {
            action: format!("{}: {}", plan.deployment, step.action),
            because: step.because.clone(),
            seconds: (seconds * 1000.0).round() / 1000.0,
        });
    }
    Ok(())
}

/// Carries out one action of those that need nothing but the engine and the compose file.
pub(crate) fn act(
    context: &Context,
    deployment: &Deployment,
    action: &Action,
    stack: Option<&Stack>,
) -> Result<()> {
    let docker = &context.docker;
    let stack = || {
        stack.ok_or_else(|| Failure::failed("a plan that starts servers was given no compose file"))
    };
    match action {
        Action::Unpause(objects) => docker.unpause(&ids(objects)),
        Action::Kill(objects) => docker.kill(&ids(objects)),
        Action::Stop(objects) => docker.stop(&ids(objects)),
        Action::RemoveContainers(objects) => docker.remove_containers(&ids(objects)),
        Action::RemoveNetwork(object) => docker.remove_network(&object.id),
        Action::RemoveVolumes(removals) => remove_volumes(context, deployment, removals),
        Action::CreateVolumes(names) => create_volumes(context, stack()?, names),
        Action::Start => start(context, stack()?),
        Action::AwaitReady => await_ready(context, stack()?),
        Action::AwaitEmpty(seed) => await_empty(context, stack()?, seed.as_ref()),
        Action::EmptyInPlace(work) => empty_in_place(context, stack()?, work),
        Action::Create => {
            let stack = stack()?;
            compose::create(docker, stack.project(&stack.name()))
        }
        Action::Adopt(adopted) => {
            if adopted.graph.is_some() {
                adoption::graph::fill(context, deployment)?;
            }
            if adopted.keys.is_some() {
                adoption::keys::fill(context, deployment)?;
            }
            Ok(())
        }
        Action::CompareAdopted(adopted) => adoption::compare(context, deployment, adopted),
        Action::PrefixKeys(work) => {
            let (environment, redis) = (deployment.environment(), Service::Redis);
            let observed = observe_one(context, deployment)?;
            let redis = planned_server(&observed, redis, &work.server)?;
            migrate::prefix_keys(context, environment, &redis, work.count)
        }
        Action::LabelNodes(work) => {
            let observed = observe_one(context, deployment)?;
            let neo4j = planned_server(&observed, Service::Neo4j, &work.server)?;
            let password = secrets::password(deployment.environment())?;
            migrate::label_nodes(context, deployment, &neo4j, &password, work.count)
        }
        Action::Snapshot(_) | Action::Drill(_) | Action::RemoveSnapshot(_) | Action::Restore(_) => {
            Err(Failure::failed(format!(
                "{action}: no part of this command"
            )))
        }
    }
}

fn ids(objects: &[Object]) -> Vec<String> {
    objects.iter().map(|object| object.id.clone()).collect()
}

/// Removes volumes by name, since they have no id: their labels and the time they were made are
/// read again, and that nobody uses them, immediately before.
fn remove_volumes(context: &Context, deployment: &Deployment, removals: &[Removal]) -> Result<()> {
    let names: Vec<String> = removals
        .iter()
        .map(|removal| removal.name().to_owned())
        .collect();
    let now = context.docker.volumes(&names)?;
    let mut there = Vec::new();
    for removal in removals {
        let name = removal.name();
        // Gone already is what was wanted.
        let Some(volume) = now.iter().find(|volume| volume.name == name) else {
            continue;
        };
        let ours = volume.label(label::ENVIRONMENT) == Some(deployment.environment().slug())
            && volume.label(label::INSTANCE) == Some(deployment.instance().label());
        if !ours || volume.created_at != removal.created_at() {
            return Err(Failure::refused(format!(
                "the volume {name} is not the one that the plan saw: it was made at {}, expected {}",
                volume.created_at,
                removal.created_at()
            ))
            .hint("run the same command again: it looks anew"));
        }
        let users = context.docker.users_of_volume(name)?;
        if !users.is_empty() {
            return Err(Failure::refused(format!(
                "the volume {name} is in use by another container: {}",
                users.join(", ")
            ))
            .hint("docker rm --force ID   (if that container is yours), then run the same command again"));
        }
        there.push(name.to_owned());
    }
    context.docker.remove_volumes(&there)
}

fn create_volumes(context: &Context, stack: &Stack, names: &[String]) -> Result<()> {
    let labels: Vec<(String, String)> = stack
        .target
        .labels()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for name in names {
        context.docker.create_volume(name, &labels)?;
    }
    Ok(())
}

fn start(context: &Context, stack: &Stack) -> Result<()> {
    let name = stack.name();
    compose::up(&context.docker, stack.project(&name))
}

/// Both servers answer: Neo4j on Bolt and on the environment's database, Redis as its user.
fn await_ready(context: &Context, stack: &Stack) -> Result<()> {
    let servers = servers(context, stack)?;
    answering(context, stack, &servers, "").map(drop)
}

/// Both servers answer and hold nothing; then the fixture is loaded.
fn await_empty(context: &Context, stack: &Stack, seed: Option<&Seed>) -> Result<()> {
    let servers = servers(context, stack)?;
    let script = format!("{ASSERT_EMPTY}{}", seeding(seed));
    answering(context, stack, &servers, &script)
        .map_err(|failure| seeding_failure(&stack.deployment, seed, failure))?;
    no_keys(&stack.deployment, &observe::redis(context, &servers.redis))
}

struct Servers {
    neo4j: Container,
    redis: Container,
}

fn servers(context: &Context, stack: &Stack) -> Result<Servers> {
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

/// Waits for both servers side by side, and proves Neo4j with the script as soon as Bolt takes
/// it: HTTP, which its health check asks, answers a second later. The lines that it printed.
fn answering(
    context: &Context,
    stack: &Stack,
    servers: &Servers,
    script: &str,
) -> Result<Vec<String>> {
    let database = stack.deployment.environment().database();
    let Servers { neo4j, redis } = servers;
    let early = thread::scope(|scope| {
        let graph = scope.spawn(|| healthy(context, neo4j, &["tta-neo4j-health", database]));
        let shell = scope.spawn(|| {
            let shell = observe::neo4j(context, &stack.deployment, neo4j, &stack.password);
            shell.prove_at_start(&with_home(script), context.patience)
        });
        let keys = healthy(context, redis, &["tta-redis-health"]);
        // Why a server is not healthy explains best why its shell failed.
        let early = joined(shell);
        joined(graph).and(keys).and(early)
    })?;
    match early {
        Some(lines) => at_home(stack, neo4j, lines),
        None => prove(context, stack, neo4j, script),
    }
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
        Err(failure) if failure.kind == Kind::Interrupted => Err(failure),
        _ => Err(unhealthy(context, container, check)),
    }
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

/// A server that did not come up: how it stands, what its health check says, its last log lines.
fn unhealthy(context: &Context, container: &Container, check: &[&str]) -> Failure {
    let name = container.name();
    let now = context
        .docker
        .containers(&[name.to_owned()])
        .ok()
        .and_then(|mut found| found.pop());
    let stands = match &now {
        None => "is gone".to_owned(),
        Some(now) if now.state.out_of_memory => "was killed: out of memory".to_owned(),
        Some(now) if now.running() => {
            let asked = context.docker.exec(&now.id, check);
            let said = match context.runner.run(&asked.deadline(Duration::from_secs(10))) {
                Ok(reply) => tail(&reply.stderr, 2).join("; "),
                Err(failure) => failure.message,
            };
            let seconds = context.patience.as_secs();
            let said = printable(&said);
            format!("runs, but was not healthy within {seconds} s: {said}")
        }
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

/// Neo4j, over Bolt, as the environment's user: it must call the environment's database its home.
/// Runs the script in the same session and returns the lines that it printed.
fn prove(context: &Context, stack: &Stack, neo4j: &Container, script: &str) -> Result<Vec<String>> {
    let shell = observe::neo4j(context, &stack.deployment, neo4j, &stack.password);
    at_home(stack, neo4j, shell.prove(&with_home(script))?)
}

fn with_home(script: &str) -> String {
    format!("SHOW HOME DATABASE YIELD name RETURN name AS home;\n{script}")
}

/// The lines after those that tell the home database, which must be the environment's.
fn at_home(stack: &Stack, neo4j: &Container, lines: Vec<String>) -> Result<Vec<String>> {
    let mut lines = lines.into_iter();
    let expected = format!("\"{}\"", stack.deployment.environment().database());
    match (lines.next().as_deref(), lines.next()) {
        (Some("home"), Some(database)) if database == expected => Ok(lines.collect()),
        (_, found) => Err(Failure::refused(format!(
            "the Neo4j in {} calls {} its home database, expected {expected}",
            neo4j.name(),
            printable(&found.unwrap_or_default())
        ))),
    }
}

/// Fails where there is a node. Cypher has no `ASSERT`; the divisor is not a literal, so that the
/// planner cannot divide by zero before anything was counted.
const ASSERT_EMPTY: &str = "MATCH (n) WITH count(n) AS nodes \
     RETURN CASE nodes WHEN 0 THEN 0 ELSE 1 / (nodes - nodes) END AS nodes;\n";

/// The two lookup indexes that every new database has, by the names that Neo4j gives them.
const LOOKUP_INDEXES: &str = "\
     CREATE LOOKUP INDEX index_343aff4e IF NOT EXISTS FOR (n) ON EACH labels(n);\n\
     CREATE LOOKUP INDEX index_f7700477 IF NOT EXISTS FOR ()-[r]-() ON EACH type(r);\n";

/// Empties both servers as they run and proves it: nothing of this is believed, all is counted.
fn empty_in_place(context: &Context, stack: &Stack, work: &InPlace) -> Result<()> {
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
        let lines = prove(context, stack, &neo4j, &script)
            .map_err(|failure| seeding_failure(deployment, work.seed.as_ref(), failure));
        joined(keys)?;
        schema_gone(deployment, &lines?)
    })?;
    no_keys(deployment, &redis)
}

/// A server's container, which must be the very one that the plan saw.
fn planned_server(observed: &Observed, service: Service, planned: &Object) -> Result<Container> {
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
