//! Whether a running set differs from a fresh one in more than its data and its schema.
//!
//! Emptying in place gives what new volumes would only where nobody has added a user, changed a
//! setting or an ACL.

use std::collections::{BTreeMap, BTreeSet};

use environments::Service;
use environments::render::{self, Target};
use process::printable;
use process::side_by_side::both;
use serde_json::Value;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::{COMPONENTS, KeyFacts, Observed, neo4j};
use crate::secrets;
use crate::tools::bolt::Rows;

/// What in-place has to drop, and what it cannot set right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tidiness {
    pub(crate) schema: Schema,
    /// One reason a line. Empty where a fresh set would have the same users and settings.
    pub(crate) untidy: Vec<String>,
}

/// A database's constraints and indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Schema {
    pub(crate) constraints: Vec<String>,
    /// Those that are neither lookup indexes nor owned by a constraint.
    pub(crate) indexes: Vec<String>,
    /// How many indexes constraints own.
    owned: usize,
    /// Every new database has two.
    lookup: usize,
}

impl Schema {
    /// What it is read from. Asked in the same words before something is emptied and afterwards: a
    /// server that has just started takes a tenth of a second to plan each wording.
    pub(crate) const ASKED: [&str; 2] = [
        "SHOW CONSTRAINTS YIELD name",
        "SHOW INDEXES YIELD name, type, owningConstraint",
    ];

    /// Reads the answers to [`Self::ASKED`]; nothing where they are not of that form.
    pub(crate) fn read(constraints: &Rows, indexes: &Rows) -> Option<Self> {
        let mut schema = Self::default();
        for row in constraints {
            let [Value::String(name)] = row.as_slice() else {
                return None;
            };
            schema.constraints.push(name.clone());
        }
        for row in indexes {
            match row.as_slice() {
                [Value::String(_), Value::String(kind), _] if kind == "LOOKUP" => {
                    schema.lookup += 1;
                }
                [Value::String(name), Value::String(_), Value::Null] => {
                    schema.indexes.push(name.clone());
                }
                [Value::String(_), Value::String(_), Value::String(_)] => schema.owned += 1,
                _ => return None,
            }
        }
        schema.constraints.sort_unstable();
        schema.indexes.sort_unstable();
        Some(schema)
    }

    /// Whether both lookup indexes are there.
    pub(crate) const fn has_lookup_indexes(&self) -> bool {
        self.lookup == 2
    }

    /// Whether it is that of a new database.
    pub(crate) fn is_new(&self) -> bool {
        let new = Self {
            lookup: 2,
            ..Self::default()
        };
        *self == new
    }
}

/// Asks both servers for all but what [`users_of_redis`] reads from what was asked before.
pub(crate) fn inspect(context: &Context, observed: &Observed) -> Result<Tidiness> {
    let (redis, graph) = both(|| redis(context, observed), || graph(context, observed));
    let mut tidiness = graph?;
    tidiness.untidy.extend(redis?);
    Ok(tidiness)
}

fn graph(context: &Context, observed: &Observed) -> Result<Tidiness> {
    let deployment = &observed.deployment;
    let container = observed
        .container(Service::Neo4j)
        .ok_or_else(|| Failure::failed("Neo4j has no container"))?;
    let password = secrets::password(deployment.environment())?;
    let server = neo4j(context, deployment, container, &password);
    let [constraints, indexes] = Schema::ASKED;
    let answers = server.look_at_home(&[constraints, indexes, USERS, COMPONENTS])?;
    let [constraints, indexes, users, components] = answers.as_slice() else {
        return Err(not_understood(&answers));
    };
    let schema = Schema::read(constraints, indexes);
    let schema = schema.ok_or_else(|| not_understood(&answers))?;
    let mut untidy = Vec::new();
    let users = names(users);
    if users != [deployment.environment().neo4j_user()] {
        untidy.push(format!("Neo4j has the users {}", users.join(", ")));
    }
    // Community changes no setting while it runs (Operations Manual 5, Update dynamic settings).
    let edition = components.first().and_then(|row| row.get(1)?.as_str());
    if edition != Some("community") {
        let changed = server.look_at_home(&[CHANGED_SETTINGS])?;
        for setting in changed.iter().flat_map(names) {
            untidy.push(format!("Neo4j's setting {setting} was changed"));
        }
    }
    Ok(Tidiness { schema, untidy })
}

const USERS: &str = "SHOW USERS YIELD user";

/// Of the other settings `value` and `startupValue` differ by how a path or an address is written.
const CHANGED_SETTINGS: &str = "SHOW SETTINGS YIELD name, value, startupValue, isDynamic \
                                WHERE isDynamic AND value <> startupValue RETURN name";

/// The texts of a column.
fn names(rows: &Rows) -> Vec<String> {
    let name = |row: &Vec<Value>| Some(row.first()?.as_str()?.to_owned());
    rows.iter().filter_map(name).collect()
}

fn not_understood(answers: &[Rows]) -> Failure {
    Failure::failed(format!(
        "Neo4j was expected to tell its schema, its users and its edition, but answered {}",
        printable(&format!("{answers:?}"))
    ))
}

