//! Asks a source's questions inside its container, in one `docker exec` of one script.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use process::Reply;

use crate::context::Context;
use crate::isolation::network::answers::{Answer, Answers};
use crate::isolation::network::questions::{Question, Source};

/// Why a source could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unasked {
    pub(crate) why: String,
    /// Time is the reason, or may be: nothing came back.
    pub(crate) late: bool,
}

/// Whoever asked died.
impl From<process::Error> for Unasked {
    fn from(error: process::Error) -> Self {
        Self {
            why: error.message(),
            late: false,
        }
    }
}

/// How long a source may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// All of it.
    whole: Duration,
    /// Its own servers.
    controls: Duration,
    /// What has not been answered once its own servers have.
    others: Duration,
}

impl Patience {
    /// Where nothing is known yet of how fast this machine is.
    pub(crate) const FIRST: Self = Self::of(Duration::from_secs(16));

    /// The rest of the time is for the engine to start the script.
    const fn of(whole: Duration) -> Self {
        let part = whole.as_secs() * 1000 / 16;
        Self {
            whole,
            controls: Duration::from_millis(part * 5),
            others: Duration::from_millis(part * 6),
        }
    }

    /// After the longest that any source took which was asked in the same run.
    pub(crate) fn after(longest: Duration) -> Self {
        let (least, most) = (Duration::from_secs(24), Duration::from_secs(160));
        Self::of((longest * 10).clamp(least, most))
    }
}

/// Ends with the call that reads what follows it on standard input.
const SCRIPT: &str = include_str!("probe.sh");

/// # Errors
/// The container is not running, has no bash, answered otherwise than the script does, or not in
/// time.
pub(crate) fn ask(
    context: &Context,
    source: &Source,
    patience: Patience,
) -> Result<Answers, Unasked> {
    let at_once = |why: &String| Unasked {
        why: why.clone(),
        late: false,
    };
    let id = source.id.as_ref().map_err(at_once)?;
    let asked = context
        .docker
        .exec(id, &["bash", "-s"])
        .stdin(format!("{SCRIPT}{}", lines(source, patience)))
        .deadline(patience.whole);
    let began = Instant::now();
    let reply = context.docker.runner().run(&asked).and_then(Reply::ok);
    let took = began.elapsed();
    let reply = reply.map_err(|failure| Unasked {
        why: format!("{} cannot ask: {}", source.name, failure.message()),
        late: took >= patience.whole,
    })?;
    let answers = parse(&reply.stdout, source.questions.len()).map_err(|problem| Unasked {
        why: reply.unexpected(&problem).message(),
        // An engine that is overloaded has lost the output of what ran to its end.
        late: reply.stdout.is_empty(),
    })?;
    Ok(Answers {
        cut_off: answers.deadline >= patience.others,
        took,
        ..answers
    })
}

/// A line a question, as the script takes them.
fn lines(source: &Source, patience: Patience) -> String {
    let micros = |time: Duration| time.as_micros();
    let first = format!(
        "patience {} {}\n",
        micros(patience.controls),
        micros(patience.others)
    );
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
    let questions = source.questions.iter().enumerate().map(line);
    std::iter::once(first).chain(questions).collect()
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

    #[test]
    fn a_second_asking_is_given_what_the_first_ones_took_and_never_less_than_they_were() {
        let after = |millis| Patience::after(Duration::from_millis(millis));
        assert!(after(0).whole > Patience::FIRST.whole);
        assert_eq!(after(6000).whole, Duration::from_secs(60));
        assert_eq!(after(6000).controls, Duration::from_millis(18_750));
        assert!(after(600_000).whole < Duration::from_secs(200));
        for patience in [Patience::FIRST, after(0), after(6000)] {
            assert!(patience.controls + patience.others < patience.whole);
        }
    }

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
