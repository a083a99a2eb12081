//! What there is of a Docker engine: its client, its plugins, the engine itself.
//!
//! Architecture Invariant: nothing here changes anything, and nothing here judges.

use std::path::{Path, PathBuf};
use std::thread;

use process::side_by_side::joined;
use process::{Reply, printable, tail};
use serde::Deserialize;

use crate::context::Context;
use crate::error::Result;

/// Version 2.26.1 as (2, 26, 1).
pub(crate) type Version = (u32, u32, u32);

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The `docker` on PATH.
    pub(crate) client: Option<PathBuf>,
    /// The engine's program on this machine.
    pub(crate) daemon: Option<PathBuf>,
    pub(crate) engine: State,
    pub(crate) compose: Plugin,
    pub(crate) buildx: Plugin,
    /// The Docker context in use, where it is not the one of this machine's own engine.
    pub(crate) elsewhere: Option<String>,
    pub(crate) root: bool,
    pub(crate) systemd: bool,
}

/// Whether an engine answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Answers(Box<Facts>),
    /// One listens, but not to this user.
    NoPermission,
    /// What the client said.
    Silent(String),
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Facts {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) server_version: String,
    #[serde(default)]
    pub(crate) docker_root_dir: String,
    /// Its clock when it answered.
    #[serde(default)]
    pub(crate) system_time: String,
}

/// A plugin of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plugin {
    Missing,
    /// It answered, with something that has no version in it.
    Unknown(String),
    /// The client has it and it fails, or the client itself does: what it said.
    Broken(String),
    There(Version),
}

/// Looks.
///
/// # Errors
/// Ctrl-C, or a plugin that took too long to answer.
pub(crate) fn detect(context: &Context) -> Result<Found> {
    let client = which::which("docker").ok();
    let mut found = Found {
        client: client.clone(),
        daemon: daemon(),
        engine: State::Silent("there is no docker command".to_owned()),
        compose: Plugin::Missing,
        buildx: Plugin::Missing,
        elsewhere: None,
        root: rustix::process::geteuid().is_root(),
        systemd: Path::new("/run/systemd/system").is_dir(),
    };
    if client.is_none() {
        return Ok(found);
    }
    let ask = |args: &[&str]| {
        let command = context.docker.command().args(args.iter().copied());
        context.runner.run(&command)
    };
    Ok(thread::scope(|scope| {
        let compose = scope.spawn(|| ask(&["compose", "version", "--short"]));
        let buildx = scope.spawn(|| ask(&["buildx", "version"]));
        let place = scope.spawn(|| ask(&["context", "show"]));
        found.engine = match ask(&["info", "--format", "{{json .}}"]) {
            Ok(info) => state(&info),
            Err(error) if error.kind() == process::Kind::Interrupted => return Err(error),
            // One that hangs is as silent as none.
            Err(error) => State::Silent(error.message()),
        };
        found.compose = plugin(&joined(compose)?);
        found.buildx = plugin(&joined(buildx)?);
        let place = joined(place)?.ok()?.stdout.trim().to_owned();
        found.elsewhere = Some(place).filter(|place| !place.is_empty() && place != "default");
        Ok(found)
    })?)
}

/// Whose PATH leaves out the folders of root's programs may have an engine all the same.
fn daemon() -> Option<PathBuf> {
    let elsewhere = [
        "/usr/sbin/dockerd",
        "/usr/local/sbin/dockerd",
        "/sbin/dockerd",
    ];
    let there = || {
        elsewhere
            .map(PathBuf::from)
            .into_iter()
            .find(|path| path.is_file())
    };
    which::which("dockerd").ok().or_else(there)
}

