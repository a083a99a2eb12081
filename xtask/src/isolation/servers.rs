//! The servers of the environments in scope, each asked through one child for the whole run: the
//! layers auth, data and namespace share it.
//!
//! Every server is asked inside the container whose labels were read. Its own login is tried first
//! and once: where it is refused, nobody tries it again, since Neo4j locks a user after three.

pub(crate) mod databases;
pub(crate) mod graph;
pub(crate) mod keyed;
pub(crate) mod keys;
mod reach;
mod stores;

use compose_audit::alone;
use process::side_by_side;
pub(crate) use reach::{PATIENCE, container, in_short};

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::isolation::scene::{Scene, Site};
use crate::isolation::servers::graph::{Graph, Login};
use crate::isolation::servers::keys::Keys;

/// Two servers of an environment, or why one cannot be asked.
#[derive(Debug)]
pub(crate) struct Pair {
    graph: Result<Mutex<Graph>, String>,
    keys: Result<Mutex<Keys>, String>,
    /// Whether Neo4j took its own login: known without waiting for whoever asks it now.
    taken: bool,
    /// Whether Redis told its users.
    listed: bool,
}

impl Pair {
    /// Whether its own login may be given to Neo4j once more: it was taken before.
    pub(crate) const fn login_is_taken(&self) -> bool {
        self.taken
    }

    /// Whether the list of users of Redis is known.
    pub(crate) const fn users_are_listed(&self) -> bool {
        self.listed
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

/// The servers of a run, opened by the first layer that asks for all of them.
#[derive(Debug, Default)]
pub(crate) struct Servers(OnceLock<Vec<Pair>>);

impl Servers {
    /// A pair for each site, in their order.
    pub(crate) fn of(&self, scene: &Scene<'_>) -> &[Pair] {
        self.0.get_or_init(|| open(scene))
    }
}

/// Opens a child in every server's container, side by side; a pair for each site in its order.
fn open(scene: &Scene<'_>) -> Vec<Pair> {
    let key = match &scene.key {
        Ok(key) => key,
        Err(why) => {
            let pair = |_| Pair {
                graph: Err(why.clone()),
                keys: Err(why.clone()),
                taken: false,
                listed: false,
            };
            return scene.sites.iter().map(pair).collect();
        }
    };
    let opened = side_by_side::each(&scene.sites, |site| {
        side_by_side::both(
            || alone::once_more(PATIENCE, || graph::open(scene, site, key), Result::is_err),
            || alone::once_more(PATIENCE, || keys::open(scene, site, key), unheard),
        )
    });
    let pair = |(graph, keys): (Result<Graph, String>, Result<Keys, String>)| Pair {
        taken: matches!(&graph, Ok(graph) if graph.own == Login::Accepted),
        listed: matches!(&keys, Ok(keys) if keys.users.is_ok()),
        graph: graph.map(Mutex::new),
        keys: keys.map(Mutex::new),
    };
    opened.into_iter().map(pair).collect()
}

fn unheard(keys: &Result<Keys, String>) -> bool {
    !matches!(keys, Ok(keys) if keys.users.is_ok())
}

/// What is asked of each environment's two servers, all of them side by side.
pub(super) fn each<G: Send, K: Send>(
    scene: &Scene<'_>,
    servers: &Servers,
    graph: impl Fn(&Scene<'_>, &Site, &Pair) -> Result<G, String> + Sync,
    keys: impl Fn(&Scene<'_>, &Site, &Pair) -> Result<K, String> + Sync,
) -> Vec<(Result<G, String>, Result<K, String>)> {
    side_by_side::each(scene.sites.iter().zip(servers.of(scene)), |(site, pair)| {
        side_by_side::both(|| graph(scene, site, pair), || keys(scene, site, pair))
    })
}
