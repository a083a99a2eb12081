//! What an environment's container may do beyond itself: the host's namespaces, the engine, other
//! containers' namespaces. Pure.

use std::path::Path;

use compose_audit::fault::{E7, E8, E11, Fault};
use compose_audit::finding::Finding;
use compose_audit::shared::Kind;
use environments::Environment;
use process::quoted;

use crate::isolation::census::Container;
use crate::isolation::engine::standing::{Evidence, names};

pub(crate) fn judge(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for container in &evidence.census.containers {
        let environment = evidence.standing(container).environment();
        if let Some(environment) =
            environment.filter(|environment| evidence.site(*environment).is_some())
        {
            findings.extend(of_host(evidence, environment, container));
            findings.extend(of_engine(environment, container));
        }
        findings.extend(of_another(evidence, environment, container));
    }
    findings
}

/// E7.
fn of_host(
    evidence: &Evidence<'_>,
    environment: Environment,
    container: &Container,
) -> Option<Finding> {
    let host = &container.host_config;
    let declared = |name: &str| {
        let model = evidence.model(environment);
        model.is_some_and(|model| model.shared().owned(&[Kind::Network, Kind::External], name))
    };
    let shared: Vec<&str> = [
        ("network", &host.network_mode),
        ("pid", &host.pid_mode),
        ("ipc", &host.ipc_mode),
        ("uts", &host.uts_mode),
        ("user", &host.userns_mode),
    ]
    .into_iter()
    .filter(|(_, mode)| *mode == "host")
    .map(|(kind, _)| kind)
    .filter(|kind| !(*kind == "network" && declared("host")))
    .collect();
    let name = quoted(container.name());
    (!shared.is_empty()).then(|| {
        Finding::new(E7, &[environment.slug()], container.name())
            .evidence(format!(
                "it is in the host's own namespace: {}",
                shared.join(", ")
            ))
            .reproduce(format!(
                "docker container inspect --format '{{{{.HostConfig.NetworkMode}}}} {{{{.HostConfig.PidMode}}}} {{{{.HostConfig.IpcMode}}}} {{{{.HostConfig.UTSMode}}}}' {name}"
            ))
            .fix(format!(
                "take {}: host out of what starts it, then docker rm --force {name}",
                shared.join(", ")
            ))
    })
}

/// Capabilities by which a container gets out of itself; Docker's own defaults are not among them.
const CAPABILITIES: [&str; 11] = [
    "ALL",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_BOOT",
    "DAC_READ_SEARCH",
    "NET_ADMIN",
    "BPF",
    "PERFMON",
    "MAC_ADMIN",
];

/// E8.
fn of_engine(environment: Environment, container: &Container) -> Option<Finding> {
    let host = &container.host_config;
    let mut ways = Vec::new();
    if host.privileged {
        ways.push("it is privileged".to_owned());
    }
    for capability in &host.cap_add {
        let plain = capability.trim_start_matches("CAP_").to_uppercase();
        if CAPABILITIES.contains(&plain.as_str()) {
            ways.push(format!("it has the capability {plain}"));
        }
    }
    for option in &host.security_opt {
        if option.ends_with("unconfined") || option == "label=disable" || option == "label:disable"
        {
            ways.push(format!("its security option is {option}"));
        }
    }
    // Docker keeps `systempaths=unconfined` as an empty list, and not among the options.
    if host.readonly_paths.as_ref().is_some_and(Vec::is_empty) {
        ways.push("it may write the kernel's own settings (systempaths=unconfined)".to_owned());
    }
    for device in &host.devices {
        ways.push(format!("it has the host's device {}", device.path_on_host));
    }
    if !host.device_cgroup_rules.is_empty() {
        ways.push(format!(
            "it may use devices: {}",
            host.device_cgroup_rules.join(", ")
        ));
    }
    for mount in container.mounts.iter().filter(|mount| mount.kind == "bind") {
        if opens_the_host(&mount.source) || opens_the_host(&mount.real) {
            ways.push(format!(
                "it mounts the host's {} at {}",
                mount.source, mount.destination
            ));
        }
    }
    let name = quoted(container.name());
    (!ways.is_empty()).then(|| {
        Finding::new(E8, &[environment.slug()], container.name())
            .evidence(ways.join("; "))
            .reproduce(format!(
                "docker container inspect --format '{{{{json .HostConfig}}}} {{{{json .Mounts}}}}' {name}"
            ))
            .fix(format!(
                "take it out of what starts it, then docker rm --force {name}"
            ))
    })
}

