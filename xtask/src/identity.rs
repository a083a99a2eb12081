//! What an environment is at a moment, and in which words two moments differ.
//!
//! The one answer to "has it changed": of the neighbours of what is worked on, of an environment that
//! a proof looks at, of two servers that are frozen. Pure but for [`writes`]; whose an object is
//! judges `guard/identity.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use environments::Service;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::Observed;
use crate::tools::docker::Container;

/// All that is another after a start, a stop, a restart, a freeze, a recreation or a removal. Names
/// are unique on an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    containers: BTreeMap<String, Standing>,
    /// By name, with the time of making: a volume has no id.
    volumes: BTreeMap<String, String>,
    /// By name, with the id.
    networks: BTreeMap<String, String>,
    /// When each file was last written to that [`writes`] tells of; only where that was asked.
    writes: Option<BTreeMap<String, String>>,
}

/// How a container stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    id: String,
    status: String,
    health: String,
    since: String,
    restarts: Option<u64>,
}

impl Identity {
    /// What was observed of a deployment.
    pub(crate) fn of(observed: &Observed) -> Self {
        let volumes = observed.volumes();
        let networks = observed.network.iter();
        Self {
            volumes: volumes
                .map(|(_, volume)| (volume.name.clone(), volume.created_at.clone()))
                .collect(),
            networks: networks
                .map(|network| (network.name.clone(), network.id.clone()))
                .collect(),
            ..Self::of_containers(observed.containers())
        }
    }

    /// Of containers alone: that is one call to the engine.
    pub(crate) fn of_containers<'a>(containers: impl IntoIterator<Item = &'a Container>) -> Self {
        let standing = |container: &Container| Standing {
            id: container.id.clone(),
            status: container.state.status.clone(),
            health: container.health().to_owned(),
            since: container.state.started_at.clone(),
            restarts: container.restarts(),
        };
        let containers = containers.into_iter();
        Self {
            containers: containers
                .map(|one| (one.name().to_owned(), standing(one)))
                .collect(),
            ..Self::default()
        }
    }

    /// The same with its containers as they are once they are frozen.
    pub(crate) fn frozen(mut self) -> Self {
        for standing in self.containers.values_mut() {
            "paused".clone_into(&mut standing.status);
        }
        self
    }

    /// The same with what [`writes`] tells.
    pub(crate) fn written(mut self, writes: &str) -> Self {
        let lines = writes.lines().filter_map(|line| line.rsplit_once(' '));
        let files = lines.map(|(file, time)| (file.to_owned(), time.to_owned()));
        self.writes = Some(files.collect());
        self
    }

    /// How many objects there are.
    pub(crate) fn count(&self) -> usize {
        self.containers.len() + self.volumes.len() + self.networks.len()
    }

    /// What is different later. Writes are compared where both moments tell them.
    pub(crate) fn changes(&self, later: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (name, was, is) in pairs(&self.containers, &later.containers) {
            changes.extend(of_container(name, was, is));
        }
        for (name, was, is) in pairs(&self.volumes, &later.volumes) {
            let told = |made: Option<&String>| {
                made.map_or_else(|| "absent".to_owned(), |at| format!("made at {at}"))
            };
            if was != is {
                changes.push(Change::of(
                    format!("the volume {name}"),
                    told(was),
                    told(is),
                ));
            }
        }
        for (name, was, is) in pairs(&self.networks, &later.networks) {
            let told = |id: Option<&String>| {
                id.map_or_else(
                    || "absent".to_owned(),
                    |id| format!("there ({})", short(id)),
                )
            };
            if was != is {
                changes.push(Change::of(
                    format!("the network {name}"),
                    told(was),
                    told(is),
                ));
            }
        }
        if let (Some(before), Some(after)) = (&self.writes, &later.writes) {
            let told = |time: Option<&String>| {
                time.map_or_else(
                    || "absent".to_owned(),
                    |at| format!("written to at {}", clock(at)),
                )
            };
            for (name, was, is) in pairs(before, after).filter(|(_, was, is)| was != is) {
                changes.push(Change::of(format!("the file {name}"), told(was), told(is)));
            }
        }
        changes
    }
}

