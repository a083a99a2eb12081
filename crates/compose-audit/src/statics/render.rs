//! Asks compose what it makes of an environment's files: clean, and as a person's shell would have
//! it. Needs no engine. Decides nothing about what it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::statics::literal;
use crate::statics::model::Model;
use crate::{Composed, alone};
use process::side_by_side;
use process::{Invocation, Runner, Surroundings, printable};

/// How long compose may take over files; it takes 0.1 s.
const DEADLINE: Duration = Duration::from_secs(20);

/// What became of an environment's files. What is not there says why.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// Without the shell's variables and without `.env`, but for those that the files require.
    pub(crate) clean: Result<Model, String>,
    /// With all of them.
    pub(crate) dirty: Result<Model, String>,
}

/// How a file is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Clean,
    Dirty,
    /// Without the shell's variables, but with `.env`.
    File,
}

/// Renders both ways, side by side; once, where nothing in the files can come out otherwise.
pub(crate) fn render(runner: &Runner, composed: &Composed, clean: Clean<'_>) -> Rendered {
    let parsed = || clean().and_then(|text| parsed(&text));
    let dirty = || model(runner, &command(composed, Way::Dirty, &[]));
    if literal::files(composed) {
        let clean = parsed();
        let dirty = match &clean {
            Ok(model) if literal::model(model) => clean.clone(),
            _ => dirty(),
        };
        return Rendered { clean, dirty };
    }
    let (dirty, clean) = side_by_side::both(dirty, parsed);
    Rendered { clean, dirty }
}

/// Gives what compose prints of an environment's files, rendered clean.
pub(crate) type Clean<'a> = &'a (dyn Fn() -> Result<String, String> + Sync);

/// Renders some of an environment's files alone, under the environment's project name, with a
/// service that uses every volume and network: Compose leaves out what nobody uses.
pub(crate) fn alone(
    runner: &Runner,
    composed: &Composed,
    files: &[PathBuf],
    whole: &Model,
) -> Result<Model, String> {
    let volumes: Vec<String> = whole
        .volumes
        .keys()
        .enumerate()
        .map(|(number, key)| format!("{key}:/{number}"))
        .collect();
    let networks: BTreeMap<&String, ()> = whole.networks.keys().map(|key| (key, ())).collect();
    let user =
        json!({"services": {USER: {"image": USER, "volumes": volumes, "networks": networks}}});
    let base = Composed {
        files: files.to_vec(),
        ..composed.clone()
    };
    let asked = command_with(
        &base,
        Way::Clean,
        &["--project-name", &whole.name, "--file", "-"],
        &["--no-consistency"],
    )
    .stdin(user.to_string());
    let mut model = model(runner, &asked)?;
    model.services.remove(USER);
    Ok(model)
}

/// The service that uses everything.
const USER: &str = "tta-uses-all";

/// What compose prints of an environment's files without the shell's variables and `.env`, but for
/// those that the files require.
///
/// # Errors
/// They do not render.
pub fn clean(runner: &Runner, composed: &Composed) -> Result<String, String> {
    let first = text(runner, &command(composed, Way::Clean, &[]));
    let Err(said) = &first else {
        return first;
    };
    let Some(named) = required(said) else {
        return first;
    };
    let mut wanted: BTreeSet<String> = mentioned(&composed.files);
    wanted.insert(named);
    // Each round names one that was hidden in an included file.
    for _ in 0..20 {
        let given = values(runner, composed, &wanted);
        match text(runner, &command(composed, Way::Clean, &given)) {
            Ok(text) => return Ok(text),
            Err(said) => match required(&said) {
                Some(name) if wanted.insert(name.clone()) => {}
                _ => return Err(said),
            },
        }
    }
    first
}

/// The variable that compose could not do without. The words are those of compose-go.
fn required(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("required variable ")?;
    let (name, _) = rest.split_once(" is missing a value")?;
    variable(name).then(|| name.to_owned())
}

