//! What the engine layer asks beside the census, all of it side by side: compose for each
//! environment's model and hashes, the engine for images, each server's health check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, thread};

use compose_audit::alone;
use compose_audit::statics;
use environments::{Protection, Service};
use process::side_by_side::joined;
use process::{PROMPT, Reply};
use serde::Deserialize;

use crate::context::Context;
use crate::error::Result as Answer;
use crate::isolation::census::{Census, Container, FILES, HASH};
use crate::isolation::engine::drift::ImageDefaults;
use crate::isolation::engine::health::{self, Tried};
use crate::isolation::engine::model::Model;
use crate::isolation::scene::{Scene, Site};
use crate::tools::compose::{self, Project};

/// The answers; a text says why there is none.
#[derive(Debug)]
pub(crate) struct Told {
    /// In the order of the scene.
    pub(crate) sites: Vec<OfSite>,
    pub(crate) images: Result<BTreeMap<String, ImageDefaults>, String>,
    /// The version of compose; empty where nothing depends on it.
    pub(crate) compose: Result<String, String>,
    /// The journal's runs, and whether they came to an end.
    pub(crate) runs: BTreeMap<String, bool>,
}

#[derive(Debug)]
pub(crate) struct OfSite {
    pub(crate) model: Result<Model, String>,
    /// By service.
    pub(crate) hashes: Result<BTreeMap<String, String>, String>,
    /// Files elsewhere that its containers were made from, of the same text as its own.
    pub(crate) copies: BTreeSet<String>,
    /// In the order of [`Service::ALL`].
    pub(crate) health: [Result<Tried, String>; 2],
}

pub(crate) fn ask(scene: &Scene<'_>, census: &Census) -> Told {
    let context = scene.context;
    thread::scope(|scope| {
        let images = scope.spawn(|| said(images(context, scene, census)));
        let sites: Vec<_> = scene
            .sites
            .iter()
            .enumerate()
            .map(|(at, site)| {
                let model = scope.spawn(move || model(scene, at));
                let hashes = scope.spawn(|| hashes(context, site));
                let health = Service::ALL
                    .map(|service| scope.spawn(move || attempt(context, site, census, service)));
                (model, hashes, health)
            })
            .collect();
        let sites: Vec<OfSite> = sites
            .into_iter()
            .zip(&scene.sites)
            .map(|((model, hashes, health), site)| OfSite {
                copies: copies(site, census),
                model: joined(model),
                hashes: joined(hashes),
                health: health.map(joined),
            })
            .collect();
        Told {
            // Which compose hashed matters only where a hash is another.
            compose: if as_hashed(scene, census, &sites) {
                Ok(String::new())
            } else {
                said(compose::version(&context.docker))
            },
            sites,
            images: joined(images),
            runs: runs(context),
        }
    })
}

fn copies(site: &Site, census: &Census) -> BTreeSet<String> {
    let Ok(text) = fs::read(&site.compose) else {
        return BTreeSet::new();
    };
    let servers = Service::ALL
        .into_iter()
        .filter_map(|service| census.server(&site.deployment, service)?.label(FILES));
    // One that cannot be read is no copy.
    servers
        .filter(|file| Path::new(file) != site.compose)
        .filter(|file| fs::read(file).is_ok_and(|other| other == text))
        .map(str::to_owned)
        .collect()
}

/// Whether every server's container carries the hash that compose gives now.
fn as_hashed(scene: &Scene<'_>, census: &Census, sites: &[OfSite]) -> bool {
    scene.sites.iter().zip(sites).all(|(site, told)| {
        Service::ALL.into_iter().all(|service| {
            let container = census.server(&site.deployment, service);
            let found = container.and_then(|container| container.label(HASH));
            let hashes = told.hashes.as_ref().ok();
            let expected = hashes.and_then(|hashes| hashes.get(service.name()));
            found == expected.map(String::as_str)
        })
    })
}

fn said<T>(answer: Answer<T>) -> Result<T, String> {
    answer.map_err(|failure| failure.message)
}

