//! A whole run of the proof of isolation, judged: what every report is written from.

use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::allow::{self, Allowance};
use crate::digest::hexadecimal;
use crate::fault::Severity;
use crate::finding::{Check, Finding, Layer, Looked, Seen};
use crate::report::{counted, pretty};
use crate::verdict::Verdict;

/// What was in scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// By name.
    pub environments: Vec<String>,
    /// Who looked.
    pub layers: Vec<Layer>,
    /// Environments that have no object on this engine.
    pub absent: Vec<String>,
}

/// A run, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// What it comes to.
    pub verdict: Verdict,
    /// What was in scope.
    pub scope: Scope,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// Every question with its answer.
    pub checks: Vec<Check>,
    /// Declarations that excused nothing, and why.
    pub remarks: Vec<String>,
    /// How long each layer looked.
    pub times: Vec<(Layer, f64)>,
    /// How long it took in all.
    pub seconds: f64,
}

/// A run in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Findings that are not excused, by severity.
    pub high: usize,
    /// Likewise.
    pub medium: usize,
    /// Likewise.
    pub low: usize,
    /// Findings that are excused.
    pub allowed: usize,
    /// Checks that were answered.
    pub asked: usize,
    /// Checks that nobody could answer.
    pub could_not_ask: usize,
}

impl Counts {
    /// The findings that are not excused.
    pub const fn findings(&self) -> usize {
        self.high + self.medium + self.low
    }
}

impl Proof {
    /// Judges what the layers have seen; `begun` is when the first began to look.
    pub fn judged(
        scope: Scope,
        looked: Vec<Looked>,
        allowances: &[Allowance],
        begun: Instant,
    ) -> Self {
        let mut findings: Vec<Finding> = Vec::new();
        let mut checks = Vec::new();
        let mut remarks = Vec::new();
        let mut times = Vec::new();
        for one in looked {
            times.push((one.layer, one.seconds));
            findings.extend(one.outcome.findings);
            checks.extend(one.outcome.checks);
            remarks.extend(one.outcome.remarks);
        }
        // Worst first; the same thing seen by two layers in the same words is said once.
        findings.sort();
        findings.dedup();
        let today = chrono::Utc::now().date_naive();
        remarks.extend(allow::apply(allowances, &mut findings, today));
        Self {
            verdict: Verdict::of(&findings, &checks),
            scope,
            findings,
            checks,
            remarks,
            times,
            seconds: begun.elapsed().as_secs_f64(),
        }
    }

    /// What was found and what was asked, in numbers.
    pub fn counts(&self) -> Counts {
        let standing = || self.findings.iter().filter(|one| one.allowed.is_none());
        let of = |severity| standing().filter(|one| one.severity == severity).count();
        let could_not_ask = self.blind().count();
        Counts {
            high: of(Severity::High),
            medium: of(Severity::Medium),
            low: of(Severity::Low),
            allowed: self.findings.len() - standing().count(),
            asked: self.checks.len() - could_not_ask,
            could_not_ask,
        }
    }

    /// The SHA-256 of what `--format json` prints, to the last line break: the same as `sha256sum` has
    /// of it.
    pub fn digest(&self) -> String {
        let printed = format!("{}\n", pretty(&self.json()));
        hexadecimal(&Sha256::digest(printed))
    }

    /// The document for programs.
    pub fn json(&self) -> Value {
        json!({
            "verdict": self.verdict,
            "scope": {
                "environments": self.scope.environments,
                "layers": self.scope.layers,
                "absent": self.scope.absent,
            },
            "findings": self.findings,
            "checks": self.checks,
            "remarks": self.remarks,
            "seconds": rounded(self.seconds),
        })
    }

    /// The questions that nobody could be asked.
    pub fn blind(&self) -> impl Iterator<Item = &Check> {
        self.checks
            .iter()
            .filter(|check| check.observed == Seen::CouldNotAsk)
    }

    /// What a person reads first: `isolated: 214 questions answered, 0 findings`.
    pub fn summary(&self) -> String {
        let counts = self.counts();
        let mut parts = vec![format!(
            "{} answered",
            counted(counts.asked as u64, "question")
        )];
        if counts.could_not_ask > 0 {
            parts.push(format!("{} could not be asked", counts.could_not_ask));
        }
        parts.push(counted(counts.findings() as u64, "finding"));
        if counts.allowed > 0 {
            parts.push(format!("{} excused", counts.allowed));
        }
        format!("{}: {}", self.verdict.word(), parts.join(", "))
    }

