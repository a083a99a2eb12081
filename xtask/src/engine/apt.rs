//! Asking apt, and having it install.
//!
//! What an installation would add is found out in a folder of its own, with copies of apt's sources
//! and the new ones beside them, so that a person sees every package and version before this
//! machine is touched, and needs no root for that.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use compose_audit::files::replace;
use process::{Invocation, Reply};

use crate::context::Context;
use crate::engine::os::System;
use crate::engine::plan::{self, Addition, Installation, KEYRING, NewFile, Target};
use crate::error::{Failure, Result};

/// How long lists and packages may take to arrive.
const DOWNLOAD: Duration = Duration::from_secs(900);

/// apt, with the options that make it look elsewhere than this machine's own configuration.
#[derive(Debug)]
struct Apt<'a> {
    context: &'a Context,
    options: Vec<String>,
}

impl Apt<'_> {
    fn command(&self, program: &str, args: &[&str]) -> Invocation {
        Invocation::new(program)
            .args(self.options.iter().cloned())
            .args(args.iter().copied())
            // Its words are read here; and nobody is there to answer a package's questions.
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("NEEDRESTART_MODE", "l")
            .deadline(DOWNLOAD)
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<Reply> {
        Ok(self
            .context
            .runner
            .run(&self.command(program, args))?
            .ok()?)
    }

    fn targets(&self) -> Result<Vec<Target>> {
        Ok(plan::targets(&self.run("apt-get", &plan::TARGETS)?.stdout))
    }

    fn simulate(&self, asked: &[String]) -> Result<String> {
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let args = [
            "--simulate",
            "--quiet",
            "install",
            "--no-install-recommends",
        ];
        Ok(self.run("apt-get", &[&args[..], &asked].concat())?.stdout)
    }
}

/// The mirror that this machine's own Debian packages come from, where it has one.
pub(crate) fn mirror(context: &Context) -> Option<String> {
    let apt = Apt {
        context,
        options: Vec::new(),
    };
    plan::mirror(&apt.targets().ok()?).map(str::to_owned)
}

/// What installing these packages would add.
///
/// # Errors
/// apt is missing or has no such package; refused where something would be upgraded or removed.
pub(crate) fn prepare(
    context: &Context,
    system: &System,
    packages: &[&str],
) -> Result<Installation> {
    which::which("apt-get")
        .map_err(|_| Failure::failed("there is no apt-get, so nothing can be installed"))?;
    context
        .ui
        .say("asking apt what an installation would add …");
    let docker = packages.iter().any(|package| package.starts_with("docker"));
    let files = if docker && *system == System::Bookworm {
        if !Path::new(KEYRING).is_file() {
            return Err(Failure::failed(format!(
                "the keys of Debian's archive are not in {KEYRING}"
            ))
            .hint("apt-get install debian-archive-keyring"));
        }
        plan::files_for_bookworm(
            &Apt {
                context,
                options: Vec::new(),
            }
            .targets()?,
        )?
    } else {
        Vec::new()
    };
    let folder = folder()?;
    let options = aside(folder.path(), &files).context(NOT_COPIED)?;
    let apt = Apt { context, options };
    apt.run("apt-get", &["--quiet", "update"])?;
    let asked = if docker && *system == System::Bookworm {
        let madison = apt.run("apt-cache", &[&["madison"], packages].concat())?;
        plan::exact(packages, &madison.stdout)?
    } else {
        packages
            .iter()
            .map(|package| (*package).to_owned())
            .collect()
    };
    let additions = plan::additions(&apt.simulate(&asked)?)?;
    Ok(Installation {
        files,
        asked,
        additions,
    })
}

/// Adds the files and the packages.
///
/// # Errors
/// apt now would do something else than was shown, or fails. The files are there only where apt has
/// agreed.
pub(crate) fn install(context: &Context, installation: &Installation) -> Result<()> {
    let would = |apt: &Apt<'_>| {
        apt.run("apt-get", &["--quiet", "update"])?;
        plan::additions(&apt.simulate(&installation.asked)?)
    };
    let folder = folder()?;
    let options = aside(folder.path(), &installation.files).context(NOT_COPIED)?;
    let beside = Apt { context, options };
    let apt = Apt {
        context,
        options: Vec::new(),
    };
    let root = Path::new("/");
    add(installation, root, || would(&beside), || would(&apt))?;
    let asked: Vec<&str> = installation.asked.iter().map(String::as_str).collect();
    let args = [
        "--quiet",
        "--assume-yes",
        "--option=DPkg::Lock::Timeout=120",
        "install",
        "--no-install-recommends",
        "--no-remove",
    ];
    apt.run("apt-get", &[&args[..], &asked].concat()).map(drop)
}

