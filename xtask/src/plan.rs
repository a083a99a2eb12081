//! What must happen, and why: steps with their cause, made from what was observed.
//!
//! Architecture Invariant: pure. A plan for a given state is the same text every time, and the
//! executor adds no decision to it.

use std::fmt;

use environments::{Deployment, Disposable, Expendable, Protection, Volume};

use crate::adoption::{Graph, Keys};
use crate::observe::Observed;
use crate::snapshot;
use crate::snapshot::place::Id;
use crate::tools::docker::{Container, VolumeState};
use crate::ui::counted;

/// What a command is going to do to one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) deployment: Deployment,
    /// What a person should know before saying yes.
    pub(crate) notes: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

/// One step and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) because: String,
}

/// What the executor can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Lets frozen processes run again.
    Unpause(Vec<Object>),
    /// Ends processes at once.
    Kill(Vec<Object>),
    /// Ends processes with their grace.
    Stop(Vec<Object>),
    RemoveContainers(Vec<Object>),
    RemoveNetwork(Object),
    RemoveVolumes(Vec<Removal>),
    /// Creates labelled volumes that no compose version will ever remove.
    CreateVolumes(Vec<String>),
    /// `docker compose up`.
    Start,
    /// Bolt answers on the right database, Redis answers as the right user.
    AwaitReady,
    /// The same, and both are empty; then the fixture is loaded in the same session.
    AwaitEmpty(Option<Seed>),
    /// Empties a running set.
    EmptyInPlace(Box<InPlace>),
    /// `docker compose create`: everything is made, and nothing started.
    Create,
    /// Fills the environment's own volumes from what was read of old ones.
    Adopt(Box<Adoption>),
    /// What was adopted is there, and nothing else.
    CompareAdopted(Box<Adoption>),
    /// Gives the prefix to the keys that have none.
    PrefixKeys(Marking),
    /// Gives the label to the nodes that have none.
    LabelNodes(Marking),
    /// A step of making a snapshot.
    Snapshot(snapshot::make::Step),
    /// Restores a snapshot on scratch servers and compares.
    Drill(Id),
    RemoveSnapshot(Id),
    /// A step of a restore.
    Restore(snapshot::restore::Step),
}

/// A container or network: removed by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) id: String,
}

/// A volume that may be removed. Only a [`Disposable`] or an [`Expendable`] yields one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removal {
    name: String,
    /// Stands for the id that volumes don't have.
    created_at: String,
}

impl Removal {
    fn of(_: &Disposable, volume: &VolumeState) -> Self {
        Self::named(volume)
    }

    fn behind_snapshot(_: &Expendable, volume: &VolumeState) -> Self {
        Self::named(volume)
    }

    fn named(volume: &VolumeState) -> Self {
        Self {
            name: volume.name.clone(),
            created_at: volume.created_at.clone(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn created_at(&self) -> &str {
        &self.created_at
    }
}

/// What there is to empty in a running set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InPlace {
    target: Disposable,
    pub(crate) neo4j: Object,
    pub(crate) redis: Object,
    pub(crate) nodes: u64,
    pub(crate) keys: u64,
    pub(crate) constraints: Vec<String>,
    pub(crate) indexes: Vec<String>,
    /// The fixture to load afterwards, in the same session.
    pub(crate) seed: Option<Seed>,
}

impl InPlace {
    /// Only a [`Disposable`] can be emptied.
    pub(crate) fn of(target: &Disposable, neo4j: &Container, redis: &Container) -> Self {
        Self {
            target: target.clone(),
            neo4j: object(neo4j),
            redis: object(redis),
            nodes: 0,
            keys: 0,
            constraints: Vec::new(),
            indexes: Vec::new(),
            seed: None,
        }
    }

    pub(crate) const fn deployment(&self) -> &Deployment {
        self.target.deployment()
    }
}

/// What was read of volumes from before this tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adoption {
    pub(crate) graph: Option<Graph>,
    pub(crate) keys: Option<Keys>,
}

/// How many are to be marked on which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marking {
    pub(crate) server: Object,
    pub(crate) count: u64,
}

/// A fixture: Cypher statements, one transaction each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seed {
    pub(crate) file: String,
    pub(crate) statements: Vec<String>,
}

