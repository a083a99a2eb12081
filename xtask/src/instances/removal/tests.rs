//! Plans for given states, as the text that is shown.

use environments::{Dev, Environment, Holding, Instance, Protected, Protection, Staging, Volume};
use serde_json::json;

use super::*;
use crate::observe::testing::{nothing, running, stopped};

fn ci() -> Instance {
    Instance::named("ci1").expect("a name")
}

fn dev() -> Leave {
    Leave::Disposable(Disposable::of(Dev, ci()))
}

fn staging() -> Leave {
    let staging = Protected::of(Staging, ci());
    let holding = Holding::Counted { nodes: 0, keys: 0 };
    Leave::Vacant(Vacant::of(staging, holding).expect("it holds nothing"))
}

fn deployment(environment: Environment) -> Deployment {
    Deployment::new(environment, ci())
}

fn part(observed: &Observed) -> Part<'_> {
    Part {
        observed,
        left: Left::default(),
        rendered: Rendered::default(),
    }
}

fn file(name: &str) -> PathBuf {
    PathBuf::from("/state/compose/instances/ci1/dev").join(name)
}

/// What a killed snapshot leaves.
fn scratch(deployment: &Deployment) -> Left {
    let labels = json!({
        "org.tta.environment": deployment.environment().slug(),
        "org.tta.instance": "ci1",
        "org.tta.run": "1-2",
    });
    let container = json!({
        "Id": "5".repeat(64),
        "Name": format!("/{}", deployment.scratch_container("1-2", "copy")),
        "State": { "Status": "running", "StartedAt": "" },
        "Config": { "Image": "tta", "Labels": labels, "Cmd": null },
    });
    let volume = json!({
        "Name": deployment.scratch_volume("1-2", "neo4j"),
        "CreatedAt": "2026-01-02T00:00:00Z",
        "Labels": labels,
    });
    Left {
        containers: vec![serde_json::from_value(container).expect("a container")],
        volumes: vec![serde_json::from_value(volume).expect("a volume")],
        networks: Vec::new(),
    }
}

fn everything(observed: &Observed, left: &Left) -> Found {
    let mut containers: Vec<Container> = observed.containers().cloned().collect();
    containers.extend(left.containers.iter().cloned());
    let mut volumes: Vec<VolumeState> = observed.volumes().map(|(_, one)| one.clone()).collect();
    volumes.extend(left.volumes.iter().cloned());
    let networks = observed.network.iter().cloned().collect();
    Census::of(containers, volumes, networks).set_of(&ci())
}

#[test]
fn removing_a_running_development_ends_with_its_files() {
    let observed = running(&deployment(Environment::Dev));
    let mut part = part(&observed);
    part.rendered.files = vec![file("docker-compose.dev.yml"), file("redis/users.dev.acl")];
    part.rendered.others = vec![format!("{} is a folder", file("notes").display())];
    insta::assert_snapshot!(plan(&part, &dev()));
}

#[test]
fn removing_what_a_killed_snapshot_has_left_of_an_empty_staging() {
    let observed = running(&deployment(Environment::Staging));
    let mut part = part(&observed);
    part.left = scratch(&observed.deployment);
    insta::assert_snapshot!(plan(&part, &staging()));
}

#[test]
fn removing_what_a_killed_removal_has_left_goes_on_where_it_stopped() {
    let mut observed = stopped(&deployment(Environment::Dev));
    insta::assert_snapshot!(plan(&part(&observed), &dev()));
    observed.neo4j = None;
    observed.redis = None;
    observed.volumes = vec![(Volume::Neo4jData, None)];
    insta::assert_snapshot!(plan(&part(&observed), &dev()));
    let nothing = nothing(&deployment(Environment::Dev));
    assert!(plan(&part(&nothing), &dev()).steps.is_empty());
}

#[test]
fn what_a_run_has_left_is_known_by_its_label_and_its_name() {
    let observed = running(&deployment(Environment::Dev));
    let left = scratch(&observed.deployment);
    let found = everything(&observed, &left);
    assert_eq!(Left::of(&found), left);
    let part = Part {
        observed: &observed,
        left: Left::of(&found),
        rendered: Rendered::default(),
    };
    assert_eq!(part.strangers(&found, &found.containers), []);
    let volume = &left.volumes[0];
    assert!(Removal::left_by_a_run(&observed.deployment, volume).is_some());
    for (_, own) in observed.volumes() {
        assert_eq!(Removal::left_by_a_run(&observed.deployment, own), None);
    }
}

#[test]
fn the_label_of_a_run_does_not_make_an_environments_own_volume_a_scratch_one() {
    let Protection::Protected(protected) = Protection::from(deployment(Environment::Staging))
    else {
        panic!("staging is protected");
    };
    let deployment = protected.deployment();
    let volume = json!({
        "Name": deployment.volume(Volume::RedisData),
        "CreatedAt": "2026-01-02T00:00:00Z",
        "Labels": { "org.tta.run": "1-2" },
    });
    let volume: VolumeState = serde_json::from_value(volume).expect("a volume");
    assert_eq!(Removal::left_by_a_run(deployment, &volume), None);
}

#[test]
fn what_is_neither_its_own_nor_left_by_a_run_is_refused_and_named() {
    let mut observed = running(&deployment(Environment::Dev));
    let mut found = everything(&observed, &Left::default());
    let mut everybody = found.containers.clone();
    let labels = json!({ "org.tta.environment": "dev", "org.tta.instance": "ci1" });
    let container = |name: &str, labels: &serde_json::Value, volume: &str| -> Container {
        serde_json::from_value(json!({
            "Id": name.repeat(10),
            "Name": format!("/{name}"),
            "State": { "Status": "exited", "StartedAt": "" },
            "Config": { "Image": "x", "Labels": labels, "Cmd": null },
            "Mounts": [{ "Name": volume, "Destination": "/x" }],
        }))
        .expect("a container")
    };
    found.containers.push(container("one-off", &labels, ""));
    everybody.push(container("one-off", &labels, ""));
    everybody.push(container("grafana", &json!({}), "tta_ci1_redis_dev_data"));
    let volume = json!({
        "Name": "tta_ci1_neo4j_dev_data_kept",
        "Labels": { "org.tta.environment": "dev", "org.tta.instance": "ci1", "org.tta.kept": "old" },
    });
    found
        .volumes
        .push(serde_json::from_value(volume).expect("a volume"));
    let network = json!({
        "Id": "a".repeat(64),
        "Name": "tta-ci1-dev-network",
        "Labels": labels,
        "Containers": { ("c".repeat(64)): { "Name": "prometheus" } },
    });
    let network: NetworkState = serde_json::from_value(network).expect("a network");
    found.networks = vec![network.clone()];
    observed.network = Some(network);
    let strangers = part(&observed).strangers(&found, &everybody);
    let refused = settled(&observed.deployment, strangers).expect_err("refused");
    assert_eq!(refused.kind, crate::error::Kind::Refused);
    insta::assert_snapshot!(format!("{}\n{}", refused.message, refused.hints.join("\n")));
}
