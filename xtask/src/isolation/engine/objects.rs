//! Volumes and networks: whose they are, who mounts them, who is on them. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use compose_audit::fault::{E2, E3, E4, E9};
use compose_audit::finding::Finding;
use compose_audit::shared::Kind;
use compose_audit::store;
use environments::{Deployment, Environment, Volume, label};
use process::quoted;

use crate::isolation::census::{Container, Mount, PROJECT, StoredVolume, named};
use crate::isolation::engine::model::Model;
use crate::isolation::engine::standing::{Evidence, Standing, names};

pub(crate) fn judge(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = owners(evidence);
    findings.extend(one_place(evidence));
    for container in &evidence.census.containers {
        findings.extend(mounts(evidence, container));
    }
    findings.extend(other_networks(evidence));
    findings.extend(strangers(evidence));
    findings
}

/// E2: a volume of our name that says it is another's. One that says nothing is from before this
/// tool.
fn owners(evidence: &Evidence<'_>) -> Vec<Finding> {
    let volumes = volumes(evidence);
    let foreign = volumes.iter().filter_map(|(deployment, volume)| {
        let (whose, other) = claimed(evidence, deployment, volume)?;
        let name = quoted(&volume.name);
        let environments = [Some(deployment.environment()), other];
        Some(
            Finding::new(E2, &names(environments.into_iter().flatten()), &volume.name)
                .evidence(format!("the volume of {deployment} has the label {whose}"))
                .reproduce(format!(
                    "docker volume inspect --format '{{{{json .Labels}}}}' {name}"
                ))
                .fix(format!(
                    "keep what is in it, then stop {} and remove it: docker volume rm {name}",
                    deployment.environment()
                )),
        )
    });
    foreign.collect()
}

/// The label by which a volume says that it is another's, and which environment's it says it is.
fn claimed(
    evidence: &Evidence<'_>,
    deployment: &Deployment,
    volume: &StoredVolume,
) -> Option<(String, Option<Environment>)> {
    for (name, expected) in deployment.labels() {
        if let Some(found) = volume.label(name).filter(|found| *found != expected) {
            let other = (name == label::ENVIRONMENT)
                .then(|| found.parse().ok())
                .flatten();
            return Some((format!("{name}={found:?}"), other));
        }
    }
    let project = volume.label(PROJECT)?;
    let other = named(&evidence.instance, |other| other.project() == project);
    (project != deployment.project()).then(|| (format!("{PROJECT}={project:?}"), other))
}

/// The volumes of the environments in scope that are there.
fn volumes<'a>(evidence: &'a Evidence<'_>) -> Vec<(&'a Deployment, &'a StoredVolume)> {
    let of = |deployment: &'a Deployment| {
        let found = move |volume| evidence.census.volume(deployment, volume);
        Volume::ALL
            .into_iter()
            .filter_map(found)
            .map(move |volume| (deployment, volume))
    };
    let sites = evidence.sites.iter();
    sites.flat_map(|site| of(&site.deployment)).collect()
}

/// E3: volumes of two environments that their drivers' options lead to one place.
fn one_place(evidence: &Evidence<'_>) -> Vec<Finding> {
    let volumes = volumes(evidence);
    let mut findings = Vec::new();
    for (index, (deployment, volume)) in volumes.iter().enumerate() {
        for (other, another) in &volumes[index + 1..] {
            let Some(place) = common(volume, another).filter(|_| deployment != other) else {
                continue;
            };
            let pair = [deployment.environment(), other.environment()];
            findings.push(
                Finding::new(
                    E3,
                    &names(pair),
                    format!("{} and {}", volume.name, another.name),
                )
                .evidence(format!(
                    "both are kept at {place} by their driver's options"
                ))
                .reproduce(format!(
                    "docker volume inspect --format '{{{{.Name}}}} {{{{json .Options}}}}' {} {}",
                    quoted(&volume.name),
                    quoted(&another.name)
                ))
                .fix("give each environment a volume without driver options"),
            );
        }
    }
    findings
}

/// Where two volumes lie together: a folder or device of this host, or a store elsewhere.
fn common(one: &StoredVolume, other: &StoredVolume) -> Option<String> {
    let here = one
        .places()
        .find(|place| other.places().any(|another| overlap(place, another)));
    here.map(str::to_owned).or_else(|| {
        let (one, other) = (one.driven().store()?, other.driven().store()?);
        store::overlap(&one, &other).then_some(one)
    })
}

/// Whether one path lies in the other, or is it; by whole components.
fn overlap(one: &str, two: &str) -> bool {
    let (one, two) = (Path::new(one), Path::new(two));
    one.starts_with(two) || two.starts_with(one)
}

/// E3: a container that mounts what is not its own: one finding for each of its mounts.
fn mounts(evidence: &Evidence<'_>, container: &Container) -> Vec<Finding> {
    let standing = evidence.standing(container);
    let volumes = volumes(evidence);
    let mut findings = Vec::new();
    for mount in &container.mounts {
        let reached: Vec<&(&Deployment, &StoredVolume)> = volumes
            .iter()
            .filter(|(deployment, volume)| {
                touches(evidence, mount, volume)
                    && !rightful(standing, deployment.environment(), mount)
            })
            .collect();
        if !reached.is_empty() {
            findings.push(mounted(container, standing, mount, &reached));
        }
    }
    findings
}

/// Whether a mount leads to a volume: by its name, by its place on the host or a folder around it,
/// or by another volume that is kept there.
fn touches(evidence: &Evidence<'_>, mount: &Mount, volume: &StoredVolume) -> bool {
    if mount.kind != "volume" {
        let leads = |source: &str| volume.places().any(|place| overlap(source, place));
        return mount.kind == "bind" && (leads(&mount.source) || leads(&mount.real));
    }
    if mount.name == volume.name {
        return true;
    }
    // Two environments' own volumes at one place are told by themselves.
    let known = volumes(evidence);
    let own = |other: &StoredVolume| known.iter().any(|(_, one)| one.name == other.name);
    let all = evidence.census.volumes.iter();
    all.filter(|other| other.name == mount.name && !own(other))
        .any(|other| common(other, volume).is_some())
}

