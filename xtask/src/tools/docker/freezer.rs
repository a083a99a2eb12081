//! The kernel's own switch of a frozen container, for an engine that does not thaw it any more, or that
//! does not know that it is frozen.
//!
//! Engine 26.1 was seen to hang on a container for good, on cgroup v1, after the machine had stood
//! still amid `docker pause`: `unpause`, `inspect` and `rm` of it never ended.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";

/// Thaws containers by their full ids; what runs goes on running. Whether any had such a switch: there
/// is none where the engine is elsewhere, and only root may use it.
pub(crate) fn thaw_all(ids: &[String]) -> bool {
    let thawed = |id: &&String| written_below(Path::new(ROOT), id, |switch| switch.thaw);
    ids.iter().filter(thawed).count() > 0
}

/// Helps one container after `docker unpause` of it, and of no other, has failed with these words; then
/// that is to be tried again.
///
/// An engine that comes to again after its container was thawed by the kernel still takes it for frozen,
/// and does not thaw what runs ("container not paused", 26.1): for it the container is frozen once more,
/// for a moment.
pub(crate) fn help(id: &str, said: &str) {
    help_below(Path::new(ROOT), id, said);
}

fn help_below(root: &Path, id: &str, said: &str) -> bool {
    let runs = said.contains("container not paused");
    written_below(
        root,
        id,
        |switch| {
            if runs { switch.freeze } else { switch.thaw }
        },
    )
}

fn written_below(root: &Path, id: &str, word: impl Fn(&Switch) -> &'static str) -> bool {
    switches(root, id)
        .into_iter()
        .any(|switch| switch.file.is_file() && fs::write(&switch.file, word(&switch)).is_ok())
}

/// Whether the kernel has a container frozen, or is about to, whatever the engine says. Not where there
/// is no such switch.
pub(crate) fn holds(id: &str) -> bool {
    held_below(Path::new(ROOT), id)
}

fn held_below(root: &Path, id: &str) -> bool {
    told_below(root, id).is_some_and(|state| state != State::Thawed)
}

/// Whether the kernel has a container frozen: all of it, at this moment. None where it does not tell.
pub(crate) fn frozen(id: &str) -> Option<bool> {
    Some(told_below(Path::new(ROOT), id)? == State::Frozen)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Thawed,
    /// On its way there.
    Freezing,
    Frozen,
}

fn told_below(root: &Path, id: &str) -> Option<State> {
    let told = |switch: &Switch| {
        let text = fs::read_to_string(&switch.file).ok()?;
        match text.trim() {
            "" => None,
            state if state == switch.thaw => Some(State::Thawed),
            "FREEZING" => Some(State::Freezing),
            // The second version says by this what it was told, and in another file what is.
            "1" => Some(events(&switch.file)),
            _ => Some(State::Frozen),
        }
    };
    switches(root, id).iter().find_map(told)
}

/// What cgroup.events has beside a `cgroup.freeze` that was set (kernel: cgroup-v2.rst).
fn events(switch: &Path) -> State {
    let text = fs::read_to_string(switch.with_file_name("cgroup.events")).unwrap_or_default();
    if text.lines().any(|line| line.trim() == "frozen 0") {
        State::Freezing
    } else {
        State::Frozen
    }
}

/// A file of the kernel's, and what is written there.
#[derive(Debug, PartialEq, Eq)]
struct Switch {
    file: PathBuf,
    thaw: &'static str,
    freeze: &'static str,
}

/// Where the two drivers of the two versions of control groups have it. Only a whole id names one
/// container and no other.
fn switches(root: &Path, id: &str) -> Vec<Switch> {
    let whole = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !whole {
        return Vec::new();
    }
    let (first, second) = (["THAWED", "FROZEN"], ["0", "1"]);
    [
        (format!("freezer/docker/{id}/freezer.state"), first),
        (
            format!("freezer/system.slice/docker-{id}.scope/freezer.state"),
            first,
        ),
        (
            format!("system.slice/docker-{id}.scope/cgroup.freeze"),
            second,
        ),
        (format!("docker/{id}/cgroup.freeze"), second),
    ]
    .into_iter()
    .map(|(path, [thaw, freeze])| Switch {
        file: root.join(path),
        thaw,
        freeze,
    })
    .collect()
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
        assert!(help_below(root.path(), &ours, "it did not end within 3 s"));
        let said = |id: &str| fs::read_to_string(switch(id)).expect("a switch");
        assert_eq!(
            (said(&ours), said(&other)),
            ("THAWED".into(), "FROZEN".into())
        );
        // The engine has come to, and believes it frozen.
        let left_behind = "OCI runtime resume failed: container not paused: unknown";
        assert!(help_below(root.path(), &ours, left_behind));
        assert_eq!(said(&ours), "FROZEN");
    }

    #[test]
    fn what_the_kernel_holds_is_seen_whatever_the_engine_says() {
        let root = tempfile::tempdir().expect("a folder");
        let id = "a1".repeat(32);
        assert!(!held_below(root.path(), &id), "there is no switch");
        for (path, states) in [
            (
                "freezer/docker/ID/freezer.state",
                ["THAWED\n", "FREEZING\n", "FROZEN\n"],
            ),
            ("docker/ID/cgroup.freeze", ["0\n", "1\n", "1\n"]),
        ] {
            let file = root.path().join(path.replace("ID", &id));
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            let held = states.map(|state| {
                fs::write(&file, state).expect("a switch");
                held_below(root.path(), &id)
            });
            assert_eq!(held, [false, true, true], "{path}");
            fs::remove_file(file).expect("it was there");
        }
    }

    #[test]
    fn a_container_that_is_about_to_be_frozen_is_not_yet() {
        let root = tempfile::tempdir().expect("a folder");
        let id = "a1".repeat(32);
        assert_eq!(told_below(root.path(), &id), None);
        let folder = root.path().join("docker").join(&id);
        fs::create_dir_all(&folder).expect("a folder");
        for (freeze, events, state) in [
            ("0\n", "populated 1\nfrozen 0\n", State::Thawed),
            ("1\n", "populated 1\nfrozen 0\n", State::Freezing),
            ("1\n", "populated 1\nfrozen 1\n", State::Frozen),
        ] {
            fs::write(folder.join("cgroup.freeze"), freeze).expect("a switch");
            fs::write(folder.join("cgroup.events"), events).expect("what is");
            assert_eq!(told_below(root.path(), &id), Some(state));
        }
    }

    #[test]
    fn what_is_no_whole_id_names_no_switch() {
        let root = tempfile::tempdir().expect("a folder");
        for id in ["", "a1b2c3", "../../etc", "tta-dev-redis", &"g".repeat(64)] {
            assert_eq!(switches(root.path(), id), Vec::<Switch>::new());
        }
        assert!(!help_below(root.path(), &"a1".repeat(32), ""));
    }
}
