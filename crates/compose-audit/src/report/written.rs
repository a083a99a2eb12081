//! Where reports go besides stdout: files that are named, and GitHub's own places.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::error::{Error, Kind as Why, Result};
use crate::files::{Readers, put, replaceable};
use crate::report::proof::Proof;
use crate::report::{html, junit, markdown};

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JUnit XML.
    Junit,
    /// Markdown.
    Markdown,
    /// One page that needs nothing else.
    Html,
}

impl Kind {
    /// Whether a text is an earlier report of this form: each begins in words of its own.
    fn wrote(self, text: &str) -> bool {
        match self {
            Self::Junit => text.contains("<testsuites name=\"verify-isolation\""),
            Self::Markdown => text.starts_with("## Isolation: "),
            Self::Html => text.contains("<title>Isolation: "),
        }
    }
}

/// A report that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// In which form.
    pub kind: Kind,
    /// Where to.
    pub path: PathBuf,
}

impl Wanted {
    /// `junit=FILE`, `markdown=FILE` or `html=FILE`.
    ///
    /// # Errors
    /// It is of another form; said in one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = "expected junit=FILE, markdown=FILE or html=FILE";
        let (kind, path) = text.split_once('=').ok_or(form)?;
        let kind = match kind {
            "junit" => Kind::Junit,
            "markdown" => Kind::Markdown,
            "html" => Kind::Html,
            _ => return Err(form.to_owned()),
        };
        if path.is_empty() {
            return Err(form.to_owned());
        }
        let path = PathBuf::from(path);
        Ok(Self { kind, path })
    }

    /// The earlier report in its place, if there is one.
    fn there(&self) -> Result<Option<String>> {
        replaceable(&self.path, |text| {
            text.trim().is_empty() || self.kind.wrote(text)
        })
        .map_err(|why| {
            let path = self.path.display();
            Error::new(
                Why::Refused,
                format!("{path} {why}: only an earlier report of the same form is written over"),
            )
            .hint("name another file, or move that one away")
        })
    }
}

/// Fails where a report could not be written, before anything is looked at.
///
/// # Errors
/// Usage: its folder does not exist. Refused: what is there is no earlier report.
pub fn possible(wanted: &[Wanted]) -> Result<()> {
    for one in wanted {
        let folder = match one.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            return Err(Error::usage(format!(
                "{} cannot be written: {} is no folder",
                one.path.display(),
                folder.display()
            )));
        }
        one.there()?;
    }
    Ok(())
}

/// Writes what was asked for, and for a GitHub job its summary and annotations. `say` is given a line
/// for each file, `insist` the annotations.
///
/// # Errors
/// A file cannot be written.
pub fn write(
    proof: &Proof,
    wanted: &[Wanted],
    say: impl Fn(&str),
    insist: impl Fn(&str),
) -> Result<()> {
    for one in wanted {
        let text = match one.kind {
            Kind::Junit => junit::text(proof),
            Kind::Markdown => markdown::text(proof),
            Kind::Html => html::text(proof)?,
        };
        put(&one.path, one.there()?.as_deref(), &text, Readers::Anyone)
            .with_context(|| format!("cannot write {}", one.path.display()))?;
        say(&format!("wrote {}", one.path.display()));
    }
    if std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true") {
        for line in markdown::annotations(proof) {
            // Actions reads both streams, and stdout is the answer's.
            insist(&line);
        }
        if let Some(summary) = std::env::var_os("GITHUB_STEP_SUMMARY") {
            append(Path::new(&summary), &markdown::text(proof))?;
        }
    }
    Ok(())
}

/// The summary may hold what earlier steps have written.
fn append(path: &Path, text: &str) -> anyhow::Result<()> {
    let named = || format!("cannot write GITHUB_STEP_SUMMARY, {}", path.display());
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .with_context(named)?;
    file.write_all(text.as_bytes()).with_context(named)
}
