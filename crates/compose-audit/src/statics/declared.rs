//! Whether what a declaration names is there. Pure.

use crate::shared::{Declaration, Kind};
use crate::statics::side::Side;
use crate::statics::{mounts, names, ports};

/// Whether the environment has what the declaration names.
pub(crate) fn exists(side: &Side, declaration: &Declaration) -> bool {
    let name = &declaration.name;
    match declaration.kind {
        Kind::Volume => volume(side, name),
        Kind::Network => names::has_network(side, name),
        Kind::Port => ports::has(side, name),
        Kind::Bind => mounts::paths(&side.model).contains(name),
        Kind::External => {
            // What a service is joined to by name, or `host`, is outside of the file as well.
            volume(side, name) || names::has_network(side, name) || mentioned(side, name)
        }
    }
}

fn volume(side: &Side, name: &str) -> bool {
    let mut keys = side.model.volumes.keys();
    keys.any(|key| side.model.volume_name(key).as_deref() == Some(name))
}

fn mentioned(side: &Side, name: &str) -> bool {
    let mut sources = side
        .model
        .secrets
        .iter()
        .chain(&side.model.configs)
        .filter(|(_, source)| source.external);
    let named = sources.any(|(key, source)| source.name.as_ref().unwrap_or(key) == name);
    named
        || side.model.services.values().any(|service| {
            let spaces = [
                &service.network_mode,
                &service.pid,
                &service.ipc,
                &service.cgroup,
            ];
            let mut spaces = spaces.into_iter().flatten();
            let containers = service.volumes_from.iter().chain(&service.external_links);
            let mut containers = containers.flat_map(|text| text.split(':'));
            spaces.any(|space| space.split(':').next_back() == Some(name))
                || containers.any(|container| container == name)
        })
}
