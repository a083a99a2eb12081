//! A snapshot put in place of what an environment holds: loaded beside it in the same volumes,
//! proved there by scratch servers, and swapped with it by renames while the servers are stopped.
//!
//! `restore.sh` moves the folders. What was there is kept beside it until it is forgotten.

mod plan;
mod progress;

use std::time::Duration;

use environments::{Deployment, Service, Volume};

pub(crate) use self::plan::{Action, forgetting, plan, resumed, started};
pub(crate) use self::progress::{Progress, State};
use crate::error::{Failure, Result};
use crate::observe::Observed;
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
use crate::tools::docker::containers::{Helper, Mounted};

/// How long the moving of folders may take.
const WORK: Duration = Duration::from_secs(600);

/// The folders of a deployment's two volumes.
#[derive(Debug)]
pub(crate) struct Folders<'a> {
    pub(crate) scratch: &'a Scratch<'a>,
    pub(crate) deployment: &'a Deployment,
    pub(crate) image: &'a str,
    pub(crate) id: &'a Id,
}

impl Folders<'_> {
    fn helper(&self, order: &str) -> Helper {
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
        helper
    }

    fn give(&self, order: &str) -> Result<()> {
        let docker = self.scratch.docker();
        let command = docker.run_once(&self.helper(order), WORK);
        docker.runner().run(&command)?.ok()?;
        Ok(())
    }

    /// How far it has come.
    pub(crate) fn state(&self) -> Result<State> {
        let expected = "how far a restore has come";
        let helper = self.helper("state");
        let docker = self.scratch.docker();
        let said = docker.told_once(&helper, WORK, expected, |said| {
            said.strip_suffix("told\n").map(str::to_owned)
        })?;
        State::told(&said)
    }

    pub(crate) fn clear(&self) -> Result<()> {
        self.give("clear")
    }

    pub(crate) fn swap(&self) -> Result<()> {
        self.give("swap").map_err(|failure| {
            failure.hint(format!(
                "the servers are stopped; run the same command again: it goes on where this one \
                 stopped (cargo xtask restore {} {})",
                self.deployment.environment(),
                self.id
            ))
        })
    }

    pub(crate) fn forget(&self) -> Result<()> {
        self.give("forget")
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
