//! Whatever the containers answer, nothing passes that was not seen.

use std::collections::BTreeSet;
use std::net::IpAddr;

use compose_audit::finding::Seen;
use compose_audit::finding::testing::{told, unexplained};
use proptest::prelude::*;

use super::answers::Answer;
use super::judge::judge;
use super::tests::{answers, table};

/// Also one that is of no use to the question.
fn answer() -> impl Strategy<Value = Answer> {
    let addresses = ["10.0.1.2", "10.0.2.3", "10.0.3.2", "fd00::3", "192.0.2.1"];
    let addresses =
        proptest::collection::btree_set(proptest::sample::select(addresses.to_vec()), 0..4);
    let parsed = |address: &str| address.parse::<IpAddr>().ok();
    prop_oneof![
        Just(Answer::Open),
        Just(Answer::Once),
        Just(Answer::Refused),
        Just(Answer::Closed),
        Just(Answer::Silent),
        addresses.prop_map(move |names| {
            let names: BTreeSet<IpAddr> = names.into_iter().filter_map(parsed).collect();
            Answer::Names(names)
        }),
        told().prop_map(Answer::Said),
        any::<u16>().prop_map(|port| {
            Answer::Said(format!("{{\"bolt_direct\":\"bolt://localhost:{port}\"}}"))
        }),
    ]
}

/// What becomes of a source: it cannot ask, its answers are lost, or one of them is another.
type Change = (usize, usize, usize, Answer);

proptest! {
    #[test]
    fn what_answers_and_should_not_is_a_finding_and_no_answer_is_a_cell_without_one(
        changes in proptest::collection::vec(
            (0..6_usize, 0..8_usize, any::<usize>(), answer()), 0..8)
    ) {
        let table = table(|_| {});
        let mut given = answers(&table, |_, _| None);
        let mut mute = false;
        for (source, what, number, answer) in changes as Vec<Change> {
            match (what, &mut given[source]) {
                (0, given) => {
                    *given = Err("it cannot ask".to_owned());
                    mute = true;
                }
                (1, Ok(given)) => {
                    mute |= !given.answers.is_empty();
                    given.answers.clear();
                }
                (_, Ok(given)) if !given.answers.is_empty() => {
                    let at = number % given.answers.len();
                    if let Some(one) = given.answers.values_mut().nth(at) {
                        *one = answer;
                    }
                }
                _ => {}
            }
        }
        let outcome = judge(&table, &given);
        prop_assert_eq!(unexplained(&outcome), None);
        let blind = outcome.checks.iter().any(|check| check.observed == Seen::CouldNotAsk);
        prop_assert!(blind || !mute, "{outcome:?}");
    }
}
