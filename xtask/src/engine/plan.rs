//! What an installation adds to this machine: files and packages, as data.
//!
//! Decides from what apt says. Architecture Invariant: an installation only ever adds. Whatever
//! would upgrade or remove a package, or overwrite a file, is refused before anything is touched.

use std::fmt;

use process::{printable, quoted};

use crate::error::{Failure, Result};

/// Where an engine comes from on a Debian whose own is too old.
const SUITE: &str = "trixie";

/// The keys that Debian's archive is signed with, from Debian's own package.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// `apt-get indextargets` with these gives one [`Target`] a line, also where no list was fetched yet,
/// as on an image of a bare system: with its release information it lists only what was.
pub(crate) const TARGETS: [&str; 5] = [
    "indextargets",
    "--option=APT::Get::IndexTargets::ReleaseInfo=false",
    "--format",
    "$(SITE)|$(RELEASE)|$(COMPONENT)",
    "Created-By: Packages",
];

/// A package index that apt is configured to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    site: String,
    release: String,
    component: String,
}

/// A file that is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewFile {
    pub(crate) path: &'static str,
    pub(crate) text: String,
}

/// A package that comes new, with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addition {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// Everything that is added, and what is given to `apt-get install`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    pub(crate) files: Vec<NewFile>,
    pub(crate) asked: Vec<String>,
    pub(crate) additions: Vec<Addition>,
}

pub(crate) fn targets(text: &str) -> Vec<Target> {
    let target = |line: &str| {
        let mut cells = line.trim().split('|').map(str::to_owned);
        Some(Target {
            site: cells.next().filter(|site| !site.is_empty())?,
            release: cells.next()?,
            component: cells.next()?,
        })
    };
    text.lines().filter_map(target).collect()
}

impl Target {
    fn is_suite(&self, name: &str) -> bool {
        self.component == "main" && self.release == name
    }

    /// By the name that the source gives it.
    fn may_be_bookworm(&self) -> bool {
        self.is_suite("bookworm") || self.is_suite("oldstable")
    }
}

/// The mirror that this Debian takes its own packages from.
pub(crate) fn mirror(targets: &[Target]) -> Option<&str> {
    let fetched = |site: &&str| site.starts_with("http://") || site.starts_with("https://");
    let known = |target: &&Target| {
        let named = [
            "bookworm",
            SUITE,
            "stable",
            "oldstable",
            "testing",
            "unstable",
            "sid",
        ];
        named.iter().any(|suite| target.is_suite(suite))
    };
    targets
        .iter()
        .filter(known)
        .map(|target| target.site.as_str())
        .find(fetched)
}

/// What makes trixie known to a bookworm's apt, from the mirror it uses for itself. The pin comes
/// first: a run killed between the two must not leave a source that upgrades everything.
///
/// # Errors
/// apt has no source for bookworm itself.
pub(crate) fn files_for_bookworm(targets: &[Target]) -> Result<Vec<NewFile>> {
    if targets.iter().any(|target| target.is_suite(SUITE)) {
        return Ok(Vec::new());
    }
    let own = targets
        .iter()
        .find(|target| target.may_be_bookworm())
        .ok_or_else(|| {
            Failure::failed("apt has no source for Debian bookworm, so its mirror is not known")
                .hint("apt-get indextargets   (shows what it has)")
        })?;
    if own
        .site
        .chars()
        .any(|character| character.is_whitespace() || character.is_control())
    {
        return Err(Failure::failed(format!(
            "apt's mirror is no address: {}",
            printable(&own.site)
        )));
    }
    Ok(vec![
        NewFile {
            path: "/etc/apt/preferences.d/tta-trixie",
            text: format!(
                "# Nothing comes from {SUITE} unless it is asked for by version.\n\
                 Package: *\nPin: release n={SUITE}\nPin-Priority: 50\n"
            ),
        },
        NewFile {
            path: "/etc/apt/sources.list.d/tta-trixie.sources",
            text: format!(
                "# For Docker: bookworm's own is too old. See preferences.d/tta-trixie.\n\
                 Types: deb\nURIs: {}\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYRING}\n",
                own.site
            ),
        },
    ])
}