fn project<'a>(site: &'a Site, name: &'a str) -> Project<'a> {
    Project {
        name,
        file: &site.compose,
        folder: site.folder.as_deref(),
        secrets: &site.secrets,
    }
}

/// Of the rendering that the static layer reads too, where the file comes out the same in any way.
fn model(scene: &Scene<'_>, at: usize) -> Result<Model, String> {
    let (context, site) = (scene.context, &scene.sites[at]);
    let name = site.deployment.project();
    if statics::literal(&site.composed())
        && let Ok(printed) = scene.printed(at)
        && let Ok(model) = Model::parse(&printed)
        && model.is_whole(&name)
    {
        return Ok(model);
    }
    let ask = || compose::model(&context.docker, project(site, &name));
    let reply = said(alone::once_more(PROMPT, ask, Answer::is_err))?;
    Model::parse(&reply.stdout)
}

fn hashes(context: &Context, site: &Site) -> Result<BTreeMap<String, String>, String> {
    let name = site.deployment.project();
    let ask = || compose::hashes(&context.docker, project(site, &name));
    let reply = said(alone::once_more(PROMPT, ask, Answer::is_err))?;
    parsed(&reply).ok_or_else(|| reply.unexpected("a service and its hash a line").message())
}

/// Lines of `neo4j 4cf33a15…`.
fn parsed(reply: &Reply) -> Option<BTreeMap<String, String>> {
    let pair = |line: &str| {
        let (service, hash) = line.trim().split_once(' ')?;
        let hex = |byte: u8| byte.is_ascii_hexdigit();
        let whole = hash.len() == 64 && hash.bytes().all(hex);
        whole.then(|| (service.to_owned(), hash.to_owned()))
    };
    let lines = reply.stdout.lines().filter(|line| !line.trim().is_empty());
    lines.map(pair).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageState {
    id: String,
    config: ImageConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageConfig {
    env: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    #[serde(default)]
    user: String,
}

/// The images of the servers' containers, by id.
fn images(
    context: &Context,
    scene: &Scene<'_>,
    census: &Census,
) -> Answer<BTreeMap<String, ImageDefaults>> {
    let servers = scene
        .sites
        .iter()
        .flat_map(|site| Service::ALL.map(|service| census.server(&site.deployment, service)));
    let mut ids: Vec<String> = servers.flatten().map(|one| one.image.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let found: Vec<ImageState> = context.docker.inspect("image", &ids)?;
    let defaults = |image: ImageState| {
        let config = image.config;
        let defaults = ImageDefaults {
            env: config.env.unwrap_or_default(),
            cmd: config.cmd.unwrap_or_default(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            user: config.user,
        };
        (image.id, defaults)
    };
    Ok(found.into_iter().map(defaults).collect())
}

fn attempt(
    context: &Context,
    site: &Site,
    census: &Census,
    service: Service,
) -> Result<Tried, String> {
    let name = site.deployment.container(service);
    let container = census
        .server(&site.deployment, service)
        .ok_or_else(|| format!("there is no container {name}"))?;
    if container.config.healthcheck.is_some() && !Container::running(container) {
        return Err(format!("{name} is {}", container.status()));
    }
    let protected = matches!(
        Protection::from(site.deployment.clone()),
        Protection::Protected(_)
    );
    // Redis counts no wrong passwords; Neo4j locks its user after three.
    let may_fail = service == Service::Redis || !protected;
    let password = site.password.as_ref().ok().map(|one| one.value.as_str());
    health::attempt(context, container, password, may_fail)
}

fn runs(context: &Context) -> BTreeMap<String, bool> {
    let mut runs = BTreeMap::new();
    // A journal that cannot be read knows nothing: whatever claims to be ours is then none.
    for entry in context.journal.entries().unwrap_or_default() {
        let ended = entry.outcome != "started";
        *runs.entry(entry.run).or_insert(false) |= ended;
    }
    runs
}
