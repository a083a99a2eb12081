//! Instances: which there are, and how one ends. Nothing else of the engine ends with it.

use std::collections::BTreeMap;
use std::fs;

use environments::{Deployment, Environment, Instance, Service, Volume};
use serde_json::{Value, json};

use crate::harness::Ended;
use crate::model::{Beside, Container, Network};
use crate::orders::Act;
use crate::running::Running;
use crate::set::{Set, at_call, at_change};

const REMOVE: [&str; 5] = [
    "remove",
    "--instance",
    "ci1",
    "--confirm",
    "REMOVE INSTANCE CI1",
];

fn of(environment: Environment) -> Deployment {
    Deployment::new(environment, Instance::named("ci1").expect("a name"))
}

/// Development and test of an instance, beside the main set and another instance.
fn with(environments: &[Environment]) -> Set {
    let set = Set::usual();
    for environment in environments {
        set.bring_up(&of(*environment));
    }
    set
}

/// The same with staging, which holds nothing.
fn with_empty_staging() -> Set {
    let set = with(&[Environment::Dev, Environment::Staging]);
    empty(&set, Environment::Staging);
    set
}

fn empty(set: &Set, environment: Environment) {
    let deployment = of(environment);
    set.change(|state| {
        let volume = |volume| deployment.volume(volume);
        let graph = state.volumes.get_mut(&volume(Volume::Neo4jData));
        let graph = graph.and_then(|one| one.graph.as_mut()).expect("a store");
        (graph.nodes, graph.relationships) = (0, 0);
        let redis = state.volumes.get_mut(&volume(Volume::RedisData));
        redis.expect("a volume").keys = 0;
    });
}

fn is_of_the_instance(name: &str) -> bool {
    name.starts_with("tta-ci1-") || name.starts_with("tta_ci1_")
}

/// What there is of the instance on the engine.
fn left(set: &Set) -> Vec<String> {
    let state = set.state();
    let names = state.containers.keys().chain(state.volumes.keys());
    let names = names.chain(state.networks.keys());
    names
        .filter(|one| is_of_the_instance(one))
        .cloned()
        .collect()
}

/// All else on the engine, to the byte.
fn others(set: &Set) -> String {
    let mut state = set.state();
    state.containers.retain(|name, _| !is_of_the_instance(name));
    state.volumes.retain(|name, _| !is_of_the_instance(name));
    state.networks.retain(|name, _| !is_of_the_instance(name));
    serde_json::to_string(&(state.containers, state.volumes, state.networks)).expect("JSON")
}

fn remove(set: &Set) -> Ended {
    set.xtask(&REMOVE).run()
}

fn listed(set: &Set) -> Value {
    let ended = set.xtask(&["instances", "--format", "json"]).run();
    ended.code(0).json()["instances"].clone()
}

fn one(listed: &Value, name: &str) -> Value {
    let mut all = listed.as_array().expect("a list").iter();
    let found = all.find(|one| one["name"] == name);
    found.cloned().unwrap_or_default()
}

/// When the servers of the instance were last started, and nothing else tells of its use.
fn started(set: &Set, instance: &str, at: &str) {
    let prefix = format!("tta-{instance}-");
    set.change(|state| {
        for (name, container) in &mut state.containers {
            if name.starts_with(&prefix) {
                at.clone_into(&mut container.started_at);
            }
        }
    });
}

const LONG_AGO: &str = "2020-01-01T00:00:00Z";

fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[test]
fn every_instance_is_listed_with_its_state_size_age_and_last_use_and_the_main_set_too() {
    let set = with(&[Environment::Dev, Environment::Test]);
    let all = listed(&set);
    let names: Vec<&str> = all
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["main", "ci1", "other"]);
    let main = one(&all, "main");
    assert_eq!(main["environments"], json!(["dev", "test", "staging"]));
    let ci = one(&all, "ci1");
    assert_eq!(ci["environments"], json!(["dev", "test"]));
    assert_eq!(ci["state"], "running");
    // Twice 3.5 MB and 5 kB, and the logs with nothing.
    assert_eq!(ci["bytes"], 7_010_000);
    assert!(
        ci["created"]
            .as_str()
            .expect("a time")
            .starts_with("2026-01-")
    );
    assert!(ci["last_used"].as_str().expect("a time") >= ci["created"].as_str().expect("a time"));
    let table = set.xtask(&["instances"]).run().code(0);
    table
        .stdout_has("instance  environments        state")
        .stdout_has("ci1       dev, test           running  6.7 MiB")
        .stdout_has("main      dev, test, staging  running");
    set.untouched();
}

#[test]
fn a_run_is_a_use_and_what_is_left_of_an_instance_is_told() {
    let set = with(&[Environment::Dev]);
    started(&set, "ci1", LONG_AGO);
    assert_eq!(one(&listed(&set), "ci1")["last_used"], LONG_AGO);
    set.xtask(&["down", "dev", "--instance", "ci1"])
        .run()
        .code(0);
    let ci = one(&listed(&set), "ci1");
    assert_eq!(ci["state"], "volumes only");
    let today = &now()[..10];
    let used = ci["last_used"].as_str().expect("a time").to_owned();
    assert!(used.as_str() >= today, "{used}");
    // Another user's journal knows nothing of that run.
    let other = set.path("another-state").display().to_string();
    let ended = set
        .xtask(&["instances", "--format", "json"])
        .env("TTA_STATE", other.clone())
        .run();
    let ci = one(&ended.code(0).json()["instances"], "ci1");
    assert_eq!(ci["last_used"], Value::Null);
    let table = set.xtask(&["instances"]).env("TTA_STATE", other).run();
    table.code(0).stdout_has("  not known");
}