/// Folders that hold the engine's socket, its data, or what the kernel shows of the host: they and
/// whatever is around them. `/dev/null` and its like, and a file below /etc, are none.
fn opens_the_host(source: &str) -> bool {
    const AROUND: [&str; 8] = [
        "/run",
        "/var/run",
        "/var/lib/docker",
        "/var/lib/containerd",
        "/proc",
        "/sys",
        "/dev",
        "/etc/docker",
    ];
    const BELOW: [&str; 6] = [
        "/var/lib/docker",
        "/var/lib/containerd",
        "/proc",
        "/sys",
        "/run/docker",
        "/run/containerd",
    ];
    let path = Path::new(source);
    let socket = path
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| {
            ["docker", "containerd", "podman", "crio"]
                .iter()
                .any(|engine| name.starts_with(engine) && name.ends_with(".sock"))
        });
    socket
        || AROUND
            .iter()
            .any(|sacred| Path::new(sacred).starts_with(path))
        || BELOW.iter().any(|sacred| path.starts_with(sacred))
}

/// E11: a container that lives in the namespace of an environment's container, or is linked to it,
/// and is not of that environment.
fn of_another(
    evidence: &Evidence<'_>,
    environment: Option<Environment>,
    container: &Container,
) -> Vec<Finding> {
    let host = &container.host_config;
    let mut findings = Vec::new();
    let modes = [
        ("network", &host.network_mode),
        ("pid", &host.pid_mode),
        ("ipc", &host.ipc_mode),
    ];
    let joined = modes.into_iter().filter_map(|(kind, mode)| {
        let target = mode.strip_prefix("container:")?;
        Some((format!("the {kind} namespace"), target))
    });
    let linked = host.links.iter().filter_map(|link| {
        let target = link.split(':').next()?.trim_start_matches('/');
        Some(("a link".to_owned(), target))
    });
    for (what, target) in joined.chain(linked) {
        let whose = evidence.census.containers.iter().find(|other| {
            other.name() == target || target.len() >= 12 && other.id.starts_with(target)
        });
        let Some(whose) = whose else { continue };
        let owner = evidence.standing(whose).known();
        let known = evidence.standing(container).known();
        let concerned = [owner, environment];
        let in_scope = concerned
            .iter()
            .flatten()
            .any(|environment| evidence.site(*environment).is_some());
        if owner == known || !in_scope {
            continue;
        }
        findings.push(another(E11, container, whose, &what, &concerned));
    }
    findings
}

fn another(
    fault: Fault,
    container: &Container,
    whose: &Container,
    what: &str,
    concerned: &[Option<Environment>],
) -> Finding {
    let name = quoted(container.name());
    Finding::new(
        fault,
        &names(concerned.iter().copied().flatten()),
        format!("{} in {}", whose.name(), container.name()),
    )
    .evidence(format!(
        "{} has {what} of {}",
        container.name(),
        whose.name()
    ))
    .reproduce(format!(
        "docker container inspect --format '{{{{.HostConfig.NetworkMode}}}} {{{{.HostConfig.PidMode}}}} {{{{.HostConfig.IpcMode}}}} {{{{.HostConfig.Links}}}}' {name}"
    ))
    .fix(format!("docker rm --force {name}"))
}