/// Each name of either side, with what either side has of it.
fn pairs<'a, T>(
    was: &'a BTreeMap<String, T>,
    is: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a str, Option<&'a T>, Option<&'a T>)> {
    let names: BTreeSet<&str> = was.keys().chain(is.keys()).map(String::as_str).collect();
    names
        .into_iter()
        .map(|name| (name, was.get(name), is.get(name)))
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    subject: String,
    was: String,
    is: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The object itself.
    Object,
    /// Only what a server's own health check says, and whether that is better news.
    Health { better: bool },
}

impl Change {
    fn of(subject: impl Into<String>, was: String, is: String) -> Self {
        Self {
            subject: subject.into(),
            was,
            is,
            kind: Kind::Object,
        }
    }

    /// What has changed.
    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether it is what is expected of a server that is left alone: one that was started comes up,
    /// or one that did not answer its health check answers again. That it answers no more is news: it
    /// may be the load, or a process that was killed inside, which shows in nothing else.
    pub(crate) const fn by_itself(&self) -> bool {
        matches!(self.kind, Kind::Health { better: true })
    }

    /// Whether the object is the same, standing as it stood: only its health check says otherwise.
    /// Whoever asks the server itself need not care.
    pub(crate) const fn of_health(&self) -> bool {
        matches!(self.kind, Kind::Health { .. })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was {}, now {}", self.subject, self.was, self.is)
    }
}

/// What is different of one container, in one line, which says no more than tells both apart.
fn of_container(name: &str, was: Option<&Standing>, is: Option<&Standing>) -> Option<Change> {
    let (Some(before), Some(after)) = (was, is) else {
        let told = |one: Option<&Standing>| one.map_or_else(|| "absent".to_owned(), Standing::told);
        return (was != is).then(|| Change::of(name, told(was), told(is)));
    };
    if before == after {
        return None;
    }
    let same_start = (&before.id, &before.since) == (&after.id, &after.since);
    if same_start && before.status == after.status && before.restarts == after.restarts {
        let better = matches!(after.health.as_str(), "healthy")
            // No check at all any more, or none yet, says nothing bad.
            || after.health.is_empty();
        return Some(Change {
            subject: name.to_owned(),
            was: told_health(&before.health),
            is: told_health(&after.health),
            kind: Kind::Health { better },
        });
    }
    let mut lines = [before, after].map(|one| {
        if same_start && one.status != "running" {
            one.status.clone()
        } else {
            one.told()
        }
    });
    if before.id != after.id {
        for (line, one) in lines.iter_mut().zip([before, after]) {
            line.push_str(&format!(" ({})", short(&one.id)));
        }
    } else if before.restarts != after.restarts {
        for (line, one) in lines.iter_mut().zip([before, after]) {
            line.push_str(&format!(
                ", restarted {} times by the engine",
                one.restarts.unwrap_or_default()
            ));
        }
    }
    let [was, is] = lines;
    Some(Change::of(name, was, is))
}

impl Standing {
    fn told(&self) -> String {
        match self.status.as_str() {
            "running" => format!("running since {}", self.since),
            other => format!("{other}, started {}", self.since),
        }
    }
}

fn told_health(health: &str) -> String {
    if health.is_empty() {
        "without a health check".to_owned()
    } else {
        health.to_owned()
    }
}

