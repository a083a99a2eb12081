//! `images`: the two server images, pulled and finished, or built from nothing.
//!
//! An image carries the hash of all that it was made from. Where that is what the checkout has,
//! there is nothing to do. Names are given by docker at the end of a build: a run that was killed
//! leaves the old image or the new one, and docker's own cache to go on from.

mod build;
mod debian;
mod pull;
mod sources;

use std::path::Path;

use anyhow::Context as _;
use environments::images;
use process::side_by_side::each;

use crate::cli;
use crate::context::Context;
use crate::error::Result;
use crate::journal::private_folder;
use crate::report::{Answer, Changed};
use build::{Origin, Work};
use pull::Pulled;

const SOURCES: &str = "org.tta.image.sources";
const ORIGIN: &str = "org.tta.image.origin";
/// What the image was built on: a registry's digest, or the base that was made here.
const BASE: &str = "org.tta.image.base";

/// A server's image, and where it comes from.
#[derive(Debug, Clone, Copy)]
struct Server {
    /// Its folder in `docker/images`; its base's folder is that with `-base`.
    name: &'static str,
    base_name: &'static str,
    tag: &'static str,
    base: &'static str,
    public: &'static str,
    /// Arguments of the base's build, which are also part of what it is made from.
    args: &'static [(&'static str, &'static str)],
}

const SERVERS: [Server; 2] = [
    Server {
        name: "neo4j",
        base_name: "neo4j-base",
        tag: images::NEO4J,
        base: images::NEO4J_BASE,
        public: images::NEO4J_PUBLIC,
        args: &[],
    },
    Server {
        name: "redis",
        base_name: "redis-base",
        tag: images::REDIS,
        base: images::REDIS_BASE,
        public: images::REDIS_PUBLIC,
        args: &[("REDIS_VERSION", images::REDIS_VERSION)],
    },
];

/// How images are to be had.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) build: bool,
    pub(crate) registry: Option<&'a str>,
    /// Whether missing tools may be installed without asking.
    pub(crate) install_tools: bool,
}

/// An image that is not as the checkout says.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    server: Server,
    /// The hash that it will carry.
    sources: String,
    base_sources: String,
    pub(crate) because: String,
    /// Whether there is no image of that name at all.
    pub(crate) absent: bool,
}

impl Job {
    pub(crate) const fn tag(&self) -> &'static str {
        self.server.tag
    }

    /// What will be done, for a plan.
    pub(crate) fn action(&self, wanted: Wanted<'_>) -> String {
        let reference = pull::reference(wanted.registry, self.server.public);
        if wanted.build {
            format!("build {}", self.server.tag)
        } else {
            format!(
                "make {} on {reference}, or build it whole where no registry gives that",
                self.server.tag
            )
        }
    }
}

pub(crate) fn run(context: &Context, args: &cli::Images) -> Result<Answer> {
    let wanted = Wanted {
        build: args.build,
        registry: args.registry.as_deref(),
        install_tools: args.install_tools,
    };
    let jobs = outdated(context, wanted)?;
    if context.dry_run {
        let steps = jobs
            .iter()
            .map(|job| (job.action(wanted), job.because.clone()));
        let planned: Vec<(String, String)> = steps.collect();
        for (action, because) in &planned {
            context
                .ui
                .insist(format!("would {action}, because {because}"));
        }
        let human = if planned.is_empty() {
            up_to_date()
        } else {
            String::new()
        };
        return Ok(Answer::Changed(Changed {
            environments: Vec::new(),
            outcome: "planned",
            planned,
            human,
        }));
    }
    if jobs.is_empty() {
        return Ok(Answer::done(Vec::new(), up_to_date()));
    }
    make(context, &jobs, wanted)?;
    let made: Vec<&str> = jobs.iter().map(Job::tag).collect();
    Ok(Answer::done(
        Vec::new(),
        format!("made {}", made.join(" and ")),
    ))
}

fn up_to_date() -> String {
    format!("{} and {} are up to date", images::NEO4J, images::REDIS)
}

