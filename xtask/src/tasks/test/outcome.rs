//! How the groups ended: added up from what libtest has printed, and told.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::faults::{FaultRow, table_of_faults};
use super::libtest::{Heard, Timed, Word};
use crate::report::Answer;
use crate::ui;

/// How many of a group's slowest tests are told.
const SLOWEST: usize = 3;

/// How a group ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Outcome {
    pub(super) group: &'static str,
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) ignored: u64,
    pub(super) seconds: f64,
    /// The names of the tests that failed, or what went wrong before any could.
    pub(super) failures: Vec<String>,
    /// The tests that took longest, as far as the moments of their ends tell it.
    pub(super) slowest: Vec<Timed>,
    #[serde(skip)]
    pub(super) faults: Vec<FaultRow>,
}

/// How the `cargo test` of a group ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Well,
    Badly,
    /// It was ended when its time was over.
    CutOff(Duration),
}

impl Outcome {
    /// Adds up what libtest has printed.
    pub(super) fn count(&mut self, heard: &Heard, end: End) {
        self.faults
            .extend(heard.lines.iter().filter_map(|line| FaultRow::told(line)));
        let mut failed = 0;
        for binary in &heard.binaries {
            let of = |word| binary.results.iter().filter(move |one| one.word == word);
            let names = of(Word::Failed).map(|one| one.test.clone());
            self.failures.extend(names);
            if let Some(counts) = &binary.counts {
                let of = |word| counted(counts, word);
                self.passed += of("passed");
                self.ignored += of("ignored");
                failed += of("failed");
            } else {
                self.passed += of(Word::Passed).count() as u64;
                self.ignored += of(Word::Ignored).count() as u64;
                failed += of(Word::Failed).count() as u64;
            }
        }
        if let End::CutOff(limit) = end {
            failed += self.left_open(heard, limit);
        } else if end == End::Badly && failed == 0 {
            failed = 1;
            let last = heard.lines.iter().rfind(|line| line.starts_with("error"));
            let last = last.map_or("the tests ended before they were counted", String::as_str);
            self.failures.push(last.to_owned());
        }
        self.failed += failed;
        let times = heard
            .binaries
            .iter()
            .flat_map(|binary| binary.times(heard.threads));
        self.slowest.extend(times.filter(|one| one.seconds >= 0.1));
        self.slowest
            .sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
        self.slowest.truncate(SLOWEST);
    }

    /// Names the tests that had not ended when their time was over, and says how many they are.
    fn left_open(&mut self, heard: &Heard, limit: Duration) -> u64 {
        let minutes = limit.as_secs() / 60;
        let open = heard.binaries.iter().find(|binary| binary.counts.is_none());
        let Some(binary) = open else {
            let text = format!("it was ended after {minutes} min, and no test was under way");
            self.failures.push(text);
            return 1;
        };
        let left = binary.expected.saturating_sub(binary.results.len() as u64);
        let hanging = binary.hanging();
        for name in &hanging {
            self.failures.push(format!(
                "{name} had not ended when its group was, after {minutes} min"
            ));
        }
        let others = left.saturating_sub(hanging.len() as u64);
        if others > 0 || hanging.is_empty() {
            self.failures.push(format!(
                "{others} more tests had not ended, or not begun, after {minutes} min"
            ));
        }
        left.max(1)
    }
}

/// The number before a word in `ok. 3 passed; 1 failed; 0 ignored; …`.
fn counted(counts: &str, word: &str) -> u64 {
    let number = |part: &str| {
        let (number, found) = part.rsplit_once(' ')?;
        (found == word).then(|| number.rsplit(' ').next()?.parse().ok())?
    };
    counts.split(';').find_map(number).unwrap_or_default()
}

/// A group that ran nothing has failed; with a filter, all of them together must run something.
pub(super) fn expect_cases(outcomes: &mut [Outcome], filter: Option<&str>) {
    let ran = |outcome: &Outcome| outcome.passed + outcome.failed > 0;
    if filter.is_some() && outcomes.iter().any(ran) {
        return;
    }
    for outcome in outcomes.iter_mut().filter(|outcome| !ran(outcome)) {
        outcome.failed = 1;
        outcome.failures.push(match filter {
            Some(filter) => format!("no test's name contains {filter}"),
            None => "it ran no test".to_owned(),
        });
    }
}

