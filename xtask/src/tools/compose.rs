//! `docker compose`: a deployment's two servers, from its compose file.

use std::path::Path;
use std::time::Duration;

use process::{Invocation, Reply};

use crate::error::{Failure, Result};
use crate::tools::docker::Docker;

/// How long compose may take to create and start two containers from images that are there.
const START: Duration = Duration::from_secs(180);

/// What a compose file is run with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Project<'a> {
    /// Always given: COMPOSE_PROJECT_NAME would override the file's own `name:`.
    pub(crate) name: &'a str,
    pub(crate) file: &'a Path,
    /// From where the file's paths are read, where that is not its own folder.
    pub(crate) folder: Option<&'a Path>,
    /// Secrets that the file asks for by variable.
    pub(crate) secrets: &'a [(String, String)],
}

/// Creates what is missing, recreates what has changed, starts what is stopped.
///
/// It does not wait: `--wait` takes a service without a health check as ready, and some versions
/// exit 0 when its timeout is over.
pub(crate) fn up(docker: &Docker, project: Project<'_>) -> Result<()> {
    asked(docker, project, &["up", "--detach"])
}

/// Creates what is missing, volumes among it, and starts nothing.
pub(crate) fn create(docker: &Docker, project: Project<'_>) -> Result<()> {
    asked(docker, project, &["create"])
}

fn asked(docker: &Docker, project: Project<'_>, args: &[&str]) -> Result<()> {
    let reply = docker.runner().run(&command(docker, project, args))?;
    if reply.success() {
        return Ok(());
    }
    Err(explained(&reply))
}

/// The model that the file renders to, as JSON.
///
/// # Errors
/// It does not render.
pub(crate) fn model(docker: &Docker, project: Project<'_>) -> Result<Reply> {
    ask(docker, project, &["config", "--format", "json"])
}

/// A line `SERVICE HASH` for each service: what compose compares a container with.
///
/// # Errors
/// The file does not render.
pub(crate) fn hashes(docker: &Docker, project: Project<'_>) -> Result<Reply> {
    ask(docker, project, &["config", "--hash", "*"])
}

/// Which compose it is: `2.26.1`, or `2.26.1-4` as a distribution counts.
///
/// # Errors
/// There is none.
pub(crate) fn version(docker: &Docker) -> Result<String> {
    let asked = docker.command().args(["compose", "version", "--short"]);
    let reply = docker.runner().run(&asked)?.ok()?;
    let version = reply.stdout.trim();
    if version.is_empty() {
        return Err(reply.unexpected("a version").into());
    }
    Ok(version.to_owned())
}

fn ask(docker: &Docker, project: Project<'_>, args: &[&str]) -> Result<Reply> {
    Ok(docker.runner().run(&command(docker, project, args))?.ok()?)
}

fn command(docker: &Docker, project: Project<'_>, args: &[&str]) -> Invocation {
    let command =
        docker
            .command()
            .args(["compose", "--ansi", "never", "--project-name", project.name]);
    let command = match project.folder {
        None => command,
        Some(folder) => command
            .arg("--project-directory")
            .arg(folder.display().to_string()),
    };
    let command = command
        .arg("--file")
        .arg(project.file.display().to_string())
        .args(args.iter().copied())
        .deadline(START);
    let secrets = project.secrets.iter();
    secrets.fold(command, |command, (name, value)| {
        command.secret(name, value)
    })
}

fn explained(reply: &Reply) -> Failure {
    let said = reply.stderr.to_lowercase();
    let failure = Failure::from(reply.failure());
    if said.contains("port is already allocated") || said.contains("address already in use") {
        return failure
            .within("a port is in use")
            .hint("docker ps --format '{{.Names}} {{.Ports}}'   (or `ss -ltnp`) says who has it");
    }
    if said.contains("no such image") || said.contains("pull access denied") {
        return failure
            .within("an image is missing")
            .hint("cargo xtask images");
    }
    if said.contains("no space left on device") {
        return failure
            .within("the engine's disk is full")
            .hint("docker system df");
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Ui;
    use process::{Interrupt, Runner};

    #[test]
    fn up_names_the_project_and_shows_no_secret() {
        let docker = Docker::new(Runner::new(Interrupt::default(), Ui::silent()), None);
        let secrets = [("TTA_PROD_PASSWORD".to_owned(), "hunter22".to_owned())];
        let project = Project {
            name: "tta-dev",
            file: Path::new("docker/docker-compose.dev.yml"),
            folder: None,
            secrets: &secrets,
        };
        insta::assert_snapshot!(
            command(&docker, project, &["up", "--detach"]).line(),
            @"docker compose --ansi never --project-name tta-dev --file docker/docker-compose.dev.yml up --detach"
        );
    }

    #[test]
    fn the_paths_of_a_file_that_lies_elsewhere_are_read_from_where_it_belongs() {
        let docker = Docker::new(Runner::new(Interrupt::default(), Ui::silent()), None);
        let project = Project {
            name: "tta-dev",
            file: Path::new("/tmp/x/docker-compose.dev.yml"),
            folder: Some(Path::new("/state")),
            secrets: &[],
        };
        insta::assert_snapshot!(
            command(&docker, project, &["config"]).line(),
            @"docker compose --ansi never --project-name tta-dev --project-directory /state --file /tmp/x/docker-compose.dev.yml config"
        );
    }
}
