//! Every set on an engine, read from the labels of all its containers, volumes and networks.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use environments::{Deployment, Environment, Instance, label};
use process::printable;
use process::side_by_side::both;

use crate::context::Context;
use crate::error::Result;
use crate::tools::docker::{Container, NetworkState, VolumeState};

/// What carries the labels of one set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) instance: Instance,
    pub(crate) containers: Vec<Container>,
    pub(crate) volumes: Vec<VolumeState>,
    pub(crate) networks: Vec<NetworkState>,
}

/// What an engine has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// The main set first, then by name.
    sets: BTreeMap<Instance, Found>,
    /// What carries our labels with values that no set has, a line each.
    pub(crate) strange: Vec<String>,
    /// All containers of the engine, whosever they are.
    pub(crate) everybody: Vec<Container>,
}

impl Census {
    /// Asks for all three kinds, once each.
    ///
    /// # Errors
    /// The engine answers one of them with what is not understood.
    pub(crate) fn take(context: &Context) -> Result<Self> {
        let docker = &context.docker;
        let (containers, (volumes, networks)) = both(
            || docker.all::<Container>("container"),
            || {
                both(
                    || docker.carrying::<VolumeState>("volume", label::INSTANCE),
                    || docker.carrying::<NetworkState>("network", label::INSTANCE),
                )
            },
        );
        Ok(Self::of(containers?, volumes?, networks?))
    }

    pub(crate) fn of(
        everybody: Vec<Container>,
        volumes: Vec<VolumeState>,
        networks: Vec<NetworkState>,
    ) -> Self {
        let mut census = Self::default();
        for one in &everybody {
            let set = census.set("container", one.name(), |name| one.label(name));
            set.into_iter()
                .for_each(|set| set.containers.push(one.clone()));
        }
        for one in volumes {
            let set = census.set("volume", &one.name, |name| one.label(name));
            set.into_iter()
                .for_each(|set| set.volumes.push(one.clone()));
        }
        for one in networks {
            let set = census.set("network", &one.name, |name| one.label(name));
            set.into_iter()
                .for_each(|set| set.networks.push(one.clone()));
        }
        census.everybody = everybody;
        census
    }

    /// The set that an object's labels name; none where they name none.
    fn set<'a>(
        &mut self,
        kind: &str,
        name: &str,
        label: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<&mut Found> {
        let instance = label(label::INSTANCE)?;
        let environment = label(label::ENVIRONMENT).unwrap_or_default();
        match (named(instance), environment.parse::<Environment>()) {
            (Some(instance), Ok(_)) => {
                let empty = Found::nothing(instance.clone());
                Some(self.sets.entry(instance).or_insert(empty))
            }
            _ => {
                self.strange.push(format!(
                    "the {kind} {} is labelled {}={:?}, {}={:?}, which is no set of this tool",
                    printable(name),
                    label::ENVIRONMENT,
                    printable(environment),
                    label::INSTANCE,
                    printable(instance),
                ));
                None
            }
        }
    }

    /// All sets that have anything.
    pub(crate) fn sets(&self) -> impl Iterator<Item = &Found> {
        self.sets.values()
    }

    /// What one of them has.
    pub(crate) fn set_of(&self, instance: &Instance) -> Found {
        let found = self.sets.get(instance).cloned();
        found.unwrap_or_else(|| Found::nothing(instance.clone()))
    }
}

fn named(label: &str) -> Option<Instance> {
    match label {
        "" => Some(Instance::main()),
        name => Instance::named(name).ok(),
    }
}

impl Found {
    const fn nothing(instance: Instance) -> Self {
        Self {
            instance,
            containers: Vec::new(),
            volumes: Vec::new(),
            networks: Vec::new(),
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.containers.is_empty() && self.volumes.is_empty() && self.networks.is_empty()
    }

    /// What it is called: `main` for the set without a name.
    pub(crate) fn name(&self) -> &str {
        self.instance.name().unwrap_or("main")
    }

    /// The environments that something of it belongs to.
    pub(crate) fn environments(&self) -> Vec<Environment> {
        let of = |environment: &Environment| {
            let slug = Some(environment.slug());
            let containers = self
                .containers
                .iter()
                .map(|one| one.label(label::ENVIRONMENT));
            let volumes = self.volumes.iter().map(|one| one.label(label::ENVIRONMENT));
            let networks = self
                .networks
                .iter()
                .map(|one| one.label(label::ENVIRONMENT));
            let mut all = containers.chain(volumes).chain(networks);
            all.any(|one| one == slug)
        };
        Environment::ALL.into_iter().filter(of).collect()
    }

    /// Whether anything of it runs, stands still, or has only left something.
    pub(crate) fn state(&self) -> &'static str {
        let ended =
            |one: &Container| matches!(one.state.status.as_str(), "exited" | "created" | "dead");
        if self.containers.iter().any(|one| !ended(one)) {
            "running"
        } else if !self.containers.is_empty() {
            "stopped"
        } else if self.volumes.is_empty() {
            "network only"
        } else {
            "volumes only"
        }
    }

