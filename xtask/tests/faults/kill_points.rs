//! Killed at any point, the same command run again ends well.

use environments::{Environment, Service, Volume};

use crate::orders::Act;
use crate::set::{Set, WIPE, at_change, main_set};

/// A command, the state it begins with, and what must be so in the end.
pub(crate) struct Scenario {
    pub(crate) environment: Environment,
    pub(crate) args: &'static [&'static str],
    pub(crate) begin: fn() -> Set,
    pub(crate) goal: fn(&Set),
    /// How many changes an undisturbed run makes.
    pub(crate) changes: usize,
}

const SEED: &str = "CREATE (:Test {id: 1});\nCREATE (:Test {id: 2});\n";

pub(crate) const WIPE_DEV: Scenario = Scenario {
    environment: Environment::Dev,
    args: &WIPE,
    begin: Set::usual,
    goal: |set| fresh(set, Environment::Dev, 0),
    changes: 14,
};

pub(crate) const RECREATE_TEST: Scenario = Scenario {
    environment: Environment::Test,
    args: &["reset-test", "--mode", "recreate"],
    begin: Set::usual,
    goal: |set| fresh(set, Environment::Test, 0),
    changes: 14,
};

pub(crate) const EMPTY_TEST: Scenario = Scenario {
    environment: Environment::Test,
    args: &["reset-test", "--mode", "in-place", "--seed", "seed.cypher"],
    begin: || {
        let set = Set::usual();
        // Each statement that may be needed is a change to be killed at.
        set.change_graph(Environment::Test, |graph| graph.lookup_indexes.clear());
        std::fs::write(set.path("seed.cypher"), SEED).expect("a fixture");
        set
    },
    goal: |set| emptied(set, 2),
    changes: 10,
};

pub(crate) const UP_FROM_NOTHING: Scenario = Scenario {
    environment: Environment::Dev,
    args: &["up", "dev"],
    begin: || Set::running(&[Environment::Test, Environment::Staging]),
    goal: |set| runs(set, Environment::Dev),
    changes: 8,
};

pub(crate) const UP_STAGING: Scenario = Scenario {
    environment: Environment::Staging,
    args: &["up", "staging"],
    begin: || Set::running(&[Environment::Dev, Environment::Test]),
    goal: |set| runs(set, Environment::Staging),
    changes: 8,
};

pub(crate) const UP_FROM_PAUSED: Scenario = Scenario {
    environment: Environment::Staging,
    args: &["up", "staging"],
    begin: || {
        let set = Set::usual();
        for service in Service::ALL {
            set.change_container(Environment::Staging, service, |container| {
                "paused".clone_into(&mut container.status);
            });
        }
        set
    },
    goal: |set| {
        runs(set, Environment::Staging);
        set.holds(Environment::Staging, 3, 5);
    },
    changes: 2,
};

pub(crate) const DOWN: Scenario = Scenario {
    environment: Environment::Staging,
    args: &["down", "staging"],
    begin: Set::usual,
    goal: |set| {
        let staging = main_set(Environment::Staging);
        let state = set.state();
        for service in Service::ALL {
            assert!(!state.containers.contains_key(&staging.container(service)));
        }
        assert!(!state.networks.contains_key(&staging.network()));
        set.holds(Environment::Staging, 3, 5);
    },
    changes: 5,
};

fn runs(set: &Set, environment: Environment) {
    let deployment = main_set(environment);
    let state = set.state();
    for service in Service::ALL {
        assert_eq!(
            state.containers[&deployment.container(service)].status,
            "running"
        );
    }
    for volume in Volume::ALL {
        let volume = &state.volumes[&deployment.volume(volume)];
        assert_eq!(volume.labels["org.tta.environment"], environment.slug());
    }
}

/// New volumes, made after everything that the test began with.
fn fresh(set: &Set, environment: Environment, nodes: u64) {
    runs(set, environment);
    let deployment = main_set(environment);
    let state = set.state();

    let before = state
        .containers
        .iter()
        .filter(|(name, _)| !name.starts_with(&deployment.prefix()));
    let before = before
        .map(|(_, container)| container.started_at.clone())
        .max();
    for volume in Volume::ALL {
        let made = state.volumes[&deployment.volume(volume)].created_at.clone();
        assert!(Some(made) > before, "{volume:?} is an old one");
    }
    let graph = set.graph(environment);
    assert_eq!((graph.nodes, set.keys(environment)), (nodes, 0));
    assert!(graph.constraints.is_empty() && graph.indexes.is_empty());
}

fn emptied(set: &Set, nodes: u64) {
    runs(set, Environment::Test);
    set.emptied(Environment::Test, nodes);
}

impl Scenario {
    /// Kills the run at each change in turn, and runs the same command again at once.
    fn killed_everywhere(&self, act: &Act) {
        for number in 1..=self.changes {
            let set = (self.begin)();
            let neighbours = set.neighbours_of(self.environment);
            set.order(&[at_change(number, act.clone())]);
            let killed = self.command(&set).run();
            assert_eq!(
                killed.code, None,
                "not killed at change {number}: {killed:?}"
            );
            set.order(&[]);
            self.command(&set).run().code(0);
            self.ended_well(&set, &neighbours);
        }
        self.makes_no_more_changes();
    }

