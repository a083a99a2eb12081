//! Every fault of the engine layer against its innocent look-alike, as tables.

use std::collections::{BTreeMap, BTreeSet};

use environments::{Deployment, Environment, Instance, Service};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::drift::{ImageDefaults, Known};
use super::health::Tried;
use super::model::Model;
use super::standing::{Evidence, Judged};
use super::{cells, drift, health, objects, power};
use crate::isolation::census::testing::{parsed, stranger, three_as_told};
use crate::isolation::census::{Census, PROJECT};
use crate::isolation::finding::{Finding, Seen};

fn main_set(environment: Environment) -> Deployment {
    Deployment::new(environment, Instance::main())
}

/// What the compose file of a census of the tests would render to.
fn rendered(environment: Environment) -> Value {
    let deployment = main_set(environment);
    let service = |service: Service, ports: &[u16]| {
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| {
                let published = (port + 1000 * environment as u16).to_string();
                json!({ "host_ip": "127.0.0.1", "target": port, "published": published, "protocol": "tcp" })
            })
            .collect();
        let volumes = match service {
            Service::Neo4j => json!([
                { "type": "volume", "source": "data", "target": "/data" },
                { "type": "volume", "source": "logs", "target": "/logs" },
            ]),
            Service::Redis => json!([{ "type": "volume", "source": "keys", "target": "/data" }]),
        };
        json!({
            "container_name": deployment.container(service), "image": format!("tta-{}", service.name()),
            "command": null, "entrypoint": null, "networks": { "default": null }, "ports": ports,
            "volumes": volumes, "healthcheck": { "test": ["CMD", "check"] },
        })
    };
    let volume = |volume| json!({ "name": deployment.volume(volume) });
    json!({
        "name": deployment.project(),
        "services": {
            "neo4j": service(Service::Neo4j, &[7474, 7687]),
            "redis": service(Service::Redis, &[6379]),
        },
        "volumes": {
            "data": volume(environments::Volume::Neo4jData),
            "logs": volume(environments::Volume::Neo4jLogs),
            "keys": volume(environments::Volume::RedisData),
        },
        "networks": { "default": { "name": deployment.network(), "ipam": {} } },
    })
}

fn model(environment: Environment, change: impl FnOnce(&mut Value)) -> Model {
    let mut rendered = rendered(environment);
    change(&mut rendered);
    Model::parse(&rendered.to_string()).expect("it is of the known form")
}

/// Judges dev, test and staging, of which dev's file may say more.
fn judged(census: &Census, dev: impl FnOnce(&mut Value)) -> (Vec<Finding>, Vec<Seen>) {
    let mut dev = Some(dev);
    let sites = Environment::LOCAL.map(|environment| Judged {
        deployment: main_set(environment),
        model: Ok(match dev.take_if(|_| environment == Environment::Dev) {
            Some(change) => model(environment, change),
            None => model(environment, |_| {}),
        }),
    });
    let evidence = Evidence {
        instance: Instance::main(),
        sites: sites.into_iter().collect(),
        census,
        runs: BTreeMap::from([("1-1".to_owned(), true), ("2-2".to_owned(), false)]),
    };
    let mut findings = objects::judge(&evidence);
    findings.extend(power::judge(&evidence));
    let cells = cells::apart(&evidence, &findings);
    (
        findings,
        cells.into_iter().map(|cell| cell.observed).collect(),
    )
}

/// `E3 dev,test`, sorted, for a census with a change.
fn found(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut told = three_as_told();
    change(&mut told);
    let (findings, cells) = judged(&parsed(&told), |_| {});
    let any = cells.contains(&Seen::Same);
    assert_eq!(any, !findings.is_empty(), "{findings:?} {cells:?}");
    for finding in &findings {
        let said = [
            &finding.subject,
            &finding.evidence,
            &finding.reproduce,
            &finding.fix,
        ];
        assert!(said.iter().all(|text| !text.is_empty()), "{finding:?}");
    }
    ids(&findings)
}

