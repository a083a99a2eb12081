//! Counts keys and nodes, and reads the names of databases.

use environments::Service;

use crate::error::Failure;
use crate::isolation::auth::acl;
use crate::isolation::namespace::evidence::{Keys, Nodes, Site};
use crate::isolation::scene::{self, Scene};
use crate::isolation::servers::databases::{Databases, SYSTEM};
use crate::isolation::servers::{self, Pair, Servers, container, in_short};
use crate::namespace::audit::{self, Depth};
use crate::tools::redis::keyspace as keyspace_of;

/// Asks all servers side by side.
pub(super) fn collect(scene: &Scene<'_>, servers: &Servers) -> Vec<Site> {
    let asked = servers::each(scene, servers, nodes, keys);
    let site = |(site, (nodes, keys)): (&scene::Site, _)| Site {
        environment: site.deployment.environment(),
        nodes,
        keys,
    };
    scene.sites.iter().zip(asked).map(site).collect()
}

fn nodes(scene: &Scene<'_>, site: &scene::Site, pair: &Pair) -> Result<Nodes, String> {
    let mut server = pair.graph()?;
    let Databases { home, stores } = server.databases(scene, site)?;
    let databases = stores
        .into_keys()
        .filter(|name| name != SYSTEM)
        .map(|name| {
            let is_home = name == home;
            (name, is_home)
        })
        .collect();
    let census = audit::nodes_by(site.deployment.environment(), |statements| {
        let asked = statements
            .iter()
            .map(|statement| server.ask(&home, statement).map_err(Failure::failed));
        asked.collect()
    })
    .map_err(in_short)?;
    Ok(Nodes {
        name: site.deployment.container(Service::Neo4j),
        census,
        databases,
    })
}

fn keys(scene: &Scene<'_>, site: &scene::Site, pair: &Pair) -> Result<Keys, String> {
    let environment = site.deployment.environment();
    let (listed, keyspace) = {
        let mut server = pair.keys()?;
        let listed = server.users.clone()?;
        (listed, server.ask(&["INFO", "keyspace"])?.join("\n"))
    };
    let keyspace = keyspace_of(&keyspace).ok_or("INFO has no section Keyspace")?;
    let key = scene.key.as_ref().map_err(Clone::clone)?;
    let users = acl::users(&listed, key).ok_or("ACL LIST answers what is no list of users")?;
    let own = users
        .iter()
        .find(|user| user.name == environment.redis_user());
    let container = container(site, Service::Redis)?;
    let census = audit::keys_in(
        scene.context,
        environment,
        container,
        Depth::Names,
        keyspace,
    )
    .map_err(in_short)?;
    Ok(Keys {
        name: site.deployment.container(Service::Redis),
        census,
        any_key: own.is_some_and(acl::User::any_key),
    })
}
