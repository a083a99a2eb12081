//! Writes the canaries, looks for them in every server and removes them.

use std::collections::BTreeSet;
use std::thread;

use environments::{Environment, Protection, Service};
use process::side_by_side;

use crate::error::Failure;
use crate::isolation::data::canary::{self, Node, Waiting};
use crate::isolation::data::evidence::{Site, Written};
use crate::isolation::data::leave::Leave;
use crate::isolation::scene::{self, Scene};
use crate::isolation::servers::Pair;

/// Leave to write to each environment that may be written to, whose places are given, one after the
/// other, so that the journal has them in their order.
pub(super) fn leaves(scene: &Scene<'_>) -> Vec<(usize, Result<Leave, Failure>)> {
    let sites = scene.sites.iter().enumerate();
    sites
        .filter(|(_, site)| disposable(site))
        .map(|(at, site)| (at, Leave::take(scene, site)))
        .collect()
}

/// An environment that gets a canary, should its servers turn out to be writable.
pub(super) struct Writer<'a> {
    site: &'a scene::Site,
    pair: &'a Pair,
    leave: Result<Leave, Failure>,
    talk: Result<Waiting<'a>, String>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        scene: &'a Scene<'_>,
        site: &'a scene::Site,
        pair: &'a Pair,
        leave: Result<Leave, Failure>,
    ) -> Self {
        // A login that was refused once is not tried again, and nothing is begun without leave.
        let talk = match &leave {
            Ok(_) if pair.login_is_taken() => canary::start(scene, site),
            Ok(_) => Err("its own login is not taken".to_owned()),
            Err(failure) => Err(failure.message.clone()),
        };
        Self {
            site,
            pair,
            leave,
            talk,
        }
    }
}

/// What has been written and is to be removed.
struct Laid<'a> {
    site: &'a scene::Site,
    pair: &'a Pair,
    leave: Option<Leave>,
    node: Option<Result<Node<'a>, String>>,
    key: Option<Result<(), String>>,
}

pub(super) fn canaries(
    scene: &Scene<'_>,
    pairs: &[Pair],
    sites: &mut [Site],
    writers: Vec<Writer<'_>>,
) -> Vec<Written> {
    let allowed = |writer: &Writer<'_>| writable(writer.site.deployment.environment(), sites);
    let writers: Vec<_> = writers
        .into_iter()
        .map(|writer| (allowed(&writer), writer))
        .collect();
    let lay = |(allowed, writer)| Some(lay(scene, writer, allowed));
    let laid: Vec<Laid<'_>> = side_by_side::each(writers, lay)
        .into_iter()
        .flatten()
        .collect();
    // Only now: a look before the writing had ended would find nothing anywhere.
    if !laid.is_empty() {
        look(scene, pairs, sites);
    }
    let written = side_by_side::each(laid, |laid| Some(remove(scene, laid)));
    written.into_iter().flatten().flatten().collect()
}

fn disposable(site: &scene::Site) -> bool {
    matches!(
        Protection::from(site.deployment.clone()),
        Protection::Disposable(_)
    )
}

/// Whether an environment's servers may be written to: they were seen, and are none of those that
/// are protected.
fn writable(environment: Environment, sites: &[Site]) -> [Result<(), String>; 2] {
    let guarded = |site: &&Site| {
        use crate::isolation::auth::protected;
        protected(site.environment)
    };
    let Some(own) = sites.iter().find(|site| site.environment == environment) else {
        return [
            Err("it was not seen".to_owned()),
            Err("it was not seen".to_owned()),
        ];
    };
    let graph = own.graph.clone().and_then(|graph| {
        let theirs = sites
            .iter()
            .filter(guarded)
            .filter_map(|site| site.graph.as_ref().ok());
        if graph.home != environment.database() {
            Err(format!(
                "its home database is {:?}: nothing is written to it",
                graph.home
            ))
        } else if theirs
            .into_iter()
            .any(|other| other.process == graph.process)
        {
            Err("it is a protected environment's server: nothing is written to it".to_owned())
        } else {
            Ok(())
        }
    });
    let keys = own.keys.clone().and_then(|keys| {
        let mut theirs = sites
            .iter()
            .filter(guarded)
            .filter_map(|site| site.keys.as_ref().ok());
        if keys.role != "master" {
            Err(format!(
                "its role is {}: nothing can be written to it",
                keys.role
            ))
        } else if theirs
            .any(|other| other.run_id == keys.run_id || other.replication == keys.replication)
        {
            Err("it is a protected environment's server: nothing is written to it".to_owned())
        } else {
            Ok(())
        }
    });
    [graph, keys]
}

