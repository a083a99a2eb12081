//! What answered another environment is asked again before it is called reachable.
//!
//! Whenever any network of the engine is made or removed, Docker (seen with 26.1) takes the rules
//! that part its networks away and sets them anew: for some milliseconds every container reaches
//! every other one. Another run that starts an instance is enough.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use crate::isolation::network::answers::{Answer, Answers};
use crate::isolation::network::ask;
use crate::isolation::network::control::Controls;
use crate::isolation::network::questions::{Question, Table};
use crate::isolation::scene::Scene;

/// How often what answered is asked again: it is reachable if it answers each time.
const ROUNDS: u8 = 2;

/// Longer than the engine takes over its rules.
const PAUSE: Duration = Duration::from_millis(300);

/// Asks again what has answered and should not. What answers no more was let through by the engine
/// where that has made or removed a network since `started`, and is then said to be closed, with a
/// remark; elsewhere why it answered is not known.
pub(super) fn settled(
    scene: &Scene<'_>,
    table: &Table,
    started: Instant,
    answers: &mut [Result<Answers, String>],
) -> Vec<String> {
    let mut open = reached(table, answers);
    let first = open.clone();
    for _ in 0..ROUNDS {
        if open.is_empty() {
            break;
        }
        thread::sleep(PAUSE);
        let again = ask(scene, table);
        let controls = Controls::of(table, &again);
        open.retain(|cell| !taken_back(table, &again, &controls, *cell));
    }
    let gone: Vec<Cell> = first.difference(&open).copied().collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let changed = scene.context.docker.networks_changed(started.elapsed());
    let changed = changed.unwrap_or_default();
    let becomes = if changed.is_empty() {
        Answer::Once
    } else {
        Answer::Closed
    };
    for (source, number) in &gone {
        if let Some(Ok(answers)) = answers.get_mut(*source) {
            answers.answers.insert(*number, becomes.clone());
        }
    }
    if changed.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "{} of other environments' ports answered for a moment and not when they were asked again: \
         the engine opens the way between its networks while it makes or removes one, and did \
         ({})",
        gone.len(),
        few(&changed)
    )]
}

fn few(changed: &[String]) -> String {
    let shown = changed.iter().take(3).cloned().collect::<Vec<_>>();
    match changed.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A source and a question of its, by their places.
type Cell = (usize, usize);

/// What has answered of other environments' servers.
fn reached(table: &Table, answers: &[Result<Answers, String>]) -> BTreeSet<Cell> {
    let mut open = BTreeSet::new();
    for (source, asked) in table.sources.iter().enumerate() {
        for (number, question) in asked.questions.iter().enumerate() {
            let cell = (source, number);
            if matches!(question, Question::Server { .. })
                && answer(answers, cell) == Some(&Answer::Open)
            {
                open.insert(cell);
            }
        }
    }
    open
}

/// Whether what has answered did not answer again. Who could not be asked, or does not even reach its
/// own servers now, takes nothing back; nor does a server that does not answer its own environment
/// there either.
fn taken_back(
    table: &Table,
    again: &[Result<Answers, String>],
    controls: &Controls,
    cell: Cell,
) -> bool {
    let asked = table.sources.get(cell.0).zip(again.get(cell.0));
    let reliable = asked.is_some_and(|(source, answers)| {
        let reaches = answers
            .as_ref()
            .is_ok_and(|answers| source.reaches_its_own(answers));
        let answered = matches!(
            source.questions.get(cell.1),
            Some(Question::Server { of, service, address, port })
                if controls.answered(*of, *service, *address, *port)
        );
        reaches && answered
    });
    reliable && answer(again, cell).is_some_and(|answer| *answer != Answer::Open)
}

fn answer(answers: &[Result<Answers, String>], (source, number): Cell) -> Option<&Answer> {
    answers.get(source)?.as_ref().ok()?.answers.get(&number)
}

#[cfg(test)]
mod tests {
    use environments::{Environment, Service};

    use super::super::questions::Source;
    use super::super::tests::{answers, table};
    use super::*;

    /// Whether dev's Neo4j takes back that test's Redis answered it, after a round that went so.
    fn takes_back(round: impl Fn(&Source, &Question) -> Option<Answer>) -> bool {
        let table = table(|_| {});
        let of = |source: &Source| {
            source.environment == Environment::Dev && source.service == Service::Neo4j
        };
        let place = table.sources.iter().position(of).expect("it asks");
        let asked = table.sources[place].questions.iter();
        let number = asked.enumerate().find(|(_, one)| is_tests_redis(one));
        let (number, _) = number.expect("it asks test's Redis");
        let again = answers(&table, round);
        taken_back(
            &table,
            &again,
            &Controls::of(&table, &again),
            (place, number),
        )
    }

    fn is_tests_redis(question: &Question) -> bool {
        matches!(
            question,
            Question::Server {
                of: Environment::Test,
                service: Service::Redis,
                ..
            }
        )
    }

    #[test]
    fn a_port_that_answers_no_more_while_both_ends_are_well_is_taken_back() {
        assert!(takes_back(|_, _| None));
        let open =
            |_: &Source, question: &Question| is_tests_redis(question).then_some(Answer::Open);
        assert!(!takes_back(open), "it answers again");
    }

    #[test]
    fn who_does_not_reach_its_own_servers_takes_nothing_back() {
        assert!(!takes_back(|source, question| {
            let lost = source.environment == Environment::Dev
                && matches!(question, Question::OwnServer { .. });
            lost.then_some(Answer::Silent)
        }));
    }

    #[test]
    fn nothing_is_taken_back_of_a_server_that_does_not_answer_its_own_environment() {
        assert!(!takes_back(|source, question| {
            let down = source.environment == Environment::Test
                && matches!(
                    question,
                    Question::OwnServer {
                        service: Service::Redis,
                        ..
                    }
                );
            down.then_some(Answer::Closed)
        }));
    }
}
