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
    set.order(&[at_call(" bolt ", 1, Act::Die)]);
    set.xtask(&MIGRATE)
        .run()
        .code(1)
        .stderr_has("Neo4j of tta-dev on Bolt")
        .stderr_has("ended half way")
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
    // The first talk counts, the second renames.
    set.order(&[at_call("# Batch after batch", 2, Act::Die)]);
    set.xtask(&MIGRATE)
        .run()
        .code(1)
        .stderr_has("goes on where it stopped: nothing is lost");
    set.holds(Environment::Dev, 3, 5);
}