fn variable(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// The variables that the files say they require, as `${NAME:?…}` or `${NAME?…}`.
fn mentioned(files: &[PathBuf]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(file) else {
            continue;
        };
        for rest in text.split("${").skip(1) {
            let end =
                rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
            let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
            if variable(name) && (rest.starts_with(":?") || rest.starts_with('?')) {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

/// What the variables are, by compose's own reading of `.env`; else what the shell has.
fn values(runner: &Runner, composed: &Composed, names: &BTreeSet<String>) -> Vec<(String, String)> {
    let environment: BTreeMap<&String, String> = names
        .iter()
        .map(|name| (name, format!("${{{name}}}")))
        .collect();
    let asking = json!({
        "name": "asking",
        "services": {USER: {"image": USER, "environment": environment}},
    });
    let folder = composed
        .folder
        .as_deref()
        .or_else(|| composed.files.first().and_then(|file| file.parent()))
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut given = BTreeMap::new();
    for way in [Way::Dirty, Way::File] {
        let nothing = Composed {
            files: Vec::new(),
            folder: None,
            ..composed.clone()
        };
        let asked = command_with(
            &nothing,
            way,
            &[
                "--project-directory",
                &folder.display().to_string(),
                "--file",
                "-",
            ],
            &[],
        )
        .stdin(asking.to_string());
        let Ok(answer) = model(runner, &asked) else {
            continue;
        };
        for service in answer.services.into_values() {
            for (name, value) in service.environment {
                if let Some(value) = value.filter(|value| !value.0.is_empty()) {
                    given.insert(name, value.0);
                }
            }
        }
    }
    given.into_iter().collect()
}

fn model(runner: &Runner, asked: &Invocation) -> Result<Model, String> {
    text(runner, asked).and_then(|text| parsed(&text))
}

/// `config` writes each $ twice, so that its output could be rendered again.
fn parsed(text: &str) -> Result<Model, String> {
    Model::parse(&text.replace("$$", "$"))
}

fn text(runner: &Runner, asked: &Invocation) -> Result<String, String> {
    let reply = alone::once_more(DEADLINE, || runner.run(asked), Result::is_err)
        .map_err(|error| printable(&error.message()))?;
    if !reply.success() {
        let said = reply.said();
        return Err(if said.is_empty() {
            format!("compose ended with {} and said nothing", reply.code)
        } else {
            said
        });
    }
    Ok(reply.stdout)
}

/// All variables, as a person's own shell would hand them to compose, to see what that changes. The
/// engine is still ours to choose.
fn as_a_shell_has_them(name: &str) -> bool {
    !name.starts_with("DOCKER_")
}

fn command(composed: &Composed, way: Way, given: &[(String, String)]) -> Invocation {
    let command = command_with(composed, way, &[], &[]);
    given.iter().fold(command, |command, (name, value)| {
        command.secret(name, value)
    })
}

fn command_with(composed: &Composed, way: Way, global: &[&str], config: &[&str]) -> Invocation {
    let mut command = Invocation::new("docker")
        // No engine is asked, but docker wants to know which: this one is always there, also where
        // the one that is switched on is gone.
        .env("DOCKER_CONTEXT", "default")
        .surroundings(if way == Way::Dirty {
            Surroundings::Those(as_a_shell_has_them)
        } else {
            Surroundings::Bare
        })
        .deadline(DEADLINE)
        .args(["compose", "--ansi", "never", "--profile", "*"]);
    if way == Way::Clean {
        // Instead of `.env` in the project's folder.
        command = command.args(["--env-file", "/dev/null"]);
    }
    if let Some(folder) = &composed.folder {
        command = command
            .arg("--project-directory")
            .arg(folder.display().to_string());
    }
    for file in &composed.files {
        command = command.arg("--file").arg(file.display().to_string());
    }
    command = command.args(global.iter().copied());
    let secrets = composed.secrets.iter();
    secrets
        .fold(command, |command, (name, value)| {
            command.secret(name, value)
        })
        .args(["config", "--format", "json"])
        .args(config.iter().copied())
}
