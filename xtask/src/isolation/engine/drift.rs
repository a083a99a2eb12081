//! E1: whether what runs is what the compose file says. Pure.
//!
//! Compose's own hash decides where the same compose made the container: it covers everything. What
//! isolation stands on is compared field by field all the same, since a label can be copied, and
//! another Compose version hashes otherwise.

use std::collections::{BTreeMap, BTreeSet};

use compose_audit::fault::E1;
use compose_audit::finding::Finding;
use compose_audit::statics::secrets_in_words;
use environments::{Deployment, Environment, Service};
use process::quoted;

use crate::isolation::census::{
    Binding, Census, Container, FILES, HASH, Network, PROJECT, VERSION, named,
};
use crate::isolation::engine::model::{Model, ServiceModel};
use crate::isolation::engine::standing::names;

/// What an image says that a container made from it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ImageDefaults {
    pub(crate) env: Vec<String>,
    pub(crate) cmd: Vec<String>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) user: String,
}

/// What a container is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) model: &'a Model,
    /// The environment's network, where it is there.
    pub(crate) network: Option<&'a Network>,
    /// Compose's hash of each service.
    pub(crate) hashes: &'a BTreeMap<String, String>,
    /// Other files of the same text, as another checkout has them: compose's hash has the paths of
    /// the files beside its own.
    pub(crate) copies: &'a BTreeSet<String>,
    /// The version of the compose that hashed.
    pub(crate) compose: &'a str,
    /// By image id.
    pub(crate) images: &'a BTreeMap<String, ImageDefaults>,
}

/// How a server's container differs from its file.
///
/// # Errors
/// It cannot be compared.
pub(crate) fn container(
    deployment: &Deployment,
    service: Service,
    container: &Container,
    known: Known<'_>,
) -> Result<Option<Finding>, String> {
    let environment = deployment.environment();
    let Some(model) = known.model.services.get(service.name()) else {
        return Err(format!(
            "the compose file has no service {}",
            service.name()
        ));
    };
    let image = known
        .images
        .get(&container.image)
        .ok_or("the engine does not have its image any more")?;
    let mut differences = compared(known.model, model, container, image);
    for (name, expected) in deployment.labels() {
        let label = container.label(name);
        if label != Some(&expected) {
            differences.push(format!("its label {name} is {label:?}, not {expected:?}"));
        }
    }
    let (other, claim) = another_project(deployment, container.label(PROJECT));
    differences.extend(claim);
    differences.extend(networks(deployment, model, container, known));
    let expected = known
        .hashes
        .get(service.name())
        .ok_or_else(|| format!("compose gave no hash of {}", service.name()))?;
    let version = container.label(VERSION);
    let same_compose = version.is_some_and(|made| release(made) == release(known.compose));
    let of_copy = container
        .label(FILES)
        .is_some_and(|made| known.copies.contains(made));
    match container.label(HASH) {
        None => differences.push("compose did not make it".to_owned()),
        Some(found) if found != expected && same_compose && !of_copy => {
            if differences.is_empty() {
                differences.push("compose's hash of it is another".to_owned());
            }
        }
        // Another version or checkout hashes otherwise; what was compared above decides.
        Some(_) => {}
    }
    if differences.is_empty() {
        return Ok(None);
    }
    let name = quoted(container.name());
    Ok(Some(
        Finding::new(E1, &joined(environment, other), container.name())
            .evidence(differences.join("; "))
            .reproduce(format!(
                "docker container inspect {name}   (beside: docker compose config --hash {})",
                service.name()
            ))
            .fix(format!(
                "docker rm --force {name}; cargo xtask{} up {environment}",
                instance_option(deployment)
            )),
    ))
}

/// Compose's label by which an object belongs to another project: whoever takes that one down takes
/// the object with it. The environment whose project it is, and the words for it.
fn another_project(
    deployment: &Deployment,
    label: Option<&str>,
) -> (Option<Environment>, Option<String>) {
    let Some(project) = label.filter(|label| *label != deployment.project()) else {
        return (None, None);
    };
    let other = named(deployment.instance(), |other| other.project() == project);
    let claim = format!(
        "compose's project {project:?} has it, not {}",
        deployment.project()
    );
    (other, Some(claim))
}

fn joined(environment: Environment, other: Option<Environment>) -> Vec<&'static str> {
    names([environment].into_iter().chain(other))
}

