//! Files that are replaced whole, and what may be replaced.
//!
//! A file that this tool did not make is never written over.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context as _, bail};

/// Writes a file beside its place and renames it: another process reads the old file or the new one,
/// never half. Anyone may read it: Redis' user reads its list of users through a bind mount, apt's
/// user its sources. The folder must be there.
pub fn replace(path: &Path, contents: &str) -> anyhow::Result<()> {
    // The umask may have taken more than it should.
    placed(path, contents, 0o644)?.persist(path)?;
    Ok(())
}

/// What lies where a file is to be written, if anything: the text of a file that may be written over.
///
/// # Errors
/// Why it may not, to be read after the file's name. No byte of the file is in it.
pub fn replaceable(path: &Path, ours: impl FnOnce(&str) -> bool) -> Result<Option<String>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let about = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error)),
        Ok(about) => about,
    };
    if about.is_symlink() {
        return Err("is a symbolic link".to_owned());
    }
    if about.is_dir() {
        return Err("is a folder".to_owned());
    }
    if !about.is_file() {
        return Err("is no regular file".to_owned());
    }
    let bytes = fs::read(path).map_err(cannot)?;
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    if !ours(&text) {
        return Err("was not made by this tool".to_owned());
    }
    Ok(Some(text))
}

/// Whether somebody has set that a file is not to be written.
pub fn read_only(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.permissions().readonly())
}

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// A server's user among them, through a bind mount.
    Anyone,
    /// Whoever could read the one that it replaces.
    AsBefore,
}

/// Writes a file in place of what was seen there. The folder must be there.
///
/// # Errors
/// Something else is there now; it cannot be written.
pub fn put(
    path: &Path,
    seen: Option<&str>,
    contents: &str,
    readers: Readers,
) -> anyhow::Result<()> {
    let Some(seen) = seen else {
        placed(path, contents, 0o644)?.persist_noclobber(path)?;
        return Ok(());
    };
    match replaceable(path, |now| now == seen) {
        Ok(Some(_)) => {}
        _ => bail!("it was changed meanwhile: run the same command again"),
    }
    let mode = match readers {
        Readers::Anyone => 0o644,
        Readers::AsBefore => fs::metadata(path)?.permissions().mode() & 0o777,
    };
    placed(path, contents, mode)?.persist(path)?;
    Ok(())
}

fn placed(path: &Path, contents: &str, mode: u32) -> anyhow::Result<tempfile::NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let beside = tempfile::NamedTempFile::new_in(folder).context("no file can be made there")?;
    fs::write(beside.path(), contents)?;
    fs::set_permissions(beside.path(), fs::Permissions::from_mode(mode))?;
    Ok(beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_written_over_is_told_by_its_kind_and_never_by_its_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("theirs"), "KEY=secret").expect("written");
        fs::write(path("bytes"), [0xff, 0xfe]).expect("written");
        fs::create_dir(path("folder")).expect("a folder");
        std::os::unix::fs::symlink(path("theirs"), path("link")).expect("a link");
        std::os::unix::fs::symlink(path("nowhere"), path("dangling")).expect("a link");
        let ours = |text: &str| text.starts_with("ours");
        assert_eq!(replaceable(&path("nothing"), ours), Ok(None));
        for (name, why) in [
            ("theirs", "was not made by this tool"),
            ("bytes", "is not UTF-8 text"),
            ("folder", "is a folder"),
            ("link", "is a symbolic link"),
            ("dangling", "is a symbolic link"),
            (
                "theirs/below",
                "cannot be read: Not a directory (os error 20)",
            ),
        ] {
            assert_eq!(
                replaceable(&path(name), ours),
                Err(why.to_owned()),
                "{name}"
            );
        }
        assert_eq!(
            replaceable(Path::new("/dev/null"), |_| true),
            Err("is no regular file".to_owned())
        );
    }

    #[test]
    fn a_file_is_put_only_in_place_of_what_was_seen_and_may_keep_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.json");
        let put = |seen, text| put(&path, seen, text, Readers::AsBefore);
        put(None, "one").expect("nothing is there");
        assert!(put(None, "two").is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("private");
        assert!(put(Some("other"), "two").is_err());
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "one");
        put(Some("one"), "two").expect("it is what was seen");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "two");
        let mode = fs::metadata(&path).expect("it is there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
