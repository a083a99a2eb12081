//! Whatever servers say of themselves, nothing passes that was not seen.

use std::collections::BTreeSet;

use compose_audit::finding::testing::{blind, told, unexplained};
use environments::Environment::{Dev, Prod, Staging, Test};
use proptest::prelude::*;

use super::tests::evidence;
use super::*;

/// One thing that is otherwise than it should be: where, what, and the words.
type Change = (usize, usize, String, u64);

fn change(evidence: &mut Evidence, (at, what, text, number): Change) {
    let site = &mut evidence.sites[at];
    let environments = [Dev, Test, Staging, Prod];
    let some: BTreeSet<Environment> = environments
        .into_iter()
        .filter(|one| number >> (*one as u64) & 1 == 1)
        .collect();
    match (what, &mut site.graph, &mut site.keys) {
        (0, graph, _) => *graph = Err(text),
        (1, _, keys) => *keys = Err(text),
        (2, Ok(graph), _) => graph.home = text,
        (3, Ok(graph), _) => drop(graph.stores.insert(text, Some(format!("D{number}")))),
        (4, Ok(graph), _) => drop(graph.stores.insert("system".to_owned(), Some(text))),
        (5, Ok(graph), _) => graph.stores.clear(),
        (6, Ok(graph), _) => graph.process = text,
        (7, Ok(graph), _) => graph.canaries = Err(text),
        (8, Ok(graph), _) => graph.canaries = Ok(some),
        (9, Ok(graph), _) => graph.connections = Err(text),
        (10, Ok(graph), _) => graph.connections = Ok([text].into()),
        (11, _, Ok(keys)) => keys.run_id = text,
        (12, _, Ok(keys)) => keys.replication = text,
        (13, _, Ok(keys)) => keys.role = text,
        (14, _, Ok(keys)) => keys.master = Some(text),
        (15, _, Ok(keys)) => keys.replicas = number,
        (16, _, Ok(keys)) => drop(keys.databases.insert(number as u32 % 16, number)),
        (17, _, Ok(keys)) => keys.canaries = Err(text),
        (18, _, Ok(keys)) => keys.canaries = Ok(some),
        (19, _, Ok(keys)) => keys.connections = Err(text),
        (20, _, Ok(keys)) => keys.connections = Ok(BTreeSet::new()),
        (21, ..) => site.addresses.clear(),
        (22, ..) => {
            let addresses = site.addresses.iter_mut();
            addresses.for_each(|address| address.connection = Err(text.clone()));
        }
        (23, ..) => evidence.written.clear(),
        (24, ..) => {
            let written = evidence.written.iter_mut();
            written.for_each(|one| one.outcome = Err(text.clone()));
        }
        (25, ..) => {
            let written = evidence.written.iter_mut();
            written.for_each(|one| one.left = Some(text.clone()));
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn an_answer_that_should_be_another_is_a_finding_and_no_answer_is_a_cell_without_one(
        changes in proptest::collection::vec((0..3_usize, 0..26_usize, told(), any::<u64>()), 0..6)
    ) {
        let mut evidence = evidence();
        for one in changes {
            change(&mut evidence, one);
        }
        let outcome = judge(&Instance::main(), &evidence);
        prop_assert_eq!(unexplained(&outcome), None);
        for site in &evidence.sites {
            let name = site.environment.slug();
            if site.graph.is_err() {
                prop_assert!(blind(&outcome, name, "neo4j") > 0);
            }
            if site.keys.is_err() {
                prop_assert!(blind(&outcome, name, "redis") > 0);
            }
        }
        if evidence.written.is_empty() {
            prop_assert!(blind(&outcome, "dev", "canary") > 0);
        }
    }
}
