//! Where the snapshots of a deployment are kept, and what they are called.
//!
//! Below `backups/` of the checkout, or `TTA_BACKUPS`: `<env>/<ID>`, and `instances/NAME/<env>/<ID>`
//! for an instance. Only a name that is an id is ever looked at.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use chrono::NaiveDateTime;
use environments::Deployment;
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::journal::private_folder;

/// The manifest's name in the folder.
pub(crate) const MANIFEST: &str = "manifest.json";

/// How a moment is written in a snapshot's name.
const MOMENT: &str = "%Y%m%d_%H%M%S";

/// A snapshot's name: `YYYYMMDD_HHMMSS` in UTC, with `_2`, `_3` where it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Id(String);

impl Id {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Moment and number: the order in which snapshots were begun.
    fn order(&self) -> (&str, u32) {
        let number = self.0.get(16..).and_then(|number| number.parse().ok());
        (&self.0[..15], number.unwrap_or(1))
    }

    /// The moment in its name.
    pub(crate) fn moment(&self) -> Option<NaiveDateTime> {
        NaiveDateTime::parse_from_str(&self.0[..15], MOMENT).ok()
    }
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Vec<&str> = text.split('_').collect();
        let shaped = match parts[..] {
            [day, time] => day.len() == 8 && time.len() == 6,
            [day, time, number] => {
                let counted = number.len() <= 4 && !number.starts_with('0') && number != "1";
                day.len() == 8 && time.len() == 6 && counted
            }
            _ => false,
        };
        let id = Self(text.to_owned());
        if shaped && parts.iter().all(|part| digits(part)) && id.moment().is_some() {
            Ok(id)
        } else {
            Err(
                "expected a snapshot's id, as YYYYMMDD_HHMMSS (`cargo xtask snapshots list`)"
                    .to_owned(),
            )
        }
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder of a deployment's snapshots.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
}

/// The folders of snapshots that are being made, or were when a run was killed.
const MAKING: &str = ".making-";

impl Place {
    pub(crate) fn of(context: &Context, deployment: &Deployment) -> Self {
        let given = std::env::var_os("TTA_BACKUPS").filter(|given| !given.is_empty());
        let base = given.map_or_else(|| context.root.join("backups"), PathBuf::from);
        let folder = match deployment.instance().name() {
            None => base,
            Some(name) => base.join("instances").join(name),
        };
        Self {
            folder: folder.join(deployment.environment().slug()),
        }
    }

    pub(crate) fn path(&self, id: &Id) -> PathBuf {
        self.folder.join(id.as_str())
    }

    /// All ids that a folder has, oldest first. A link or a file of such a name is none.
    ///
    /// # Errors
    /// The folder is there but cannot be read.
    pub(crate) fn ids(&self) -> Result<Vec<Id>> {
        let mut ids: Vec<Id> = self
            .names()?
            .into_iter()
            .filter_map(|name| name.parse().ok())
            .filter(|id| is_folder(&self.path(id)))
            .collect();
        ids.sort();
        Ok(ids)
    }

    fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(Failure::failed(format!(
                    "{}: {error}",
                    self.folder.display()
                )));
            }
        };
        Ok(entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect())
    }

    /// A folder for a new snapshot, beside the place that it will have.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub(crate) fn make(&self) -> Result<Making> {
        private_folder(&self.folder)
            .with_context(|| format!("cannot make the folder {}", self.folder.display()))?;
        self.sweep()?;
        let now = chrono::Utc::now().format(MOMENT).to_string();
        for number in 1..1000 {
            let name = match number {
                1 => now.clone(),
                number => format!("{now}_{number}"),
            };
            let id: Id = name.parse().map_err(Failure::failed)?;
            if self.path(&id).symlink_metadata().is_ok() {
                continue;
            }
            let folder = self.folder.join(format!("{MAKING}{id}"));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => {
                    return Err(Failure::failed(format!(
                        "cannot make the folder {}: {error}",
                        folder.display()
                    )));
                }
            }
            let held = hold(&folder)?;
            return Ok(Making {
                id,
                folder,
                place: self.clone(),
                kept: false,
                _held: held,
            });
        }
        Err(Failure::failed(format!(
            "no name is left for a snapshot of {now}"
        )))
    }

    /// Removes a snapshot: it loses its name first, so that half of one never looks whole.
    ///
    /// # Errors
    /// It has no manifest of ours, or cannot be removed.
    pub(crate) fn remove(&self, id: &Id) -> Result<()> {
        let path = self.path(id);
        if !is_folder(&path) || !path.join(MANIFEST).is_file() {
            return Err(Failure::refused(format!(
                "{} has no manifest: it was not made by this tool",
                path.display()
            )));
        }
        let going = self.folder.join(format!("{MAKING}{id}"));
        let removed = fs::rename(&path, &going).and_then(|()| fs::remove_dir_all(&going));
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
        Ok(())
    }

    /// Removes what killed runs have left: a run that goes on holds its folder.
    fn sweep(&self) -> Result<()> {
        for name in self.names()? {
            let half = name
                .strip_prefix(MAKING)
                .and_then(|id| id.parse::<Id>().ok());
            let folder = self.folder.join(&name);
            if half.is_none() || !is_folder(&folder) {
                continue;
            }
            if hold(&folder).is_ok() {
                fs::remove_dir_all(&folder).with_context(|| {
                    format!("cannot remove the half snapshot {}", folder.display())
                })?;
            }
        }
        Ok(())
    }
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|entry| entry.is_dir())
}

