//! What is wrong with an engine, and what mends it.
//!
//! Decides from what was found alone, so that every case is a test.

use serde::Serialize;

use crate::engine::detect::{Found, Plugin, State, version};
use crate::error::Failure;
use crate::guard::who::Who;

/// Compose reads `configs:` and `start_interval` as our files use them from here on.
const COMPOSE: (u32, u32) = (2, 23);

/// The oldest engine that knows a health check's `start_interval`.
const ENGINE: u32 = 25;

/// From here on the engine keeps the local network away from ports published on 127.0.0.1.
const GUARDED: u32 = 28;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// Something does not work until it is mended.
    Missing,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) check: String,
    pub(crate) status: Status,
    pub(crate) found: String,
    /// The command that mends it. Empty where nothing has to be mended.
    pub(crate) fix: String,
}

impl Check {
    pub(crate) fn ok(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, found, "")
    }

    pub(crate) fn new(
        check: &str,
        status: Status,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            check: check.to_owned(),
            status,
            found: found.into(),
            fix: fix.into(),
        }
    }

    /// What a failure says, and what to do about it.
    pub(crate) fn failed(check: &str, status: Status, failure: Failure) -> Self {
        Self::new(check, status, failure.message, failure.hints.join("; "))
    }
}

/// What an engine that cannot be used needs a person for.
pub(crate) fn permission() -> Failure {
    let user = Who::runs_this().to_string();
    Failure::refused(format!(
        "a Docker engine listens, but {user} may not talk to it"
    ))
    .hint(
        "sudo usermod -aG docker \"$(id -un)\" && newgrp docker   (then run the same command again)",
    )
}

/// The command that starts this machine's engine.
pub(crate) fn start_line(found: &Found) -> String {
    let sudo = if found.root { "" } else { "sudo " };
    match (&found.daemon, found.systemd) {
        (_, true) => format!("{sudo}systemctl start docker"),
        (Some(daemon), false) => format!("{sudo}{}", daemon.display()),
        (None, false) => format!("{sudo}dockerd"),
    }
}

/// Everything about the engine, in the order in which one thing needs the other.
pub(crate) fn checks(found: &Found) -> Vec<Check> {
    const INSTALL: &str = "cargo xtask quickstart --install-engine";
    let mut checks = Vec::new();
    checks.push(match &found.client {
        Some(path) => Check::ok("docker client", path.display().to_string()),
        None => Check::new(
            "docker client",
            Status::Missing,
            "no docker on PATH",
            INSTALL,
        ),
    });
    checks.push(engine(found, INSTALL));
    if found.client.is_some() {
        checks.push(compose(&found.compose, INSTALL));
        checks.push(match &found.buildx {
            Plugin::There((major, minor, patch)) => {
                Check::ok("docker buildx", format!("{major}.{minor}.{patch}"))
            }
            Plugin::Unknown(said) => Check::ok("docker buildx", said.clone()),
            Plugin::Broken(said) => {
                Check::new("docker buildx", Status::Missing, said.clone(), REPAIR)
            }
            Plugin::Missing => Check::new(
                "docker buildx",
                Status::Missing,
                "docker has no buildx plugin",
                INSTALL,
            ),
        });
    }
    checks
}

fn engine(found: &Found, install: &str) -> Check {
    const NAME: &str = "docker engine";
    match &found.engine {
        State::Answers(facts) => {
            let said = format!("{}, id {}", facts.server_version, facts.id);
            match version(&facts.server_version) {
                Some((major, ..)) if major < ENGINE => Check::new(
                    NAME,
                    Status::Missing,
                    format!("{said}: health checks need {ENGINE} or later"),
                    "https://docs.docker.com/engine/install/",
                ),
                Some((major, ..)) if major < GUARDED => Check::new(
                    NAME,
                    Status::Warning,
                    format!(
                        "{said}: below {GUARDED} the local network may reach ports that are \
                         unpublished or published on 127.0.0.1"
                    ),
                    format!(
                        "upgrade to Docker Engine {GUARDED}, or keep this machine behind a firewall"
                    ),
                ),
                Some(_) => Check::ok(NAME, said),
                None => Check::new(
                    NAME,
                    Status::Warning,
                    format!("{said}: an unknown version"),
                    "",
                ),
            }
        }
        State::NoPermission => Check::failed(NAME, Status::Missing, permission()),
        State::Silent(said) if found.client.is_none() => {
            Check::new(NAME, Status::Missing, format!("not asked: {said}"), install)
        }
        State::Silent(said) => match (&found.elsewhere, &found.daemon) {
            (Some(context), _) => Check::new(
                NAME,
                Status::Missing,
                format!("that of the Docker context {context} does not answer: {said}"),
                "docker context use default",
            ),
            (None, Some(_)) => Check::new(
                NAME,
                Status::Missing,
                "installed, but it does not run",
                start_line(found),
            ),
            (None, None) => Check::new(NAME, Status::Missing, format!("none: {said}"), install),
        },
    }
}

