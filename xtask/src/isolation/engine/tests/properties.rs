//! Whatever the engine, compose and the containers tell, nothing passes that was not seen.

use compose_audit::finding::testing::{told, unexplained};
use compose_audit::finding::{Outcome, testing};
use compose_audit::verdict::Verdict;
use process::quoted;

use crate::isolation::census::{Container, HASH, VERSION};
use crate::isolation::engine::ask::{OfSite, Told};
use crate::isolation::engine::judge;

use super::*;

const HASHED: &str = "4cf33a15";

/// The census of three environments that compose has made.
fn made() -> Value {
    let mut told = three_as_told();
    for one in told["containers"].as_array_mut().expect("a list") {
        one["Config"]["Labels"][HASH] = json!(HASHED);
        one["Config"]["Labels"][VERSION] = json!("2.26.1");
    }
    told
}

/// What is told of them: everything is as it should be.
fn healthy() -> Told {
    let hashes = Service::ALL.map(|service| (service.name().to_owned(), HASHED.to_owned()));
    let defaults = ImageDefaults {
        env: vec!["PATH=/bin".to_owned()],
        cmd: vec!["go".to_owned()],
        entrypoint: vec!["run".to_owned()],
        user: String::new(),
    };
    let site = |environment| OfSite {
        model: Ok(model(environment, |_| {})),
        hashes: Ok(BTreeMap::from(hashes.clone())),
        copies: BTreeSet::new(),
        health: [Tried::Ran { own: 0, without: 1 }; 2].map(Ok),
    };
    Told {
        sites: Environment::LOCAL.map(site).into(),
        images: Ok(BTreeMap::from([("sha256:1".to_owned(), defaults)])),
        compose: Ok("2.26.1-4".to_owned()),
        runs: BTreeMap::from([("1-1".to_owned(), true), ("2-2".to_owned(), false)]),
    }
}

fn seen(told: &Told, census: &Census) -> Outcome {
    let deployments = Environment::LOCAL.map(main_set);
    judge(&Instance::main(), &deployments, told, census)
}

fn verdict(outcome: &Outcome) -> Verdict {
    Verdict::of(&outcome.findings, &outcome.checks)
}

#[test]
fn three_as_they_should_be_are_isolated_and_every_question_is_answered() {
    let outcome = seen(&healthy(), &parsed(&made()));
    assert_eq!(outcome.findings, []);
    assert_eq!(verdict(&outcome), Verdict::Isolated, "{outcome:?}");
}

/// What becomes of what is told of an environment. Whether it cannot be judged any more.
fn change(told: &mut Told, (at, what, text, number): (usize, usize, String, i32)) -> bool {
    let site = &mut told.sites[at];
    let health = &mut site.health[number.unsigned_abs() as usize % 2];
    match (what, &mut site.hashes, &mut told.images) {
        (0, ..) => site.model = Err(text),
        (1, hashes, _) => *hashes = Err(text),
        (2, ..) => *health = Err(text),
        (3, _, images) => *images = Err(text),
        (4, ..) => told.compose = Err(text),
        (5, Ok(hashes), _) => hashes.clear(),
        (6, _, Ok(images)) => images.clear(),
        (7, ..) => match Model::parse(&text) {
            Ok(model) => site.model = Ok(model),
            Err(why) => site.model = Err(why),
        },
        (8, ..) => site.model = Ok(Model::default()),
        (9, ..) => {
            *health = Ok(Tried::Ran {
                own: number,
                without: number,
            })
        }
        (10, Ok(hashes), _) => {
            hashes.insert(Service::Redis.name().to_owned(), text);
            return false;
        }
        (11, ..) => {
            site.copies.insert(text);
            return false;
        }
        _ => {
            told.runs.insert(text, number > 0);
            return false;
        }
    }
    true
}

