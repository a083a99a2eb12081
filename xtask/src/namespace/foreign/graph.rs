//! Nodes with another environment's label, and every relationship that goes with them.

use std::time::Duration;

use environments::Environment;
use serde_json::Value;

use super::file::{LABEL, Moved, Node, PROPERTY};
use super::literal::{map, string};
use crate::error::{Failure, Result};
use crate::namespace::scripts;
use crate::tools::neo4j::{Neo4j, quoted_name};

/// How many are read and compared at once.
const PAGE: usize = 500;
/// How many a transaction removes.
const REMOVED_AT_ONCE: usize = 1000;
/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Reads all of them, and has the server read what was written down of them.
pub(super) fn read(server: &Neo4j<'_>, environment: Environment, moved: &mut Moved) -> Result<()> {
    let foreign = foreign(environment);
    let nodes = format!(
        "MATCH (n:{foreign}) WHERE id(n) > AFTER RETURN id(n), elementId(n), labels(n), \
         COUNT {{ (n)--() }}, properties(n) ORDER BY id(n) LIMIT {PAGE}"
    );
    pages(server, &nodes, |row| {
        let id = text(&row[1])?;
        let mut labels: Vec<&str> = row[2]["_value"]
            .as_array()
            .map(|all| {
                all.iter()
                    .filter_map(|one| one["_value"].as_str())
                    .collect()
            })
            .ok_or_else(|| unexpected(&row[2]))?;
        labels.sort_unstable();
        let own = row[4]["_value"].get(PROPERTY).is_some() || labels.contains(&LABEL);
        if own {
            return Err(unwritable(
                id,
                &format!("it has the label {LABEL} or the property {PROPERTY} already"),
            ));
        }
        let labels: String = labels
            .into_iter()
            .map(|label| format!(":{}", quoted_name(label)))
            .collect();
        let first = format!("`{PROPERTY}`: {}", string(id));
        let properties = map(&row[4]["_value"], Some(first)).map_err(|why| unwritable(id, &why))?;
        let node = Node {
            create: format!("CREATE (:`{LABEL}`{labels} {properties});"),
            degree: number(&row[3])?,
        };
        moved.nodes.insert(id.to_owned(), node);
        Ok(())
    })?;
    if moved.nodes.is_empty() {
        return Ok(());
    }
    let relationships = format!(
        "MATCH (n:{foreign})-[r]-() WHERE id(r) > AFTER WITH DISTINCT r \
         RETURN id(r), elementId(r), type(r), elementId(startNode(r)), elementId(endNode(r)), \
         properties(r) ORDER BY id(r) LIMIT {PAGE}"
    );
    pages(server, &relationships, |row| {
        let id = text(&row[1])?;
        let properties = map(&row[5]["_value"], None).map_err(|why| unwritable(id, &why))?;
        let end = |name: &str, id: &str| {
            let quoted = string(id);
            if moved.nodes.contains_key(id) {
                format!("MATCH ({name}:`{LABEL}` {{`{PROPERTY}`: {quoted}}})")
            } else {
                // It stays where it is, and is found there by its id.
                format!("MATCH ({name}) WHERE elementId({name}) = {quoted}")
            }
        };
        let line = format!(
            "/* {id} */ {} {} CREATE (a)-[:{} {properties}]->(b);",
            end("a", text(&row[3])?),
            end("b", text(&row[4])?),
            quoted_name(text(&row[2])?),
        );
        moved.relationships.insert(id.to_owned(), line);
        Ok(())
    })
}

/// Removes the nodes, but for those that have more relationships than were read. Whether none is
/// left.
pub(super) fn remove(server: &Neo4j<'_>, environment: Environment, moved: &Moved) -> Result<bool> {
    let foreign = foreign(environment);
    let nodes: Vec<String> = moved
        .nodes
        .iter()
        .map(|(id, node)| format!("[{}, {}]", string(id), node.degree))
        .collect();
    if nodes.is_empty() {
        return Ok(true);
    }
    let statements: Vec<String> = nodes
        .chunks(REMOVED_AT_ONCE)
        .map(|some| {
            format!(
                "UNWIND [{}] AS one MATCH (n) WHERE elementId(n) = one[0] AND n:{foreign} \
                 AND COUNT {{ (n)--() }} <= one[1] DETACH DELETE n",
                some.join(", ")
            )
        })
        .collect();
    server.prove(&statements)?;
    let count = server.ask(&[&format!("MATCH (n:{foreign}) RETURN count(n)")])?;
    let left = count.first().and_then(|rows| rows.first()?.first());
    Ok(left.and_then(Value::as_u64) == Some(0))
}

fn foreign(environment: Environment) -> String {
    let others: Vec<String> = scripts::owners(environment)[1..]
        .iter()
        .map(|owner| quoted_name(owner.neo4j_label()))
        .collect();
    others.join("|")
}

/// Asks page by page, the last column of which are properties. What is written of those is read by
/// the server again: it must come to the same types and values.
fn pages(
    server: &Neo4j<'_>,
    statement: &str,
    mut each: impl FnMut(&[Value]) -> Result<()>,
) -> Result<()> {
    let mut after = -1;
    loop {
        let statement = statement.replace("AFTER", &after.to_string());
        let rows = server.ask_typed(&statement, PATIENCE)?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = i64::try_from(number(&last[0])?).unwrap_or(i64::MAX);
        let mut written = Vec::new();
        for row in &rows {
            each(row)?;
            let properties = row.last().unwrap_or(&Value::Null);
            let literal = map(&properties["_value"], None);
            let id = text(&row[1])?;
            written.push(literal.map_err(|why| unwritable(id, &why))?);
        }
        let back = server.ask_typed(&format!("RETURN [{}]", written.join(", ")), PATIENCE)?;
        let back = back
            .first()
            .and_then(|row| row.first()?["_value"].as_array());
        for (at, row) in rows.iter().enumerate() {
            if back.and_then(|back| back.get(at)) != row.last() {
                return Err(unwritable(
                    text(&row[1])?,
                    "Cypher does not make the same of what is written of its properties",
                ));
            }
        }
    }
}

fn unwritable(id: &str, why: &str) -> Failure {
    Failure::refused(format!(
        "{id} cannot be written down exactly: {why}. Nothing was removed"
    ))
    .hint("change or remove it by hand, then run the same command again")
}

fn text(value: &Value) -> Result<&str> {
    value["_value"].as_str().ok_or_else(|| unexpected(value))
}

fn number(value: &Value) -> Result<u64> {
    let number = value["_value"].as_str().and_then(|text| text.parse().ok());
    number.ok_or_else(|| unexpected(value))
}

fn unexpected(value: &Value) -> Failure {
    Failure::failed(format!(
        "Neo4j was expected to answer in typed JSON, but answered {value}"
    ))
}
