//! `reset-test` on the running servers: what is left is what a new volume has.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use crate::live::Live;

#[test]
fn a_reset_in_place_leaves_no_data_and_no_schema() {
    let live = Live::new("reset-test in place");
    live.up(&["test"]);
    let fresh = (schema(&live), settings(&live));
    let containers = live.containers("test");

    clutter(&live);
    assert_ne!(schema(&live), fresh.0);
    assert!(live.nodes("test") > 3000 && live.keys("test") > 200);
    reset(&live, &[]);
    assert_eq!(
        live.containers("test"),
        containers,
        "it was not done in place"
    );
    assert_eq!((schema(&live), settings(&live)), fresh);
    assert_eq!(live.admin("test", &["FUNCTION", "LIST"]), "");
    assert_eq!(live.admin("test", &["SCRIPT", "EXISTS", SCRIPT_SHA]), "0");
    assert_eq!(schema_is_searchable(&live), json!([[0]]));

    // Again, with nothing to do; and once more without the lookup indexes.
    reset(&live, &[]);
    for name in lookup_indexes(&live) {
        live.graph("test", &format!("DROP INDEX `{name}`"));
    }
    reset(&live, &["--mode", "in-place"]);
    assert_eq!(schema(&live), fresh.0);
    assert_eq!(live.containers("test"), containers);

    seeds(&live);
    assert_eq!(live.containers("test"), containers);
}

#[track_caller]
fn reset(live: &Live, args: &[&str]) {
    live.xtask(&["reset-test"])
        .args(args)
        .run()
        .code(0)
        .stdout_has("test is empty and healthy");
    live.assert_empty("test");
}

/// Redis' settings and their values, a line each.
fn settings(live: &Live) -> BTreeSet<(String, String)> {
    let listed = live.admin("test", &["CONFIG", "GET", "*"]);
    let lines: Vec<&str> = listed.lines().collect();
    let pair = |pair: &[&str]| {
        (
            pair[0].to_owned(),
            pair.get(1).copied().unwrap_or("").to_owned(),
        )
    };
    lines.chunks(2).map(pair).collect()
}

/// Constraints and indexes, whatever their names.
fn schema(live: &Live) -> (serde_json::Value, serde_json::Value) {
    let indexes = "SHOW INDEXES YIELD name, type, entityType, state RETURN name, type, entityType, state ORDER BY name";
    (
        live.graph("test", "SHOW CONSTRAINTS YIELD name RETURN name"),
        live.graph("test", indexes),
    )
}

fn lookup_indexes(live: &Live) -> Vec<String> {
    let names = live.graph(
        "test",
        "SHOW INDEXES YIELD name, type WHERE type = 'LOOKUP' RETURN name",
    );
    let names = names.as_array().expect("rows").iter();
    names
        .map(|row| row[0].as_str().expect("a name").to_owned())
        .collect()
}

/// A label scan goes through the lookup index: it must be online, not only listed.
fn schema_is_searchable(live: &Live) -> serde_json::Value {
    live.graph("test", "MATCH (n:Person) RETURN count(n)")
}

const SCRIPT: &str = "return redis.call('GET', KEYS[1])";
const SCRIPT_SHA: &str = "d3c21d0c2b9ca22f82737626a27bcaf5d288f99f";

/// One of everything that can be left behind, under names that want quoting.
fn clutter(live: &Live) {
    for statement in [
        "UNWIND range(1, 3000) AS n CREATE (a:Person {id: n, name: 'p' + n})-[:KNOWS {since: n}]->(:Place {id: n})",
        "MATCH (a:Person) WITH a LIMIT 500 MATCH (b:Person {id: 1}) CREATE (a)-[:KNOWS]->(b)",
        "CREATE CONSTRAINT person_id FOR (p:Person) REQUIRE p.id IS UNIQUE",
        "CREATE CONSTRAINT `with ``ticks`` and 🎈` FOR (p:Place) REQUIRE (p.id, p.kind) IS UNIQUE",
        "CREATE INDEX plain FOR (p:Person) ON (p.name)",
        "CREATE INDEX `two words` FOR (p:Person) ON (p.name, p.born)",
        "CREATE TEXT INDEX `text``tick` FOR (p:Person) ON (p.name)",
        "CREATE FULLTEXT INDEX `volltext 🔎` FOR (p:Person|Place) ON EACH [p.name, p.note]",
        "CREATE POINT INDEX where_at FOR (p:Place) ON (p.at)",
        "CREATE INDEX since FOR ()-[k:KNOWS]-() ON (k.since)",
        r"CREATE INDEX `back\\slash; DROP` FOR (p:Person) ON (p.slash)",
    ] {
        live.graph("test", statement);
    }
    let mut redis = live.redis("test");
    let mut ask = |words: &[&str]| redis.ask(words).expect("an answer");
    for number in 0..200 {
        ask(&["SET", &format!("test:key:{number}"), "value"]);
    }
    ask(&["HSET", "test:hash", "field", "value"]);
    ask(&["XADD", "test:stream", "*", "field", "value"]);
    assert_eq!(ask(&["EVAL", SCRIPT, "1", "test:key:1"]), json!("value"));
    assert_eq!(live.admin("test", &["SCRIPT", "EXISTS", SCRIPT_SHA]), "1");
    live.admin("test", &["-n", "5", "SET", "test:elsewhere", "1"]);
    let library = "#!lua name=live\nredis.register_function('one', function() return 1 end)";
    live.admin("test", &["FUNCTION", "LOAD", library]);
}

/// `--seed`: loaded after the emptying; a statement that fails is named, and those before it stay.
fn seeds(live: &Live) {
    let seed = live.folder.path().join("fixture.cypher");
    let path = seed.display().to_string();
    fs::write(
        &seed,
        "// two people; one statement each\n\
         CREATE (:Person:Test {name: 'Ada; \"the first\"'});\n\
         CREATE (:Person:Test {name: 'Grace'});\n\
         CREATE INDEX by_name FOR (p:Person) ON (p.name);\n",
    )
    .expect("written");
    for _ in 0..2 {
        live.xtask(&["reset-test", "--seed", &path])
            .run()
            .code(0)
            .stdout_has("3 statements");
        let names = live.graph("test", "MATCH (p:Person) RETURN p.name ORDER BY p.name");
        assert_eq!(names, json!([["Ada; \"the first\""], ["Grace"]]));
    }

    fs::write(
        &seed,
        "CREATE (:Kept);\nCREATE (:Broken {);\nCREATE (:Never);\n",
    )
    .expect("written");
    let failed = live.xtask(&["reset-test", "--seed", &path]).run().code(1);
    assert!(
        failed.stderr.contains("statement 2") && failed.stderr.contains("CREATE (:Broken {)"),
        "{failed:?}"
    );
    assert_eq!(
        live.graph("test", "MATCH (n) RETURN labels(n)"),
        json!([[["Kept"]]])
    );

    fs::write(&seed, "CREATE (:Open {name: 'no end});\n").expect("written");
    live.xtask(&["reset-test", "--seed", &path])
        .run()
        .code(2)
        .stderr_has("line 1");
    assert_eq!(
        live.nodes("test"),
        1,
        "a fixture that cannot be read empties nothing"
    );
    reset(live, &[]);
}
