//! Asks every server what it is, and has the canaries written, looked for and removed.

use environments::Service;
use serde_json::Value;

use crate::isolation::data::address::{self, Opened};
use crate::isolation::data::evidence::{Evidence, Graph, Keys, Site};
use crate::isolation::data::writing::{self, Writer};
use crate::isolation::scene::{self, Scene};
use crate::isolation::servers::databases::SYSTEM;
use crate::isolation::servers::{self, Pair, Servers};
use crate::side_by_side;
use crate::tools::redis::{field, keyspace};

pub(super) fn collect(scene: &Scene<'_>, servers: &Servers) -> Evidence {
    let leaves = writing::leaves(scene);
    // They stay open until every server has been asked whom it is connected with.
    let opened = addresses(scene);
    let pairs = servers.of(scene);
    let writers: Vec<Writer<'_>> = leaves
        .into_iter()
        .map(|(at, leave)| Writer::new(scene, &scene.sites[at], &pairs[at], leave))
        .collect();
    let mut evidence = Evidence {
        sites: facts(scene, servers, &opened),
        written: Vec::new(),
    };
    drop(opened);
    evidence.written = writing::canaries(scene, pairs, &mut evidence.sites, writers);
    evidence
}

fn addresses(scene: &Scene<'_>) -> Vec<Opened> {
    side_by_side::each(&scene.sites, |site| address::open(scene, site))
}

fn facts(scene: &Scene<'_>, servers: &Servers, opened: &[Opened]) -> Vec<Site> {
    let asked = servers::each(scene, servers, graph, keys);
    let site = |((site, opened), (graph, keys)): ((&scene::Site, &Opened), _)| Site {
        environment: site.deployment.environment(),
        graph,
        keys,
        addresses: opened.addresses.clone(),
    };
    scene
        .sites
        .iter()
        .zip(opened)
        .zip(asked)
        .map(site)
        .collect()
}

fn graph(scene: &Scene<'_>, site: &scene::Site, pair: &Pair) -> Result<Graph, String> {
    let mut server = pair.graph()?;
    let databases = server.databases(scene, site)?;
    // Asked of database system, which every server has, whatever its home is.
    let runtime = server.ask(
        SYSTEM,
        "CALL dbms.queryJmx('java.lang:type=Runtime') YIELD attributes",
    )?;
    let process = process(&runtime).ok_or("its process cannot be told apart from another's")?;
    let named = address::prefix(&scene.run);
    let listed = "CALL dbms.listConnections() YIELD userAgent";
    let connections = server.ask(SYSTEM, listed).map(|rows| {
        let name = |row: &Vec<Value>| Some(row.first()?.as_str()?.to_owned());
        let names = rows.iter().filter_map(name);
        names.filter(|name| name.starts_with(&named)).collect()
    });
    Ok(Graph {
        name: site.deployment.container(Service::Neo4j),
        home: databases.home,
        stores: databases.stores,
        process,
        canaries: Err("no canary was written".to_owned()),
        connections,
    })
}

/// Its number and its host's name, with when it started: in the server's own words, since another's
/// may be behind the address.
fn process(runtime: &[Vec<Value>]) -> Option<String> {
    let attribute = |name: &str| runtime.first()?.first()?.get(name)?.get("value");
    let (name, start) = (
        attribute("Name")?.as_str()?,
        attribute("StartTime")?.as_u64()?,
    );
    Some(format!("{name} since {start}"))
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

    #[test]
    fn a_process_is_known_by_its_name_and_its_start_and_by_nothing_less() {
        let told = |attributes: Value| process(&[vec![attributes]]);
        let name = json!({ "description": "Name", "value": "7@host" });
        let start = json!({ "value": 1_795_801_552_076_u64 });
        assert_eq!(
            told(json!({ "Name": name, "StartTime": start, "Uptime": { "value": 1 } })).as_deref(),
            Some("7@host since 1795801552076")
        );
        for garbled in [
            json!({ "Name": name }),
            json!({ "StartTime": start }),
            json!({ "Name": "7@host", "StartTime": 1 }),
            json!([name, start]),
            Value::Null,
        ] {
            assert_eq!(told(garbled), None);
        }
        assert_eq!(process(&[]), None);
    }
}