impl Plan {
    pub(crate) const fn new(deployment: Deployment) -> Self {
        Self {
            deployment,
            notes: Vec::new(),
            steps: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, action: Action, because: impl Into<String>) {
        self.steps.push(Step {
            action,
            because: because.into(),
        });
    }

    /// Ends the servers with their grace; their containers stay.
    pub(crate) fn stop(&mut self, observed: &Observed, because: &str) {
        let running = objects(observed.containers().filter(|container| !ended(container)));
        if !running.is_empty() {
            self.step(Action::Stop(running), because);
        }
    }

    /// The fixture that one of the steps loads.
    pub(crate) fn seed(&self) -> Option<&Seed> {
        self.steps.iter().find_map(|step| match &step.action {
            Action::AwaitEmpty(seed) => seed.as_ref(),
            Action::EmptyInPlace(work) => work.seed.as_ref(),
            _ => None,
        })
    }

    /// What will be removed, as the journal keeps it.
    pub(crate) fn removed(&self) -> Vec<String> {
        let mut removed = Vec::new();
        for step in &self.steps {
            match &step.action {
                Action::RemoveContainers(objects) => {
                    removed.extend(
                        objects
                            .iter()
                            .map(|object| format!("container {} {}", object.name, object.id)),
                    );
                }
                Action::RemoveNetwork(object) => {
                    removed.push(format!("network {} {}", object.name, object.id));
                }
                Action::RemoveVolumes(volumes) => {
                    removed.extend(volumes.iter().map(|volume| {
                        format!("volume {} created {}", volume.name, volume.created_at)
                    }));
                }
                Action::EmptyInPlace(work) => {
                    removed.push(format!("{} nodes, {} keys in place", work.nodes, work.keys));
                }
                Action::Restore(snapshot::restore::Step::Forget(id)) => {
                    removed.push(format!("what was there before {id}"));
                }
                Action::RemoveSnapshot(id) => removed.push(format!("snapshot {id}")),
                Action::Unpause(_)
                | Action::Drill(_)
                | Action::Restore(_)
                | Action::Kill(_)
                | Action::Stop(_)
                | Action::CreateVolumes(_)
                | Action::Start
                | Action::AwaitReady
                | Action::AwaitEmpty(_)
                | Action::Create
                | Action::Adopt(_)
                | Action::CompareAdopted(_)
                | Action::PrefixKeys(_)
                | Action::LabelNodes(_)
                | Action::Snapshot(_) => {}
            }
        }
        removed
    }
}

/// Starting a deployment: whatever is missing is made, whatever has changed is made anew.
pub(crate) fn up(observed: &Observed) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    thaw(&mut plan, observed);
    let missing: Vec<String> = observed
        .volumes
        .iter()
        .filter(|(_, state)| state.is_none())
        .map(|(volume, _)| observed.deployment.volume(*volume))
        .collect();
    let external = matches!(
        Protection::from(observed.deployment.clone()),
        Protection::Protected(_)
    );
    if external && !missing.is_empty() {
        plan.step(
            Action::CreateVolumes(missing),
            "its compose file calls them external, so that no compose command removes them",
        );
    }
    let because = if observed.running() {
        "it runs: compose changes only what differs from its file"
    } else {
        "it does not run"
    };
    plan.step(Action::Start, because);
    plan.step(
        Action::AwaitReady,
        "it is up when Bolt answers on its database and Redis answers as its user",
    );
    plan
}

/// Emptying a running deployment without stopping it.
pub(crate) fn empty_in_place(work: InPlace) -> Plan {
    let mut plan = Plan::new(work.deployment().clone());
    plan.step(
        Action::EmptyInPlace(Box::new(work)),
        "it is healthy, what it holds is little, and only data and schema differ from a fresh set",
    );
    plan
}

/// Giving marks to so many keys and nodes of running servers.
pub(crate) fn mark(
    deployment: &Deployment,
    neo4j: &Container,
    redis: &Container,
    keys: u64,
    nodes: u64,
) -> Plan {
    let mut plan = Plan::new(deployment.clone());
    let marking = |server, count| Marking {
        server: object(server),
        count,
    };
    if keys > 0 {
        plan.step(
            Action::PrefixKeys(marking(redis, keys)),
            "the environment's user may touch no key without the prefix",
        );
    }
    if nodes > 0 {
        plan.step(
            Action::LabelNodes(marking(neo4j, nodes)),
            "a node must say which environment it is from",
        );
    }
    plan
}

