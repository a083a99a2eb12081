//! What a deployment holds: asked for before it is emptied, and shown in the plan and by `status`.

use environments::{Deployment, Volume};
use process::side_by_side::{Lost, both, each};

use crate::context::Context;
use crate::error::Result;
use crate::guard::identity;
use crate::observe::{self, Observed};
use crate::secrets;
use crate::tools::docker::Container;
use crate::ui::{bytes, counted};

/// What a deployment holds, where its servers can be asked. The second of each pair is why not.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) graph: Result<observe::GraphFacts, String>,
    pub(crate) keys: Result<observe::KeyFacts, String>,
}

impl Lost for Contents {
    /// Never another environment's contents.
    fn lost() -> Self {
        Self {
            graph: Lost::lost(),
            keys: Lost::lost(),
        }
    }
}

/// Asks both servers side by side.
pub(crate) fn contents(context: &Context, observed: &Observed) -> Contents {
    let deployment = &observed.deployment;
    let running = |container: &Option<Container>| match container {
        Some(container) if container.running() => Ok(container.clone()),
        Some(container) => Err(format!("its container is {}", container.state.status)),
        None => Err("it has no container".to_owned()),
    };
    let (graph, keys) = both(
        || {
            let password =
                secrets::password(deployment.environment()).map_err(|failure| failure.message)?;
            observe::graph(context, deployment, &running(&observed.neo4j)?, &password)
                .map_err(|failure| failure.message)
        },
        || {
            let container = running(&observed.redis)?;
            observe::keys(context, &container).map_err(|failure| failure.message)
        },
    );
    Contents { graph, keys }
}

/// Servers that answer must be the environment's own. Those that don't answer say nothing: the labels
/// of the volumes have decided, and the plan says that the contents were not inspected.
pub(crate) fn agree(command: &str, deployment: &Deployment, found: &Contents) -> Result<()> {
    let mut objections = Vec::new();
    if let Ok(facts) = &found.graph {
        objections.extend(identity::graph(deployment, facts));
    }
    if let Ok(facts) = &found.keys {
        objections.extend(identity::keys(deployment, facts));
    }
    identity::settle(command, deployment, &objections)
}

/// The sizes of the volumes that are there, in their order; none where it could not be counted.
pub(crate) type Sizes = Vec<Option<u64>>;

/// Counts side by side: each waits for a child.
pub(crate) fn sizes(context: &Context, observed: &Observed) -> Sizes {
    each(observed.volumes(), |(volume, _)| {
        size(context, observed, volume)
    })
}

/// What would be lost.
pub(crate) fn notes(observed: &Observed, found: &Contents, sizes: Sizes) -> Vec<String> {
    let mut notes = Vec::new();
    notes.push(match &found.graph {
        Ok(facts) => format!(
            "Neo4j {} holds {}, {}",
            facts.version,
            counted(facts.nodes, "node"),
            counted(facts.relationships, "relationship")
        ),
        Err(reason) => format!("Neo4j: contents not inspected, {reason}"),
    });
    notes.push(match &found.keys {
        Ok(facts) => format!(
            "Redis {} holds {}",
            facts.version,
            counted(facts.keys, "key")
        ),
        Err(reason) => format!("Redis: contents not inspected, {reason}"),
    });
    let volumes = observed.volumes().map(|(_, state)| state);
    notes.extend(volumes.zip(sizes).map(|(state, size)| {
        let size = size.map_or_else(|| "size not known".to_owned(), bytes);
        format!("{} ({size}, made {})", state.name, state.created_at)
    }));
    notes
}

/// The bytes in a volume, counted inside the container that mounts it.
fn size(context: &Context, observed: &Observed, volume: Volume) -> Option<u64> {
    let container = observed
        .container(volume.service())
        .filter(|container| Container::running(container))?;
    let folder = match volume {
        Volume::Neo4jData | Volume::RedisData => "/data",
        Volume::Neo4jLogs => "/logs",
    };
    let du = context.docker.exec(&container.id, &["du", "-sb", folder]);
    let reply = context.runner.run(&du).ok()?;
    reply.stdout.split_whitespace().next()?.parse().ok()
}
