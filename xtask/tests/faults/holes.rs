//! What a killed run left must not keep anybody from their work; a journal that is torn or cannot be
//! written hides nothing; and what a plan and the journal say is so.

use std::fs;

use environments::{Environment, Service, Volume};
use rustix::process::Signal;
use serde_json::json;

use crate::engine::CHANGING;
use crate::harness::Xtask;
use crate::model;
use crate::orders::Act;
use crate::put_back::{Saved, restore, wipe};
use crate::running::Running;
use crate::set::{Set, WIPE, at_call, at_change, main_set};
use crate::snapshots::whole;

// What a killed `adopt` leaves.

const OLD: &str = "old_redis_data";

/// Staging saved and drilled, and then an `adopt` of it killed while it read its copy.
fn beside_a_killed_adoption() -> Saved {
    let saved = Saved::new(false);
    saved.set.change(|state| {
        let old = model::Volume {
            created_at: state.moment(),
            keys: 7,
            bare: 7,
            ..model::Volume::default()
        };
        state.volumes.insert(OLD.to_owned(), old);
    });
    let adopt = ["adopt", "staging", "--from-redis", OLD];
    // The copy is made, and a scratch server is started on it.
    saved.set.order(&[at_change(4, Act::KillAfter)]);
    assert_eq!(saved.set.xtask(&adopt).run().code, None);
    saved.set.order(&[]);
    assert!(
        !left_by_adoptions(&saved.set).is_empty(),
        "nothing was left"
    );
    saved
}

fn left_by_adoptions(set: &Set) -> Vec<String> {
    let state = set.state();
    let all = state
        .volumes
        .into_keys()
        .chain(state.containers.into_keys());
    all.filter(|name| name.ends_with("adopting")).collect()
}

/// It ends well, and what the killed run has left is gone.
#[track_caller]
fn is_not_in_the_way_of(command: fn(&Set, &str) -> Xtask) {
    let saved = beside_a_killed_adoption();
    command(&saved.set, &saved.id).run().code(0);
    assert_eq!(left_by_adoptions(&saved.set), Vec::<String>::new());
    assert!(
        saved.set.state().volumes.contains_key(OLD),
        "it was removed"
    );
}

#[test]
fn a_snapshot_sweeps_what_a_killed_adoption_has_left() {
    is_not_in_the_way_of(|set, _| set.xtask(&["snapshot-staging"]));
}

#[test]
fn a_drill_sweeps_what_a_killed_adoption_has_left() {
    is_not_in_the_way_of(|set, _| set.xtask(&["drill"]));
}

#[test]
fn a_restore_sweeps_what_a_killed_adoption_has_left() {
    is_not_in_the_way_of(restore);
}

#[test]
fn a_wipe_sweeps_what_a_killed_adoption_has_left() {
    is_not_in_the_way_of(|set, id| wipe(set, id, false));
}

#[test]
fn a_check_before_a_deployment_sweeps_what_a_killed_adoption_has_left() {
    let saved = beside_a_killed_adoption();
    let set = &saved.set;
    set.xtask(&["pre-deploy"])
        .run()
        .nowhere("carries the label org.tta.run");
    assert_eq!(whole(set), 2, "staging was saved");
    assert_eq!(left_by_adoptions(set), Vec::<String>::new());
    // The proof asks more than this fake knows.
    fs::remove_file(set.engine.file("log.jsonl")).expect("a log");
}

#[test]
fn an_adoption_is_not_kept_by_what_a_killed_drill_has_left() {
    let saved = Saved::new(false);
    let set = &saved.set;
    set.order(&[at_change(4, Act::KillAfter)]);
    assert_eq!(set.xtask(&["drill"]).run().code, None);
    set.order(&[]);
    let adopt = ["adopt", "staging", "--engine"];
    set.xtask(&adopt).run().code(0);
    set.xtask(&["drill"]).run().code(0);
}

// A journal that is torn, or cannot be written.

