//! Whatever is counted, nothing passes that was not seen.

use compose_audit::finding::testing::{blind, told, unexplained};
use environments::Environment::{Dev, Prod, Staging, Test};
use proptest::prelude::*;

use super::tests::healthy;
use super::*;
use crate::namespace::audit::Sample;

fn change(site: &mut Site, (what, text, number): (usize, String, u64)) {
    let environment = [Dev, Test, Staging, Prod][number as usize % 4];
    let sample = Sample {
        environment: (number % 3 > 0).then_some(environment),
        database: number as u32,
        name: text.clone(),
    };
    let own = site.environment;
    match (what, &mut site.nodes, &mut site.keys) {
        (0, nodes, _) => *nodes = Err(text),
        (1, _, keys) => *keys = Err(text),
        (2, Ok(nodes), _) => nodes.census.bare = number,
        (3, _, Ok(keys)) => keys.census.bare = number,
        (4, Ok(nodes), _) if environment != own => {
            nodes.census.foreign.insert(environment, number);
        }
        (5, _, Ok(keys)) if environment != own => {
            keys.census.foreign.insert(environment, number);
        }
        (6, Ok(nodes), _) => nodes.census.samples.push(sample),
        (7, _, Ok(keys)) => keys.census.samples.push(sample),
        (8, Ok(nodes), _) => drop(nodes.databases.insert(text, number % 2 == 0)),
        (9, Ok(nodes), _) => nodes.databases.clear(),
        (10, _, Ok(keys)) => keys.any_key = true,
        (11, Ok(nodes), _) => nodes.census.own = number,
        (12, _, Ok(keys)) => keys.census.taken = number,
        _ => {}
    }
}

proptest! {
    #[test]
    fn what_is_not_as_it_should_be_is_a_finding_and_no_count_is_a_cell_without_one(
        changes in proptest::collection::vec(
            (0..3_usize, (0..13_usize, told(), any::<u64>())), 0..6)
    ) {
        let mut sites = [Dev, Test, Staging].map(healthy);
        for (at, one) in changes {
            change(&mut sites[at], one);
        }
        let outcome = judge(&Instance::main(), &sites);
        prop_assert_eq!(unexplained(&outcome), None);
        for site in &sites {
            let name = site.environment.slug();
            if site.nodes.is_err() {
                prop_assert!(blind(&outcome, name, "neo4j") > 0, "{outcome:?}");
            }
            if site.keys.is_err() {
                prop_assert!(blind(&outcome, name, "redis") > 0, "{outcome:?}");
            }
        }
    }
}
