//! What carries another environment's mark, moved to a file and loaded back from it.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::docker::{docker, fed};
use crate::live::Live;
use crate::shim::{Moment, Shim};

/// A value of each type that Neo4j stores, but bytes.
const NODES: &str = "\
    CREATE (a:Session:Production {id: 50, yes: true, least: -9223372036854775807 - 1, half: 1.5, \
      tiny: 1.0E-7, none: 0.0 / 0.0, most: 1.0 / 0.0, whole: 3.0, \
      text: 'it\\'s; `a` \"b\" 🎈 ' + '\\\\' + 'u0041\\n// redis> ' + '\\\\', `odd ``name`: 'x', \
      day: date('2026-01-02'), time: time('10:11:12.000000013+02:00'), here: localtime('10:11'), \
      zoned: datetime('2026-07-02T10:11:12.5[Europe/Berlin]'), offset: datetime('2026-01-02T10:11:12-03:30'), \
      local: localdatetime('2026-01-02T10:11:12'), long: duration('P1Y-2M3DT4.000000005S'), \
      flat: point({x: 1.5, y: -2.0}), globe: point({longitude: 13.4, latitude: 52.5, height: 30.0}), \
      numbers: [1, -2], texts: ['a', 'ü'], halves: [1.0, 0.5], days: [date('2026-01-02')], empty: []})\
      -[:KNOWS {since: date('2020-02-29'), list: ['x']}]->(b:Staging:Development {id: 51}),\
      (a)-[:KNOWS]->(b), (a)-[:KNOWS]->(b), (b)-[:SELF {n: 1}]->(b)\
    WITH a, b MATCH (own:Session:Development {id: 4}) \
    CREATE (own)-[:SAW {n: 2}]->(a), (b)-[:SAW]->(own)";

/// All nodes and relationships with the types of their properties, whatever their ids.
fn graph(live: &Live) -> Value {
    let of = |what: &str| {
        format!(
            "[k IN COLLECT {{ UNWIND keys({what}) AS k RETURN k ORDER BY k }} \
             | [k, valueType({what}[k]), {what}[k]]]"
        )
    };
    let statement = format!(
        "MATCH (n) WHERE n.id < 100 OR NOT n:Session OPTIONAL MATCH (n)-[r]->(m) \
         WITH COLLECT {{ UNWIND labels(n) AS l RETURN l ORDER BY l }} AS labels, n.id AS id, \
           {} AS properties, type(r) AS type, {} AS more, m.id AS to, size(keys(r)) AS many \
         WITH labels, id, properties, type, more, to, many, count(*) AS times \
         RETURN labels, id, properties, type, more, to, times ORDER BY id, labels, type, to, many",
        of("n"),
        of("r")
    );
    live.graph("dev", &statement)
}

fn keys(live: &Live) -> String {
    const SCRIPT: &str = "local all = {} \
        for _, key in ipairs(redis.call('KEYS', '*')) do \
          if string.find(key, '^staging:') or string.find(key, '^test:') then \
            all[#all + 1] = redis.sha1hex(key .. redis.call('DUMP', key)) .. ' ' .. redis.call('PEXPIRETIME', key) \
          end \
        end table.sort(all) return table.concat(all, ',')";
    let of = |database| live.admin("dev", &["-n", database, "EVAL", SCRIPT, "0"]);
    format!("{} | {}", of("0"), of("3"))
}

/// A statement with a value that plain JSON and Cypher have no words for.
fn with_bytes(live: &Live) {
    let script = r#"wget -qO- --header 'Content-Type: application/vnd.neo4j.query' \
        --header "Authorization: Basic $(printf neo4j:tta_dev_password_2024 | base64)" \
        --post-data '{"statement":"CREATE (:Odd:Test {id: 60, raw: $raw})","parameters":{"raw":{"$type":"Base64","_value":"AQID"}}}' \
        http://localhost:7474/db/tta-dev/query/v2"#;
    docker(&[
        "exec",
        &live.container("dev", "neo4j"),
        "bash",
        "-c",
        script,
    ]);
    assert_eq!(live.value("dev", "MATCH (n:Odd) RETURN count(n.raw)"), 1);
}

