//! `migrate-namespace` where a server goes away while it works.

use environments::{Environment, Volume};

use crate::orders::Act;
use crate::set::{Set, at_call, main_set};

const MIGRATE: [&str; 2] = ["migrate-namespace", "dev"];

#[test]
fn a_neo4j_that_goes_away_while_nodes_are_labelled_is_told_with_the_way_on() {
    let set = Set::usual();
    let before = set.neighbours_of(Environment::Dev);
    set.xtask(&MIGRATE)
        .args(&["--dry-run"])
        .run()
        .code(0)
        .stderr_has("label 3 nodes");
    set.untouched();
    let lost = "Connection to the database terminated. Please ensure that your database is \
                listening on the correct host and port\n";
    set.order(&[at_call(
        "cypher-shell",
        1,
        Act::Reply {
            code: 1,
            stdout: String::new(),
            stderr: lost.to_owned(),
        },
    )]);
    set.xtask(&MIGRATE)
        .run()
        .code(1)
        .stderr_has("Connection to the database terminated")
        .stderr_has("cargo xtask migrate-namespace dev   (goes on where it stopped");
    set.holds(Environment::Dev, 3, 5);
    assert_eq!(set.neighbours_of(Environment::Dev), before);
}

#[test]
fn a_redis_that_goes_away_while_keys_are_renamed_is_told_with_the_way_on() {
    let set = Set::usual();
    set.change(|state| {
        let redis = main_set(Environment::Dev).volume(Volume::RedisData);
        state.volumes.get_mut(&redis).expect("it is there").bare = 5;
    });
    // The first conversation counts, the second renames.
    set.order(&[at_call("tta-redis-admin\n", 2, Act::Die)]);
    set.xtask(&MIGRATE)
        .run()
        .code(1)
        .stderr_has("goes on where it stopped: nothing is lost");
    set.holds(Environment::Dev, 3, 5);
}
