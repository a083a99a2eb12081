//! S12: what the shell's variables and `.env` change. Pure.

use std::collections::BTreeMap;

use crate::fault;
use crate::finding::Finding;
use crate::statics::model::Model;
use crate::statics::names;
use crate::statics::side::Side;
use process::printable;

/// S12: names, volumes, networks and ports that are others in the dirty model.
pub(crate) fn bleeding(side: &Side, dirty: &Model) -> Vec<Finding> {
    let clean = traits(&side.model);
    let mut dirty_traits = traits(dirty);
    let mut changed: Vec<(String, String, String)> = Vec::new();
    for (what, value) in clean {
        let now = dirty_traits.remove(&what).unwrap_or_default();
        if now != value && !follows(&side.model, dirty, &what, &value, &now) {
            changed.push((what, value, now));
        }
    }
    for (what, now) in dirty_traits {
        changed.push((what, String::new(), now));
    }
    changed
        .into_iter()
        .map(|(what, value, now)| {
            let named = |text: &str| {
                if text.is_empty() {
                    "nothing".to_owned()
                } else {
                    printable(text)
                }
            };
            finding(side, &what).evidence(format!(
                "{} without the shell's variables and .env, {} with them",
                named(&value),
                named(&now)
            ))
        })
        .collect()
}

/// S12: files that render only without, or only with, the shell's variables.
pub(crate) fn one_way(side: &Side, said: &str, without: bool) -> Finding {
    let (fails, way) = if without {
        ("without", "with")
    } else {
        ("with", "without")
    };
    finding(side, "rendering").evidence(format!(
        "rendered {way} the shell's variables and .env it is a project, {fails} them it is none: {said}"
    ))
}

fn finding(side: &Side, what: &str) -> Finding {
    let clean = side
        .config()
        .replacen("docker compose", "docker compose --env-file /dev/null", 1);
    Finding::new(fault::S12, &[&side.name], what)
        .reproduce(format!(
            "diff <(env -i PATH=\"$PATH\" HOME=\"$HOME\" {clean}) <({})",
            side.config()
        ))
        .fix("write it literally, or make the file require it (${NAME:?}) and give it in .env; unset COMPOSE_PROJECT_NAME")
}

/// A name that Compose makes from the project's name changes with it: that is said once.
fn follows(clean: &Model, dirty: &Model, what: &str, value: &str, now: &str) -> bool {
    let Some((_, key)) = what.split_once(' ') else {
        return false;
    };
    clean.name != dirty.name
        && value == format!("{}_{key}", clean.name)
        && now == format!("{}_{key}", dirty.name)
}

/// What must not depend on the shell, by what it is.
fn traits(model: &Model) -> BTreeMap<String, String> {
    let mut traits = BTreeMap::new();
    traits.insert("project".to_owned(), model.name.clone());
    for key in model.volumes.keys() {
        let mut said = model.volume_name(key).unwrap_or_default();
        if let Some(store) = names::described(&model.volumes[key]) {
            said = format!("{said} at {store}");
        }
        traits.insert(format!("volume {key}"), said);
    }
    for (key, network) in &model.networks {
        let mut said = model.network_name(key).unwrap_or_default();
        for subnet in network.subnets() {
            said = format!("{said} {subnet}");
        }
        traits.insert(format!("network {key}"), said);
    }
    for (key, service) in &model.services {
        if let Some(name) = &service.container_name {
            traits.insert(format!("container_name of {key}"), name.clone());
        }
        if let Some(mode) = &service.network_mode {
            traits.insert(format!("network_mode of {key}"), mode.clone());
        }
        let ports = service.ports.iter().map(|port| {
            let text = |scalar: Option<&crate::statics::model::Scalar>| {
                scalar.map(|scalar| scalar.0.clone()).unwrap_or_default()
            };
            format!(
                "{}:{}:{}/{}",
                port.host_ip.as_deref().unwrap_or_default(),
                text(port.published.as_ref()),
                text(port.target.as_ref()),
                port.protocol.as_deref().unwrap_or("tcp")
            )
        });
        let ports: Vec<String> = ports.collect();
        if !ports.is_empty() {
            traits.insert(format!("ports of {key}"), ports.join(" "));
        }
        let mounts = service.volumes.iter().map(|mount| {
            format!(
                "{}:{}",
                mount.source.as_deref().unwrap_or_default(),
                mount.target.as_deref().unwrap_or_default()
            )
        });
        let mounts: Vec<String> = mounts.collect();
        if !mounts.is_empty() {
            traits.insert(format!("mounts of {key}"), mounts.join(" "));
        }
    }
    traits
}
