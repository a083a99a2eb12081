//! Whatever became of the logins, nothing passes that was not tried.

use std::collections::BTreeSet;

use compose_audit::finding::testing::{blind, told, unexplained};
use environments::Environment::{Dev, Staging, Test};
use proptest::prelude::*;

use super::tests::{all, secret};
use super::*;
use crate::isolation::auth::acl;
use crate::isolation::servers::keyed::Key;

fn login(text: &str, number: u64) -> Login {
    match number % 3 {
        0 => Login::Accepted,
        1 => Login::Refused,
        _ => Login::Unknown(text.to_owned()),
    }
}

fn change(site: &mut Site, (what, text, number): (usize, String, u64)) {
    let outcome = login(&text, number);
    let some = |tries: &mut Vec<Try>| {
        let at = number as usize / 3 % tries.len().max(1);
        if let Some(one) = tries.get_mut(at) {
            one.outcome = outcome.clone();
            one.how.clone_from(&text);
        }
    };
    match (what, &mut site.graph, &mut site.keys) {
        (0, graph, _) => *graph = Err(text),
        (1, _, keys) => *keys = Err(text),
        (2, ..) => site.password = Err(text),
        (3, Ok(graph), _) => graph.own = outcome,
        (4, Ok(graph), _) => graph.anonymous = outcome,
        (5, Ok(graph), _) => some(&mut graph.tries),
        (6, Ok(graph), _) => graph.tries.clear(),
        (7, Ok(graph), _) => graph.users = Err(text),
        (8, Ok(graph), _) => graph.users = Ok(BTreeSet::from([text, "neo4j".to_owned()])),
        (9, Ok(graph), _) => graph.secrets.push(secret(&text, "dev-hunter22")),
        (10, Ok(graph), _) => graph.secrets.clear(),
        (11, _, Ok(keys)) => keys.own = outcome,
        (12, _, Ok(keys)) => keys.anonymous = outcome,
        (13, _, Ok(keys)) => some(&mut keys.tries),
        (14, _, Ok(keys)) => keys.users = Err(text),
        (15, _, Ok(keys)) => {
            let line = format!("user {} on nopass ~* &* +@all", text.replace(' ', ""));
            if let Some(users) = acl::users(&[line], &Key::fixed(7)) {
                keys.users = Ok(users);
            }
        }
        (16, _, Ok(keys)) => keys.audit = number % 2 == 0,
        (17, _, Ok(keys)) => keys.secrets.push(secret(&text, "test-hunter22")),
        (18, _, Ok(keys)) => keys.defined.clear(),
        (19, _, Ok(keys)) => {
            for one in &mut keys.beyond {
                one.outcome = outcome.clone();
                one.allowed = vec![text.clone()];
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn a_login_that_should_be_another_is_a_finding_and_none_is_a_cell_without_an_answer(
        changes in proptest::collection::vec(
            (0..3_usize, (0..20_usize, told(), any::<u64>())), 0..6)
    ) {
        let mut sites = all();
        for (at, one) in changes {
            change(&mut sites[at], one);
        }
        let outcome = judge(&Instance::main(), &sites);
        prop_assert_eq!(unexplained(&outcome), None);
        for (site, environment) in sites.iter().zip([Dev, Test, Staging]) {
            let name = environment.slug();
            if site.graph.is_err() {
                prop_assert!(blind(&outcome, name, "neo4j") > 0, "{outcome:?}");
            }
            if site.keys.is_err() {
                prop_assert!(blind(&outcome, name, "redis") > 0, "{outcome:?}");
            }
        }
    }
}
