//! Asks every server what it is, writes the canaries, looks for them everywhere and removes them.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use environments::{Environment, Protection, Service};
use serde_json::Value;

use crate::isolation::data::address::{self, Opened};
use crate::isolation::data::canary::{self, Node};
use crate::isolation::data::evidence::{Evidence, Graph, Keys, Site, Written};
use crate::isolation::data::leave::Leave;
use crate::isolation::scene::{self, Scene};
use crate::isolation::servers::{DIED, Pair};
use crate::tools::redis::{field, keyspace};

pub(super) fn collect(scene: &Scene<'_>) -> Evidence {
    // They stay open until every server has been asked whom it is connected with.
    let opened = addresses(scene);
    let pairs = scene.servers();
    let mut evidence = Evidence {
        sites: facts(scene, pairs, &opened),
        written: Vec::new(),
    };
    drop(opened);
    evidence.written = canaries(scene, pairs, &mut evidence.sites);
    evidence
}

fn addresses(scene: &Scene<'_>) -> Vec<Opened> {
    thread::scope(|scope| {
        let threads: Vec<_> = scene
            .sites
            .iter()
            .map(|site| scope.spawn(move || address::open(scene, site)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Opened::none()))
            .collect()
    })
}

fn facts(scene: &Scene<'_>, pairs: &[Pair], opened: &[Opened]) -> Vec<Site> {
    thread::scope(|scope| {
        let threads: Vec<_> = scene
            .sites
            .iter()
            .zip(pairs)
            .map(|(site, pair)| {
                let graph = scope.spawn(move || graph(scene, site, pair));
                let keys = scope.spawn(move || keys(scene, site, pair));
                (site, graph, keys)
            })
            .collect();
        threads
            .into_iter()
            .zip(opened)
            .map(|((site, graph, keys), opened)| Site {
                environment: site.deployment.environment(),
                graph: graph.join().unwrap_or_else(|_| Err(DIED.to_owned())),
                keys: keys.join().unwrap_or_else(|_| Err(DIED.to_owned())),
                addresses: opened.addresses.clone(),
            })
            .collect()
    })
}

fn graph(scene: &Scene<'_>, site: &scene::Site, pair: &Pair) -> Result<Graph, String> {
    let mut server = pair.graph()?;
    let databases = server.ask("system", "SHOW DATABASES YIELD name, databaseID, home")?;
    let (home, stores) = stores(&databases).ok_or("SHOW DATABASES answers no databases")?;
    // Asked of database system, which every server has, whatever its home is.
    let process = server.ask(
        "system",
        "CALL dbms.queryJmx('java.lang:type=Runtime') YIELD attributes \
         RETURN attributes.Name.value, attributes.StartTime.value",
    )?;
    let process = match process.first().map(Vec::as_slice) {
        Some([Value::String(name), Value::Number(start)]) => format!("{name} since {start}"),
        _ => return Err("its process cannot be told apart from another's".to_owned()),
    };
    let named = address::prefix(&scene.run);
    let listed = "CALL dbms.listConnections() YIELD userAgent RETURN userAgent";
    let connections = server.ask("system", listed).map(|rows| {
        let name = |row: &Vec<Value>| Some(row.first()?.as_str()?.to_owned());
        let names = rows.iter().filter_map(name);
        names.filter(|name| name.starts_with(&named)).collect()
    });
    Ok(Graph {
        name: site.deployment.container(Service::Neo4j),
        home,
        stores,
        process,
        canaries: Err("no canary was written".to_owned()),
        connections,
    })
}

/// The home database's name, empty where there is none, and the store ids of all by name.
fn stores(rows: &[Vec<Value>]) -> Option<(String, BTreeMap<String, String>)> {
    let mut home = String::new();
    let mut stores = BTreeMap::new();
    for row in rows {
        let [Value::String(name), id, Value::Bool(is_home)] = row.as_slice() else {
            return None;
        };
        if *is_home {
            home.clone_from(name);
        }
        match id {
            Value::String(id) if !id.is_empty() => drop(stores.insert(name.clone(), id.clone())),
            // A database that is offline, or not made yet.
            Value::Null | Value::String(_) => {}
            _ => return None,
        }
    }
    (!stores.is_empty()).then_some((home, stores))
}

