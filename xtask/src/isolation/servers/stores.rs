//! What is known of a server's databases.

use std::collections::BTreeMap;

/// The one that every server keeps its users and its other databases in.
pub(crate) const SYSTEM: &str = "system";

/// The id of a store, the same as `databaseID` in `SHOW DATABASES` (5.26).
pub(super) const STORE: &str = "CALL db.info() YIELD id RETURN id";

/// What databases a server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Databases {
    /// That of a client which names none.
    pub(crate) home: String,
    /// Each that has files in the server's data folder, with the id of its store where it is in use.
    pub(crate) stores: BTreeMap<String, Option<String>>,
}
