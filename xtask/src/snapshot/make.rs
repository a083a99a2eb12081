//! Making a snapshot: capture both stores, prove the copy, keep it.

mod plan;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use environments::Service;

pub(crate) use self::plan::{How, MakePlan, plan};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{About, Run, act_by_compose, act_by_engine, journalled};
use crate::journal::{Deed, Kind, Verb};
use crate::observe::{GraphFacts, KeyFacts, Observed};
use crate::snapshot::capture::{self, Captured, container};
use crate::snapshot::fingerprint::Fingerprint;
use crate::snapshot::manifest::{
    self, FORMAT, File, ImageSource, MANIFEST, Manifest, Neo4jSource, RDB, RedisSource,
};
use crate::snapshot::place::{Making, Place};
use crate::snapshot::prove;
use crate::snapshot::scratch::Scratch;
use crate::snapshot::sequence;
use crate::snapshot::servers::Store;
use crate::snapshot::space::{self, Sizes};
use crate::snapshot::sums::{self, SUMS};
use crate::stack::Stack;
use crate::tools::docker::Engine;

use self::plan::Capturing;

/// What is known of a deployment that is to be saved: both its servers have answered.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) observed: &'a Observed,
    pub(crate) engine: &'a Engine,
    pub(crate) graph: GraphFacts,
    pub(crate) keys: KeyFacts,
    pub(crate) sizes: Sizes,
}

/// A snapshot that was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) manifest: Manifest,
    pub(crate) path: PathBuf,
}

/// Carries the plan out. The caller holds the deployment's lock.
///
/// # Errors
/// The step that failed: both servers run, and what is left is swept by the next run.
pub(crate) fn execute(
    context: &Context,
    command: &str,
    source: &Source<'_>,
    plan: &MakePlan,
) -> Result<Made> {
    let observed = source.observed;
    let place = Place::of(context, &observed.deployment);
    // A dump is compressed and an RDB small: what the stores take is more than they will.
    space::at_destination(&place.folder, source.sizes.total())?;
    let scratch = Scratch::begin(context, &observed.deployment)?;
    let image = container(observed, Service::Neo4j)?.image_id();
    space::on_engine(&scratch, image, source.sizes.total())?;
    let making = place.make()?;
    let work = Work {
        context,
        scratch: &scratch,
        source,
        number: sequence::next(&place)?,
        taken: plan.taken(),
    };
    let about = About::new(command, source.engine, &observed.deployment).snapshot(&making.id);
    let made = journalled(context, &about, |run| {
        let captured = work.capture(run, &plan.capture)?;
        let proved = run.step(&plan.prove, |_| work.prove(&making, &captured))?;
        run.step(&plan.keep, |did| {
            let id = making.id.to_string();
            let made = work.keep(making, &captured, &proved)?;
            let path = made.path.display().to_string();
            did.add([Deed::new(Verb::Make, Kind::Snapshot, path, id)]);
            Ok(made)
        })
    })?;
    scratch.remove()?;
    Ok(made)
}

/// What every step takes.
struct Work<'a> {
    context: &'a Context,
    scratch: &'a Scratch<'a>,
    source: &'a Source<'a>,
    number: u64,
    /// How both stores were brought to one moment, in the manifest's word.
    taken: &'static str,
}

/// Both stores as scratch servers have seen them.
struct Proved {
    keys: prove::Keys,
    graph: prove::Graph,
}

