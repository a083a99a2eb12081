//! What a snapshot and its drill allow: the one way to an [`Expendable`].

use chrono::{DateTime, Utc};
use environments::{Deployment, Evidence, Expendable, Protected};

use crate::error::{Failure, Result};
use crate::snapshot::verify::Verified;

/// A protected deployment that may be changed, behind a snapshot of which every byte was read.
///
/// # Errors
/// Refused with all that keeps the snapshot from being enough.
pub(crate) fn behind(
    protected: Protected,
    verified: &Verified,
    engine: &str,
    store: &str,
    done: &str,
) -> Result<Expendable> {
    let deployment = protected.deployment().clone();
    let evidence = evidence(verified, engine, store)?;
    Expendable::behind(protected, &evidence).map_err(|objections| {
        Failure::refused(format!(
            "{deployment} is not {done} behind {}, nothing was touched:\n  - {}",
            verified.id,
            objections.join("\n  - ")
        ))
        .hint(format!(
            "cargo xtask snapshot {0}; cargo xtask drill {0}",
            deployment.environment()
        ))
    })
}

/// What the snapshot and its drill say, and what the servers do.
fn evidence(verified: &Verified, engine: &str, store: &str) -> Result<Evidence> {
    let manifest = &verified.manifest;
    let environment = manifest.environment.parse();
    let environment = environment
        .map_err(|error: environments::UnknownEnvironment| Failure::failed(error.to_string()))?;
    let instance = if manifest.instance.is_empty() {
        environments::Instance::main()
    } else {
        let named = environments::Instance::named(&manifest.instance);
        named.map_err(|error| Failure::failed(error.to_string()))?
    };
    let drill = verified.drill.as_ref();
    let age = drill.and_then(|drill| {
        let at: DateTime<Utc> = drill.at.parse().ok()?;
        (Utc::now() - at).to_std().ok()
    });
    Ok(Evidence {
        deployment: Deployment::new(environment, instance),
        engines: (manifest.engine.clone(), engine.to_owned()),
        stores: (manifest.neo4j.store_id.clone(), store.to_owned()),
        matched: drill.map(|drill| drill.matched),
        age,
    })
}
