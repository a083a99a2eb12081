//! The audit trail: a JSON line before and after each run of a changing command and each of its
//! steps, and one for each proof. What a run relies on later is read here and compared with the
//! engine; a line alone is no evidence.
//!
//! Each line carries the digest of the one before it ([`chain`]).

pub(crate) mod chain;
mod entry;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use environments::Deployment;
use rustix::fs::{FlockOperation, flock};

use self::chain::{Chained, Tip};
pub(crate) use self::entry::{Deed, Entry, Kind, Proved, Run, StepLine, Verb};
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

/// How a run and a step begin.
pub(crate) const STARTED: &str = "started";

/// How a run and a step end that did what they were to do.
pub(crate) const DONE: &str = "done";

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

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("journal.jsonl")
    }

    /// Where the newest line's digest is kept, so that lines removed from the end are missed.
    fn tip_path(&self) -> PathBuf {
        self.folder.join("journal.tip")
    }

    /// Appends a line and waits until it is on the disk.
    ///
    /// # Errors
    /// It cannot be written: what it was to record must not be done then.
    pub(crate) fn append(&self, entry: &Entry) -> Result<()> {
        let path = self.path();
        let put = || -> anyhow::Result<()> {
            private_folder(&self.folder)?;
            let mut file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)?;
            // Held until the file is closed: two runs at once each follow the other's line.
            flock(&file, FlockOperation::LockExclusive)?;
            let end = end_of(&mut file)?;
            let line = Chained::after(&end, entry).line()?;
            let separator = if end.cut_off { "\n" } else { "" };
            // One write: a reader sees all of the line or none of it.
            file.write_all(format!("{separator}{line}\n").as_bytes())?;
            file.sync_data()?;
            self.remember(&Tip::of(&line)?)
        };
        put().with_context(|| format!("cannot write the journal {}", path.display()))?;
        Ok(())
    }

    /// Puts the newest line's digest in place of the one before it.
    fn remember(&self, tip: &Tip) -> anyhow::Result<()> {
        // Its owner's alone, as the journal is.
        let mut beside = tempfile::NamedTempFile::new_in(&self.folder)?;
        beside.write_all(serde_json::to_string(tip)?.as_bytes())?;
        beside.persist(self.tip_path())?;
        Ok(())
    }

    fn read(&self) -> Result<Vec<u8>> {
        let path = self.path();
        match std::fs::read(&path) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Failure::failed(format!("{}: {error}", path.display()))),
        }
    }

    /// All lines, oldest first. A line that was cut off by a crash is skipped; [`Self::verify`] tells
    /// of it.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>> {
        let bytes = self.read()?;
        let lines = chain::lines(&bytes);
        Ok(lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect())
    }

    /// Whether all lines are as they were written.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(crate) fn verify(&self) -> Result<chain::Verified> {
        let tip = std::fs::read(self.tip_path()).ok();
        let tip = tip.and_then(|text| serde_json::from_slice(&text).ok());
        Ok(chain::verify(&self.read()?, tip.as_ref()))
    }

    /// All runs on all deployments, oldest first.
    pub(crate) fn all_runs(&self) -> Result<Vec<Run>> {
        Ok(Run::joined(self.entries()?))
    }

    /// The runs on a deployment, oldest first.
    pub(crate) fn runs(&self, deployment: &Deployment) -> Result<Vec<Run>> {
        let all = self.all_runs()?;
        let of_it = |run: &Run| run.begun.is_of(deployment);
        Ok(all.into_iter().filter(of_it).collect())
    }

    /// The engine on which a deployment was last worked on. A proof says nothing of it: it looks, at
    /// whatever engine answers.
    pub(crate) fn engine_of(&self, deployment: &Deployment) -> Result<Option<String>> {
        Ok(self.last(deployment, &[PROOF])?.map(|run| run.begun.engine))
    }

    /// What was last begun on a deployment by a command that is none of these.
    pub(crate) fn last(&self, deployment: &Deployment, but: &[&str]) -> Result<Option<Run>> {
        let other = |run: &Run| !but.contains(&run.begun.command.as_str());
        Ok(self.runs(deployment)?.into_iter().rev().find(other))
    }

    /// The run of a command that was cut off, where nothing else has changed the deployment since.
    pub(crate) fn cut_off(&self, deployment: &Deployment, command: &str) -> Result<Option<Run>> {
        let last = self.last(deployment, &[PROOF])?;
        Ok(last.filter(|run| run.begun.command == command && !run.done()))
    }
}

/// How many bytes of the end are read first: a line has a few hundred.
const END: u64 = 256 << 10;

/// What the next line follows.
fn end_of(file: &mut File) -> std::io::Result<chain::End> {
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    for from in [length.saturating_sub(END), 0] {
        file.seek(SeekFrom::Start(from))?;
        bytes.clear();
        file.read_to_end(&mut bytes)?;
        if let Some(end) = chain::End::of(&bytes, from == 0) {
            return Ok(end);
        }
    }
    Ok(chain::End::default())
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
mod tests;
