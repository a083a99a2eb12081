//! The engine's own commands: what there is, and what is done to it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::compose::{Project, Step};
use crate::model::{Container, State, Volume};
use crate::{Answer, Fake, Reply};

pub(crate) fn answer(fake: &Fake, words: &[&str]) -> Answer {
    let state = fake.folder.state();
    match words {
        ["context", "show"] => Ok(Reply::said("default\n")),
        ["info", "--format", "{{json .}}"] => {
            let info =
                json!({ "ID": state.engine, "ServerVersion": "26.1.5", "Driver": "overlay2" });
            Ok(Reply::said(format!("{info}\n")))
        }
        ["events", "--since", "1", "--until", "0s", filters @ ..] => {
            let asked = |id: &str| filters.contains(&format!("--filter=container={id}").as_str());
            let events = state.freezes.iter().filter(|(_, id)| asked(id));
            let lines = events.map(|(moment, id)| format!("{moment} {id}\n"));
            Ok(Reply::said(lines.collect::<String>()))
        }
        ["events", "--since", ..] => {
            let events = state.network_events.iter();
            Ok(Reply::said(
                events.map(|line| format!("{line}\n")).collect::<String>(),
            ))
        }
        ["container", "inspect", names @ ..] => Ok(inspected(names, |name| {
            let name = state.container_of(name).ok_or_else(|| no_container(name))?;
            Ok(container(&state, &name, &state.containers[&name]))
        })),
        ["volume", "inspect", names @ ..] => Ok(inspected(names, |name| {
            let volume = state.volumes.get(name).ok_or_else(|| no_volume(name))?;
            Ok(json!({
                "CreatedAt": volume.created_at, "Driver": "local", "Labels": labels(&volume.labels),
                "Mountpoint": format!("/var/lib/docker/volumes/{name}/_data"),
                "Name": name, "Options": null, "Scope": "local",
            }))
        })),
        ["image", "inspect", ids @ ..] if ids.iter().all(|id| id.starts_with("sha256:")) => {
            Ok(inspected(ids, |id| {
                Ok(json!({ "Id": id, "Config": { "Env": null, "Cmd": null, "Entrypoint": null } }))
            }))
        }
        ["container", "ls", "--all", "--no-trunc", "--quiet"] => {
            let ids = state.containers.values().map(|one| format!("{}\n", one.id));
            Ok(Reply::said(ids.collect::<String>()))
        }
        ["network", "ls", "--no-trunc", "--quiet", filters @ ..] => {
            let found = state.networks.iter();
            let found = found.filter(|(_, one)| carries(&one.labels, filters));
            let names = found.map(|(name, _)| format!("{name}\n"));
            Ok(Reply::said(names.collect::<String>()))
        }
        ["system", "df", "--verbose", "--format", "{{json .Volumes}}"] => {
            let size = |volume: &Volume| match &volume.graph {
                Some(graph) => format!("{}.5MB", graph.nodes),
                None => format!("{}kB", volume.keys),
            };
            let volumes = state.volumes.iter();
            let sizes = volumes.map(|(name, one)| json!({ "Name": name, "Size": size(one) }));
            Ok(Reply::said(format!("{}\n", sizes.collect::<Value>())))
        }
        ["network", "inspect", names @ ..] => Ok(inspected(names, |name| {
            let network = state.networks.get(name).ok_or_else(|| no_network(name))?;
            Ok(json!({
                "Name": name, "Id": network.id, "Driver": "bridge", "Labels": network.labels,
                "Internal": false, "EnableIPv6": false, "IPAM": { "Config": [{ "Gateway": "10.255.0.1" }] },
                "Containers": on(&state, name),
            }))
        })),
        ["image", "inspect", .., image] => Ok(Reply {
            code: 1,
            stdout: "[]\n".to_owned(),
            stderr: format!("Error response from daemon: No such image: {image}\n"),
        }),
        ["ps", "--filter", filter, "--format", "{{.ID}} {{.Names}}"] => {
            let volume = filter.strip_prefix("volume=").unwrap_or_default();
            let runs = |(_, name): &(String, String)| {
                matches!(state.containers[name].status.as_str(), "running" | "paused")
            };
            let users = state.users_of(volume).into_iter().filter(runs);
            let line = |(id, name): (String, String)| format!("{} {name}\n", &id[..12]);
            Ok(Reply::said(users.map(line).collect::<String>()))
        }
        [
            "ps",
            "--all",
            "--filter",
            filter,
            "--format",
            "{{.ID}} {{.Names}}",
        ] => {
            let volume = filter.strip_prefix("volume=").unwrap_or_default();
            let users = state.users_of(volume).into_iter();
            let line = |(id, name): (String, String)| format!("{} {name}\n", &id[..12]);
            Ok(Reply::said(users.map(line).collect::<String>()))
        }
        ["volume", "ls", "--filter", filter, "--format", format] => {
            let label = filter.strip_prefix("label=").unwrap_or_default();
            if *format != format!("{{{{.Label {label:?}}}}}") {
                return Err(fake.unknown(format));
            }
            let values = state.volumes.values();
            let values = values.filter_map(|volume| volume.labels.get(label));
            Ok(Reply::said(
                values.map(|value| format!("{value}\n")).collect::<String>(),
            ))
        }
        ["ps", "--all", "--no-trunc", "--quiet", filters @ ..] => {
            let found = state.containers.values();
            let found = found.filter(|one| carries(&one.labels, filters));
            Ok(Reply::said(
                found.map(|one| format!("{}\n", one.id)).collect::<String>(),
            ))
        }
        ["volume", "ls", "--quiet", filters @ ..] => {
            let found = state.volumes.iter();
            let found = found.filter(|(_, one)| carries(&one.labels, filters));
            Ok(Reply::said(
                found
                    .map(|(name, _)| format!("{name}\n"))
                    .collect::<String>(),
            ))
        }
        ["pause", ids @ ..] => pause(fake, &state, ids),
        ["stop", "--time", _, id] => stop(fake, &state, &[id]),
        ["rm", "--force", "--volumes", ids @ ..] => remove(fake, &state, ids),
        ["volume", "create", rest @ ..] => create_volume(fake, rest),
        ["kill", ids @ ..] => kill(fake, &state, ids),
        ["stop", ids @ ..] => stop(fake, &state, ids),
        ["unpause", ids @ ..] => unpause(fake, &state, ids),
        ["rm", "--force", ids @ ..] => remove(fake, &state, ids),
        ["network", "rm", id] => remove_network(fake, &state, id),
        ["volume", "rm", names @ ..] => remove_volumes(fake, names),
        ["logs", "--tail", _, .., id] => match state.container_of(id) {
            None => Ok(Reply::failed(1, no_container(id))),
            Some(name) => Ok(Reply::said(log(&state.containers[&name]))),
        },
        [
            "compose",
            "--ansi",
            "never",
            "--project-name",
            project,
            "--file",
            file,
            verb @ ..,
        ] if matches!(verb, ["up", "--detach"] | ["create"]) => {
            up(fake, project, Path::new(file), verb == ["up", "--detach"])
        }
        _ => Err(fake.unknown(&words.join(" "))),
    }
}