/// Bringing what was read of old volumes into a deployment. What it has is empty: `replaced` says
/// that it may be removed, for it has been counted.
pub(crate) fn adopt(
    observed: &Observed,
    replaced: Option<&Disposable>,
    adoption: Adoption,
) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    if replaced.is_some() {
        let alive = objects(observed.containers().filter(|container| !ended(container)));
        if !alive.is_empty() {
            plan.step(Action::Kill(alive), "it holds nothing");
        }
    }
    let containers = objects(observed.containers());
    if !containers.is_empty() {
        plan.step(
            Action::RemoveContainers(containers),
            "a volume in use cannot be filled",
        );
    }
    let mut missing: Vec<String> = Vec::new();
    match replaced {
        Some(target) => {
            let volumes: Vec<Removal> = observed
                .volumes()
                .map(|(_, volume)| Removal::of(target, volume))
                .collect();
            if !volumes.is_empty() {
                plan.step(
                    Action::RemoveVolumes(volumes),
                    "they hold 0 nodes and 0 keys, and a store is loaded into an empty volume",
                );
            }
        }
        None => {
            let absent = observed.volumes.iter().filter(|(_, state)| state.is_none());
            missing.extend(absent.map(|(volume, _)| observed.deployment.volume(*volume)));
        }
    }
    let protected = matches!(
        Protection::from(observed.deployment.clone()),
        Protection::Protected(_)
    );
    if protected && !missing.is_empty() {
        plan.step(
            Action::CreateVolumes(missing),
            "its compose file calls them external, so that no compose command removes them",
        );
    }
    plan.step(Action::Create, "compose makes the volumes with its labels");
    plan.step(
        Action::Adopt(Box::new(adoption.clone())),
        "the old volumes are only read: users and passwords stay behind",
    );
    started_and_compared(&mut plan, adoption);
    plan
}

/// The rest of it where a run was killed after the volumes had been filled.
pub(crate) fn adopted_before(observed: &Observed, adoption: Adoption) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    started_and_compared(&mut plan, adoption);
    plan
}

fn started_and_compared(plan: &mut Plan, adoption: Adoption) {
    plan.step(Action::Start, "it is wanted");
    plan.step(
        Action::AwaitReady,
        "it is up when Bolt answers on its database and Redis answers as its user",
    );
    plan.step(
        Action::CompareAdopted(Box::new(adoption)),
        "its user may touch no key without the prefix, and nothing may be lost on the way",
    );
}

/// Stopping a deployment. Its volumes stay.
pub(crate) fn down(observed: &Observed) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    thaw(&mut plan, observed);
    let running = objects(observed.containers().filter(|container| !ended(container)));
    if !running.is_empty() {
        plan.step(
            Action::Stop(running),
            "with grace, so that the stores are closed",
        );
    }
    let containers = objects(observed.containers());
    if !containers.is_empty() {
        plan.step(
            Action::RemoveContainers(containers),
            "their data is in volumes, which stay",
        );
    }
    if let Some(network) = &observed.network {
        let network = Object {
            name: network.name.clone(),
            id: network.id.clone(),
        };
        plan.step(Action::RemoveNetwork(network), "nobody is left on it");
    }
    plan
}

/// Emptying a deployment by new volumes. Takes a [`Disposable`]: staging and production are none.
pub(crate) fn recreate(target: &Disposable, observed: &Observed, seed: Option<Seed>) -> Plan {
    let mut plan = Plan::new(target.deployment().clone());
    let volumes = observed.volumes();
    let removals = volumes.map(|(_, volume)| Removal::of(target, volume));
    remove_all(&mut plan, observed, removals.collect());
    start_empty(&mut plan, seed);
    plan
}

/// The same for staging and production. Takes an [`Expendable`], which only a drilled snapshot of
/// them yields.
pub(crate) fn wipe(target: &Expendable, observed: &Observed) -> Plan {
    let mut plan = Plan::new(target.deployment().clone());
    let volumes = observed.volumes();
    let removals = volumes.map(|(_, volume)| Removal::behind_snapshot(target, volume));
    remove_all(&mut plan, observed, removals.collect());
    let names = Volume::ALL.map(|volume| target.deployment().volume(volume));
    plan.step(
        Action::CreateVolumes(names.to_vec()),
        "its compose file calls them external, so that no compose command removes them",
    );
    start_empty(&mut plan, None);
    plan
}

fn remove_all(plan: &mut Plan, observed: &Observed, volumes: Vec<Removal>) {
    let alive = objects(observed.containers().filter(|container| !ended(container)));
    if !alive.is_empty() {
        plan.step(
            Action::Kill(alive),
            "their data is going anyway, so they need no grace",
        );
    }
    let containers = objects(observed.containers());
    if !containers.is_empty() {
        plan.step(
            Action::RemoveContainers(containers),
            "a volume in use cannot be removed",
        );
    }
    if !volumes.is_empty() {
        plan.step(
            Action::RemoveVolumes(volumes),
            "only a new volume is as on the first day",
        );
    }
}

