//! A snapshot whose engine stops answering, or whose client hangs, and one of servers that somebody
//! else has frozen.

use environments::{Environment, Service};

use crate::orders::Act;
use crate::running::Running;
use crate::set::{Set, at_call, at_change, main_set, observe};
use crate::snapshots::{SNAPSHOT, all_but_scratch, frozen, no_scratch, snapshot, whole};

/// From the first to the last change of staging's own containers: the freeze.
fn freeze() -> std::ops::RangeInclusive<usize> {
    let set = Set::usual();
    snapshot(&set).run().code(0);
    let staging = main_set(Environment::Staging);
    let own = Service::ALL.map(|service| format!("container {}", staging.container(service)));
    let changes = set.changes();
    let mut at = (1..).zip(&changes).filter(|(_, one)| own.contains(one));
    let first = at.next().expect("it is frozen").0;
    first..=at.last().expect("it is thawed").0
}

#[test]
fn a_snapshot_whose_engine_stops_answering_at_any_change_fails_and_ends_well_when_run_again() {
    let freeze = freeze();
    for number in 1..=SNAPSHOT {
        let set = Set::usual();
        let before = all_but_scratch(&set);
        set.order(&[at_change(number, Act::Gone)]);
        let running = Running::start(&snapshot(&set));
        observe("the engine is gone", || set.state().gone);
        if freeze.contains(&number) {
            // Whoever holds the freeze goes on until it can thaw: the engine comes back.
            let told = |set: &Set| {
                let calls = set.calls().into_iter();
                calls
                    .filter(|(words, _)| words.starts_with("unpause "))
                    .count()
            };
            observe("it is to thaw", || told(&set) > 0);
            set.change(|state| state.gone = false);
        }
        let ended = running.ended();
        let code = ended.exit_code();
        let thawed = *freeze.end() - 1 <= number && number <= *freeze.end();
        // A thaw that came late is one all the same.
        assert!(
            code == Some(1) || thawed && code == Some(0),
            "change {number}: {}",
            ended.stderr
        );
        if code == Some(1) {
            let said = &ended.stderr;
            assert!(
                said.contains("Cannot connect to the Docker daemon"),
                "{number}: {said}"
            );
        }
        set.order(&[]);
        set.change(|state| state.gone = false);
        observe("both run again", || !frozen(&set));
        assert_eq!(all_but_scratch(&set), before, "change {number}");
        let left = whole(&set);
        assert!(
            left == usize::from(code == Some(0)) || number > SNAPSHOT - 2,
            "change {number}"
        );
        snapshot(&set).run().code(0);
        assert_eq!(whole(&set), left + 1);
        assert_eq!(all_but_scratch(&set), before, "after change {number}");
        no_scratch(&set);
    }
}

#[test]
fn a_client_that_hangs_at_the_pause_is_given_up_and_both_run_on() {
    let set = Set::usual();
    let before = all_but_scratch(&set);
    set.order(&[at_call("pause ", 1, Act::Hang)]);
    snapshot(&set)
        .run()
        .code(1)
        .stderr_has("the servers could not be frozen")
        .stderr_has("docker pause");
    assert_eq!((all_but_scratch(&set), whole(&set)), (before, 0));
    assert!(!frozen(&set));
    no_scratch(&set);
}

#[test]
fn servers_that_somebody_has_frozen_are_thawed_and_saved_and_it_is_said() {
    for services in [&Service::ALL[..], &[Service::Redis]] {
        let set = Set::usual();
        let before = all_but_scratch(&set);
        for service in services {
            set.change_container(Environment::Staging, *service, |container| {
                "paused".clone_into(&mut container.status);
            });
        }
        snapshot(&set)
            .run()
            .code(0)
            .stderr_has("because a run that froze them has gone");
        // The same containers, started when they were.
        assert_eq!((all_but_scratch(&set), whole(&set)), (before, 1));
    }
}

#[test]
fn a_neo4j_that_is_sick_is_not_saved() {
    let set = Set::usual();
    set.change_container(Environment::Staging, Service::Neo4j, |container| {
        container.fate.sick = Some("Bolt does not answer".to_owned());
    });
    snapshot(&set)
        .run()
        .code(3)
        .stderr_has("its servers do not answer")
        .stderr_has("cargo xtask up staging");
    set.untouched();
}
