//! A snapshot put in place of what an environment holds: loaded beside it in the same volumes,
//! proved there by scratch servers, and swapped with it by renames while the servers are stopped.
//!
//! `restore.sh` moves the folders. What was there is kept beside it until it is forgotten.

mod progress;

use std::fmt;
use std::time::Duration;

use environments::{Deployment, Service, Volume};

pub(crate) use self::progress::{Progress, State};

use crate::error::{Failure, Result};
use crate::observe::Observed;
use crate::plan::{Action, Plan};
use crate::snapshot::capture::container;
use crate::snapshot::drill;
use crate::snapshot::fingerprint::Fingerprint;
use crate::snapshot::fingerprint::keys::KeysPrint;
use crate::snapshot::manifest::RDB;
use crate::snapshot::place::Id;
use crate::snapshot::prove;
use crate::snapshot::scratch::Scratch;
use crate::snapshot::servers::{Load, ScratchKeys, Store};
use crate::snapshot::verify::Verified;
use crate::tools::docker::containers::Mounted;

/// A step of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Clear,
    Load(Id),
    Prove(Id),
    StillQuiet,
    Swap(Id),
    Compare(Id),
    Forget(Id),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear => f.write_str("remove what an earlier restore has loaded beside the data"),
            Self::Load(id) => write!(f, "load {id} beside the data, in the same volumes"),
            Self::Prove(id) => write!(f, "start scratch servers on it and compare it with {id}"),
            Self::StillQuiet => f.write_str("see that nobody has written since it was saved"),
            Self::Swap(id) => write!(
                f,
                "put it in place by renames, and keep what was there as .before-{id}"
            ),
            Self::Compare(id) => write!(f, "compare what the servers hold with {id}"),
            Self::Forget(id) => write!(f, "remove what was there before {id} was restored"),
        }
    }
}

/// What will be done to servers that run. Pure.
pub(crate) fn plan(observed: &Observed, id: &Id, state: &State) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    if state.loaded {
        plan.step(
            Action::Restore(Step::Clear),
            "it was cut off before that was put in place",
        );
    }
    plan.step(
        Action::Restore(Step::Load(id.clone())),
        "the servers go on meanwhile",
    );
    plan.step(
        Action::Restore(Step::Prove(id.clone())),
        "nothing is put in place that was not seen to work there",
    );
    plan.step(
        Action::Restore(Step::StillQuiet),
        "what is written now would be in no snapshot",
    );
    plan.stop(observed, "folders are swapped under no running server");
    in_place(&mut plan, id);
    plan
}

/// The rest of one that was cut off after its servers were stopped. Pure.
pub(crate) fn resumed(observed: &Observed, id: &Id) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    plan.stop(observed, "folders are swapped under no running server");
    in_place(&mut plan, id);
    plan
}

/// The rest of one that was cut off after its data was in place. Pure.
pub(crate) fn started(observed: &Observed, id: &Id) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    start(&mut plan, id);
    plan
}

fn in_place(plan: &mut Plan, id: &Id) {
    plan.step(
        Action::Restore(Step::Swap(id.clone())),
        "a rename is done or not done, never half",
    );
    start(plan, id);
}

fn start(plan: &mut Plan, id: &Id) {
    plan.step(Action::Start, "its data is in place");
    plan.step(
        Action::AwaitReady,
        "it is up when Bolt answers on its database and Redis answers as its user",
    );
    plan.step(
        Action::Restore(Step::Compare(id.clone())),
        "it is restored when the servers hold what the snapshot says",
    );
}

/// Removing what was there before. Pure.
pub(crate) fn forgetting(observed: &Observed, id: &Id) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    plan.step(
        Action::Restore(Step::Forget(id.clone())),
        "--forget asks for it",
    );
    plan
}

/// The folders of a deployment's two volumes.
#[derive(Debug)]
pub(crate) struct Folders<'a> {
    pub(crate) scratch: &'a Scratch<'a>,
    pub(crate) deployment: &'a Deployment,
    pub(crate) image: &'a str,
    pub(crate) id: &'a Id,
}

impl Folders<'_> {
    fn give(&self, order: &str) -> Result<String> {
        let mut helper = self.scratch.helper(order, self.image);
        helper.entrypoint = Some("bash");
        helper.user = Some("root");
        helper.in_memory = vec!["/data", "/logs"];
        helper.mounts = vec![
            Mounted::writing(self.deployment.volume(Volume::Neo4jData), "/neo4j"),
            Mounted::writing(self.deployment.volume(Volume::RedisData), "/redis"),
        ];
        let database = self.deployment.environment().database();
        helper.args = [
            "-c",
            include_str!("restore.sh"),
            "restore",
            order,
            self.id.as_str(),
            database,
        ]
        .map(str::to_owned)
        .to_vec();
        let docker = self.scratch.docker();
        let command = docker.run_once(&helper, Duration::from_secs(600));
        Ok(docker.runner().run(&command)?.ok()?.stdout)
    }

    /// How far it has come.
    pub(crate) fn state(&self) -> Result<State> {
        State::told(&self.give("state")?)
    }

    pub(crate) fn clear(&self) -> Result<()> {
        self.give("clear").map(drop)
    }

    pub(crate) fn arm(&self) -> Result<()> {
        self.give("arm").map(drop)
    }

    pub(crate) fn swap(&self) -> Result<()> {
        self.give("swap").map(drop).map_err(|failure| {
            failure.hint(format!(
                "the servers are stopped; run the same command again: it goes on where this one \
                 stopped (cargo xtask restore {} {})",
                self.deployment.environment(),
                self.id
            ))
        })
    }

    pub(crate) fn forget(&self) -> Result<()> {
        self.give("forget").map(drop)
    }
}

