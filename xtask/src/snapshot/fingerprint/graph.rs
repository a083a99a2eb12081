//! Neo4j's part: counts from the count store, the schema as its own statements, and the hashes of a
//! thousand nodes with all that belongs to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{compared, compared_counts, sha256};
use crate::error::{Failure, Result};
use crate::tools::neo4j::Neo4j;

/// How many nodes are hashed.
const SAMPLE: u64 = 1000;

/// Of more nodes than these only every n-th is looked at: a list of all ids would not fit a heap.
const LISTED: u64 = 1_000_000;

/// How long a question may take.
const DEADLINE: Duration = Duration::from_secs(900);

/// Neo4j at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GraphPrint {
    pub(crate) nodes: u64,
    pub(crate) relationships: u64,
    /// Of each label.
    pub(crate) labels: BTreeMap<String, u64>,
    /// Of each type.
    pub(crate) types: BTreeMap<String, u64>,
    /// As the statements that make them.
    pub(crate) constraints: BTreeSet<String>,
    pub(crate) indexes: BTreeSet<String>,
    /// Node id to the hash of its labels, properties and relationships.
    pub(crate) sample: BTreeMap<u64, String>,
}

impl GraphPrint {
    /// Asks a server.
    ///
    /// # Errors
    /// It does not answer, or answers something else.
    pub(crate) fn of(neo4j: Neo4j<'_>) -> Result<Self> {
        let answers = neo4j.ask_at_length(
            &[
                "CALL db.stats.retrieve('GRAPH COUNTS') YIELD data RETURN data",
                "SHOW CONSTRAINTS YIELD createStatement RETURN createStatement",
                "SHOW INDEXES YIELD createStatement RETURN createStatement",
            ],
            DEADLINE,
        )?;
        let first = |answer: usize| {
            let rows = answers.get(answer)?;
            rows.first()?.first()
        };
        let counts = first(0).ok_or_else(|| Failure::failed("Neo4j counted nothing"))?;
        let mut print = counted(counts)
            .ok_or_else(|| Failure::failed(format!("Neo4j counted its graph as {counts}")))?;
        let statements = |answer: usize| -> BTreeSet<String> {
            let rows = answers.get(answer).map(Vec::as_slice).unwrap_or_default();
            rows.iter()
                .filter_map(|row| Some(row.first()?.as_str()?.to_owned()))
                .collect()
        };
        print.constraints = statements(1);
        print.indexes = statements(2);
        let sampled = neo4j.ask_at_length(&[&sampling(print.nodes)], DEADLINE)?;
        for row in sampled.into_iter().flatten() {
            let id = row.first().and_then(Value::as_u64);
            let id = id.ok_or_else(|| Failure::failed(format!("a node without an id: {row:?}")))?;
            print.sample.insert(id, hash(row)?);
        }
        Ok(print)
    }

    /// In what another differs, a line each.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(compared("nodes", self.nodes, other.nodes));
        lines.extend(compared(
            "relationships",
            self.relationships,
            other.relationships,
        ));
        lines.extend(compared_counts("nodes :", &self.labels, &other.labels));
        lines.extend(compared_counts(
            "relationships :",
            &self.types,
            &other.types,
        ));
        for (what, ours, theirs) in [
            ("constraint", &self.constraints, &other.constraints),
            ("index", &self.indexes, &other.indexes),
        ] {
            lines.extend(
                ours.difference(theirs)
                    .map(|one| format!("{what} missing: {one}")),
            );
            lines.extend(
                theirs
                    .difference(ours)
                    .map(|one| format!("{what} added: {one}")),
            );
        }
        let ids: BTreeSet<&u64> = self.sample.keys().chain(other.sample.keys()).collect();
        let differ = |id: &&&u64| self.sample.get(id) != other.sample.get(id);
        let differing: Vec<&&u64> = ids.iter().filter(differ).collect();
        if let Some(first) = differing.first() {
            lines.push(format!(
                "of {} nodes that were compared whole, {} differ, the first has the id {first}",
                ids.len(),
                differing.len()
            ));
        }
        lines
    }
}

/// The count store's answer. None where it has another form.
fn counted(counts: &Value) -> Option<GraphPrint> {
    let mut print = GraphPrint::default();
    for one in counts["nodes"].as_array()? {
        let count = one["count"].as_u64()?;
        match &one["label"] {
            Value::Null => print.nodes = count,
            label if count > 0 => drop(print.labels.insert(label.as_str()?.to_owned(), count)),
            _ => {}
        }
    }
    for one in counts["relationships"].as_array()? {
        let count = one["count"].as_u64()?;
        match (
            &one["relationshipType"],
            &one["startLabel"],
            &one["endLabel"],
        ) {
            (Value::Null, Value::Null, Value::Null) => print.relationships = count,
            (kind, Value::Null, Value::Null) if count > 0 => {
                print.types.insert(kind.as_str()?.to_owned(), count);
            }
            _ => {}
        }
    }
    Some(print)
}