fn keys(scene: &Scene<'_>, site: &scene::Site, pair: &Pair) -> Result<Keys, String> {
    let mut server = pair.keys()?;
    let server_info = server.ask(&["INFO", "server"])?.join("\n");
    let replication = server.ask(&["INFO", "replication"])?.join("\n");
    let keyspace_info = server.ask(&["INFO", "keyspace"])?.join("\n");
    let of = |info: &str, name: &str| {
        field(info, name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| format!("INFO has no {name}"))
    };
    let role = of(&replication, "role")?;
    let master = match (
        field(&replication, "master_host"),
        field(&replication, "master_port"),
    ) {
        (Some(host), Some(port)) => Some(format!("{host}:{port}")),
        _ => None,
    };
    let replicas = of(&replication, "connected_slaves")?;
    let named = address::prefix(&scene.run);
    let connections = server.ask(&["CLIENT", "LIST"]).map(|lines| {
        let name = |line: &String| {
            let name = line
                .split(' ')
                .find_map(|word| word.strip_prefix("name="))?;
            name.starts_with(&named).then(|| name.to_owned())
        };
        lines.iter().filter_map(name).collect()
    });
    Ok(Keys {
        name: site.deployment.container(Service::Redis),
        run_id: of(&server_info, "run_id")?,
        replication: of(&replication, "master_replid")?,
        role,
        master,
        replicas: replicas
            .parse()
            .map_err(|_| format!("INFO has {replicas:?} replicas"))?,
        databases: keyspace(&keyspace_info)
            .ok_or("INFO has no section Keyspace")?
            .into_iter()
            .map(|(number, one)| (number, one.keys))
            .collect(),
        canaries: Err("no canary was written".to_owned()),
        connections,
    })
}

/// What has been written and is to be removed.
struct Laid<'a> {
    site: &'a scene::Site,
    pair: &'a Pair,
    leave: Option<Leave>,
    node: Option<Result<Node, String>>,
    key: Option<Result<(), String>>,
}

fn canaries(scene: &Scene<'_>, pairs: &[Pair], sites: &mut [Site]) -> Vec<Written> {
    let writers: Vec<_> = scene
        .sites
        .iter()
        .zip(pairs)
        .filter(|(site, _)| disposable(site))
        .map(|(site, pair)| (site, pair, writable(site.deployment.environment(), sites)))
        // One after the other, so that the journal has them in their order.
        .map(|(site, pair, allowed)| (site, pair, allowed, Leave::take(scene, site)))
        .collect();
    let laid: Vec<Laid<'_>> = thread::scope(|scope| {
        let threads: Vec<_> = writers
            .into_iter()
            .map(|(site, pair, allowed, leave)| {
                scope.spawn(move || lay(scene, site, pair, allowed, leave))
            })
            .collect();
        let laid = threads.into_iter().filter_map(|thread| thread.join().ok());
        laid.collect()
    });
    // Only now: a look before the writing had ended would find nothing anywhere.
    if !laid.is_empty() {
        look(scene, pairs, sites);
    }
    thread::scope(|scope| {
        let threads: Vec<_> = laid
            .into_iter()
            .map(|laid| scope.spawn(move || remove(scene, laid)))
            .collect();
        let written = threads.into_iter().filter_map(|thread| thread.join().ok());
        written.flatten().collect()
    })
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
    site: &'a scene::Site,
    pair: &'a Pair,
    [graph, keys]: [Result<(), String>; 2],
    leave: crate::error::Result<Leave>,
) -> Laid<'a> {
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
    laid.node = Some(graph.and_then(|()| canary::write_node(scene, site, pair)));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(rows: serde_json::Value) -> Vec<Vec<Value>> {
        serde_json::from_value(rows).expect("rows")
    }

    #[test]
    fn the_stores_and_the_home_are_read_from_the_list_of_databases() {
        let listed = rows(json!([
            ["system", "A", false],
            ["x", null, false],
            ["tta-dev", "B", true]
        ]));
        let (home, stores) = stores(&listed).expect("databases");
        assert_eq!((home.as_str(), stores.len()), ("tta-dev", 2));
    }

    #[test]
    fn what_is_no_list_of_databases_is_not_read_as_one() {
        for listed in [
            json!([]),
            json!([["a"]]),
            json!([[1, 2, true]]),
            json!([["a", 1, true]]),
        ] {
            assert_eq!(stores(&rows(listed)), None);
        }
    }
}