/// Adds the files once apt has agreed beside them, and takes them back where it does not agree with
/// them in place.
fn add(
    installation: &Installation,
    root: &Path,
    beside: impl FnOnce() -> Result<Vec<Addition>>,
    in_place: impl FnOnce() -> Result<Vec<Addition>>,
) -> Result<()> {
    let as_shown = |now: Vec<Addition>| {
        if now == installation.additions {
            return Ok(());
        }
        let other = "apt would now install something else than was shown, so nothing was changed";
        Err(Failure::refused(other).hint("run the same command again"))
    };
    as_shown(beside()?)?;
    let mut written = Vec::new();
    let write_all = || {
        for file in &installation.files {
            let path = root.join(file.path.trim_start_matches('/'));
            let was = match fs::read_to_string(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                other => Some(other.with_context(|| format!("cannot read {}", path.display()))?),
            };
            written.push((path.clone(), was));
            write(&path, file).with_context(|| format!("cannot write {}", path.display()))?;
        }
        as_shown(in_place()?)
    };
    let added = write_all();
    added.map_err(|failure| {
        taken_back(&written)
            .into_iter()
            .fold(failure, Failure::also)
    })
}

/// Puts back what was there before. What cannot be put back is a failure of its own.
fn taken_back(written: &[(PathBuf, Option<String>)]) -> Vec<Failure> {
    let back = |(path, was): &(PathBuf, Option<String>)| {
        let done = match was {
            Some(text) => replace(path, text),
            None if path.exists() => fs::remove_file(path).map_err(Into::into),
            None => Ok(()),
        };
        let left = || format!("{} could not be put back as it was", path.display());
        done.with_context(left).err().map(Failure::from)
    };
    written.iter().rev().filter_map(back).collect()
}

fn write(path: &Path, file: &NewFile) -> anyhow::Result<()> {
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    replace(path, &file.text)
}

const NOT_COPIED: &str = "apt's sources could not be copied";

/// A folder for apt's lists, which goes with the value.
fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("tta-apt.").tempdir();
    Ok(folder.context("no temporary folder for apt's lists")?)
}

/// A copy of apt's sources and preferences with the new files among them; the options that make apt
/// use it. What is installed stays this machine's own answer.
fn aside(folder: &Path, files: &[NewFile]) -> anyhow::Result<Vec<String>> {
    let etc = Path::new("/etc/apt");
    for name in [
        "sources.list.d",
        "preferences.d",
        "lists/partial",
        "cache/archives/partial",
    ] {
        fs::create_dir_all(folder.join(name))?;
    }
    for name in ["sources.list", "preferences"] {
        fs::write(
            folder.join(name),
            fs::read(etc.join(name)).unwrap_or_default(),
        )?;
    }
    for name in ["sources.list.d", "preferences.d"] {
        let Ok(entries) = fs::read_dir(etc.join(name)) else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            if entry.path().is_file() {
                fs::copy(entry.path(), folder.join(name).join(entry.file_name()))?;
            }
        }
    }
    for file in files {
        let path = Path::new(file.path).strip_prefix(etc)?;
        fs::write(folder.join(path), &file.text)?;
    }
    let at = |name: &str| folder.join(name).display().to_string();
    let settings = BTreeMap::from([
        ("Dir::Etc::sourcelist", at("sources.list")),
        ("Dir::Etc::sourceparts", at("sources.list.d")),
        ("Dir::Etc::preferences", at("preferences")),
        ("Dir::Etc::preferencesparts", at("preferences.d")),
        ("Dir::State::lists", at("lists")),
        ("Dir::Cache", at("cache")),
        // apt's own user cannot enter a private folder.
        ("APT::Sandbox::User", "root".to_owned()),
        // Packages alone are asked for, not what a software centre shows.
        (
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled",
            "false".to_owned(),
        ),
        ("Acquire::Languages", "none".to_owned()),
    ]);
    Ok(settings
        .iter()
        .map(|(name, value)| format!("--option={name}={value}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const PATH: &str = "/etc/apt/preferences.d/tta-trixie";

    fn packages(version: &str) -> Vec<Addition> {
        vec![Addition {
            name: "docker.io".to_owned(),
            version: version.to_owned(),
        }]
    }

    fn installation() -> Installation {
        Installation {
            files: vec![NewFile {
                path: PATH,
                text: "Package: *\n".to_owned(),
            }],
            asked: vec!["docker.io".to_owned()],
            additions: packages("26"),
        }
    }

    #[test]
    fn no_file_is_written_before_apt_has_agreed_to_what_was_shown() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join(PATH.trim_start_matches('/'));
        for refusing in [Ok(packages("27")), Err(Failure::refused("it upgrades"))] {
            let refused = add(&installation(), root.path(), || refusing, || unreachable!());
            assert_eq!(refused.expect_err("refused").kind.exit_code(), 3);
            assert!(!path.exists());
        }
        let seen = Cell::new(false);
        let in_place = || {
            seen.set(path.exists());
            Ok(packages("26"))
        };
        let added = add(
            &installation(),
            root.path(),
            || Ok(packages("26")),
            in_place,
        );
        assert!(added.is_ok() && seen.get() && path.exists());
    }

    #[test]
    fn a_file_that_apt_does_not_agree_with_once_it_is_in_place_is_taken_back() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join(PATH.trim_start_matches('/'));
        let refusing = || Err(Failure::refused("it upgrades"));
        let agreed = || Ok(packages("26"));
        let refused = add(&installation(), root.path(), agreed, refusing);
        assert_eq!(refused.expect_err("refused").message, "it upgrades");
        assert!(!path.exists());
        fs::write(&path, "as it was").expect("a file");
        add(&installation(), root.path(), agreed, refusing).expect_err("refused");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "as it was");
    }
}