fn lay<'a>(
    scene: &Scene<'_>,
    writer: Writer<'a>,
    [graph, keys]: [Result<(), String>; 2],
) -> Laid<'a> {
    let Writer {
        site,
        pair,
        leave,
        talk,
    } = writer;
    let mut laid = Laid {
        site,
        pair,
        leave: None,
        node: None,
        key: None,
    };
    match leave {
        Ok(leave) => laid.leave = Some(leave),
        Err(failure) => {
            laid.node = Some(Err(failure.message.clone()));
            laid.key = Some(Err(failure.message));
            return laid;
        }
    }
    let key = keys.and_then(|()| canary::write_key(scene, site, &mut *pair.keys()?));
    laid.key = Some(key);
    laid.node = Some(graph.and_then(|()| canary::write_node(scene, site, pair, talk?)));
    laid
}

/// Looks for every canary in every server.
fn look(scene: &Scene<'_>, pairs: &[Pair], sites: &mut [Site]) {
    let writers: Vec<Environment> = scene
        .sites
        .iter()
        .filter(|site| disposable(site))
        .map(|site| site.deployment.environment())
        .collect();
    let writers = &writers;
    thread::scope(|scope| {
        for (pair, site) in pairs.iter().zip(sites) {
            let (graph, keys) = (&mut site.graph, &mut site.keys);
            scope.spawn(move || {
                if let Ok(graph) = graph {
                    let home = graph.home.clone();
                    graph.canaries = pair.graph().and_then(|mut server| {
                        canary::nodes_in(scene, &mut server, &home)
                            .map(|found| found.into_iter().collect())
                    });
                }
            });
            scope.spawn(move || {
                if let Ok(keys) = keys {
                    let databases: BTreeSet<u32> =
                        keys.databases.keys().copied().chain([0]).collect();
                    keys.canaries = pair.keys().and_then(|mut server| {
                        let mut found = BTreeSet::new();
                        for writer in writers {
                            let databases = databases.iter().copied();
                            if canary::key_is_in(scene, &mut server, databases, *writer)? {
                                found.insert(*writer);
                            }
                        }
                        Ok(found)
                    });
                }
            });
        }
    });
}

fn remove(scene: &Scene<'_>, laid: Laid<'_>) -> Vec<Written> {
    let environment = laid.site.deployment.environment();
    let mut written = Vec::new();
    let mut put = |service, outcome: Result<(), String>, left: Option<String>| {
        written.push(Written {
            environment,
            service,
            outcome,
            left,
        });
    };
    match laid.key {
        Some(Ok(())) => {
            let removed = laid
                .pair
                .keys()
                .and_then(|mut keys| canary::remove_key(scene, laid.site, &mut keys));
            put(Service::Redis, Ok(()), removed.err());
        }
        Some(Err(why)) => put(Service::Redis, Err(why), None),
        None => {}
    }
    match laid.node {
        Some(Ok(node)) => put(Service::Neo4j, Ok(()), node.remove().err()),
        Some(Err(why)) => put(Service::Neo4j, Err(why), None),
        None => {}
    }
    if let Some(leave) = laid.leave {
        let why = leave.end(scene, written.iter().all(|one| one.left.is_none()));
        if let (Err(failure), Some(first)) = (why, written.first_mut()) {
            first.left.get_or_insert(failure.message);
        }
    }
    written
}
