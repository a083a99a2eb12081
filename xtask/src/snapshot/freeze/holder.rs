//! The process that freezes and thaws: it outlives the one that asked for it.
//!
//! It takes `freeze` and `thaw` from its standard input, whose end means that the other has gone. It
//! inherits the lock on the environment: while it is there no other run can freeze what it thaws.

use std::io::{Read, Write as _};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use process::{Conversation, Heard, Hearing, Interrupt, Runner};

use crate::cli::HoldFreeze;
use crate::error::{Failure, Result};
use crate::tools::docker::{Container, Docker, freezer};
use crate::ui::Ui;

/// How long one call to the engine may take before it is made again, or given up: also a client
/// that hangs must not keep us from thawing within ten seconds.
const CALL: Duration = Duration::from_secs(3);

/// When it gives up an engine that does not thaw.
const LAST: Duration = Duration::from_secs(600);

/// How long a pause that failed is expected to come into effect all the same.
const LATE: Duration = Duration::from_secs(5);

pub(crate) fn run(order: &HoldFreeze, docker_context: Option<&str>) -> u8 {
    // Ctrl-C is the other's business: it tells us to thaw.
    let runner = Runner::new(Interrupt::default(), Ui::new(true, false));
    let docker = Docker::new(runner, docker_context.map(str::to_owned));
    let mut orders = Hearing::lines(std::io::stdin());
    match wait(&mut orders, None) {
        Word::Freeze => {}
        Word::Thaw | Word::Gone | Word::Late => return 0,
    }
    let started = Instant::now();
    let longest = Duration::from_millis(order.longest);
    let ids = [order.neo4j.clone(), order.redis.clone()];
    let mut quiet = None;
    let frozen = freeze(&docker, order, &ids, &mut quiet, &mut orders);
    let word = match &frozen {
        Ok(failed) => {
            say(&format!("frozen {failed}"));
            wait(&mut orders, Some(started + longest))
        }
        Err(_) => Word::Thaw,
    };
    let thawed = thaw(&docker, &ids, frozen.is_err());
    // Its standard input ends: Redis lets writes go on.
    drop(quiet);
    let seconds = started.elapsed().as_secs_f64();
    match (frozen, &thawed) {
        (Err(failure), _) => say(&format!("failed {}", failure.message.replace('\n', " "))),
        (Ok(_), _) => {
            let verdict = if matches!(word, Word::Late) {
                "late"
            } else {
                "told"
            };
            if matches!(word, Word::Late) {
                // The other asks when it is done, and learns then that it was too slow.
                let _ = wait(&mut orders, None);
            }
            say(&format!("thawed {seconds:.3} {verdict}"));
        }
    }
    u8::from(thawed.is_err())
}

/// How often it failed before it was done.
fn freeze<R: Read + AsFd>(
    docker: &Docker,
    order: &HoldFreeze,
    ids: &[String; 2],
    quiet: &mut Option<Conversation>,
    orders: &mut Hearing<R>,
) -> Result<u32> {
    let longest = Duration::from_millis(order.longest);
    let script = include_str!("redis.sh");
    let command = docker.exec_with(
        &order.redis,
        &["--user", "root"],
        &["bash", "-c", script, "quiet", &order.longest.to_string()],
    );
    // Its client cannot end while the container is frozen: with the lock, it would keep out whoever
    // comes to thaw it after we were killed.
    let redis = quiet.insert(
        docker
            .runner()
            .converse(&command.without_locks())?
            .patient(),
    );
    let said = redis.hear(longest.min(CALL))?;
    if said != "quiet" {
        return Err(Failure::failed(format!("Redis: {said}")));
    }
    pause(docker, ids, longest, orders)
}

/// Freezes both; again where a server was starting a process just then. The kernel cannot freeze a
/// group that grows meanwhile (cgroup v1); runc gives it up after a third of a second, thaws, and
/// leaves trying again to its caller (opencontainers/runc#4388). Not for somebody who has gone: what
/// looks after such a run may have seen both run.
fn pause<R: Read + AsFd>(
    docker: &Docker,
    ids: &[String; 2],
    longest: Duration,
    orders: &mut Hearing<R>,
) -> Result<u32> {
    let started = Instant::now();
    let mut failed = 0;
    loop {
        let paused = docker.pause(ids, longest.min(CALL));
        match paused {
            // Half of the time is the copy's.
            Err(failure)
                if failure.message.contains("unable to freeze")
                    && started.elapsed() < longest / 2 =>
            {
                failed += 1;
                // The other one was frozen by the same call.
                docker.unpause_within(ids, CALL)?;
                std::thread::sleep(Duration::from_millis(20));
                if matches!(wait(orders, Some(Instant::now())), Word::Gone | Word::Thaw) {
                    return Err(failure);
                }
            }
            other => return other.map(|()| failed),
        }
    }
}

/// Until both run, or are gone.
fn thaw(docker: &Docker, ids: &[String; 2], doubtful: bool) -> Result<()> {
    let started = Instant::now();
    // One call for both is the quickest.
    let mut outcome = docker.unpause_within(ids, CALL);
    // Past an engine, or a client, that hangs; and whatever the kernel holds though the engine says
    // that it runs. What runs is not harmed by it.
    freezer::thaw_all(ids);
    loop {
        let settled = !doubtful || started.elapsed() > LATE;
        match outcome.and_then(|()| docker.containers(ids)) {
            Ok(found) if settled && !found.iter().any(Container::paused) => return Ok(()),
            Err(failure) if started.elapsed() > LAST => return Err(failure),
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
        outcome = docker.unpause_with_help(ids, CALL);
        if outcome.is_ok() {
            freezer::thaw_all(ids);
        }
    }
}

enum Word {
    Freeze,
    Thaw,
    Gone,
    Late,
}

fn wait<R: Read + AsFd>(orders: &mut Hearing<R>, until: Option<Instant>) -> Word {
    loop {
        let patience = until.map_or(Duration::from_secs(60), |until| {
            until.saturating_duration_since(Instant::now())
        });
        match orders.next(patience) {
            Ok(Heard::Line(line)) if line == "freeze" => return Word::Freeze,
            Ok(Heard::Line(_)) => return Word::Thaw,
            Ok(Heard::End) | Err(_) => return Word::Gone,
            Ok(Heard::Silence) if until.is_some_and(|until| Instant::now() >= until) => {
                return Word::Late;
            }
            Ok(Heard::Silence) => {}
        }
    }
}

/// To whoever asked; if it has gone, nobody is there to be told.
fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
