//! The servers of the environments in scope, each asked through one child for the whole run: the
//! layers auth, data and namespace share it.
//!
//! Every server is asked inside the container whose labels were read. Its own login is tried first
//! and once: where it is refused, nobody tries it again, since Neo4j locks a user after three.

pub(crate) mod databases;
pub(crate) mod graph;
pub(crate) mod keyed;
pub(crate) mod keys;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use environments::Service;

use crate::error::Failure;
use crate::isolation::scene::{Scene, Site};
use crate::isolation::servers::graph::{Graph, Login};
use crate::isolation::servers::keyed::{Key, Secret};
use crate::isolation::servers::keys::Keys;
use crate::process::{Conversation, printable};
use crate::side_by_side;
use crate::tools::docker::Container;

/// What a container prints first: the secrets that it is configured with, as digests.
const SECRETS: &str = include_str!("servers/secrets.sh");

/// How long a child in a container lives at most, should this process not end it: the engine does
/// not end what runs in a container when its client is gone.
const LIFE: &str = "180";

/// Two servers of an environment, or why one cannot be asked.
#[derive(Debug)]
pub(crate) struct Pair {
    graph: Result<Mutex<Graph>, String>,
    keys: Result<Mutex<Keys>, String>,
    /// Whether Neo4j took its own login: known without waiting for whoever asks it now.
    taken: bool,
}

impl Pair {
    /// Whether its own login may be given to Neo4j once more: it was taken before.
    pub(crate) const fn login_is_taken(&self) -> bool {
        self.taken
    }

    pub(crate) fn graph(&self) -> Result<MutexGuard<'_, Graph>, String> {
        held(&self.graph)
    }

    pub(crate) fn keys(&self) -> Result<MutexGuard<'_, Keys>, String> {
        held(&self.keys)
    }
}

fn held<T>(server: &Result<Mutex<T>, String>) -> Result<MutexGuard<'_, T>, String> {
    match server {
        Ok(server) => Ok(server.lock().unwrap_or_else(PoisonError::into_inner)),
        Err(why) => Err(why.clone()),
    }
}

/// Opens a child in every server's container, side by side; a pair for each site in its order.
pub(crate) fn open(scene: &Scene<'_>) -> Vec<Pair> {
    let key = match &scene.key {
        Ok(key) => key,
        Err(why) => {
            let pair = |_| Pair {
                graph: Err(why.clone()),
                keys: Err(why.clone()),
                taken: false,
            };
            return scene.sites.iter().map(pair).collect();
        }
    };
    let opened = side_by_side::each(&scene.sites, |site| {
        side_by_side::both(
            || graph::open(scene, site, key),
            || keys::open(scene, site, key),
        )
    });
    let pair = |(graph, keys): (Result<Graph, String>, Result<Keys, String>)| Pair {
        taken: matches!(&graph, Ok(graph) if graph.own == Login::Accepted),
        graph: graph.map(Mutex::new),
        keys: keys.map(Mutex::new),
    };
    opened.into_iter().map(pair).collect()
}

/// What is asked of each environment's two servers, all of them side by side.
pub(super) fn each<G: Send, K: Send>(
    scene: &Scene<'_>,
    graph: impl Fn(&Scene<'_>, &Site, &Pair) -> Result<G, String> + Sync,
    keys: impl Fn(&Scene<'_>, &Site, &Pair) -> Result<K, String> + Sync,
) -> Vec<(Result<G, String>, Result<K, String>)> {
    side_by_side::each(scene.sites.iter().zip(scene.servers()), |(site, pair)| {
        side_by_side::both(|| graph(scene, site, pair), || keys(scene, site, pair))
    })
}

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
fn converse(
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
            let line = child.answer(PATIENCE)?;
            let line = String::from_utf8_lossy(&line).into_owned();
            if line == "ready" {
                return Ok((child, secrets));
            }
            match Secret::told(&line) {
                Some(secret) => secrets.push(secret),
                None => return Err(child.unexpected(&line, "a name and a digest")),
            }
        }
    };
    talk().map_err(|failure| in_short(&failure))
}

/// A failure in the words that are about the server: the command is a script, and says nothing here.
pub(crate) fn in_short(failure: &Failure) -> String {
    let message = &failure.message;
    let told = match (message.find('`'), message.rfind('`')) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{}what asks it{}", &message[..begin], &message[end + 1..])
        }
        _ => message.clone(),
    };
    let told: Vec<&str> = told.split_whitespace().collect();
    printable(&told.join(" "))
}

/// How long a server may take over an answer that needs no work.
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_without_the_script_that_met_it() {
        let failure =
            Failure::failed("`docker exec x bash -c 'a `b`'` ended half way:\n    no\u{1b}");
        assert_eq!(in_short(&failure), "what asks it ended half way: no\\u{1b}");
        assert_eq!(in_short(&Failure::failed("plain")), "plain");
    }
}
