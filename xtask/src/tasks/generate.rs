//! `generate`: renders every file that follows from the definitions; `--check` fails on drift.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use diffy::DiffOptions;
use environments::render::{self, RenderedFile, SETTINGS_PATH};
use serde_json::json;

use crate::context::{Context, Done};
use crate::error::{Failure, Result};
use crate::files::replace;
use crate::report::{Answer, Changed};
use crate::secrets;
use crate::ui::counted;

pub(crate) fn run(context: &Context, check: bool) -> Result<Answer> {
    let settings = there(&context.root.join(SETTINGS_PATH))?;
    let files = render::files(secrets::provided(), settings.as_deref()).map_err(|error| {
        Failure::failed(format!("{SETTINGS_PATH}: {error}"))
            .hint("mend it by hand: only the value of redis.database is ever rendered")
    })?;
    let mut drifted = Vec::new();
    for file in files {
        let now = there(&context.root.join(&file.path))?;
        if now.as_ref() != Some(&file.contents) {
            drifted.push((file, now.unwrap_or_default()));
        }
    }
    if check {
        return checked(context, &drifted);
    }
    if context.dry_run {
        let planned = drifted.iter().map(|(file, _)| {
            (
                format!("write {}", file.path),
                "it is not as rendered".to_owned(),
            )
        });
        return Ok(Answer::Changed(Changed {
            environments: Vec::new(),
            outcome: "planned",
            planned: planned.collect(),
            human: diff(&drifted),
        }));
    }
    for (file, _) in &drifted {
        write(&context.root.join(&file.path), &file.contents)
            .with_context(|| format!("cannot write {}", file.path))?;
        context.ui.say(format!("wrote {}", file.path));
        context.record(Done {
            action: format!("write {}", file.path),
            because: "it was not as rendered".to_owned(),
            seconds: 0.0,
        });
    }
    let changed = counted(drifted.len() as u64, "file");
    Ok(Answer::done(Vec::new(), format!("{changed} changed")))
}

fn checked(context: &Context, drifted: &[(RenderedFile, String)]) -> Result<Answer> {
    if drifted.is_empty() {
        let json = json!({ "drift": [] });
        return Ok(Answer::document("every file is as rendered", json));
    }
    context.ui.insist(diff(drifted));
    let names: Vec<&str> = drifted.iter().map(|(file, _)| file.path.as_str()).collect();
    Err(
        Failure::failed(format!("not as the definitions say: {}", names.join(", ")))
            .hint("cargo xtask generate"),
    )
}

fn there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::failed(format!("{}: {error}", path.display()))),
    }
}

fn write(path: &Path, contents: &str) -> anyhow::Result<()> {
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    replace(path, contents)
}

fn diff(drifted: &[(RenderedFile, String)]) -> String {
    let one = |(file, now): &(RenderedFile, String)| {
        DiffOptions::new()
            .set_context_len(2)
            .set_original_filename(file.path.clone())
            .set_modified_filename(format!("{} as rendered", file.path))
            .create_patch(now, &file.contents)
            .to_string()
    };
    drifted.iter().map(one).collect()
}