/// A thousand nodes, evenly spread by id, or all where there are fewer. Ids are kept by a dump, and
/// so name the same node on both sides.
fn sampling(nodes: u64) -> String {
    let every = nodes.div_ceil(LISTED).max(1);
    format!(
        "MATCH (n) WHERE id(n) % {every} = 0 WITH id(n) AS i ORDER BY i \
         WITH collect(i) AS ids WITH ids, CASE WHEN size(ids) < {SAMPLE} THEN size(ids) ELSE {SAMPLE} END AS most \
         UNWIND range(0, most - 1) AS k WITH ids[toInteger(k * size(ids) / most)] AS i \
         MATCH (n) WHERE id(n) = i \
         RETURN i, labels(n), {}, \
         COLLECT {{ MATCH (n)-[r]-(m) RETURN [id(r), type(r), id(startNode(r)), id(endNode(r)), {}] \
         ORDER BY id(r) LIMIT 1000 }}, COUNT {{ (n)--() }}",
        properties("n"),
        properties("r"),
    )
}

/// Names, types and values: an answer in JSON alone does not tell a date from its text.
fn properties(of: &str) -> String {
    format!("[k IN keys({of}) | [k, valueType({of}[k]), {of}[k]]]")
}

/// The hash of a row of [`sampling`], whatever the order of its lists.
fn hash(row: Vec<Value>) -> Result<String> {
    let unexpected = Failure::failed("Neo4j told a node in another form");
    let [id, labels, properties, relationships, degree] =
        <[Value; 5]>::try_from(row).map_err(|_| unexpected.clone())?;
    let relationships = relationships.as_array().ok_or(unexpected)?.iter();
    let relationships: Vec<Value> = relationships
        .map(|one| {
            let mut one = one.clone();
            one[4] = sorted(one[4].take());
            one
        })
        .collect();
    let whole = serde_json::json!([
        id,
        sorted(labels),
        sorted(properties),
        sorted(Value::from(relationships)),
        degree
    ]);
    let mut hash = sha256(&whole.to_string());
    hash.truncate(16);
    Ok(hash)
}

/// A list in the order of its elements' texts.
fn sorted(list: Value) -> Value {
    match list {
        Value::Array(mut elements) => {
            elements.sort_by_cached_key(Value::to_string);
            Value::Array(elements)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_count_stores_answer_is_read_and_any_other_is_not() {
        let counts = json!({
            "nodes": [{"count": 3}, {"count": 2, "label": "A"}, {"count": 0, "label": "B"}],
            "relationships": [
                {"count": 4},
                {"relationshipType": "R", "count": 4},
                {"relationshipType": "R", "count": 1, "startLabel": "A"},
            ],
        });
        let print = counted(&counts).expect("it is read");
        assert_eq!((print.nodes, print.relationships), (3, 4));
        assert_eq!(print.labels, BTreeMap::from([("A".to_owned(), 2)]));
        assert_eq!(print.types, BTreeMap::from([("R".to_owned(), 4)]));
        assert_eq!(counted(&json!({"nodes": []})), None);
        assert_eq!(
            counted(&json!({"nodes": [{"count": "3"}], "relationships": []})),
            None
        );
    }

    fn row(text: &str, labels: [&str; 2]) -> Vec<Value> {
        vec![
            json!(7),
            json!(labels),
            json!([["text", "STRING", text], ["n", "INTEGER", 1]]),
            json!([[1, "R", 7, 8, [["w", "FLOAT", 0.5]]]]),
            json!(1),
        ]
    }

    #[test]
    fn one_changed_property_changes_the_hash_and_the_order_of_labels_does_not() {
        let hash = |row| hash(row).expect("a row");
        assert_eq!(hash(row("a", ["A", "B"])), hash(row("a", ["B", "A"])));
        assert_ne!(hash(row("a", ["A", "B"])), hash(row("b", ["A", "B"])));
        assert_ne!(hash(row("a", ["A", "B"])), hash(row("a", ["A", "C"])));
        let mut other = row("a", ["A", "B"]);
        other[3] = json!([[1, "R", 7, 8, [["w", "FLOAT", 0.25]]]]);
        assert_ne!(hash(row("a", ["A", "B"])), hash(other));
    }

    #[test]
    fn a_difference_names_what_differs() {
        let ours = GraphPrint {
            nodes: 2,
            sample: BTreeMap::from([(1, "x".to_owned()), (5, "y".to_owned())]),
            ..GraphPrint::default()
        };
        let mut theirs = ours.clone();
        assert_eq!(ours.differences(&theirs), Vec::<String>::new());
        theirs.nodes = 3;
        theirs.sample.insert(5, "z".to_owned());
        theirs.indexes.insert("CREATE INDEX".to_owned());
        insta::assert_snapshot!(ours.differences(&theirs).join("\n"), @r"
        nodes: expected 2, found 3
        index added: CREATE INDEX
        of 2 nodes that were compared whole, 1 differ, the first has the id 5
        ");
    }
}