/// Half a line, cut in the middle of a letter: what a machine leaves that went down while it wrote.
fn tear(set: &Set) {
    let path = set.path("state/journal.jsonl");
    let mut journal = fs::read(&path).unwrap_or_default();
    journal.extend_from_slice(b"{\"at\":\"2026-11-30T10:00:00Z\",\"who\":\"J\xc3");
    fs::create_dir_all(set.path("state")).expect("a folder");
    fs::write(path, journal).expect("the journal");
}

#[test]
fn a_journal_that_was_torn_within_a_letter_stops_no_command() {
    for args in CHANGING {
        let set = Set::usual();
        set.xtask(&["up", "dev"]).run().code(0);
        tear(&set);
        set.xtask(args).run().code(0);
        let history = set.xtask(&["history"]).run().code(0);
        // What is whole is shown, before the tear and after it.
        assert!(history.stdout.lines().count() > 2, "{}", history.stdout);
    }
}

#[test]
fn a_journal_that_was_torn_within_a_letter_keeps_no_snapshot_from_being_restored() {
    let saved = Saved::new(true);
    tear(&saved.set);
    restore(&saved.set, &saved.id).run().code(0);
    saved.set.xtask(&["snapshot-staging"]).run().code(0);
}

/// From now on nothing can be written to the state folder: a file stands in its place.
fn break_the_journal(set: &Set) {
    fs::rename(set.path("state"), set.path("state.away")).expect("it is moved");
    fs::write(set.path("state"), "").expect("a file");
}

#[test]
fn a_failure_is_told_also_where_the_journal_cannot_be_written() {
    let set = Set::usual();
    let unable = Act::Reply {
        code: 1,
        stdout: String::new(),
        stderr: "Error response from daemon: no space left on device\n".to_owned(),
    };
    set.order(&[
        at_call("volume rm", 1, Act::Wait),
        at_call("volume rm", 1, unable),
    ]);
    let run = Running::start(&set.xtask(&WIPE));
    set.await_mark("waiting");
    break_the_journal(&set);
    set.release();
    let ended = run.ended().code(1);
    for said in ["dev: remove volumes", "no space left on device", "journal"] {
        assert!(ended.stderr.contains(said), "no {said:?}: {}", ended.stderr);
    }
}

#[test]
fn ctrl_c_ends_with_130_also_where_the_journal_cannot_be_written() {
    let set = Set::usual();
    set.order(&[at_call("volume rm", 1, Act::Hang)]);
    let run = Running::start(&set.xtask(&WIPE));
    set.await_mark("hanging");
    break_the_journal(&set);
    run.signal(Signal::INT);
    let ended = run.ended().code(130);
    assert!(ended.stderr.contains("journal"), "{}", ended.stderr);
}

#[test]
fn a_refusal_ends_with_3_also_where_the_journal_cannot_be_written() {
    let set = Set::usual();
    // Made anew by somebody else since the plan.
    let anew =
        json!({ "volumes": { "tta_neo4j_dev_data": { "created_at": "2031-05-05T05:05:05Z" } } });
    // In the step that removes the volumes, which looks at them once more.
    let look = "volume inspect tta_neo4j_dev_data";
    set.order(&[
        at_call(look, 2, Act::Wait),
        at_call(look, 2, Act::Behind(anew)),
    ]);
    let run = Running::start(&set.xtask(&WIPE));
    set.await_mark("waiting");
    break_the_journal(&set);
    set.release();
    let ended = run.ended().code(3);
    for said in ["is not the one that the plan saw", "journal"] {
        assert!(ended.stderr.contains(said), "no {said:?}: {}", ended.stderr);
    }
}

// What a plan and the journal say.

const NETWORK: &str = "tta-dev-network";

/// Somebody's container runs on development's network.
fn with_a_guest() -> Set {
    let set = Set::usual();
    set.change(|state| {
        let guest = model::Container {
            id: state.id(),
            project: "theirs".to_owned(),
            image: "busybox".to_owned(),
            network: NETWORK.to_owned(),
            status: "running".to_owned(),
            started_at: state.moment(),
            ..model::Container::default()
        };
        state.containers.insert("their-agent".to_owned(), guest);
    });
    set
}

