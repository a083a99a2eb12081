//! The old ways: servers from compose files as people write them, and the strategy's shell lines.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use environments::render::{self, Secrets, Target};
use environments::{Deployment, Environment, Service, Volume};

use crate::bench::Way;
use crate::bench::data::{OPEN_REDIS, Servers, well_known_password};
use crate::bench::plain::{Lines, Shell, compose, verify, without_our_images};
use crate::bench::site::{KEYS, NODES, Site};
use crate::error::{Failure, Result};
use crate::stack;

/// One environment in a plain compose file, emptied by the strategy's lines.
pub(super) struct Emptied<'a> {
    site: &'a Site<'a>,
    lines: Lines,
    shell: Shell,
    servers: Servers<'a>,
    target: Target,
    started: bool,
}

impl<'a> Emptied<'a> {
    pub(super) fn new(site: &'a Site<'a>, environment: Environment, lines: Lines) -> Result<Self> {
        let target = site.old_target(environment)?;
        let deployment = target.deployment().clone();
        Ok(Self {
            site,
            lines,
            shell: site.old_shell(&deployment)?,
            servers: Servers {
                docker: &site.context.docker,
                deployment,
                // The plain file names none.
                database: "neo4j",
                redis: OPEN_REDIS,
            },
            target,
            started: false,
        })
    }
}

impl Way for Emptied<'_> {
    fn prepare(&mut self) -> Result<()> {
        if !self.started {
            write(&self.shell.file, &compose(&self.target)?)?;
            self.site.shell(&self.shell.start())?;
            self.started = true;
        }
        self.servers.fill(NODES, KEYS)
    }

    fn run(&mut self) -> Result<()> {
        self.site.shell(&self.shell.emptied(self.lines))
    }

    fn check(&mut self) -> Result<()> {
        self.servers.holds(0, 0)
    }
}

/// Development and test as the strategy has them, and its three calls that are to show them apart.
pub(super) struct Verified<'a> {
    site: &'a Site<'a>,
    both: [(Target, Shell); 2],
    started: bool,
    /// A node for each run: the strategy removes none.
    made: u64,
}

impl<'a> Verified<'a> {
    pub(super) fn new(site: &'a Site<'a>) -> Result<Self> {
        let one = |environment| -> Result<(Target, Shell)> {
            let target = site.old_target(environment)?;
            let shell = site.old_shell(target.deployment())?;
            Ok((target, shell))
        };
        Ok(Self {
            site,
            both: [one(Environment::Dev)?, one(Environment::Test)?],
            started: false,
            made: 0,
        })
    }

    fn servers(&self, at: usize) -> Servers<'_> {
        Servers {
            docker: &self.site.context.docker,
            deployment: self.both[at].0.deployment().clone(),
            database: "neo4j",
            redis: OPEN_REDIS,
        }
    }
}

impl Way for Verified<'_> {
    fn prepare(&mut self) -> Result<()> {
        if !self.started {
            for (target, shell) in &self.both {
                write(&shell.file, &compose(target)?)?;
                self.site.shell(&shell.start())?;
            }
            self.started = true;
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let [(_, one), (_, other)] = &self.both;
        self.site.shell(&verify(one, other))?;
        self.made += 1;
        Ok(())
    }

    /// The nodes are in the one and not in the other.
    fn check(&mut self) -> Result<()> {
        self.servers(0).holds(self.made, 0)?;
        self.servers(1).holds(0, 0)
    }
}

/// Environments started side by side from the rendered files, but with the plain images.
pub(super) struct Started<'a> {
    site: &'a Site<'a>,
    targets: Vec<Target>,
}

impl<'a> Started<'a> {
    pub(super) fn new(site: &'a Site<'a>) -> Result<Self> {
        let targets = Environment::LOCAL.map(|environment| site.old_target(environment));
        Ok(Self {
            site,
            targets: targets.into_iter().collect::<Result<_>>()?,
        })
    }
}

impl Way for Started<'_> {
    fn prepare(&mut self) -> Result<()> {
        self.site.scratch.clear()?;
        for target in &self.targets {
            let deployment = target.deployment();
            let folder = self.site.old_folder(deployment);
            for (at, file) in render::deployment_files(target).into_iter().enumerate() {
                // The first is the compose file.
                let text = if at == 0 {
                    without_our_images(target, &file.contents)?
                } else {
                    file.contents
                };
                let name = if at == 0 { "compose.yml" } else { &file.path };
                write(&folder.join(name), &text)?;
            }
            // Its file takes its volumes as given.
            if deployment.environment() == Environment::Staging {
                let labels = target.labels();
                let labels: Vec<(String, String)> = labels
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect();
                for volume in Volume::ALL {
                    let name = deployment.volume(volume);
                    self.site.context.docker.create_volume(&name, &labels)?;
                }
            }
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let starts = self.targets.iter().map(|target| {
            let shell = self.site.old_shell(target.deployment())?;
            Ok(format!(
                "{} up --detach --wait & started=\"$started $!\"",
                shell.compose()
            ))
        });
        let starts: Vec<String> = starts.collect::<Result<_>>()?;
        self.site.shell(&format!(
            "{}\nfor one in $started; do wait \"$one\"; done",
            starts.join("\n")
        ))
    }

    fn check(&mut self) -> Result<()> {
        for target in &self.targets {
            let deployment = target.deployment();
            let names = Service::ALL.map(|service| deployment.container(service));
            let containers = self.site.context.docker.containers(&names)?;
            if containers.len() != 2 || containers.iter().any(|one| one.health() != "healthy") {
                return Err(Failure::failed(format!(
                    "{deployment} is not healthy after `docker compose up --wait`"
                )));
            }
            let servers = Servers {
                docker: &self.site.context.docker,
                deployment: deployment.clone(),
                database: deployment.environment().database(),
                redis: OPEN_REDIS,
            };
            servers.holds(0, 0)?;
        }
        self.site.scratch.clear_one(self.site.scratch.old())
    }
}

pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let put = || -> anyhow::Result<()> {
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        Ok(fs::write(path, text)?)
    };
    put().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

impl Site<'_> {
    pub(super) fn old_shell(&self, deployment: &Deployment) -> Result<Shell> {
        Ok(Shell {
            docker: self.context.docker.command().line(),
            file: self.old_folder(deployment).join("compose.yml"),
            neo4j: deployment.container(Service::Neo4j),
            password: well_known_password(deployment.environment())?,
            volumes: Volume::ALL.map(|volume| deployment.volume(volume)).to_vec(),
        })
    }

    pub(super) fn old_target(&self, environment: Environment) -> Result<Target> {
        let deployment = Deployment::new(environment, self.scratch.old().clone());
        let ports = stack::pick(self.context, &deployment)?;
        Target::new(deployment, Some(ports), Secrets::well_known())
            .map_err(|error| Failure::failed(error.to_string()))
    }

    fn old_folder(&self, deployment: &Deployment) -> PathBuf {
        let slug = deployment.environment().slug();
        self.scratch.folder().join("old").join(slug)
    }
}
