//! Asks a source's questions inside its container, in one `docker exec` of one script.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::context::Context;
use crate::isolation::network::questions::{Question, Source};
use crate::process::Reply;

/// What a container has answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// By the question's number. Each has one.
    pub(crate) answers: BTreeMap<usize, Answer>,
    /// The ports on which something listens in the container for others than itself.
    pub(crate) listening: BTreeSet<u16>,
    /// How long a question could stay without an answer.
    pub(crate) deadline: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Open,
    /// Open once, and not when it was asked again. No container says so.
    Once,
    /// The address itself has answered that nobody listens. Told apart from `Closed` over IPv6 alone.
    Refused,
    /// Refused, or no way there.
    Closed,
    /// Nothing within the deadline.
    Silent,
    /// What a name stands for.
    Names(BTreeSet<IpAddr>),
    Said(String),
}

/// How long the script may take: its controls wait 5 s at the most, the others 3 s.
const PATIENCE: Duration = Duration::from_secs(12);

/// Ends with the call that reads what follows it on standard input.
const SCRIPT: &str = include_str!("probe.sh");

/// # Errors
/// The container is not running, has no bash, or answered otherwise than the script does.
pub(crate) fn ask(context: &Context, source: &Source) -> Result<Answers, String> {
    let id = source.id.as_ref().map_err(Clone::clone)?;
    let asked = context
        .docker
        .exec(id, &["bash", "-s"])
        .stdin(format!("{SCRIPT}{}", lines(source)))
        .deadline(PATIENCE);
    let reply = context.docker.runner().run(&asked);
    let reply = reply
        .and_then(Reply::ok)
        .map_err(|failure| format!("{} cannot ask: {}", source.name, failure.message))?;
    parse(&reply.stdout, source.questions.len())
        .map_err(|problem| reply.unexpected(&problem).message)
}

/// A line a question, as the script takes them.
fn lines(source: &Source) -> String {
    let line = |(number, question): (usize, &Question)| match question {
        Question::OwnServer { address, port, .. } => {
            format!("control {number} {address} {port}\n")
        }
        Question::OwnName(name) => format!("control-name {number} {name}\n"),
        Question::Server { address, port, .. } | Question::Host { address, port, .. } => {
            format!("connect {number} {address} {port}\n")
        }
        Question::Name { name, .. } => format!("name {number} {name}\n"),
        Question::Discovery => format!("discovery {number}\n"),
    };
    source.questions.iter().enumerate().map(line).collect()
}

/// # Errors
/// What the script should have said. A question without an answer is none.
pub(crate) fn parse(text: &str, questions: usize) -> Result<Answers, String> {
    let mut answers = Answers::default();
    let mut ended = false;
    for line in text.lines() {
        let (first, rest) = line.split_once(' ').ok_or("lines of two words")?;
        match first {
            "listen" => answers.listening.extend(listening(rest)?),
            "end" => {
                let micros = rest.parse().map_err(|_| "how long it waited")?;
                answers.deadline = Duration::from_micros(micros);
                ended = true;
            }
            number => {
                let number: usize = number.parse().map_err(|_| "the number of a question")?;
                let answer = answer(rest).ok_or("open, refused, closed, silent, names or said")?;
                if number >= questions || answers.answers.insert(number, answer).is_some() {
                    return Err("one answer to each question".to_owned());
                }
            }
        }
    }
    if !ended || answers.answers.len() != questions {
        return Err(format!("{questions} answers and an end"));
    }
    Ok(answers)
}

fn answer(text: &str) -> Option<Answer> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(match word {
        "open" => Answer::Open,
        "refused" => Answer::Refused,
        "closed" => Answer::Closed,
        "silent" => Answer::Silent,
        "said" => Answer::Said(rest.to_owned()),
        "names" if rest == "-" => Answer::Names(BTreeSet::new()),
        "names" => {
            let addresses = rest.split(',').map(|one| one.parse().ok());
            Answer::Names(addresses.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// `0100007F:1D32` of /proc/net/tcp: an address in the machine's byte order, and a port. None for
/// what only the container itself can reach.
fn listening(text: &str) -> Result<Option<u16>, String> {
    let expected = || "an address and a port in hexadecimal".to_owned();
    let (address, port) = text.split_once(':').ok_or_else(expected)?;
    let port = u16::from_str_radix(port, 16).map_err(|_| expected())?;
    let local = match address.len() {
        8 => address.to_uppercase().ends_with("7F"),
        32 => address == "00000000000000000000000001000000",
        _ => return Err(expected()),
    };
    Ok((!local).then_some(port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "0 open\n1 closed\n2 silent\n3 names 10.0.0.2,fd00::1\n4 names -\n5 said {\"a\": 1}\n6 refused\n\
                        listen 0B00007F:8FFD\nlisten 00000000000000000000000000000000:1E07\nend 300000\n";

    #[test]
    fn each_answer_is_what_the_script_said() {
        let answers = parse(GOOD, 7).expect("it is good");
        assert_eq!(answers.answers[&6], Answer::Refused);
        assert_eq!(answers.answers[&0], Answer::Open);
        assert_eq!(answers.answers[&4], Answer::Names(BTreeSet::new()));
        assert_eq!(answers.answers[&5], Answer::Said("{\"a\": 1}".to_owned()));
        assert_eq!(answers.listening, BTreeSet::from([7687]));
        assert_eq!(answers.deadline, Duration::from_millis(300));
    }

    #[test]
    fn what_is_missing_doubled_or_unknown_is_no_answer() {
        for (text, questions) in [
            ("", 0),
            (GOOD, 8),
            (GOOD, 6),
            ("0 open\n", 1),
            ("0 open\n0 closed\nend 1\n", 1),
            ("0 opened\nend 1\n", 1),
            ("0 names 10.0.0.2,x\nend 1\n", 1),
            ("0 open\nend soon\n", 1),
            ("0 open\nlisten 7F:1\nend 1\n", 1),
            ("OCI runtime exec failed: exec failed\n", 1),
        ] {
            assert!(parse(text, questions).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_answers_what_was_not_asked(text in "(.|\n){0,200}", questions in 1usize..4) {
            if let Ok(answers) = parse(&text, questions) {
                prop_assert_eq!(answers.answers.len(), questions);
            }
        }
    }
}