fn start_empty(plan: &mut Plan, seed: Option<Seed>) {
    plan.step(Action::Start, "it is wanted again, empty");
    plan.step(
        Action::AwaitEmpty(seed),
        "it is done when both servers answer and count 0 nodes and 0 keys",
    );
}

/// Letting what a killed run has frozen run again. Nothing where nothing is frozen.
pub(crate) fn thawing(observed: &Observed) -> Plan {
    let mut plan = Plan::new(observed.deployment.clone());
    thaw(&mut plan, observed);
    plan
}

fn thaw(plan: &mut Plan, observed: &Observed) {
    let paused = |container: &&Container| container.state.status == "paused";
    let paused = objects(observed.containers().filter(paused));
    if !paused.is_empty() {
        plan.step(Action::Unpause(paused), "a run that froze them has gone");
    }
}

fn ended(container: &Container) -> bool {
    matches!(
        container.state.status.as_str(),
        "exited" | "created" | "dead"
    )
}

fn objects<'a>(containers: impl Iterator<Item = &'a Container>) -> Vec<Object> {
    containers.map(object).collect()
}

fn object(container: &Container) -> Object {
    Object {
        name: container.name().to_owned(),
        id: container.id.clone(),
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({})",
            self.name,
            self.id.get(..12).unwrap_or(&self.id)
        )
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statements = counted(self.statements.len() as u64, "statement");
        write!(f, "{statements} of {}", self.file)
    }
}

