//! An old Redis volume that bears development's own name: kept as a copy before its name is freed,
//! whatever happens on the way.

use environments::{Environment, Volume};

use crate::harness::Xtask;
use crate::model;
use crate::orders::Act;
use crate::set::{Set, at_call, at_change, main_set};

const OLD: &str = "tta_redis_dev_data";
const KEPT: &str = "tta_redis_dev_data_kept";
const PHRASE: &str = "REPLACE DEV VOLUMES";
/// How many changes an undisturbed run makes.
const CHANGES: usize = 33;

/// Neighbours that run, and the volume of an old stack that is down.
fn begin() -> Set {
    let set = Set::running(&[Environment::Test, Environment::Staging]);
    set.change(|state| {
        let old = model::Volume {
            created_at: state.moment(),
            keys: 7,
            bare: 7,
            ..model::Volume::default()
        };
        state.volumes.insert(OLD.to_owned(), old);
    });
    set
}

fn adopt(set: &Set) -> Xtask {
    set.xtask(&["adopt", "dev", "--from-redis", OLD])
}

fn confirmed(set: &Set) -> Xtask {
    adopt(set).args(&["--confirm", PHRASE])
}

/// Whether the old volume, as it was, or a whole copy of it is there.
fn nothing_is_lost(set: &Set) -> bool {
    let state = set.state();
    let as_it_was = |name: &str| {
        state.volumes.get(name).is_some_and(|volume| {
            let whole = name == OLD && volume.labels.is_empty() || volume.kept;
            whole && (volume.keys, volume.bare) == (7, 7)
        })
    };
    as_it_was(OLD) || as_it_was(KEPT)
}

#[track_caller]
fn adopted(set: &Set, neighbours: &str) {
    let dev = main_set(Environment::Dev);
    let mut state = set.state();
    let own = state.volumes[&dev.volume(Volume::RedisData)].clone();
    assert_eq!(own.labels["org.tta.environment"], "dev");
    assert_eq!((own.keys, own.bare, &own.adopting), (7, 0, &None));
    let copy = state.volumes.remove(KEPT).expect("it is kept");
    assert_eq!((copy.keys, copy.bare, copy.kept), (7, 7, true));
    assert_eq!(copy.labels["org.tta.kept"], OLD);
    // With the environment and its copy away, nothing is left that was not there before.
    set.change(|now| *now = state);
    assert_eq!(set.neighbours_of(Environment::Dev), neighbours);
}

/// All but the old volume.
fn neighbours(set: &Set) -> String {
    set.neighbours_of(Environment::Dev)
}

/// What is so after a change is so before the next.
#[test]
fn adopting_an_old_volume_of_our_own_name_killed_after_any_change_loses_nothing() {
    for number in 1..=CHANGES {
        let set = begin();
        let before = neighbours(&set);
        set.order(&[at_change(number, Act::KillAfter)]);
        let killed = confirmed(&set).run();
        assert_eq!(killed.code, None, "not killed at {number}: {killed:?}");
        assert!(nothing_is_lost(&set), "killed at change {number}");
        set.order(&[]);
        let again = confirmed(&set).run();
        assert_eq!(again.code, Some(0), "killed at change {number}: {again:?}");
        adopted(&set, &before);
    }
    // So that no kill point is left out when the command learns to do more.
    let set = begin();
    confirmed(&set).run().code(0);
    assert_eq!(set.changes().len(), CHANGES, "{:?}", set.changes());
}

#[test]
fn an_old_volume_of_our_own_name_is_replaced_by_its_phrase_alone() {
    let set = begin();
    let before = neighbours(&set);
    let old = set.state().volumes[OLD].clone();
    let untouched = |set: &Set| {
        assert_eq!(set.state().volumes.get(OLD), Some(&old));
        assert_eq!(neighbours(set), before, "something is left");
    };
    adopt(&set)
        .run()
        .code(3)
        .stderr_has("7 keys; 7 without an environment's prefix")
        .stderr_has(PHRASE);
    untouched(&set);
    adopt(&set)
        .args(&["--confirm", "DELETE DEV DATA"])
        .run()
        .code(1);
    untouched(&set);
    confirmed(&set).args(&["--dry-run"]).run().code(0);
    untouched(&set);

    confirmed(&set).run().code(0).stdout_has(KEPT);
    adopted(&set, &before);
}

