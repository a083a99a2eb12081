//! The judges over models written as compose prints them, and over whatever else might come.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::model::Model;
use super::side::{Ground, Host, Side};
use super::{
    addresses, credentials, images, mounts, names, namespaces, ports, shell, subnets, table,
};
use crate::Composed;
use crate::finding::Finding;

fn side(name: &str, model: &Value) -> Side {
    let composed = Composed {
        folder: None,
        name: name.to_owned(),
        files: vec![PathBuf::from(format!("{name}.yml"))],
        secrets: Vec::new(),
        again: "compose-audit",
    };
    let ground = Ground {
        host: Host {
            names: vec!["here".to_owned()],
            addresses: vec!["192.168.7.7".parse().expect("an address")],
        },
        ..Ground::default()
    };
    Side::new(&composed, model_of(model), ground)
}

fn model_of(model: &Value) -> Model {
    let mut model = model.clone();
    if model.get("name").is_none() {
        model["name"] = json!("p");
    }
    Model::parse(&model.to_string()).expect("a project")
}

type Judge = fn(&Side, &Side) -> Vec<Finding>;

#[track_caller]
fn judged(judge: Judge, dev: &Value, test: &Value) -> Vec<String> {
    let (dev, test) = (side("dev", dev), side("test", test));
    judge(&dev, &test)
        .into_iter()
        .map(|finding| format!("{} {}", finding.fault.id, finding.subject))
        .collect()
}

fn web(service: &Value) -> Value {
    json!({"services": {"web": service}})
}

#[test]
fn ports_clash_where_address_number_and_protocol_meet() {
    let port = |ip: &str, port: Value, protocol: &str| {
        web(&json!({"ports": [{
            "mode": "ingress", "host_ip": ip, "target": 80, "published": port, "protocol": protocol,
        }]}))
    };
    let plain = port("127.0.0.1", json!("80"), "tcp");
    for (other, clash) in [
        (port("127.0.0.1", json!("80"), "tcp"), true),
        (port("127.0.0.1", json!(80), "TCP"), true),
        (port("127.0.0.1", json!("79-81"), ""), true),
        (port("", json!("80"), "tcp"), true),
        (port("0.0.0.0", json!("80"), "tcp"), true),
        (port("::", json!("80"), "tcp"), true),
        (port("::ffff:127.0.0.1", json!("80"), "tcp"), true),
        (port("::1", json!("80"), "tcp"), false),
        (port("127.0.0.2", json!("80"), "tcp"), false),
        (port("127.0.0.1", json!("80"), "udp"), false),
        (port("127.0.0.1", json!("81"), "tcp"), false),
        (port("127.0.0.1", json!("0"), "tcp"), false),
        (port("127.0.0.1", json!("x"), "tcp"), false),
    ] {
        let found = judged(ports::clashes, &plain, &other);
        assert_eq!(!found.is_empty(), clash, "{other}: {found:?}");
    }
}

#[test]
fn every_port_of_two_long_ranges_is_one_finding_and_soon_told() {
    let all: Vec<Value> = (1..=u16::MAX)
        .map(|port| json!({"host_ip": "127.0.0.1", "target": port, "published": port.to_string()}))
        .collect();
    let model = web(&json!({"ports": all}));
    assert_eq!(judged(ports::clashes, &model, &model), ["S1 1-65535/tcp"]);
}

#[test]
fn subnets_overlap_by_their_shorter_prefix() {
    let net = |name: &str, subnet: &str| json!({"name": name, "networks": {"n": {"ipam": {"config": [{"subnet": subnet}]}}}});
    for (one, other, overlap) in [
        ("10.0.0.0/8", "10.9.0.0/16", true),
        ("10.0.0.0/16", "10.1.0.0/16", false),
        ("0.0.0.0/0", "192.168.0.0/24", true),
        ("10.0.0.1/32", "10.0.0.1/32", true),
        ("fd00::/8", "fd12::/64", true),
        ("fd00::/64", "fd00:0:0:1::/64", false),
        ("10.0.0.0/8", "fd00::/8", false),
        ("10.0.0.0/33", "10.0.0.0/8", false),
        ("nonsense", "10.0.0.0/8", false),
    ] {
        let found = judged(subnets::overlaps, &net("a", one), &net("b", other));
        assert_eq!(!found.is_empty(), overlap, "{one} {other}");
    }
}

