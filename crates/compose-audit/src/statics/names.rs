//! S3, S4, S5, S8 and S9: one name for two environments' containers, projects, volumes or networks,
//! and objects made elsewhere whose owner nobody has declared.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::{self, Fault};
use crate::finding::Finding;
use crate::shared::Kind;
use crate::statics::model::{Network, Volume};
use crate::statics::side::{Side, grep_both};
use crate::store;
use process::printable;

/// S4.
pub(crate) fn projects(one: &Side, other: &Side) -> Vec<Finding> {
    if one.model.name != other.model.name {
        return Vec::new();
    }
    vec![
        Finding::new(fault::S4, &[&one.name, &other.name], &one.model.name)
            .evidence(format!(
                "both are the compose project {}: `down` or `up` in one removes or replaces the containers of the other",
                one.model.name
            ))
            .reproduce(grep_both(one, other, "\"name\":"))
            .fix("give each a top-level `name:` of its own"),
    ]
}

/// The containers' names, and of which service each is.
pub(crate) fn containers(side: &Side) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for key in side.model.services.keys() {
        for name in side.model.container_names(key) {
            names.insert(name, key.clone());
        }
    }
    names
}

pub(crate) fn count_containers(side: &Side) -> usize {
    containers(side).len()
}

/// S3. Two of one project are S4.
pub(crate) fn container_names(one: &Side, other: &Side) -> Vec<Finding> {
    let theirs = containers(other);
    let same_project = one.model.name == other.model.name;
    let said = |side: &Side, service: &str| {
        let service = side.model.services.get(service);
        service.is_some_and(|service| service.container_name.is_some())
    };
    containers(one)
        .into_iter()
        .filter_map(|(name, service)| Some((theirs.get(&name)?, name, service)))
        .filter(|(against, _, service)| {
            !same_project || said(one, service) || said(other, against)
        })
        .map(|(against, name, service)| {
            Finding::new(fault::S3, &[&one.name, &other.name], &name)
                .evidence(format!(
                    "{service} of {} and {against} of {} have the container name {name}: only one can exist, and whoever asks by name gets that one",
                    one.name, other.name
                ))
                .reproduce(grep_both(one, other, &name))
                .fix(format!(
                    "give {against} of {} another container_name, or none",
                    other.name
                ))
        })
        .collect()
}

/// The volumes' names, and the key of each.
fn volumes(side: &Side) -> BTreeMap<String, String> {
    let keys = side.model.volumes.keys();
    keys.filter_map(|key| Some((side.model.volume_name(key)?, key.clone())))
        .collect()
}

pub(crate) fn count_volumes(side: &Side) -> usize {
    volumes(side).len()
}

/// Which kinds of declaration speak of an object that is, or is not, made elsewhere.
fn kinds(kind: Kind, external: bool) -> Vec<Kind> {
    if external {
        vec![kind, Kind::External]
    } else {
        vec![kind]
    }
}

/// Whether both have declared that they share it.
fn agreed(one: &Side, other: &Side, kinds: &[Kind], name: &str) -> bool {
    one.shared.with(kinds, name, &other.name) && other.shared.with(kinds, name, &one.name)
}

/// S5: by name, and by what is behind the name.
pub(crate) fn one_volume(one: &Side, other: &Side) -> Vec<Finding> {
    let mut findings = Vec::new();
    let theirs = volumes(other);
    for (name, key) in volumes(one) {
        let ours = &one.model.volumes[&key];
        let Some(against) = theirs.get(&name) else {
            continue;
        };
        let external = ours.external || other.model.volumes[against].external;
        if agreed(one, other, &kinds(Kind::Volume, external), &name) {
            continue;
        }
        findings.push(
            Finding::new(fault::S5, &[&one.name, &other.name], &name)
                .evidence(format!(
                    "{key} of {} and {against} of {} are the one volume {name}",
                    one.name, other.name
                ))
                .reproduce(grep_both(one, other, &name))
                .fix(format!(
                    "give the volume {against} of {} a `name:` of its own",
                    other.name
                )),
        );
    }
    findings.extend(one_store(one, other));
    findings
}

