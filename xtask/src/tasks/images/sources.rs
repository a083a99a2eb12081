//! What an image was made from, as one word that changes when any of it does.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest, Sha256};

use crate::error::Result;

/// The word for some folders of `docker/images` and the pins that they are built with.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn of(images: &Path, folders: &[&str], pins: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    for folder in folders {
        let mut files = BTreeMap::new();
        collect(&images.join(folder), Path::new(folder), &mut files)
            .with_context(|| format!("docker/images/{folder} cannot be read"))?;
        for (path, contents) in files {
            part(&mut hash, path.display().to_string().as_bytes());
            part(&mut hash, &contents);
        }
    }
    for pin in pins {
        part(&mut hash, pin.as_bytes());
    }
    let digits: Vec<String> = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(digits.concat())
}

/// Each part with its length before it, so that no two lists of parts give the same bytes.
fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// Every file by its path, the first byte telling whether it may be executed.
fn collect(
    folder: &Path,
    name: &Path,
    files: &mut BTreeMap<PathBuf, Vec<u8>>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&path, &name, files)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(&path)?;
            files.insert(name, [b"l", target.as_os_str().as_encoded_bytes()].concat());
        } else {
            let executable = entry.metadata()?.permissions().mode() & 0o100 != 0;
            let mark: &[u8] = if executable { b"x" } else { b"-" };
            files.insert(name, [mark, &fs::read(&path)?].concat());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    #[test]
    fn the_same_files_and_pins_give_the_same_word_and_any_change_another() {
        let images = tempfile::tempdir().expect("a folder");
        let now = |pin: &str| of(images.path(), &["a"], &[pin]).expect("readable");
        write(images.path(), "a/Dockerfile", "FROM x");
        write(images.path(), "a/bin/tool", "#!/bin/sh");
        write(images.path(), "b/Dockerfile", "of another image");
        let first = now("1");
        assert_eq!(first.len(), 64);
        assert_eq!(now("1"), first);
        write(images.path(), "b/Dockerfile", "changed");
        assert_eq!(now("1"), first, "another image's files are not its own");

        let mut seen = vec![first, now("2")];
        write(images.path(), "a/bin/tool", "#!/bin/bash");
        seen.push(now("1"));
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(images.path().join("a/bin/tool"), executable).expect("set");
        seen.push(now("1"));
        write(images.path(), "a/bin/other", "");
        seen.push(now("1"));
        let mut distinct = seen.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), seen.len());
    }
}
