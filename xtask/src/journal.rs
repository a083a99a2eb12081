//! The audit trail: one JSON line for the beginning and one for the end of every changing command.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use environments::Deployment;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Result};

/// The user's state folder: `TTA_STATE`, else `$XDG_STATE_HOME/tta`, else `~/.local/state/tta`.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    folder: PathBuf,
}

/// The command that stops servers and takes their containers away: it does nothing to any data.
pub(crate) const DOWN: &str = "down";

/// The command that looks, and leaves canaries while it does.
pub(crate) const PROOF: &str = "verify-isolation";

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When, in UTC.
    pub(crate) at: String,
    /// Joins the line of the beginning to that of the end.
    pub(crate) run: String,
    pub(crate) who: String,
    /// The engine's id.
    pub(crate) engine: String,
    pub(crate) command: String,
    pub(crate) environment: String,
    pub(crate) instance: String,
    /// `started`, then `done`, `failed`, `interrupted`. A run that has only the first was killed.
    pub(crate) outcome: String,
    /// What was removed: containers and networks by id, volumes by name and time of making.
    #[serde(default)]
    pub(crate) removed: Vec<String>,
    /// The snapshot that was made, restored or relied on.
    #[serde(default)]
    pub(crate) snapshot: Option<String>,
}

impl Journal {
    /// The journal of this user.
    ///
    /// # Errors
    /// There is neither `TTA_STATE`, `XDG_STATE_HOME` nor `HOME`.
    pub(crate) fn of_user() -> Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let folder = set("TTA_STATE")
            .map(PathBuf::from)
            .or_else(|| set("XDG_STATE_HOME").map(|base| PathBuf::from(base).join("tta")))
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".local/state/tta")))
            .ok_or_else(|| {
                Failure::failed("there is no folder for the journal: HOME is not set")
                    .hint("export TTA_STATE=/a/folder/of/yours")
            })?;
        Ok(Self { folder })
    }

    /// Where files that belong to this user and no checkout are kept.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self) -> PathBuf {
        self.folder.join("journal.jsonl")
    }

    /// Appends a line and waits until it is on the disk.
    pub(crate) fn append(&self, entry: &Entry) -> Result<()> {
        let path = self.path();
        let put = || -> anyhow::Result<()> {
            private_folder(&self.folder)?;
            let mut line = serde_json::to_string(entry)?;
            line.push('\n');
            let mut file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)?;
            if cut_off(&mut file)? {
                line.insert(0, '\n');
            }
            // One write, so that two runs at once cannot mix their lines.
            file.write_all(line.as_bytes())?;
            file.sync_data()?;
            Ok(())
        };
        put().with_context(|| format!("cannot write the journal {}", path.display()))?;
        Ok(())
    }

    /// All lines, oldest first. A line that was cut off by a crash is left out.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>> {
        let path = self.path();
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(Failure::failed(format!("{}: {error}", path.display())));
            }
        };
        let lines: Result<Vec<String>, _> = BufReader::new(file).lines().collect();
        let lines = lines.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }

    /// The engine on which a deployment was last worked on. A proof says nothing of it: it looks, at
    /// whatever engine answers.
    pub(crate) fn engine_of(&self, deployment: &Deployment) -> Result<Option<String>> {
        Ok(self.last(deployment, &[PROOF])?.map(|entry| entry.engine))
    }

    /// What was begun on a deployment and never brought to its end, where nothing was done to its
    /// data since.
    pub(crate) fn cut_off(&self, deployment: &Deployment) -> Result<Option<Entry>> {
        let ended =
            |entry: &Entry| !matches!(entry.outcome.as_str(), "started" | "failed" | "interrupted");
        let last = self.last(deployment, &[PROOF, DOWN])?;
        Ok(last.filter(|entry| !ended(entry)))
    }

    /// What was last done to a deployment by a command that is none of these.
    fn last(&self, deployment: &Deployment, but: &[&str]) -> Result<Option<Entry>> {
        Ok(self.entries()?.into_iter().rev().find(|entry| {
            !but.contains(&entry.command.as_str())
                && entry.environment == deployment.environment().slug()
                && entry.instance == deployment.instance().label()
        }))
    }
}

/// Whether the last line has no end: the machine went down while it was written.
fn cut_off(file: &mut std::fs::File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Makes a folder that only its owner can enter.
pub(crate) fn private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// A run's name, of digits and a dash: it needs no quoting anywhere.
pub(crate) fn run_id() -> String {
    format!(
        "{}-{}",
        chrono::Utc::now().timestamp_millis(),
        std::process::id()
    )
}

/// This moment, in UTC, to the second.
pub(crate) fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use environments::{Environment, Instance};

    use super::*;

    fn journal() -> (tempfile::TempDir, Journal) {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal {
            folder: folder.path().join("state"),
        };
        (folder, journal)
    }

    fn entry(environment: &str, engine: &str) -> Entry {
        Entry {
            at: now(),
            run: "1".to_owned(),
            who: "somebody".to_owned(),
            engine: engine.to_owned(),
            command: "wipe-dev".to_owned(),
            environment: environment.to_owned(),
            instance: String::new(),
            outcome: "done".to_owned(),
            removed: vec!["volume tta_neo4j_dev_data".to_owned()],
            snapshot: None,
        }
    }

    #[test]
    fn what_is_appended_can_be_read_by_its_owner_alone() {
        let (_folder, journal) = journal();
        journal.append(&entry("dev", "e1")).expect("it is written");
        let mode = std::fs::metadata(journal.path())
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(journal.entries().expect("it is read"), [entry_at(&journal)]);
    }

    fn entry_at(journal: &Journal) -> Entry {
        let at = journal.entries().expect("it is read")[0].at.clone();
        Entry {
            at,
            ..entry("dev", "e1")
        }
    }

    #[test]
    fn the_engine_of_an_environment_is_the_one_of_its_last_entry() {
        let (_folder, journal) = journal();
        for (environment, engine) in [("dev", "e1"), ("test", "e2"), ("dev", "e3")] {
            journal
                .append(&entry(environment, engine))
                .expect("it is written");
        }
        let of = |environment| {
            let deployment = Deployment::new(environment, Instance::main());
            journal.engine_of(&deployment).expect("it is read")
        };
        assert_eq!(of(Environment::Dev).as_deref(), Some("e3"));
        assert_eq!(of(Environment::Test).as_deref(), Some("e2"));
        assert_eq!(of(Environment::Staging), None);
    }

    #[test]
    fn a_proof_on_another_engine_moves_no_environment_there() {
        let (_folder, journal) = journal();
        let mut looked = entry("dev", "e2");
        PROOF.clone_into(&mut looked.command);
        for entry in [entry("dev", "e1"), looked] {
            journal.append(&entry).expect("it is written");
        }
        let dev = Deployment::new(Environment::Dev, Instance::main());
        let engine = journal.engine_of(&dev).expect("it is read");
        assert_eq!(engine.as_deref(), Some("e1"));
    }

    #[test]
    fn a_line_cut_off_by_a_crash_does_not_hide_the_others() {
        let (_folder, journal) = journal();
        journal.append(&entry("dev", "e1")).expect("it is written");
        let mut file = OpenOptions::new()
            .append(true)
            .open(journal.path())
            .expect("open");
        file.write_all(b"{\"at\":\"2026").expect("written");
        journal.append(&entry("test", "e1")).expect("it is written");
        assert_eq!(journal.entries().expect("it is read").len(), 2);
    }
}