fn redis(context: &Context, observed: &Observed) -> Result<Vec<String>> {
    let container = observed
        .container(Service::Redis)
        .ok_or_else(|| Failure::failed("Redis has no container"))?;
    let words = container.command().iter().map(String::as_str);
    let args: Vec<&str> = std::iter::once("tta-redis-drift").chain(words).collect();
    let asked = context
        .docker
        .exec_with(&container.id, &["--user", "root"], &args);
    let drift = context.runner.run(&asked)?.ok()?;
    let lines = drift.stdout.lines();
    Ok(lines.map(|line| format!("Redis: {line}")).collect())
}

/// What a Redis' users differ in from those that it would be started with; one reason a line.
///
/// # Errors
/// The provider of the environment's password gives none.
pub(crate) fn users_of_redis(target: &Target, now: &KeyFacts) -> Result<Vec<String>> {
    let password = secrets::password(target.deployment().environment())?;
    let rendered = render::redis_users(target, &password.value);
    Ok(users_changed(&rendered, &now.users.join("\n")))
}

/// What the users of a server differ in from the rendered ones. Redis writes a rule in a form of its
/// own, so a user's rules are compared as the sets of their words; the admin user's password is new
/// at every start.
fn users_changed(rendered: &str, now: &str) -> Vec<String> {
    let users = |text: &str| -> BTreeMap<String, BTreeSet<String>> {
        let rules = |line: &str| {
            let mut words = line.strip_prefix("user ")?.split_whitespace();
            let name = words.next()?.to_owned();
            let written = words.filter(|word| !WRITTEN_BY_REDIS.contains(word));
            Some((name, written.map(str::to_owned).collect()))
        };
        text.lines().filter_map(rules).collect()
    };
    let mut now = users(now);
    now.remove("tta-admin");
    let expected = users(rendered);
    let names: BTreeSet<&String> = expected.keys().chain(now.keys()).collect();
    names
        .into_iter()
        .filter(|name| expected.get(*name) != now.get(*name))
        .map(|name| format!("Redis' user {name} is not as rendered"))
        .collect()
}

/// Words that `ACL LIST` adds to what a file says.
const WRITTEN_BY_REDIS: [&str; 2] = ["sanitize-payload", "resetchannels"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(constraints: &[Value], indexes: &[Value]) -> Option<Schema> {
        let rows = |rows: &[Value]| -> Rows {
            let cells = |row: &Value| row.as_array().cloned().unwrap_or_default();
            rows.iter().map(cells).collect()
        };
        Schema::read(&rows(constraints), &rows(indexes))
    }

    #[test]
    fn a_schema_is_that_of_a_new_database_with_its_two_lookup_indexes_alone() {
        let lookup = [
            json!(["index_343aff4e", "LOOKUP", null]),
            json!(["index_f7700477", "LOOKUP", null]),
        ];
        let with = |constraints: &[Value], indexes: &[Value]| {
            schema(constraints, &[&lookup[..], indexes].concat()).expect("it is understood")
        };
        assert!(with(&[], &[]).is_new());
        let one = schema(&[], &lookup[..1]).expect("it is understood");
        assert!(!one.is_new() && !one.has_lookup_indexes());
        let owned = with(&[json!(["b"]), json!(["a"])], &[json!(["a", "RANGE", "a"])]);
        assert_eq!(owned.constraints, ["a", "b"]);
        assert!(owned.indexes.is_empty() && owned.has_lookup_indexes() && !owned.is_new());
        // A constraint that has gone, and its index not yet.
        assert!(!with(&[], &[json!(["a", "RANGE", "a"])]).is_new());
        let own = with(
            &[],
            &[json!(["d", "TEXT", null]), json!(["c", "RANGE", null])],
        );
        assert_eq!(own.indexes, ["c", "d"]);
        assert!(!own.is_new());
    }

    #[test]
    fn a_schema_that_is_told_otherwise_is_not_taken_for_an_empty_one() {
        for (constraints, indexes) in [
            (vec![json!([1])], vec![]),
            (vec![json!([])], vec![]),
            (vec![], vec![json!(["a", "RANGE"])]),
            (vec![], vec![json!(["a", "RANGE", 1])]),
            (vec![], vec![json!([null, "LOOKUP", null])]),
        ] {
            assert_eq!(
                schema(&constraints, &indexes),
                None,
                "{constraints:?} {indexes:?}"
            );
        }
    }

    const RENDERED: &str = "user default off ~* &* +@all\n\
                            user tta-test on #00 ~test:* &test:* +@all -@admin\n";
    /// As Redis 8.0.2 writes it.
    const LISTED: &str = "user default off sanitize-payload ~* &* +@all\n\
                          user tta-admin on sanitize-payload #5f ~* &* +@all\n\
                          user tta-test on sanitize-payload #00 ~test:* resetchannels &test:* +@all -@admin\n";

    #[test]
    fn a_fresh_servers_users_are_known_again_in_redis_own_words() {
        assert_eq!(users_changed(RENDERED, LISTED), Vec::<String>::new());
    }

    #[test]
    fn a_user_added_opened_widened_or_removed_is_noticed() {
        for (changed, user) in [
            (format!("{LISTED}user guest on nopass ~* +@all\n"), "guest"),
            (
                LISTED.replace("default off", "default on nopass"),
                "default",
            ),
            (LISTED.replace("~test:*", "~*"), "tta-test"),
            (LISTED.replace("user tta-test", "user other"), "other"),
        ] {
            let untidy = users_changed(RENDERED, &changed).join("; ");
            assert!(untidy.contains(&format!("user {user} ")), "{untidy}");
        }
    }
}
