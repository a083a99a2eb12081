//! Every fault of the engine layer against its innocent look-alike, as tables.

use std::collections::{BTreeMap, BTreeSet};

use compose_audit::finding::{Finding, Seen};
use environments::{Deployment, Environment, Instance, Service};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::drift::{ImageDefaults, Known};
use super::health::Tried;
use super::model::Model;
use super::standing::{Evidence, Judged};
use super::{cells, drift, health, objects, power};
use crate::isolation::census::testing::{parsed, stranger, three_as_told};
use crate::isolation::census::{Census, PROJECT};

mod on_drift;
mod on_networks;
mod on_power;
mod on_volumes;
mod properties;

fn main_set(environment: Environment) -> Deployment {
    Deployment::new(environment, Instance::main())
}

/// What the compose file of a census of the tests would render to.
fn rendered(environment: Environment) -> Value {
    let deployment = main_set(environment);
    let service = |service: Service, ports: &[u16]| {
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| {
                let published = (port + 1000 * environment as u16).to_string();
                json!({ "host_ip": "127.0.0.1", "target": port, "published": published, "protocol": "tcp" })
            })
            .collect();
        let volumes = match service {
            Service::Neo4j => json!([
                { "type": "volume", "source": "data", "target": "/data" },
                { "type": "volume", "source": "logs", "target": "/logs" },
            ]),
            Service::Redis => json!([{ "type": "volume", "source": "keys", "target": "/data" }]),
        };
        json!({
            "container_name": deployment.container(service), "image": format!("tta-{}", service.name()),
            "command": null, "entrypoint": null, "networks": { "default": null }, "ports": ports,
            "volumes": volumes, "healthcheck": { "test": ["CMD", "check"] },
        })
    };
    let volume = |volume| json!({ "name": deployment.volume(volume) });
    json!({
        "name": deployment.project(),
        "services": {
            "neo4j": service(Service::Neo4j, &[7474, 7687]),
            "redis": service(Service::Redis, &[6379]),
        },
        "volumes": {
            "data": volume(environments::Volume::Neo4jData),
            "logs": volume(environments::Volume::Neo4jLogs),
            "keys": volume(environments::Volume::RedisData),
        },
        "networks": { "default": { "name": deployment.network(), "ipam": {} } },
    })
}

fn model(environment: Environment, change: impl FnOnce(&mut Value)) -> Model {
    let mut rendered = rendered(environment);
    change(&mut rendered);
    Model::parse(&rendered.to_string()).expect("it is of the known form")
}

/// Judges dev, test and staging, of which dev's file may say more.
fn judged(census: &Census, dev: impl FnOnce(&mut Value)) -> (Vec<Finding>, Vec<Seen>) {
    let mut dev = Some(dev);
    let sites = Environment::LOCAL.map(|environment| Judged {
        deployment: main_set(environment),
        model: Ok(match dev.take_if(|_| environment == Environment::Dev) {
            Some(change) => model(environment, change),
            None => model(environment, |_| {}),
        }),
    });
    let evidence = Evidence {
        instance: Instance::main(),
        sites: sites.into_iter().collect(),
        census,
        runs: BTreeMap::from([("1-1".to_owned(), true), ("2-2".to_owned(), false)]),
    };
    let mut findings = objects::judge(&evidence);
    findings.extend(power::judge(&evidence));
    let cells = cells::apart(&evidence, &findings);
    (
        findings,
        cells.into_iter().map(|cell| cell.observed).collect(),
    )
}

/// `E3 dev,test`, sorted, for a census with a change.
fn found(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut told = three_as_told();
    change(&mut told);
    let (findings, cells) = judged(&parsed(&told), |_| {});
    let any = cells.contains(&Seen::Same);
    assert_eq!(any, !findings.is_empty(), "{findings:?} {cells:?}");
    for finding in &findings {
        let said = [
            &finding.subject,
            &finding.evidence,
            &finding.reproduce,
            &finding.fix,
        ];
        assert!(said.iter().all(|text| !text.is_empty()), "{finding:?}");
    }
    ids(&findings)
}

fn ids(findings: &[Finding]) -> Vec<String> {
    let mut ids: Vec<String> = findings
        .iter()
        .map(|one| format!("{} {}", one.fault.id, one.environments.join(",")))
        .collect();
    ids.sort();
    ids
}

/// A stranger with a change, beside the three environments.
fn with(change: impl FnOnce(&mut Value)) -> Vec<String> {
    found(|told| {
        let mut one = stranger("visitor");
        change(&mut one);
        told["containers"].as_array_mut().expect("a list").push(one);
    })
}

fn mounting(kind: &str, name: &str, source: &str, writable: bool) -> Value {
    json!([{ "Type": kind, "Name": name, "Source": source, "Destination": "/x", "RW": writable }])
}

fn volume_of(name: &str) -> String {
    format!("/var/lib/docker/volumes/{name}/_data")
}

fn labelled(one: &mut Value, environment: &str) {
    one["Config"]["Labels"]["org.tta.environment"] = json!(environment);
    one["Config"]["Labels"]["org.tta.instance"] = json!("");
}

const NOTHING: [&str; 0] = [];

fn on(network: &str, id: &str) -> Value {
    json!({ network: { "NetworkID": id, "IPAddress": "", "GlobalIPv6Address": "" } })
}
