//! `up` and `down`: three environments at once, each reached only as itself.

use serde_json::json;

use crate::docker::{docker, inspect, inspected, until};
use crate::live::Live;
use crate::look::{password, prefix};
use crate::wire::{self, Resp};

const LOCAL: [&str; 3] = ["dev", "test", "staging"];

#[test]
fn dev_test_and_staging_run_side_by_side_and_keep_ports_and_data_over_down_and_up() {
    let live = Live::alone("dev, test and staging side by side");
    let up = live.xtask(&["up", "--format", "json"]).run().code(0).json();
    assert_eq!(up["environments"], json!(LOCAL));
    assert_eq!(up["outcome"], "done");
    assert_eq!(up["instance"], live.name);

    for environment in LOCAL {
        healthy(&live, environment);
        advertises_itself(&live, environment);
        for other in LOCAL {
            login(&live, environment, other);
        }
    }

    // A second `up` touches nothing.
    let ids = LOCAL.map(|environment| live.containers(environment));
    live.up(&LOCAL);
    assert_eq!(LOCAL.map(|environment| live.containers(environment)), ids);

    // Down removes containers and networks, and no volume.
    for environment in LOCAL {
        live.write(environment, "before down");
    }
    let before = LOCAL.map(|environment| (live.ports(environment), live.made(environment)));
    live.xtask(&["down"]).run().code(0);
    for (environment, (_, made)) in LOCAL.into_iter().zip(&before) {
        assert!(live.containers(environment).is_empty(), "{environment}");
        assert!(
            inspected("network", &live.network(environment)).is_none(),
            "{environment}"
        );
        assert_eq!(&live.made(environment), made);
    }

    // Up again: the same ports, the same data.
    live.up(&LOCAL);
    for (environment, before) in LOCAL.into_iter().zip(&before) {
        assert_eq!((live.ports(environment), live.made(environment)), *before);
        assert_written(&live, environment);
    }

    // Compose's own `down -v`, on the very file: staging's volumes outlive it.
    let file = live.compose_file("staging");
    docker(&live.compose(&file, "staging", &["down", "-v"]));
    assert!(live.containers("staging").is_empty());
    assert_eq!(live.made("staging"), before[2].1);
    live.up(&["staging"]);
    assert_eq!(live.ports("staging"), before[2].0);
    assert_written(&live, "staging");
}

#[track_caller]
fn assert_written(live: &Live, environment: &str) {
    let marks = live.graph(environment, "MATCH (n)-[:LED_TO]->(m) RETURN n.mark, m.n");
    assert_eq!(marks, json!([["before down", 2]]), "{environment}");
    let key = format!("{}session:before down", prefix(environment));
    assert_eq!(
        live.redis(environment).ask(&["GET", &key]),
        Ok(json!("before down"))
    );
}

/// By Docker's own account, which comes up to a second after the tool's.
fn healthy(live: &Live, environment: &str) {
    for service in ["neo4j", "redis"] {
        let name = live.container(environment, service);
        until(&format!("{name} is healthy"), || {
            inspect("container", &name)["State"]["Health"]["Status"] == "healthy"
        });
        let labels = &inspect("container", &name)["Config"]["Labels"];
        assert_eq!(labels["org.tta.environment"], environment);
        assert_eq!(labels["org.tta.instance"], live.name.as_str());
    }
}

/// Neo4j tells Browser and routing drivers its own published Bolt port.
fn advertises_itself(live: &Live, environment: &str) {
    let ports = live.ports(environment);
    let told = wire::discovery(ports.http);
    let own = format!("bolt://localhost:{}", ports.bolt);
    assert_eq!(told["bolt_direct"], own, "{environment}");
}

/// An environment's password opens its own servers and no other's.
fn login(live: &Live, environment: &str, whose: &str) {
    let ports = live.ports(environment);
    let database = format!("tta-{environment}");
    let secret = password(whose);
    let (status, body) =
        wire::query(ports.http, &database, &secret, "RETURN 1").expect("Neo4j answers");
    let user = format!("tta-{whose}");
    let redis = Resp::login(ports.redis, &user, &secret).map(drop);
    if environment == whose {
        assert_eq!(body["data"]["values"], json!([[1]]), "{status} {body}");
        assert_eq!(redis, Ok(()));
    } else {
        assert_eq!(status, 401, "{whose}'s password on {environment}: {body}");
        let refused = redis.expect_err("another environment's login");
        assert!(
            refused.contains("WRONGPASS"),
            "{whose} on {environment}: {refused}"
        );
    }
}
