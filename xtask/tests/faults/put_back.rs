//! Drills, restores and wipes behind a snapshot that are killed: run again, they end well.

use std::fs;

use environments::{Environment, Service, Volume};

use crate::harness::Xtask;
use crate::model::State;
use crate::orders::Act;
use crate::set::{Set, at_change, main_set, observe};
use crate::snapshots::{all_but_scratch, frozen, no_scratch, snapshot, whole};

const JOURNAL: &str = "state/journal.jsonl";

/// How many changes undisturbed runs make on the engine.
pub(crate) const DRILL: usize = 11;
pub(crate) const RESTORE: usize = 37;
pub(crate) const WIPE: usize = 30;

/// Staging saved and drilled, to be begun with again and again.
pub(crate) struct Saved {
    pub(crate) set: Set,
    pub(crate) id: String,
    engine: State,
    journal: Vec<u8>,
}

impl Saved {
    pub(crate) fn new(and_changed: bool) -> Self {
        let (set, id) = saved(and_changed);
        Self::at(set, id)
    }

    /// The same of this one.
    pub(crate) fn of(set: Set) -> Self {
        let id = save(&set);
        Self::at(set, id)
    }

    fn at(set: Set, id: String) -> Self {
        Self {
            engine: set.state(),
            journal: fs::read(set.path(JOURNAL)).expect("a journal"),
            set,
            id,
        }
    }

    /// To be restored where an earlier restore has loaded something and was cut off then.
    fn beside_half_a_restore() -> Self {
        let mut saved = Self::new(true);
        left_by_a_restore(&saved.set);
        saved.engine = saved.set.state();
        saved
    }

    /// Everything as it was then.
    pub(crate) fn again(&self) -> &Set {
        let set = &self.set;
        set.change(|state| state.clone_from(&self.engine));
        fs::write(set.path(JOURNAL), &self.journal).expect("the journal");
        let saved = fs::read_dir(set.checkout().join("backups/staging")).expect("a folder");
        for entry in saved.map(|entry| entry.expect("an entry")) {
            if entry.file_name() != self.id.as_str() {
                fs::remove_dir_all(entry.path()).expect("it is removed");
            }
        }
        set
    }
}

/// Staging saved and drilled, and a node and a key written since where the test asks for it.
fn saved(and_changed: bool) -> (Set, String) {
    let set = Set::usual();
    let id = save(&set);
    if and_changed {
        set.change_graph(Environment::Staging, |graph| graph.nodes += 1);
        let redis = main_set(Environment::Staging).volume(Volume::RedisData);
        set.change(|state| state.volumes.get_mut(&redis).expect("it is there").keys += 1);
    }
    (set, id)
}

/// Saves staging and drills that; the snapshot's id.
fn save(set: &Set) -> String {
    snapshot(set).run().code(0);
    set.xtask(&["drill"]).run().code(0);
    let listed = set.xtask(&["snapshots", "list", "--format", "json"]);
    let listed = listed.run().code(0).json();
    let all = listed["snapshots"].as_array().expect("a list");
    let newest = all.iter().filter_map(|one| one["id"].as_str()).max();
    newest.expect("an id").to_owned()
}

/// Something that was loaded beside the data and never proved.
fn left_by_a_restore(set: &Set) {
    for volume in [Volume::Neo4jData, Volume::RedisData] {
        let name = main_set(Environment::Staging).volume(volume);
        set.change(|state| {
            state
                .volumes
                .get_mut(&name)
                .expect("it is there")
                .beside("20200101_000000")
                .keys = 77
        });
    }
}

pub(crate) fn restore(set: &Set, id: &str) -> Xtask {
    set.xtask(&["restore", "staging", id])
        .args(&["--confirm", &format!("RESTORE STAGING {id}")])
}

pub(crate) fn wipe(set: &Set, id: &str, losing: bool) -> Xtask {
    let phrase = format!("DELETE STAGING DATA, BACKUP {id}");
    let phrase = if losing {
        format!("{phrase}, LOSING CHANGES SINCE {id}")
    } else {
        phrase
    };
    set.xtask(&["wipe", "staging", "--backup", id])
        .args(&["--confirm", &phrase])
}

/// The changes of a run from its beginning on.
fn changes_of(set: &Set, run: Xtask) -> usize {
    let before = set.changes().len();
    run.run().code(0);
    set.changes().len() - before
}

#[track_caller]
pub(crate) fn runs(set: &Set) {
    let state = set.state();
    for service in Service::ALL {
        let name = main_set(Environment::Staging).container(service);
        assert_eq!(state.containers[&name].status, "running");
    }
}

/// What a restore keeps of what was there before.
fn kept(set: &Set) -> Vec<(u64, u64)> {
    let staging = main_set(Environment::Staging);
    let state = set.state();
    let before = |volume| {
        let before = state.volumes[&staging.volume(volume)].before.clone();
        before.into_values()
    };
    let both = before(Volume::Neo4jData).zip(before(Volume::RedisData));
    both.map(|(neo4j, redis)| (neo4j.graph.map_or(0, |graph| graph.nodes), redis.keys))
        .collect()
}