fn ids(findings: &[Finding]) -> Vec<String> {
    let mut ids: Vec<String> = findings
        .iter()
        .map(|one| format!("{} {}", one.fault.id, one.environments.join(",")))
        .collect();
    ids.sort();
    ids
}

/// A stranger with a change, beside the three environments.
fn with(change: impl FnOnce(&mut Value)) -> Vec<String> {
    found(|told| {
        let mut one = stranger("visitor");
        change(&mut one);
        told["containers"].as_array_mut().expect("a list").push(one);
    })
}

fn mounting(kind: &str, name: &str, source: &str, writable: bool) -> Value {
    json!([{ "Type": kind, "Name": name, "Source": source, "Destination": "/x", "RW": writable }])
}

fn volume_of(name: &str) -> String {
    format!("/var/lib/docker/volumes/{name}/_data")
}

fn labelled(one: &mut Value, environment: &str) {
    one["Config"]["Labels"]["org.tta.environment"] = json!(environment);
    one["Config"]["Labels"]["org.tta.instance"] = json!("");
}

const NOTHING: [&str; 0] = [];

#[test]
fn three_environments_as_they_should_be_are_apart_and_so_are_strangers_with_nothing_of_theirs() {
    assert_eq!(found(|_| {}), NOTHING);
    assert_eq!(with(|_| {}), NOTHING);
}

#[test]
fn a_volume_that_says_it_is_another_s_is_found_and_one_that_says_nothing_is_not() {
    let labels = |labels: Value| found(|told| told["volumes"][0]["Labels"] = labels);
    assert_eq!(labels(json!({ PROJECT: "shop" })), ["E2 dev"]);
    assert_eq!(labels(json!({ PROJECT: "tta-test" })), ["E2 dev,test"]);
    assert_eq!(
        labels(json!({ "org.tta.environment": "staging" })),
        ["E2 dev,staging"]
    );
    assert_eq!(labels(json!({ "org.tta.instance": "ci" })), ["E2 dev"]);
    assert_eq!(labels(json!(null)), NOTHING);
    assert_eq!(labels(json!({ "maintainer": "me" })), NOTHING);
}

#[test]
fn a_volume_in_a_container_of_another_is_found_however_it_is_mounted() {
    let name = "tta_redis_dev_data";
    for (mounts, expected) in [
        (
            mounting("volume", name, &volume_of(name), true),
            vec!["E3 dev"],
        ),
        (
            mounting("volume", name, &volume_of(name), false),
            vec!["E3 dev"],
        ),
        (
            mounting("bind", "", &volume_of(name), false),
            vec!["E3 dev"],
        ),
        (
            mounting("bind", "", &format!("{}/sub", volume_of(name)), true),
            vec!["E3 dev"],
        ),
        (
            mounting("bind", "", "/var/lib/docker/volumes", true),
            vec!["E3 dev,test,staging"],
        ),
        (
            mounting("bind", "", "/", false),
            vec!["E3 dev,test,staging"],
        ),
        // Names and folders that are alike and not the same.
        (
            mounting(
                "volume",
                "tta_redis_dev_data_2",
                &volume_of("tta_redis_dev_data_2"),
                true,
            ),
            vec![],
        ),
        (
            mounting("bind", "", &format!("{}2", volume_of(name)), true),
            vec![],
        ),
        (mounting("bind", "", "/var/lib/dockers", true), vec![]),
        (mounting("tmpfs", "", "", true), vec![]),
    ] {
        assert_eq!(
            with(|one| one["Mounts"] = mounts.clone()),
            expected,
            "{mounts}"
        );
    }
}

#[test]
fn a_second_volume_that_leads_to_the_same_place_is_that_place() {
    let alias = |device: &str| {
        let device = device.to_owned();
        found(move |told| {
            let mut volume = told["volumes"][0].clone();
            volume["Name"] = json!("alias");
            volume["Mountpoint"] = json!("/var/lib/docker/volumes/alias/_data");
            volume["Labels"] = json!(null);
            volume["Options"] = json!({ "type": "none", "o": "bind", "device": device });
            told["volumes"].as_array_mut().expect("a list").push(volume);
            let mut one = stranger("visitor");
            one["Mounts"] = mounting(
                "volume",
                "alias",
                "/var/lib/docker/volumes/alias/_data",
                true,
            );
            told["containers"].as_array_mut().expect("a list").push(one);
        })
    };
    assert_eq!(alias(&volume_of("tta_redis_test_data")), ["E3 test"]);
    assert_eq!(alias("/srv/elsewhere"), NOTHING);
}

