//! Whose is it? Read from labels, from the engine's id and from the servers themselves.
//!
//! Pure: judges what was observed. Anything that disagrees is an objection, and one objection is
//! enough to refuse.

use environments::{Deployment, Service, Volume, label};

use crate::error::Failure;
use crate::observe::{GraphFacts, KeyFacts, Observed};
use crate::tools::docker::Container;

/// A reason to refuse, and what to type next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Objection {
    found: String,
    hint: String,
}

/// Fails where there is any objection, with all of them.
pub(crate) fn settle(
    command: &str,
    deployment: &Deployment,
    objections: &[Objection],
) -> Result<(), Failure> {
    if objections.is_empty() {
        return Ok(());
    }
    let found: Vec<&str> = objections
        .iter()
        .map(|objection| objection.found.as_str())
        .collect();
    let refused = Failure::refused(format!(
        "{command} was refused for {deployment}, nothing was touched:\n  - {}",
        found.join("\n  - ")
    ));
    let hints = objections.iter().map(|objection| objection.hint.clone());
    Err(hints.fold(refused, Failure::hint))
}

/// The engine must be the one on which this deployment was last worked on.
pub(crate) fn engine(deployment: &Deployment, known: Option<&str>, now: &str) -> Vec<Objection> {
    match known {
        Some(known) if known != now => vec![Objection {
            found: format!(
                "the journal has {deployment} on the engine {known}, but the one that answers is {now}"
            ),
            hint: format!(
                "choose the other engine (`docker context ls`, then --docker-context NAME), or, if \
                 this one has replaced it: cargo xtask adopt {} --engine",
                deployment.environment()
            ),
        }],
        _ => Vec::new(),
    }
}

/// Every object of our name must carry our labels, and our containers must store where our volumes
/// are.
pub(crate) fn objects(observed: &Observed) -> Vec<Objection> {
    let deployment = &observed.deployment;
    let mut objections = Vec::new();
    for container in observed.containers() {
        let labels = |name: &str| container.label(name).map(str::to_owned);
        let hint = format!("docker container inspect {}", container.name());
        objections.extend(labelled(
            deployment,
            "container",
            container.name(),
            labels,
            hint,
        ));
    }
    for (_, volume) in observed.volumes() {
        let labels = |name: &str| volume.label(name).map(str::to_owned);
        let hint = keep_volume(&volume.name);
        objections.extend(labelled(deployment, "volume", &volume.name, labels, hint));
    }
    if let Some(network) = &observed.network {
        let labels = |name: &str| network.label(name).map(str::to_owned);
        let hint = format!(
            "docker network inspect {0}; docker network rm {0}",
            network.name
        );
        objections.extend(labelled(deployment, "network", &network.name, labels, hint));
    }
    for volume in Volume::ALL {
        if let Some(container) = observed.container(volume.service()) {
            objections.extend(mounted(deployment, container, volume));
        }
    }
    objections
}

fn labelled(
    deployment: &Deployment,
    kind: &str,
    name: &str,
    labels: impl Fn(&str) -> Option<String>,
    hint: String,
) -> Option<Objection> {
    let found = (labels(label::ENVIRONMENT), labels(label::INSTANCE));
    let expected = (
        Some(deployment.environment().slug().to_owned()),
        Some(deployment.instance().label().to_owned()),
    );
    if found == expected {
        return None;
    }
    let found = match found {
        (None, None) => "carries no label of ours".to_owned(),
        (environment, instance) => format!(
            "is labelled {}={:?}, {}={:?}",
            label::ENVIRONMENT,
            environment.unwrap_or_default(),
            label::INSTANCE,
            instance.unwrap_or_default()
        ),
    };
    Some(Objection {
        found: format!("the {kind} {name} {found}: it is not known to belong to {deployment}"),
        hint,
    })
}

/// Docker can neither rename a volume nor label one that exists, so what is kept is copied.
pub(crate) fn keep_volume(name: &str) -> String {
    format!(
        "whose it is: docker volume inspect {name}; to keep its data: docker run --rm --volume \
         {name}:/from:ro --volume {name}_kept:/to debian:trixie-slim cp -a /from/. /to/; then: \
         docker volume rm {name}"
    )
}