/// The incoming folder of both volumes, as a container sees it that has the volume at `/data`.
fn incoming(id: &Id) -> String {
    format!("/data/.incoming-{id}")
}

fn store(observed: &Observed, verified: &Verified) -> Result<Store> {
    Ok(Store {
        volume: observed.deployment.volume(Volume::Neo4jData),
        folder: incoming(&verified.id),
        database: drill::database(&verified.manifest)?,
        image: container(observed, Service::Neo4j)?.image_id().to_owned(),
    })
}

/// Loads both stores beside the data.
pub(crate) fn load(scratch: &Scratch<'_>, observed: &Observed, verified: &Verified) -> Result<()> {
    let store = store(observed, verified)?;
    let redis = container(observed, Service::Redis)?.image_id();
    let to = format!(".incoming-{}/dump.rdb", verified.id);
    let volume = observed.deployment.volume(Volume::RedisData);
    prove::side_by_side(
        || drill::put(scratch, redis, verified, RDB, &volume, &to, "redis"),
        || drill::load(scratch, &store, verified),
    )
    .map(drop)
}

/// Starts scratch servers on what was loaded and compares it; Redis writes the append-only file that
/// the environment's own server starts from, which would ignore an RDB.
pub(crate) fn prove(scratch: &Scratch<'_>, observed: &Observed, verified: &Verified) -> Result<()> {
    let store = store(observed, verified)?;
    let (keys, graph) = prove::side_by_side(
        || prove_keys(scratch, observed, verified),
        || prove::recover(scratch, &store),
    )?;
    for redis in keys {
        let found = Fingerprint {
            neo4j: graph.print.clone(),
            redis,
        };
        let differences = verified.manifest.fingerprint.differences(&found);
        if !differences.is_empty() {
            return Err(Failure::failed(format!(
                "the snapshot {} restores to other data, and nothing was put in place:\n  - {}",
                verified.id,
                differences.join("\n  - ")
            )));
        }
    }
    Ok(())
}

/// What Redis holds from the RDB, and once more from the append-only file that it wrote: that is
/// what will be started from.
fn prove_keys(
    scratch: &Scratch<'_>,
    observed: &Observed,
    verified: &Verified,
) -> Result<[KeysPrint; 2]> {
    let image = container(observed, Service::Redis)?.image_id();
    let volume = observed.deployment.volume(Volume::RedisData);
    let folder = incoming(&verified.id);
    let at = (volume.as_str(), folder.as_str());
    let server = ScratchKeys::start(scratch, image, at, Load::Rdb, "keys")?;
    let keys = prove::Keys {
        print: KeysPrint::of(&server)?,
        modules: prove::modules(&server)?,
    };
    drill::lacking(&verified.manifest, &keys)?;
    server.write_append_only()?;
    server.end()?;
    let server = ScratchKeys::start(scratch, image, at, Load::AppendOnly, "keys")?;
    let again = KeysPrint::of(&server)?;
    server.end()?;
    Ok([keys.print, again])
}

#[cfg(test)]
mod tests {
    use environments::{Environment, Instance};

    use super::*;
    use crate::observe::testing::{running, stopped};

    pub(super) fn staging() -> Deployment {
        Deployment::new(Environment::Staging, Instance::main())
    }

    pub(super) fn id() -> Id {
        "20261122_213000".parse().expect("an id")
    }

    #[test]
    fn nothing_is_stopped_before_the_snapshot_was_seen_to_work_beside_the_data() {
        insta::assert_snapshot!(plan(&running(&staging()), &id(), &State::default()));
    }

    #[test]
    fn what_an_earlier_restore_has_loaded_is_removed_first() {
        let state = State::told("loaded\n").expect("it is told so");
        let plan = plan(&running(&staging()), &id(), &state);
        let first = plan.steps.first().expect("a step");
        assert_eq!(first.action, Action::Restore(Step::Clear));
    }

    #[test]
    fn a_restore_that_was_cut_off_after_the_swap_stops_and_moves_nothing() {
        let plan = started(&running(&staging()), &id());
        insta::assert_snapshot!(plan, @r"
        Plan for staging:
          1. compose up
               because its data is in place
          2. wait until both servers answer
               because it is up when Bolt answers on its database and Redis answers as its user
          3. compare what the servers hold with 20261122_213000
               because it is restored when the servers hold what the snapshot says
        ");
    }

    #[test]
    fn a_restore_that_was_cut_off_after_the_stop_loads_nothing_again() {
        insta::assert_snapshot!(resumed(&stopped(&staging()), &id()));
    }
}
