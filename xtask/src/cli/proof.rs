//! What is asked of the proof that environments are apart.

use std::path::PathBuf;

use clap::Args;
use environments::Environment;

use crate::isolation::Composed;
use crate::isolation::finding::Layer;
use crate::report::written::{self, Wanted};

#[derive(Debug, Args)]
pub(crate) struct VerifyIsolation {
    /// dev, test, staging or prod; all that have objects on this engine where none is named
    #[arg(value_name = "ENV", conflicts_with = "compose")]
    pub(crate) environments: Vec<Environment>,
    /// Only these layers
    #[arg(long, value_name = "LAYER", value_enum, value_delimiter = ',')]
    pub(crate) layer: Vec<Layer>,
    /// Compare anyone's compose files instead, without an engine; may be repeated
    #[arg(long, value_name = "NAME=FILE[,FILE]", value_parser = composed)]
    pub(crate) compose: Vec<Composed>,
    /// Findings that are known and excused, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Option<PathBuf>,
    /// Write a report too: junit=FILE, markdown=FILE or html=FILE; may be repeated
    #[arg(long, value_name = "KIND=FILE", value_parser = wanted)]
    pub(crate) report: Vec<Wanted>,
}

fn wanted(text: &str) -> Result<Wanted, String> {
    let form = "expected junit=FILE, markdown=FILE or html=FILE";
    let (kind, path) = text.split_once('=').ok_or(form)?;
    let kind = match kind {
        "junit" => written::Kind::Junit,
        "markdown" => written::Kind::Markdown,
        "html" => written::Kind::Html,
        _ => return Err(form.to_owned()),
    };
    if path.is_empty() {
        return Err(form.to_owned());
    }
    let path = PathBuf::from(path);
    Ok(Wanted { kind, path })
}

/// `NAME=FILE[,FILE]…`. The name stands in every report, so it is kept plain.
fn composed(text: &str) -> Result<Composed, String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let (name, files) = text.split_once('=').ok_or("expected NAME=FILE[,FILE]…")?;
    if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
        return Err(format!(
            "{name:?} names no environment: expected 1 to 40 of A-Z, a-z, 0-9, '-', '_' and '.'"
        ));
    }
    if files.split(',').any(str::is_empty) {
        return Err("a file's name is empty".to_owned());
    }
    Ok(Composed {
        folder: None,
        name: name.to_owned(),
        files: files.split(',').map(PathBuf::from).collect(),
        secrets: Vec::new(),
    })
}
