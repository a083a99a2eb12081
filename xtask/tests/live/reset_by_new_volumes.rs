//! `reset-test` where emptying would leave something: it makes new volumes instead.

use crate::docker::{docker, tried, until};
use crate::live::Live;

#[test]
fn what_emptying_would_leave_behind_is_removed_with_the_volumes() {
    let live = Live::new("reset-test by new volumes: users and settings");
    live.up(&["test"]);
    recreates(&live, "stranger", |live| {
        let created = live.cypher_shell(
            "test",
            "CREATE USER stranger SET PASSWORD 'stranger_2024' CHANGE NOT REQUIRED;\n",
        );
        created.good();
    });
    recreates(&live, "stranger", |live| {
        live.admin(
            "test",
            &[
                "ACL",
                "SETUSER",
                "stranger",
                "on",
                ">stranger",
                "~*",
                "+@all",
            ],
        );
    });
    recreates(&live, "maxmemory-policy", |live| {
        live.admin(
            "test",
            &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"],
        );
    });
    recreates(&live, "appendonly", |live| {
        live.admin("test", &["CONFIG", "SET", "appendonly", "no"]);
    });

    // Users with permissions of another kind, under the names that are expected.
    recreates(&live, "tta-test", |live| {
        live.admin("test", &["ACL", "SETUSER", "tta-test", "~*", ">another"]);
    });
}

#[test]
fn a_server_that_does_not_answer_is_replaced() {
    let live = Live::new("reset-test by new volumes: paused, stopped, killed");
    live.up(&["test"]);
    for command in ["pause", "stop", "kill"] {
        recreates(&live, "", |live| {
            docker(&[command, &live.container("test", "neo4j")]);
        });
    }
}

/// `--mode in-place` refuses and touches nothing; the mode by itself makes new volumes.
fn recreates(live: &Live, because: &str, spoil: impl Fn(&Live)) {
    live.write("test", "to be removed");
    spoil(live);
    let before = (live.containers("test"), live.made("test"));
    let stayed = live
        .xtask(&["reset-test", "--mode", "in-place"])
        .run()
        .code(1);
    assert!(
        stayed.stderr.contains(because),
        "no {because:?}: {stayed:?}"
    );
    assert!(stayed.stderr.contains("--mode recreate"), "{stayed:?}");
    assert_eq!((live.containers("test"), live.made("test")), before);

    live.xtask(&["reset-test"])
        .run()
        .code(0)
        .stderr_has("by new volumes")
        .stderr_has(because);
    live.assert_empty("test");
    let after = (live.containers("test"), live.made("test"));
    for (old, new) in before.0.iter().zip(&after.0) {
        assert_ne!(old[1], new[1], "{} is the old container", old[0]);
    }
    for (old, new) in before.1.iter().zip(&after.1) {
        assert_ne!(old, new, "{} is the old volume", old[0]);
    }
    until("Redis has only its own users", || {
        let users = tried(&[
            "exec",
            "--user",
            "root",
            &live.container("test", "redis"),
            "tta-redis-admin",
            "ACL",
            "USERS",
        ]);
        let mut users: Vec<&str> = users.stdout.lines().collect();
        users.sort_unstable();
        users == ["default", "tta-admin", "tta-test"]
    });
}
