//! A server whose password isn't the environment's is never taken for healthy.

use std::fs;

use environments::Environment;

use crate::docker::{docker, tried, until};
use crate::live::Live;
use crate::look::password;

#[test]
fn a_wrong_password_makes_a_server_unhealthy_and_up_tells_so() {
    let live = Live::new("stale credentials");
    // A set that was first started with other passwords: the volume keeps Neo4j's.
    let file = live.rendered(Environment::Dev);
    let rendered = fs::read_to_string(&file).expect("it is rendered");
    let other = file.replace("docker-compose.dev.yml", "other.yml");
    let changed = rendered
        .replace(
            &format!("neo4j/{}", password("dev")),
            "neo4j/quite_another_password",
        )
        .replace(
            &format!("TTA_REDIS_PASSWORD: \"{}\"", password("dev")),
            "TTA_REDIS_PASSWORD: \"quite_another_password\"",
        );
    assert_eq!(changed.matches("quite_another_password").count(), 2);
    fs::write(&other, changed).expect("written");
    docker(&live.compose(&other, "dev", &["up", "--detach"]));

    // Redis runs with its rendered users, but the health check is given a password of nobody.
    let redis = live.container("dev", "redis");
    until("Redis has refused the health check's login", || {
        tried(&["exec", &redis, "tta-redis-health"])
            .stderr
            .contains("WRONGPASS")
    });
    // Neo4j has the other password, and with it is healthy: the check can pass.
    let neo4j = live.container("dev", "neo4j");
    until("Neo4j is healthy with the other password", || {
        tried(&["exec", &neo4j, "tta-neo4j-health", "tta-dev"]).code == Some(0)
    });

    // `up` gives both the environment's own password. Redis takes it; Neo4j's volume does not, and
    // that is told before a server's whole time to come up has passed.
    live.xtask(&["up", "dev", "--patience", "3600"])
        .run()
        .code(1)
        .stderr_has(&format!("{neo4j} refused the login"))
        .stderr_has("ALTER CURRENT USER SET PASSWORD");
    tried(&["exec", &neo4j, "tta-neo4j-health", "tta-dev"]).bad("login was refused");
    assert_eq!(tried(&["exec", &redis, "tta-redis-health"]).code, Some(0));
    let health = ["inspect", "--format", "{{.State.Health.Status}}", &neo4j];
    assert_ne!(docker(&health), "healthy");
}