/// Where it is not on its environment's network, or on another that the file gives it. One that it
/// is on besides is E4.
fn networks(
    deployment: &Deployment,
    model: &ServiceModel,
    container: &Container,
    known: Known<'_>,
) -> Vec<String> {
    let own = deployment.network();
    let of_file = known.model.networks_of(model);
    let on = |network: &str| container.networks().any(|(name, _)| name == network);
    let mut differences = Vec::new();
    if !of_file.contains(&own.as_str()) {
        differences.push(format!("the file does not put it on {own}"));
    }
    if !on(&own) {
        differences.push(format!("it is not on {own}"));
    } else if known
        .network
        .is_some_and(|network| !container.is_on(network))
    {
        differences.push(format!("it is on another network by the name of {own}"));
    }
    let more = of_file.into_iter().filter(|name| *name != own && !on(name));
    differences.extend(more.map(|name| format!("it is not on {name}")));
    differences
}

/// ` --instance NAME`, for whoever pastes a command.
pub(crate) fn instance_option(deployment: &Deployment) -> String {
    match deployment.instance().name() {
        Some(name) => format!(" --instance {name}"),
        None => String::new(),
    }
}

/// `2.26.1` of `2.26.1-4` and of `v2.26.1+ds1`.
fn release(version: &str) -> &str {
    let plain = version.trim_start_matches('v');
    plain.split(['-', '+']).next().unwrap_or(plain)
}

fn compared(
    whole: &Model,
    model: &ServiceModel,
    container: &Container,
    image: &ImageDefaults,
) -> Vec<String> {
    let mut differences = Vec::new();
    let mut differ = |what: &str, expected: String, found: String| {
        if expected != found {
            differences.push(format!("{what} is {found}, the file says {expected}"));
        }
    };
    let config = &container.config;
    let name = model.container_name.as_deref();
    differ(
        "its name",
        name.unwrap_or("left to compose").to_owned(),
        container.name().to_owned(),
    );
    differ("its image", model.image.clone(), config.image.clone());
    // A file's entrypoint takes the image's command away.
    let no_command = model.entrypoint().is_some();
    let command = model.command().unwrap_or_else(|| {
        let image = image.cmd.clone();
        if no_command { Vec::new() } else { image }
    });
    differ("its command", words(&command), words(&config.cmd));
    let entrypoint = model
        .entrypoint()
        .unwrap_or_else(|| image.entrypoint.clone());
    differ(
        "its entrypoint",
        words(&entrypoint),
        words(&config.entrypoint),
    );
    let user = model.user.clone().unwrap_or_else(|| image.user.clone());
    differ("its user", user, config.user.clone());
    let checked = config.healthcheck.as_ref();
    let checked = checked.map(|check| check.test.clone()).unwrap_or_default();
    differ(
        "its health check",
        check(&model.health().unwrap_or_default()),
        check(&checked),
    );
    differ("what it publishes", ports(model), bindings(container));
    let restart = model.restart.clone().unwrap_or_else(|| "no".to_owned());
    differ(
        "its restart policy",
        restart,
        container.host_config.restart_policy.name.clone(),
    );
    let memory =
        |bytes: Option<i64>| bytes.map_or_else(|| "?".to_owned(), |bytes| bytes.to_string());
    differ(
        "its memory limit",
        memory(model.memory()),
        memory(Some(container.host_config.memory)),
    );
    differences.extend(unasked(container));
    differences.extend(mounts(whole, model, container));
    differences.extend(environment(model, container, image));
    differences
}

/// What may be a secret among them is not shown.
fn words(words: &[String]) -> String {
    let blot = |text: String, secret: String| text.replace(&secret, "•••");
    let shown = secrets_in_words(words)
        .into_iter()
        .fold(words.join(" "), blot);
    format!("[{shown}]")
}

/// The words of a health check. Of plain words a shell makes what they are without one.
fn check(test: &[String]) -> String {
    match test {
        [kind, line] if kind == "CMD-SHELL" => {
            let plain =
                |character: char| character.is_ascii_alphanumeric() || " -_./".contains(character);
            let kind = if line.chars().all(plain) { "CMD" } else { kind };
            words(&[kind.to_owned(), line.to_owned()])
        }
        _ => words(test),
    }
}

/// `127.0.0.1:7474->7474/tcp`, sorted.
fn ports(model: &ServiceModel) -> String {
    let line = |port: &crate::isolation::engine::model::Port| {
        format!(
            "{}:{}->{}/{}",
            port.host_ip, port.published, port.target, port.protocol
        )
    };
    sorted(model.ports.iter().map(line))
}

fn bindings(container: &Container) -> String {
    sorted(asked(container).map(|(port, binding)| at(port, binding)))
}

