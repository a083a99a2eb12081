//! Both stores brought to one moment, on scratch volumes.

use std::time::Duration;

use environments::Service;
use process::side_by_side::both;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::Observed;
use crate::snapshot::copy::{Copier, Pass};
use crate::snapshot::freeze::Freezer;
use crate::snapshot::freeze::watch::Watch;
use crate::snapshot::scratch::Scratch;
use crate::tools::docker::Container;
use crate::ui::bytes;

/// How long the copy of two stopped servers may take.
const UNHURRIED: Duration = Duration::from_secs(3600);

/// Copies of both stores, of one moment.
#[derive(Debug)]
pub(crate) struct Captured {
    /// The volume with Neo4j's files.
    pub(crate) neo4j: String,
    /// The volume with Redis' files.
    pub(crate) redis: String,
    /// The moment.
    pub(crate) created: String,
    /// How long nobody could write.
    pub(crate) freeze: Duration,
}

/// The container of a server, which must be there.
pub(crate) fn container(observed: &Observed, service: Service) -> Result<&Container> {
    observed.container(service).ok_or_else(|| {
        let name = observed.deployment.container(service);
        Failure::failed(format!("there is no container {name}"))
    })
}

fn copier(scratch: &Scratch<'_>, observed: &Observed) -> Result<Copier> {
    let image = container(observed, Service::Neo4j)?.image_id();
    Copier::start(scratch, &observed.deployment, image)
}

fn told(context: &Context, what: &str, pass: &Pass) {
    context.ui.say(format!(
        "  {what}: {} in {} files, {:.2} s",
        bytes(pass.bytes),
        pass.files,
        pass.took.as_secs_f64()
    ));
}

/// Copies while the servers run, until little is left.
pub(crate) fn beforehand(
    context: &Context,
    scratch: &Scratch<'_>,
    observed: &Observed,
) -> Result<Copier> {
    let mut copier = copier(scratch, observed)?;
    copier.passes(|pass| told(context, "while they run", pass))?;
    Ok(copier)
}

/// Freezes both, copies what has changed, lets them run again.
///
/// # Errors
/// Both run again in every case.
pub(crate) fn frozen(
    context: &Context,
    scratch: &Scratch<'_>,
    observed: &Observed,
    mut copier: Copier,
    longest: Duration,
) -> Result<Captured> {
    let neo4j = container(observed, Service::Neo4j)?;
    let redis = container(observed, Service::Redis)?;
    let watch = Watch::begin(context, [&neo4j.id, &redis.id])?;
    let mut freezer = Freezer::start(context, &neo4j.id, &redis.id, longest)?;
    let in_vain = freezer.freeze()?;
    let created = crate::journal::now();
    // The look waits for a child, and so does the copy: the freeze is no longer for it.
    let (looked, copied) = both(
        || watch.frozen(),
        || copier.last_pass(longest + Duration::from_secs(1)),
    );
    let still = watch.still_frozen();
    // Thawed first, whatever came of the copy.
    let thawed = freezer.thaw();
    // That it lasted too long explains whatever else was seen, and whoever ended it what was written.
    let freeze = thawed?;
    looked.and(still).and_then(|()| watch.same())?;
    watch.frozen_once(1 + in_vain)?;
    let pass = copied?;
    told(context, "while they were frozen", &pass);
    let [neo4j, redis] = copier.end(scratch)?;
    Ok(Captured {
        neo4j,
        redis,
        created,
        freeze,
    })
}

/// Copies two servers that are stopped. How long nobody could write is not known yet.
pub(crate) fn stopped(
    context: &Context,
    scratch: &Scratch<'_>,
    observed: &Observed,
) -> Result<Captured> {
    let mut copier = copier(scratch, observed)?;
    let neo4j = container(observed, Service::Neo4j)?;
    let redis = container(observed, Service::Redis)?;
    let watch = Watch::begin(context, [&neo4j.id, &redis.id])?;
    watch.at_rest()?;
    let created = crate::journal::now();
    let copied = copier.last_pass(UNHURRIED);
    watch.same()?;
    let pass = copied?;
    told(context, "while they were stopped", &pass);
    let [neo4j, redis] = copier.end(scratch)?;
    Ok(Captured {
        neo4j,
        redis,
        created,
        freeze: Duration::ZERO,
    })
}
