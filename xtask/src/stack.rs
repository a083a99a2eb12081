//! A deployment with all that is needed to start it: ports, password, compose file.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use compose_audit::files::{Readers, put, replaceable};
use environments::render::{self, RenderedFile, Secrets, Target};
use environments::{Deployment, Protection, PublishedPorts, label};
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::error::{Failure, Result};
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
    /// The compose file: the checkout's own for the main set, else one in the state folder. It is as
    /// rendered once [`Stack::write`] has been called.
    pub(crate) file: PathBuf,
    unwritten: Vec<Unwritten>,
    secrets: Vec<(String, String)>,
}

/// A file that is not as rendered.
#[derive(Debug)]
struct Unwritten {
    path: PathBuf,
    /// What is there instead.
    now: Option<String>,
    contents: String,
}

impl Stack {
    /// Prepares a deployment to be started, given what there is of it. Writes nothing.
    ///
    /// # Errors
    /// No password; rendered files that were edited; a file that is not ours where one of ours
    /// belongs; no free ports.
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
        let (file, unwritten) = files(context, &target)?;
        Ok(Self {
            deployment,
            target,
            password,
            file,
            unwritten,
            secrets,
        })
    }

    /// The files that are not as rendered: a plan has to have them written before it starts servers.
    pub(crate) fn to_write(&self) -> Vec<PathBuf> {
        self.unwritten.iter().map(|one| one.path.clone()).collect()
    }

    /// Writes them.
    ///
    /// # Errors
    /// One cannot be written, or was changed since it was looked at.
    pub(crate) fn write(&self) -> Result<()> {
        for one in &self.unwritten {
            let write = || -> anyhow::Result<()> {
                private_folder(one.path.parent().context("a file has a folder")?)?;
                put(
                    &one.path,
                    one.now.as_deref(),
                    &one.contents,
                    Readers::Anyone,
                )
            };
            write().with_context(|| format!("cannot write {}", one.path.display()))?;
        }
        Ok(())
    }

    /// All files as rendered, in a folder that is removed with the value: for whoever only looks.
    /// None where those that lie in their place are as rendered.
    ///
    /// # Errors
    /// There is no room for them.
    pub(crate) fn aside(&self) -> Result<Option<Aside>> {
        if self.unwritten.is_empty() {
            return Ok(None);
        }
        let write = || -> anyhow::Result<Aside> {
            let folder = tempfile::Builder::new().prefix("tta-proof-").tempdir()?;
            for file in render::deployment_files(&self.target) {
                let path = folder.path().join(file.path);
                fs::create_dir_all(path.parent().context("a file has a folder")?)?;
                fs::write(path, file.contents)?;
            }
            let name = self.file.file_name().context("a file has a name")?;
            Ok(Aside {
                file: folder.path().join(name),
                _folder: folder,
            })
        };
        let aside = write().context("cannot render into a folder for temporary files")?;
        Ok(Some(aside))
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
            folder: None,
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

/// A deployment's files as rendered, out of their place.
#[derive(Debug)]
pub(crate) struct Aside {
    /// The compose file.
    pub(crate) file: PathBuf,
    /// Removed when this goes.
    _folder: tempfile::TempDir,
}

/// The compose file to use, and what is to be written before it is: the checkout's, which must be as
/// rendered, or one of its own for an instance, the audit mode and a provider's secret.
fn files(context: &Context, target: &Target) -> Result<(PathBuf, Vec<Unwritten>)> {
    let deployment = target.deployment();
    let committed = Target::main(deployment.environment(), Secrets::well_known());
    let own = *target != committed;
    let folder = if own {
        own_folder(context, deployment)
    } else {
        context.root.join("docker")
    };
    let mut compose = None;
    let mut unwritten = Vec::new();
    for file in render::deployment_files(target) {
        let path = folder.join(&file.path);
        if own {
            unwritten.extend(not_as_rendered(&path, file)?);
        } else if fs::read_to_string(&path).ok().as_ref() != Some(&file.contents) {
            return Err(Failure::failed(format!(
                "{} is not what the definitions say",
                path.display()
            ))
            .hint("cargo xtask generate   (`generate --check` shows the difference)"));
        }
        compose.get_or_insert(path);
    }
    let compose = compose.ok_or_else(|| Failure::failed("nothing was rendered"))?;
    Ok((compose, unwritten))
}

fn not_as_rendered(path: &Path, file: RenderedFile) -> Result<Option<Unwritten>> {
    let now = replaceable(path, |text| file.may_replace(text)).map_err(|why| {
        Failure::refused(format!(
            "{} {why}: it is not this tool's to write over",
            path.display()
        ))
        .hint("move it away, then run the same command again")
    })?;
    if now.as_ref() == Some(&file.contents) {
        return Ok(None);
    }
    Ok(Some(Unwritten {
        path: path.to_owned(),
        now,
        contents: file.contents,
    }))
}

/// The main set and the instances are apart, whatever an instance is called.
pub(crate) fn own_folder(context: &Context, deployment: &Deployment) -> PathBuf {
    let compose = context.journal.folder().join("compose");
    let set = match deployment.instance().name() {
        None => compose.join("main"),
        Some(name) => compose.join("instances").join(name),
    };
    set.join(deployment.environment().slug())
}

/// Where a deployment's compose file lies where it is not known what it should be: the main set's in the
/// checkout, an instance's in the state folder.
pub(crate) fn file(context: &Context, deployment: &Deployment) -> PathBuf {
    let name = format!("docker-compose.{}.yml", deployment.environment());
    if deployment.instance().is_main() {
        context.root.join("docker").join(name)
    } else {
        own_folder(context, deployment).join(name)
    }
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
