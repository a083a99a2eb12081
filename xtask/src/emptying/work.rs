//! What there is to empty, and what is loaded afterwards.

use std::fmt;

use environments::{Deployment, Disposable};

use crate::plan::{Object, object};
use crate::tidiness::Schema;
use crate::tools::docker::Container;
use crate::ui::counted;

/// What there is to empty in a running set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InPlace {
    target: Disposable,
    pub(super) neo4j: Object,
    pub(super) redis: Object,
    pub(crate) nodes: u64,
    pub(crate) keys: u64,
    pub(crate) schema: Schema,
    /// The fixture to load afterwards, in the same session.
    pub(crate) seed: Option<Seed>,
}

impl InPlace {
    /// Only a [`Disposable`] can be emptied.
    pub(crate) fn of(target: &Disposable, neo4j: &Container, redis: &Container) -> Self {
        Self {
            target: target.clone(),
            neo4j: object(neo4j),
            redis: object(redis),
            nodes: 0,
            keys: 0,
            schema: Schema::default(),
            seed: None,
        }
    }

    pub(super) const fn deployment(&self) -> &Deployment {
        self.target.deployment()
    }
}

/// A fixture: Cypher statements, one transaction each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seed {
    pub(crate) file: String,
    pub(crate) statements: Vec<String>,
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statements = counted(self.statements.len() as u64, "statement");
        write!(f, "{statements} of {}", self.file)
    }
}
