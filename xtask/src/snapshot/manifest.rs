//! What a snapshot says of itself.

use std::collections::BTreeMap;

use environments::Deployment;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Result};
use crate::snapshot::fingerprint::Fingerprint;
use crate::snapshot::place::Id;
pub(crate) use crate::snapshot::place::MANIFEST;

/// The form of the manifest and of the files beside it. Another is refused.
pub(crate) const FORMAT: u32 = 1;

/// Redis' data.
pub(crate) const RDB: &str = "redis.rdb";

/// Neo4j's data: `neo4j-admin database load` asks for the database's name.
pub(crate) fn dump(database: &str) -> String {
    format!("{database}.dump")
}

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    pub(crate) id: Id,
    /// One more than that of any snapshot that was beside it when it was made: of two it tells which
    /// is newer, also where the clock was set back in between.
    #[serde(default)]
    pub(crate) number: u64,
    pub(crate) environment: String,
    pub(crate) instance: String,
    /// The engine's id.
    pub(crate) engine: String,
    /// The moment that the data is of, in UTC.
    pub(crate) created: String,
    /// `frozen` or `stopped`.
    pub(crate) taken: String,
    /// How long nobody could write.
    pub(crate) freeze_seconds: f64,
    pub(crate) neo4j: Neo4jSource,
    pub(crate) redis: RedisSource,
    pub(crate) files: Vec<File>,
    pub(crate) fingerprint: Fingerprint,
}

/// The Neo4j that the data is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Neo4jSource {
    pub(crate) version: String,
    pub(crate) edition: String,
    pub(crate) database: String,
    pub(crate) store_id: String,
    pub(crate) image: ImageSource,
}

/// The Redis that the data is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisSource {
    pub(crate) version: String,
    /// Name to version.
    pub(crate) modules: BTreeMap<String, u64>,
    pub(crate) image: ImageSource,
}

/// An image: what it was called, which it was, where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageSource {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) origin: String,
}

/// A file of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Manifest {
    /// Reads the text of one.
    ///
    /// # Errors
    /// It is of another format, or none at all.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_str(text)
            .map_err(|error| Failure::failed(format!("{MANIFEST} is not valid: {error}")))?;
        if head.format != FORMAT {
            return Err(Failure::failed(format!(
                "{MANIFEST} has the format {}, and this tool reads {FORMAT}",
                head.format
            ))
            .hint("use the version of this tool that made it"));
        }
        serde_json::from_str(text)
            .map_err(|error| Failure::failed(format!("{MANIFEST} is damaged: {error}")))
    }

    /// All bytes of its data.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Whether it is of that deployment: another environment's is never restored.
    pub(crate) fn is_of(&self, deployment: &Deployment) -> bool {
        self.environment == deployment.environment().slug()
            && self.instance == deployment.instance().label()
    }
}
