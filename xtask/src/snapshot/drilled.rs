//! What came of a drill, as it is kept beside the snapshot.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file beside the manifest, outside the sums: it is written later.
pub(crate) const DRILL: &str = "drill.json";

/// What came of a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Drill {
    /// The hash of `SHA256SUMS`: a drill speaks of exactly these bytes.
    pub(crate) sums: String,
    /// When it ended, in UTC.
    pub(crate) at: String,
    /// The id of the engine that it ran on.
    pub(crate) engine: String,
    pub(crate) matched: bool,
    /// In what the restored data differs, a line each.
    pub(crate) differences: Vec<String>,
    pub(crate) seconds: Seconds,
}

/// How long it took to have the data back: the recovery time. Both stores are brought back side by
/// side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seconds {
    pub(crate) verify: f64,
    pub(crate) redis: f64,
    pub(crate) neo4j: f64,
    pub(crate) total: f64,
}

/// The drill of a snapshot, where there was one and it speaks of these very bytes.
pub(crate) fn read(path: &Path, sums: &str) -> Option<Drill> {
    let text = fs::read_to_string(path.join(DRILL)).ok()?;
    let drill: Drill = serde_json::from_str(&text).ok()?;
    (drill.sums == sums).then_some(drill)
}