/// What the journal has as removed by all runs so far.
fn removed(set: &Set) -> String {
    let history = set
        .xtask(&["history", "--format", "json"])
        .run()
        .code(0)
        .json();
    history["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| run["removed"].to_string())
        .collect()
}

#[test]
fn the_plan_of_a_stop_says_who_is_left_on_the_network() {
    let set = with_a_guest();
    set.xtask(&["down", "dev", "--dry-run"])
        .run()
        .code(0)
        .stderr_has("their-agent")
        .nowhere("nobody is left");
    let set = Set::usual();
    set.xtask(&["down", "dev", "--dry-run"])
        .run()
        .code(0)
        .stderr_has("remove network");
}

#[test]
fn a_stop_with_somebody_on_the_network_stops_ours_and_says_what_to_do_about_theirs() {
    let set = with_a_guest();
    let guest = set.state().containers["their-agent"].clone();
    for time in ["once", "again"] {
        let ended = set.xtask(&["down", "dev"]).run();
        let all = [ended.stdout.as_str(), &ended.stderr].concat();
        assert!(all.contains("their-agent"), "{time}: {ended:?}");
        assert!(!all.contains("nobody is left"), "{time}: {ended:?}");
        if ended.code != Some(0) {
            ended.stderr_has("next: ").stderr_has("docker ");
        }
        let state = set.state();
        for service in Service::ALL {
            let ours = main_set(Environment::Dev).container(service);
            assert!(!state.containers.contains_key(&ours), "{time}: {ours}");
        }
        assert_eq!(state.containers["their-agent"], guest, "{time}");
        assert!(state.networks.contains_key(NETWORK), "{time}");
        assert!(
            !removed(&set).contains(NETWORK),
            "{time}: {}",
            removed(&set)
        );
    }
    // As soon as they are gone, so is the network.
    set.change(|state| drop(state.containers.remove("their-agent")));
    set.xtask(&["down", "dev"]).run().code(0);
    assert!(!set.state().networks.contains_key(NETWORK));
    assert!(removed(&set).contains(NETWORK), "{}", removed(&set));
}

#[test]
fn the_journal_of_a_run_that_failed_has_as_removed_what_was_removed() {
    let set = Set::usual();
    set.answer(
        "volume rm",
        1,
        "",
        "Error response from daemon: device or resource busy\n",
    );
    set.xtask(&WIPE).run().code(1);
    let removed = removed(&set);
    assert!(removed.contains("tta-dev-neo4j"), "{removed}");
    for volume in Volume::ALL {
        let name = main_set(Environment::Dev).volume(volume);
        assert!(!removed.contains(&name), "{name} is there: {removed}");
    }
}

#[test]
fn the_journal_of_a_run_that_was_killed_has_nothing_as_removed_that_is_there() {
    for number in 1..=5 {
        let set = Set::usual();
        let before = set.state();
        set.order(&[at_change(number, Act::KillBefore)]);
        assert_eq!(set.xtask(&["down", "staging"]).run().code, None);
        set.order(&[]);
        let (removed, state) = (removed(&set), set.state());
        for (name, container) in &before.containers {
            let there = state.containers.contains_key(name);
            let told = removed.contains(&container.id) || removed.contains(name);
            assert!(
                !there || !told,
                "killed at {number}: {name} is there: {removed}"
            );
        }
        assert!(
            !removed.contains("network"),
            "killed at {number}: {removed}"
        );
    }
}

#[test]
fn ctrl_c_while_a_protected_environment_is_asked_ends_with_130() {
    let saved = Saved::new(false);
    let (set, id) = (&saved.set, saved.id.as_str());
    let commands: [fn(&Set, &str) -> Xtask; 3] = [
        |set, _| set.xtask(&["snapshot-staging"]),
        |set, id| wipe(set, id, false),
        restore,
    ];
    for command in commands {
        let set = saved.again();
        set.order(&[at_call(" look ", 1, Act::Hang)]);
        let run = Running::start(&command(set, id));
        set.await_mark("hanging");
        run.signal(Signal::INT);
        run.ended().code(130);
        fs::remove_file(set.engine.file("hanging")).expect("the mark");
    }
    set.order(&[]);
}