fn mounted(deployment: &Deployment, container: &Container, volume: Volume) -> Option<Objection> {
    let destination = match volume {
        Volume::Neo4jData | Volume::RedisData => "/data",
        Volume::Neo4jLogs => "/logs",
    };
    let expected = deployment.volume(volume);
    let mount = container
        .mounts
        .iter()
        .find(|mount| mount.destination == destination);
    let found = match mount {
        Some(mount) if mount.name == expected => return None,
        Some(mount) => format!("{:?}", mount.name),
        None => "nothing".to_owned(),
    };
    Some(Objection {
        found: format!(
            "the container {} has {found} at {destination}, expected the volume {expected}",
            container.name()
        ),
        hint: format!("docker container inspect {}", container.name()),
    })
}

/// A running Neo4j must call the environment's database its home.
pub(crate) fn graph(deployment: &Deployment, facts: &GraphFacts) -> Vec<Objection> {
    let expected = deployment.environment().database();
    if facts.home_database == expected {
        return Vec::new();
    }
    vec![Objection {
        found: format!(
            "the Neo4j in {} calls {:?} its home database, expected {expected}",
            deployment.container(Service::Neo4j),
            facts.home_database
        ),
        hint: format!("cargo xtask init-neo4j {}", deployment.environment()),
    }]
}

/// A running Redis must have the environment's user with the environment's prefix.
pub(crate) fn keys(deployment: &Deployment, facts: &KeyFacts) -> Vec<Objection> {
    let environment = deployment.environment();
    let user = format!("user {} ", environment.redis_user());
    let pattern = format!("~{}*", environment.redis_prefix());
    let ours = |line: &String| {
        // `~*` is the audit mode of development and test.
        line.starts_with(&user) && line.split(' ').any(|word| word == pattern || word == "~*")
    };
    if facts.users.iter().any(ours) {
        return Vec::new();
    }
    vec![Objection {
        found: format!(
            "the Redis in {} has no user {} for the keys {}*",
            deployment.container(Service::Redis),
            environment.redis_user(),
            environment.redis_prefix()
        ),
        hint: format!("cargo xtask redis {environment} ACL WHOAMI"),
    }]
}

#[cfg(test)]
mod tests {
    use environments::{Environment, Instance};

    use super::*;
    use crate::error::Kind;
    use crate::observe::testing::{graph_facts, key_facts, running};

    fn dev() -> Deployment {
        Deployment::new(Environment::Dev, Instance::main())
    }

    #[test]
    fn a_set_of_ours_raises_no_objection() {
        assert_eq!(objects(&running(&dev())), []);
        assert_eq!(graph(&dev(), &graph_facts("tta-dev")), []);
        assert_eq!(
            keys(
                &dev(),
                &key_facts("user tta-dev on #0 ~development:* +@all")
            ),
            []
        );
    }

    #[test]
    fn a_set_of_another_instance_under_our_names_is_refused_object_by_object() {
        let theirs = Deployment::new(Environment::Dev, Instance::named("x").expect("a name"));
        let mut observed = running(&theirs);
        observed.deployment = dev();
        // Two containers, three volumes and a network; three mounts of other volumes.
        assert_eq!(objects(&observed).len(), 9);
        let failure = settle("wipe-dev", &dev(), &objects(&observed)).expect_err("refused");
        assert_eq!(failure.kind, Kind::Refused);
        // What to type next is told of each of them, the same once.
        for object in ["container", "volume", "network"] {
            let told = |hint: &String| hint.contains(&format!("docker {object} inspect"));
            assert!(
                failure.hints.iter().any(told),
                "{object}: {:?}",
                failure.hints
            );
        }
        assert!(
            failure.message.contains("org.tta.instance=\"x\""),
            "{failure}"
        );
    }

    #[test]
    fn a_server_whose_home_is_another_database_is_refused() {
        assert_eq!(graph(&dev(), &graph_facts("tta-staging")).len(), 1);
        assert_eq!(graph(&dev(), &graph_facts("neo4j")).len(), 1);
    }

    #[test]
    fn a_redis_without_our_user_or_with_another_prefix_is_refused() {
        assert_eq!(
            keys(
                &dev(),
                &key_facts("user tta-staging on #0 ~staging:* +@all")
            )
            .len(),
            1
        );
        assert_eq!(
            keys(&dev(), &key_facts("user tta-dev on #0 ~staging:* +@all")).len(),
            1
        );
        assert_eq!(
            keys(&dev(), &key_facts("user default on nopass ~* +@all")).len(),
            1
        );
    }

    #[test]
    fn another_engine_than_the_journal_has_is_refused_and_a_new_one_is_not() {
        assert_eq!(engine(&dev(), None, "e1"), []);
        assert_eq!(engine(&dev(), Some("e1"), "e1"), []);
        assert_eq!(engine(&dev(), Some("e1"), "e2").len(), 1);
    }
}