#[test]
fn a_drill_killed_before_or_after_any_change_touches_no_server_and_ends_well_when_run_again() {
    let saved = Saved::new(false);
    for act in [Act::KillBefore, Act::KillAfter] {
        for number in 1..=DRILL {
            let set = saved.again();
            let before = all_but_scratch(set);
            set.order(&[at_change(number, act.clone())]);
            let killed = set.xtask(&["drill"]).run();
            assert_eq!(killed.code, None, "change {number}: {killed:?}");
            set.order(&[]);
            assert_eq!(all_but_scratch(set), before, "killed at change {number}");
            set.xtask(&["drill"]).run().code(0);
            assert_eq!(all_but_scratch(set), before, "after change {number}");
            no_scratch(set);
        }
    }
}

fn restore_killed_everywhere(act: &Act) {
    let saved = Saved::beside_half_a_restore();
    for number in 1..=RESTORE {
        let (set, id) = (saved.again(), saved.id.as_str());
        let neighbours = set.neighbours_of(Environment::Staging);
        set.order(&[at_change(number, act.clone())]);
        let killed = restore(set, id).run();
        // The calls of the process that holds the freeze kill that one; the restore ends by itself.
        assert_ne!(killed.code, Some(0), "change {number}: {killed:?}");
        set.order(&[]);
        observe("nothing is frozen", || !frozen(set));
        // What is there is all of before or all of the snapshot, or the next command tells.
        let again = restore(set, id).run();
        assert_eq!(again.code, Some(0), "killed at change {number}: {again:?}");
        runs(set);
        set.holds(Environment::Staging, 3, 5);
        assert_eq!(kept(set), [(4, 6)], "killed at change {number}");
        // What was there before is saved as well.
        assert!(whole(set) >= 2, "killed at change {number}");
        assert_eq!(set.neighbours_of(Environment::Staging), neighbours);
        no_scratch(set);
    }
}

#[test]
fn a_restore_killed_before_any_change_ends_well_when_run_again() {
    restore_killed_everywhere(&Act::KillBefore);
}

#[test]
fn a_restore_killed_after_any_change_ends_well_when_run_again() {
    restore_killed_everywhere(&Act::KillAfter);
}

#[test]
fn servers_are_not_started_on_a_half_restored_set_and_the_restore_is_named_that_ends_it() {
    let saved = Saved::new(true);
    let staging = main_set(Environment::Staging);
    let swapped = |set: &Set, volume| {
        let before = &set.state().volumes[&staging.volume(volume)].before;
        !before.is_empty()
    };
    let half = (1..=RESTORE).rev().find(|number| {
        let set = saved.again();
        set.order(&[at_change(*number, Act::KillAfter)]);
        restore(set, &saved.id).run();
        set.order(&[]);
        swapped(set, Volume::Neo4jData) && !swapped(set, Volume::RedisData)
    });
    assert!(half.is_some(), "no kill point lies between the two stores");
    let set = &saved.set;
    let before = set.state().containers;
    let next = format!("cargo xtask restore staging {}", saved.id);
    set.xtask(&["up", "staging"])
        .run()
        .code(3)
        .stderr_has("cut off half way")
        .stderr_has(&next);
    assert_eq!(set.state().containers, before);
    // Also where its containers are gone.
    set.xtask(&["down", "staging"]).run().code(0);
    set.xtask(&["up", "staging"])
        .run()
        .code(3)
        .stderr_has(&next);
    restore(set, &saved.id).run().code(0);
    runs(set);
    set.holds(Environment::Staging, 3, 5);
    assert_eq!(kept(set), [(4, 6)]);
}

fn wipe_killed_everywhere(act: &Act, losing: bool) {
    let saved = Saved::new(losing);
    for number in 1..=WIPE {
        let (set, id) = (saved.again(), saved.id.as_str());
        let neighbours = set.neighbours_of(Environment::Staging);
        set.order(&[at_change(number, act.clone())]);
        let killed = wipe(set, id, losing).run();
        assert_ne!(killed.code, Some(0), "change {number}: {killed:?}");
        set.order(&[]);
        observe("nothing is frozen", || !frozen(set));
        let again = wipe(set, id, losing).run();
        assert_eq!(again.code, Some(0), "killed at change {number}: {again:?}");
        runs(set);
        set.emptied(Environment::Staging, 0);
        assert_eq!(set.neighbours_of(Environment::Staging), neighbours);
        no_scratch(set);
    }
}

#[test]
fn a_wipe_of_staging_killed_before_any_change_ends_well_when_run_again() {
    wipe_killed_everywhere(&Act::KillBefore, false);
}

#[test]
fn a_wipe_of_staging_killed_after_any_change_ends_well_when_run_again() {
    wipe_killed_everywhere(&Act::KillAfter, false);
}

#[test]
fn no_kill_point_of_a_drill_a_restore_or_a_wipe_is_left_out() {
    let (set, id) = saved(true);
    assert_eq!(changes_of(&set, set.xtask(&["drill"])), DRILL);
    left_by_a_restore(&set);
    assert_eq!(changes_of(&set, restore(&set, &id)), RESTORE);
    // Where nothing was left there is nothing to be removed.
    let (set, id) = saved(true);
    assert_eq!(changes_of(&set, restore(&set, &id)), RESTORE - 2);
    let (set, id) = saved(true);
    assert_eq!(changes_of(&set, wipe(&set, &id, true)), WIPE);
}
