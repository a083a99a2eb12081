//! The server refuses what has no prefix; old code may write it for a while; old data are marked
//! without loss, and a run that was killed goes on where it stopped.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::docker::{tried, until};
use crate::harness::patience;
use crate::harness::xtask;
use crate::live::Live;
use crate::moved::moves_what_is_foreign_and_loads_it_back;
use crate::shim::Shim;
use crate::wire::Resp;

/// A write for each type of value, and what else writes: @ stands for the key.
const WRITES: &[&[&str]] = &[
    &["SET", "@", "value"],
    &["APPEND", "@", "value"],
    &["SETBIT", "@", "7", "1"],
    &["INCR", "@"],
    &["HSET", "@", "field", "value"],
    &["LPUSH", "@", "value"],
    &["SADD", "@", "member"],
    &["ZADD", "@", "1", "member"],
    &["XADD", "@", "*", "field", "value"],
    &["PFADD", "@", "element"],
    &["GEOADD", "@", "13.4", "52.5", "Berlin"],
    &["EXPIRE", "@", "100"],
    &["DEL", "@"],
    &["EVAL", "return redis.call('SET', KEYS[1], '1')", "1", "@"],
    // A script that does not declare its key is refused when it comes to it.
    &["EVAL", "return redis.call('SET', '@', '1')", "0"],
    &["PUBLISH", "@", "message"],
];

fn with_key(words: &[&str], key: &str) -> Vec<String> {
    words.iter().map(|word| word.replace('@', key)).collect()
}

fn ask(redis: &mut Resp, words: &[String]) -> Result<Value, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    redis.ask(&words)
}

/// What `cargo xtask env` gives an application, taken apart as an application does.
fn through_its_url(live: &Live, environment: &str) -> Resp {
    let variables = live.xtask(&["env", environment]).run().code(0).stdout;
    let url = variables
        .lines()
        .find_map(|line| line.strip_prefix("REDIS_URL=redis://"))
        .expect("a URL");
    let (login, address) = url.split_once('@').expect("a login");
    let (user, password) = login.split_once(':').expect("a user and a password");
    let port = address
        .strip_prefix("localhost:")
        .and_then(|rest| rest.split('/').next());
    let port = port.and_then(|port| port.parse().ok()).expect("a port");
    Resp::login(port, user, password).expect("the login is taken")
}

#[test]
fn the_server_enforces_the_prefix_and_old_data_are_given_it_without_loss() {
    let live = Live::new("namespaces");
    live.up(&["dev"]);
    refuses_what_has_no_prefix(&live);
    old_code_may_write_in_audit_mode(&live);
    let (keys, nodes) = old_data(&live);
    the_dry_run_changes_nothing(&live, &keys);
    marks_all_of_it(&live, &keys, &nodes);
    moves_what_is_foreign_and_loads_it_back(&live);
    live.up(&["dev"]);
    let mut redis = through_its_url(&live, "dev");
    assert_eq!(redis.ask(&["GET", "development:user:1"]), Ok(json!("Ada")));
    refuses_what_has_no_prefix(&live);
}