impl Work<'_> {
    fn capture(&self, run: &mut Run<'_>, plan: &Capturing<Stack>) -> Result<Captured> {
        let (context, observed) = (self.context, self.source.observed);
        match plan {
            Capturing::Frozen {
                copy,
                freeze,
                longest,
            } => {
                let copier = run.step(copy, |_| {
                    capture::beforehand(context, self.scratch, observed)
                })?;
                run.step(freeze, |_| {
                    capture::frozen(context, self.scratch, observed, copier, *longest)
                })
            }
            Capturing::Stopped {
                write,
                stop,
                copy,
                start,
                ready,
                with,
            } => {
                if let Some(write) = write {
                    run.step(write, |did| {
                        act_by_compose(context, with, &write.action, did)
                    })?;
                }
                let since = Instant::now();
                if let Some(stop) = stop {
                    let deployment = &observed.deployment;
                    run.step(stop, |did| {
                        act_by_engine(context, deployment, &stop.action, did)
                    })?;
                }
                let mut captured =
                    run.step(copy, |_| capture::stopped(context, self.scratch, observed))?;
                for step in [start, ready] {
                    run.step(step, |did| act_by_compose(context, with, &step.action, did))?;
                }
                captured.freeze = since.elapsed();
                Ok(captured)
            }
        }
    }

    fn prove(&self, making: &Making, captured: &Captured) -> Result<Proved> {
        let (keys, graph) = prove::side_by_side(
            || self.prove_keys(making, captured),
            || self.prove_graph(making, captured),
        )?;
        Ok(Proved { keys, graph })
    }

    fn prove_keys(&self, making: &Making, captured: &Captured) -> Result<prove::Keys> {
        let image = container(self.source.observed, Service::Redis)?.image_id();
        let file = making.create(RDB)?;
        prove::save(self.scratch, image, &captured.redis, &file)
    }

    fn prove_graph(&self, making: &Making, captured: &Captured) -> Result<prove::Graph> {
        let store = Store {
            volume: captured.neo4j.clone(),
            folder: "/data".to_owned(),
            database: self.source.observed.deployment.environment().database(),
            image: container(self.source.observed, Service::Neo4j)?
                .image_id()
                .to_owned(),
        };
        let graph = prove::recover(self.scratch, &store)?;
        if graph.store_id != self.source.graph.store_id {
            return Err(Failure::failed(format!(
                "the copy is of the store {}, expected {}: another was copied",
                graph.store_id, self.source.graph.store_id
            )));
        }
        prove::check(self.scratch, &store)?;
        let file = making.create(&manifest::dump(store.database))?;
        prove::dump(self.scratch, &store, &file)?;
        Ok(graph)
    }

    fn keep(&self, making: Making, captured: &Captured, proved: &Proved) -> Result<Made> {
        let manifest = self.manifest(&making, captured, proved)?;
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|error| Failure::failed(format!("the manifest: {error}")))?;
        write(&making, MANIFEST, &format!("{text}\n"))?;
        let mut sums: BTreeMap<String, String> = BTreeMap::new();
        for file in &manifest.files {
            sums.insert(file.name.clone(), file.sha256.clone());
        }
        sums.insert(
            MANIFEST.to_owned(),
            sums::of_file(&making.path(MANIFEST))?.0,
        );
        write(&making, SUMS, &sums::text(&sums))?;
        let path = making.keep()?;
        Ok(Made { manifest, path })
    }

    fn manifest(&self, making: &Making, captured: &Captured, proved: &Proved) -> Result<Manifest> {
        let Proved { keys, graph } = proved;
        let deployment = &self.source.observed.deployment;
        let database = deployment.environment().database();
        let files = [manifest::dump(database), RDB.to_owned()]
            .into_iter()
            .map(|name| {
                let (sha256, bytes) = sums::of_file(&making.path(&name))?;
                Ok(File {
                    name,
                    bytes,
                    sha256,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Manifest {
            format: FORMAT,
            id: making.id.clone(),
            number: self.number,
            environment: deployment.environment().slug().to_owned(),
            instance: deployment.instance().label().to_owned(),
            engine: self.source.engine.id.clone(),
            created: captured.created.clone(),
            taken: self.taken.to_owned(),
            freeze_seconds: (captured.freeze.as_secs_f64() * 1000.0).round() / 1000.0,
            neo4j: Neo4jSource {
                version: self.source.graph.version.clone(),
                edition: self.source.graph.edition.clone(),
                database: database.to_owned(),
                store_id: graph.store_id.clone(),
                image: self.image(Service::Neo4j)?,
            },
            redis: RedisSource {
                version: self.source.keys.version.clone(),
                modules: keys.modules.clone(),
                image: self.image(Service::Redis)?,
            },
            files,
            fingerprint: Fingerprint {
                neo4j: graph.print.clone(),
                redis: keys.print.clone(),
            },
        })
    }

    fn image(&self, service: Service) -> Result<ImageSource> {
        let container = container(self.source.observed, service)?;
        let image = self.context.docker.image(container.image_id())?;
        let origin = image.and_then(|image| Some(image.label("org.tta.image.origin")?.to_owned()));
        Ok(ImageSource {
            name: container.image().to_owned(),
            id: container.image_id().to_owned(),
            origin: origin.unwrap_or_default(),
        })
    }
}

/// A small file, on the disk.
fn write(making: &Making, name: &str, text: &str) -> Result<()> {
    let mut file = making.create(name)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| Failure::failed(format!("cannot write {name} of the snapshot: {error}")))
}
