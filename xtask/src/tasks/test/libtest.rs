//! What libtest prints, line by line, with the moment at which each line came.
//!
//! On stable it tells no times. It begins its tests in the order of their names, as many at a time as
//! there are threads, and the next one when another has ended: so the moments of the ends tell when
//! each began.

use serde::Serialize;

/// What one `cargo test` has said so far.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) lines: Vec<String>,
    pub(super) binaries: Vec<Binary>,
    pub(super) threads: usize,
}

/// The tests of one binary.
#[derive(Debug)]
pub(super) struct Binary {
    /// How many it said that it runs.
    pub(super) expected: u64,
    began: f64,
    /// In the order of their ends.
    pub(super) results: Vec<Ended>,
    /// Those of which libtest said that they take more than a minute.
    slow: Vec<String>,
    /// Its last line, once it has come: `ok. 3 passed; …`.
    pub(super) counts: Option<String>,
}

/// A test that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) test: String,
    pub(super) word: Word,
    at: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Passed,
    Failed,
    Ignored,
}

/// How long a test took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Timed {
    pub(super) test: String,
    pub(super) seconds: f64,
}

impl Heard {
    pub(super) const fn new(threads: usize) -> Self {
        Self {
            lines: Vec::new(),
            binaries: Vec::new(),
            threads,
        }
    }

    /// A line, and how many seconds after the start it came.
    pub(super) fn hear(&mut self, line: &str, at: f64) {
        self.lines.push(line.to_owned());
        let expected = line
            .strip_prefix("running ")
            .and_then(|rest| rest.strip_suffix(" tests").or(rest.strip_suffix(" test")))
            .and_then(|number| number.parse().ok());
        if let Some(expected) = expected {
            self.binaries.push(Binary::new(expected, at));
            return;
        }
        let ends = line.starts_with("test ");
        if ends
            && self
                .binaries
                .last()
                .is_none_or(|last| last.counts.is_some())
        {
            self.binaries.push(Binary::new(0, at));
        }
        if let Some(binary) = self.binaries.last_mut().filter(|_| ends) {
            binary.hear(line, at);
        }
    }
}

impl Binary {
    const fn new(expected: u64, began: f64) -> Self {
        Self {
            expected,
            began,
            results: Vec::new(),
            slow: Vec::new(),
            counts: None,
        }
    }

    fn hear(&mut self, line: &str, at: f64) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.counts = Some(counts.to_owned());
            return;
        }
        let line = line.strip_prefix("test ").unwrap_or(line);
        if let Some(name) = line.strip_suffix(" has been running for over 60 seconds") {
            self.slow.push(name.to_owned());
        } else if let Some((name, word)) = line.rsplit_once(" ... ") {
            let word = match word {
                "ok" => Word::Passed,
                "FAILED" => Word::Failed,
                word if word.starts_with("ignored") => Word::Ignored,
                _ => return,
            };
            let test = name.to_owned();
            self.results.push(Ended { test, word, at });
        }
    }

    /// Those that take more than a minute and have not ended.
    pub(super) fn hanging(&self) -> Vec<&str> {
        let ended = |name: &&str| self.results.iter().any(|one| one.test == **name);
        let slow = self.slow.iter().map(String::as_str);
        slow.filter(|name| !ended(name)).collect()
    }

    /// How long each test took; nothing where not all of them are known.
    pub(super) fn times(&self, threads: usize) -> Vec<Timed> {
        if self.counts.is_none() || self.results.len() as u64 != self.expected {
            return Vec::new();
        }
        let mut tests: Vec<&Ended> = self.results.iter().collect();
        tests.sort_by(|one, other| one.test.cmp(&other.test));
        let began = |number: usize| {
            let freed = number.checked_sub(threads);
            freed.map_or(self.began, |freed| self.results[freed].at)
        };
        let took = |(number, one): (usize, &Ended)| Timed {
            test: one.test.clone(),
            seconds: ((one.at - began(number)).max(0.0) * 10.0).round() / 10.0,
        };
        tests.into_iter().enumerate().map(took).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_has_begun_when_the_one_that_gave_it_its_thread_had_ended() {
        let mut heard = Heard::new(2);
        for (line, at) in [
            ("running 4 tests", 1.0),
            ("test b ... ok", 3.0),
            ("test c ... ok", 4.5),
            ("test a - should panic ... ok", 5.0),
            ("test d ... FAILED", 9.0),
            ("test result: FAILED. 3 passed; 1 failed", 9.0),
        ] {
            heard.hear(line, at);
        }
        let times = heard.binaries[0].times(heard.threads);
        let times: Vec<(&str, f64)> = times
            .iter()
            .map(|one| (one.test.as_str(), one.seconds))
            .collect();
        let expected = [
            ("a - should panic", 4.0),
            ("b", 2.0),
            ("c", 1.5),
            ("d", 4.5),
        ];
        assert_eq!(times, expected);
    }

    #[test]
    fn where_a_result_is_missing_no_time_is_guessed() {
        let mut heard = Heard::new(2);
        for line in [
            "running 2 tests",
            "test a ... ok",
            "test result: ok. 2 passed",
        ] {
            heard.hear(line, 1.0);
        }
        assert_eq!(heard.binaries[0].times(2), []);
    }
}