/// What the engine has published of its own (`--publish-all`).
fn unasked(container: &Container) -> Vec<String> {
    let as_asked = |port: &str, found: &Binding| {
        // What is asked for without an address or a port is given any.
        let any = |asked: &str, found: &str| asked.is_empty() || asked == found;
        asked(container).any(|(of, asked)| {
            of == port
                && any(&asked.host_ip, &found.host_ip)
                && any(&asked.host_port, &found.host_port)
        })
    };
    let published = container.published();
    published
        .filter(|(port, binding)| !as_asked(port, binding))
        .map(|(port, binding)| format!("it publishes {} as well", at(port, binding)))
        .collect()
}

fn asked(container: &Container) -> impl Iterator<Item = (&str, &Binding)> {
    let asked = container.host_config.port_bindings.iter();
    asked.flat_map(|(port, bindings)| {
        let bindings = bindings.iter().flatten();
        bindings.map(move |binding| (port.as_str(), binding))
    })
}

fn at(port: &str, binding: &Binding) -> String {
    format!("{}:{}->{port}", binding.host_ip, binding.host_port)
}

fn sorted(lines: impl Iterator<Item = String>) -> String {
    let lines: BTreeSet<String> = lines.collect();
    let lines: Vec<String> = lines.into_iter().collect();
    format!("[{}]", lines.join(", "))
}

fn mounts(whole: &Model, model: &ServiceModel, container: &Container) -> Vec<String> {
    let expected = whole.mounts_of(model);
    let found: BTreeMap<&str, &str> = container
        .mounts
        .iter()
        .map(|mount| {
            let source = if mount.kind == "volume" {
                &mount.name
            } else {
                &mount.source
            };
            (mount.destination.as_str(), source.as_str())
        })
        .collect();
    let wrong = expected
        .iter()
        .filter_map(|(target, source)| match found.get(target.as_str()) {
            None => Some(format!("{source} is not mounted at {target}")),
            Some(found) if found != source => Some(format!(
                "{found} is mounted at {target}, the file says {source}"
            )),
            Some(_) => None,
        });
    let more = found.iter().filter_map(|(target, source)| {
        let known = expected.contains_key(*target);
        (!known).then(|| format!("{source} is mounted at {target}, which the file does not say"))
    });
    wrong.chain(more).collect()
}

/// Names alone: a value may be a secret.
fn environment(model: &ServiceModel, container: &Container, image: &ImageDefaults) -> Vec<String> {
    let split = |line: &String| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        (name.to_owned(), value.to_owned())
    };
    let mut expected: BTreeMap<String, String> = image.env.iter().map(split).collect();
    for (name, value) in model.environment() {
        expected.insert(name.to_owned(), value);
    }
    let found: BTreeMap<String, String> = container.config.env.iter().map(split).collect();
    let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differing: Vec<&str> = names
        .into_iter()
        .filter(|name| expected.get(*name) != found.get(*name))
        .map(String::as_str)
        .collect();
    if differing.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "its environment differs from the file's: {}",
        differing.join(", ")
    )]
}

/// Whether an environment's network is as its file says: whose, closed to the outside, of which
/// families.
pub(crate) fn network(deployment: &Deployment, model: &Model, census: &Census) -> Option<Finding> {
    let found = census.network(deployment)?;
    let mut differences = Vec::new();
    for (name, expected) in deployment.labels() {
        let label = found.label(name);
        if label != Some(&expected) {
            differences.push(format!("its label {name} is {label:?}, not {expected:?}"));
        }
    }
    let (other, claim) = another_project(deployment, found.label(PROJECT));
    differences.extend(claim);
    if let Some(known) = model.network(&found.name) {
        if known.internal && !found.internal {
            differences.push("it is not internal, the file says it is".to_owned());
        }
        if found.v6 && known.enable_ipv6 != Some(true) {
            differences.push("it has IPv6, the file does not say so".to_owned());
        }
        if found.driver != "bridge" {
            differences.push(format!("its driver is {}", found.driver));
        }
    } else {
        differences.push("the file has no network of that name".to_owned());
    }
    let environment = deployment.environment();
    let name = quoted(&found.name);
    (!differences.is_empty()).then(|| {
        Finding::new(E1, &joined(environment, other), &found.name)
            .evidence(differences.join("; "))
            .reproduce(format!("docker network inspect {name}"))
            .fix(format!(
                "cargo xtask{0} down {environment}; docker network rm {name}; cargo xtask{0} up {environment}",
                instance_option(deployment)
            ))
    })
}
