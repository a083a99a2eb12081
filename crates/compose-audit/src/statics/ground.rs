//! Looks up on this machine what a model's paths lead to and what is in its secrets. Decides
//! nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use crate::Composed;
use crate::statics::model::{Model, Source};
use crate::statics::mounts;
use crate::statics::side::{Ground, Host};

/// A secret is small; what is longer is none, and is not read whole.
const LONGEST: u64 = 1 << 20;

/// Looks everything up that the judges may ask for.
pub(crate) fn look_up(composed: &Composed, model: &Model) -> Ground {
    let mut ground = Ground {
        host: host(),
        ..Ground::default()
    };
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

/// This host's names and addresses, as the kernel has them.
fn host() -> Host {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let name = read("/proc/sys/kernel/hostname").trim().to_owned();
    let mut addresses = Vec::new();
    let routes = read("/proc/net/fib_trie");
    let lines: Vec<&str> = routes.lines().collect();
    for pair in lines.windows(2) {
        if let [address, kind] = pair {
            let address = address.trim().trim_start_matches("|-- ").parse();
            if let (Ok(address), true) = (address, kind.contains("/32 host LOCAL")) {
                addresses.push(IpAddr::V4(address));
            }
        }
    }
    for line in read("/proc/net/if_inet6").lines() {
        let digits = line.split_whitespace().next().unwrap_or_default();
        if let Ok(bits) = u128::from_str_radix(digits, 16) {
            addresses.push(IpAddr::V6(bits.into()));
        }
    }
    Host {
        names: if name.is_empty() {
            Vec::new()
        } else {
            vec![name]
        },
        addresses,
    }
}

/// A secret's own text, by the file or the variable that it comes from.
fn content(composed: &Composed, source: &Source) -> Option<(String, String)> {
    if let Some(file) = &source.file {
        let lies = composed.lies(file);
        let about = std::fs::metadata(&lies).ok()?;
        if !about.is_file() || about.len() > LONGEST {
            return None;
        }
        let bytes = std::fs::read(lies).ok()?;
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

    #[test]
    fn what_a_file_names_is_read_beside_it_while_it_lies_elsewhere() {
        let aside = tempfile::tempdir().expect("a folder");
        std::fs::write(aside.path().join("users.acl"), "user x").expect("writable");
        let composed = Composed {
            name: "dev".to_owned(),
            files: vec![aside.path().join("a.yml")],
            folder: Some(PathBuf::from("/state/dev")),
            secrets: Vec::new(),
            again: "compose-audit",
        };
        let source = |file: &str| Source {
            file: Some(file.to_owned()),
            environment: None,
            ..Source::default()
        };
        assert_eq!(
            content(&composed, &source("/state/dev/users.acl")),
            Some(("/state/dev/users.acl".to_owned(), "user x".to_owned()))
        );
        assert_eq!(content(&composed, &source("/elsewhere/users.acl")), None);
        assert_eq!(composed.named(), [PathBuf::from("/state/dev/a.yml")]);
    }
}
