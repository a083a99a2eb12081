//! Redis' part: keys by database and type, and the server's own digest of every key and value.
//!
//! Taken from a scratch server that keeps expired keys. A key that has expired is not shown by SCAN
//! even there, so keys that can expire are counted apart, as the server counts them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{compared, compared_counts, sha256};
use crate::error::{Failure, Result};
use crate::snapshot::servers::ScratchKeys;

/// Redis at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeysPrint {
    /// By the database's number.
    pub(crate) databases: BTreeMap<u32, Database>,
    /// `DEBUG DIGEST`: every key with its value, whatever the order.
    pub(crate) digest: String,
    /// The hash of each library of functions.
    pub(crate) functions: BTreeMap<String, String>,
}

/// One of Redis' databases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Database {
    pub(crate) keys: u64,
    /// Of them, those that can expire.
    pub(crate) with_ttl: u64,
    /// Of the others, how many of each type.
    pub(crate) types: BTreeMap<String, u64>,
}

/// Counts the keys that cannot expire, by type.
const BY_TYPE: &str = "local counts, cursor = {}, '0' \
     repeat local reply = redis.call('SCAN', cursor, 'COUNT', 1000) cursor = reply[1] \
     for _, key in ipairs(reply[2]) do if redis.call('PTTL', key) == -1 then \
     local kind = redis.call('TYPE', key).ok counts[kind] = (counts[kind] or 0) + 1 end end \
     until cursor == '0' \
     local lines = {} for kind, count in pairs(counts) do lines[#lines + 1] = kind .. ' ' .. count end \
     return lines";

impl KeysPrint {
    /// Asks a scratch server.
    ///
    /// # Errors
    /// It does not answer, or answers something else.
    pub(crate) fn of(server: &ScratchKeys<'_>) -> Result<Self> {
        let digest = server.ask(&["DEBUG", "DIGEST"])?.trim().to_owned();
        if digest.len() != 40 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Failure::failed(format!(
                "Redis gave {digest:?} for a digest of its data"
            )));
        }
        let keyspace = server.ask(&["INFO", "keyspace"])?;
        let mut databases = keyspaces(&keyspace)
            .ok_or_else(|| Failure::failed(format!("Redis counted its keys as {keyspace:?}")))?;
        for (number, database) in &mut databases {
            let number = number.to_string();
            let lines = server.ask_json(&["-n", &number, "EVAL", BY_TYPE, "0"])?;
            database.types = types(&lines)
                .ok_or_else(|| Failure::failed(format!("Redis counted types as {lines}")))?;
        }
        let libraries = server.ask_json(&["FUNCTION", "LIST", "WITHCODE"])?;
        let functions = functions(&libraries)
            .ok_or_else(|| Failure::failed(format!("Redis told its functions as {libraries}")))?;
        Ok(Self {
            databases,
            digest,
            functions,
        })
    }

    pub(crate) fn keys(&self) -> u64 {
        self.databases.values().map(|database| database.keys).sum()
    }

    /// What a server that lets keys expire lacks, by its `INFO keyspace`: it must have every key
    /// that cannot, and no more than all.
    pub(crate) fn lost(&self, info: &str) -> Result<Vec<String>> {
        let found = keyspaces(info)
            .ok_or_else(|| Failure::failed(format!("Redis counted its keys as {info:?}")))?;
        let mut lines = Vec::new();
        for (number, expected) in &self.databases {
            let there = found.get(number).cloned().unwrap_or_default();
            let lasting = |database: &Database| database.keys.saturating_sub(database.with_ttl);
            lines.extend(compared(
                format!("db{number} keys that cannot expire"),
                lasting(expected),
                lasting(&there),
            ));
            if there.with_ttl > expected.with_ttl {
                lines.push(format!("db{number} has keys that the snapshot has not"));
            }
        }
        let added = found
            .keys()
            .filter(|number| !self.databases.contains_key(number));
        lines.extend(added.map(|number| format!("db{number} has keys, expected none")));
        Ok(lines)
    }

    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let numbers: BTreeSet<u32> = self
            .databases
            .keys()
            .chain(other.databases.keys())
            .copied()
            .collect();
        for number in numbers {
            let of = |print: &Self| print.databases.get(&number).cloned().unwrap_or_default();
            let (ours, theirs) = (of(self), of(other));
            let db = format!("db{number}");
            lines.extend(compared(format!("{db} keys"), ours.keys, theirs.keys));
            lines.extend(compared(
                format!("{db} keys that can expire"),
                ours.with_ttl,
                theirs.with_ttl,
            ));
            lines.extend(compared_counts(
                &format!("{db} keys of type"),
                &ours.types,
                &theirs.types,
            ));
        }
        lines.extend(compared(
            "digest of all keys and values",
            &self.digest,
            &other.digest,
        ));
        if self.functions != other.functions {
            let names = |print: &Self| {
                print
                    .functions
                    .keys()
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            lines.push(format!(
                "functions: expected [{}], found [{}], or their code differs",
                names(self),
                names(other)
            ));
        }
        lines
    }
}

