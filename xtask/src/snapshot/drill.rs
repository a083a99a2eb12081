//! A snapshot restored into a scratch instance, compared with what it was made of, and timed.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use environments::images;

use crate::error::{Failure, Result};
use crate::journal::{Deed, Kind, Verb};
use crate::plan::Action;
pub(crate) use crate::snapshot::drilled::{DRILL, Drill, Seconds, read};
use crate::snapshot::fingerprint::Fingerprint;
use crate::snapshot::manifest::{self, Manifest, RDB};
use crate::snapshot::place::Id;
use crate::snapshot::prove;
use crate::snapshot::scratch::Scratch;
use crate::snapshot::servers::Store;
use crate::snapshot::verify::Verified;
use crate::tools::docker::containers::{Mounted, told};

/// The one action of a drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DrillOf(pub(crate) Id);

impl Action for DrillOf {
    /// What it writes beside the snapshot.
    fn deeds(&self) -> Vec<Deed> {
        let name = format!("{}/{DRILL}", self.0);
        vec![Deed::new(Verb::Write, Kind::File, name, "")]
    }
}

impl fmt::Display for DrillOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "restore {} on scratch servers, compare it with what it was made of, remove them",
            self.0
        )
    }
}

/// Restores a snapshot on scratch servers and compares. The result is written beside it, whatever
/// it is.
///
/// # Errors
/// It could not be carried out. That the data differs is a result.
pub(crate) fn drill(
    scratch: &Scratch<'_>,
    engine: &str,
    verified: &Verified,
    verifying: f64,
) -> Result<Drill> {
    let started = Instant::now();
    let ((keys, redis), (graph, neo4j)) = prove::side_by_side(
        || Ok((keys(scratch, verified)?, started.elapsed().as_secs_f64())),
        || Ok((graph(scratch, verified)?, started.elapsed().as_secs_f64())),
    )?;
    let found = Fingerprint {
        neo4j: graph.print,
        redis: keys.print,
    };
    let mut differences = verified.manifest.fingerprint.differences(&found);
    if graph.store_id != verified.manifest.neo4j.store_id {
        differences.push(format!(
            "store: expected {}, found {}",
            verified.manifest.neo4j.store_id, graph.store_id
        ));
    }
    let drill = Drill {
        sums: verified.sum.clone(),
        at: crate::journal::now(),
        engine: engine.to_owned(),
        matched: differences.is_empty(),
        differences,
        seconds: Seconds {
            verify: rounded(verifying),
            redis: rounded(redis),
            neo4j: rounded(neo4j),
            total: rounded(verifying + started.elapsed().as_secs_f64()),
        },
    };
    write(&verified.path, &drill)?;
    Ok(drill)
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Redis from the RDB.
fn keys(scratch: &Scratch<'_>, verified: &Verified) -> Result<prove::Keys> {
    let volume = scratch.volume("redis")?;
    // Redis' own user, so that its server reads the file.
    put(
        scratch,
        images::REDIS,
        verified,
        RDB,
        &volume,
        "dump.rdb",
        "redis",
    )?;
    let keys = prove::load(scratch, images::REDIS, &volume)?;
    lacking(&verified.manifest, &keys)?;
    Ok(keys)
}

/// A module that the snapshot's server had and this one lacks may hold keys that nobody reads here.
pub(crate) fn lacking(manifest: &Manifest, keys: &prove::Keys) -> Result<()> {
    let wanted = manifest.redis.modules.iter();
    let lacking: Vec<String> = wanted
        .filter(|(name, version)| keys.modules.get(*name).is_none_or(|there| there < *version))
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "the snapshot is of a Redis with modules that this image lacks: {}",
        lacking.join(", ")
    ))
    .hint("cargo xtask images   (an image with these modules)"))
}

