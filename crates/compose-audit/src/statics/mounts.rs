//! S7 and S17: folders of the host that two environments have, and secret or configuration files
//! that lie where another environment can read or replace them.
//!
//! Pure: where a path leads to has been looked up.

use std::path::{Path, PathBuf};

use crate::fault;
use crate::finding::Finding;
use crate::shared::Kind;
use crate::statics::engine_access;
use crate::statics::model::{Device, Model, Source};
use crate::statics::side::{Side, grep_both, nested};
use process::printable;

/// A path of the host that a container sees.
#[derive(Debug, Clone)]
struct Bind {
    /// Which service or volume has it.
    by: String,
    /// As the model has it.
    source: String,
    real: PathBuf,
    read_only: bool,
}

/// Every path of the host that a model names.
pub(crate) fn paths(model: &Model) -> Vec<String> {
    let mounts = model.services.values().flat_map(|service| &service.volumes);
    let mounts = mounts
        .filter(|mount| mount.kind == "bind")
        .filter_map(|mount| mount.source.clone());
    let volumes = model.volumes.values();
    let devices = volumes.filter_map(|volume| Some(volume.driven().path()?.to_owned()));
    let sources = model.secrets.values().chain(model.configs.values());
    let files = sources.filter_map(|source| source.file.clone());
    let services = model.services.values();
    let disks = services
        .flat_map(|service| &service.devices)
        .map(|one| one.source().to_owned());
    mounts.chain(devices).chain(files).chain(disks).collect()
}

/// Whether a device holds data: a terminal, a sound card or a processor is nobody's store.
fn disk(path: &str) -> bool {
    let disks = [
        "sd", "hd", "vd", "xvd", "nvme", "mmcblk", "mapper/", "dm-", "loop", "md", "disk/",
    ];
    let name = path.strip_prefix("/dev/");
    name.is_some_and(|name| disks.iter().any(|disk| name.starts_with(disk)))
}

fn binds(side: &Side) -> Vec<Bind> {
    let mut all = Vec::new();
    for (name, service) in &side.model.services {
        for mount in service.volumes.iter().filter(|mount| mount.kind == "bind") {
            if let Some(source) = &mount.source {
                all.push(Bind {
                    by: name.clone(),
                    source: source.clone(),
                    real: side.real(source),
                    read_only: mount.read_only,
                });
            }
        }
    }
    for (name, service) in &side.model.services {
        for source in service.devices.iter().map(Device::source) {
            if disk(source) {
                all.push(Bind {
                    by: name.clone(),
                    source: source.to_owned(),
                    real: side.real(source),
                    read_only: false,
                });
            }
        }
    }
    for (key, volume) in &side.model.volumes {
        if let Some(source) = volume.driven().path() {
            let services = side.model.services.values();
            let mut mounts = services
                .flat_map(|service| &service.volumes)
                .filter(|mount| mount.kind == "volume" && mount.source.as_deref() == Some(key))
                .peekable();
            let used = mounts.peek().is_some();
            all.push(Bind {
                by: format!("volume {key}"),
                real: side.real(source),
                source: source.to_owned(),
                read_only: used && mounts.all(|mount| mount.read_only),
            });
        }
    }
    all
}

/// How many could clash: what is read-only everywhere cannot.
pub(crate) fn count(side: &Side) -> usize {
    let comparable = |bind: &&Bind| !bind.read_only && !engine_access::is_socket(&bind.real);
    binds(side).iter().filter(comparable).count()
}

/// S7.
pub(crate) fn overlaps(one: &Side, other: &Side) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let theirs = binds(other);
    for bind in binds(one) {
        // The engine's socket is E8 for each.
        if engine_access::is_socket(&bind.real) {
            continue;
        }
        for against in &theirs {
            let harmless = bind.read_only && against.read_only;
            let declared = one.shared.with(&[Kind::Bind], &bind.source, &other.name)
                && other.shared.with(&[Kind::Bind], &against.source, &one.name);
            let seen = findings
                .iter()
                .any(|finding| finding.subject == bind.source);
            if harmless || declared || seen || !nested(&bind.real, &against.real) {
                continue;
            }
            findings.push(
                Finding::new(fault::S7, &[&one.name, &other.name], &bind.source)
                    .evidence(format!(
                        "{} of {} has {}, {} of {} has {}",
                        bind.by,
                        one.name,
                        told(&bind),
                        against.by,
                        other.name,
                        told(against)
                    ))
                    .reproduce(format!(
                        "{}; realpath -m {} {}",
                        grep_both(one, other, "\"source\""),
                        process::quoted(&printable(&bind.source)),
                        process::quoted(&printable(&against.source))
                    ))
                    .fix("give each environment a folder of its own, beside the other's; or mount it read-only in both"),
            );
        }
    }
    findings
}

