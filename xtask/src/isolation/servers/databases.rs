//! The databases of a Neo4j: the one that it calls home, and those that have files on it.
//!
//! `SHOW DATABASES` tells less, no id where a database is out of use, and costs a server that has
//! just started two seconds of a core, more than all else that a proof asks it (Neo4j 5.26.30).

use std::collections::BTreeMap;

use compose_audit::alone;
use environments::Service;
use process::PROMPT;
use serde_json::Value;

use crate::isolation::scene::{Scene, Site};
use crate::isolation::servers::graph::{Graph, Said};
use crate::isolation::servers::reach::{container, in_short};
use crate::isolation::servers::stores::STORE;
pub(crate) use crate::isolation::servers::stores::{Databases, SYSTEM};
use crate::observe;

impl Graph {
    /// What databases it has, asked once a run for all layers.
    ///
    /// # Errors
    /// Why that is not known.
    pub(crate) fn databases(
        &mut self,
        scene: &Scene<'_>,
        site: &Site,
    ) -> Result<Databases, String> {
        if let Some(known) = &self.databases {
            return Ok(known.clone());
        }
        let asked = ask(scene, site, self)?;
        Ok(self.databases.insert(asked).clone())
    }
}

/// Asks a server whose own login was tried.
///
/// # Errors
/// It does not answer, or not so that its own answers agree.
fn ask(scene: &Scene<'_>, site: &Site, server: &mut Graph) -> Result<Databases, String> {
    // First by the child that knows whether its own login is taken: Neo4j counts wrong passwords.
    let system = store(server, SYSTEM)?;
    let (home, id) = home(scene, site)?;
    let mut stores = BTreeMap::new();
    for name in server.folders()? {
        let id = if name == SYSTEM {
            system.clone()
        } else if name == home {
            Some(id.clone())
        } else {
            store(server, &name)?
        };
        stores.insert(name, id);
    }
    agreed(Databases { home, stores })
}

/// The home's name and the id of its store, as a client is told over Bolt that names no database.
fn home(scene: &Scene<'_>, site: &Site) -> Result<(String, String), String> {
    let password = site.password.as_ref().map_err(Clone::clone)?;
    let container = container(site, Service::Neo4j)?;
    let server = observe::neo4j(scene.context, &site.deployment, container, password);
    let ask = || server.look_at_home(&["CALL db.info() YIELD name, id"]);
    let answers = alone::once_more(PROMPT, ask, Result::is_err);
    let answers = answers.map_err(in_short)?;
    match answers
        .first()
        .and_then(|rows| rows.first())
        .map(Vec::as_slice)
    {
        Some([Value::String(name), Value::String(id)]) => Ok((name.clone(), id.clone())),
        _ => Err("db.info() tells no name and id of its home database".to_owned()),
    }
}

/// None where the server does not have it in use.
fn store(server: &mut Graph, name: &str) -> Result<Option<String>, String> {
    match server.ask_own(name, STORE)? {
        Said::Rows(rows) => match rows.first().map(Vec::as_slice) {
            Some([Value::String(id)]) if !id.is_empty() => Ok(Some(id.clone())),
            _ => Err(format!("db.info() tells no id of the store of {name:?}")),
        },
        Said::Objection(_) => Ok(None),
        other => Err(other.why()),
    }
}

/// Its folder has what it is certain to have.
fn agreed(databases: Databases) -> Result<Databases, String> {
    let missing = [SYSTEM, &databases.home]
        .into_iter()
        .find(|name| !matches!(databases.stores.get(*name), Some(Some(_))));
    match missing {
        None => Ok(databases),
        Some(name) => Err(format!(
            "its data folder was expected to have the database {name:?}, which it uses, but has {:?}",
            databases.stores.keys().collect::<Vec<_>>()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn databases(stores: &[(&str, Option<&str>)]) -> Databases {
        let owned = |(name, id): &(&str, Option<&str>)| ((*name).to_owned(), id.map(str::to_owned));
        Databases {
            home: "tta-dev".to_owned(),
            stores: stores.iter().map(owned).collect(),
        }
    }

    #[test]
    fn one_that_is_out_of_use_is_no_contradiction() {
        let told = databases(&[
            ("neo4j", None),
            ("system", Some("S")),
            ("tta-dev", Some("D")),
        ]);
        assert_eq!(agreed(told.clone()), Ok(told));
    }

    #[test]
    fn a_folder_without_what_the_server_uses_is_not_believed() {
        for stores in [
            &[][..],
            &[("system", Some("S"))],
            &[("tta-dev", Some("D"))],
            &[("system", None), ("tta-dev", Some("D"))],
        ] {
            let why = agreed(databases(stores)).expect_err("no such server");
            assert!(why.contains("was expected to have"), "{why}");
        }
    }
}