impl fmt::Display for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = self
            .graph
            .as_ref()
            .map(|one| format!("the database {} of {}", one.database, one.source));
        let keys = self
            .keys
            .as_ref()
            .map(|one| format!("the keys of {}", one.source));
        let both: Vec<String> = graph.into_iter().chain(keys).collect();
        f.write_str(&both.join(" and "))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |objects: &[Object]| {
            let objects: Vec<String> = objects.iter().map(Object::to_string).collect();
            objects.join(", ")
        };
        match self {
            Self::Unpause(objects) => write!(f, "unpause {}", list(objects)),
            Self::Kill(objects) => write!(f, "kill {}", list(objects)),
            Self::Stop(objects) => write!(f, "stop {}", list(objects)),
            Self::RemoveContainers(objects) => write!(f, "remove {}", list(objects)),
            Self::RemoveNetwork(object) => write!(f, "remove network {object}"),
            Self::RemoveVolumes(volumes) => {
                let names: Vec<&str> = volumes.iter().map(Removal::name).collect();
                write!(f, "remove volumes {}", names.join(", "))
            }
            Self::CreateVolumes(names) => write!(f, "create volumes {}", names.join(", ")),
            Self::Start => f.write_str("compose up"),
            Self::AwaitReady => f.write_str("wait until both servers answer"),
            Self::AwaitEmpty(None) => f.write_str("wait until both servers answer, and count 0"),
            Self::AwaitEmpty(Some(seed)) => {
                write!(
                    f,
                    "wait until both servers answer, count 0, then load {seed}"
                )
            }
            Self::Create => f.write_str("compose create"),
            Self::Adopt(adoption) => write!(f, "fill the new volumes with {adoption}"),
            Self::CompareAdopted(_) => {
                f.write_str("give prefixes and labels, and compare with what was read")
            }
            Self::PrefixKeys(work) => write!(f, "prefix {}", counted(work.count, "key")),
            Self::LabelNodes(work) => write!(f, "label {}", counted(work.count, "node")),
            Self::Snapshot(step) => write!(f, "{step}"),
            Self::Restore(step) => write!(f, "{step}"),
            Self::Drill(id) => write!(
                f,
                "restore {id} on scratch servers, compare it with what it was made of, remove them"
            ),
            Self::RemoveSnapshot(id) => write!(f, "remove the snapshot {id}"),
            Self::EmptyInPlace(work) => {
                write!(
                    f,
                    "empty in place: {}, {}, {}, {}",
                    counted(work.nodes, "node"),
                    counted(work.keys, "key"),
                    counted(work.constraints.len() as u64, "constraint"),
                    counted(work.indexes.len() as u64, "index")
                )?;
                match &work.seed {
                    Some(seed) => write!(f, ", then load {seed}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Plan for {}:", self.deployment)?;
        for note in &self.notes {
            writeln!(f, "    {note}")?;
        }
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:3}. {}", number + 1, step.action)?;
            writeln!(f, "       because {}", step.because)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use environments::{Dev, Environment, Instance};

    use super::*;
    use crate::observe::testing::{nothing, running, stopped};

    fn deployment(environment: Environment) -> Deployment {
        Deployment::new(environment, Instance::main())
    }

    #[test]
    fn wiping_a_running_development_kills_removes_recreates_and_counts() {
        let dev = Disposable::of(Dev, Instance::main());
        insta::assert_snapshot!(recreate(&dev, &running(dev.deployment()), None));
    }

    #[test]
    fn wiping_what_a_killed_run_left_goes_on_where_it_stopped() {
        let dev = Disposable::of(Dev, Instance::main());
        let mut observed = stopped(dev.deployment());
        insta::assert_snapshot!(recreate(&dev, &observed, None));
        observed.neo4j = None;
        observed.redis = None;
        insta::assert_snapshot!(recreate(&dev, &observed, None));
        insta::assert_snapshot!(recreate(&dev, &nothing(dev.deployment()), None));
    }

    #[test]
    fn starting_staging_makes_its_external_volumes_and_starting_dev_does_not() {
        insta::assert_snapshot!(up(&nothing(&deployment(Environment::Staging))));
        insta::assert_snapshot!(up(&nothing(&deployment(Environment::Dev))));
    }

    #[test]
    fn stopping_stops_with_grace_and_leaves_every_volume() {
        let plan = down(&running(&deployment(Environment::Staging)));
        insta::assert_snapshot!(plan);
        assert!(!plan.removed().iter().any(|line| line.starts_with("volume")));
    }

    #[test]
    fn old_volumes_are_brought_into_nothing_or_into_what_was_counted_empty() {
        let adoption = || Adoption {
            graph: None,
            keys: Some(Keys {
                source: "old_redis".to_owned(),
                bytes: 1,
                census: crate::namespace::audit::Census::default(),
            }),
        };
        let staging = deployment(Environment::Staging);
        insta::assert_snapshot!(adopt(&nothing(&staging), None, adoption()));
        let dev = Disposable::of(Dev, Instance::main());
        let empty = running(dev.deployment());
        insta::assert_snapshot!(adopt(&empty, Some(&dev), adoption()));
        // What is not known to be empty loses no volume.
        for observed in [stopped(&staging), stopped(dev.deployment())] {
            let plan = adopt(&observed, None, adoption());
            assert!(!plan.removed().iter().any(|line| line.starts_with("volume")));
            let plan = adopted_before(&observed, adoption());
            assert_eq!(plan.removed(), Vec::<String>::new());
        }
    }

    #[test]
    fn only_what_lacks_a_mark_is_marked() {
        let dev = deployment(Environment::Dev);
        let observed = running(&dev);
        let servers = (observed.neo4j.as_ref(), observed.redis.as_ref());
        let (Some(neo4j), Some(redis)) = servers else {
            panic!("both run");
        };
        let of = |keys, nodes| mark(&dev, neo4j, redis, keys, nodes);
        insta::assert_snapshot!(of(3, 1), @r"
        Plan for dev:
          1. prefix 3 keys
               because the environment's user may touch no key without the prefix
          2. label 1 node
               because a node must say which environment it is from
        ");
        assert_eq!(of(0, 2).steps.len(), 1);
        assert_eq!(of(0, 0).steps, []);
        assert_eq!(of(3, 1).removed(), Vec::<String>::new());
    }

    #[test]
    fn wiping_staging_takes_a_drilled_snapshot_and_makes_its_external_volumes_anew() {
        let staging = deployment(Environment::Staging);
        let same = |text: &str| (text.to_owned(), text.to_owned());
        let evidence = environments::Evidence {
            deployment: staging.clone(),
            engines: same("e1"),
            stores: same("A1"),
            matched: Some(true),
            age: Some(std::time::Duration::from_secs(60)),
        };
        let protected = environments::Protected::of(environments::Staging, Instance::main());
        let target = Expendable::behind(protected, &evidence).expect("it is covered");
        insta::assert_snapshot!(wipe(&target, &running(&staging)));
    }

    #[test]
    fn the_journal_is_told_what_is_removed_by_id_and_time() {
        let dev = Disposable::of(Dev, Instance::main());
        let plan = recreate(&dev, &running(dev.deployment()), None);
        insta::assert_snapshot!(plan.removed().join("\n"));
    }
}