proptest! {
    #[test]
    fn whatever_is_told_beside_the_census_what_could_not_be_judged_is_no_pass(
        changes in proptest::collection::vec((0..3_usize, 0..13_usize, testing::told(), any::<i32>()), 0..6)
    ) {
        let mut told = healthy();
        let mut spoilt = false;
        for one in changes {
            spoilt |= change(&mut told, one);
        }
        let outcome = seen(&told, &parsed(&made()));
        prop_assert_eq!(unexplained(&outcome), None);
        prop_assert!(!spoilt || verdict(&outcome) != Verdict::Isolated, "{outcome:?}");
    }
}

/// Every place in a document, as a pointer to it.
fn places(value: &Value, path: &str, all: &mut Vec<String>) {
    let inside = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                places(value, &inside(key), all);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                places(value, &inside(&at.to_string()), all);
            }
        }
        _ => {}
    }
    all.push(path.to_owned());
}

/// What stands in a document where something else did.
fn anything() -> impl Strategy<Value = Value> {
    let known = [
        "host",
        "container:tta-test-redis",
        "tta-test-network",
        "tta-staging-redis",
        "/",
        "..",
        "/var/lib/docker/volumes",
        "/var/run/docker.sock",
        "bind",
        "volume",
        "ALL",
        "running",
        "/tta-dev-redis",
        "//",
        "True",
        "tta-test",
        "staging",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        proptest::sample::select(known.to_vec()).prop_map(Value::from),
        told().prop_map(Value::from),
        told().prop_map(|text| json!([text])),
        told().prop_map(
            |text| json!({ text: { "NetworkID": "", "IPAddress": "", "GlobalIPv6Address": "" } })
        ),
    ]
}

/// What the engine told, where it is still of the known form.
fn understood(told: &Value) -> Option<Census> {
    fn list<T: serde::de::DeserializeOwned>(told: &Value) -> Option<Vec<T>> {
        serde_json::from_value(told.clone()).ok()
    }
    let mut containers: Vec<Container> = list(&told["containers"])?;
    for mount in containers.iter_mut().flat_map(|one| &mut one.mounts) {
        mount.real.clone_from(&mount.source);
    }
    Some(Census {
        containers,
        networks: list(&told["networks"])?,
        volumes: list(&told["volumes"])?,
    })
}

proptest! {
    #[test]
    fn whatever_the_engine_tells_a_cell_that_is_no_pass_says_why(
        changes in proptest::collection::vec((any::<usize>(), anything()), 0..8)
    ) {
        let mut told = made();
        told["containers"].as_array_mut().expect("a list").push(stranger("visitor"));
        for (number, value) in changes {
            let mut all = Vec::new();
            places(&told, "", &mut all);
            let place = &all[number % all.len()];
            if !["", "/containers", "/networks", "/volumes"].contains(&place.as_str()) {
                *told.pointer_mut(place).expect("it is there") = value;
            }
        }
        if let Some(census) = understood(&told) {
            let outcome = seen(&healthy(), &census);
            prop_assert_eq!(unexplained(&outcome), None);
            for finding in &outcome.findings {
                let said = [&finding.subject, &finding.evidence, &finding.reproduce, &finding.fix];
                prop_assert!(said.iter().all(|text| !text.is_empty()), "{finding:?}");
            }
        }
    }
}

/// A stranger of that name in everything that a stranger may be found in.
fn everywhere(name: &str) -> Outcome {
    let mut told = made();
    let mut one = stranger(name);
    one["NetworkSettings"]["Networks"] = on("tta-dev-network", &"1".repeat(64));
    one["HostConfig"]["PidMode"] = json!("container:tta-test-redis");
    let volume = "tta_redis_staging_data";
    one["Mounts"] = mounting("volume", volume, &volume_of(volume), true);
    told["containers"].as_array_mut().expect("a list").push(one);
    seen(&healthy(), &parsed(&told))
}

proptest! {
    #[test]
    fn a_name_of_any_kind_hides_no_fault_and_stands_in_each_command_as_one_word(
        name in "(.|\n){1,40}"
    ) {
        let name = name.trim_start_matches('/');
        prop_assume!(!name.is_empty());
        let plain = everywhere("visitor");
        let hostile = everywhere(name);
        prop_assert_eq!(ids(&hostile.findings), ["E11 test", "E3 staging", "E9 dev"]);
        for known in &plain.findings {
            let same = |one: &&Finding| one.fault == known.fault;
            let found = hostile.findings.iter().find(same).expect("the same ids");
            for (one, other) in [(&found.reproduce, &known.reproduce), (&found.fix, &known.fix)] {
                prop_assert_eq!(one, &other.replace("visitor", &quoted(name)));
            }
        }
    }
}