    pub(crate) fn command(&self, set: &Set) -> crate::harness::Xtask {
        set.xtask(self.args).folder(set.path(""))
    }

    pub(crate) fn ended_well(&self, set: &Set, neighbours: &str) {
        (self.goal)(set);
        set.touched_only(self.environment);
        assert_eq!(
            set.neighbours_of(self.environment),
            neighbours,
            "a neighbour has changed"
        );
        let history = set.xtask(&["history"]).run().code(0);
        let mut runs = history.stdout.lines().skip(1);
        let killed = runs.next().expect("the killed run");
        assert!(killed.contains("killed or still running"), "{killed}");
        // A run that found nothing left to do has written nothing.
        assert!(runs.all(|run| run.contains("  done")), "{}", history.stdout);
    }

    /// So that no kill point is left out when a command learns to do more.
    fn makes_no_more_changes(&self) {
        let set = (self.begin)();
        self.command(&set).run().code(0);
        (self.goal)(&set);
        assert_eq!(set.changes().len(), self.changes, "{:?}", set.changes());
    }
}

#[test]
fn wiping_development_killed_before_any_change_ends_well_when_run_again() {
    WIPE_DEV.killed_everywhere(&Act::KillBefore);
}

#[test]
fn wiping_development_killed_after_any_change_ends_well_when_run_again() {
    WIPE_DEV.killed_everywhere(&Act::KillAfter);
}

#[test]
fn recreating_test_killed_before_any_change_ends_well_when_run_again() {
    RECREATE_TEST.killed_everywhere(&Act::KillBefore);
}

#[test]
fn recreating_test_killed_after_any_change_ends_well_when_run_again() {
    RECREATE_TEST.killed_everywhere(&Act::KillAfter);
}

#[test]
fn emptying_test_in_place_killed_before_any_change_ends_well_when_run_again() {
    EMPTY_TEST.killed_everywhere(&Act::KillBefore);
}

#[test]
fn emptying_test_in_place_killed_after_any_change_ends_well_when_run_again() {
    EMPTY_TEST.killed_everywhere(&Act::KillAfter);
}

#[test]
fn starting_development_killed_before_any_change_ends_well_when_run_again() {
    UP_FROM_NOTHING.killed_everywhere(&Act::KillBefore);
}

#[test]
fn starting_development_killed_after_any_change_ends_well_when_run_again() {
    UP_FROM_NOTHING.killed_everywhere(&Act::KillAfter);
}

#[test]
fn starting_staging_killed_before_any_change_ends_well_when_run_again() {
    UP_STAGING.killed_everywhere(&Act::KillBefore);
}

#[test]
fn starting_staging_killed_after_any_change_ends_well_when_run_again() {
    UP_STAGING.killed_everywhere(&Act::KillAfter);
}

#[test]
fn thawing_staging_killed_before_or_after_any_change_ends_well_when_run_again() {
    UP_FROM_PAUSED.killed_everywhere(&Act::KillBefore);
    UP_FROM_PAUSED.killed_everywhere(&Act::KillAfter);
}

#[test]
fn stopping_staging_killed_before_any_change_ends_well_when_run_again() {
    DOWN.killed_everywhere(&Act::KillBefore);
}

#[test]
fn stopping_staging_killed_after_any_change_ends_well_when_run_again() {
    DOWN.killed_everywhere(&Act::KillAfter);
}

#[test]
fn starting_and_stopping_all_at_once_killed_anywhere_end_well_when_run_again() {
    for number in [1, 5, 9, 13, 17, 21] {
        let set = Set::empty();
        set.order(&[at_change(number, Act::KillAfter)]);
        assert_eq!(set.xtask(&["up"]).run().code, None);
        set.order(&[]);
        set.xtask(&["up"]).run().code(0);
        for environment in Environment::LOCAL {
            runs(&set, environment);
        }
        set.order(&[at_change(number.min(15), Act::KillAfter)]);
        assert_eq!(set.xtask(&["down"]).run().code, None);
        set.order(&[]);
        set.xtask(&["down"]).run().code(0);
        let state = set.state();
        assert!(state.containers.is_empty() && state.networks.is_empty());
        assert_eq!(state.volumes.len(), 9);
    }
}

#[test]
fn an_instance_keeps_its_ports_over_a_wipe_that_was_killed() {
    let instance = ["--instance", "ci1"];
    let set = Set::empty();
    set.xtask(&["up", "dev"]).args(&instance).run().code(0);
    let ports = || {
        set.xtask(&["env", "dev"])
            .args(&instance)
            .run()
            .code(0)
            .stdout
    };
    let before = ports();
    for number in 1..=WIPE_DEV.changes {
        set.order(&[at_change(number, Act::KillAfter)]);
        assert_eq!(set.xtask(&WIPE).args(&instance).run().code, None);
        set.order(&[]);
        set.xtask(&WIPE).args(&instance).run().code(0);
        assert_eq!(ports(), before);
    }
}