pub(super) fn told(outcomes: &[Outcome], seconds: f64) -> Answer {
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let (passed, failed) = (sum(|one| one.passed), sum(|one| one.failed));
    let head = ["group", "ran", "passed", "failed", "skipped", "seconds"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(outcomes.iter().map(|one| {
        vec![
            one.group.to_owned(),
            (one.passed + one.failed).to_string(),
            one.passed.to_string(),
            one.failed.to_string(),
            one.ignored.to_string(),
            format!("{:.1}", one.seconds),
        ]
    }));
    let faults: Vec<&FaultRow> = outcomes.iter().flat_map(|one| &one.faults).collect();
    let mut human = table_of_faults(&faults);
    human.push_str(&ui::table(&lines));
    for one in outcomes {
        for failure in &one.failures {
            let _ = writeln!(human, "failed: {}: {failure}", one.group);
        }
    }
    for one in outcomes {
        for Timed { test, seconds } in &one.slowest {
            let _ = writeln!(human, "slow: {}: {seconds:.1} s {test}", one.group);
        }
    }
    let _ = writeln!(human, "{seconds:.0} s in all");
    // Read by CI: this form, alone on its line.
    let _ = write!(human, "{passed} passed, {failed} failed");
    let mut json = json!({ "groups": outcomes, "passed": passed, "failed": failed });
    if !faults.is_empty() {
        json["faults"] = json!(faults);
    }
    Answer::Document {
        human,
        json,
        exit_code: u8::from(failed > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::test::tests::{documented, keys};

    fn of(text: &str, ended_well: bool) -> Outcome {
        let mut heard = Heard::new(1);
        for line in text.lines() {
            heard.hear(line, 0.0);
        }
        let mut outcome = Outcome::default();
        outcome.count(&heard, if ended_well { End::Well } else { End::Badly });
        outcome
    }

    #[test]
    fn the_results_of_several_binaries_are_added_up() {
        let text = "test a ... ok\n\
                    test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s\n\
                    test b::c ... FAILED\n\
                    test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        let outcome = of(text, false);
        assert_eq!((outcome.passed, outcome.failed, outcome.ignored), (7, 1, 1));
        assert_eq!(outcome.failures, ["b::c"]);
    }

    #[test]
    fn tests_that_do_not_compile_are_a_failure() {
        let outcome = of("error: could not compile `xtask`\n", false);
        assert_eq!((outcome.passed, outcome.failed), (0, 1));
        assert_eq!(outcome.failures, ["error: could not compile `xtask`"]);
    }

    #[test]
    fn a_group_that_ran_nothing_has_failed_unless_a_filter_left_it_out() {
        let nothing = of("test result: ok. 0 passed; 0 failed; 2 ignored", true);
        let something = of("test result: ok. 1 passed; 0 failed; 0 ignored", true);
        let failed = |filter| {
            let mut both = [nothing.clone(), something.clone()];
            expect_cases(&mut both, filter);
            both.map(|one| one.failed)
        };
        assert_eq!(failed(None), [1, 0]);
        assert_eq!(failed(Some("x")), [0, 0]);
        let mut alone = [nothing];
        expect_cases(&mut alone, Some("x"));
        assert_eq!(alone[0].failed, 1);
    }

    #[test]
    fn the_last_line_is_the_one_that_ci_reads() {
        let outcome = of("test result: ok. 2 passed; 0 failed; 0 ignored", true);
        let Answer::Document {
            human,
            json,
            exit_code,
        } = told(&[outcome], 1.0)
        else {
            panic!("an answer");
        };
        assert_eq!(keys(&json), documented("test"));
        assert_eq!(human.lines().last(), Some("2 passed, 0 failed"));
        assert_eq!(exit_code, 0);
    }

    #[test]
    fn the_rows_of_the_corpus_become_a_table_and_what_is_no_row_does_not() {
        let text = "test planted::every ... fault\tE3\tfound\t0 of 2\ta volume mounted elsewhere\n\
                    fault\tN1\tmissed\t0 of 0\ttwo networks\nfault\tX9\tfound\t0 of 0\tno fault\nfault\tE3\n\
                    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let outcome = of(text, false);
        let found: Vec<(&str, bool)> = outcome
            .faults
            .iter()
            .map(|row| (row.fault.as_str(), row.found))
            .collect();
        assert_eq!(found, [("E3", true), ("N1", false)]);
        let Answer::Document { human, json, .. } = told(&[outcome], 1.0) else {
            panic!("an answer");
        };
        assert_eq!(json["faults"][0]["severity"], "high");
        assert!(
            human.contains("N1     high      NO     0 of 0        two networks"),
            "{human}"
        );
    }

    #[test]
    fn a_group_that_was_cut_off_has_failed_and_names_the_tests_that_had_not_ended() {
        let mut heard = Heard::new(2);
        for (line, at) in [
            ("running 5 tests", 1.0),
            ("test a::quick ... ok", 2.0),
            ("test b::hangs has been running for over 60 seconds", 62.0),
            ("test c::slow has been running for over 60 seconds", 63.0),
            ("test c::slow ... FAILED", 70.0),
        ] {
            heard.hear(line, at);
        }
        let mut outcome = Outcome::default();
        outcome.count(&heard, End::CutOff(Duration::from_secs(1200)));
        assert_eq!((outcome.passed, outcome.failed), (1, 4));
        assert_eq!(
            outcome.failures,
            [
                "c::slow",
                "b::hangs had not ended when its group was, after 20 min",
                "2 more tests had not ended, or not begun, after 20 min",
            ]
        );
    }

    #[test]
    fn a_group_that_was_cut_off_while_it_was_compiled_has_failed() {
        let mut outcome = Outcome::default();
        outcome.count(&Heard::new(2), End::CutOff(Duration::from_secs(1200)));
        assert_eq!(outcome.failed, 1);
        assert_eq!(
            outcome.failures,
            ["it was ended after 20 min, and no test was under way"]
        );
    }
}
