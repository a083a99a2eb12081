//! Between a run that was cut off and the same command again, time passes: people write, servers go
//! down and come up, other commands run. What the first run was allowed, the second is not by that.

use environments::{Environment, Service};
use rustix::process::Signal;

use crate::any_order::ops::{self, Fortune, Op};
use crate::any_order::world::World;
use crate::ledger::{kept, live, nothing_lost, snapshots};
use crate::model::Writes;
use crate::orders::{Act, When};
use crate::put_back::{Saved, WIPE, restore, runs, wipe};
use crate::running::Running;
use crate::set::{Set, at_call, main_set, servers};

const STAGING: Environment = Environment::Staging;

/// What a `docker` says that could not do it.
fn unable() -> Act {
    Act::Reply {
        code: 1,
        stdout: String::new(),
        stderr: "Error response from daemon: cannot kill container: operation timed out\n"
            .to_owned(),
    }
}

/// At the first `docker kill` of staging's servers.
fn at_kill(set: &Set, act: Act) -> (When, Act) {
    let neo4j = main_set(STAGING).container(Service::Neo4j);
    let id = &set.state().containers[&neo4j].id;
    at_call(&format!("kill {id}"), 1, act)
}

/// Both servers are down, by a command or by one that died.
const DOWNS: [fn(&Set); 2] = [
    |set| drop(set.xtask(&["down", "staging"]).run().code(0)),
    |set| {
        set.change_container(STAGING, Service::Neo4j, |container| {
            "exited".clone_into(&mut container.status);
        });
    },
];

/// The same wipe with the same plain phrase, after writes that no snapshot holds and where nothing can
/// be asked: nothing is removed.
fn no_wipe_without_new_guards(set: &Set, id: &str, down: fn(&Set), started_again: bool) {
    set.write(STAGING);
    let written = live(set, STAGING);
    assert_eq!(written.len(), 2, "a node and a key");
    down(set);
    let volumes = set.state().volumes;
    let ended = wipe(set, id, false).run().nowhere("contents not inspected");
    if started_again {
        // The killed run may have ended the server itself: it is started again, and compared anew.
        ended.code(1).stderr_has("LOSING CHANGES SINCE");
    } else {
        ended.code(3).stderr_has("cargo xtask up staging");
    }
    assert_eq!(set.state().volumes, volumes, "a volume was touched");
    // As it says: up, and then the guards say what would be lost.
    set.xtask(&["up", "staging"]).run().code(0);
    wipe(set, id, false).run().code(1);
    assert_eq!(live(set, STAGING), written);
    nothing_lost(set, STAGING);
    wipe(set, id, true).run().code(0);
    set.emptied(STAGING, 0);
}

#[test]
fn a_wipe_whose_first_kill_failed_asks_again_after_writes_and_a_stop() {
    for down in DOWNS {
        let saved = Saved::new(false);
        saved.set.order(&[at_kill(&saved.set, unable())]);
        wipe(&saved.set, &saved.id, false).run().code(1);
        saved.set.order(&[]);
        no_wipe_without_new_guards(&saved.set, &saved.id, down, false);
    }
}

#[test]
fn a_wipe_that_was_interrupted_right_after_its_phrase_asks_again_after_writes_and_a_stop() {
    for down in DOWNS {
        let saved = Saved::new(false);
        saved.set.order(&[at_kill(&saved.set, Act::Hang)]);
        let run = Running::start(&wipe(&saved.set, &saved.id, false));
        saved.set.await_mark("hanging");
        run.signal(Signal::INT);
        run.ended().code(130);
        saved.set.order(&[]);
        no_wipe_without_new_guards(&saved.set, &saved.id, down, false);
    }
}

#[test]
fn a_wipe_that_was_killed_before_its_first_change_asks_again_after_writes_and_a_stop() {
    // `down` has a line of its own in the journal; a server that died has none.
    for (down, died) in DOWNS.into_iter().zip([false, true]) {
        let saved = Saved::new(false);
        saved.set.order(&[at_kill(&saved.set, Act::KillBefore)]);
        assert_eq!(wipe(&saved.set, &saved.id, false).run().code, None);
        saved.set.order(&[]);
        no_wipe_without_new_guards(&saved.set, &saved.id, down, died);
    }
}

/// The same command, with whatever it says to do first done, twice at most.
#[track_caller]
fn up_if_asked(set: &Set, command: impl Fn() -> crate::harness::Xtask) {
    let ended = command().run();
    if ended.code == Some(0) {
        return;
    }
    ended.code(3).stderr_has("cargo xtask up staging");
    set.xtask(&["up", "staging"]).run().code(0);
    command().run().code(0);
}

#[test]
fn a_restore_that_was_refused_at_its_end_saves_what_was_written_since_before_it_goes_on() {
    let saved = Saved::new(false);
    let (set, id) = (&saved.set, saved.id.as_str());
    let somebody_writes = Act::Write(servers(STAGING).to_vec());
    set.order(&[at_call("/dump.rdb redis", 1, somebody_writes)]);
    restore(set, id)
        .run()
        .code(3)
        .stderr_has("somebody writes to staging");
    set.order(&[]);
    set.write(STAGING);
    let written = live(set, STAGING);
    assert_eq!(written.len(), 4);
    set.xtask(&["down", "staging"]).run().code(0);
    up_if_asked(set, || restore(set, id));
    runs(set);
    assert_eq!(live(set, STAGING), Writes::new(), "it holds {id} again");
    let safety = snapshots(set, STAGING);
    let safe = safety.values().any(|held| *held == written);
    assert!(safe, "no snapshot has what was there: {safety:?}");
    // What the command prints as the next one takes nothing that is nowhere else.
    set.xtask(&["restore", "staging", id, "--forget"])
        .args(&["--confirm", &format!("FORGET STAGING {id}")])
        .run()
        .code(0);
    assert_eq!(kept(set, STAGING), Writes::new());
    nothing_lost(set, STAGING);
}

#[test]
fn a_restore_that_goes_on_after_it_was_cut_off_says_what_it_has_kept() {
    let saved = Saved::new(true);
    let (set, id) = (&saved.set, saved.id.as_str());
    set.order(&[at_call("restore swap", 1, Act::KillBefore)]);
    assert_eq!(restore(set, id).run().code, None);
    set.order(&[]);
    restore(set, id)
        .run()
        .code(0)
        .stdout_has("and is kept in its volumes until")
        .nowhere("again, and kept");
}

/// The same, with all that must be so in any order of commands.
#[test]
fn a_wipe_that_was_cut_off_around_its_first_kill_has_no_licence_after_writes_and_a_stop() {
    let world = World::new();
    let wipe = ops::Command::Wipe {
        age: 0,
        losing: false,
    };
    // Before these changes it reads and compares alone; with them it begins to kill.
    for at in WIPE - 14..WIPE - 11 {
        for cut_off in [Fortune::KilledBefore(at), Fortune::Fails(at)] {
            let sequence = [
                Op::Run(wipe, cut_off),
                Op::Writes(STAGING),
                Op::Run(ops::Command::Down(STAGING), Fortune::Undisturbed),
                Op::Again,
            ];
            if let Err(told) = world.case(&sequence) {
                panic!("{told}");
            }
        }
    }
}
