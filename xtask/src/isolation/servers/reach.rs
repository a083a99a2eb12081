//! The way to a server: a child in its container.

use std::time::Duration;

use environments::Service;
use process::{Conversation, printable};

use crate::error::Failure;
use crate::isolation::scene::{Scene, Site};
use crate::isolation::servers::keyed::{Key, Secret};
use crate::tools::docker::Container;

/// What a container prints first: the secrets that it is configured with, as digests.
const SECRETS: &str = include_str!("secrets.sh");

/// How long a child in a container lives at most, should this process not end it: the engine does
/// not end what runs in a container when its client is gone. Longer than any proof has taken on a
/// machine that others use up.
pub(super) const LIFE: &str = "900";

/// The running container of a service.
pub(crate) fn container(site: &Site, service: Service) -> Result<&Container, String> {
    let name = site.deployment.container(service);
    match site.observed.container(service) {
        None => Err(format!("there is no container {name}")),
        Some(container) if container.running() => Ok(container),
        Some(container) => Err(format!(
            "the container {name} is {}",
            container.state.status
        )),
    }
}

/// A child in a container that first tells its secrets.
pub(super) fn converse(
    scene: &Scene<'_>,
    container: &Container,
    key: &Key,
    program: &[&str],
) -> Result<(Conversation, Vec<Secret>), String> {
    let docker = &scene.context.docker;
    let args = [
        &["timeout", LIFE, "bash", "-c", SECRETS, "secrets"],
        program,
    ]
    .concat();
    let command = docker.exec_with(&container.id, &["--user", "root"], &args);
    let talk = || -> Result<_, Failure> {
        let mut child = docker.runner().converse(&command)?;
        child.say(&key.hex())?;
        let mut secrets = Vec::new();
        loop {
            let line = child.hear(PATIENCE)?;
            if line == "ready" {
                return Ok((child, secrets));
            }
            match Secret::told(&line) {
                Some(secret) => secrets.push(secret),
                None => return Err(child.unexpected(&line, "a name and a digest").into()),
            }
        }
    };
    talk().map_err(in_short)
}

/// A failure in the words that are about the server: the command is a script, and says nothing here.
pub(crate) fn in_short(failure: impl Into<Failure>) -> String {
    let message = failure.into().message;
    let told = match (message.find('`'), message.rfind('`')) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{}what asks it{}", &message[..begin], &message[end + 1..])
        }
        _ => message,
    };
    let told: Vec<&str> = told.split_whitespace().collect();
    printable(&told.join(" "))
}

/// How long a server may take over an answer that needs no work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_without_the_script_that_met_it() {
        let failure =
            Failure::failed("`docker exec x bash -c 'a `b`'` ended half way:\n    no\u{1b}");
        assert_eq!(in_short(failure), "what asks it ended half way: no\\u{1b}");
        assert_eq!(in_short(Failure::failed("plain")), "plain");
    }
}