    /// When its oldest object was made.
    pub(crate) fn created(&self) -> Option<DateTime<Utc>> {
        let containers = self.containers.iter().map(|one| &one.created);
        let volumes = self.volumes.iter().map(|one| &one.created_at);
        let networks = self.networks.iter().map(|one| &one.created);
        let all = containers.chain(volumes).chain(networks);
        all.filter_map(|time| moment(time)).min()
    }

    /// When one of its containers was last started.
    pub(crate) fn started(&self) -> Option<DateTime<Utc>> {
        let containers = self.containers.iter();
        containers
            .filter_map(|one| moment(&one.state.started_at))
            .max()
    }

    /// The same, of one environment alone.
    pub(crate) fn only(&self, deployment: &Deployment) -> Self {
        let slug = Some(deployment.environment().slug());
        let mut found = self.clone();
        let of = |environment: Option<&str>| environment == slug;
        found
            .containers
            .retain(|one| of(one.label(label::ENVIRONMENT)));
        found
            .volumes
            .retain(|one| of(one.label(label::ENVIRONMENT)));
        found
            .networks
            .retain(|one| of(one.label(label::ENVIRONMENT)));
        found
    }
}

/// A time as the engine or the journal tells it. Docker's year 1 is a container that never started.
pub(crate) fn moment(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    (time.timestamp() > 0).then_some(time)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observe::testing::{running, stopped};

    fn ci(environment: Environment) -> Deployment {
        Deployment::new(environment, Instance::named("ci1").expect("a name"))
    }

    fn census(all: Vec<crate::observe::Observed>) -> Census {
        let (mut containers, mut volumes, mut networks) = (Vec::new(), Vec::new(), Vec::new());
        for one in all {
            volumes.extend(one.volumes().map(|(_, volume)| volume.clone()));
            containers.extend(one.containers().cloned());
            networks.extend(one.network);
        }
        Census::of(containers, volumes, networks)
    }

    #[test]
    fn every_set_is_told_by_the_labels_of_its_objects_the_main_one_first() {
        let main = Deployment::new(Environment::Staging, Instance::main());
        let census = census(vec![
            running(&ci(Environment::Test)),
            stopped(&ci(Environment::Dev)),
            stopped(&main),
        ]);
        let told: Vec<_> = census
            .sets()
            .map(|one| (one.name().to_owned(), one.environments(), one.state()))
            .collect();
        assert_eq!(
            told,
            [
                ("main".to_owned(), vec![Environment::Staging], "stopped"),
                (
                    "ci1".to_owned(),
                    vec![Environment::Dev, Environment::Test],
                    "running"
                ),
            ]
        );
        assert_eq!(census.strange, Vec::<String>::new());
    }

    #[test]
    fn what_is_left_of_a_set_is_told() {
        let mut observed = stopped(&ci(Environment::Dev));
        observed.neo4j = None;
        observed.redis = None;
        let state = |observed| census(vec![observed]).sets().next().map(Found::state);
        assert_eq!(state(observed.clone()), Some("volumes only"));
        observed.volumes.clear();
        assert_eq!(state(observed), Some("network only"));
    }

    #[test]
    fn labels_that_no_set_has_are_told_and_are_nobodys() {
        let volume = |instance: &str, environment: &str| -> VolumeState {
            serde_json::from_value(json!({
                "Name": "v",
                "Labels": { "org.tta.instance": instance, "org.tta.environment": environment },
            }))
            .expect("a volume")
        };
        for (instance, environment) in [
            ("main", "dev"),
            ("NOT/ONE", "dev"),
            ("ci1", "qa"),
            ("ci1", ""),
        ] {
            let census = Census::of(Vec::new(), vec![volume(instance, environment)], Vec::new());
            assert_eq!(census.sets().count(), 0);
            assert_eq!(census.strange.len(), 1, "{instance} {environment}");
        }
    }

    #[test]
    fn a_time_is_read_with_any_offset_and_docker_s_never_is_none() {
        let read = |text| moment(text).map(|time| time.to_rfc3339());
        let expected = Some("2026-01-01T00:00:00+00:00".to_owned());
        assert_eq!(read("2026-01-01T01:00:00+01:00"), expected);
        assert_eq!(read("2026-01-01T00:00:00Z"), expected);
        assert_eq!(read("0001-01-01T00:00:00Z"), None);
        assert_eq!(read(""), None);
    }
}