#[test]
fn volumes_of_two_environments_kept_at_one_place_are_found() {
    let devices = |one: &str, two: &str| {
        let (one, two) = (one.to_owned(), two.to_owned());
        found(move |told| {
            told["volumes"][0]["Options"] = json!({ "device": one });
            told["volumes"][3]["Options"] = json!({ "device": two });
        })
    };
    assert_eq!(devices("/srv/shared", "/srv/shared/test"), ["E3 dev,test"]);
    assert_eq!(devices(":/export/dev", ":/export/test"), NOTHING);
}

#[test]
fn what_is_ours_is_known_by_more_than_its_labels() {
    let name = "tta_redis_dev_data";
    let helper = |run: Option<&str>, writable: bool| {
        with(|one| {
            labelled(one, "dev");
            if let Some(run) = run {
                one["Config"]["Labels"]["org.tta.run"] = json!(run);
            }
            one["Mounts"] = mounting("volume", name, &volume_of(name), writable);
        })
    };
    // The journal has 1-1, which is over, and 2-2, which is not.
    assert_eq!(helper(Some("1-1"), false), NOTHING);
    assert_eq!(helper(Some("1-1"), true), ["E3 dev"]);
    assert_eq!(helper(Some("2-2"), true), NOTHING);
    assert_eq!(helper(Some("9-9"), false), ["E3 dev"]);
    assert_eq!(helper(None, false), ["E3 dev"]);
    let one_off = |service: &str, image: &str| {
        with(|one| {
            let labels = &mut one["Config"]["Labels"];
            labels[PROJECT] = json!("tta-dev");
            labels["com.docker.compose.service"] = json!(service);
            labels["com.docker.compose.oneoff"] = json!("True");
            one["Config"]["Image"] = json!(image);
            one["Mounts"] = mounting("volume", name, &volume_of(name), true);
        })
    };
    assert_eq!(one_off("redis", "tta-redis"), NOTHING);
    assert_eq!(one_off("redis", "attacker/redis"), ["E3 dev"]);
    assert_eq!(one_off("adminer", "tta-redis"), ["E3 dev"]);
}

#[test]
fn a_helper_of_one_environment_has_no_business_with_another_s_volume() {
    let name = "tta_redis_staging_data";
    let seen = with(|one| {
        labelled(one, "dev");
        one["Config"]["Labels"]["org.tta.run"] = json!("2-2");
        one["Mounts"] = mounting("volume", name, &volume_of(name), false);
    });
    assert_eq!(seen, ["E3 dev,staging"]);
}

fn on(network: &str, id: &str) -> Value {
    json!({ network: { "NetworkID": id, "IPAddress": "", "GlobalIPv6Address": "" } })
}

#[test]
fn a_server_on_a_network_that_is_not_its_own_is_found_with_whom_it_meets_there() {
    let joined = |names: &[(usize, &str)]| {
        let names: Vec<(usize, String)> = names
            .iter()
            .map(|(index, name)| (*index, (*name).to_owned()))
            .collect();
        found(move |told| {
            for (index, name) in names {
                let networks = &mut told["containers"][index]["NetworkSettings"]["Networks"];
                networks[&name] = on(&name, "9")[&name].clone();
            }
        })
    };
    assert_eq!(joined(&[(0, "tta-test-network")]), ["E4 dev,test"]);
    assert_eq!(joined(&[(0, "tta-prod-network")]), ["E4 dev,prod"]);
    assert_eq!(joined(&[(0, "bridge")]), ["E4 dev"]);
    assert_eq!(joined(&[(0, "bus"), (4, "bus")]), ["E4 dev,staging"]);
    assert_eq!(joined(&[(0, "none")]), NOTHING);
}

