//! Which system this is, as far as it decides how a Docker engine is installed.
//!
//! Decides from the text of `/etc/os-release` alone. That text may come from anywhere: no word of
//! it is ever made part of a command.

use process::printable;

use crate::error::{Failure, Result};

/// The packages that make a whole engine on Debian.
const DEBIAN: Packages = Packages {
    engine: &["docker.io", "docker-cli", "iptables"],
    compose: "docker-compose",
    buildx: "docker-buildx",
};

/// The same on Ubuntu, whose docker.io has the client in it.
const UBUNTU: Packages = Packages {
    engine: &["docker.io", "iptables"],
    compose: "docker-compose-v2",
    buildx: "docker-buildx",
};

/// A system, and how far its own packages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum System {
    /// Debian 12: its own engine is 20.10 and knows no Compose v2.
    Bookworm,
    /// Debian 13 and later.
    Debian,
    Ubuntu,
    /// One that this tool installs nothing on, by the name that it gives itself.
    Other(String),
}

/// How the parts of an engine are packaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packages {
    engine: &'static [&'static str],
    compose: &'static str,
    buildx: &'static str,
}

/// Which parts are not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lacking {
    pub(crate) engine: bool,
    pub(crate) compose: bool,
    pub(crate) buildx: bool,
}

impl System {
    pub(crate) fn of(os_release: &str) -> Self {
        let value = |name: &str| value(os_release, name).unwrap_or_default();
        match value("ID").as_str() {
            "ubuntu" => Self::Ubuntu,
            "debian" if value("VERSION_CODENAME") == "bookworm" => Self::Bookworm,
            // Testing and unstable have no number: they are newer than any.
            "debian" => match value("VERSION_ID").split('.').next().unwrap_or_default() {
                "" => Self::Debian,
                major => match major.parse::<u32>() {
                    Ok(13..) => Self::Debian,
                    _ => Self::Other(named(os_release)),
                },
            },
            _ => Self::Other(named(os_release)),
        }
    }

    /// The packages of the parts that are lacking.
    ///
    /// # Errors
    /// This tool installs nothing on that system.
    pub(crate) fn packages(&self, lacking: Lacking) -> Result<Vec<&'static str>> {
        let packages = match self {
            Self::Bookworm | Self::Debian => DEBIAN,
            Self::Ubuntu => UBUNTU,
            Self::Other(name) => {
                return Err(Failure::failed(format!(
                    "this tool installs Docker on Debian 12 and later and on Ubuntu, and this is {name}"
                ))
                .hint(
                    "install Docker Engine 25 or later with its Compose and Buildx plugins \
                     (https://docs.docker.com/engine/install/), then run the same command again",
                ));
            }
        };
        let mut chosen = Vec::new();
        if lacking.engine {
            chosen.extend(packages.engine);
        }
        if lacking.engine || lacking.compose {
            chosen.push(packages.compose);
        }
        if lacking.engine || lacking.buildx {
            chosen.push(packages.buildx);
        }
        Ok(chosen)
    }
}

/// What the system calls itself, safe to be shown.
pub(crate) fn named(os_release: &str) -> String {
    let name = value(os_release, "PRETTY_NAME").or_else(|| value(os_release, "ID"));
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.unwrap_or_else(|| "a system without a name".to_owned());
    printable(&name).chars().take(80).collect()
}

/// The value of a variable, out of its quotes. Nothing in it is expanded.
fn value(os_release: &str, name: &str) -> Option<String> {
    let line = |line: &str| {
        let value = line.trim().strip_prefix(name)?.strip_prefix('=')?;
        let quoted = |mark: char| value.strip_prefix(mark)?.strip_suffix(mark);
        Some(
            quoted('"')
                .or_else(|| quoted('\''))
                .unwrap_or(value)
                .to_owned(),
        )
    };
    os_release.lines().find_map(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: Lacking = Lacking {
        engine: true,
        compose: true,
        buildx: true,
    };

    const BOOKWORM: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\n\
                            VERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";

    #[test]
    fn debian_and_ubuntu_are_known_by_their_id_and_number() {
        assert_eq!(System::of(BOOKWORM), System::Bookworm);
        let trixie = "ID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\n";
        assert_eq!(System::of(trixie), System::Debian);
        assert_eq!(
            System::of("ID=debian\nVERSION_CODENAME=sid\n"),
            System::Debian
        );
        let noble = "NAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n";
        assert_eq!(System::of(noble), System::Ubuntu);
    }

    #[test]
    fn an_older_debian_and_whatever_is_only_like_one_get_nothing_installed() {
        let others = [
            "ID=debian\nVERSION_ID=\"11\"\nVERSION_CODENAME=bullseye\nPRETTY_NAME=\"Debian 11\"",
            "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nPRETTY_NAME=\"Linux Mint 22\"",
            "ID=fedora\nPRETTY_NAME='Fedora Linux 43'",
            "",
        ];
        for text in others {
            let failure = System::of(text).packages(EVERYTHING).expect_err(text);
            assert_eq!(failure.kind.exit_code(), 1);
            assert!(
                failure.hints[0].contains("install Docker Engine 25"),
                "{failure}"
            );
        }
    }

    #[test]
    fn a_hostile_os_release_is_shown_harmless_and_installs_nothing() {
        let text = "ID=debian$(reboot)\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"\u{1b}]0;x\u{7}`reboot`\"";
        let failure = System::of(text).packages(EVERYTHING).expect_err("unknown");
        assert!(!failure.message.contains('\u{1b}'), "{failure}");
        let number = "ID=debian\nVERSION_ID=99999999999999999999\n";
        assert!(matches!(System::of(number), System::Other(_)));
    }

    #[test]
    fn only_what_is_lacking_is_installed() {
        let debian = System::Debian;
        let all = [
            "docker.io",
            "docker-cli",
            "iptables",
            "docker-compose",
            "docker-buildx",
        ];
        assert_eq!(debian.packages(EVERYTHING).expect("known"), all);
        let compose = Lacking {
            compose: true,
            ..Lacking::default()
        };
        assert_eq!(debian.packages(compose).expect("known"), ["docker-compose"]);
        assert_eq!(
            System::Ubuntu.packages(compose).expect("known"),
            ["docker-compose-v2"]
        );
    }
}