/// Volumes by different names with one store behind them, or one store inside the other.
fn one_store(one: &Side, other: &Side) -> Vec<Finding> {
    let stores = |side: &Side| -> Vec<(String, String)> {
        let all = side.model.volumes.iter();
        all.filter_map(|(key, volume)| {
            Some((side.model.volume_name(key)?, volume.driven().store()?))
        })
        .collect()
    };
    let mut findings = Vec::new();
    for (name, store) in stores(one) {
        for (against, target) in stores(other) {
            if name == against || !store::overlap(&store, &target) {
                continue;
            }
            if one.shared.with(&[Kind::Volume], &name, &other.name)
                && other.shared.with(&[Kind::Volume], &against, &one.name)
            {
                continue;
            }
            findings.push(
                Finding::new(fault::S5, &[&one.name, &other.name], &name)
                    .evidence(format!(
                        "the volumes {name} of {} and {against} of {} have one store behind them: {store}, {target}",
                        one.name, other.name
                    ))
                    .reproduce(grep_both(one, other, "\"driver_opts\""))
                    .fix(format!("give {against} of {} a store of its own", other.name)),
            );
        }
    }
    findings
}

/// The networks' names, the key of each, and whether it is made elsewhere. With them those that a
/// service joins by `network_mode`.
fn networks(side: &Side) -> BTreeMap<String, bool> {
    let keys = side.model.networks.iter();
    let mut names: BTreeMap<String, bool> = keys
        .filter_map(|(key, network)| Some((side.model.network_name(key)?, network.external)))
        .collect();
    for service in side.model.services.values() {
        if let Some(name) = service.network_mode.as_deref().and_then(joined) {
            names.entry(name.to_owned()).or_insert(true);
        }
    }
    names
}

/// The network that a `network_mode` joins by name: the engine's own bridge, where all containers
/// reach each other, or any other.
fn joined(mode: &str) -> Option<&str> {
    match mode {
        "" | "none" | "host" => None,
        "bridge" | "default" => Some("bridge"),
        _ if mode.contains(':') => None,
        name => Some(name),
    }
}

pub(crate) fn count_networks(side: &Side) -> usize {
    networks(side).len()
}

/// S8: by name, and by the interface of the host that is behind two names.
pub(crate) fn one_network(one: &Side, other: &Side) -> Vec<Finding> {
    let mut findings = one_name(one, other);
    findings.extend(one_interface(one, other));
    findings
}

/// The interface on which a network puts its containers, beside everything else that is on it.
fn interface(network: &Network) -> Option<String> {
    let option = |name: &str| network.driver_opts.get(name).map(|value| value.0.clone());
    match network.driver.as_deref() {
        Some("macvlan" | "ipvlan") => option("parent"),
        None | Some("bridge" | "default") => option("com.docker.network.bridge.name"),
        Some(_) => None,
    }
}

fn one_interface(one: &Side, other: &Side) -> Vec<Finding> {
    let interfaces = |side: &Side| -> Vec<(String, String)> {
        let all = side.model.networks.iter();
        all.filter_map(|(key, one)| Some((side.model.network_name(key)?, interface(one)?)))
            .collect()
    };
    let theirs = interfaces(other);
    let mut findings = Vec::new();
    for (name, interface) in interfaces(one) {
        for (against, target) in &theirs {
            let declared = one.shared.with(&[Kind::Network], &name, &other.name)
                && other.shared.with(&[Kind::Network], against, &one.name);
            if interface != *target || name == *against || declared {
                continue;
            }
            findings.push(
                Finding::new(fault::S8, &[&one.name, &other.name], &name)
                    .evidence(format!(
                        "{name} of {} and {against} of {} are both on the host's interface {}",
                        one.name,
                        other.name,
                        printable(&interface)
                    ))
                    .reproduce(grep_both(one, other, &interface))
                    .fix(format!(
                        "give {against} of {} another interface",
                        other.name
                    )),
            );
        }
    }
    findings
}

