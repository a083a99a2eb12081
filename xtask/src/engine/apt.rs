//! Asking apt, and having it install.
//!
//! What an installation would add is found out in a folder of its own, with copies of apt's sources
//! and the new ones beside them, so that a person sees every package and version before this
//! machine is touched, and needs no root for that.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::context::Context;
use crate::engine::os::System;
use crate::engine::plan::{self, Installation, KEYRING, NewFile, Target};
use crate::error::{Failure, Result};
use crate::files::replace;
use crate::process::{Invocation, Reply};

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
        self.context.runner.run(&self.command(program, args))?.ok()
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
    let folder = tempfile::Builder::new()
        .prefix("tta-apt.")
        .tempdir()
        .context("no temporary folder for apt's lists")?;
    let options = aside(folder.path(), &files).context("apt's sources could not be copied")?;
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
/// apt now would do something else than was shown, or fails.
pub(crate) fn install(context: &Context, installation: &Installation) -> Result<()> {
    let apt = Apt {
        context,
        options: Vec::new(),
    };
    for file in &installation.files {
        write(file).with_context(|| format!("cannot write {}", file.path))?;
    }
    apt.run("apt-get", &["--quiet", "update"])?;
    let now = plan::additions(&apt.simulate(&installation.asked)?)?;
    if now != installation.additions {
        return Err(
            Failure::refused("apt would now install something else than was shown")
                .hint("run the same command again"),
        );
    }
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

fn write(file: &NewFile) -> anyhow::Result<()> {
    let path = Path::new(file.path);
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    replace(path, &file.text)
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