/// The images that are missing or made from something else than the checkout has.
pub(crate) fn outdated(context: &Context, wanted: Wanted<'_>) -> Result<Vec<Job>> {
    let folder = context.root.join("docker/images");
    let mut jobs = Vec::new();
    for server in SERVERS {
        let given = server.args.iter().map(|(_, value)| *value);
        let base_pins: Vec<&str> = [images::DEBIAN_BASE, images::DEBIAN_SUITE, server.base]
            .into_iter()
            .chain(given)
            .collect();
        let base_sources = sources::of(&folder, &[server.base_name], &base_pins)?;
        let pins = [&base_sources, server.tag, server.public];
        let sources = sources::of(&folder, &[server.name], &pins)?;
        let image = context.docker.image(server.tag)?;
        let label = |name| image.as_ref().and_then(|image| image.label(name));
        let because = if image.is_none() {
            "there is no such image".to_owned()
        } else if label(SOURCES) != Some(&sources) {
            "its sources have changed".to_owned()
        } else if wanted.build && label(ORIGIN) != Some("built") {
            "it was pulled, and a build is asked for".to_owned()
        } else if let Some(registry) = wanted.registry
            && !label(BASE).is_some_and(|base| base.starts_with(&format!("{registry}/")))
        {
            format!("it does not come from {registry}")
        } else {
            continue;
        };
        jobs.push(Job {
            server,
            sources,
            base_sources,
            because,
            absent: image.is_none(),
        });
    }
    Ok(jobs)
}

/// Makes them.
///
/// # Errors
/// What is needed is missing, or a build fails: the end of its log is in the message.
pub(crate) fn make(context: &Context, jobs: &[Job], wanted: Wanted<'_>) -> Result<()> {
    let logs = context.journal.folder().join("images");
    private_folder(&logs).context("the state folder")?;
    let pulled = if wanted.build {
        jobs.iter().map(|_| Pulled::Unreachable).collect()
    } else {
        pull_all(context, jobs, wanted, &logs)?
    };
    // Where none was reached for the servers, none is asked for Debian.
    let reachable = pulled.iter().any(|pulled| *pulled != Pulled::Unreachable);
    let mut works = Vec::new();
    for (job, pulled) in jobs.iter().zip(pulled) {
        let (origin, because) = match pulled {
            Pulled::Got(digest) => {
                context.docker.tag(
                    &pull::reference(wanted.registry, job.server.public),
                    job.server.base,
                )?;
                (Origin::Pulled(digest), String::new())
            }
            Pulled::Denied(said) => (Origin::Built, format!("it could not be pulled: {said}")),
            Pulled::Unreachable if wanted.build => {
                (Origin::Built, "a build was asked for".to_owned())
            }
            Pulled::Unreachable => (Origin::Built, "no registry could be reached".to_owned()),
        };
        let there = context.docker.image(job.server.base)?;
        let current = there.is_some_and(|base| base.label(SOURCES) == Some(&job.base_sources));
        let build_base = matches!(origin, Origin::Built) && !current;
        works.push(Work {
            job,
            origin,
            build_base,
            because,
            logs: &logs,
        });
    }
    if works.iter().any(|work| work.build_base) {
        foundation(context, wanted, reachable, &logs)?;
    }
    // All of them end before the first failure is told.
    let outcomes = each(&works, |work| work.run(context));
    outcomes.into_iter().collect()
}

fn pull_all(
    context: &Context,
    jobs: &[Job],
    wanted: Wanted<'_>,
    logs: &Path,
) -> Result<Vec<Pulled>> {
    let outcomes = each(jobs, |job| {
        let reference = pull::reference(wanted.registry, job.server.public);
        let log = logs.join(format!("{}-pull.log", job.server.name));
        pull::pull(context, &reference, &log)
    });
    outcomes.into_iter().collect()
}

/// The Debian below both bases: one that is there, else pulled, else made.
fn foundation(context: &Context, wanted: Wanted<'_>, reachable: bool, logs: &Path) -> Result<()> {
    if context.docker.image(images::DEBIAN_BASE)?.is_some() {
        return Ok(());
    }
    if reachable {
        let reference = pull::reference(wanted.registry, images::DEBIAN_BASE);
        if let Pulled::Got(_) = pull::pull(context, &reference, &logs.join("debian-pull.log"))? {
            return context.docker.tag(&reference, images::DEBIAN_BASE);
        }
    }
    debian::make(context, logs, wanted.install_tools)
}
