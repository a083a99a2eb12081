//! A deployment with all that is needed to start it: ports, password, compose file.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use environments::render::{self, Secrets, Target};
use environments::{Deployment, Protection, PublishedPorts, label};
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::files::replace;
use crate::journal::private_folder;
use crate::observe::Observed;
use crate::secrets::{self, Password};
use crate::tools::compose::Project;

/// Where an instance's ports are picked: below the range that outgoing connections are given
/// (32768 and up on Linux), so that none is taken while its instance is down.
const PICKED: std::ops::Range<u16> = 20_000..32_000;

/// A deployment, ready to be started.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) deployment: Deployment,
    pub(crate) target: Target,
    pub(crate) password: Password,
    /// The compose file: the checkout's own for the main set, else one in the state folder.
    pub(crate) file: PathBuf,
    secrets: Vec<(String, String)>,
}

impl Stack {
    /// Prepares a deployment to be started, given what there is of it.
    ///
    /// # Errors
    /// No password; rendered files that were edited; no free ports.
    pub(crate) fn prepare(context: &Context, observed: &Observed) -> Result<Self> {
        let deployment = observed.deployment.clone();
        let environment = deployment.environment();
        let password = secrets::password(environment)?;
        let ports = match deployment.fixed_ports() {
            Some(fixed) => Some(fixed),
            None if !environment.publishes_ports() => None,
            None => Some(match observed.ports()? {
                Some(kept) => kept,
                None => pick(context, &deployment)?,
            }),
        };
        let target = target(&deployment, ports)?;
        let secrets = render::secret_environment(&target, &password.value);
        let file = compose_file(context, &target)?;
        Ok(Self {
            deployment,
            target,
            password,
            file,
            secrets,
        })
    }

    /// What compose is given in its environment: the secrets that the file asks for by variable.
    pub(crate) fn secrets(&self) -> &[(String, String)] {
        &self.secrets
    }

    pub(crate) fn name(&self) -> String {
        self.deployment.project()
    }

    pub(crate) fn project<'a>(&'a self, name: &'a str) -> Project<'a> {
        Project {
            name,
            file: &self.file,
            secrets: &self.secrets,
        }
    }
}

/// What a deployment's files are rendered from, in the namespace mode that `TTA_NAMESPACE` chooses
/// for the environments that may choose.
pub(crate) fn target(deployment: &Deployment, ports: Option<PublishedPorts>) -> Result<Target> {
    let audit = match std::env::var("TTA_NAMESPACE").as_deref() {
        Err(_) | Ok("" | "enforce") => false,
        Ok("audit") => true,
        Ok(other) => {
            return Err(Failure::usage(format!(
                "TTA_NAMESPACE is {other:?}: expected enforce or audit"
            )));
        }
    };
    match (audit, Protection::from(deployment.clone()), ports) {
        (true, Protection::Disposable(disposable), Some(ports)) => {
            Ok(Target::audited(&disposable, ports))
        }
        _ => Target::new(deployment.clone(), ports, secrets::provided())
            .map_err(|error| Failure::failed(error.to_string())),
    }
}

/// The compose file to use: the checkout's, which must be as rendered, or one of its own for an
/// instance, the audit mode and a provider's secret.
fn compose_file(context: &Context, target: &Target) -> Result<PathBuf> {
    let deployment = target.deployment();
    let committed = Target::main(deployment.environment(), Secrets::well_known());
    let own = *target != committed;
    let folder = if own {
        own_folder(context, deployment)
    } else {
        context.root.join("docker")
    };
    let mut compose = None;
    for file in render::deployment_files(target) {
        let path = folder.join(&file.path);
        if own {
            write(&path, &file.contents)
                .with_context(|| format!("cannot write {}", path.display()))?;
        } else if fs::read_to_string(&path).ok().as_ref() != Some(&file.contents) {
            return Err(Failure::failed(format!(
                "{} is not what the definitions say",
                path.display()
            ))
            .hint("cargo xtask generate   (`generate --check` shows the difference)"));
        }
        compose.get_or_insert(path);
    }
    compose.ok_or_else(|| Failure::failed("nothing was rendered"))
}

fn own_folder(context: &Context, deployment: &Deployment) -> PathBuf {
    let instance = deployment.instance().name().unwrap_or("main");
    let compose = context.journal.folder().join("compose");
    compose.join(instance).join(deployment.environment().slug())
}

/// Where a deployment's compose file lies that was not rendered just now: the main set's in the
/// checkout, an instance's in the state folder.
pub(crate) fn file(context: &Context, deployment: &Deployment) -> PathBuf {
    let name = format!("docker-compose.{}.yml", deployment.environment());
    if deployment.instance().is_main() {
        context.root.join("docker").join(name)
    } else {
        own_folder(context, deployment).join(name)
    }
}

fn write(path: &Path, contents: &str) -> anyhow::Result<()> {
    private_folder(path.parent().context("a file has a folder")?)?;
    replace(path, contents)
}

/// Three ports that nobody listens on and that no other instance has been given.
///
/// The search starts where the deployment's name says, so that two instances which are first
/// started at the same moment look in different places.
pub(crate) fn pick(context: &Context, deployment: &Deployment) -> Result<PublishedPorts> {
    let mut taken = BTreeSet::new();
    for name in [label::HTTP_PORT, label::BOLT_PORT, label::REDIS_PORT] {
        let values = context.docker.volume_label_values(name)?;
        taken.extend(values.iter().filter_map(|port| port.parse::<u16>().ok()));
    }
    let free = |port: u16| {
        !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    };
    let triples = (PICKED.end - PICKED.start) / 3;
    let digest = Sha256::digest(deployment.prefix());
    let start = u16::from_be_bytes([digest[0], digest[1]]) % triples;
    (0..triples)
        .map(|step| PICKED.start + 3 * ((start + step) % triples))
        .map(|http| PublishedPorts {
            http,
            bolt: http + 1,
            redis: http + 2,
        })
        .find(|ports| ports.all().into_iter().all(free))
        .ok_or_else(|| {
            Failure::failed(format!(
                "no three free ports between {} and {}",
                PICKED.start, PICKED.end
            ))
            .hint("docker volume ls --filter label=org.tta.instance   (shows what has them)")
        })
}