const REPAIR: &str = "docker info   (says which plugins it finds, and where)";

fn compose(plugin: &Plugin, install: &str) -> Check {
    const NAME: &str = "docker compose";
    match plugin {
        Plugin::There((major, minor, patch)) if (*major, *minor) < COMPOSE => Check::new(
            NAME,
            Status::Missing,
            format!(
                "{major}.{minor}.{patch}: {}.{} or later is needed",
                COMPOSE.0, COMPOSE.1
            ),
            "https://docs.docker.com/compose/install/linux/",
        ),
        Plugin::There((major, minor, patch)) => Check::ok(NAME, format!("{major}.{minor}.{patch}")),
        Plugin::Unknown(said) => Check::new(
            NAME,
            Status::Warning,
            format!("an unknown version: {said}"),
            "",
        ),
        Plugin::Broken(said) => Check::new(NAME, Status::Missing, said.clone(), REPAIR),
        Plugin::Missing => Check::new(
            NAME,
            Status::Missing,
            "docker has no compose plugin",
            install,
        ),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::engine::detect::Facts;

    /// A machine where all is well, for tests to take something from.
    pub(crate) fn well(engine: &str) -> Found {
        Found {
            client: Some(PathBuf::from("/usr/bin/docker")),
            daemon: Some(PathBuf::from("/usr/sbin/dockerd")),
            engine: State::Answers(Box::new(Facts {
                id: "abc".to_owned(),
                server_version: engine.to_owned(),
                docker_root_dir: "/var/lib/docker".to_owned(),
                system_time: String::new(),
            })),
            compose: Plugin::There((2, 39, 2)),
            buildx: Plugin::There((0, 13, 1)),
            elsewhere: None,
            root: false,
            systemd: true,
        }
    }

    fn status_of(found: &Found, name: &str) -> (Status, String) {
        let checks = checks(found);
        let check = checks
            .iter()
            .find(|check| check.check == name)
            .expect("it is looked at");
        (check.status, format!("{} -> {}", check.found, check.fix))
    }

    #[test]
    fn engine_28_is_well_26_warns_of_its_ports_and_24_is_too_old() {
        assert_eq!(status_of(&well("28.2.2"), "docker engine").0, Status::Ok);
        let (status, text) = status_of(&well("26.1.5+dfsg1"), "docker engine");
        assert_eq!(status, Status::Warning);
        assert!(text.contains("local network may reach"), "{text}");
        let (status, text) = status_of(&well("24.0.7"), "docker engine");
        assert_eq!(status, Status::Missing);
        assert!(text.contains("need 25"), "{text}");
    }

    #[test]
    fn a_client_without_an_engine_is_told_to_install_or_to_start_one() {
        let mut found = well("28.2.2");
        found.engine = State::Silent("Cannot connect to the Docker daemon".to_owned());
        let (status, text) = status_of(&found, "docker engine");
        assert_eq!(status, Status::Missing);
        assert!(text.ends_with("-> sudo systemctl start docker"), "{text}");
        found.systemd = false;
        assert!(
            status_of(&found, "docker engine")
                .1
                .ends_with("-> sudo /usr/sbin/dockerd")
        );
        found.client = None;
        assert!(
            status_of(&found, "docker engine")
                .1
                .starts_with("not asked")
        );
        found.client = well("28.2.2").client;
        found.daemon = None;
        assert!(
            status_of(&found, "docker engine")
                .1
                .ends_with("--install-engine")
        );
    }

    #[test]
    fn a_context_that_leads_elsewhere_is_named_and_nothing_is_installed_here() {
        let mut found = well("28.2.2");
        found.engine = State::Silent("error during connect".to_owned());
        found.elsewhere = Some("rootless".to_owned());
        let (_, text) = status_of(&found, "docker engine");
        assert!(text.contains("context rootless"), "{text}");
        assert!(text.ends_with("docker context use default"), "{text}");
    }

    #[test]
    fn a_user_outside_the_group_is_told_how_to_join_it() {
        let mut found = well("28.2.2");
        found.engine = State::NoPermission;
        assert!(
            status_of(&found, "docker engine")
                .1
                .contains("usermod -aG docker")
        );
    }

    #[test]
    fn compose_and_buildx_are_asked_for_each_by_itself() {
        let mut found = well("28.2.2");
        found.compose = Plugin::There((2, 22, 9));
        assert_eq!(status_of(&found, "docker compose").0, Status::Missing);
        found.compose = Plugin::Missing;
        assert!(
            status_of(&found, "docker compose")
                .1
                .contains("no compose plugin")
        );
        found.buildx = Plugin::Missing;
        assert_eq!(status_of(&found, "docker buildx").0, Status::Missing);
    }
}
