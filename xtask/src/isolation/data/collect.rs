//! Asks every server what it is, and has the canaries written, looked for and removed.

use std::collections::BTreeMap;
use std::thread;

use environments::Service;
use serde_json::Value;

use crate::isolation::data::address::{self, Opened};
use crate::isolation::data::evidence::{Evidence, Graph, Keys, Site};
use crate::isolation::data::writing::{self, Writer};
use crate::isolation::scene::{self, Scene};
use crate::isolation::servers::{DIED, Pair};
use crate::tools::redis::{field, keyspace};

pub(super) fn collect(scene: &Scene<'_>) -> Evidence {
    let leaves = writing::leaves(scene);
    // They stay open until every server has been asked whom it is connected with.
    let opened = addresses(scene);
    let pairs = scene.servers();
    let writers: Vec<Writer<'_>> = leaves
        .into_iter()
        .map(|(at, leave)| Writer::new(scene, &scene.sites[at], &pairs[at], leave))
        .collect();
    let mut evidence = Evidence {
        sites: facts(scene, pairs, &opened),
        written: Vec::new(),
    };
    drop(opened);
    evidence.written = writing::canaries(scene, pairs, &mut evidence.sites, writers);
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
    let databases = server.databases()?;
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