/// Seconds since 1970, as `find` prints them, for a person.
fn clock(seconds: &str) -> String {
    let millis = |seconds: f64| format!("{:.0}", seconds * 1000.0).parse().ok();
    let moment = seconds.parse().ok().and_then(millis);
    moment
        .and_then(chrono::DateTime::from_timestamp_millis)
        .map_or_else(
            || seconds.to_owned(),
            |moment| moment.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        )
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// When something was last written to either store, as the times of the files tell that every write
/// goes to. A call for each server, which must run.
pub(crate) fn writes(context: &Context, observed: &Observed) -> Result<String> {
    let database = observed.deployment.environment().database();
    let graph = format!("/data/transactions/{database}");
    let mut found = String::new();
    for (service, folder, pattern) in [
        (Service::Neo4j, graph.as_str(), "neostore.transaction.db.*"),
        (Service::Redis, "/data/appendonlydir", "*.incr.aof"),
    ] {
        let id = match observed.container(service) {
            Some(container) => &container.id,
            None => {
                let name = observed.deployment.container(service);
                return Err(Failure::failed(format!("there is no container {name}")));
            }
        };
        let find = ["find", folder, "-name", pattern, "-printf", "%f %T@\\n"];
        let command = context.docker.exec_with(id, &["--user", "root"], &find);
        let reply = context.runner.run(&command)?.ok()?;
        let mut lines: Vec<&str> = reply.stdout.lines().collect();
        if lines.is_empty() {
            return Err(reply.unexpected("the files that are written to").into());
        }
        lines.sort_unstable();
        found.push_str(&lines.join("\n"));
        found.push('\n');
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use environments::{Deployment, Environment, Instance};
    use proptest::prelude::*;

    use super::*;
    use crate::observe::testing::{nothing, running, stopped};

    fn staging() -> Deployment {
        Deployment::new(Environment::Staging, Instance::main())
    }

    fn told(was: &Identity, is: &Identity) -> Vec<String> {
        was.changes(is).iter().map(ToString::to_string).collect()
    }

    fn redis(identity: &mut Identity) -> &mut Standing {
        let standing = identity.containers.get_mut("tta-staging-redis");
        standing.expect("it is there")
    }

    #[test]
    fn an_environment_that_was_left_alone_has_not_changed() {
        let was = Identity::of(&running(&staging()));
        assert_eq!(was.changes(&was.clone()), []);
        assert_eq!(was.count(), 6);
    }

    #[test]
    fn whatever_was_done_to_a_container_is_told_in_a_line() {
        let was = Identity::of(&running(&staging()));
        let done = |change: &dyn Fn(&mut Standing)| {
            let mut is = was.clone();
            change(redis(&mut is));
            told(&was, &is).join("\n")
        };
        let lines = [
            done(&|one| one.status = "exited".to_owned()),
            done(&|one| one.status = "paused".to_owned()),
            done(&|one| one.since = "2026-02-02T00:00:00Z".to_owned()),
            done(&|one| one.id = "e".repeat(64)),
            done(&|one| {
                one.since = "2026-02-02T00:00:00Z".to_owned();
                one.restarts = Some(1);
            }),
            done(&|one| one.health = "unhealthy".to_owned()),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        tta-staging-redis was running since 2026-01-01T00:00:00Z, now exited
        tta-staging-redis was running since 2026-01-01T00:00:00Z, now paused
        tta-staging-redis was running since 2026-01-01T00:00:00Z, now running since 2026-02-02T00:00:00Z
        tta-staging-redis was running since 2026-01-01T00:00:00Z (777777777777), now running since 2026-01-01T00:00:00Z (eeeeeeeeeeee)
        tta-staging-redis was running since 2026-01-01T00:00:00Z, restarted 0 times by the engine, now running since 2026-02-02T00:00:00Z, restarted 1 times by the engine
        tta-staging-redis was without a health check, now unhealthy
        ");
    }

    #[test]
    fn what_came_and_what_went_is_told_for_every_kind_of_object() {
        let (none, all) = (nothing(&staging()), running(&staging()));
        let (none, all) = (Identity::of(&none), Identity::of(&all));
        assert_eq!(none.changes(&all).len(), 6);
        insta::assert_snapshot!(told(&all, &none).join("\n"), @r"
        tta-staging-neo4j was running since 2026-01-01T00:00:00Z, now absent
        tta-staging-redis was running since 2026-01-01T00:00:00Z, now absent
        the volume tta_neo4j_staging_data was made at 2026-01-01T00:00:00Z, now absent
        the volume tta_neo4j_staging_logs was made at 2026-01-01T00:00:00Z, now absent
        the volume tta_redis_staging_data was made at 2026-01-01T00:00:00Z, now absent
        the network tta-staging-network was there (aaaaaaaaaaaa), now absent
        ");
    }

    #[test]
    fn a_server_that_comes_up_by_itself_was_changed_by_nobody_and_one_that_fails_is_told() {
        let mut was = Identity::of(&running(&staging()));
        for (before, after, innocent) in [
            ("starting", "healthy", true),
            ("unhealthy", "healthy", true),
            ("starting", "unhealthy", false),
            ("healthy", "unhealthy", false),
            // Only a start makes it so, and that has another start time.
            ("healthy", "starting", false),
        ] {
            before.clone_into(&mut redis(&mut was).health);
            let mut is = was.clone();
            after.clone_into(&mut redis(&mut is).health);
            let changes = was.changes(&is);
            assert_eq!(changes.len(), 1, "{before} {after}");
            assert!(changes[0].of_health());
            assert_eq!(changes[0].by_itself(), innocent, "{before} {after}");
            // With another start time it is no news of health alone.
            "later".clone_into(&mut redis(&mut is).since);
            let changes = was.changes(&is);
            assert!(!changes[0].of_health() && !changes[0].by_itself());
        }
    }

    #[test]
    fn data_is_compared_where_both_moments_have_asked() {
        let silent = Identity::of(&running(&staging()));
        let was = silent
            .clone()
            .written("db.0 1.5\na.aof 1764535743.1234567890\n");
        let is = silent
            .clone()
            .written("db.0 1.5\na.aof 1764535744.0\nb.aof 2.0");
        assert_eq!(was.changes(&silent), []);
        insta::assert_snapshot!(told(&was, &is).join("\n"), @r"
        the file a.aof was written to at 2025-11-30T20:49:03.123Z, now written to at 2025-11-30T20:49:04.000Z
        the file b.aof was absent, now written to at 1970-01-01T00:00:02.000Z
        ");
    }

    #[test]
    fn frozen_servers_are_expected_to_be_paused_and_nothing_else() {
        let was = Identity::of(&running(&staging()));
        let frozen = was.clone().frozen();
        assert_eq!(frozen.changes(&was).len(), 2);
        let stopped = Identity::of(&stopped(&staging()));
        assert_eq!(
            told(&frozen, &stopped)[1],
            "tta-staging-redis was paused, now exited"
        );
    }

    proptest! {
        #[test]
        fn two_moments_differ_one_way_as_they_do_the_other(
            statuses in proptest::array::uniform2("running|paused|exited"),
            healths in proptest::array::uniform2("|starting|healthy|unhealthy"),
            since in proptest::array::uniform2("[12]"),
            there in proptest::array::uniform2(any::<bool>()),
        ) {
            let moment = |at: usize| {
                let mut one = Identity::of(&running(&staging()));
                let standing = redis(&mut one);
                statuses[at].clone_into(&mut standing.status);
                healths[at].clone_into(&mut standing.health);
                since[at].clone_into(&mut standing.since);
                if !there[at] {
                    one.containers.remove("tta-staging-redis");
                    one.networks.clear();
                }
                one
            };
            let (was, is) = (moment(0), moment(1));
            prop_assert_eq!(was.changes(&is).is_empty(), was == is);
            prop_assert_eq!(was.changes(&is).len(), is.changes(&was).len());
            // What is told says that it differs.
            for change in was.changes(&is) {
                prop_assert_ne!(&change.was, &change.is, "{}", change);
            }
        }
    }
}
