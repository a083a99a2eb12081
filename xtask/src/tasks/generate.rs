//! `generate`: renders every file that follows from the definitions; `--check` fails on drift.
//!
//! A file that this tool did not render is refused: named, never printed and never touched. Of a
//! rendered file that was edited no line is printed that is not rendered: it may hold a secret.

mod difference;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use compose_audit::files::{Readers, put, read_only, replaceable};
use environments::render::{self, RenderedFile, SETTINGS_PATH, Secrets};
use serde_json::json;

use crate::context::{Context, Done};
use crate::error::{Failure, Result};
use crate::report::{Answer, Changed};
use crate::secrets;
use crate::ui::counted;

pub(crate) fn run(context: &Context, check: bool) -> Result<Answer> {
    let found = compare(context, secrets::provided())?;
    let differences = differences(&found.drifted)?;
    // The answer of a dry run that is not refused has them too.
    if !differences.is_empty() && (check || context.dry_run && !found.barred.is_empty()) {
        context.ui.insist(&differences);
    }
    refuse(&found.barred)?;
    if check {
        return checked(&found);
    }
    if context.dry_run {
        let planned = found.drifted.iter().map(|drift| {
            (
                format!("write {}", drift.file.path),
                "it is not as rendered".to_owned(),
            )
        });
        return Ok(Answer::Changed(Changed {
            environments: Vec::new(),
            outcome: "planned",
            planned: planned.collect(),
            human: differences,
        }));
    }
    for Drift { file, now } in &found.drifted {
        write(&context.root.join(&file.path), file, now.as_deref())
            .with_context(|| format!("cannot write {}", file.path))?;
        context.ui.say(format!("wrote {}", file.path));
        context.record(Done {
            action: format!("write {}", file.path),
            because: "it was not as rendered".to_owned(),
            seconds: 0.0,
        });
    }
    let changed = counted(found.drifted.len() as u64, "file");
    Ok(Answer::done(Vec::new(), format!("{changed} changed")))
}

/// The checkout beside the definitions.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// What is ours and not as rendered.
    pub(crate) drifted: Vec<Drift>,
    /// What may not be written over, each with its name and why.
    pub(crate) barred: Vec<String>,
    /// The names of what is as rendered.
    pub(crate) same: Vec<String>,
}

/// A file as it should be.
#[derive(Debug)]
pub(crate) struct Drift {
    pub(crate) file: RenderedFile,
    /// What is there instead, if anything.
    pub(crate) now: Option<String>,
}

/// Compares every file with its rendering.
///
/// # Errors
/// The editor's settings cannot be read as such.
pub(crate) fn compare(context: &Context, secrets: Secrets) -> Result<Compared> {
    let there = |file: &RenderedFile| {
        let path = context.root.join(&file.path);
        within(&context.root, &path)?;
        replaceable(&path, |text| file.may_replace(text))
    };
    let rendered = |settings: Option<&str>| {
        render::files(secrets, settings).map_err(|error| {
            Failure::failed(format!("{SETTINGS_PATH}: {error}"))
                .hint("edit it by hand: only entries of redis.database are ever rendered")
        })
    };
    let mut compared = Compared::default();
    for mut file in rendered(None)? {
        let now = match there(&file) {
            Ok(now) => now,
            Err(why) => {
                compared.barred.push(format!("{} {why}", file.path));
                continue;
            }
        };
        if file.path == SETTINGS_PATH {
            let all = rendered(now.as_deref())?;
            let settings = all.into_iter().find(|one| one.path == SETTINGS_PATH);
            file = settings.unwrap_or(file);
        }
        if now.as_ref() == Some(&file.contents) {
            compared.same.push(file.path);
            continue;
        }
        if read_only(&context.root.join(&file.path)) {
            let why = "is read-only, and not as rendered";
            compared.barred.push(format!("{} {why}", file.path));
            continue;
        }
        compared.drifted.push(Drift { file, now });
    }
    Ok(compared)
}

/// Whether a file's folder, or as much of it as there is, lies in the checkout: a link may lead out.
fn within(root: &Path, path: &Path) -> Result<(), String> {
    let real = |path: &Path| path.canonicalize().ok();
    let mut folders = path.ancestors().skip(1);
    let (Some(root), Some(folder)) = (real(root), folders.find_map(real)) else {
        return Err("lies in a folder that cannot be read".to_owned());
    };
    if folder.starts_with(&root) {
        Ok(())
    } else {
        Err("lies in a folder that a symbolic link leads to, outside the checkout".to_owned())
    }
}

fn refuse(barred: &[String]) -> Result<()> {
    if barred.is_empty() {
        return Ok(());
    }
    let hint = "move it away or mend it, then run the same command again (the variables of an \
                environment: cargo xtask env ENV)";
    Err(Failure::refused(format!(
        "nothing was written, for this is not this tool's to write over:\n  - {}",
        barred.join("\n  - ")
    ))
    .hint(hint))
}

fn checked(found: &Compared) -> Result<Answer> {
    if found.drifted.is_empty() {
        let json = json!({ "drift": [] });
        return Ok(Answer::document("every file is as rendered", json));
    }
    let names: Vec<&str> = found
        .drifted
        .iter()
        .map(|one| one.file.path.as_str())
        .collect();
    Err(
        Failure::failed(format!("not as the definitions say: {}", names.join(", ")))
            .hint("cargo xtask generate"),
    )
}

fn write(path: &Path, file: &RenderedFile, seen: Option<&str>) -> anyhow::Result<()> {
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    // The settings hold what people keep there.
    let readers = if file.path == SETTINGS_PATH {
        Readers::AsBefore
    } else {
        Readers::Anyone
    };
    put(path, seen, &file.contents, readers)
}

/// What differs. Lines are shown that some rendering without anybody's own text has.
fn differences(drifted: &[Drift]) -> Result<String> {
    let mut ours = BTreeSet::new();
    for secrets in [Secrets::well_known(), Secrets::with_staging()] {
        let files = render::files(secrets, None)
            .map_err(|error| Failure::failed(format!("{SETTINGS_PATH}: {error}")))?;
        for file in files {
            let lines = file.contents.lines().map(difference::bare);
            ours.extend(lines.map(|line| (file.path.clone(), line.to_owned())));
        }
    }
    let one = |drift: &Drift| {
        let path = &drift.file.path;
        let shown = |line: &str| ours.contains(&(path.clone(), difference::bare(line).to_owned()));
        let now = drift.now.as_deref().unwrap_or_default();
        difference::text(path, now, &drift.file.contents, &shown)
    };
    Ok(drifted.iter().map(one).collect())
}
