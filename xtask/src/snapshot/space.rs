//! Whether there is room, before anything is begun: on the engine's disk and on the destination's.

use std::path::Path;

use environments::Service;
use process::PROMPT;

use crate::error::{Failure, Kind, Result};
use crate::observe::Observed;
use crate::snapshot::scratch::Scratch;
use crate::tools::docker::Docker;
use crate::tools::docker::containers::{Mounted, told};
use crate::ui::bytes;

/// How much is taken beyond what was counted: servers go on writing.
const MARGIN: u64 = 64 << 20;

/// What two stores take on the engine's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) neo4j: u64,
    pub(crate) redis: u64,
}

impl Sizes {
    pub(crate) const fn total(self) -> u64 {
        self.neo4j + self.redis
    }
}

/// Counts the blocks of what the copy of both stores copies, in the servers' containers.
pub(crate) fn sizes(docker: &Docker, observed: &Observed) -> Result<Sizes> {
    let size = |service: Service| {
        let container = observed.container(service).ok_or_else(|| {
            Failure::failed(format!(
                "{} has no container",
                observed.deployment.container(service)
            ))
        })?;
        counted(docker, &container.id, "/data")
    };
    Ok(Sizes {
        neo4j: size(Service::Neo4j)?,
        redis: size(Service::Redis)?,
    })
}

/// The bytes on the disk below `$0`, without the folders that the copy leaves out. Files that a
/// running server removes meanwhile are no failure.
const COUNT: &str = "du --summarize --block-size=1 --exclude='.incoming-*' --exclude='.before-*' \"$0\" 2>/dev/null || true";

/// The bytes on the disk below a folder of a container.
fn counted(docker: &Docker, container: &str, folder: &str) -> Result<u64> {
    let words = ["bash", "-c", COUNT, folder];
    let command = docker.exec_with(container, &["--user", "root"], &words);
    let number = |said: &str| said.split_once('\t')?.0.parse().ok();
    told(
        || Ok(docker.runner().run(&command)?),
        "a number of bytes",
        number,
    )
}

/// Fails where the destination has not as much room.
pub(crate) fn at_destination(folder: &Path, needed: u64) -> Result<()> {
    let there = folder.ancestors().find(|folder| folder.exists());
    let there = there.unwrap_or(Path::new("/"));
    let stat = rustix::fs::statvfs(there)
        .map_err(|error| Failure::failed(format!("{}: {error}", there.display())))?;
    enough(
        &format!("{}", there.display()),
        stat.f_bavail.saturating_mul(stat.f_frsize),
        needed,
        "cargo xtask snapshots prune ENV --keep-last 3 --dry-run   (or TTA_BACKUPS=/another/disk)",
    )
}

/// Fails where the engine's disk has not as much room, asked in a container of ours.
pub(crate) fn on_engine(scratch: &Scratch<'_>, image: &str, needed: u64) -> Result<()> {
    let volume = scratch.volume("room")?;
    let mut helper = scratch.helper("room", image);
    helper.entrypoint = Some("df");
    helper.in_memory = vec!["/data", "/logs"];
    helper.mounts = vec![Mounted::reading(&volume, "/room")];
    helper.args = ["--block-size=1", "--output=avail", "/room"]
        .map(str::to_owned)
        .to_vec();
    let docker = scratch.docker();
    let number = |said: &str| said.strip_suffix('\n')?.lines().last()?.trim().parse().ok();
    let free = docker.told_once(&helper, PROMPT, "the free bytes", number)?;
    docker.remove_volumes(&[volume]).outcome?;
    enough("the engine's disk", free, needed, "docker system df")
}

fn enough(place: &str, free: u64, needed: u64, hint: &str) -> Result<()> {
    let needed = needed.saturating_add(MARGIN);
    if free >= needed {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Failed,
        format!(
            "{place} has {} free, and {} may be needed; nothing was begun",
            bytes(free),
            bytes(needed)
        ),
    )
    .hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Ui;
    use process::{Interrupt, Invocation, Runner};

    #[test]
    fn what_the_copy_leaves_out_is_not_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let count = || {
            let runner = Runner::new(Interrupt::default(), Ui::silent());
            let place = folder.path().display().to_string();
            let count = Invocation::new("bash").args(["-c", COUNT, &place]);
            let said = runner.run(&count).expect("it runs").stdout;
            said.split_once('\t').expect("a number").0.parse::<u64>()
        };
        std::fs::write(folder.path().join("kept"), vec![1; 300_000]).expect("a file");
        let before = count().expect("a number");
        assert!(before >= 300_000, "{before}");
        for left_out in [".before-20261122_213000", ".incoming-20261122_213000"] {
            let left_out = folder.path().join(left_out);
            std::fs::create_dir(&left_out).expect("a folder");
            std::fs::write(left_out.join("data"), vec![1; 300_000]).expect("a file");
        }
        // The folder's own entry may have grown by a block.
        let after = count().expect("a number");
        assert!(after < before + 100_000, "{before} before, {after} after");
    }

    #[test]
    fn too_little_room_is_told_with_both_figures() {
        assert!(enough("here", 200 << 20, 100 << 20, "").is_ok());
        let failure = enough("here", 100 << 20, 100 << 20, "").expect_err("too little");
        assert!(
            failure
                .message
                .starts_with("here has 100.0 MiB free, and 164.0 MiB may be needed"),
            "{failure}"
        );
    }
}
