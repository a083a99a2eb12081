//! What two stores must have in common to be the same data.

pub(crate) mod graph;
pub(crate) mod keys;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use compose_audit::digest::hexadecimal;

use self::graph::GraphPrint;
use self::keys::KeysPrint;

/// Both stores of an environment at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    pub(crate) neo4j: GraphPrint,
    pub(crate) redis: KeysPrint,
}

impl Fingerprint {
    /// In what another differs from this one, a line each. Nothing where they are the same data.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = self.neo4j.differences(&other.neo4j);
        lines.extend(self.redis.differences(&other.redis));
        lines
    }
}

/// A text's SHA-256 in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    hexadecimal(&Sha256::digest(text))
}

/// `what: expected A, found B`, where they are not the same.
fn compared<T: PartialEq + std::fmt::Display>(
    what: impl std::fmt::Display,
    expected: T,
    found: T,
) -> Option<String> {
    (expected != found).then(|| format!("{what}: expected {expected}, found {found}"))
}

/// The same for maps of counts: what is missing counts 0.
fn compared_counts(
    what: &str,
    expected: &std::collections::BTreeMap<String, u64>,
    found: &std::collections::BTreeMap<String, u64>,
) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let count = |map: &std::collections::BTreeMap<String, u64>, name: &String| {
        map.get(name).copied().unwrap_or_default()
    };
    names
        .into_iter()
        .filter_map(|name| {
            compared(
                format!("{what} {name}"),
                count(expected, name),
                count(found, name),
            )
        })
        .collect()
}
