//! Counts keys and nodes, and reads the names of databases.

use std::collections::BTreeMap;
use std::thread;

use environments::Service;
use serde_json::Value;

use crate::error::Failure;
use crate::isolation::auth::acl;
use crate::isolation::namespace::evidence::{Keys, Nodes, Site};
use crate::isolation::scene::{self, Scene};
use crate::isolation::servers::{DIED, Pair, container, in_short};
use crate::namespace::audit::{self, Depth};
use crate::tools::redis::keyspace as keyspace_of;

/// Asks all servers side by side.
pub(super) fn collect(scene: &Scene<'_>) -> Vec<Site> {
    let pairs = scene.servers();
    thread::scope(|scope| {
        let threads: Vec<_> = scene
            .sites
            .iter()
            .zip(pairs)
            .map(|(site, pair)| {
                let nodes = scope.spawn(move || nodes(site, pair));
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

fn nodes(site: &scene::Site, pair: &Pair) -> Result<Nodes, String> {
    let mut server = pair.graph()?;
    let databases = server
        .databases()?
        .iter()
        .map(|row| match row.as_slice() {
            [Value::String(name), _, Value::Bool(home)] => Ok((name.clone(), *home)),
            _ => Err("SHOW DATABASES answers no databases".to_owned()),
        })
        .filter(|row| !matches!(row, Ok((name, _)) if name == "system"))
        .collect::<Result<BTreeMap<String, bool>, String>>()?;
    let home = databases.iter().find(|(_, home)| **home);
    let (home, _) = home.ok_or("SHOW DATABASES has no home")?;
    let census = audit::nodes_by(site.deployment.environment(), |statements| {
        if let Some(all) = counts_at_once(statements) {
            let rows = server.ask(home, &all).map_err(Failure::failed)?;
            return counted(rows, statements.len());
        }
        let asked = statements
            .iter()
            .map(|statement| server.ask(home, statement).map_err(Failure::failed));
        asked.collect()
    })
    .map_err(|failure| in_short(&failure))?;
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
        let listed = server.ask(&["ACL", "LIST"])?;
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
    .map_err(|failure| in_short(&failure))?;
    Ok(Keys {
        name: site.deployment.container(Service::Redis),
        census,
        any_key: own.is_some_and(acl::User::any_key),
    })
}

/// Statements that only count, as one: a server that was just started plans each for a tenth of a
/// second. The counts still come from the count store (5.26: NodeCountFromCountStore in each part,
/// which a number beside `count(n)` itself would prevent).
fn counts_at_once(statements: &[&str]) -> Option<String> {
    let parts: Option<Vec<String>> = statements
        .iter()
        .enumerate()
        .map(|(at, statement)| {
            let matched = statement.strip_suffix(" RETURN count(n)")?;
            Some(format!(
                "{matched} WITH count(n) AS nodes RETURN {at} AS part, nodes"
            ))
        })
        .collect();
    parts
        .filter(|parts| parts.len() > 1)
        .map(|parts| parts.join(" UNION ALL "))
}

/// The answers of those statements, each as it would have been alone: a union promises no order.
fn counted(rows: Vec<Vec<Value>>, statements: usize) -> Result<Vec<Vec<Vec<Value>>>, Failure> {
    let mut answers = vec![Vec::new(); statements];
    for row in &rows {
        let part = match row.as_slice() {
            [part, nodes] => part.as_u64().map(|part| (part, nodes)),
            _ => None,
        };
        let answer = part.and_then(|(part, nodes)| {
            let answer = answers.get_mut(usize::try_from(part).ok()?)?;
            Some((answer, nodes))
        });
        match answer {
            Some((answer, nodes)) if answer.is_empty() => answer.push(vec![nodes.clone()]),
            _ => {
                return Err(Failure::failed(format!(
                    "Neo4j was expected to count {statements} times, but answered {rows:?}"
                )));
            }
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rows(rows: Value) -> Vec<Vec<Value>> {
        serde_json::from_value(rows).expect("rows")
    }

    #[test]
    fn statements_that_only_count_are_one_and_any_other_stands_alone() {
        let all = counts_at_once(&["MATCH (n) RETURN count(n)", "MATCH (n:`A`) RETURN count(n)"]);
        assert_eq!(
            all.as_deref(),
            Some(
                "MATCH (n) WITH count(n) AS nodes RETURN 0 AS part, nodes UNION ALL \
                 MATCH (n:`A`) WITH count(n) AS nodes RETURN 1 AS part, nodes"
            )
        );
        assert_eq!(counts_at_once(&["MATCH (n) RETURN count(n)"]), None);
        assert_eq!(
            counts_at_once(&["MATCH (n) RETURN count(n)", "MATCH (n) RETURN n"]),
            None
        );
    }

    #[test]
    fn each_count_is_its_own_statement_s_in_whatever_order_they_come() {
        let answers = counted(rows(json!([[1, 7], [0, 9]])), 2).expect("two counts");
        assert_eq!(answers, [rows(json!([[9]])), rows(json!([[7]]))]);
    }

    #[test]
    fn a_count_twice_or_of_no_statement_is_none() {
        for garbled in [
            json!([[0, 1], [0, 2]]),
            json!([[2, 1]]),
            json!([[-1, 1]]),
            json!([["0", 1]]),
            json!([[0]]),
            json!([[0, 1, 2]]),
            json!([[]]),
        ] {
            assert!(counted(rows(garbled.clone()), 2).is_err(), "{garbled}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_answered_nobody_s_nodes_are_counted_twice(
            told in proptest::collection::vec((any::<i64>(), any::<u64>()), 0..6)
        ) {
            let told: Vec<Vec<Value>> =
                told.iter().map(|(part, nodes)| vec![json!(part), json!(nodes)]).collect();
            if let Ok(answers) = counted(told.clone(), 3) {
                let kept: usize = answers.iter().map(Vec::len).sum();
                prop_assert_eq!(kept, told.len());
                prop_assert!(answers.iter().all(|answer| answer.len() <= 1));
            }
        }
    }
}
