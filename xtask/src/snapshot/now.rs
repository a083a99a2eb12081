//! What an environment holds at this moment: the fingerprint of a copy, and whether anything was
//! written since.

use environments::Service;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::identity::Identity;
pub(crate) use crate::identity::writes;
use crate::observe::Observed;
use crate::snapshot::capture::{self, container};
use crate::snapshot::fingerprint::Fingerprint;
use crate::snapshot::fingerprint::keys::KeysPrint;
use crate::snapshot::prove;
use crate::snapshot::scratch::Scratch;
use crate::snapshot::servers::{Load, ScratchKeys, Store};

/// The fingerprint of both stores, taken from a copy as a snapshot's is: only so are they compared
/// like with like.
pub(crate) fn fingerprint(
    context: &Context,
    scratch: &Scratch<'_>,
    observed: &Observed,
    longest: std::time::Duration,
) -> Result<Fingerprint> {
    let copier = capture::beforehand(context, scratch, observed)?;
    let captured = capture::frozen(context, scratch, observed, copier, longest)?;
    let redis = container(observed, Service::Redis)?.image_id();
    let at = (captured.redis.as_str(), "/data");
    let server = ScratchKeys::start(scratch, redis, at, Load::AppendOnly, "keys")?;
    let keys = KeysPrint::of(&server)?;
    server.end()?;
    let store = Store {
        volume: captured.neo4j,
        folder: "/data".to_owned(),
        database: observed.deployment.environment().database(),
        image: container(observed, Service::Neo4j)?.image_id().to_owned(),
    };
    let graph = prove::recover(scratch, &store)?;
    Ok(Fingerprint {
        neo4j: graph.print,
        redis: keys,
    })
}

/// Refuses where something was written since.
pub(crate) fn still_quiet(context: &Context, observed: &Observed, before: &str) -> Result<()> {
    let moment = |writes: &str| Identity::of(observed).written(writes);
    let changes = moment(before).changes(&moment(&writes(context, observed)?));
    let Some(first) = changes.first() else {
        return Ok(());
    };
    Err(Failure::refused(format!(
        "somebody writes to {}: what was written since it was looked at would be lost ({first})",
        observed.deployment
    ))
    .hint("stop what uses it, then run the same command again"))
}
