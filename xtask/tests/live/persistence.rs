//! What Redis has acknowledged is there after a restart.

use environments::Environment;
use serde_json::json;

use crate::docker::{docker, until};
use crate::live::Live;

#[test]
fn a_transaction_and_a_script_outlive_a_restart_of_redis() {
    let live = Live::new("MULTI and Lua over a restart of Redis");
    // Neo4j is not wanted: plain compose starts Redis alone.
    let file = live.rendered(Environment::Dev);
    docker(&live.compose(&file, "dev", &["up", "--detach", "--wait", "redis"]));

    // Redis replays MULTI as user default: without permissions it would start without these keys.
    let mut redis = live.redis("dev");
    let mut ask = |words: &[&str]| redis.ask(words).expect("an answer");
    ask(&["SET", "development:plain", "1"]);
    ask(&["MULTI"]);
    ask(&["SET", "development:first", "2"]);
    ask(&["SET", "development:second", "3"]);
    assert_eq!(ask(&["EXEC"]), json!(["OK", "OK"]));
    let script = "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('SET', KEYS[2], ARGV[1])";
    ask(&[
        "EVAL",
        script,
        "2",
        "development:lua",
        "development:lua2",
        "4",
    ]);

    let container = live.container("dev", "redis");
    docker(&["restart", &container]);
    until("Redis has loaded its data", || {
        crate::docker::tried(&["exec", &container, "tta-redis-health"]).code == Some(0)
    });
    let values = live.redis("dev").ask(&[
        "MGET",
        "development:plain",
        "development:first",
        "development:second",
        "development:lua",
        "development:lua2",
    ]);
    assert_eq!(values, Ok(json!(["1", "2", "3", "4", "4"])));
}