fn fill(live: &Live) {
    let container = live.container("dev", "redis");
    let admin = [
        "exec",
        "--interactive",
        "--user",
        "root",
        &container,
        "tta-redis-admin",
        "-e",
    ];
    let zeros = "0".repeat(300_000);
    let script = format!(
        r#"SET "staging:\n\xff\x00*" 1 PX 86400000
SET staging:big {zeros}
XADD staging:stream 1-1 field value
XGROUP CREATE staging:stream group 0
SELECT 3
HSET test:hash a 1 b 2
ZADD test:zset 1.5 a 2 b
"#
    );
    let said = fed(&admin, &script);
    assert!(
        said.code == Some(0) && !said.stdout.contains("ERR"),
        "{said:?}"
    );
    live.graph("dev", NODES);
}

/// Called where a migration has left some of it.
pub(crate) fn moves_what_is_foreign_and_loads_it_back(live: &Live) {
    fill(live);
    let file = live.folder.path().join("moved");
    let path = file.display().to_string();
    let command = ["migrate-namespace", "dev", "--foreign", "move-to", &path];
    let (nodes, held) = (graph(live), keys(live));
    let own = "MATCH (n) WHERE NOT n:Test|Staging|Production RETURN count(n)";
    let (own_nodes, own_keys) = (live.value("dev", own), live.keys("dev"));
    let unchanged = || {
        assert_eq!((graph(live), keys(live)), (nodes.clone(), held.clone()));
        assert!(!file.exists());
    };

    live.xtask(&["migrate-namespace", "dev", "--foreign", "delete", &path])
        .run()
        .code(2);
    live.xtask(&command)
        .args(&["--dry-run"])
        .run()
        .code(0)
        .stderr_has("move 7 keys and 4 nodes of other environments to");
    unchanged();

    // What cannot be written down exactly is refused before anything is removed.
    with_bytes(live);
    live.xtask(&command)
        .run()
        .code(3)
        .stderr_has("\"raw\" holds bytes");
    live.graph("dev", "MATCH (n:Odd) DELETE n");
    unchanged();

    // Killed when the file is there and the keys are gone.
    let shim = Shim::killing("bolt", Moment::Before);
    assert_eq!(shim.before(live.xtask(&command)).run().code, None);
    let text = std::fs::read(&file).expect("the file is there");
    let mode = std::fs::metadata(&file)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!((graph(live), keys(live)), (nodes.clone(), " | ".to_owned()));
    live.xtask(&command)
        .run()
        .code(0)
        .stdout_has("left: 2 keys whose name");
    assert_eq!(
        live.value("dev", "MATCH (n:Test|Staging|Production) RETURN count(n)"),
        0
    );
    assert_eq!(
        (live.value("dev", own), live.keys("dev")),
        (own_nodes, own_keys - 7)
    );

    // The file is never written over by what is there later.
    live.graph("dev", "CREATE (:Later:Test {id: 70})");
    live.xtask(&command)
        .run()
        .code(3)
        .stderr_has("lacks some of what is to be moved");
    assert_eq!(live.value("dev", "MATCH (n:Later) RETURN count(n)"), 1);
    live.graph("dev", "MATCH (n:Later) DELETE n");
    assert!(std::fs::read(&file).expect("there") == text);

    // As the file itself says.
    let text = String::from_utf8(text).expect("text");
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("// redis> "));
    let script: String = lines.map(|line| format!("{line}\n")).collect();
    let container = live.container("dev", "redis");
    let admin = [
        "exec",
        "--interactive",
        "--user",
        "root",
        &container,
        "tta-redis-admin",
        "-e",
    ];
    let said = fed(&admin, &script);
    assert_eq!(said.code, Some(0), "{said:?}");
    live.xtask(&["cypher", "dev"]).stdin(&text).run().code(0);
    assert_eq!(keys(live), held);
    assert_eq!(graph(live), nodes);
    assert_eq!(
        live.value(
            "dev",
            "SHOW INDEXES YIELD name WHERE name = 'tta_moved' RETURN count(*)"
        ),
        json!(0)
    );
}