#[test]
fn a_network_that_the_file_declares_or_gives_the_service_is_no_fault() {
    let mut told = three_as_told();
    told["containers"][1]["NetworkSettings"]["Networks"]["edge"] = on("edge", "9")["edge"].clone();
    let census = parsed(&told);
    assert_eq!(ids(&judged(&census, |_| {}).0), ["E4 dev"]);
    let declared = |dev: &mut Value| {
        dev["x-tta-shared"] = json!([{ "kind": "network", "name": "edge", "with": "ingress", "reason": "the proxy" }]);
    };
    assert_eq!(ids(&judged(&census, declared).0), NOTHING);
    // Where another environment is on it too, one's own word is not enough.
    let mut both = told.clone();
    both["containers"][4]["NetworkSettings"]["Networks"]["edge"] = on("edge", "9")["edge"].clone();
    assert_eq!(ids(&judged(&parsed(&both), declared).0), ["E4 dev,staging"]);
    let given = |dev: &mut Value| {
        dev["networks"]["edge"] = json!({ "name": "edge" });
        dev["services"]["redis"]["networks"]["edge"] = json!(null);
    };
    assert_eq!(ids(&judged(&census, given).0), NOTHING);
}

#[test]
fn a_stranger_on_a_network_is_found_running_or_not() {
    let network = on("tta-dev-network", &"1".repeat(64));
    let joined = |change: &dyn Fn(&mut Value)| {
        with(|one| {
            one["NetworkSettings"]["Networks"] = network.clone();
            change(one);
        })
    };
    assert_eq!(joined(&|_| {}), ["E9 dev"]);
    assert_eq!(
        joined(&|one| one["State"]["Status"] = json!("exited")),
        ["E9 dev"]
    );
    assert_eq!(joined(&|one| labelled(one, "dev")), ["E9 dev"]);
    assert_eq!(joined(&|one| labelled(one, "test")), ["E9 dev,test"]);
    // Never started: compose and docker know the network by its name alone.
    let by_name = on("tta-dev-network", "");
    let seen = with(|one| one["NetworkSettings"]["Networks"] = by_name);
    assert_eq!(seen, ["E9 dev"]);
    // A network of the same name that is another.
    let other = on("tta-dev-network", &"8".repeat(64));
    assert_eq!(
        with(|one| one["NetworkSettings"]["Networks"] = other),
        NOTHING
    );
}

#[test]
fn the_host_s_namespaces_are_found_on_what_is_an_environment_s() {
    for (field, value, expected) in [
        ("NetworkMode", "host", vec!["E7 dev"]),
        ("PidMode", "host", vec!["E7 dev"]),
        ("IpcMode", "host", vec!["E7 dev"]),
        ("UTSMode", "host", vec!["E7 dev"]),
        ("UsernsMode", "host", vec!["E7 dev"]),
        ("IpcMode", "shareable", vec![]),
    ] {
        let seen = with(|one| {
            labelled(one, "dev");
            one["HostConfig"][field] = json!(value);
        });
        assert_eq!(seen, expected, "{field} {value}");
        assert_eq!(
            with(|one| one["HostConfig"][field] = json!(value)),
            NOTHING,
            "{field}"
        );
    }
}