#[test]
fn an_image_reference_is_judged_by_the_grammar_of_the_engine() {
    let digest = "0".repeat(64);
    for good in [
        "nginx",
        "nginx:1.29",
        "registry:5000/x:1",
        "a.b/c/d:e",
        "localhost/x",
        "[::1]:5000/x",
        "a__b/c--d",
        &format!("x@sha256:{digest}"),
        &format!("x:1@sha256:{digest}"),
    ] {
        assert_eq!(images::reference(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        ":",
        "a:b:c",
        "A",
        "a:",
        "a//b",
        "-a",
        "a:-b",
        "a b",
        "a@b",
        "x@sha256:0",
        "a/:1",
        "registry:port/x",
        "ä",
        "a:ä",
        "é/a",
    ] {
        assert!(images::reference(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_host_by_any_of_its_names_leads_to_the_published_port() {
    let dev = json!({"name": "d", "services": {"db": {"ports": [
        {"host_ip": "127.0.0.1", "target": 7687, "published": "7687"}]}}});
    for (host, found) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("[::1]", false),
        ("127.0.0.2", false),
        ("host.docker.internal", true),
        ("here", true),
        ("HERE", true),
        ("192.168.7.7", true),
        ("192.168.7.8", false),
        ("example.com", false),
        ("db", false),
    ] {
        let test = json!({"name": "t", "services": {"app": {
            "environment": {"NEO4J_URI": format!("bolt://{host}:7687")}}}});
        let judged = judged(addresses::of_another, &test, &dev);
        assert_eq!(!judged.is_empty(), found, "{host}: {judged:?}");
    }
}

#[test]
fn what_the_files_say_of_one_kind_is_not_taken_for_another() {
    // A volume and a network by one name, in two environments, clash with nothing.
    let dev = json!({"name": "d", "volumes": {"x": {"name": "same"}}});
    let test = json!({"name": "t", "networks": {"x": {"name": "same"}}});
    assert_eq!(judged(names::one_volume, &dev, &test), Vec::<String>::new());
    assert_eq!(
        judged(names::one_network, &dev, &test),
        Vec::<String>::new()
    );
}

#[test]
fn a_variable_that_the_project_s_name_follows_is_told_once() {
    let clean = side(
        "dev",
        &json!({"name": "a", "volumes": {"x": {"name": "a_x"}}}),
    );
    let dirty = json!({"name": "b", "volumes": {"x": {"name": "b_x"}}});
    let found = shell::bleeding(&clean, &model_of(&dirty));
    let subjects: Vec<&str> = found.iter().map(|one| one.subject.as_str()).collect();
    assert_eq!(subjects, ["project"]);
    let other = json!({"name": "b", "volumes": {"x": {"name": "c_x"}}});
    assert_eq!(shell::bleeding(&clean, &model_of(&other)).len(), 2);
}

#[test]
fn what_is_no_project_is_an_error_that_says_so() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"name": ""}"#,
        r#"{"name": "x", "services": 3}"#,
    ] {
        let error = Model::parse(text).expect_err("it is none");
        assert!(error.contains("what compose printed"), "{error}");
    }
    let ports = r#"{"name": "x", "services": {"a": {"ports": [{"published": {"a": 1}}]}}}"#;
    assert!(Model::parse(ports).is_err());
}

/// Texts as a hostile file might have them, many of them near to what is looked for.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9:/@\\[\\]._>#=-]{0,24}",
        "(bolt|redis|http)://[a-z:@\\[\\]é]{0,12}:?[0-9]{0,6}",
        Just("container:".to_owned()),
        Just("$(touch x)'\"\u{1b}[0m".to_owned()),
        Just("neo4j/".to_owned()),
    ]
}

prop_compose! {
    fn anything()(texts in prop::collection::vec(hostile(), 24)) -> Value {
        let t = |place: usize| texts[place].clone();
        json!({
            "name": if t(0).is_empty() { "p".to_owned() } else { t(0) },
            "services": {t(1): {
                "image": t(2), "container_name": t(3), "hostname": t(4), "network_mode": t(5),
                "pid": t(6), "volumes_from": [t(7)], "external_links": [t(8)],
                "extra_hosts": {t(9): t(10)}, "environment": {t(11): t(12), "DB_PASSWORD": t(13)},
                "command": [t(14), t(15)], "healthcheck": {"test": t(16)},
                "ports": [{"host_ip": t(17), "published": t(18), "target": 1, "protocol": t(19)}],
                "volumes": [{"type": "bind", "source": t(20), "target": "/x"}],
                "networks": {"n": {"aliases": [t(21)], "ipv4_address": t(22)}},
                "build": {"args": {"TOKEN": t(23)}},
            }},
            "volumes": {"v": {"name": t(3), "driver_opts": {"type": "nfs", "o": t(4), "device": t(5)}}},
            "networks": {"n": {"name": t(6), "ipam": {"config": [{"subnet": t(7)}]}}},
            "configs": {"c": {"content": t(8)}},
            "x-tta-shared": [{"kind": "volume", "name": t(9), "with": [t(10)], "reason": t(11)}],
        })
    }
}

proptest! {
    #[test]
    fn no_text_in_a_file_breaks_a_judge(one in anything(), other in anything()) {
        let (one, other) = (side("dev", &one), side("test", &other));
        for (one, other) in [(&one, &other), (&one, &one)] {
            let _ = table::found(one, other);
            let _ = shell::bleeding(one, &other.model);
            let _ = images::unusable(one);
            let _ = namespaces::of_strangers(one, &[other]);
            let _ = mounts::paths(&one.model);
        }
    }

    #[test]
    fn a_shared_secret_is_found_and_never_shown(secret in "[A-Za-z0-9]{12,20}") {
        let one = side("dev", &web(&json!({"environment": {"DB_PASSWORD": &secret}})));
        let other = side("test", &web(&json!({"command": ["--requirepass", &secret]})));
        let found = credentials::shared(&one, &other);
        prop_assert_eq!(found.len(), 1);
        let shown = format!("{found:?}");
        prop_assert!(!shown.contains(&secret));
    }
}