/// Held by the operating system until it is closed.
fn hold(folder: &Path) -> Result<File> {
    let file = File::open(folder)
        .with_context(|| format!("cannot open the folder {}", folder.display()))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .with_context(|| format!("{} is being written", folder.display()))?;
    Ok(file)
}

/// A snapshot that is being written. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Making {
    pub(crate) id: Id,
    folder: PathBuf,
    place: Place,
    kept: bool,
    _held: File,
}

impl Making {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A new file that only its owner reads.
    pub(crate) fn create(&self, name: &str) -> Result<File> {
        let path = self.path(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(file)
    }

    /// Gives it its name, now that everything is in it and on the disk.
    ///
    /// # Errors
    /// Something else has the name.
    pub(crate) fn keep(mut self) -> Result<PathBuf> {
        let path = self.place.path(&self.id);
        synced(&self.folder)?;
        renameat_with(CWD, &self.folder, CWD, &path, RenameFlags::NOREPLACE)
            .with_context(|| format!("cannot give the snapshot its name {}", path.display()))?;
        self.kept = true;
        synced(&self.place.folder)?;
        Ok(path)
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if !self.kept {
            // What stays is no snapshot, and is swept by the next one.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn synced(folder: &Path) -> Result<()> {
    let sync = || File::open(folder)?.sync_all();
    sync().with_context(|| format!("cannot sync {}", folder.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place {
            folder: folder.path().join("staging"),
        };
        (folder, place)
    }

    #[test]
    fn only_a_moment_is_an_id_and_nothing_that_leads_elsewhere() {
        for good in ["20261122_213000", "20261122_213000_2", "20261122_213000_10"] {
            assert!(good.parse::<Id>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "..",
            "../20261122_213000",
            "20261122_213000/..",
            "20261122_213000 ",
            "20261122_213000\n",
            "20261122_213000_",
            "20261122_213000_1",
            "20261122_213000_02",
            "20261322_213000",
            "20261122_253000",
            "2026112２_213000",
            ".making-20261122_213000",
        ] {
            assert!(bad.parse::<Id>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_are_in_the_order_of_their_moments_and_numbers() {
        let mut ids: Vec<Id> = [
            "20261122_213000_10",
            "20261122_213000_2",
            "20261122_213000",
            "20251122_213000",
        ]
        .map(|id| id.parse().expect("an id"))
        .to_vec();
        ids.sort();
        let names: Vec<&str> = ids.iter().map(Id::as_str).collect();
        assert_eq!(
            names,
            [
                "20251122_213000",
                "20261122_213000",
                "20261122_213000_2",
                "20261122_213000_10"
            ]
        );
    }

    #[test]
    fn what_is_not_kept_leaves_nothing_and_what_is_kept_has_its_name() {
        let (_base, place) = place();
        let making = place.make().expect("a folder");
        making.create("data").expect("a file");
        drop(making);
        assert_eq!(fs::read_dir(&place.folder).expect("there").count(), 0);
        let kept = place.make().expect("a folder").keep().expect("a name");
        assert_eq!(
            place.ids().expect("read"),
            [kept
                .file_name()
                .and_then(|name| name.to_str())
                .expect("a name")
                .parse()
                .expect("an id")]
        );
    }

    #[test]
    fn two_at_the_same_second_have_names_of_their_own() {
        let (_base, place) = place();
        let (first, second) = (place.make().expect("one"), place.make().expect("two"));
        assert_ne!(first.id, second.id);
        let (first, second) = (first.keep().expect("kept"), second.keep().expect("kept"));
        assert_ne!(first, second);
        assert_eq!(place.ids().expect("read").len(), 2);
    }

    #[test]
    fn a_half_snapshot_of_a_killed_run_is_swept_and_one_being_written_is_not() {
        let (_base, place) = place();
        let going_on = place.make().expect("one");
        let left = place.folder.join(".making-20200101_000000");
        fs::create_dir(&left).expect("a folder");
        fs::write(left.join("half"), "x").expect("a file");
        let _next = place.make().expect("another");
        assert!(!left.exists());
        assert!(going_on.path("").exists());
    }

    #[test]
    fn links_and_files_with_an_ids_name_are_no_snapshots() {
        let (base, place) = place();
        fs::create_dir_all(&place.folder).expect("a folder");
        std::os::unix::fs::symlink(base.path(), place.folder.join("20200101_000000"))
            .expect("a link");
        fs::write(place.folder.join("20200101_000001"), "").expect("a file");
        assert_eq!(place.ids().expect("read"), []);
    }
}