/// Where a document that differs from one that is as it should be in one place still passes.
fn unheeded(document: &Value, passes: impl Fn(&Value) -> bool) -> Vec<String> {
    let values = [
        json!("x"),
        json!("2".repeat(64)),
        json!("/"),
        json!(7),
        json!(true),
        json!(null),
        json!([]),
        json!({}),
        json!(["x"]),
    ];
    let mut all = Vec::new();
    places(document, "", &mut all);
    all.retain(|place| {
        values.iter().any(|value| {
            let mut other = document.clone();
            let at = other.pointer_mut(place).expect("it is there");
            let same = at == value;
            *at = value.clone();
            !same && passes(&other)
        })
    });
    all
}

#[test]
fn whatever_of_an_environment_s_own_objects_is_otherwise_is_told_but_for_what_others_look_at() {
    let base = made();
    let known = parsed(&base);
    let seen = unheeded(&base, |told| {
        let census = understood(told).filter(|census| *census != known);
        census.is_some_and(|census| verdict(&seen(&healthy(), &census)) == Verdict::Isolated)
    });
    let of_one = |kind: &str| -> Vec<&str> {
        let begins = format!("/{kind}/0/");
        let places = seen.iter().filter_map(|place| place.strip_prefix(&begins));
        // One of a list stands for all of it.
        let whole = |place: &&str| !place.contains("/1/") && !place.contains("7687");
        places.filter(whole).collect()
    };
    assert_eq!(
        of_one("containers"),
        [
            "Id",
            // A stopped server cannot be asked, which every other question says.
            "State/Status",
            "State",
            // Where the hash is the same it does not matter who made it.
            "Config/Labels/com.docker.compose.version",
            "Config/ExposedPorts/7474~1tcp",
            "Config/ExposedPorts",
            // Only the host's, and another container's, let anyone in or out.
            "HostConfig/NetworkMode",
            "HostConfig/PidMode",
            "HostConfig/IpcMode",
            "HostConfig/UTSMode",
            "HostConfig/UsernsMode",
            // Only what is known to open the host.
            "HostConfig/CapAdd",
            "HostConfig/SecurityOpt",
            // What comes of them stands among the mounts; there is no container of that name.
            "HostConfig/VolumesFrom",
            "HostConfig/Links",
            // A volume is known by its name.
            "Mounts/0/Source",
            // The network layer asks whoever is at these.
            "NetworkSettings/Networks/tta-dev-network/IPAddress",
            "NetworkSettings/Networks/tta-dev-network/GlobalIPv6Address",
            "NetworkSettings/Ports/7474~1tcp",
            "NetworkSettings/Ports",
        ]
    );
    assert_eq!(
        of_one("networks"),
        [
            // More closed than the file asks for.
            "Internal",
            // The network layer asks the host there.
            "IPAM/Config/0/Gateway",
            "IPAM/Config/0",
            "IPAM/Config",
        ]
    );
    assert_eq!(
        of_one("volumes"),
        [
            "Driver",
            // One that says nothing is from before this tool.
            "Labels",
            "Mountpoint",
        ]
    );
}

#[test]
fn whatever_of_a_file_is_otherwise_than_what_runs_is_told_but_for_what_others_look_at() {
    let census = parsed(&made());
    let seen = unheeded(&rendered(Environment::Dev), |file| {
        let Ok(model) = Model::parse(&file.to_string()) else {
            return false;
        };
        let mut told = healthy();
        told.sites[0].model = Ok(model);
        verdict(&seen(&told, &census)) == Verdict::Isolated
    });
    assert_eq!(
        seen,
        [
            // Compose is told the project's name, whatever the file says.
            "/name",
            "/services/neo4j/networks/default",
            "/services/redis/networks/default",
            "/networks/default/ipam",
        ]
    );
}