#[test]
fn what_can_drive_the_engine_is_found_and_what_cannot_is_not() {
    let bind = |source: &str| ("Mounts", mounting("bind", "", source, false));
    let host = |field: &str, value: Value| ("HostConfig", json!({ field: value }));
    for ((part, value), found) in [
        (bind("/var/run/docker.sock"), true),
        (bind("/home/me/docker.sock"), true),
        (bind("/run"), true),
        (bind("/var"), true),
        (bind("/proc/1/ns"), true),
        (bind("/dev"), true),
        (bind("/run/user/1000/x"), false),
        (bind("/home/me/notes"), false),
        (bind("/etc/localtime"), false),
        (host("Privileged", json!(true)), true),
        (host("CapAdd", json!(["SYS_ADMIN"])), true),
        (host("CapAdd", json!(["CAP_SYS_PTRACE"])), true),
        (host("CapAdd", json!(["ALL"])), true),
        (host("CapAdd", json!(["NET_BIND_SERVICE", "CHOWN"])), false),
        (host("SecurityOpt", json!(["seccomp=unconfined"])), true),
        (host("SecurityOpt", json!(["no-new-privileges"])), false),
        (host("Devices", json!([{ "PathOnHost": "/dev/sda" }])), true),
        (host("DeviceCgroupRules", json!(["b 8:* rmw"])), true),
    ] {
        let seen = with(|one| {
            labelled(one, "test");
            match &value {
                Value::Object(fields) => {
                    for (field, value) in fields {
                        one[part][field] = value.clone();
                    }
                }
                mounts => one[part] = mounts.clone(),
            }
        });
        let e8 = seen.iter().any(|one| one == "E8 test");
        assert_eq!(e8, found, "{part} {value}: {seen:?}");
    }
}

#[test]
fn another_s_namespace_is_found_and_one_s_own_environment_s_is_not() {
    let redis_of_test = format!("container:{}", "23".repeat(32));
    let joined = |label: Option<&str>| {
        with(|one| {
            if let Some(label) = label {
                labelled(one, label);
            }
            one["HostConfig"]["NetworkMode"] = json!(redis_of_test);
        })
    };
    assert_eq!(joined(None), ["E11 test"]);
    assert_eq!(joined(Some("dev")), ["E11 dev,test"]);
    let linked = with(|one| one["HostConfig"]["Links"] = json!(["/tta-dev-redis:/visitor/db"]));
    assert_eq!(linked, ["E11 dev"]);
    let own = found(|told| {
        told["containers"][2]["HostConfig"]["PidMode"] = json!("container:tta-test-redis");
    });
    assert_eq!(own, NOTHING);
}

#[test]
fn an_environment_that_is_not_there_is_not_called_apart() {
    let mut told = three_as_told();
    told["containers"].as_array_mut().expect("a list").remove(0);
    let (findings, cells) = judged(&parsed(&told), |_| {});
    assert_eq!(findings, []);
    assert_eq!(
        cells
            .iter()
            .filter(|seen| **seen == Seen::CouldNotAsk)
            .count(),
        8
    );
}

fn drifted(
    change: impl FnOnce(&mut Value),
    made_by: &str,
    hash: &str,
) -> Result<Option<Finding>, String> {
    let mut told = three_as_told();
    let labels = &mut told["containers"][1]["Config"]["Labels"];
    labels["com.docker.compose.config-hash"] = json!(hash);
    labels["com.docker.compose.version"] = json!(made_by);
    change(&mut told["containers"][1]);
    let census = parsed(&told);
    let deployment = main_set(Environment::Dev);
    let defaults = ImageDefaults {
        env: vec!["PATH=/bin".to_owned()],
        cmd: vec!["go".to_owned()],
        entrypoint: vec!["run".to_owned()],
        user: String::new(),
    };
    let known = Known {
        model: &model(Environment::Dev, |_| {}),
        hashes: &BTreeMap::from([("redis".to_owned(), "aa".to_owned())]),
        copies: &BTreeSet::from(["/other/docker/docker-compose.dev.yml".to_owned()]),
        compose: "2.26.1-4",
        images: &BTreeMap::from([("sha256:1".to_owned(), defaults)]),
    };
    let container = census
        .server(&deployment, Service::Redis)
        .expect("it is there");
    drift::container(&deployment, Service::Redis, container, known)
}

#[test]
fn a_container_as_its_file_says_has_not_drifted_whichever_compose_made_it() {
    assert_eq!(drifted(|_| {}, "2.26.1", "aa"), Ok(None));
    assert_eq!(drifted(|_| {}, "2.40.0", "bb"), Ok(None));
    assert!(drifted(|_| {}, "2.26.1", "bb").expect("compared").is_some());
}

