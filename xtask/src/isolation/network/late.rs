//! Sources that did not come out in time are asked once more, each alone, and given as long as this
//! run has seen that it takes.
//!
//! Silence counts as blocked only where its own servers answered the same container many times over
//! in that time: on a machine that others use up, the first asking may have to be cut off before.

use std::time::Duration;

use crate::isolation::network::answers::{Answer, Answers};
use crate::isolation::network::probe::{Patience, Unasked};
use crate::isolation::network::questions::{Question, Source, Table};

pub(super) fn once_more(
    table: &Table,
    answers: &mut [Result<Answers, Unasked>],
    ask: impl Fn(&Source, Patience) -> Result<Answers, Unasked>,
) {
    let took = answers.iter().flatten().map(|answers| answers.took);
    let patience = Patience::after(took.max().unwrap_or(Duration::ZERO));
    for (source, first) in table.sources.iter().zip(answers) {
        if !in_doubt(source, first) {
            continue;
        }
        let again = ask(source, patience);
        // Where not even one that is asked alone is answered, it is not for want of time.
        let hangs = matches!(&again, Err(unasked) if unasked.late);
        keep(source, first, again);
        if hangs {
            return;
        }
    }
}

/// Whether more time may bring an answer.
fn in_doubt(source: &Source, asked: &Result<Answers, Unasked>) -> bool {
    match asked {
        Err(unasked) => unasked.late,
        Ok(answers) => answers.answers.iter().any(|(number, answer)| {
            let own = matches!(
                source.questions.get(*number),
                Some(Question::OwnServer { .. } | Question::OwnName(_) | Question::Discovery)
            );
            *answer == Answer::Silent && (own || answers.cut_off)
        }),
    }
}

/// Takes the second answers, but lets nothing go that was reached the first time.
fn keep(source: &Source, first: &mut Result<Answers, Unasked>, again: Result<Answers, Unasked>) {
    let Ok(mut again) = again else {
        // What the first has said is no less so.
        if first.is_err() {
            *first = again;
        }
        return;
    };
    for (number, answer) in first.iter().flat_map(|answers| &answers.answers) {
        let reached = match (source.questions.get(*number), answer) {
            (Some(Question::Server { .. } | Question::Host { .. }), Answer::Open) => true,
            (Some(Question::Name { .. }), Answer::Names(found)) => !found.is_empty(),
            _ => false,
        };
        if reached {
            again.answers.insert(*number, answer.clone());
        }
    }
    *first = Ok(again);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use environments::{Environment, Service};

    use super::super::tests::{answers, table};
    use super::*;

    fn is_first(source: &Source) -> bool {
        source.environment == Environment::Dev && source.service == Service::Neo4j
    }

    fn silent_controls(source: &Source, question: &Question) -> Option<Answer> {
        let own = matches!(question, Question::OwnServer { .. });
        (is_first(source) && own).then_some(Answer::Silent)
    }

    type Asked = Vec<Result<Answers, Unasked>>;

    fn told(answers: Vec<Result<Answers, String>>) -> Asked {
        let unasked = |why| Unasked { why, late: false };
        answers
            .into_iter()
            .map(|one| one.map_err(unasked))
            .collect()
    }

    /// What comes out where each second asking answers so, and how many there were.
    fn after(first: Asked, again: &Asked) -> (Asked, usize) {
        let table = table(|_| {});
        let mut asked = first;
        let count = Cell::new(0);
        once_more(&table, &mut asked, |source, _| {
            count.set(count.get() + 1);
            let place = table.sources.iter().position(|one| one == source);
            again[place.expect("one of its")].clone()
        });
        (asked, count.get())
    }

    #[test]
    fn who_did_not_reach_its_own_servers_in_time_is_asked_once_more_and_nobody_else() {
        let table = table(|_| {});
        let good = told(answers(&table, |_, _| None));
        let slow = told(answers(&table, silent_controls));
        assert_eq!(after(slow.clone(), &good), (good.clone(), 1));
        assert_eq!(after(slow.clone(), &slow), (slow, 1));
        assert_eq!(after(good.clone(), &good), (good.clone(), 0));
    }

    #[test]
    fn a_probe_that_was_late_is_asked_once_more_and_one_that_failed_is_not() {
        let table = table(|_| {});
        let good = told(answers(&table, |_, _| None));
        for (late, times) in [(true, 1), (false, 0)] {
            let mut first = good.clone();
            first[0] = Err(Unasked {
                why: "no".to_owned(),
                late,
            });
            let (asked, count) = after(first, &good);
            assert_eq!(count, times);
            assert_eq!(asked[0].is_ok(), late);
        }
    }

    #[test]
    fn a_machine_that_hangs_is_given_up_after_one_that_was_asked_alone() {
        let table = table(|_| {});
        let hangs = || {
            Err(Unasked {
                why: "it did not end".to_owned(),
                late: true,
            })
        };
        let all: Asked = table.sources.iter().map(|_| hangs()).collect();
        assert_eq!(after(all.clone(), &all), (all, 1));
    }

    #[test]
    fn silence_that_was_cut_off_is_asked_for_again_and_what_was_reached_is_not_forgotten() {
        let table = table(|_| {});
        let of_test = |question: &Question| {
            matches!(
                question,
                Question::Server {
                    of: Environment::Test,
                    ..
                }
            )
        };
        let mut first = told(answers(&table, |source, question| {
            let reached = is_first(source) && of_test(question);
            reached.then_some(Answer::Open)
        }));
        for one in first.iter_mut().flatten() {
            one.cut_off = true;
        }
        let good = told(answers(&table, |_, _| None));
        let (asked, _) = after(first, &good);
        let place = table.sources.iter().position(is_first).expect("it asks");
        let number = table.sources[place].questions.iter().position(of_test);
        let kept = asked[place].as_ref().expect("it was asked");
        assert_eq!(kept.answers[&number.expect("it asks")], Answer::Open);
    }
}
