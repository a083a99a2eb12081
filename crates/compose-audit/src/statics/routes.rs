//! S19: one route of a proxy that leads into two environments, so that what is meant for one is
//! answered by the other.
//!
//! Pure. Only where both are on one network: a proxy reaches its servers over it. Knows how the proxies
//! that read labels and variables of containers are told: Traefik, caddy-docker-proxy, nginx-proxy.

use std::collections::BTreeMap;

use crate::fault;
use crate::finding::Finding;
use crate::statics::addresses::on_one_network;
use crate::statics::model::Service;
use crate::statics::side::{Side, grep_both};

/// Each route, and the service that it leads to.
fn routes(side: &Side) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (key, service) in &side.model.services {
        for route in of(service) {
            all.entry(route).or_insert_with(|| key.clone());
        }
    }
    all
}

fn of(service: &Service) -> Vec<String> {
    let text = |value: &Option<crate::statics::model::Scalar>| {
        value
            .as_ref()
            .map(|value| value.0.trim().to_owned())
            .unwrap_or_default()
    };
    let mut all = Vec::new();
    for (name, value) in &service.labels {
        let value = text(value);
        let parts: Vec<&str> = name.split('.').collect();
        // Traefik balances between all servers of one name, whatever project they are of.
        if let ["traefik", kind, what @ ("routers" | "services"), route, ..] = parts.as_slice() {
            all.push(format!("traefik {kind} {what} {route}"));
            if parts.last() == Some(&"rule") {
                all.push(format!("rule {value}"));
            }
        }
        if name == "caddy" || (name.starts_with("caddy_") && !name.contains('.')) {
            all.extend(hosts(&value).map(|host| format!("host {host}")));
        }
    }
    for name in ["VIRTUAL_HOST", "LETSENCRYPT_HOST"] {
        if let Some(value) = service.environment.get(name) {
            all.extend(hosts(&text(value)).map(|host| format!("host {host}")));
        }
    }
    all.sort();
    all.dedup();
    all
}

fn hosts(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    parts
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .into_iter()
}

pub(crate) fn count(side: &Side) -> usize {
    routes(side).len()
}

/// S19.
pub(crate) fn clashes(one: &Side, other: &Side) -> Vec<Finding> {
    if !on_one_network(one, other) {
        return Vec::new();
    }
    let theirs = routes(other);
    routes(one)
        .into_iter()
        .filter_map(|(route, service)| Some((theirs.get(&route)?, route, service)))
        .map(|(against, route, service)| {
            let needle = route.rsplit(' ').next().unwrap_or_default().to_owned();
            Finding::new(fault::S19, &[&one.name, &other.name], &route)
                .evidence(format!(
                    "a proxy on their common network is told by {service} of {} and by {against} of {}: {route}",
                    one.name, other.name
                ))
                .reproduce(grep_both(one, other, &needle))
                .fix(format!(
                    "give {against} of {} a route and a host name of its own",
                    other.name
                ))
        })
        .collect()
}
