//! Names never meet: whatever the environment, whatever the instance.

use std::collections::{HashMap, HashSet};

use environments::{Deployment, Environment, Instance, Service, Volume};
use proptest::prelude::*;

/// The main set, or any that may be named: also after an environment or a service.
fn any_instance() -> impl Strategy<Value = Instance> {
    prop_oneof![
        1 => Just(Instance::main()),
        1 => prop::sample::select(vec!["dev", "test", "staging", "prod", "neo4j", "redis", "data"])
            .prop_map(named),
        3 => "[a-z0-9]{1,12}".prop_filter("main", |name| name != "main").prop_map(|name| named(&name)),
    ]
}

fn named(name: &str) -> Instance {
    Instance::named(name).expect("a valid name")
}

/// Every name on the engine, by kind, with whose it is.
fn names(instance: &Instance) -> Vec<(&'static str, String, Deployment)> {
    let mut names = Vec::new();
    for environment in Environment::ALL {
        let deployment = Deployment::new(environment, instance.clone());
        let mut add = |kind, name| names.push((kind, name, deployment.clone()));
        add("project", deployment.project());
        add("network", deployment.network());
        add("lock", deployment.lock());
        for service in Service::ALL {
            add("container", deployment.container(service));
        }
        for volume in Volume::ALL {
            add("volume", deployment.volume(volume));
        }
    }
    names
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_name_is_given_twice_whatever_the_instances(one in any_instance(), other in any_instance()) {
        let instances: HashSet<_> = [one, other].into();
        let mut seen = HashMap::new();
        for (kind, name, owner) in instances.iter().flat_map(names) {
            // Across the kinds too: who reads a name in a message knows what it is.
            let previous = seen.insert(name.clone(), (kind, owner.clone()));
            prop_assert!(previous.is_none(), "{name}: {kind} of {owner}, and {previous:?}");
        }
    }

    #[test]
    fn every_name_is_legal_for_docker(instance in any_instance()) {
        for (kind, name, _) in names(&instance) {
            // Docker's RestrictedNamePattern; compose's project names are lower case as well.
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            prop_assert!(name.starts_with(|c: char| c.is_ascii_alphanumeric()), "{name}");
            // A lock of the main set ends with a dot: it is a file's name, not Docker's.
            prop_assert!(kind == "lock" || name.chars().all(allowed), "{name}");
            prop_assert!(!name.contains(|c: char| c.is_ascii_uppercase()), "{name}");
        }
    }

    #[test]
    fn an_instance_is_named_only_by_1_to_12_small_letters_and_digits(name in ".{0,14}") {
        let allowed = name != "main" && (1..=12).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        prop_assert_eq!(Instance::named(&name).is_ok(), allowed);
    }

    #[test]
    fn no_prefix_within_an_instance_begins_another(instance in any_instance()) {
        let of = |environment: Environment| Deployment::new(environment, instance.clone()).prefix();
        none_begins_another(&Environment::ALL.map(of))?;
    }
}

#[test]
fn no_instance_is_called_as_the_set_without_a_name_is() {
    let error = Instance::named("main").expect_err("it is the main set's");
    assert!(error.to_string().contains("not main"), "{error}");
    assert!("main".parse::<Instance>().is_err());
}

/// Whether the values differ, and none is the beginning of another.
fn none_begins_another(values: &[String]) -> Result<(), TestCaseError> {
    for (at, one) in values.iter().enumerate() {
        for other in values.iter().skip(at + 1) {
            prop_assert!(!one.starts_with(other.as_str()), "{one} {other}");
            prop_assert!(!other.starts_with(one.as_str()), "{one} {other}");
        }
    }
    Ok(())
}

#[test]
fn no_redis_prefix_database_user_label_or_password_begins_that_of_another_environment() {
    let all = Environment::ALL;
    none_begins_another(&all.map(Environment::redis_prefix)).expect("Redis prefixes");
    none_begins_another(&all.map(|of| of.database().to_owned())).expect("databases");
    none_begins_another(&all.map(|of| of.redis_user().to_owned())).expect("Redis users");
    none_begins_another(&all.map(|of| of.neo4j_label().to_owned())).expect("labels");
    let passwords: Vec<_> = all
        .into_iter()
        .filter_map(|of| of.credential().well_known().map(str::to_owned))
        .collect();
    none_begins_another(&passwords).expect("passwords");
}

#[test]
fn no_port_is_published_twice_and_production_publishes_none() {
    let ports: Vec<_> = Environment::ALL
        .into_iter()
        .filter_map(Environment::main_ports)
        .flat_map(environments::PublishedPorts::all)
        .collect();
    assert_eq!(ports.len(), 9);
    assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 9, "{ports:?}");
    assert_eq!(Environment::Prod.main_ports(), None);
}

#[test]
fn every_database_name_is_legal_for_neo4j() {
    for environment in Environment::ALL {
        // Neo4j's operations manual, "Naming rules for databases". `system` and a leading `_` are
        // reserved too.
        let name = environment.database();
        assert!((3..=63).contains(&name.len()), "{name}");
        assert!(
            name.starts_with(|c: char| c.is_ascii_alphabetic()),
            "{name}"
        );
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        assert!(name.chars().all(allowed), "{name}");
        assert_ne!(name, "system");
    }
}