/// The packages by the exact version that trixie has; those that are not Docker's stay bookworm's
/// own. Never `-t trixie`, which upgrades the C library with it.
///
/// # Errors
/// trixie does not have one of them.
pub(crate) fn exact(packages: &[&str], madison: &str) -> Result<Vec<String>> {
    let version = |package: &str| {
        madison.lines().find_map(|line| {
            let mut cells = line.split('|').map(str::trim);
            let (name, version, source) = (cells.next()?, cells.next()?, cells.next()?);
            let suite = format!(" {SUITE}/main ");
            (name == package && source.contains(&suite)).then(|| version.to_owned())
        })
    };
    let one = |package: &&str| {
        if !package.starts_with("docker") {
            return Ok((*package).to_owned());
        }
        version(package)
            .map(|version| format!("{package}={version}"))
            .ok_or_else(|| {
                Failure::failed(format!(
                    "{SUITE} offers no package {package}:\n{}",
                    printable(madison)
                ))
                .hint("apt-get update, then run the same command again")
            })
    };
    packages.iter().map(one).collect()
}

/// What `apt-get --simulate install` would add.
///
/// # Errors
/// Refused where it would upgrade or remove anything, with the list of that.
pub(crate) fn additions(simulation: &str) -> Result<Vec<Addition>> {
    let mut additions = Vec::new();
    let mut changes = Vec::new();
    for line in simulation.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("Inst"), Some(name), Some(version)) if version.starts_with('(') => {
                additions.push(Addition {
                    name: name.to_owned(),
                    version: version.trim_start_matches('(').to_owned(),
                });
            }
            (Some("Inst" | "Remv" | "Purg"), Some(_), _) => changes.push(printable(line)),
            _ => {}
        }
    }
    if changes.is_empty() {
        return Ok(additions);
    }
    Err(Failure::refused(format!(
        "installing Docker would change packages that this machine has, so nothing was touched:\n    {}",
        changes.join("\n    ")
    ))
    .hint("install Docker Engine 25 or later by hand, then run the same command again"))
}

impl Installation {
    /// What root would type.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for file in &self.files {
            lines.push(format!("cat >{} <<'EOF'", file.path));
            lines.extend(file.text.lines().map(str::to_owned));
            lines.push("EOF".to_owned());
        }
        lines.push("apt-get update".to_owned());
        let asked: Vec<String> = self.asked.iter().map(|package| quoted(package)).collect();
        lines.push(format!(
            "apt-get install --no-install-recommends {}",
            asked.join(" ")
        ));
        lines
    }
}

