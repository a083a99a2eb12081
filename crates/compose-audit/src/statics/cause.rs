//! S11 and S13: what was found, called by its cause.
//!
//! The comparisons are made again without the services that hide behind a profile, and with the
//! files alone that both environments merge. What is found in the first no more was hidden (S13);
//! what is found in the second already comes from there (S11). A shared secret keeps its name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::Composed;
use crate::fault::{self, Fault};
use crate::finding::Finding;
use crate::statics::model::Model;
use crate::statics::side::{Side, rendering};
use crate::statics::{Read, ground, render, table};
use process::{Runner, printable, quoted};

/// How many files deep `include` and `extends` are followed in search of a cause.
const DEPTH: usize = 4;
const MOST_FILES: usize = 64;

/// Calls what two environments have in common by its cause.
pub(crate) fn name(
    runner: &Runner,
    findings: &mut [Finding],
    (one, other): (&Read, &Read),
    composed: &[Composed],
) {
    if findings.is_empty() {
        return;
    }
    hidden(findings, one, other);
    merged(runner, findings, &one.side, &other.side, composed);
}

/// Whether it may be called by its cause: not what no declaration may excuse, and not two projects of
/// one name, which is the cause of other findings itself.
fn renamable(finding: &Finding) -> bool {
    finding.fault.excusable() && ![fault::S4, fault::S13].contains(&finding.fault)
}

fn rename(finding: &mut Finding, cause: Fault, why: &str) {
    finding.evidence = format!("{}: {}; {why}", finding.fault.title, finding.evidence);
    finding.fault = cause;
    finding.severity = cause.severity;
}

/// S13.
fn hidden(findings: &mut [Finding], one: &Read, other: &Read) {
    let plain = |side: &Side| Side {
        model: side.model.without_profiles(),
        ..side.clone()
    };
    let profiled = |side: &Side| {
        let mut services = side.model.services.values();
        services.any(|service| !service.profiles.is_empty())
    };
    if !profiled(&one.side) && !profiled(&other.side) {
        return;
    }
    let mut open = table::found(&plain(&one.side), &plain(&other.side));
    if let (Some(one), Some(other)) = (&one.dirty, &other.dirty) {
        open.extend(table::found(&plain(one), &plain(other)));
    }
    for finding in findings.iter_mut().filter(|finding| renamable(finding)) {
        let same = |(fault, subject): &(Fault, String)| {
            *fault == finding.fault && *subject == finding.subject
        };
        if !open.iter().any(same) {
            rename(
                finding,
                fault::S13,
                "only once a profile is chosen, so that `docker compose config` alone does not show it",
            );
        }
    }
}

/// S11.
fn merged(
    runner: &Runner,
    findings: &mut [Finding],
    one: &Side,
    other: &Side,
    composed: &[Composed],
) {
    // With one project name for both, every name that Compose makes up is the same: that is S4.
    let same_name = one.model.name == other.model.name;
    if same_name || one.files == other.files || !findings.iter().any(renamable) {
        return;
    }
    let common = common(&one.files, &other.files);
    if common.is_empty() {
        return;
    }
    let alone = |side: &Side| -> Option<Side> {
        let given = composed.iter().find(|given| given.name == side.name)?;
        let base: Model = render::alone(runner, given, &common, &side.model).ok()?;
        let ground = ground::look_up(given, &base);
        Some(Side::new(given, base, ground))
    };
    let (Some(one), Some(other)) = (alone(one), alone(other)) else {
        return;
    };
    let found = table::found(&one, &other);
    let files: Vec<String> = common
        .iter()
        .map(|file| printable(&file.display().to_string()))
        .collect();
    for finding in findings.iter_mut().filter(|finding| renamable(finding)) {
        let same = |(fault, subject): &(Fault, String)| {
            *fault == finding.fault && *subject == finding.subject
        };
        if found.iter().any(same) {
            rename(
                finding,
                fault::S11,
                &format!("it comes from {}, which both merge", files.join(", ")),
            );
            finding.reproduce = format!(
                "{} --no-consistency; grep -nF -e {} {}",
                rendering(&common),
                quoted(&printable(&finding.subject)),
                files
                    .iter()
                    .map(|file| quoted(file))
                    .collect::<Vec<_>>()
                    .join(" ")
            );
            finding.fix = format!(
                "take it out of {}, or set it anew in each environment's own file with !override or !reset",
                files.join(", ")
            );
        }
    }
}

/// The files that both merge, by `--file`, `include` or `extends`.
fn common(one: &[PathBuf], other: &[PathBuf]) -> Vec<PathBuf> {
    let theirs: BTreeSet<PathBuf> = reached(other)
        .iter()
        .filter_map(|file| std::fs::canonicalize(file).ok())
        .collect();
    let mut seen = BTreeSet::new();
    let mut common = Vec::new();
    for file in reached(one) {
        let Ok(real) = std::fs::canonicalize(&file) else {
            continue;
        };
        if theirs.contains(&real) && seen.insert(real) {
            common.push(file);
        }
    }
    common
}

/// The files, and those that they mention. Only a search for a cause: one that is mentioned in vain
/// is not found to be one.
fn reached(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = files.to_vec();
    let mut newest = files.to_vec();
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for file in &newest {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let folder = file.parent().unwrap_or(Path::new(""));
            for mentioned in mentioned(&text) {
                let path = folder.join(mentioned);
                if all.len() < MOST_FILES && path.is_file() && !all.contains(&path) {
                    all.push(path.clone());
                    next.push(path);
                }
            }
        }
        newest = next;
    }
    all
}

/// The words of a text that are names of YAML files.
fn mentioned(text: &str) -> BTreeSet<String> {
    let between = |character: char| character.is_whitespace() || "\"'[]{},".contains(character);
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split(between))
        .filter(|word| word.ends_with(".yml") || word.ends_with(".yaml"))
        .map(str::to_owned)
        .collect()
}
