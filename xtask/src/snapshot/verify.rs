//! Reading a snapshot again, byte by byte: what is there must be what was written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use process::printable;

use crate::error::{Failure, Result};
use crate::snapshot::drilled::{self, DRILL, Drill};
use crate::snapshot::manifest::{MANIFEST, Manifest};
use crate::snapshot::place::Id;
use crate::snapshot::sums::{self, SUMS};

/// A snapshot of which every byte was read and is as written.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    pub(crate) id: Id,
    pub(crate) path: PathBuf,
    pub(crate) manifest: Manifest,
    /// The hash of `SHA256SUMS`: names all of it at once.
    pub(crate) sum: String,
    pub(crate) drill: Option<Drill>,
    /// Nobody else makes one.
    _read: (),
}

/// Reads all of a snapshot.
///
/// # Errors
/// All that is missing, changed, unlisted or not where it belongs.
pub(crate) fn verify(path: &Path, id: &Id) -> Result<Verified> {
    if !path.is_dir() {
        let place = path.parent().unwrap_or(path).display();
        return Err(
            Failure::failed(format!("there is no snapshot {id} in {place}")).hint(
                "cargo xtask snapshots list   (TTA_BACKUPS and --instance say where it looks)",
            ),
        );
    }
    let mut wrong = Vec::new();
    let read = |name: &str| {
        fs::read_to_string(path.join(name)).map_err(|error| {
            Failure::failed(format!("the snapshot {id} is not whole: {name}: {error}"))
        })
    };
    let listed = sums::parse(&read(SUMS)?).map_err(|failure| damaged(id, &failure.message))?;
    let there = files(path, &mut wrong)?;
    let known: BTreeSet<&str> = listed.keys().map(String::as_str).collect();
    for name in &there {
        if !known.contains(name.as_str()) && ![SUMS, DRILL].contains(&name.as_str()) {
            wrong.push(format!("{} is not listed in {SUMS}", printable(name)));
        }
    }
    let mut sizes = BTreeMap::new();
    for (name, expected) in &listed {
        if !there.contains(name) {
            wrong.push(format!("{} is missing", printable(name)));
            continue;
        }
        let (found, bytes) = sums::of_file(&path.join(name))?;
        sizes.insert(name.clone(), bytes);
        if found != *expected {
            wrong.push(format!(
                "{} has changed: its SHA-256 is {found}, expected {expected}",
                printable(name)
            ));
        }
    }
    if !wrong.is_empty() {
        return Err(damaged(id, &wrong.join("\n  - ")));
    }
    let manifest = Manifest::parse(&read(MANIFEST)?).map_err(|failure| {
        let damaged = damaged(id, &failure.message);
        failure.hints.into_iter().fold(damaged, Failure::hint)
    })?;
    wrong.extend(disagreements(&manifest, id, &listed, &sizes));
    if !wrong.is_empty() {
        return Err(damaged(id, &wrong.join("\n  - ")));
    }
    let (sum, _) = sums::of_file(&path.join(SUMS))?;
    Ok(Verified {
        id: id.clone(),
        path: path.to_owned(),
        drill: drilled::read(path, &sum),
        manifest,
        sum,
        _read: (),
    })
}

fn damaged(id: &Id, wrong: &str) -> Failure {
    Failure::failed(format!("the snapshot {id} is damaged:\n  - {wrong}"))
        .hint("cargo xtask snapshots verify ENV   (which of the others are whole)")
}

/// The names of the files, none of which may be anything else.
fn files(path: &Path, wrong: &mut Vec<String>) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(path)
        .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry =
            entry.map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.metadata() {
            Ok(file) if file.is_file() => {
                names.insert(name);
            }
            _ => wrong.push(format!("{} is no file", printable(&name))),
        }
    }
    Ok(names)
}

/// What the manifest says otherwise than the folder and the sums.
fn disagreements(
    manifest: &Manifest,
    id: &Id,
    listed: &BTreeMap<String, String>,
    sizes: &BTreeMap<String, u64>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    if manifest.id != *id {
        wrong.push(format!(
            "its manifest is that of the snapshot {}",
            manifest.id
        ));
    }
    let mut told: BTreeSet<&str> = BTreeSet::from([MANIFEST]);
    for file in &manifest.files {
        told.insert(&file.name);
        if listed.get(&file.name) != Some(&file.sha256)
            || sizes.get(&file.name) != Some(&file.bytes)
        {
            wrong.push(format!(
                "{} is not the file that the manifest names",
                printable(&file.name)
            ));
        }
    }
    let unknown = listed.keys().filter(|name| !told.contains(name.as_str()));
    wrong.extend(unknown.map(|name| format!("{} is not named by the manifest", printable(name))));
    wrong
}

#[cfg(test)]
mod tests;