#[test]
fn a_size_that_the_engine_does_not_tell_is_not_known_and_the_list_comes_all_the_same() {
    let set = with(&[Environment::Dev]);
    let busy = "Error response from daemon: a disk usage operation is already running\n";
    set.answer("system df", 1, "", busy);
    let ended = set.xtask(&["instances"]).run().code(0);
    ended
        .stdout_has("ci1       dev                 running  not known")
        .stdout_has("the sizes are not known")
        .stdout_has("a disk usage operation is already running");
    let not_counted =
        json!([{ "Name": of(Environment::Dev).volume(Volume::Neo4jData), "Size": "N/A" }]);
    set.answer("system df", 0, &not_counted.to_string(), "");
    assert_eq!(one(&listed(&set), "ci1")["bytes"], Value::Null);
    set.answer("system df", 0, r#"[{"Name":"a","Size":"much"}]"#, "");
    let ended = set.xtask(&["instances"]).run().code(0);
    ended
        .stdout_has("the sizes are not known")
        .stdout_has("much");
}

#[test]
fn an_engine_without_anything_of_ours_has_no_instance() {
    let set = Set::empty();
    assert_eq!(listed(&set), json!([]));
    let ended = set.xtask(&["instances"]).run().code(0);
    ended.stdout_has("nothing of any instance is on this engine");
}

#[test]
fn without_an_engine_nothing_is_taken_for_absent() {
    let set = with(&[Environment::Dev]);
    set.change(|state| state.gone = true);
    for args in [&["instances"][..], &REMOVE, &OLD] {
        let ended = set.xtask(args).run().code(1);
        ended.stderr_has("no Docker engine answers");
    }
    set.untouched();
}

#[test]
fn labels_that_no_set_has_are_told_by_the_list() {
    let set = Set::usual();
    set.change(|state| {
        let volume = state.volumes.get_mut("tta_neo4j_dev_logs").expect("there");
        let label = "org.tta.instance".to_owned();
        volume.labels.insert(label, "Not/A/Name".to_owned());
    });
    let ended = set.xtask(&["instances"]).run().code(0);
    ended.stdout_has(
        "the volume tta_neo4j_dev_logs is labelled org.tta.environment=\"dev\", \
         org.tta.instance=\"Not/A/Name\", which is no set of this tool",
    );
}

#[test]
fn removing_an_instance_removes_all_of_it_and_nothing_else() {
    let set = with(&[Environment::Dev, Environment::Test]);
    // What was rendered for it goes too.
    set.xtask(&["up", "dev", "test", "--instance", "ci1"])
        .run()
        .code(0);
    let rendered = set.path("state/compose/instances/ci1");
    assert!(rendered.join("dev/docker-compose.dev.yml").is_file());
    set.forget_log();
    let before = others(&set);
    let ended = remove(&set).code(0);
    ended
        .stderr_has("Plan for dev of instance ci1:\n    Neo4j 5.26.30 holds 3 nodes")
        .stderr_has("Plan for test of instance ci1:")
        .stdout_has(
            "instance ci1 is gone: 4 containers, 6 volumes, 2 networks, 4 files; 18 objects of the \
             main set unchanged",
        );
    assert_eq!(left(&set), Vec::<String>::new());
    assert_eq!(others(&set), before);
    assert!(!rendered.exists());
    let foreign: Vec<String> = set
        .changes()
        .into_iter()
        .filter(|subject| !is_of_the_instance(subject.split(' ').nth(1).unwrap_or_default()))
        .collect();
    assert_eq!(foreign, Vec::<String>::new());
    let history = set.xtask(&["history"]).run().code(0);
    for environment in ["dev", "test"] {
        let run = history.stdout.lines().find(|line| {
            line.contains(&format!("{environment} of ci1")) && line.contains("  remove ")
        });
        let run = run.expect("a run of its own");
        assert!(run.contains("  done "), "{run}");
        let volume = format!("tta_ci1_neo4j_{environment}_data");
        assert!(run.contains(&volume), "{run}");
    }
    set.xtask(&["history", "--verify"]).run().code(0);
}

#[test]
fn each_removal_is_in_the_journal_of_its_environment_by_id() {
    let set = with(&[Environment::Dev, Environment::Test]);
    let id = set.state().containers["tta-ci1-test-redis"].id.clone();
    remove(&set).code(0);
    let of_test = |line: &&Value| line["environment"] == "test" && line["instance"] == "ci1";
    let lines = set.journal();
    let lines: Vec<&Value> = lines.iter().filter(of_test).collect();
    assert_eq!(lines[0]["command"], "remove");
    assert_eq!(lines.last().expect("an end")["outcome"], "done");
    let removed = lines.iter().filter(|line| line["outcome"] == "done");
    let removed = removed.flat_map(|line| line["step"]["deeds"].as_array().cloned());
    let deed =
        json!({ "verb": "remove", "kind": "container", "name": "tta-ci1-test-redis", "id": id });
    assert!(removed.flatten().any(|one| one == deed), "{lines:?}");
}

#[test]
fn without_its_phrase_and_in_a_dry_run_nothing_is_touched() {
    let set = with(&[Environment::Dev]);
    let remove = ["remove", "--instance", "ci1"];
    set.xtask(&remove)
        .run()
        .code(3)
        .stderr_has("Plan for dev of instance ci1:")
        .stderr_has("next: cargo xtask remove --instance ci1 --confirm 'REMOVE INSTANCE CI1'");
    for phrase in ["REMOVE INSTANCE ci1", "REMOVE INSTANCE OTHER", "yes"] {
        let ended = set.xtask(&remove).args(&["--confirm", phrase]).run();
        ended
            .code(1)
            .stderr_has("the phrase asked for is REMOVE INSTANCE CI1");
    }
    let dry = ["--dry-run", "--format", "json"];
    let document = set.xtask(&remove).args(&dry).run().code(0).json();
    assert_eq!(document["outcome"], "planned");
    assert_eq!(document["environments"], json!(["dev"]));
    let steps = document["steps"].as_array().expect("steps").iter();
    let steps: Vec<&str> = steps.filter_map(|step| step["action"].as_str()).collect();
    assert!(steps[0].starts_with("dev of instance ci1: kill tta-ci1-dev-neo4j ("));
    assert_eq!(steps.len(), 4, "{steps:?}");
    set.untouched();
    assert_eq!(set.journal(), Vec::<Value>::new());
}

#[test]
fn the_main_set_is_never_removed() {
    let set = Set::usual();
    let phrase = ["--confirm", "REMOVE INSTANCE MAIN"];
    for args in [&["remove"][..], &["remove", "--instance", ""]] {
        let ended = set.xtask(args).args(&phrase).run().code(2);
        ended
            .stderr_has("the main set is never removed")
            .stderr_has("next: cargo xtask remove --instance NAME");
    }
    let ended = set.xtask(&["remove", "--instance", "main"]).args(&phrase);
    ended.run().code(2);
    // Nor with the others, however old it is.
    started(&set, "other", LONG_AGO);
    set.change(|state| {
        for container in state.containers.values_mut() {
            LONG_AGO.clone_into(&mut container.started_at);
        }
    });
    let old = [
        "--older-than",
        "1m",
        "--confirm",
        "REMOVE INSTANCES OLDER THAN 1M",
    ];
    set.xtask(&["remove"]).args(&old).run().code(0);
    let state = set.state();
    assert_eq!((state.containers.len(), state.volumes.len()), (6, 9));
    assert!(!state.networks.contains_key("tta-other-dev-network"));
}

#[test]
fn an_instance_that_is_not_there_is_removed_already() {
    let set = Set::usual();
    let ended = remove(&set).code(0);
    ended.stdout_has("there is no instance ci1: nothing was to be removed");
    // Also without the phrase: there is nothing to ask for.
    set.xtask(&REMOVE[..3]).run().code(0);
    set.untouched();
}

#[test]
fn what_is_left_goes_also_when_it_is_a_network_or_a_file_alone() {
    let set = with(&[Environment::Dev]);
    let dev = of(Environment::Dev);
    set.change(|state| {
        state.containers.retain(|name, _| !is_of_the_instance(name));
        state.volumes.retain(|name, _| !is_of_the_instance(name));
    });
    assert_eq!(left(&set), [dev.network()]);
    assert_eq!(one(&listed(&set), "ci1")["state"], "network only");
    remove(&set)
        .code(0)
        .stdout_has("0 containers, 0 volumes, 1 network");
    assert_eq!(left(&set), Vec::<String>::new());
    set.xtask(&["up", "test", "--instance", "ci1"])
        .run()
        .code(0);
    set.change(|state| {
        state.containers.retain(|name, _| !is_of_the_instance(name));
        state.volumes.retain(|name, _| !is_of_the_instance(name));
        state.networks.retain(|name, _| !is_of_the_instance(name));
    });
    remove(&set).code(0).stdout_has("0 networks, 2 files");
    assert!(!set.path("state/compose/instances/ci1").exists());
    remove(&set).code(0).stdout_has("there is no instance ci1");
}

#[test]
fn a_file_that_was_not_rendered_stays() {
    let set = with(&[]);
    set.xtask(&["up", "dev", "--instance", "ci1"]).run().code(0);
    let folder = set.path("state/compose/instances/ci1/dev");
    fs::write(folder.join("mine.txt"), "mine").expect("a file");
    let users = folder.join("redis/users.dev.acl");
    fs::remove_file(&users).expect("it was rendered");
    std::os::unix::fs::symlink(folder.join("mine.txt"), &users).expect("a link");
    let ended = remove(&set).code(0);
    ended.stderr_has("redis/users.dev.acl is a symbolic link: it stays");
    assert!(folder.join("mine.txt").exists() && users.symlink_metadata().is_ok());
    assert!(!folder.join("docker-compose.dev.yml").exists());
}

#[test]
fn its_snapshots_stay_and_the_plan_says_where() {
    let set = with(&[Environment::Dev]);
    let backups = set.path("backups/instances/ci1/staging/20260101_000000");
    fs::create_dir_all(&backups).expect("a folder");
    let path = set.path("backups").display().to_string();
    let run = || set.xtask(&REMOVE).env("TTA_BACKUPS", path.clone()).run();
    let stay = format!("{path}/instances/ci1");
    run()
        .code(0)
        .stderr_has(&format!("    the snapshots in {stay} stay\n"))
        .stdout_has(&format!("; its snapshots stay in {stay}"));
    assert!(backups.is_dir());
    run()
        .code(0)
        .stdout_has(&format!("; its snapshots stay in {stay}"));
}

#[test]
fn an_object_of_its_name_without_our_labels_is_refused_and_named() {
    let set = with(&[Environment::Dev, Environment::Test]);
    let dev = of(Environment::Dev);
    set.change(|state| {
        let volume = state.volumes.get_mut(&dev.volume(Volume::RedisData));
        volume.expect("there").labels.clear();
    });
    let ended = remove(&set).code(3);
    ended
        .stderr_has("the volume tta_ci1_redis_dev_data carries no label of ours")
        .stderr_has("nothing was touched");
    set.untouched();
}

#[test]
fn a_container_of_others_on_its_network_or_volume_is_refused_and_named() {
    let set = with(&[Environment::Dev]);
    let dev = of(Environment::Dev);
    let stranger = |network: String, mounts: BTreeMap<String, String>| Container {
        id: "f".repeat(64),
        network,
        mounts,
        status: "running".to_owned(),
        ..Container::default()
    };
    let volume = BTreeMap::from([("/x".to_owned(), dev.volume(Volume::Neo4jData))]);
    for (container, found, hint) in [
        (
            stranger(dev.network(), BTreeMap::new()),
            "the container grafana (ffffffffffff), which is not its own, is on the network \
             tta-ci1-dev-network",
            "next: docker network disconnect tta-ci1-dev-network grafana",
        ),
        (
            stranger("elsewhere".to_owned(), volume),
            "the container grafana (ffffffffffff), which is not its own, has the volume \
             tta_ci1_neo4j_dev_data",
            "next: where nobody needs it: docker stop grafana; docker rm grafana",
        ),
    ] {
        set.change(|state| {
            state
                .networks
                .insert("elsewhere".to_owned(), Network::default());
            state.containers.insert("grafana".to_owned(), container);
        });
        let ended = remove(&set).code(3);
        ended
            .stderr_has("dev of instance ci1 cannot be removed, nothing was touched")
            .stderr_has(found)
            .stderr_has(hint);
    }
    set.untouched();
}

#[test]
fn what_carries_its_labels_but_no_name_of_ours_is_refused_and_named() {
    let set = with(&[Environment::Dev]);
    set.change(|state| {
        let one = state.volumes["tta_ci1_redis_dev_data"].clone();
        state.volumes.insert("somebodys".to_owned(), one.clone());
        let mut kept = one;
        kept.labels
            .insert("org.tta.kept".to_owned(), "old_redis".to_owned());
        let name = "tta_ci1_redis_dev_data_kept".to_owned();
        state.volumes.insert(name, kept);
    });
    let ended = remove(&set).code(3);
    ended
        .stderr_has("the volume somebodys carries its labels, and has no name that this tool gives")
        .stderr_has(
            "the volume tta_ci1_redis_dev_data_kept is the copy of old_redis that `adopt` has kept",
        )
        .stderr_has("next: docker volume rm tta_ci1_redis_dev_data_kept   (when nobody misses it)");
    set.untouched();
}

#[test]
fn what_a_killed_run_has_left_of_it_goes_with_it() {
    let set = with(&[Environment::Dev]);
    let dev = of(Environment::Dev);
    set.change(|state| {
        let labels = |labels: &BTreeMap<String, String>| {
            let run = ("org.tta.run".to_owned(), "1-2".to_owned());
            labels.clone().into_iter().chain([run]).collect()
        };
        let mut volume = state.volumes[&dev.volume(Volume::RedisData)].clone();
        volume.labels = labels(&volume.labels);
        let scratch = dev.scratch_volume("1-2", "redis");
        state.volumes.insert(scratch.clone(), volume);
        let mut container = state.containers[&dev.container(Service::Redis)].clone();
        container.id = "e".repeat(64);
        container.labels = labels(&container.labels);
        container.mounts = BTreeMap::from([("/data".to_owned(), scratch)]);
        let name = dev.scratch_container("1-2", "keys");
        state.containers.insert(name, container);
    });
    assert!(left(&set).iter().any(|name| name.contains("scratch")));
    let ended = remove(&set).code(0);
    ended.stderr_has("because a run that was killed has left it");
    assert_eq!(left(&set), Vec::<String>::new());
}

#[test]
fn a_protected_environment_that_holds_something_is_refused_with_the_way_that_a_wipe_asks() {
    let set = with(&[Environment::Dev, Environment::Staging]);
    let ended = remove(&set).code(3);
    ended
        .stderr_has("staging of instance ci1 holds 3 nodes and 5 keys: it is protected")
        .stderr_has("next: cargo xtask --instance ci1 wipe staging --backup ID");
    set.untouched();
    // One key is enough.
    empty(&set, Environment::Staging);
    set.change(|state| {
        let name = of(Environment::Staging).volume(Volume::RedisData);
        state.volumes.get_mut(&name).expect("there").keys = 1;
    });
    remove(&set).code(3).stderr_has("holds 0 nodes and 1 key");
    set.untouched();
}

#[test]
fn a_protected_environment_that_cannot_be_counted_is_refused_with_the_way_to_count_it() {
    let set = with_empty_staging();
    let ask = "next: cargo xtask --instance ci1 up staging   (then run the same command again)";
    set.change(|state| {
        let redis = of(Environment::Staging).container(Service::Redis);
        "exited".clone_into(&mut state.containers.get_mut(&redis).expect("there").status);
    });
    remove(&set)
        .code(3)
        .stderr_has("cannot be counted (Redis: its container is exited)")
        .stderr_has(ask);
    set.xtask(&["down", "staging", "--instance", "ci1"])
        .run()
        .code(0);
    set.forget_log();
    remove(&set)
        .code(3)
        .stderr_has("it has no container")
        .stderr_has(ask);
    set.untouched();
    // The way that is told.
    set.xtask(&["up", "staging", "--instance", "ci1"])
        .run()
        .code(0);
    remove(&set).code(0);
    assert_eq!(left(&set), Vec::<String>::new());
}

#[test]
fn a_protected_environment_that_holds_nothing_or_has_no_data_volume_goes() {
    let set = with_empty_staging();
    let before = others(&set);
    let ended = remove(&set).code(0);
    ended.stderr_has("because they hold nothing: 0 nodes, 0 keys");
    assert_eq!(left(&set), Vec::<String>::new());
    assert_eq!(others(&set), before);

    let set = with(&[Environment::Staging]);
    let staging = of(Environment::Staging);
    set.change(|state| {
        state.containers.retain(|name, _| !is_of_the_instance(name));
        state.volumes.remove(&staging.volume(Volume::Neo4jData));
        state.volumes.remove(&staging.volume(Volume::RedisData));
    });
    assert_eq!(left(&set).len(), 2);
    remove(&set).code(0);
    assert_eq!(left(&set), Vec::<String>::new());
}

#[test]
fn what_somebody_writes_while_the_phrase_is_typed_keeps_a_protected_environment() {
    let set = with_empty_staging();
    // The first thing after the phrase is to look at the main set; development goes first.
    let servers = Service::ALL.map(|service| of(Environment::Staging).container(service));
    let write = Act::Write(servers.to_vec());
    set.order(&[at_call("network rm", 1, write)]);
    let ended = remove(&set).code(3);
    ended.stderr_has("staging of instance ci1 holds 1 node and 1 key");
    let state = set.state();
    let staging = of(Environment::Staging);
    for volume in Volume::ALL {
        assert!(state.volumes.contains_key(&staging.volume(volume)));
    }
    assert_eq!(
        state.containers[&staging.container(Service::Redis)].status,
        "running"
    );
}

#[test]
fn what_a_restore_keeps_keeps_the_instance() {
    let set = with_empty_staging();
    set.change(|state| {
        let name = of(Environment::Staging).volume(Volume::Neo4jData);
        let volume = state.volumes.get_mut(&name).expect("there");
        let id = "20260101_000000".to_owned();
        volume.before.insert(id, Beside::default());
    });
    let ended = remove(&set).code(3);
    ended
        .stderr_has("still keep what was there before 20260101_000000 was restored")
        .stderr_has("restore staging 20260101_000000 --forget");
    assert_eq!(left(&set).len(), 12);
}

#[test]
fn an_instance_that_is_being_worked_on_is_refused_and_nothing_is_touched() {
    let set = with(&[Environment::Dev, Environment::Test]);
    set.order(&[at_call("volume rm tta_ci1", 1, Act::Hang)]);
    let reset = ["reset-test", "--mode", "recreate", "--instance", "ci1"];
    let first = Running::start(&set.xtask(&reset));
    set.await_mark("hanging");
    let before = set.changes();
    remove(&set)
        .code(3)
        .stderr_has("test of instance ci1 is locked by");
    assert_eq!(set.changes(), before);
    drop(first);
}

/// Kills a removal at each change in turn, and runs the same command again.
fn killed_everywhere(act: &Act, begin: fn() -> Set, args: &[&str]) {
    let undisturbed = begin();
    undisturbed.xtask(args).run().code(0);
    assert_eq!(left(&undisturbed), Vec::<String>::new());
    let changes = undisturbed.changes().len();
    assert!(changes > 15, "{changes}");
    for number in 1..=changes {
        let set = begin();
        let before = others(&set);
        set.order(&[at_change(number, act.clone())]);
        let killed = set.xtask(args).run();
        assert_eq!(
            killed.code, None,
            "not killed at change {number}: {killed:?}"
        );
        set.order(&[]);
        set.xtask(args).run().code(0);
        assert_eq!(
            left(&set),
            Vec::<String>::new(),
            "killed at change {number}"
        );
        assert_eq!(others(&set), before, "killed at change {number}");
    }
}

#[test]
fn a_removal_killed_before_any_change_ends_well_when_it_is_run_again() {
    killed_everywhere(&Act::KillBefore, with_empty_staging, &REMOVE);
}

#[test]
fn a_removal_killed_after_any_change_ends_well_when_it_is_run_again() {
    killed_everywhere(&Act::KillAfter, with_empty_staging, &REMOVE);
}

const OLD: [&str; 5] = [
    "remove",
    "--older-than",
    "6h",
    "--confirm",
    "REMOVE INSTANCES OLDER THAN 6H",
];

fn old_beside_young() -> Set {
    let set = with(&[Environment::Dev, Environment::Test]);
    started(&set, "ci1", LONG_AGO);
    started(&set, "other", &now());
    set
}

#[test]
fn a_removal_by_age_killed_after_any_change_ends_well_when_it_is_run_again() {
    killed_everywhere(&Act::KillAfter, old_beside_young, &OLD);
}

#[test]
fn what_was_written_after_a_removal_was_killed_is_counted_by_the_next() {
    // When one container is gone, and when both are.
    for number in [11, 12] {
        let set = with_empty_staging();
        set.order(&[at_change(number, Act::KillAfter)]);
        assert_eq!(remove(&set).code, None);
        set.order(&[]);
        // By somebody's own docker and compose.
        set.change(|state| {
            for container in state.containers.values_mut() {
                "running".clone_into(&mut container.status);
            }
            let volume = of(Environment::Staging).volume(Volume::RedisData);
            state.volumes.get_mut(&volume).expect("there").keys = 7;
        });
        let volumes = |set: &Set| set.state().volumes.len();
        let there = volumes(&set);
        let ended = remove(&set).code(3);
        ended.stderr_has("and 7 keys: it is protected");
        assert_eq!(volumes(&set), there, "{number}");
    }
}

#[test]
fn by_age_all_that_nobody_has_used_for_longer_goes_in_one_and_the_others_stay() {
    let set = old_beside_young();
    let third = Instance::named("ci3").expect("a name");
    set.bring_up(&Deployment::new(Environment::Test, third));
    started(&set, "ci3", LONG_AGO);
    let ended = set.xtask(&OLD[..3]).run().code(3);
    ended
        .stderr_has("Plan for dev of instance ci1:")
        .stderr_has("Plan for test of instance ci3:")
        .stderr_has("--confirm 'REMOVE INSTANCES OLDER THAN 6H'")
        .nowhere("instance other");
    set.untouched();
    let before = one(&listed(&set), "other");
    let ended = set.xtask(&OLD).args(&["--format", "json"]).run().code(0);
    let document = ended.json();
    assert_eq!(document["outcome"], "done");
    assert_eq!(document["instances"], json!(["ci1", "ci3"]));
    assert_eq!(document["skipped"], json!([]));
    assert_eq!(left(&set), Vec::<String>::new());
    assert_eq!(one(&listed(&set), "ci3"), Value::Null);
    assert_eq!(one(&listed(&set), "other"), before);
    let again = set.xtask(&OLD).run().code(0);
    again.stdout_has("no instance was removed: none is known to be older than 6h");
}

#[test]
fn a_run_on_it_keeps_an_instance_from_going_by_age() {
    let set = old_beside_young();
    set.xtask(&["down", "dev", "--instance", "ci1"])
        .run()
        .code(0);
    set.forget_log();
    let ended = set.xtask(&OLD).run().code(0);
    ended.stdout_has("no instance was removed");
    set.untouched();
}

#[test]
fn by_age_nothing_goes_that_is_protected_and_holds_something_is_locked_or_of_unknown_age() {
    let set = old_beside_young();
    // Data in staging.
    let named = |name| Instance::named(name).expect("a name");
    set.bring_up(&Deployment::new(Environment::Staging, named("held")));
    started(&set, "held", LONG_AGO);
    // Nothing tells when it was used.
    set.bring_up(&Deployment::new(Environment::Dev, named("unknown")));
    set.change(|state| {
        let of_it = |name: &String| name.starts_with("tta-unknown-");
        state.containers.retain(|name, _| !of_it(name));
    });
    // Somebody works on it.
    set.bring_up(&Deployment::new(Environment::Test, named("busy")));
    started(&set, "busy", LONG_AGO);
    set.order(&[at_call("kill", 1, Act::Hang)]);
    let reset = ["reset-test", "--mode", "recreate", "--instance", "busy"];
    let reset = Running::start(&set.xtask(&reset));
    set.await_mark("hanging");
    // That run is a use, which another user's journal knows nothing of.
    let other = set.path("another-state").display().to_string();
    let ended = set.xtask(&OLD).env("TTA_STATE", other).run().code(0);
    ended
        .stderr_has("skipped held: staging of instance held holds 3 nodes and 5 keys")
        .stderr_has("skipped unknown: when it was last used is not known")
        .stderr_has("skipped busy: test of instance busy is locked by")
        .stdout_has("instance ci1 is gone");
    drop(reset);
}

#[test]
fn an_age_that_makes_no_sense_and_an_age_beside_a_name_are_usage_errors() {
    let set = Set::usual();
    for age in ["0h", "6", "six", "-1d", ""] {
        set.xtask(&["remove", "--older-than", age]).run().code(2);
    }
    let both = ["remove", "--older-than", "6h", "--instance", "other"];
    let ended = set.xtask(&both).run().code(2);
    ended
        .stderr_has("--older-than is about all instances, but other was named")
        .stderr_has("next: TTA_INSTANCE= cargo xtask remove --older-than 6h");
    set.untouched();
}
