//! Looks up on this machine what a model's paths lead to and what is in its secrets. Decides
//! nothing.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::isolation::Composed;
use crate::isolation::statics::model::{Model, Source};
use crate::isolation::statics::mounts;
use crate::isolation::statics::side::Ground;

/// A secret is small; what is longer is none, and is not read whole.
const LONGEST: u64 = 1 << 20;

/// Looks everything up that the judges may ask for.
pub(crate) fn look_up(composed: &Composed, model: &Model) -> Ground {
    let mut ground = Ground::default();
    for path in mounts::paths(model) {
        let real = real(Path::new(&path));
        ground.real.insert(path, real);
    }
    for source in model.secrets.values().chain(model.configs.values()) {
        if let Some((key, text)) = content(composed, source) {
            ground.contents.insert(key, text);
        }
    }
    ground
}

/// A secret's own text, by the file or the variable that it comes from.
fn content(composed: &Composed, source: &Source) -> Option<(String, String)> {
    if let Some(file) = &source.file {
        let about = std::fs::metadata(file).ok()?;
        if !about.is_file() || about.len() > LONGEST {
            return None;
        }
        let bytes = std::fs::read(file).ok()?;
        return Some((file.clone(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    let name = source.environment.as_ref()?;
    let given: BTreeMap<&String, &String> = composed
        .secrets
        .iter()
        .map(|(name, value)| (name, value))
        .collect();
    let value = given
        .get(name)
        .map(|value| (*value).clone())
        .or_else(|| std::env::var(name).ok())?;
    Some((format!("${name}"), value))
}

/// Where a path leads to: links followed as far as it exists, the rest taken as it is written.
pub(crate) fn real(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    let mut known = plain(path);
    loop {
        if let Ok(real) = std::fs::canonicalize(&known) {
            return rest.iter().rev().fold(real, |path, part| path.join(part));
        }
        let Some(last) = known.file_name().map(std::ffi::OsStr::to_owned) else {
            return plain(path);
        };
        rest.push(last);
        if !known.pop() {
            return plain(path);
        }
    }
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_is_followed_and_what_is_not_there_yet_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = std::fs::canonicalize(folder.path()).expect("it is there");
        std::fs::create_dir(root.join("data")).expect("writable");
        symlink(root.join("data"), root.join("link")).expect("writable");
        assert_eq!(real(&root.join("link/x/y")), root.join("data/x/y"));
        assert_eq!(real(&root.join("link/../link")), root.join("data"));
        assert_eq!(real(Path::new("/no/such/../path")), Path::new("/no/path"));
    }
}
