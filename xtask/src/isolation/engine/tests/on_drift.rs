//! Containers against their files, and health checks that must be able to fail.

use super::*;

fn drifted(
    change: impl FnOnce(&mut Value),
    made_by: &str,
    hash: &str,
) -> Result<Option<Finding>, String> {
    differing(change, |_| {}, made_by, hash)
}

fn differing(
    change: impl FnOnce(&mut Value),
    file: impl FnOnce(&mut Value),
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
        model: &model(Environment::Dev, file),
        network: census.network(&deployment),
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

/// What is said of a container that is not as it should be, though its hash is.
fn said(change: impl FnOnce(&mut Value), file: impl FnOnce(&mut Value)) -> String {
    let finding = differing(change, file, "2.26.1", "aa").expect("compared");
    finding
        .map(|finding| {
            format!(
                "{} {}",
                ids(std::slice::from_ref(&finding))[0],
                finding.evidence
            )
        })
        .unwrap_or_default()
}

#[test]
fn another_network_by_the_name_of_its_own_is_another() {
    let seen = said(
        |one| {
            one["NetworkSettings"]["Networks"]["tta-dev-network"]["NetworkID"] =
                json!("2".repeat(64))
        },
        |_| {},
    );
    assert_eq!(
        seen,
        "E1 dev it is on another network by the name of tta-dev-network"
    );
}

#[test]
fn a_file_that_names_another_container_or_network_is_not_what_runs() {
    let renamed = |file: &mut Value| file["services"]["redis"]["container_name"] = json!("cache");
    assert_eq!(
        said(|_| {}, renamed),
        "E1 dev its name is tta-dev-redis, the file says cache"
    );
    let elsewhere = |file: &mut Value| file["networks"]["default"]["name"] = json!("bus");
    assert_eq!(
        said(|_| {}, elsewhere),
        "E1 dev the file does not put it on tta-dev-network; it is not on bus"
    );
    let renamed = model(Environment::Dev, elsewhere);
    let census = parsed(&three_as_told());
    let finding = drift::network(&main_set(Environment::Dev), &renamed, &census).expect("found");
    assert_eq!(finding.evidence, "the file has no network of that name");
}

#[test]
fn what_compose_gives_to_another_project_goes_down_with_that_one() {
    let of = |project: &'static str| {
        said(
            move |one| one["Config"]["Labels"][PROJECT] = json!(project),
            |_| {},
        )
    };
    assert_eq!(of("tta-dev"), "");
    assert_eq!(
        of("tta-test"),
        "E1 dev,test compose's project \"tta-test\" has it, not tta-dev"
    );
    assert_eq!(
        of("shop"),
        "E1 dev compose's project \"shop\" has it, not tta-dev"
    );
    let mut told = three_as_told();
    told["networks"][0]["Labels"][PROJECT] = json!("tta-test");
    let (deployment, file) = (main_set(Environment::Dev), model(Environment::Dev, |_| {}));
    let finding = drift::network(&deployment, &file, &parsed(&told)).expect("found");
    assert_eq!(ids(&[finding]), ["E1 dev,test"]);
}

#[test]
fn what_the_engine_has_published_of_its_own_is_no_less_published() {
    let published = |one: &mut Value| {
        let anywhere = json!([{ "HostIp": "0.0.0.0", "HostPort": "32768" }]);
        one["NetworkSettings"]["Ports"]["6380/tcp"] = anywhere;
    };
    let seen = said(published, |_| {});
    assert_eq!(seen, "E1 dev it publishes 0.0.0.0:32768->6380/tcp as well");
}

#[test]
fn a_secret_in_the_words_of_a_command_is_not_shown() {
    for words in [
        json!(["go", "--requirepass", "hunter22"]),
        json!(["sh", "-c", "redis-server --requirepass hunter22"]),
        json!(["cypher-shell", "-p", "hunter22"]),
    ] {
        for field in [
            "/Config/Cmd",
            "/Config/Entrypoint",
            "/Config/Healthcheck/Test",
        ] {
            let change = |one: &mut Value| *one.pointer_mut(field).expect(field) = words.clone();
            let seen = said(change, |_| {});
            assert!(seen.contains("•••") && !seen.contains("hunter22"), "{seen}");
        }
    }
}

#[test]
fn a_network_that_is_not_as_its_file_says_has_drifted() {
    let found = |change: fn(&mut Value)| {
        let mut told = three_as_told();
        change(&mut told["networks"][0]);
        let deployment = main_set(Environment::Dev);
        let closed = model(Environment::Dev, |rendered| {
            rendered["networks"]["default"]["internal"] = json!(true);
        });
        drift::network(&deployment, &closed, &parsed(&told))
            .map(|finding| (finding.fault.id, finding.evidence))
    };
    let as_written = |one: &mut Value| one["Internal"] = json!(true);
    assert_eq!(found(as_written), None);
    for (change, said) in [
        (
            (|one| one["Internal"] = json!(false)) as fn(&mut Value),
            "not internal",
        ),
        (
            |one| {
                one["Internal"] = json!(true);
                one["EnableIPv6"] = json!(true);
            },
            "IPv6",
        ),
        (
            |one| {
                one["Internal"] = json!(true);
                one["Driver"] = json!("macvlan");
            },
            "macvlan",
        ),
        (
            |one| {
                one["Internal"] = json!(true);
                one["Labels"]["org.tta.environment"] = json!("prod");
            },
            "org.tta.environment",
        ),
    ] {
        let (id, evidence) = found(change).expect(said);
        assert_eq!(id, "E1");
        assert!(evidence.contains(said), "{evidence}");
    }
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
    fn no_rendered_text_makes_the_reader_panic(text in "(.|\n){0,200}") {
        let _ = Model::parse(&text);
    }
}
