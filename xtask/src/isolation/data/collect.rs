//! Asks every server what it is, and has the canaries written, looked for and removed.

use environments::Service;
use process::side_by_side;
use serde_json::Value;

use crate::isolation::data::address::{self, Opened};
use crate::isolation::data::evidence::{Address, Evidence, Graph, Keys, Site};
use crate::isolation::data::writing::{self, Writer};
use crate::isolation::scene::{self, Scene};
use crate::isolation::servers::databases::SYSTEM;
use crate::isolation::servers::{self, Pair, Servers};
use crate::tools::redis::{field, keyspace};

pub(super) fn collect(scene: &Scene<'_>, servers: &Servers) -> Evidence {
    let leaves = writing::leaves(scene);
    let pairs = servers.of(scene);
    let writers: Vec<Writer<'_>> = leaves
        .into_iter()
        .map(|(at, leave)| Writer::new(scene, &scene.sites[at], &pairs[at], leave))
        .collect();
    let mut sites = asked(scene, servers);
    // Neo4j closes a connection that has not logged in for 30 s, which a busy machine may need until
    // the server is asked for its list.
    if any_is_listed_nowhere(&sites) {
        sites = asked(scene, servers);
    }
    let mut evidence = Evidence {
        sites,
        written: Vec::new(),
    };
    evidence.written = writing::canaries(scene, pairs, &mut evidence.sites, writers);
    evidence
}

/// What every server says of itself while a connection to each published address is open.
fn asked(scene: &Scene<'_>, servers: &Servers) -> Vec<Site> {
    let opened = side_by_side::each(&scene.sites, |site| address::open(scene, site));
    facts(scene, servers, &opened)
}

/// Whether a connection was made that no server in scope lists, though its own gave its list.
fn any_is_listed_nowhere(sites: &[Site]) -> bool {
    let missing = |site: &Site, address: &Address| {
        address.leads_to(site) == Ok(false)
            && !sites.iter().any(|one| address.leads_to(one) == Ok(true))
    };
    sites
        .iter()
        .any(|site| site.addresses.iter().any(|one| missing(site, one)))
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
    use environments::Environment::{Dev, Test};
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_connection_that_no_server_lists_is_made_again() {
        let site = |environment, name: &str, lists: &[&str]| Site {
            environment,
            graph: Ok(listing(lists)),
            keys: Err("not asked".to_owned()),
            addresses: vec![Address {
                scheme: "bolt",
                port: 7687,
                connection: Ok(name.to_owned()),
            }],
        };
        let test = || site(Test, "test", &["test"]);
        assert!(!any_is_listed_nowhere(&[
            site(Dev, "dev", &["dev"]),
            test()
        ]));
        assert!(any_is_listed_nowhere(&[site(Dev, "dev", &[]), test()]));
        // It leads to another's server: that is the fault, and is known.
        let another = site(Test, "test", &["test", "dev"]);
        assert!(!any_is_listed_nowhere(&[site(Dev, "dev", &[]), another]));
        // Its own server gave no list: asking the others again tells nothing.
        let mut blind = site(Dev, "dev", &[]);
        blind.graph = graph_error();
        assert!(!any_is_listed_nowhere(&[blind, test()]));
    }

    fn listing(names: &[&str]) -> Graph {
        Graph {
            name: "tta-dev-neo4j".to_owned(),
            home: "tta-dev".to_owned(),
            stores: Default::default(),
            process: "7@host since 1".to_owned(),
            canaries: Err("no canary was written".to_owned()),
            connections: Ok(names.iter().map(ToString::to_string).collect()),
        }
    }

    fn graph_error() -> Result<Graph, String> {
        Err("it does not answer".to_owned())
    }

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
