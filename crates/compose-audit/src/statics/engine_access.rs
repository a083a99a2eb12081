//! E7 and E8, as far as files show them: namespaces of the host, and containers that can drive the
//! engine and so reach every environment.
//!
//! Pure.

use std::path::Path;

use crate::fault::{self, Fault};
use crate::finding::Finding;
use crate::shared::Kind;
use crate::statics::model::Service;
use crate::statics::side::Side;
use process::printable;

/// Where engines listen. A folder above one of them is as good as the socket.
const SOCKETS: [&str; 7] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/user/0/docker.sock",
];

/// Where engines keep every container's and volume's files.
const STORES: [&str; 3] = [
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
];

/// Capabilities by which a container gets out of its own namespaces.
const CAPABILITIES: [&str; 5] = [
    "ALL",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_RAWIO",
    "DAC_READ_SEARCH",
];

/// Whether a path is an engine's socket.
pub(crate) fn is_socket(path: &Path) -> bool {
    let known = SOCKETS.iter().any(|socket| path == Path::new(socket));
    let name = path.file_name().and_then(|name| name.to_str());
    let names = ["docker.sock", "containerd.sock", "podman.sock", "crio.sock"];
    known || name.is_some_and(|name| names.contains(&name))
}

/// E7 and E8 of one environment.
pub(crate) fn reaching_out(side: &Side) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        let declared = |kind: Kind| side.shared.owned(&[kind, Kind::External], "host");
        let mut spaces = Vec::new();
        let mut networks = service.networks.keys();
        let on_host = networks.any(|key| side.model.network_name(key).as_deref() == Some("host"));
        let mode = service.network_mode.as_deref() == Some("host");
        if (mode || on_host) && !declared(Kind::Network) {
            spaces.push("network_mode");
        }
        for (space, value) in [
            ("pid", &service.pid),
            ("ipc", &service.ipc),
            ("uts", &service.uts),
            ("userns_mode", &service.userns_mode),
            ("cgroup", &service.cgroup),
        ] {
            // The last two alone let nobody in.
            let matters = !["userns_mode", "uts"].contains(&space);
            if matters && value.as_deref() == Some("host") && !declared(Kind::External) {
                spaces.push(space);
            }
        }
        for space in spaces {
            findings.push(
                finding(side, fault::E7, name, &format!("has the host's own {space}"))
                    .reproduce(side.grep(&format!("\"{space}\": \"host\"")))
                    .fix(format!(
                        "leave {space} out; a service that needs it is declared: {{kind: external, name: host, with: [{}], reason: …}}",
                        side.name
                    )),
            );
        }
        for (what, needle) in drives(side, service) {
            findings.push(
                finding(side, fault::E8, name, &what)
                    .reproduce(side.grep(&needle))
                    .fix("take it away; a proxy that passes on a few requests of the engine's does for most tools"),
            );
        }
    }
    findings
}

fn finding(side: &Side, fault: Fault, service: &str, what: &str) -> Finding {
    Finding::new(fault, &[&side.name], service).evidence(format!(
        "{service} {what}: whoever is in it can reach every other environment on this engine"
    ))
}

/// By what a service can drive the engine, and the text that shows it.
fn drives(side: &Side, service: &Service) -> Vec<(String, String)> {
    let mut ways = Vec::new();
    if service.privileged {
        ways.push((
            "is privileged".to_owned(),
            "\"privileged\": true".to_owned(),
        ));
    }
    if service.use_api_socket {
        let way = "is given the engine's socket".to_owned();
        ways.push((way, "\"use_api_socket\"".to_owned()));
    }
    for mount in service.volumes.iter().filter(|mount| mount.kind == "bind") {
        let Some(source) = &mount.source else {
            continue;
        };
        let real = side.real(source);
        let written = Path::new(source);
        // `/` or `/var` as well, and whatever lies in the engine's own store.
        let above = |known: &str| {
            Path::new(known).starts_with(&real) || Path::new(known).starts_with(written)
        };
        let inside = |store: &str| real.starts_with(store) || above(store);
        if is_socket(&real)
            || is_socket(written)
            || SOCKETS.iter().any(|socket| above(socket))
            || STORES.iter().any(|store| inside(store))
        {
            ways.push((format!("has {}", printable(source)), source.clone()));
        }
    }
    for capability in &service.cap_add {
        let bare = capability.to_ascii_uppercase();
        let bare = bare.strip_prefix("CAP_").unwrap_or(&bare).to_owned();
        if CAPABILITIES.contains(&bare.as_str()) {
            ways.push((format!("has the capability {bare}"), capability.clone()));
        }
    }
    for option in &service.security_opt {
        if ["systempaths=unconfined", "systempaths:unconfined"].contains(&option.as_str()) {
            let way = "may write the kernel's own settings".to_owned();
            ways.push((way, option.clone()));
        }
    }
    let host = service.environment.get("DOCKER_HOST");
    if let Some(host) = host
        .and_then(Option::as_ref)
        .filter(|host| !host.0.is_empty())
    {
        let way = format!("is told of an engine at {}", printable(&host.0));
        ways.push((way, "\"DOCKER_HOST\"".to_owned()));
    }
    ways
}