/// `db0:keys=3,expires=1,…` by number. None for a text that is something else.
fn keyspaces(info: &str) -> Option<BTreeMap<u32, Database>> {
    let database = |line: &str| {
        let (number, counts) = line.strip_prefix("db")?.split_once(':')?;
        let count = |name: &str| {
            let part = counts.split(',').find_map(|part| part.strip_prefix(name))?;
            part.parse::<u64>().ok()
        };
        let database = Database {
            keys: count("keys=")?,
            with_ttl: count("expires=")?,
            types: BTreeMap::new(),
        };
        Some((number.parse().ok()?, database))
    };
    let mut lines = info.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines.next() != Some("# Keyspace") {
        return None;
    }
    lines.map(database).collect()
}

fn types(lines: &Value) -> Option<BTreeMap<String, u64>> {
    // An empty table of Lua may be told as an object.
    if lines.as_object().is_some_and(serde_json::Map::is_empty) {
        return Some(BTreeMap::new());
    }
    let one = |line: &Value| {
        let (kind, count) = line.as_str()?.rsplit_once(' ')?;
        Some((kind.to_owned(), count.parse().ok()?))
    };
    lines.as_array()?.iter().map(one).collect()
}

fn functions(libraries: &Value) -> Option<BTreeMap<String, String>> {
    let one = |library: &Value| {
        let name = library["library_name"].as_str()?.to_owned();
        Some((name, sha256(library["library_code"].as_str()?)))
    };
    libraries.as_array()?.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_that_can_expire_are_counted_apart() {
        let info = "# Keyspace\r\ndb0:keys=20200,expires=100,avg_ttl=0,subexpiry=0\r\n";
        let databases = keyspaces(info).expect("it is read");
        assert_eq!(databases[&0].keys, 20200);
        assert_eq!(databases[&0].with_ttl, 100);
        assert_eq!(keyspaces(""), None);
        assert_eq!(keyspaces("# Keyspace\r\ndb0:keys=1\r\n"), None);
    }

    #[test]
    fn types_and_functions_are_read_and_anything_else_is_not() {
        let counted = types(&json!(["hash 100", "string 3"])).expect("lines");
        assert_eq!(counted["hash"], 100);
        assert_eq!(types(&json!(["hash many"])), None);
        let listed = json!([{"library_name": "l", "library_code": "#!lua", "functions": []}]);
        assert!(functions(&listed).expect("a list").contains_key("l"));
        assert_eq!(functions(&json!("nothing")), None);
    }

    #[test]
    fn one_changed_value_is_a_difference_by_the_digest_alone() {
        let ours = KeysPrint {
            digest: "a".repeat(40),
            ..KeysPrint::default()
        };
        let mut theirs = ours.clone();
        assert_eq!(ours.differences(&theirs), Vec::<String>::new());
        theirs.digest = "b".repeat(40);
        assert_eq!(ours.differences(&theirs).len(), 1);
    }
}
