//! Scratch volumes and containers, by names of their own and with the environment's labels.
//!
//! What a killed run has left has these names: it is swept before anything else, under the lock.

use std::time::{Duration, Instant};

use environments::{Deployment, Service, Volume, images, label};
use process::{Invocation, Reply};

use super::users::unused;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::tools::docker::Container;
use crate::tools::docker::containers::told;

/// How long a copy, a dump or a load may take.
const MOVING: Duration = Duration::from_secs(3600);

/// Which data volume a service has.
pub(super) const fn data(service: Service) -> Volume {
    match service {
        Service::Neo4j => Volume::Neo4jData,
        Service::Redis => Volume::RedisData,
    }
}

pub(super) fn volume(deployment: &Deployment, service: Service) -> String {
    format!("{}_adopting", deployment.volume(data(service)))
}

fn container(deployment: &Deployment, service: Service) -> String {
    format!("{}-adopting", deployment.container(service))
}

fn labels(deployment: &Deployment) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> = deployment
        .labels()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    labels.push((label::RUN.to_owned(), "adopt".to_owned()));
    labels
}

/// Removes what this command's runs have left, and nothing that is not labelled so.
pub(crate) fn sweep(context: &Context, deployment: &Deployment) -> Result<()> {
    let names = Service::ALL.map(|service| container(deployment, service));
    let expected = labels(deployment);
    let containers = context.docker.containers(&names)?;
    for one in &containers {
        if !expected
            .iter()
            .all(|(name, value)| one.label(name) == Some(value))
        {
            return Err(somebody_elses("container", one.name()));
        }
    }
    remove(context, &names)?;
    let names = Service::ALL.map(|service| volume(deployment, service));
    let volumes = context.docker.volumes(&names)?;
    for one in &volumes {
        if !expected
            .iter()
            .all(|(name, value)| one.label(name) == Some(value))
        {
            return Err(somebody_elses("volume", &one.name));
        }
    }
    let names: Vec<String> = volumes.into_iter().map(|one| one.name).collect();
    context.docker.remove_volumes(&names).outcome
}

fn somebody_elses(kind: &str, name: &str) -> Failure {
    Failure::refused(format!(
        "the {kind} {name} has the name of a scratch {kind} of this command, but not its labels"
    ))
    .hint(format!("docker {kind} inspect {name}"))
}

/// Copies a source into a new scratch volume, file by file compared; the bytes that it has.
pub(super) fn copy(
    context: &Context,
    deployment: &Deployment,
    service: Service,
    source: &str,
) -> Result<u64> {
    const SCRIPT: &str = r#"set -euo pipefail
        sums() { cd "$1"; find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum; }
        cp -a /from/. /to/
        was=$(sums /from)
        is=$(sums /to)
        [ "$was" = "$is" ] || { echo 'the copy differs from its source' >&2; exit 1; }
        du -sb /from"#;
    let scratch = volume(deployment, service);
    context
        .docker
        .create_volume(&scratch, &labels(deployment))?;
    let mounts = [format!("{source}:/from:ro"), format!("{scratch}:/to")];
    // To copy what is copied once more is harmless.
    let copy = || shell(context, deployment, service, &mounts, SCRIPT);
    let number = |said: &str| said.split_once('\t')?.0.parse().ok();
    let bytes = told(copy, "a number of bytes", number)?;
    // Whoever has started meanwhile has written into it while it was read.
    unused(context, source)?;
    Ok(bytes)
}

/// What a script tells that changes nothing, all of it.
pub(super) fn look(
    context: &Context,
    deployment: &Deployment,
    service: Service,
    mounts: &[String],
    script: &str,
) -> Result<String> {
    let script = format!("{script}\necho told");
    let ask = || shell(context, deployment, service, mounts, &script);
    told(ask, "its lines and that they are all", |said| {
        said.strip_suffix("told\n").map(str::to_owned)
    })
}

/// Runs a script in a container that has some volumes and no network, and removes the container.
pub(super) fn shell(
    context: &Context,
    deployment: &Deployment,
    service: Service,
    mounts: &[String],
    script: &str,
) -> Result<Reply> {
    let image = match service {
        Service::Neo4j => images::NEO4J,
        Service::Redis => images::REDIS,
    };
    let run = run(context, deployment, service, mounts)
        .args(["--entrypoint", "bash", image, "-c", script])
        .deadline(MOVING);
    let reply = context.runner.run(&run)?;
    // Not by --rm: the engine removes such a container when it comes to it, and until then its name
    // is taken and its volumes are in use.
    remove(context, &[container(deployment, service)])?;
    Ok(reply)
}

/// Removes containers by name, and returns when they are gone.
fn remove(context: &Context, names: &[String]) -> Result<()> {
    let deadline = Instant::now() + context.patience;
    loop {
        let found = context.docker.containers(names)?;
        let ids: Vec<String> = found.into_iter().map(|one| one.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        context.interrupt().check()?;
        if Instant::now() > deadline {
            return Err(
                Failure::failed(format!("{} does not go away", names.join(", ")))
                    .hint("docker ps --all"),
            );
        }
        context.docker.remove_containers(&ids).outcome?;
    }
}

/// `docker run` with what every scratch container has. Neo4j does not start where its own host name
/// leads nowhere, as it is without a network; `localhost` always leads somewhere (5.26.30).
pub(super) fn run(
    context: &Context,
    deployment: &Deployment,
    service: Service,
    mounts: &[String],
) -> Invocation {
    let name = container(deployment, service);
    let labels = labels(deployment)
        .into_iter()
        .map(|(name, value)| format!("--label={name}={value}"));
    let mounts = mounts.iter().map(|mount| format!("--volume={mount}"));
    context
        .docker
        .command()
        .args([
            "run",
            "--name",
            &name,
            "--network",
            "none",
            "--hostname",
            "localhost",
        ])
        .args(labels)
        .args(mounts)
}

/// Starts a scratch server and waits until its check passes.
pub(super) fn serve(
    context: &Context,
    deployment: &Deployment,
    service: Service,
    command: &Invocation,
    check: &str,
) -> Result<Container> {
    context.runner.run(command)?.ok()?;
    let name = container(deployment, service);
    let found = context
        .docker
        .containers(std::slice::from_ref(&name))?
        .pop();
    let found = found.ok_or_else(|| Failure::failed(format!("{name} did not start")))?;
    let seconds = context.patience.as_secs().to_string();
    let wait = format!("until {check} >/dev/null 2>&1; do sleep 0.1; done");
    let ready = context
        .docker
        .exec_with(
            &found.id,
            &["--user", "root"],
            &["timeout", &seconds, "bash", "-c", &wait],
        )
        .deadline(context.patience + Duration::from_secs(5));
    if context
        .runner
        .run(&ready)
        .is_ok_and(|reply| reply.success())
    {
        return Ok(found);
    }
    context.interrupt().check()?;
    let log = context.docker.log_tail(&found.id, 10).unwrap_or_default();
    Err(Failure::failed(format!(
        "a scratch server on a copy of the volume does not come up. Its last log lines:\n{log}"
    ))
    .hint("is it a store of this server, and of this version or an older one of the same line?"))
}

/// Stops a scratch server with grace, so that its files are whole, and removes its container.
pub(super) fn end(context: &Context, server: &Container) -> Result<()> {
    let stop = context
        .docker
        .command()
        .args(["stop", "--time", "120", &server.id]);
    context
        .runner
        .run(&stop.deadline(Duration::from_secs(150)))?
        .ok()?;
    remove(context, &[server.name().to_owned()])
}