fn log(container: &Container) -> String {
    let lines = container.fate.log.iter();
    lines.map(|line| format!("{line}\n")).collect()
}

/// A list of what is there, a line on stderr for what is not, and exit 1 if anything is not.
fn inspected(names: &[&str], one: impl Fn(&str) -> Result<Value, String>) -> Reply {
    let mut found = Vec::new();
    let mut stderr = String::new();
    for name in names {
        match one(name) {
            Ok(value) => found.push(value),
            Err(line) => stderr.push_str(&line),
        }
    }
    Reply {
        code: u8::from(!stderr.is_empty()),
        stdout: format!("{}\n", Value::from(found)),
        stderr,
    }
}

/// An address that no other container's name gives, by luck of the tests' few names.
pub(crate) fn address(name: &str) -> String {
    let hash = name.bytes().fold(7_u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    format!("10.{}.{}.{}", hash >> 16 & 255, hash >> 8 & 255, hash & 255)
}

fn container(state: &State, name: &str, container: &Container) -> Value {
    let network = container.network();
    let network_id = state.networks.get(&network).map(|one| one.id.as_str());
    let running = container.status == "running";
    let health = match (&container.fate.sick, running) {
        (None, true) => "healthy",
        _ => "unhealthy",
    };
    let mount = |(folder, volume): (&String, &String)| json!({ "Type": "volume", "Name": volume, "Destination": folder, "RW": true, "Source": format!("/var/lib/docker/volumes/{volume}/_data") });
    let bindings: serde_json::Map<String, Value> = container
        .ports
        .iter()
        .map(|(inside, host)| {
            let binding = json!([{ "HostIp": "127.0.0.1", "HostPort": host }]);
            (format!("{inside}/tcp"), binding)
        })
        .collect();
    json!({
        "Id": container.id, "Name": format!("/{name}"), "Image": "sha256:1",
        "Created": container.started_at,
        "State": {
            "Status": container.status, "Running": running, "Paused": container.status == "paused",
            "OOMKilled": container.fate.out_of_memory && !running,
            "ExitCode": container.fate.ends_with.unwrap_or_default(),
            "StartedAt": container.started_at, "Health": { "Status": health },
        },
        "Config": { "Image": container.image, "Labels": labels(&container.labels), "Cmd": container.command, "Env": null, "Entrypoint": null, "User": "" },
        "Mounts": container.mounts.iter().map(mount).collect::<Vec<_>>(),
        "HostConfig": {
            "PortBindings": bindings, "NetworkMode": network, "PidMode": "", "IpcMode": "private",
            "UTSMode": "", "UsernsMode": "", "Privileged": false, "CapAdd": null, "SecurityOpt": null,
            "Devices": null, "DeviceCgroupRules": null, "VolumesFrom": null, "Links": null,
            "RestartPolicy": { "Name": "no" }, "Memory": 0,
        },
        "NetworkSettings": {
            "Ports": bindings,
            "Networks": {
                &network: { "NetworkID": network_id, "IPAddress": address(name), "GlobalIPv6Address": "" },
            },
        },
    })
}

/// An object without labels has none, not an empty map of them.
fn labels(labels: &BTreeMap<String, String>) -> Value {
    if labels.is_empty() {
        Value::Null
    } else {
        json!(labels)
    }
}

fn no_container(name: &str) -> String {
    format!("Error response from daemon: No such container: {name}\n")
}

fn no_volume(name: &str) -> String {
    format!("Error response from daemon: get {name}: no such volume\n")
}

fn no_network(name: &str) -> String {
    format!("Error response from daemon: network {name} not found\n")
}

/// One container after the other; each complaint is a line, and exit 1.
fn each(
    fake: &Fake,
    state: &State,
    ids: &[&str],
    absent: impl Fn(&str) -> String,
    refusal: impl Fn(&str, &Container) -> Option<String>,
    change: impl Fn(&mut State, &str),
) -> Answer {
    let mut reply = Reply::default();
    for id in ids {
        let Some(name) = state.container_of(id) else {
            reply.stderr.push_str(&absent(id));
            continue;
        };
        match refusal(id, &state.containers[&name]) {
            Some(line) => reply.stderr.push_str(&line),
            None => {
                fake.change(&format!("container {name}"), |state| change(state, &name))?;
                reply.stdout.push_str(&format!("{id}\n"));
            }
        }
    }
    reply.code = u8::from(!reply.stderr.is_empty());
    Ok(reply)
}

fn set_status(state: &mut State, name: &str, status: &str) {
    if let Some(container) = state.containers.get_mut(name) {
        status.clone_into(&mut container.status);
    }
}

fn kill(fake: &Fake, state: &State, ids: &[&str]) -> Answer {
    let absent = |id: &str| {
        format!(
            "Error response from daemon: cannot kill container: {id}: No such container: {id}\n"
        )
    };
    let refusal = |id: &str, container: &Container| {
        let runs = matches!(container.status.as_str(), "running" | "paused");
        let line = || {
            format!(
                "Error response from daemon: cannot kill container: {id}: container {} is not running\n",
                container.id
            )
        };
        (!runs).then(line)
    };
    each(fake, state, ids, absent, refusal, |state, name| {
        set_status(state, name, "exited");
    })
}

fn stop(fake: &Fake, state: &State, ids: &[&str]) -> Answer {
    each(
        fake,
        state,
        ids,
        no_container,
        |_, _| None,
        |state, name| {
            set_status(state, name, "exited");
        },
    )
}

/// Whether labels pass all filters, `label=NAME` or `label=NAME=VALUE`.
fn carries(labels: &BTreeMap<String, String>, filters: &[&str]) -> bool {
    let wanted = filters
        .iter()
        .filter_map(|word| word.strip_prefix("label="));
    let mut wanted = wanted.map(|label| match label.split_once('=') {
        Some((name, value)) => labels.get(name).is_some_and(|there| there == value),
        None => labels.contains_key(label),
    });
    wanted.all(|carried| carried)
}

fn pause(fake: &Fake, state: &State, ids: &[&str]) -> Answer {
    let refusal = |_: &str, container: &Container| {
        let line = || {
            format!(
                "Error response from daemon: container {} is not running\n",
                container.id
            )
        };
        (container.status != "running").then(line)
    };
    each(fake, state, ids, no_container, refusal, |state, name| {
        set_status(state, name, "paused");
        // The engine tells of it afterwards.
        let moment = state.moment();
        if let Some(container) = state.containers.get(name) {
            state.freezes.insert(moment, container.id.clone());
        }
    })
}

fn unpause(fake: &Fake, state: &State, ids: &[&str]) -> Answer {
    let refusal = |_: &str, container: &Container| {
        let line = || {
            format!(
                "Error response from daemon: Container {} is not paused\n",
                container.id
            )
        };
        (container.status != "paused").then(line)
    };
    each(fake, state, ids, no_container, refusal, |state, name| {
        set_status(state, name, "running");
    })
}

/// With --force a container that is not there is a line on stderr, but no failure.
fn remove(fake: &Fake, state: &State, ids: &[&str]) -> Answer {
    let reply = each(
        fake,
        state,
        ids,
        no_container,
        |_, _| None,
        |state, name| {
            state.containers.remove(name);
        },
    )?;
    Ok(Reply { code: 0, ..reply })
}

/// The containers that have an address on a network: id and name.
fn on(state: &State, network: &str) -> BTreeMap<String, Value> {
    let on_it = |one: &Container| one.network() == network && one.status == "running";
    let all = state.containers.iter().filter(|(_, one)| on_it(one));
    all.map(|(name, one)| (one.id.clone(), json!({ "Name": name })))
        .collect()
}

fn remove_network(fake: &Fake, state: &State, id: &str) -> Answer {
    let named = |(name, network): (&String, &crate::model::Network)| {
        (network.id == *id || name == id).then(|| name.clone())
    };
    let Some(name) = state.networks.iter().find_map(named) else {
        return Ok(Reply::failed(
            1,
            format!("{}exit status 1\n", no_network(id)),
        ));
    };
    if !on(state, &name).is_empty() {
        let line = format!(
            "Error response from daemon: error while removing network: network {name} id {id} has active endpoints\nexit status 1\n"
        );
        return Ok(Reply::failed(1, line));
    }
    fake.change(&format!("network {name}"), |state| {
        state.networks.remove(&name)
    })?;
    Ok(Reply::said(format!("{id}\n")))
}

fn remove_volumes(fake: &Fake, names: &[&str]) -> Answer {
    let mut reply = Reply::default();
    for name in names {
        let state = fake.folder.state();
        if !state.volumes.contains_key(*name) {
            reply.stderr.push_str(&no_volume(name));
            continue;
        }
        if let Some((user, _)) = state.users_of(name).first() {
            let line =
                format!("Error response from daemon: remove {name}: volume is in use - [{user}]\n");
            reply.stderr.push_str(&line);
            continue;
        }
        fake.change(&format!("volume {name}"), |state| {
            state.volumes.remove(*name)
        })?;
        reply.stdout.push_str(&format!("{name}\n"));
    }
    reply.code = u8::from(!reply.stderr.is_empty());
    Ok(reply)
}

fn create_volume(fake: &Fake, words: &[&str]) -> Answer {
    let [given @ .., name] = words else {
        return Err(fake.unknown("volume create without a name"));
    };
    let mut labels = BTreeMap::new();
    for word in given {
        let Some((label, value)) = word
            .strip_prefix("--label=")
            .and_then(|word| word.split_once('='))
        else {
            return Err(fake.unknown(word));
        };
        labels.insert(label.to_owned(), value.to_owned());
    }
    fake.change(&format!("volume {name}"), |state| {
        let created_at = state.moment();
        // One that is there stays as it is, and that is no failure.
        state.volumes.entry((*name).to_owned()).or_insert(Volume {
            created_at,
            labels,
            ..Volume::default()
        });
    })?;
    Ok(Reply::said(format!("{name}\n")))
}

/// `up`, or what of it comes before anything is started.
fn up(fake: &Fake, project: &str, file: &Path, starts: bool) -> Answer {
    let project = Project::read(project, file, &|name| std::env::var(name).ok());
    let mut started = BTreeSet::new();
    loop {
        let step = match project.next(&fake.folder.state(), &started) {
            Ok(Some(Step::Start(_)) | None) if !starts => return Ok(Reply::default()),
            Ok(Some(step)) => step,
            Ok(None) => return Ok(Reply::default()),
            Err(line) => return Ok(Reply::failed(1, format!("{line}\n"))),
        };
        fake.change(&project.subject(&step), |state| project.apply(state, &step))?;
        if let Step::Start(index) = step {
            started.insert(index);
        }
    }
}
