//! What a migration may do, and the plan for it. Pure.

use std::fmt;
use std::path::{Path, PathBuf};

use environments::{Changeable, Deployment};

use crate::journal::{Deed, Kind, Verb};
use crate::plan::{self, Object, Planned, Step, object};
use crate::tools::docker::Container;
use crate::ui::counted;

/// The steps of a migration, where there is anything to be done by each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migration {
    deployment: Deployment,
    pub(crate) notes: Vec<String>,
    /// What has another environment's mark goes to a file.
    pub(crate) moving: Option<Step<Moving>>,
    /// The prefix for the keys that have none.
    pub(crate) keys: Option<Step<Marking>>,
    /// The label for the nodes that have none.
    pub(crate) nodes: Option<Step<Marking>>,
}

/// How many are to be marked on which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marking {
    pub(crate) server: Object,
    pub(crate) count: u64,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Key,
    Node,
}

/// What has another environment's mark on both servers, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moving {
    pub(crate) neo4j: Object,
    pub(crate) redis: Object,
    keys: u64,
    nodes: u64,
    pub(crate) file: PathBuf,
}

/// Giving marks to so many keys and nodes of running servers.
pub(crate) fn mark(
    target: &Changeable,
    neo4j: &Container,
    redis: &Container,
    keys: u64,
    nodes: u64,
) -> Migration {
    let marking = |server, count, what| Marking {
        server: object(server),
        count,
        what,
    };
    let keys = (keys > 0).then(|| {
        Step::new(
            marking(redis, keys, What::Key),
            "the environment's user may touch no key without the prefix",
        )
    });
    let nodes = (nodes > 0).then(|| {
        Step::new(
            marking(neo4j, nodes, What::Node),
            "a node must say which environment it is from",
        )
    });
    Migration {
        deployment: target.deployment().clone(),
        notes: Vec::new(),
        moving: None,
        keys,
        nodes,
    }
}

/// The step that moves what has another environment's mark, where there is any.
pub(crate) fn move_foreign(
    _: &Changeable,
    neo4j: &Container,
    redis: &Container,
    (keys, nodes): (u64, u64),
    file: &Path,
) -> Option<Step<Moving>> {
    let work = Moving {
        neo4j: object(neo4j),
        redis: object(redis),
        keys,
        nodes,
        file: file.to_owned(),
    };
    let because = "it was asked for: what is there is in the file before it is removed here";
    (keys + nodes > 0).then(|| Step::new(work, because))
}

impl Migration {
    /// Whether there is nothing to be done.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines().is_empty()
    }
}

impl Planned for Migration {
    fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn lines(&self) -> Vec<(String, &str)> {
        let mut lines = plan::lines(&self.moving);
        lines.extend(plan::lines(&self.keys));
        lines.extend(plan::lines(&self.nodes));
        lines
    }
}

fn data(verb: Verb, what: String, server: &Object) -> Deed {
    let name = format!("{what} in {}", server.name);
    Deed::new(verb, Kind::Data, name, &server.id)
}

impl plan::Action for Marking {
    fn deeds(&self) -> Vec<Deed> {
        let what = match self.what {
            What::Key => counted(self.count, "key"),
            What::Node => counted(self.count, "node"),
        };
        vec![data(Verb::Change, what, &self.server)]
    }
}

impl plan::Action for Moving {
    fn deeds(&self) -> Vec<Deed> {
        let file = self.file.display().to_string();
        vec![
            Deed::new(Verb::Write, Kind::File, file, ""),
            data(Verb::Remove, counted(self.keys, "foreign key"), &self.redis),
            data(
                Verb::Remove,
                counted(self.nodes, "foreign node"),
                &self.neo4j,
            ),
        ]
    }
}

impl fmt::Display for Marking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Key => write!(f, "prefix {}", counted(self.count, "key")),
            What::Node => write!(f, "label {}", counted(self.count, "node")),
        }
    }
}

impl fmt::Display for Moving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "move {} and {} of other environments to {}",
            counted(self.keys, "key"),
            counted(self.nodes, "node"),
            self.file.display()
        )
    }
}

#[cfg(test)]
mod tests;