/// An environment's own containers, and a helper's copy: only to read, once its run is over.
fn rightful(standing: Standing, owner: Environment, mount: &Mount) -> bool {
    match standing {
        Standing::Helper(_, going) if mount.writable && !going => false,
        standing => standing.known() == Some(owner),
    }
}

fn mounted(
    container: &Container,
    standing: Standing,
    mount: &Mount,
    reached: &[&(&Deployment, &StoredVolume)],
) -> Finding {
    let owners = reached
        .iter()
        .map(|(deployment, _)| deployment.environment());
    let environments = names(owners.chain(standing.environment()));
    let volumes: Vec<&str> = reached
        .iter()
        .map(|(_, volume)| volume.name.as_str())
        .collect();
    let what = if mount.kind == "volume" {
        &mount.name
    } else {
        &mount.source
    };
    let how = if mount.writable {
        "to write"
    } else {
        "to read"
    };
    let name = quoted(container.name());
    Finding::new(E3, &environments, format!("{what} in {}", container.name()))
        .evidence(format!(
            "{} ({}, {}) mounts {what} at {} {how}, which holds {}",
            container.name(),
            standing.words(),
            container.status(),
            mount.destination,
            volumes.join(", ")
        ))
        .reproduce(format!(
            "docker container inspect --format '{{{{json .Mounts}}}}' {name}"
        ))
        .fix(format!(
            "docker rm --force {name}, or start it without that mount"
        ))
}

/// E4: a network that an environment's containers are on and that is not its own: one finding for
/// each network.
fn other_networks(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut found: BTreeMap<&str, (Vec<Environment>, Vec<&str>)> = BTreeMap::new();
    for container in &evidence.census.containers {
        let standing = evidence.standing(container);
        let Some(environment) = standing.known() else {
            continue;
        };
        let own = evidence.deployment(environment).network();
        for (network, _) in container.networks() {
            let of_model = || {
                let model = evidence.model(environment)?;
                let service = model
                    .services
                    .values()
                    .find(|service| service.container_name.as_deref() == Some(container.name()))?;
                Some(model.networks_of(service).contains(&network))
            };
            // The host's is E7. The engine's default one gives a helper, which answers nobody, no
            // way to anyone.
            let helper = matches!(standing, Standing::Helper(..)) && network == "bridge";
            let not_one = matches!(network, "none" | "host") || helper;
            if network == own || not_one || of_model() == Some(true) {
                continue;
            }
            let (environments, containers) = found.entry(network).or_default();
            environments.push(environment);
            environments.extend(named(&evidence.instance, |other| {
                other.network() == network
            }));
            containers.push(container.name());
        }
    }
    let in_scope = |environments: &[Environment]| {
        environments
            .iter()
            .any(|environment| evidence.site(*environment).is_some())
    };
    found
        .into_iter()
        .filter(|(_, (environments, _))| in_scope(environments))
        .filter(|(network, (environments, _))| !declared(evidence, network, environments))
        .map(|(network, (environments, containers))| {
            let disconnect: Vec<String> = containers
                .iter()
                .map(|container| {
                    let network = quoted(network);
                    format!("docker network disconnect --force {network} {}", quoted(container))
                })
                .collect();
            Finding::new(E4, &names(environments), network)
                .evidence(format!(
                    "{} on the network {network}, which is not its environment's own",
                    containers.join(", ")
                ))
                .reproduce(format!(
                    "docker container inspect --format '{{{{.Name}}}} {{{{json .NetworkSettings.Networks}}}}' {}",
                    containers.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" ")
                ))
                .fix(disconnect.join("; "))
        })
        .collect()
}

/// Whether a network is declared by everyone who is on it: by one alone as known, by several each
/// with every other.
fn declared(evidence: &Evidence<'_>, network: &str, environments: &[Environment]) -> bool {
    let all: BTreeSet<Environment> = environments.iter().copied().collect();
    all.iter().all(|one| {
        let Some(shared) = evidence.model(*one).map(Model::shared) else {
            return false;
        };
        let mut others = all.iter().filter(|other| *other != one).peekable();
        if others.peek().is_none() {
            return shared.owned(&[Kind::Network], network);
        }
        others.all(|other| shared.with(&[Kind::Network], network, other.slug()))
    })
}

/// E9: a container on an environment's network that no model and no journal knows.
fn strangers(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for site in &evidence.sites {
        let Some(network) = evidence.census.network(&site.deployment) else {
            continue;
        };
        for container in &evidence.census.containers {
            let standing = evidence.standing(container);
            // Another environment's is E4.
            if !container.is_on(network) || standing.known().is_some() {
                continue;
            }
            let owner = [Some(site.deployment.environment()), standing.environment()];
            let environments = names(owner.into_iter().flatten());
            let name = quoted(container.name());
            findings.push(
                Finding::new(
                    E9,
                    &environments,
                    format!("{} on {}", container.name(), network.name),
                )
                .evidence(format!(
                    "{} ({}, {}, image {}) is on the network {}",
                    container.name(),
                    standing.words(),
                    container.status(),
                    container.config.image,
                    network.name
                ))
                .reproduce(format!(
                    "docker ps --all --filter network={}",
                    quoted(&network.name)
                ))
                .fix(format!(
                    "docker rm --force {name}, or docker network disconnect --force {} {name}",
                    quoted(&network.name)
                )),
            );
        }
    }
    findings
}