/// Runs it where something is amiss: refused, and the old volume stays.
#[track_caller]
fn refused(set: &Set, why: &str) {
    confirmed(set).run().code(3).stderr_has(why);
    assert!(set.state().volumes.contains_key(OLD), "it was removed");
    let left = |name: &String| name.ends_with("adopting");
    let state = set.state();
    assert!(!state.volumes.keys().any(left) && !state.containers.keys().any(left));
}

#[test]
fn a_volume_that_has_the_name_of_the_copy_is_never_written_to() {
    let set = begin();
    let somebody_elses = model::Volume {
        created_at: "2026-01-01T00:00:00Z".to_owned(),
        keys: 1,
        ..model::Volume::default()
    };
    let kept = somebody_elses.clone();
    set.change(|state| {
        state.volumes.insert(KEPT.to_owned(), kept);
    });
    refused(&set, "is there already, and is no copy of");
    assert_eq!(set.state().volumes[KEPT], somebody_elses);
}

#[test]
fn a_copy_is_not_written_over_when_its_original_was_used_again() {
    let set = begin();
    // Killed with the copy whole, before anything was removed.
    set.order(&[at_call("set -- whole", 1, Act::KillBefore)]);
    assert_eq!(confirmed(&set).run().code, None);
    set.order(&[]);
    set.change(|state| state.volumes.get_mut(OLD).expect("it is there").keys = 8);
    let copy = set.state().volumes[KEPT].clone();
    assert!(copy.kept);
    refused(&set, "is no copy of tta_redis_dev_data as it is now");
    assert_eq!(set.state().volumes[KEPT], copy);
}

#[test]
fn an_old_volume_that_changes_while_it_is_kept_stays() {
    let set = begin();
    let more = serde_json::json!({ "volumes": { OLD: { "keys": 8 } } });
    set.order(&[at_call("set -- whole", 1, Act::Behind(more))]);
    refused(&set, "is no copy of tta_redis_dev_data as it is now");

    // Removed and made anew by somebody else.
    let set = begin();
    let other = serde_json::json!({ "volumes": { OLD: { "created_at": "2026-02-01T00:00:00Z" } } });
    set.order(&[at_call("set -- whole", 1, Act::Behind(other))]);
    refused(&set, "is not the one that the plan saw");
}

#[test]
fn an_old_volume_that_goes_away_is_not_kept_as_an_empty_one() {
    let set = begin();
    let gone = serde_json::json!({ "volumes": { OLD: null } });
    set.order(&[at_call("stop --time", 1, Act::Behind(gone))]);
    confirmed(&set)
        .run()
        .code(1)
        .stderr_has("tta_redis_dev_data is gone");
    assert!(!set.state().volumes.contains_key(KEPT));
}

#[test]
fn an_old_volume_that_any_container_has_is_refused_before_it_is_read() {
    let set = begin();
    set.change(|state| {
        let stopped = model::Container {
            id: state.id(),
            status: "exited".to_owned(),
            mounts: [("/data".to_owned(), OLD.to_owned())].into(),
            ..model::Container::default()
        };
        state.containers.insert("old-redis".to_owned(), stopped);
    });
    refused(&set, "belongs to a container");
    set.untouched();
}

#[test]
fn a_copy_of_one_environments_volume_is_no_source_for_another() {
    let set = begin();
    confirmed(&set).run().code(0);
    set.xtask(&["adopt", "test", "--from-redis", KEPT])
        .run()
        .code(3)
        .stderr_has("it is an environment's own already");
}

#[test]
fn what_redis_leaves_out_of_a_file_that_was_cut_off_is_told_before_and_after() {
    let set = begin();
    let log = "before loading: 311 bytes in appendonly.aof.1.incr.aof\n\
               # !!! Warning: short read while loading the AOF file appendonly.aof.1.incr.aof!!!\n\
               # !!! Truncating the AOF appendonly.aof.1.incr.aof at offset 259 !!!\n\
               # AOF appendonly.aof.1.incr.aof loaded anyway because aof-load-truncated is enabled\n\
               * Ready to accept connections tcp\n";
    let told = "52 bytes at the end of appendonly.aof.1.incr.aof, which was cut off half way";
    set.answer("logs --tail", 0, log, "");
    adopt(&set)
        .run()
        .code(3)
        .stderr_has(&format!("left out of {OLD}: {told}"));
    confirmed(&set)
        .run()
        .code(0)
        .stderr_has(&format!("left out of {OLD}: {told}"))
        .stdout_has(&format!("left out: {told}"));
}
