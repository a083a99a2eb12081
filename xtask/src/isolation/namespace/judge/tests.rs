use std::collections::BTreeMap;

use environments::Environment::{Dev, Prod, Staging, Test};

use super::*;
use crate::namespace::audit::Sample;

pub(super) fn healthy(environment: Environment) -> Site {
    let census = Census {
        own: 3,
        calls: 1,
        ..Census::default()
    };
    Site {
        environment,
        nodes: Ok(Nodes {
            name: format!("tta-{environment}-neo4j"),
            census: census.clone(),
            databases: BTreeMap::from([(environment.database().to_owned(), true)]),
        }),
        keys: Ok(Keys {
            name: format!("tta-{environment}-redis"),
            census,
            any_key: false,
        }),
    }
}

fn nodes(sites: &mut [Site], at: usize) -> &mut Nodes {
    sites[at].nodes.as_mut().expect("it was asked")
}

fn keys(sites: &mut [Site], at: usize) -> &mut Keys {
    sites[at].keys.as_mut().expect("it was asked")
}

fn judged(change: impl FnOnce(&mut [Site])) -> Outcome {
    let mut sites = [Dev, Test, Staging].map(healthy);
    change(&mut sites);
    judge(&Instance::main(), &sites)
}

fn found(outcome: &Outcome) -> Vec<String> {
    outcome
        .findings
        .iter()
        .map(|one| format!("{} {}", one.fault.id, one.environments.join(" ")))
        .collect()
}

#[test]
fn names_of_their_own_raise_nothing_and_leave_no_cell_open() {
    let outcome = judged(|_| {});
    assert_eq!(found(&outcome), Vec::<String>::new());
    assert!(
        outcome
            .checks
            .iter()
            .all(|check| check.observed.meets(check.expected))
    );
    assert_eq!(outcome.checks.len(), 3 * 9);
}

#[test]
fn each_fault_is_found_under_its_id_with_the_environments_that_it_joins() {
    type Plant = fn(&mut [Site]);
    let rows: &[(&str, &[&str], Plant)] = &[
        ("SET staging:x in dev", &["K1 dev staging"], |sites| {
            keys(sites, 0).census.foreign.insert(Staging, 1);
        }),
        ("SET user:123", &["K2 test"], |sites| {
            keys(sites, 1).census.bare = 1
        }),
        (
            "the namespace mode audit, with no bare key yet",
            &["K2 dev"],
            |sites| {
                keys(sites, 0).any_key = true;
            },
        ),
        (":Session:Production in dev", &["K3 dev prod"], |sites| {
            nodes(sites, 0).census.foreign.insert(Prod, 1);
        }),
        ("a node without a label", &["K3 staging"], |sites| {
            nodes(sites, 2).census.bare = 1
        }),
        ("a home by another name", &["K4 dev"], |sites| {
            nodes(sites, 0).databases = BTreeMap::from([("neo4j".to_owned(), true)]);
        }),
        ("a second database", &["K4 test"], |sites| {
            nodes(sites, 1).databases.insert("spare".to_owned(), false);
        }),
    ];
    for (what, expected, plant) in rows {
        let outcome = judged(plant);
        assert_eq!(found(&outcome), *expected, "{what}");
        for finding in &outcome.findings {
            let said = [
                &finding.subject,
                &finding.evidence,
                &finding.reproduce,
                &finding.fix,
            ];
            assert!(said.into_iter().all(|text| !text.is_empty()), "{finding:?}");
        }
    }
}

#[test]
fn an_empty_server_is_innocent() {
    let outcome = judged(|sites| {
        keys(sites, 0).census = Census::default();
        nodes(sites, 0).census = Census::default();
    });
    assert_eq!(found(&outcome), Vec::<String>::new());
    assert!(
        outcome
            .checks
            .iter()
            .all(|check| check.observed != Seen::CouldNotAsk)
    );
}

#[test]
fn what_could_not_be_asked_is_no_pass() {
    type Change = fn(&mut [Site]);
    let rows: &[(&str, Change)] = &[
        ("a server that is down", |sites| {
            sites[0].nodes = Err("it is exited".to_owned())
        }),
        ("a count that is not understood", |sites| {
            sites[1].keys = Err("garbage".to_owned())
        }),
        ("no home among the databases", |sites| {
            nodes(sites, 2).databases = BTreeMap::from([("tta-staging".to_owned(), false)]);
        }),
    ];
    for (what, change) in rows {
        let outcome = judged(change);
        assert_eq!(found(&outcome), Vec::<String>::new(), "{what}");
        assert!(
            outcome
                .checks
                .iter()
                .any(|check| check.observed == Seen::CouldNotAsk),
            "{what}"
        );
    }
}

#[test]
fn at_most_five_names_are_shown_and_never_more() {
    let outcome = judged(|sites| {
        let census = &mut keys(sites, 0).census;
        census.bare = 9;
        census.samples = (0..9)
            .map(|at| Sample {
                environment: None,
                database: at % 2,
                name: format!("key-{at}"),
            })
            .collect();
    });
    let evidence = &outcome.findings[0].evidence;
    assert_eq!(evidence.matches("key-").count(), 5);
    assert!(evidence.contains("key-1 (database 1)"), "{evidence}");
}
