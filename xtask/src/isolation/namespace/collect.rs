//! Counts keys and nodes, and reads the names of databases.

use std::thread;

use environments::Service;
use serde_json::Value;

use crate::isolation::auth::acl;
use crate::isolation::namespace::evidence::{Keys, Nodes, Site};
use crate::isolation::scene::{self, Scene};
use crate::isolation::servers::{DIED, Pair, container};
use crate::namespace::audit::{self, Depth};
use crate::process::printable;

/// Asks all servers side by side.
pub(super) fn collect(scene: &Scene<'_>) -> Vec<Site> {
    let pairs = scene.servers();
    thread::scope(|scope| {
        let threads: Vec<_> = scene
            .sites
            .iter()
            .zip(pairs)
            .map(|(site, pair)| {
                let nodes = scope.spawn(move || nodes(scene, site, pair));
                let keys = scope.spawn(move || keys(scene, site, pair));
                (site, nodes, keys)
            })
            .collect();
        threads
            .into_iter()
            .map(|(site, nodes, keys)| Site {
                environment: site.deployment.environment(),
                nodes: nodes.join().unwrap_or_else(|_| Err(DIED.to_owned())),
                keys: keys.join().unwrap_or_else(|_| Err(DIED.to_owned())),
            })
            .collect()
    })
}

fn nodes(scene: &Scene<'_>, site: &scene::Site, pair: &Pair) -> Result<Nodes, String> {
    let databases = {
        let mut server = pair.graph()?;
        // The count logs in with the container's own credential: one that is refused is not tried.
        if !server.configured_as(scene.key.as_ref().map_err(Clone::clone)?, site) {
            return Err(
                "its container is configured with another password than its own".to_owned(),
            );
        }
        server.ask("system", "SHOW DATABASES YIELD name, home")?
    };
    let databases = databases
        .iter()
        .map(|row| match row.as_slice() {
            [Value::String(name), Value::Bool(home)] => Ok((name.clone(), *home)),
            _ => Err("SHOW DATABASES answers no databases".to_owned()),
        })
        .filter(|row| !matches!(row, Ok((name, _)) if name == "system"))
        .collect::<Result<_, _>>()?;
    let password = site.password.as_ref().map_err(Clone::clone)?;
    let container = container(site, Service::Neo4j)?;
    let census = audit::nodes(scene.context, &site.deployment, container, password)
        .map_err(|failure| printable(&failure.message))?;
    Ok(Nodes {
        name: site.deployment.container(Service::Neo4j),
        census,
        databases,
    })
}

fn keys(scene: &Scene<'_>, site: &scene::Site, pair: &Pair) -> Result<Keys, String> {
    let environment = site.deployment.environment();
    let listed = pair.keys()?.ask(&["ACL", "LIST"])?;
    let key = scene.key.as_ref().map_err(Clone::clone)?;
    let users = acl::users(&listed, key).ok_or("ACL LIST answers what is no list of users")?;
    let own = users
        .iter()
        .find(|user| user.name == environment.redis_user());
    let container = container(site, Service::Redis)?;
    let census = audit::keys(scene.context, environment, container, Depth::Names)
        .map_err(|failure| printable(&failure.message))?;
    Ok(Keys {
        name: site.deployment.container(Service::Redis),
        census,
        any_key: own.is_some_and(acl::User::any_key),
    })
}