/// Neo4j from the dump.
fn graph(scratch: &Scratch<'_>, verified: &Verified) -> Result<prove::Graph> {
    let store = Store {
        volume: scratch.volume("neo4j")?,
        folder: "/data".to_owned(),
        database: database(&verified.manifest)?,
        image: images::NEO4J.to_owned(),
    };
    load(scratch, &store, verified)?;
    prove::recover(scratch, &store)
}

/// The database of a manifest, which must be one of ours.
pub(crate) fn database(manifest: &Manifest) -> Result<&'static str> {
    let environments = environments::Environment::ALL.into_iter();
    let names = environments.map(environments::Environment::database);
    let mut same = names.filter(|name| *name == manifest.neo4j.database);
    same.next().ok_or_else(|| {
        Failure::failed(format!(
            "the snapshot is of a database {:?}, which is none of ours",
            manifest.neo4j.database
        ))
    })
}

/// `neo4j-admin database load` of a snapshot's dump into a store that no server has open.
pub(crate) fn load(scratch: &Scratch<'_>, store: &Store, verified: &Verified) -> Result<()> {
    let path = verified.path.join(manifest::dump(store.database));
    let file = fs::File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let args = [
        "database",
        "load",
        store.database,
        "--from-stdin",
        "--overwrite-destination=true",
    ];
    let command = store.admin(scratch, "load", &args);
    let bytes = file.metadata().map_or(0, |metadata| metadata.len());
    let progress = scratch.context.ui.progress_of_bytes("loaded", bytes);
    let runner = scratch.docker().runner();
    let reply = runner.feeding_told(&command, file, |read| progress.at(read))?;
    reply
        .ok()
        .map(drop)
        .map_err(|error| Failure::from(error).within("the dump does not load"))
}

/// Puts a file of the snapshot into a volume, owned by a user of the image.
pub(crate) fn put(
    scratch: &Scratch<'_>,
    image: &str,
    verified: &Verified,
    name: &str,
    volume: &str,
    to: &str,
    owner: &str,
) -> Result<()> {
    let path = verified.path.join(name);
    let unreadable = || format!("cannot read {}", path.display());
    let bytes = fs::metadata(&path).with_context(unreadable)?.len();
    let mut helper = scratch.helper("put", image);
    helper.entrypoint = Some("bash");
    helper.user = Some("root");
    helper.mounts = vec![Mounted::writing(volume, "/to")];
    helper.in_memory = vec!["/data"];
    let script = r#"set -e; umask 077; mkdir -p "$(dirname "/to/$1")"; cat >"/to/$1"; chown -R "$2:$2" "$(dirname "/to/$1")"; stat --format=%s "/to/$1""#;
    helper.args = ["-c", script, "put", to, owner].map(str::to_owned).to_vec();
    let docker = scratch.docker();
    let command = docker.run_once(&helper, std::time::Duration::from_secs(1800));
    let feed = || {
        let file = fs::File::open(&path).with_context(unreadable)?;
        Ok(docker.runner().feeding(&command, file)?)
    };
    let number = |said: &str| said.strip_suffix('\n')?.parse::<u64>().ok();
    let arrived = told(feed, "how many bytes have come", number).and_then(|arrived| {
        let part = || Failure::failed(format!("{arrived} of {bytes} bytes have come"));
        if arrived == bytes {
            Ok(())
        } else {
            Err(part())
        }
    });
    arrived.map_err(|failure| failure.within(format!("{name} could not be copied to the engine")))
}

/// Writes it beside its place and renames it: half a result is none.
fn write(folder: &Path, drill: &Drill) -> Result<()> {
    let put = || -> anyhow::Result<()> {
        // Not inside the snapshot, where a verification would find it unlisted after a kill.
        let name = folder.file_name().context("a snapshot has a name")?;
        let beside = folder.with_file_name(format!(".drill-{}", name.display()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(serde_json::to_string_pretty(drill)?.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&beside, folder.join(DRILL))?;
        Ok(())
    };
    put().with_context(|| format!("cannot write {}", folder.join(DRILL).display()))?;
    Ok(())
}
