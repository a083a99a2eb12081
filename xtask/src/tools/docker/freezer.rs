//! The kernel's own switch of a frozen container, for an engine that does not thaw it any more.
//!
//! Engine 26.1 was seen to hang on a container for good, on cgroup v1, after the machine had stood
//! still amid `docker pause`: `unpause`, `inspect` and `rm` of it never ended.

use std::fs;
use std::path::{Path, PathBuf};

/// Thaws one container by its full id, past the engine, which `docker unpause` sets right afterwards.
/// Whether there was such a switch: there is none where the engine is elsewhere, and only root may
/// use it.
pub(crate) fn thaw(id: &str) -> bool {
    thaw_below(Path::new("/sys/fs/cgroup"), id)
}

fn thaw_below(root: &Path, id: &str) -> bool {
    switches(root, id)
        .into_iter()
        .any(|(switch, word)| switch.is_file() && fs::write(switch, word).is_ok())
}

/// Where the two drivers of the two versions of control groups have it. Only a whole id names one
/// container and no other.
fn switches(root: &Path, id: &str) -> Vec<(PathBuf, &'static str)> {
    let whole = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !whole {
        return Vec::new();
    }
    [
        (format!("freezer/docker/{id}/freezer.state"), "THAWED"),
        (
            format!("freezer/system.slice/docker-{id}.scope/freezer.state"),
            "THAWED",
        ),
        (format!("system.slice/docker-{id}.scope/cgroup.freeze"), "0"),
        (format!("docker/{id}/cgroup.freeze"), "0"),
    ]
    .map(|(path, word)| (root.join(path), word))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_of_that_very_container_is_used_and_no_other() {
        let root = tempfile::tempdir().expect("a folder");
        let (ours, other) = ("a1".repeat(32), "b2".repeat(32));
        let switch = |id: &str| {
            let folder = root.path().join("freezer/docker").join(id);
            fs::create_dir_all(&folder).expect("a folder");
            folder.join("freezer.state")
        };
        for id in [&ours, &other] {
            fs::write(switch(id), "FROZEN").expect("a switch");
        }
        assert!(thaw_below(root.path(), &ours));
        let said = |id: &str| fs::read_to_string(switch(id)).expect("a switch");
        assert_eq!(
            (said(&ours), said(&other)),
            ("THAWED".into(), "FROZEN".into())
        );
    }

    #[test]
    fn what_is_no_whole_id_names_no_switch() {
        let root = tempfile::tempdir().expect("a folder");
        for id in ["", "a1b2c3", "../../etc", "tta-dev-redis", &"g".repeat(64)] {
            assert_eq!(switches(root.path(), id), []);
        }
        assert!(!thaw_below(root.path(), &"a1".repeat(32)));
    }
}
