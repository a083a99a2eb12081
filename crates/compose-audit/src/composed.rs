//! A named environment's compose files.

use std::path::{Path, PathBuf};

/// A named environment's compose files, in the order in which they are merged.
#[derive(Debug, Clone)]
pub struct Composed {
    /// By what it is called in every report.
    pub name: String,
    /// Its files.
    pub files: Vec<PathBuf>,
    /// The folder where the files belong, where they lie elsewhere for as long as they are looked at.
    pub folder: Option<PathBuf>,
    /// What compose is given in its environment to render them.
    pub secrets: Vec<(String, String)>,
    /// The command that compares files, as a person types it to see a finding again; it takes
    /// `--compose NAME=FILE,FILE`.
    pub again: &'static str,
}

impl Composed {
    /// `NAME=FILE[,FILE]…`. The name stands in every report, so it is kept plain.
    ///
    /// # Errors
    /// It is of another form; said in one line.
    pub fn parse(text: &str, again: &'static str) -> Result<Self, String> {
        let plain =
            |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        let (name, files) = text.split_once('=').ok_or("expected NAME=FILE[,FILE]…")?;
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            return Err(format!(
                "{name:?} names no environment: expected 1 to 40 of A-Z, a-z, 0-9, '-', '_' and '.'"
            ));
        }
        if files.split(',').any(str::is_empty) {
            return Err("a file's name is empty".to_owned());
        }
        Ok(Self {
            folder: None,
            name: name.to_owned(),
            files: files.split(',').map(PathBuf::from).collect(),
            secrets: Vec::new(),
            again,
        })
    }

    /// The files by the names that a person finds them under.
    pub fn named(&self) -> Vec<PathBuf> {
        let named = |file: &PathBuf| match (&self.folder, file.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => file.clone(),
        };
        self.files.iter().map(named).collect()
    }

    /// Where a file lies that the files name.
    pub fn lies(&self, file: &str) -> PathBuf {
        let beside = self.files.first().and_then(|first| first.parent());
        let below = self.folder.as_ref();
        let below = below.and_then(|folder| Path::new(file).strip_prefix(folder).ok());
        match (beside, below) {
            (Some(beside), Some(below)) => beside.join(below),
            _ => PathBuf::from(file),
        }
    }
}