#[track_caller]
fn refuses_what_has_no_prefix(live: &Live) {
    let mut redis = through_its_url(live, "dev");
    for words in WRITES {
        for key in [
            "user:123",
            "staging:user:123",
            "Development:user",
            "development",
        ] {
            let refused = ask(&mut redis, &with_key(words, key)).expect_err(key);
            // A script hands its own error on; its text is the server's all the same.
            let no = refused.starts_with("NOPERM")
                || refused.contains("ACL failure in script") && refused.contains("No permissions");
            assert!(no, "{words:?} with {key}: {refused}");
        }
        let own = format!("development:{}", words[0]);
        ask(&mut redis, &with_key(words, &own)).unwrap_or_else(|no| panic!("{words:?}: {no}"));
    }
    for pattern in ["*", "user:*", "staging:*"] {
        let refused = redis.ask(&["PSUBSCRIBE", pattern]).expect_err(pattern);
        assert!(refused.starts_with("NOPERM"), "{refused}");
    }
    for administers in [
        &["CONFIG", "SET", "appendonly", "no"][..],
        &["ACL", "SETUSER", "default", "on"],
        &["SHUTDOWN", "NOSAVE"],
        &["CLIENT", "PAUSE", "0"],
        &["REPLICAOF", "NO", "ONE"],
    ] {
        let refused = redis.ask(administers).expect_err("it administers");
        assert!(refused.starts_with("NOPERM"), "{administers:?}: {refused}");
    }
    // Fixtures of development and test empty their own server and look around in it.
    for own in [&["FLUSHDB"][..], &["KEYS", "*"], &["INFO", "server"]] {
        redis.ask(own).unwrap_or_else(|no| panic!("{own:?}: {no}"));
    }
    // Nobody is let in without a name, nor as default.
    let port = live.ports("dev").redis;
    let mut nobody = Resp::connect(port).expect("it listens");
    let refused = nobody
        .ask(&["SET", "development:x", "1"])
        .expect_err("no login");
    assert!(refused.starts_with("NOAUTH"), "{refused}");
    let refused = Resp::login(port, "default", "")
        .err()
        .expect("default is off");
    assert!(refused.starts_with("WRONGPASS"), "{refused}");
}

fn old_code_may_write_in_audit_mode(live: &Live) {
    live.xtask(&["up", "dev"])
        .env("TTA_NAMESPACE", "audit")
        .run()
        .code(0);
    let mut redis = through_its_url(live, "dev");
    for words in WRITES {
        let key = format!("old:{}", words[0]);
        ask(&mut redis, &with_key(words, &key)).unwrap_or_else(|no| panic!("{words:?}: {no}"));
    }
    let refused = redis
        .ask(&["CONFIG", "SET", "appendonly", "no"])
        .expect_err("it administers");
    assert!(refused.starts_with("NOPERM"), "{refused}");
    redis.ask(&["FLUSHDB"]).expect("its own server");
}