/// A bind mount of one in the folder where the engine keeps a volume of the other.
pub(crate) fn into_volumes(one: &Side, other: &Side) -> Vec<Finding> {
    let keys = other.model.volumes.keys();
    let names: Vec<String> = keys
        .filter_map(|key| other.model.volume_name(key))
        .collect();
    let mut findings = Vec::new();
    for bind in binds(one) {
        let parts: Vec<&str> = bind.real.iter().filter_map(|part| part.to_str()).collect();
        let inside = parts.windows(2).find_map(|pair| match pair {
            ["volumes", name] => names.iter().find(|known| known == name),
            _ => None,
        });
        if let Some(name) = inside {
            findings.push(
                Finding::new(fault::S7, &[&one.name, &other.name], &bind.source)
                    .evidence(format!(
                        "{} of {} has {}, which is in the engine's folder of the volume {name} of {}",
                        bind.by,
                        one.name,
                        told(&bind),
                        other.name
                    ))
                    .reproduce(one.grep(&bind.source))
                    .fix("mount no folder of the engine's"),
            );
        }
    }
    findings
}

fn told(bind: &Bind) -> String {
    let source = printable(&bind.source);
    if Path::new(&bind.source) == bind.real {
        source
    } else {
        format!(
            "{source} (which is {})",
            printable(&bind.real.display().to_string())
        )
    }
}

/// The files and variables that secrets, or configs, come from.
fn sources<'a>(side: &'a Side) -> impl Iterator<Item = (bool, &'a String, &'a Source)> + use<'a> {
    let secrets = side.model.secrets.iter();
    let configs = side.model.configs.iter();
    secrets
        .map(|(key, source)| (true, key, source))
        .chain(configs.map(|(key, source)| (false, key, source)))
}

pub(crate) fn count_files(side: &Side) -> usize {
    sources(side).filter(|(secret, ..)| *secret).count()
}

/// S17: the one source of two secrets, where its text could not be read (what was read is compared
/// as text: A1); and a file inside a folder that the other environment has.
pub(crate) fn files(one: &Side, other: &Side) -> Vec<Finding> {
    let mut findings = one_source(one, other);
    for (side, against) in [(one, other), (other, one)] {
        for bind in binds(against) {
            for (secret, key, source) in sources(side) {
                let Some(file) = &source.file else {
                    continue;
                };
                let real = side.real(file);
                if !real.starts_with(&bind.real) || (bind.read_only && !secret) {
                    continue;
                }
                let what = if secret { "secret" } else { "config" };
                findings.push(
                    Finding::new(fault::S17, &[&side.name, &against.name], file)
                        .evidence(format!(
                            "the {what} {key} of {} is the file {}, which {} of {} can {} in {}",
                            side.name,
                            printable(&real.display().to_string()),
                            bind.by,
                            against.name,
                            if bind.read_only { "read" } else { "replace" },
                            printable(&bind.source)
                        ))
                        .reproduce(grep_both(side, against, file))
                        .fix("keep it outside of every folder that another environment mounts"),
                );
            }
        }
    }
    if one.name == other.name {
        findings.truncate(1);
    }
    findings
}

fn one_source(one: &Side, other: &Side) -> Vec<Finding> {
    let mut findings = Vec::new();
    let origin = |side: &Side, source: &Source| {
        let file = source
            .file
            .as_ref()
            .map(|file| side.real(file).display().to_string());
        file.or_else(|| source.environment.as_ref().map(|name| format!("${name}")))
    };
    let read = |side: &Side, source: &Source| {
        let text = source
            .origin()
            .and_then(|origin| side.ground.contents.get(&origin));
        text.is_some_and(|text| !text.trim().is_empty())
    };
    for (key, source) in &one.model.secrets {
        for (against, target) in &other.model.secrets {
            let (Some(place), Some(target_place)) = (origin(one, source), origin(other, target))
            else {
                continue;
            };
            if place != target_place || read(one, source) {
                continue;
            }
            findings.push(
                Finding::new(fault::S17, &[&one.name, &other.name], &place)
                    .evidence(format!(
                        "the secrets {key} of {} and {against} of {} both come from {}",
                        one.name,
                        other.name,
                        printable(&place)
                    ))
                    .reproduce(grep_both(one, other, place.trim_start_matches('$')))
                    .fix(format!(
                        "give {against} of {} a source of its own",
                        other.name
                    )),
            );
        }
    }
    findings
}
