//! `up prod`: nothing published, and the password nowhere to be read.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::docker::{docker, inspect, tried};
use crate::live::Live;

#[test]
fn production_publishes_nothing_and_its_password_can_be_read_nowhere() {
    let live = Live::new("production");
    let mut random = [0; 12];
    std::io::Read::read_exact(
        &mut fs::File::open("/dev/urandom").expect("open"),
        &mut random,
    )
    .expect("random bytes");
    let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();

    // Without a provider's password: refused, and nothing is made.
    live.xtask(&["up", "prod"])
        .unset("TTA_PROD_PASSWORD")
        .run()
        .code(3)
        .stderr_has("TTA_PROD_PASSWORD");
    assert!(live.made("prod").is_empty());

    let with_secret = |args: &[&str]| live.xtask(args).env("TTA_PROD_PASSWORD", &*secret);
    with_secret(&["up", "prod", "--verbose"])
        .run()
        .code(0)
        .nowhere(&secret);

    let network = inspect("network", &live.network("prod"));
    assert_eq!(network["Internal"], true);
    for service in ["neo4j", "redis"] {
        let name = live.container("prod", service);
        let container = inspect("container", &name);
        let published = container["NetworkSettings"]["Ports"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        assert!(
            published
                .values()
                .all(|bindings| bindings.is_null() || *bindings == json!([])),
            "{published:?}"
        );
        let bindings = &container["HostConfig"]["PortBindings"];
        assert!(
            bindings.as_object().is_none_or(serde_json::Map::is_empty),
            "{bindings}"
        );
        assert!(
            !container.to_string().contains(&secret),
            "{name} shows the password"
        );
        let processes = docker(&["top", &name, "-eo", "pid,args"]);
        assert!(!processes.contains(&secret), "{processes}");
        assert!(!docker(&["logs", &name]).contains(&secret));
    }
    for volume in live.volumes("prod") {
        assert!(!inspect("volume", &volume).to_string().contains(&secret));
    }
    assert_eq!(
        files_with(live.folder.path(), &secret),
        Vec::<String>::new()
    );

    // Whoever has the secret is told how to use it, and it opens both servers.
    let env = with_secret(&["env", "prod", "--format", "json"])
        .run()
        .code(0)
        .json();
    assert_eq!(env["NEO4J_PASSWORD"], secret.as_str());
    let url = env["REDIS_URL"].as_str().expect("a URL");
    assert!(url.contains(&format!("tta-prod:{secret}@")), "{url}");
    with_secret(&["cypher", "prod", "RETURN 7 AS seven"])
        .run()
        .code(0)
        .stdout_has("7");
    with_secret(&["redis", "prod", "SET", "production:a", "1"])
        .run()
        .code(0)
        .stdout_has("OK");
    live.xtask(&["redis", "prod", "GET", "production:a"])
        .env("TTA_PROD_PASSWORD", "not_the_password")
        .run()
        .code(1)
        .stderr_has("WRONGPASS");
    let container = live.container("prod", "redis");
    tried(&["exec", &container, "redis-cli", "-e", "GET", "production:a"]).bad("NOAUTH");

    // Beside a development it is proved apart, and no question stays without an answer.
    live.up(&["dev"]);
    let proof = with_secret(&["verify-isolation", "--format", "json"])
        .run()
        .code(0)
        .nowhere(&secret)
        .json();
    assert_eq!(proof["verdict"], "isolated");
    assert_eq!(proof["scope"]["environments"], json!(["dev", "prod"]));
    let checks = proof["checks"].as_array().expect("a list");
    assert!(checks.iter().any(|check| check["to"] == "prod"));
    assert!(
        checks
            .iter()
            .all(|check| check["observed"] != "could_not_ask")
    );
}

/// The files below a folder that contain a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match fs::read(&path) {
            Ok(bytes) if String::from_utf8_lossy(&bytes).contains(text) => {
                vec![path.display().to_string()]
            }
            Ok(_) => Vec::new(),
            Err(_) => files_with(&path, text),
        })
        .collect()
}