/// Every key of all databases, by database and name in hexadecimal, with what it holds and when it
/// expires: looked at by the server, whatever the bytes.
fn held(live: &Live) -> BTreeMap<String, String> {
    const SCRIPT: &str = "local all = {} \
        for _, key in ipairs(redis.call('KEYS', '*')) do \
          local hex = string.gsub(key, '.', function(c) return string.format('%02x', string.byte(c)) end) \
          local dump = redis.sha1hex(redis.call('DUMP', key)) \
          all[#all + 1] = 'k' .. hex .. ' ' .. dump .. ' ' .. redis.call('PEXPIRETIME', key) \
        end return all";
    let mut all = BTreeMap::new();
    for database in ["0", "3", "15"] {
        let text = live.admin("dev", &["-n", database, "EVAL", SCRIPT, "0"]);
        for line in text.lines().filter(|line| line.starts_with('k')) {
            let (key, value) = line[1..].split_once(' ').expect("a key and its value");
            all.insert(format!("{database} {key}"), value.to_owned());
        }
    }
    all
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// All nodes with what is in them, but for their labels.
fn properties(live: &Live) -> Value {
    live.graph(
        "dev",
        "MATCH (n) OPTIONAL MATCH (n)-[r]->(m) \
         RETURN elementId(n), properties(n), type(r), elementId(m) ORDER BY elementId(n)",
    )
}

/// An old application's data, in any shape that Redis and Neo4j take.
fn old_data(live: &Live) -> (BTreeMap<String, String>, Value) {
    let container = live.container("dev", "redis");
    let feed = |script: &str| {
        let admin = [
            "exec",
            "--interactive",
            "--user",
            "root",
            &container,
            "tta-redis-admin",
            "-e",
        ];
        let said = crate::docker::fed(&admin, script);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(!said.stdout.contains("ERR"), "{said:?}");
    };
    let filled =
        "for i = 1, 6000 do redis.call('SET', 'session:' .. i, 'value ' .. i) end return 1";
    let (zeros, name) = ("0".repeat(20), "n".repeat(10_000_000));
    feed(&format!(
        r#"SET user:1 Ada
SET expires soon PX 86400000
HSET hash a 1 b 2
RPUSH list c b a
SADD set a b c
ZADD zset 1 a 2.5 b
XADD stream 1-1 field value
PFADD hll a b c
SETBIT bits 100 1
SET "zwei\nZeilen" 1
SET "nul\x00nul" 2
SET "\xff\xfe" 3
SET "" "no name"
SET "glob*[a]?" 4
SET "{{user:1}}:cart" 5
SET developments:x 6
SET big "{zeros}"
SETRANGE big 10000000 x
SET {name} "a long name"
SET taken old
SET development:taken new
SET development:own 7
SET staging:leaked 8
SET test:leaked 9
EVAL "{filled}" 0
EVAL "for i = 1, 2000 do redis.call('HSET', 'many', 'f' .. i, i) end return 1" 0
SELECT 3
SET user:1 "in three"
SET development:user:1 "taken in three"
SELECT 15
SADD last 1 2 3
"#
    ));
    for statement in [
        "UNWIND range(1, 12000) AS n CREATE (:Session {id: n, text: 'tëxt ' + n})-[:HAS {n: n}]->(:Turn)",
        "CREATE (:`two words` {id: 1}), (:`tick``s 🎈` {id: 2}), ({id: 3, list: [1, 2]})",
        "CREATE (:Session:Development {id: 4}), (:Session:Production {id: 5}), (:Staging:Development {id: 6})",
    ] {
        live.graph("dev", statement);
    }
    (held(live), properties(live))
}

/// What the migration must make of it.
fn marked(before: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let one = |(key, value): (&String, &String)| {
        let (database, name) = key.split_once(' ').expect("a database");
        let is_marked = ["development:", "test:", "staging:", "production:"]
            .iter()
            .any(|prefix| name.starts_with(&hex(prefix)));
        let new = format!("{database} {}{name}", hex("development:"));
        if is_marked || before.contains_key(&new) {
            (key.clone(), value.clone())
        } else {
            (new, value.clone())
        }
    };
    before.iter().map(one).collect()
}

fn the_dry_run_changes_nothing(live: &Live, keys: &BTreeMap<String, String>) {
    let planned = live
        .xtask(&["migrate-namespace", "dev", "--dry-run"])
        .run()
        .code(0);
    let count = keys.len()
        - marked(keys)
            .keys()
            .filter(|key| keys.contains_key(*key))
            .count();
    let planned = planned
        .stderr_has(&format!("prefix {count} keys"))
        .stderr_has("label 24003 nodes")
        .stderr_has("left as they are: 2 keys whose name with the prefix is taken")
        .stderr_has("keys with another environment's mark: 1 of test, 1 of staging")
        .stderr_has("nodes with another environment's mark: 1 of staging, 1 of production");
    // Names of what is left, never what it holds.
    let planned = planned
        .stderr_has("staging:leaked (staging)")
        .stderr_has(":Session:Production");
    planned.nowhere("tëxt").nowhere("Ada");
    assert_eq!(&held(live), keys);
    assert_eq!(
        live.value("dev", "MATCH (n:Development) RETURN count(n)"),
        2
    );
}

fn marks_all_of_it(live: &Live, keys: &BTreeMap<String, String>, nodes: &Value) {
    let done = live.xtask(&["migrate-namespace", "dev"]).run().code(0);
    done.stdout_has("left: 2 keys whose name with the prefix is taken")
        .stdout_has("left: 2 keys with another environment's mark")
        .stdout_has("left: 2 nodes with another environment's mark");
    let now = held(live);
    assert_eq!(now.len(), keys.len());
    assert!(now == marked(keys), "a key was lost, doubled or changed");
    assert_eq!(&properties(live), nodes);
    let unmarked = "MATCH (n) WHERE NOT n:Development RETURN labels(n)";
    assert_eq!(
        live.graph("dev", unmarked),
        json!([[["Session", "Production"]]])
    );

    // Again, there is nothing to do; and what is left is left.
    live.xtask(&["migrate-namespace", "dev"])
        .run()
        .code(0)
        .stdout_has("has nothing to mark")
        .stdout_has("left: 2 keys whose name");
    assert_eq!(held(live), now);
}

#[test]
fn a_migration_that_is_killed_or_loses_its_server_goes_on_where_it_stopped() {
    let live = Live::new("a killed migration");
    live.up(&["dev"]);
    let fill = "for i = 1, 150000 do redis.call('SET', 'user:' .. i, 'value ' .. i) end return 1";
    live.admin("dev", &["EVAL", fill, "0"]);
    live.graph(
        "dev",
        "UNWIND range(1, 60000) AS n CREATE (:Session {id: n})",
    );
    let own = || -> u64 {
        let count = "local n = 0 for _, key in ipairs(redis.call('KEYS', 'development:*')) do n = n + 1 end return n";
        live.admin("dev", &["EVAL", count, "0"])
            .parse()
            .expect("a number")
    };
    let before = sum(&live);

    // Killed while it renames: at a batch, however fast the machine is.
    let migration = ["migrate-namespace", "dev"];
    let killed = Shim::killing_amid_batches()
        .before(live.xtask(&migration))
        .run();
    assert_eq!(killed.code, None, "it was not killed: {killed:?}");
    // What was let goes on without it.
    until("a batch is run", || own() > 0);
    let then = own();
    assert!(then < 150_000, "{then} keys are renamed");
    assert_eq!(sum(&live), before);

    // Its server goes away while it renames.
    Shim::killing_the_server_amid_batches()
        .before(live.xtask(&migration))
        .run()
        .code(1)
        .stderr_has("goes on where it stopped");
    live.xtask(&["migrate-namespace", "dev"])
        .run()
        .code(1)
        .stderr_has("is not up");
    live.up(&["dev"]);
    assert_eq!(sum(&live), before);

    // Killed while it labels, in its third transaction: there is a node that somebody else holds.
    let held = live.transaction("dev", "MATCH (n:Session {id: 30000}) SET n.held = true");
    let mut run = live.xtask(&["migrate-namespace", "dev"]).command();
    let mut run = run
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let labelled = || {
        live.value("dev", "MATCH (n:Development) RETURN count(n)")
            .as_u64()
    };
    until("two transactions are done", || {
        held.keep();
        labelled() == Some(20_000)
    });
    run.kill().expect("it runs");
    patience::status(&mut run, "the tool");
    assert_eq!(labelled(), Some(20_000));
    drop(held);
    live.xtask(&["migrate-namespace", "dev"])
        .run()
        .code(0)
        .stdout_has("nothing is without its mark");
    assert_eq!((own(), live.keys("dev")), (150_000, 150_000));
    assert_eq!((labelled(), live.nodes("dev")), (Some(60_000), 60_000));
    assert_eq!(sum(&live), before);
    let ids = live.value("dev", "MATCH (n:Session) RETURN count(DISTINCT n.id)");
    assert_eq!(ids, 60_000);
}

/// A digest of all names without the prefix and their values, whatever their order.
fn sum(live: &Live) -> String {
    const SCRIPT: &str = "local total, keys = 0, redis.call('KEYS', '*') \
        for _, key in ipairs(keys) do \
          local name = string.gsub(key, '^development:', '') \
          local hex = redis.sha1hex(name .. ' ' .. redis.call('GET', key)) \
          total = (total + tonumber(string.sub(hex, 1, 12), 16)) % 281474976710656 \
        end return #keys .. ' ' .. string.format('%.0f', total)";
    live.admin("dev", &["EVAL", SCRIPT, "0"])
}

#[test]
fn a_protected_environment_is_not_migrated_without_a_drilled_snapshot() {
    for environment in ["staging", "prod"] {
        xtask(&["migrate-namespace", environment])
            .run()
            .code(3)
            .stderr_has("a drilled snapshot");
    }
    assert_eq!(tried(&["info"]).code, Some(0));
}