fn one_name(one: &Side, other: &Side) -> Vec<Finding> {
    let theirs = networks(other);
    networks(one)
        .into_iter()
        .filter_map(|(name, external)| Some((external || *theirs.get(&name)?, name)))
        .filter(|(external, name)| !agreed(one, other, &kinds(Kind::Network, *external), name))
        .filter(|(_, name)| theirs.contains_key(name))
        .map(|(_, name)| {
            Finding::new(fault::S8, &[&one.name, &other.name], &name)
                .evidence(format!(
                    "both are on the network {name}: every port of each container is open to the other environment"
                ))
                .reproduce(grep_both(one, other, &name))
                .fix(format!(
                    "give {} a network of its own; what both declare as shared in x-tta-shared is excused",
                    other.name
                ))
        })
        .collect()
}

/// How many objects are made elsewhere.
pub(crate) fn count_external(side: &Side) -> usize {
    let volumes = side.model.volumes.values().filter(|one| one.external);
    let networks = networks(side);
    let sources = side
        .model
        .secrets
        .values()
        .chain(side.model.configs.values());
    volumes.count()
        + networks.values().filter(|external| **external).count()
        + sources.filter(|one| one.external).count()
}

/// S9.
pub(crate) fn unowned(side: &Side) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    let mut unclear = |what: &str, kind: Kind, name: &str| {
        let declared = side.shared.owned(&[kind, Kind::External], name);
        if !declared && seen.insert((what.to_owned(), name.to_owned())) {
            findings.push(unowned_finding(side, what, name));
        }
    };
    for (key, _) in side.model.volumes.iter().filter(|(_, one)| one.external) {
        if let Some(name) = side.model.volume_name(key) {
            unclear("volume", Kind::Volume, &name);
        }
    }
    for (key, _) in side.model.networks.iter().filter(|(_, one)| one.external) {
        if let Some(name) = side.model.network_name(key) {
            unclear("network", Kind::Network, &name);
        }
    }
    for service in side.model.services.values() {
        let mode = service.network_mode.as_deref().and_then(joined);
        if let Some(name) = mode.filter(|name| *name != "bridge") {
            unclear("network", Kind::Network, name);
        }
    }
    for (what, sources) in [
        ("secret", &side.model.secrets),
        ("config", &side.model.configs),
    ] {
        for (key, source) in sources.iter().filter(|(_, source)| source.external) {
            let name = source.name.as_deref().unwrap_or(key);
            unclear(what, Kind::External, name);
        }
    }
    findings
}

/// An object that is made elsewhere, and nobody says by whom.
pub(crate) fn unowned_finding(side: &Side, what: &str, name: &str) -> Finding {
    let fault: Fault = fault::S9;
    Finding::new(fault, &[&side.name], name)
        .evidence(format!(
            "the {what} {} is made elsewhere, and no declaration says whose it is",
            printable(name)
        ))
        .reproduce(side.grep(name))
        .fix(format!(
            "declare whose it is: x-tta-shared: [{{kind: external, name: {}, with: [{}], reason: …}}]",
            printable(name),
            side.name
        ))
}

/// Where a volume's options put it, without what may be secret in them.
pub(crate) fn described(volume: &Volume) -> Option<String> {
    volume
        .driver_opts
        .get("device")
        .map(|device| device.0.clone())
}

pub(crate) fn has_network(side: &Side, name: &str) -> bool {
    networks(side).contains_key(name)
        || (name == "host"
            && side
                .model
                .services
                .values()
                .any(|service| service.network_mode.as_deref() == Some("host")))
}
