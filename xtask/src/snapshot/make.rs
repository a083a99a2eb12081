//! Making a snapshot: capture both stores, prove the copy, keep it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use environments::Service;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::{self, Run};
use crate::observe::{GraphFacts, KeyFacts, Observed};
use crate::plan::{Action, Plan};
use crate::snapshot::capture::{self, Captured, container};
use crate::snapshot::copy::Copier;
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

/// How both stores are brought to one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Frozen while they run, for at most this long.
    Frozen(Duration),
    /// Stopped and started again, as Neo4j's manual has it.
    Stopped,
}

/// A step of making a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    CopyRunning,
    Freeze(Duration),
    CopyStopped,
    Prove,
    Keep,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CopyRunning => f.write_str("copy both stores while the servers run"),
            Self::Freeze(longest) => write!(
                f,
                "freeze both servers together for at most {} s, and copy what has changed",
                longest.as_secs_f64()
            ),
            Self::CopyStopped => f.write_str("copy both stores"),
            Self::Prove => f.write_str(
                "prove both copies on scratch servers, side by side: Redis loads, saves and checks \
                 an RDB; Neo4j recovers, is checked and dumped",
            ),
            Self::Keep => f.write_str("write the manifest and the sums, and name the folder"),
        }
    }
}

/// What is known of a deployment that is to be saved: both its servers have answered.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) observed: &'a Observed,
    pub(crate) engine: &'a Engine,
    pub(crate) graph: GraphFacts,
    pub(crate) keys: KeyFacts,
    pub(crate) sizes: Sizes,
}

/// What will be done. Pure.
pub(crate) fn plan(observed: &Observed, how: How) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    match how {
        How::Frozen(longest) => {
            plan.step(
                Action::Snapshot(Step::CopyRunning),
                "little is left to be copied then while nobody can write",
            );
            plan.step(
                Action::Snapshot(Step::Freeze(longest)),
                "what two frozen servers have on the disk is one moment of both",
            );
        }
        How::Stopped => {
            plan.stop(observed, "--offline asks for the documented way");
            plan.step(
                Action::Snapshot(Step::CopyStopped),
                "nothing changes while no server runs",
            );
            plan.step(Action::Start, "nothing else needs them stopped");
            plan.step(
                Action::AwaitReady,
                "it is up when Bolt answers on its database and Redis answers as its user",
            );
        }
    }
    plan.step(
        Action::Snapshot(Step::Prove),
        "only what has been loaded and recovered is a backup",
    );
    plan.step(
        Action::Snapshot(Step::Keep),
        "a folder with a snapshot's name is a whole snapshot",
    );
    plan
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
    plan: &Plan,
    stack: Option<&Stack>,
) -> Result<Made> {
    let observed = source.observed;
    let place = Place::of(context, &observed.deployment);
    // A dump is compressed and an RDB small: what the stores take is more than they will.
    space::at_destination(&place.folder, source.sizes.total())?;
    let scratch = Scratch::begin(context, &observed.deployment)?;
    let image = container(observed, Service::Neo4j)?.image_id();
    space::on_engine(&scratch, image, source.sizes.total())?;
    let making = place.make()?;
    let number = sequence::next(&place)?;
    let run = Run {
        command,
        engine: source.engine,
        snapshot: Some(making.id.to_string()),
    };
    let mut work = Work {
        context,
        scratch: &scratch,
        source,
        number,
        making: Some(making),
        stopped: None,
        copier: None,
        captured: None,
        keys: None,
        graph: None,
        made: None,
    };
    execute::journalled(context, &run, plan, |action| match action {
        Action::Snapshot(step) => work.step(*step),
        other => {
            if matches!(other, Action::Stop(_)) {
                work.stopped = Some(Instant::now());
            }
            execute::act(context, &observed.deployment, other, stack)?;
            if let (Action::AwaitReady, Some(captured), Some(since)) =
                (other, &mut work.captured, work.stopped)
            {
                captured.freeze = since.elapsed();
            }
            Ok(())
        }
    })?;
    let made = work.made.take();
    scratch.remove()?;
    made.ok_or_else(|| out_of_order("nothing was kept"))
}

/// What the steps hand on to each other.
struct Work<'a> {
    context: &'a Context,
    scratch: &'a Scratch<'a>,
    source: &'a Source<'a>,
    number: u64,
    /// Until it is kept.
    making: Option<Making>,
    stopped: Option<Instant>,
    copier: Option<Copier>,
    captured: Option<Captured>,
    keys: Option<prove::Keys>,
    graph: Option<prove::Graph>,
    made: Option<Made>,
}

fn out_of_order(what: &str) -> Failure {
    Failure::failed(format!("the steps of a snapshot are out of order: {what}"))
}

impl Work<'_> {
    fn step(&mut self, step: Step) -> Result<()> {
        let observed = self.source.observed;
        match step {
            Step::CopyRunning => {
                self.copier = Some(capture::beforehand(self.context, self.scratch, observed)?);
            }
            Step::Freeze(longest) => {
                let copier = self
                    .copier
                    .take()
                    .ok_or_else(|| out_of_order("nothing was copied before the freeze"))?;
                let captured =
                    capture::frozen(self.context, self.scratch, observed, copier, longest)?;
                self.captured = Some(captured);
            }
            Step::CopyStopped => {
                self.captured = Some(capture::stopped(self.context, self.scratch, observed)?);
            }
            Step::Prove => {
                let (keys, graph) =
                    prove::side_by_side(|| self.prove_keys(), || self.prove_graph())?;
                (self.keys, self.graph) = (Some(keys), Some(graph));
            }
            Step::Keep => self.keep()?,
        }
        Ok(())
    }

    fn parts(&self) -> Result<(&Making, &Captured)> {
        let both = self.making.as_ref().zip(self.captured.as_ref());
        both.ok_or_else(|| out_of_order("nothing was captured"))
    }

    fn prove_keys(&self) -> Result<prove::Keys> {
        let (making, captured) = self.parts()?;
        let image = container(self.source.observed, Service::Redis)?.image_id();
        let file = making.create(RDB)?;
        prove::save(self.scratch, image, &captured.redis, &file)
    }

    fn prove_graph(&self) -> Result<prove::Graph> {
        let (making, captured) = self.parts()?;
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

    fn keep(&mut self) -> Result<()> {
        let manifest = self.manifest()?;
        let making = self
            .making
            .take()
            .ok_or_else(|| out_of_order("nothing is being made"))?;
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
        self.made = Some(Made { manifest, path });
        Ok(())
    }

    fn manifest(&self) -> Result<Manifest> {
        let (making, captured) = self.parts()?;
        let (Some(keys), Some(graph)) = (&self.keys, &self.graph) else {
            return Err(out_of_order("nothing was proved"));
        };
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
            taken: if self.stopped.is_some() {
                "stopped"
            } else {
                "frozen"
            }
            .to_owned(),
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

#[cfg(test)]
mod tests {
    use environments::{Deployment, Environment, Instance};

    use super::*;
    use crate::observe::testing::running;

    fn shown(how: How) -> String {
        let staging = Deployment::new(Environment::Staging, Instance::main());
        plan(&running(&staging), how).to_string()
    }

    #[test]
    fn servers_that_are_frozen_are_copied_before_and_proved_after() {
        insta::assert_snapshot!(shown(How::Frozen(Duration::from_millis(2500))));
    }

    #[test]
    fn servers_that_are_stopped_run_again_before_anything_is_proved() {
        insta::assert_snapshot!(shown(How::Stopped));
    }
}