impl fmt::Display for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "  adds the file {}", file.path)?;
            for line in file.text.lines() {
                writeln!(f, "      {line}")?;
            }
        }
        writeln!(f, "  adds these packages, and changes none that is there:")?;
        for addition in &self.additions {
            writeln!(f, "      {} {}", addition.name, addition.version)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded on a Debian 12, the mirror's name aside.
    const TARGETS: &str = "http://mirror.example/debian-security|bookworm-security|main\n\
                           http://mirror.example/debian|bookworm-updates|main\n\
                           http://mirror.example/debian|bookworm|main\n";
    const MADISON: &str = " docker.io | 26.1.5+dfsg1-9+deb13u1 | http://mirror.example/debian trixie/main amd64 Packages
 docker.io | 20.10.24+dfsg1-1+deb12u1+b6 | http://mirror.example/debian bookworm/main amd64 Packages
docker-cli | 26.1.5+dfsg1-9+deb13u1 | http://mirror.example/debian trixie/main amd64 Packages
docker-compose |   2.26.1-4 | http://mirror.example/debian trixie/main amd64 Packages
docker-compose |   1.29.2-3 | http://mirror.example/debian bookworm/main amd64 Packages
docker-buildx | 0.13.1+ds1-3 | http://mirror.example/debian trixie/main amd64 Packages
  iptables |   1.8.11-2 | http://mirror.example/debian trixie/main amd64 Packages
  iptables |    1.8.9-2 | http://mirror.example/debian bookworm/main amd64 Packages\n";
    const ADDS: &str = include_str!("recorded/adds.txt");
    const UPGRADES: &str = include_str!("recorded/upgrades.txt");

    #[test]
    fn bookworm_gets_dockers_packages_by_exact_version_and_keeps_its_own_iptables() {
        let packages = [
            "docker.io",
            "docker-cli",
            "iptables",
            "docker-compose",
            "docker-buildx",
        ];
        let asked = exact(&packages, MADISON).expect("trixie has all");
        let additions = additions(ADDS).expect("it only adds");
        assert_eq!(additions.len(), 10);
        let files = files_for_bookworm(&targets(TARGETS)).expect("bookworm's mirror is there");
        insta::assert_snapshot!(Installation { files, asked, additions }.lines().join("\n"), @r"
        cat >/etc/apt/preferences.d/tta-trixie <<'EOF'
        # Nothing comes from trixie unless it is asked for by version.
        Package: *
        Pin: release n=trixie
        Pin-Priority: 50
        EOF
        cat >/etc/apt/sources.list.d/tta-trixie.sources <<'EOF'
        # For Docker: bookworm's own is too old. See preferences.d/tta-trixie.
        Types: deb
        URIs: http://mirror.example/debian
        Suites: trixie
        Components: main
        Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
        EOF
        apt-get update
        apt-get install --no-install-recommends docker.io=26.1.5+dfsg1-9+deb13u1 docker-cli=26.1.5+dfsg1-9+deb13u1 iptables docker-compose=2.26.1-4 docker-buildx=0.13.1+ds1-3
        ");
    }

    #[test]
    fn an_upgrade_of_anything_is_refused_with_what_it_would_upgrade() {
        let failure = additions(UPGRADES).expect_err("it upgrades the C library");
        assert_eq!(failure.kind.exit_code(), 3);
        assert!(
            failure.message.contains("Inst libc6 [2.36-9+deb12u14]"),
            "{failure}"
        );
        assert!(!failure.message.contains("Inst docker.io"), "{failure}");
    }

    #[test]
    fn a_removal_of_anything_is_refused() {
        for line in ["Remv podman-docker [4.3.1]", "Purg docker-ce [5:28.0.1]"] {
            let failure = additions(&format!("{ADDS}{line}\n")).expect_err(line);
            assert_eq!(failure.kind.exit_code(), 3);
            assert!(failure.message.contains(line), "{failure}");
        }
    }

    #[test]
    fn a_bookworm_that_knows_trixie_already_gets_no_file() {
        let known = format!("{TARGETS}http://mirror.example/debian|trixie|main\n");
        assert!(
            files_for_bookworm(&targets(&known))
                .expect("nothing to add")
                .is_empty()
        );
    }

    #[test]
    fn without_a_source_of_its_own_no_mirror_is_guessed() {
        let failure = files_for_bookworm(&targets("http://mirror.example/ubuntu|noble|main\n"))
            .expect_err("no Debian there");
        assert_eq!(failure.kind.exit_code(), 1);
        assert_eq!(
            mirror(&targets("http://mirror.example/ubuntu|noble|main\n")),
            None
        );
        assert_eq!(
            mirror(&targets(TARGETS)),
            Some("http://mirror.example/debian")
        );
        assert_eq!(
            mirror(&targets("mirror+file:/etc/apt/m.list|bookworm|main\n")),
            None
        );
    }

    #[test]
    fn a_package_that_trixie_lacks_is_an_error_that_shows_what_apt_said() {
        let failure = exact(&["docker-other"], MADISON).expect_err("unknown");
        assert!(failure.message.contains("docker.io | 26.1.5"), "{failure}");
    }
}
