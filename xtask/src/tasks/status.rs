//! `status`: how every environment stands.

use environments::{Deployment, Environment, Service};
use process::side_by_side::each;
use serde_json::{Value, json};

use crate::contents::{Contents, contents};
use crate::context::Context;
use crate::error::Result;
use crate::guard::identity;
use crate::observe::{Observed, observe};
use crate::report::Answer;
use crate::tasks::snapshots::{Listed, age, whole};
use crate::tools::docker::Container;
use crate::ui;

pub(crate) fn run(context: &Context, environments: &[Environment]) -> Result<Answer> {
    let chosen = if environments.is_empty() {
        context.deployments(&Environment::ALL)
    } else {
        context.deployments(environments)
    };
    // Whether an engine answers at all is told better by its own question than by a failed look.
    let engine = context.docker.engine()?;
    let observed = observe(context, &chosen)?;
    let held = each(&observed, |one| contents(context, one));
    let head = [
        "environment",
        "server",
        "state",
        "health",
        "port",
        "version",
        "holds",
        "since",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    let mut documents = Vec::new();
    let mut remarks = Vec::new();
    for (one, held) in observed.iter().zip(&held) {
        for service in Service::ALL {
            lines.push(line(one, held, service));
        }
        let objections = identity::objects(one);
        if let Err(failure) = identity::settle("status", &one.deployment, &objections) {
            remarks.push(failure.message);
        }
        let last = whole(context, &one.deployment)?.pop();
        remarks.push(saved(&one.deployment, last.as_ref()));
        let mut told = document(one, held, objections.is_empty());
        told["last_snapshot"] = json!(last);
        documents.push(told);
    }
    let instance = context.instance.label();
    remarks.retain(|remark| !remark.is_empty());
    let human = [vec![ui::table(&lines).trim_end().to_owned()], remarks]
        .concat()
        .join("\n");
    Ok(Answer::document(
        human,
        json!({ "engine": { "id": engine.id, "version": engine.version }, "instance": instance, "environments": documents }),
    ))
}

/// When an environment was last saved. Nothing of one that never was and need not be.
fn saved(deployment: &Deployment, last: Option<&Listed>) -> String {
    match last {
        Some(last) => format!(
            "{deployment} was last saved {} ago: {}",
            age(last.created()),
            last.id
        ),
        None => String::new(),
    }
}

fn line(one: &Observed, held: &Contents, service: Service) -> Vec<String> {
    let (version, holds) = match service {
        Service::Neo4j => match &held.graph {
            Ok(facts) => (facts.version.clone(), ui::counted(facts.nodes, "node")),
            Err(_) => (String::new(), String::new()),
        },
        Service::Redis => match &held.keys {
            Ok(facts) => (facts.version.clone(), ui::counted(facts.keys, "key")),
            Err(_) => (String::new(), String::new()),
        },
    };
    let container = one.container(service);
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    vec![
        one.deployment.to_string(),
        service.name().to_owned(),
        container.map_or_else(
            || absent(one, service),
            |container| container.state.status.clone(),
        ),
        text(container.map(Container::health)),
        port(one, service)
            .map(|port| port.to_string())
            .unwrap_or_default(),
        version,
        holds,
        text(
            container
                .filter(|container| container.running())
                .and_then(|container| container.state.started_at.get(..19)),
        ),
    ]
}

fn absent(one: &Observed, service: Service) -> String {
    let data = one.volumes().any(|(volume, _)| volume.service() == service);
    if data { "down, data kept" } else { "absent" }.to_owned()
}

fn port(one: &Observed, service: Service) -> Option<u16> {
    let inside = match service {
        Service::Neo4j => 7687,
        Service::Redis => 6379,
    };
    one.container(service)?.published(inside)
}

fn document(one: &Observed, held: &Contents, ours: bool) -> Value {
    let server = |service: Service| {
        let container = one.container(service);
        json!({
            "container": one.deployment.container(service),
            "id": container.map(|container| container.id.clone()),
            "state": container.map_or_else(|| absent(one, service), |container| container.state.status.clone()),
            "health": container.map(Container::health),
            "started_at": container.map(|container| container.state.started_at.clone()),
            "image": container.map(Container::image),
            "port": port(one, service),
        })
    };
    let mut neo4j = server(Service::Neo4j);
    let mut redis = server(Service::Redis);
    match &held.graph {
        Ok(facts) => {
            neo4j["version"] = json!(facts.version);
            neo4j["edition"] = json!(facts.edition);
            neo4j["database"] = json!(facts.home_database);
            neo4j["store_id"] = json!(facts.store_id);
            neo4j["nodes"] = json!(facts.nodes);
            neo4j["relationships"] = json!(facts.relationships);
        }
        Err(reason) => neo4j["not_inspected"] = json!(reason),
    }
    match &held.keys {
        Ok(facts) => {
            redis["version"] = json!(facts.version);
            redis["keys"] = json!(facts.keys);
        }
        Err(reason) => redis["not_inspected"] = json!(reason),
    }
    json!({
        "environment": one.deployment.environment(),
        "instance": one.deployment.instance().name().map_or("", |name| name),
        "ours": ours,
        "neo4j": neo4j,
        "redis": redis,
        "last_snapshot": null,
    })
}