    /// `static 0.4, engine 0.3, … in 2.1 s`.
    pub fn duration(&self) -> String {
        let layers: Vec<String> = self
            .times
            .iter()
            .map(|(layer, seconds)| format!("{} {seconds:.1}", layer.name()))
            .collect();
        format!("{:.1} s ({})", self.seconds, layers.join(", "))
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// What tests make up.
#[cfg(any(test, feature = "testing"))]
pub mod testing {
    use proptest::prelude::*;

    use super::*;
    use crate::fault;
    use crate::finding::Expected;

    /// What must stand in no report as it is: it would be obeyed by a terminal.
    pub fn obeyed(text: &str) -> Option<char> {
        let hides = |character| matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}');
        let obeyed =
            |&character: &char| (character.is_control() && character != '\n') || hides(character);
        text.chars().find(obeyed)
    }

    /// One of everything, and each text of it whatever there is.
    pub fn any_hostile() -> impl Strategy<Value = Proof> {
        let bits = prop_oneof![
            any::<String>(),
            proptest::sample::select(vec![
                "\u{1b}[2J",
                "\r",
                "\n",
                "\u{85}",
                "\u{202e}",
                "<!--",
                "-->",
                "</td>",
                "<script>",
                "|",
                "]]>",
                "\"",
                "'",
                "&",
                "::error::",
                "%0A",
                "`",
                "\\",
            ])
            .prop_map(str::to_owned),
        ];
        // A tab is a space to a terminal.
        let text =
            proptest::collection::vec(bits, 0..4).prop_map(|bits| bits.concat().replace('\t', ""));
        proptest::collection::vec(text, 8).prop_map(|mut texts| {
            let mut proof = hostile();
            let mut next = || texts.pop().unwrap_or_default();
            for check in &mut proof.checks[1..] {
                check.subject = next();
                check.control = next();
            }
            let finding = &mut proof.findings[0];
            finding.subject = next();
            finding.evidence = next();
            finding.reproduce = next();
            finding.fix = next();
            proof.findings[1].allowed = Some(texts.concat());
            proof.remarks = texts;
            proof
        })
    }

    /// One of everything, with names that try to break out of whatever they are written into.
    pub fn hostile() -> Proof {
        let check = |from: &str, to: &str, observed| Check {
            layer: Layer::Network,
            from: from.to_owned(),
            to: to.to_owned(),
            subject: "6379/tcp|`<script>alert(1)</script>`".to_owned(),
            expected: Expected::Blocked,
            observed,
            control: "its own answered\u{1b}[31m in 2 ms".to_owned(),
        };
        let mut excused = Finding::new(fault::E4, &["dev"], "proxy");
        excused.allowed = Some("the ingress".to_owned());
        Proof {
            verdict: Verdict::Violated,
            scope: Scope {
                environments: vec!["dev".to_owned(), "test".to_owned(), "staging".to_owned()],
                layers: vec![Layer::Network],
                absent: vec!["prod".to_owned()],
            },
            findings: vec![
                Finding::new(
                    fault::N1,
                    &["dev", "test"],
                    "a|b]]>\u{202e}&<b>\n::error::x",
                )
                .evidence("reached\u{0}it & \"more\"")
                .reproduce("docker exec x bash -c '</code>'")
                .fix("disconnect `it`"),
                excused,
            ],
            checks: vec![
                check("dev", "test", Seen::Reachable),
                check("test", "dev", Seen::TimedOut),
                check("dev", "staging", Seen::CouldNotAsk),
            ],
            remarks: vec!["allowance for E3 of dev: matches nothing".to_owned()],
            times: vec![(Layer::Network, 1.25)],
            seconds: 1.5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_what_was_asked_found_and_excused() {
        assert_eq!(
            testing::hostile().summary(),
            "violated: 2 questions answered, 1 could not be asked, 1 finding, 1 excused"
        );
        assert_eq!(testing::hostile().duration(), "1.5 s (network 1.2)");
    }

    #[test]
    fn a_run_is_counted_by_severity_and_what_is_excused_stands_apart() {
        let expected = Counts {
            high: 1,
            medium: 0,
            low: 0,
            allowed: 1,
            asked: 2,
            could_not_ask: 1,
        };
        assert_eq!(testing::hostile().counts(), expected);
    }

    #[test]
    fn the_digest_is_that_of_the_document_as_it_is_printed() {
        let proof = testing::hostile();
        let printed = serde_json::to_string_pretty(&proof.json()).expect("a document");
        let hex = |text: &str| -> String {
            let digest = Sha256::digest(text);
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(proof.digest(), hex(&format!("{printed}\n")));
        let mut other = proof.clone();
        other.seconds += 1.0;
        assert_ne!(other.digest(), proof.digest());
    }

    #[test]
    fn the_document_has_the_keys_that_programs_rely_on() {
        let json = testing::hostile().json();
        let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        assert_eq!(
            keys,
            [
                "verdict", "scope", "findings", "checks", "remarks", "seconds"
            ]
        );
        let finding = &json["findings"][0];
        assert_eq!(finding["fault"], "N1");
        assert_eq!(finding["severity"], "high");
        assert_eq!(finding["allowed"], Value::Null);
        assert_eq!(json["checks"][2]["observed"], "could_not_ask");
    }
}
