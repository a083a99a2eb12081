//! The Debian that the bases are built on, where no registry gives it: made by debootstrap.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::Context as _;
use environments::images::{DEBIAN_BASE, DEBIAN_SUITE};
use process::Invocation;

use crate::context::Context;
use crate::engine::{self, done};
use crate::error::{Failure, Result};

/// Where the new system is put together: /tmp may be small, in memory, or without device files.
const PLACE: &str = "/var/tmp";
const PREFIX: &str = "tta-debian.";

/// A minute on a good day; a slow mirror takes longer.
const BOOTSTRAP: Duration = Duration::from_secs(1800);

/// Makes [`DEBIAN_BASE`].
///
/// # Errors
/// Not root, no debootstrap and no agreement to install it, no mirror.
pub(crate) fn make(context: &Context, logs: &Path, install_tools: bool) -> Result<()> {
    let debootstrap = debootstrap(context, install_tools)?;
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::refused(format!(
            "{DEBIAN_BASE} cannot be pulled, and only root can make it with debootstrap"
        ))
        .hint(format!(
            "sudo {}   (or `docker load` it from a machine that has it)",
            own_command(context)
        )));
    }
    sweep();
    let started = Instant::now();
    context.ui.say(format!(
        "making {DEBIAN_BASE} with debootstrap: about a minute …"
    ));
    let folder = tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}.", std::process::id()))
        .tempdir_in(PLACE)
        .context("no temporary folder for a Debian system")?;
    let system = folder.path().join("system");
    let command = bootstrap(&debootstrap, &system, engine::mirror(context).as_deref());
    context
        .runner
        .logged(&command, &logs.join("debian.log"), None)?
        .ok()
        .map_err(|error| {
            Failure::from(error).hint(format!(
                "is the mirror reached, and has it the suite {DEBIAN_SUITE}?"
            ))
        })?;
    let archive = folder.path().join("system.tar");
    context.runner.run(&pack(&system, &archive))?.ok()?;
    let import = context
        .docker
        .command()
        .args(["import", "--change", "CMD [\"bash\"]"])
        .args(["--change", "LABEL org.tta.image.origin=debootstrap"])
        .args([archive.display().to_string(), DEBIAN_BASE.to_owned()])
        .deadline(BOOTSTRAP);
    context.runner.run(&import)?.ok()?;
    folder
        .close()
        .context("the temporary Debian system could not be removed")?;
    done(
        context,
        &format!("make {DEBIAN_BASE} with debootstrap"),
        "it could not be pulled",
        started,
    );
    Ok(())
}

/// debootstrap mounts /proc and /sys inside the new system. In a mount namespace of its own they
/// are gone with it, however it ends, so that removing the folder reaches nothing of the host; and
/// it does not outlive us.
fn bootstrap(debootstrap: &Path, system: &Path, mirror: Option<&str>) -> Invocation {
    Invocation::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
        ])
        .args(["--kill-child", "--"])
        .arg(debootstrap.display().to_string())
        .args(["--variant=minbase", "--include=ca-certificates"])
        .arg(format!("--keyring={}", engine::KEYRING))
        .arg(DEBIAN_SUITE)
        .arg(system.display().to_string())
        .args(mirror.map(str::to_owned))
        .deadline(BOOTSTRAP)
}

/// The packages' archives and lists are left out: `apt-get update` brings what is needed.
fn pack(system: &Path, archive: &Path) -> Invocation {
    Invocation::new("tar")
        .args(["--create", "--numeric-owner", "--file"])
        .arg(archive.display().to_string())
        .args([
            "--exclude=./var/cache/apt/archives/*.deb",
            "--exclude=./var/lib/apt/lists/*",
        ])
        .arg("--directory")
        .arg(system.display().to_string())
        .arg(".")
        .deadline(BOOTSTRAP)
}

/// The program, installed first where it is missing and that is agreed to.
fn debootstrap(context: &Context, install_tools: bool) -> Result<PathBuf> {
    let find = || {
        let elsewhere = Path::new("/usr/sbin/debootstrap");
        which::which("debootstrap")
            .ok()
            .or_else(|| elsewhere.is_file().then(|| elsewhere.to_owned()))
    };
    let script = Path::new("/usr/share/debootstrap/scripts").join(DEBIAN_SUITE);
    let keyring = Path::new(engine::KEYRING);
    let mut packages = Vec::new();
    match find() {
        Some(_) if !script.exists() => {
            return Err(Failure::failed(format!(
                "this debootstrap does not know {DEBIAN_SUITE}: {} is missing",
                script.display()
            ))
            .hint("install a newer debootstrap, or give a registry: cargo xtask images --registry HOST:PORT"));
        }
        Some(path) if keyring.is_file() => return Ok(path),
        Some(_) => {}
        None => packages.push("debootstrap"),
    }
    if !keyring.is_file() {
        packages.push("debian-archive-keyring");
    }
    context.ui.say(format!(
        "{DEBIAN_BASE} must be made here, and {} is missing",
        packages.join(" and ")
    ));
    engine::tools(context, &packages, install_tools)?;
    find().ok_or_else(|| Failure::failed("debootstrap was installed, but is not found"))
}

/// Removes what runs that were killed have left; debootstrap itself ended with them.
fn sweep() {
    let Ok(entries) = fs::read_dir(PLACE) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // What cannot be removed now is met again at the next run.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// This program itself: root's PATH need not have cargo.
fn own_command(context: &Context) -> String {
    let program = env::current_exe().map_or_else(
        |_| "cargo xtask".to_owned(),
        |path| path.display().to_string(),
    );
    let typed = &context.confirmation.command;
    typed
        .strip_prefix("cargo xtask")
        .map_or_else(|| typed.clone(), |rest| format!("{program}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debootstrap_runs_in_namespaces_that_end_with_it_and_never_guesses_a_mirror() {
        let line = |mirror| {
            bootstrap(
                Path::new("/usr/sbin/debootstrap"),
                Path::new("/var/tmp/x/system"),
                mirror,
            )
            .line()
        };
        insta::assert_snapshot!(
            line(Some("http://mirror.example/debian")),
            @"setpriv --pdeathsig KILL unshare --mount --pid --fork --mount-proc --kill-child -- /usr/sbin/debootstrap --variant=minbase --include=ca-certificates --keyring=/usr/share/keyrings/debian-archive-keyring.gpg trixie /var/tmp/x/system http://mirror.example/debian"
        );
        assert!(line(None).ends_with("trixie /var/tmp/x/system"));
    }
}
