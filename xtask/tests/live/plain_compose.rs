//! The rendered file with plain `docker compose`, without the tool.

use environments::Environment;

use crate::docker::docker;
use crate::live::Live;

#[test]
fn what_plain_compose_has_started_is_taken_as_it_is() {
    let live = Live::new("plain docker compose on the rendered file");
    let file = live.rendered(Environment::Dev);
    docker(&live.compose(&file, "dev", &["up", "--detach", "--wait"]));
    live.write("dev", "by plain compose");
    let ports = live.ports("dev");
    let containers = live.containers("dev");

    let status = || {
        let status = live.xtask(&["status", "dev", "--format", "json"]);
        status.run().code(0).json()["environments"][0].clone()
    };
    let dev = status();
    assert_eq!(dev["ours"], true, "{dev}");
    assert_eq!(dev["neo4j"]["id"], containers[0][1].as_str());
    live.up(&["dev"]);
    assert_eq!(
        live.containers("dev"),
        containers,
        "something was recreated"
    );
    assert_eq!(live.ports("dev"), ports);
    let dev = status();
    assert_eq!(dev["neo4j"]["nodes"], 2, "{dev}");
    assert_eq!(dev["redis"]["keys"], 2, "{dev}");
}