#[test]
fn a_server_that_is_not_on_its_own_network_has_drifted() {
    let away = |one: &mut Value| one["NetworkSettings"]["Networks"] = json!({});
    let finding = drifted(away, "2.26.1", "aa")
        .expect("compared")
        .expect("found");
    assert!(
        finding.evidence.contains("it is not on tta-dev-network"),
        "{}",
        finding.evidence
    );
}

#[test]
fn another_checkout_of_the_same_definitions_is_no_drift() {
    let from = |file: &'static str| {
        let made = move |one: &mut Value| {
            one["Config"]["Labels"]["com.docker.compose.project.config_files"] = json!(file);
        };
        drifted(made, "2.26.1", "bb").expect("compared")
    };
    assert_eq!(from("/other/docker/docker-compose.dev.yml"), None);
    for file in [
        "/elsewhere.yml",
        "/other/docker/docker-compose.dev.yml,/override.yml",
    ] {
        assert!(from(file).is_some(), "{file}");
    }
}

#[test]
fn every_field_that_isolation_stands_on_is_compared_whatever_the_hash_says() {
    let other: [(&str, Value); 10] = [
        ("/Config/Image", json!("redis:8")),
        ("/Config/Env", json!(["PATH=/bin", "SECRET=hunter22"])),
        ("/Config/Cmd", json!(["go", "--protected-mode", "no"])),
        ("/Config/Entrypoint", json!(["sh"])),
        ("/Config/User", json!("0")),
        ("/Config/Healthcheck/Test", json!(["CMD", "true"])),
        ("/Config/Labels/org.tta.environment", json!("staging")),
        (
            "/HostConfig/PortBindings",
            json!({ "6379/tcp": [{ "HostIp": "", "HostPort": "6379" }] }),
        ),
        ("/HostConfig/RestartPolicy/Name", json!("always")),
        ("/Mounts", json!([])),
    ];
    for (field, value) in other {
        let change = |one: &mut Value| *one.pointer_mut(field).expect(field) = value.clone();
        let finding = drifted(change, "2.26.1", "aa")
            .expect("compared")
            .expect(field);
        assert_eq!(finding.environments, ["dev"]);
        assert!(
            !finding.evidence.contains("hunter22"),
            "{}",
            finding.evidence
        );
    }
}

#[test]
fn a_container_whose_image_is_gone_is_not_compared() {
    let change = |one: &mut Value| one["Image"] = json!("sha256:2");
    assert!(drifted(change, "2.26.1", "aa").is_err());
}

#[test]
fn a_health_check_must_fail_without_a_credential_and_succeed_with_it() {
    let census = parsed(&three_as_told());
    let deployment = main_set(Environment::Dev);
    let container = census
        .server(&deployment, Service::Redis)
        .expect("it is there");
    let judged = |tried| health::judge(&deployment, Service::Redis, container, tried);
    assert_eq!(judged(Tried::Ran { own: 0, without: 1 }), Ok(None));
    for tried in [
        Tried::None,
        Tried::Ran { own: 0, without: 0 },
        Tried::Ran { own: 1, without: 0 },
    ] {
        assert!(judged(tried).expect("judged").is_some(), "{tried:?}");
    }
    assert!(judged(Tried::Ran { own: 1, without: 1 }).is_err());
}

proptest! {
    #[test]
    fn no_name_of_a_container_breaks_out_of_the_command_that_is_shown(name in "(.|\n){1,40}") {
        let ids = with(|one| {
            one["Name"] = json!(format!("/{name}"));
            one["NetworkSettings"]["Networks"] = on("tta-dev-network", &"1".repeat(64));
        });
        // A name that begins with slashes, or is a server's own, is judged as that.
        prop_assert!(ids.len() <= 2);
        let quoted = crate::process::quoted(&name);
        let plain = quoted == name;
        prop_assert!(plain || quoted.starts_with('\'') && quoted.ends_with('\''));
    }

    #[test]
    fn no_rendered_text_makes_the_reader_panic(text in "(.|\n){0,200}") {
        let _ = Model::parse(&text);
    }
}