fn state(info: &Reply) -> State {
    // Without an engine `docker info` prints its client's half all the same, with empty fields.
    let facts = serde_json::from_str::<Facts>(&info.stdout).ok();
    if let Some(facts) =
        facts.filter(|facts| !facts.id.is_empty() && !facts.server_version.is_empty())
    {
        return State::Answers(Box::new(facts));
    }
    let said = format!("{}\n{}", info.stderr, server_errors(&info.stdout));
    if said.to_lowercase().contains("permission denied") {
        return State::NoPermission;
    }
    State::Silent(printable(&tail(&said, 2).join(" ")))
}

/// Where `docker info --format json` writes why the engine did not answer.
fn server_errors(json: &str) -> String {
    let info: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let errors = info["ServerErrors"].as_array().cloned().unwrap_or_default();
    let errors: Vec<&str> = errors.iter().filter_map(|error| error.as_str()).collect();
    errors.join("\n")
}

fn plugin(reply: &Reply) -> Plugin {
    if !reply.success() {
        return unanswered(reply);
    }
    match version(&reply.stdout) {
        Some(version) => Plugin::There(version),
        None => Plugin::Unknown(printable(reply.stdout.trim())),
    }
}

/// A client without the plugin takes its name for a command that it does not know, or, before that, an
/// option for its own (28.2).
fn unanswered(reply: &Reply) -> Plugin {
    let said = reply.stderr.to_lowercase();
    let missing = [
        "docker: unknown command: docker ",
        "unknown flag: --short",
        "unknown shorthand flag: ",
    ];
    let missing = missing.iter().any(|words| said.contains(words));
    if missing || said.contains("is not a docker command") {
        Plugin::Missing
    } else {
        Plugin::Broken(reply.failure().message())
    }
}

/// The first `x.y` or `x.y.z` in a text; a suffix like `-4` or `+dfsg1` is the packager's.
pub(crate) fn version(text: &str) -> Option<Version> {
    let word = |word: &str| {
        let mut parts = word.trim_start_matches('v').split('.');
        let mut number = || {
            let part = parts.next()?;
            let end = part
                .find(|character: char| !character.is_ascii_digit())
                .unwrap_or(part.len());
            part[..end].parse::<u32>().ok()
        };
        Some((number()?, number()?, number().unwrap_or_default()))
    };
    text.split_whitespace().find_map(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Ui;
    use process::{Interrupt, Invocation, Runner};

    fn answered(script: &str) -> Plugin {
        let runner = Runner::new(Interrupt::default(), Ui::silent());
        let shell = Invocation::new("sh").args(["-c", script]);
        plugin(&runner.run(&shell).expect("it runs"))
    }

    #[test]
    fn a_plugin_that_fails_is_not_taken_for_one_that_is_not_installed() {
        for missing in [
            "docker: unknown command: docker compose",
            "unknown flag: --short",
            "docker: 'compose' is not a docker command.",
        ] {
            let script = format!("echo \"{missing}\" >&2; exit 1");
            assert_eq!(answered(&script), Plugin::Missing, "{missing}");
        }
        for broken in [
            "fork/exec /usr/libexec/docker/cli-plugins/docker-compose: exec format error",
            "error loading config file: permission denied",
        ] {
            let found = answered(&format!("echo \"{broken}\" >&2; exit 1"));
            let Plugin::Broken(said) = found else {
                panic!("{found:?}");
            };
            assert!(said.contains(broken), "{said}");
        }
        assert!(matches!(answered("kill -9 $$"), Plugin::Broken(_)));
        assert_eq!(answered("echo 2.39.2"), Plugin::There((2, 39, 2)));
    }

    #[test]
    fn versions_are_read_from_what_the_plugins_really_print() {
        assert_eq!(version("2.26.1-4\n"), Some((2, 26, 1)));
        assert_eq!(version("v2.39.2"), Some((2, 39, 2)));
        let buildx = "github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3\n";
        assert_eq!(version(buildx), Some((0, 13, 1)));
        assert_eq!(version("26.1.5+dfsg1"), Some((26, 1, 5)));
        assert_eq!(version("29.0"), Some((29, 0, 0)));
        assert_eq!(version("dev"), None);
    }
}
