//! E10: a health check that cannot fail. The check is run as the engine runs it, and once more
//! without a credential that its server takes.
//!
//! Neo4j locks a user after three wrong passwords, and our own check remembers a refused login for a
//! minute. So Neo4j is asked with no login at all, which it counts for nobody, and the check's note
//! is kept from being written.

use std::time::Duration;

use compose_audit::alone;
use compose_audit::fault::E10;
use compose_audit::finding::Finding;
use environments::{Deployment, Service};
use process::quoted;

use crate::context::Context;
use crate::isolation::census::Container;
use crate::isolation::engine::drift::instance_option;

/// How a container's health check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// There is none, or it is switched off.
    None,
    /// The exit codes as it is, and without a credential that the server takes.
    Ran { own: i32, without: i32 },
}

/// Runs the check that a container has in one shell for both: the seconds that each may take, how
/// many words a check has, its words, its words without the password.
const SCRIPT: &str = r#"
patience=$1 words=$2
shift 2
timeout "$patience" "${@:1:words}" >/dev/null 2>&1 </dev/null
own=$?
touch() { :; }
find() { :; }
rm() { :; }
export -f touch find rm
export NEO4J_AUTH=none TTA_NEO4J_PASSWORD_FILE= NEO4J_PASSWORD=
export TTA_REDIS_USER=tta-nobody TTA_REDIS_PASSWORD=not-a-password TTA_REDIS_PASSWORD_FILE=
export REDISCLI_AUTH=not-a-password REDIS_PASSWORD=not-a-password
timeout "$patience" "${@:words+1}" >/dev/null 2>&1 </dev/null
echo "$own $?"
"#;

/// Runs a running container's check.
///
/// A password that stands in the check's own words is replaced there; where `may_fail` is not given,
/// since the server would count a wrong one, such a check is not run.
///
/// # Errors
/// It cannot be run.
pub(crate) fn attempt(
    context: &Context,
    container: &Container,
    password: Option<&str>,
    may_fail: bool,
) -> Result<Tried, String> {
    let Some(words) = words(container) else {
        return Ok(Tried::None);
    };
    let without: Vec<String> = match password {
        Some(password) => words
            .iter()
            .map(|word| word.replace(password, "not-a-password"))
            .collect(),
        None => words.clone(),
    };
    if without != words && !may_fail {
        return Err(
            "its health check has the password in its words, and a wrong one is not tried here"
                .to_owned(),
        );
    }
    let ask = || run(context, container, &words, &without);
    // A server that has not its turn is not healthy in time, and says nothing of its check.
    let unhealthy = |tried: &Result<Tried, String>| !matches!(tried, Ok(Tried::Ran { own: 0, without }) if in_time(*without).is_ok());
    alone::once_more(SLOW, ask, unhealthy)
}

/// How long a check may take, in seconds.
const PATIENCE: u8 = 10;

/// Our own checks give up after this time.
const SLOW: Duration = Duration::from_millis(2400);

fn run(
    context: &Context,
    container: &Container,
    words: &[String],
    without: &[String],
) -> Result<Tried, String> {
    let (patience, count) = (PATIENCE.to_string(), words.len().to_string());
    let mut command = vec!["bash", "-s", "--", &patience, &count];
    command.extend(words.iter().chain(without).map(String::as_str));
    let command = context.docker.exec(&container.id, &command).stdin(SCRIPT);
    let reply = context
        .docker
        .runner()
        .run(&command)
        .and_then(process::Reply::ok)
        .map_err(|error| error.message())?;
    let codes: Option<Vec<i32>> = reply
        .stdout
        .split_whitespace()
        .map(|word| word.parse().ok())
        .collect();
    match codes.as_deref() {
        Some(&[own, without]) => Ok(Tried::Ran { own, without }),
        _ => Err(reply.unexpected("two exit codes").message()),
    }
}

/// # Errors
/// The check was ended before it came out (timeout(1) ends with 124, what it kills with 137).
fn in_time(code: i32) -> Result<(), String> {
    match code {
        124 | 137 => Err(format!(
            "its health check without a credential did not end within {PATIENCE} s"
        )),
        _ => Ok(()),
    }
}

/// The words of a container's check; none where it has none.
fn words(container: &Container) -> Option<Vec<String>> {
    let test = &container.config.healthcheck.as_ref()?.test;
    match test.split_first() {
        Some((kind, words)) if kind == "CMD" => Some(words.to_vec()),
        Some((kind, words)) if kind == "CMD-SHELL" => Some(
            ["/bin/sh", "-c"]
                .map(str::to_owned)
                .into_iter()
                .chain(words.iter().cloned())
                .collect(),
        ),
        _ => None,
    }
}

/// # Errors
/// The check does not succeed as it is, so that its failure without a login says nothing.
pub(crate) fn judge(
    deployment: &Deployment,
    service: Service,
    container: &Container,
    tried: Tried,
) -> Result<Option<Finding>, String> {
    let evidence = match tried {
        Tried::None => "it has no health check".to_owned(),
        Tried::Ran { without: 0, own } => format!(
            "its health check ends with 0 without a credential that the server takes (as it is: {own})"
        ),
        Tried::Ran { own: 0, without } => return in_time(without).map(|()| None),
        Tried::Ran { own, .. } => {
            return Err(format!(
                "its own health check ends with {own}: it is not healthy yet"
            ));
        }
    };
    let environment = deployment.environment();
    let name = quoted(container.name());
    Ok(Some(
        Finding::new(E10, &[environment.slug()], container.name())
            .evidence(evidence)
            .reproduce(format!(
                "docker container inspect --format '{{{{json .Config.Healthcheck}}}}' {name}"
            ))
            .fix(format!(
                "docker rm --force {name}; cargo xtask{} up {environment}   (its file's check logs in to {})",
                instance_option(deployment),
                service.name()
            )),
    ))
}
