//! A whole run of the proof of isolation, judged: what every report is written from.

use serde_json::{Value, json};

use crate::error::{Failure, Kind};
use crate::isolation::finding::{Check, Finding, Layer, Seen};
use crate::isolation::verdict::Verdict;
use crate::ui::counted;

/// What was in scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) environments: Vec<String>,
    pub(crate) layers: Vec<Layer>,
    /// Environments that have no object on this engine.
    pub(crate) absent: Vec<String>,
}

/// A run, judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Proof {
    pub(crate) verdict: Verdict,
    pub(crate) scope: Scope,
    /// Worst first.
    pub(crate) findings: Vec<Finding>,
    pub(crate) checks: Vec<Check>,
    /// Declarations that excused nothing, and why.
    pub(crate) remarks: Vec<String>,
    /// How long each layer looked.
    pub(crate) times: Vec<(Layer, f64)>,
    pub(crate) seconds: f64,
}

impl Proof {
    /// The document for programs.
    pub(crate) fn json(&self) -> Value {
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

    /// Why the environments are not to be relied on, where the proof did not come out: for commands
    /// that end with it.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let kind = match self.verdict {
            Verdict::Isolated => return None,
            Verdict::Violated => Kind::Violated,
            Verdict::Inconclusive => Kind::Inconclusive,
        };
        Some(Failure::new(kind, self.summary()).hint("cargo xtask verify-isolation"))
    }

    /// The questions that nobody could be asked.
    pub(crate) fn blind(&self) -> impl Iterator<Item = &Check> {
        self.checks
            .iter()
            .filter(|check| check.observed == Seen::CouldNotAsk)
    }

    /// What a person reads first: `isolated: 214 questions answered, 0 findings`.
    pub(crate) fn summary(&self) -> String {
        let blind = self.blind().count();
        let answered = self.checks.len() - blind;
        let excused = self.findings.iter().filter(|one| one.allowed.is_some());
        let excused = excused.count();
        let mut parts = vec![format!("{} answered", counted(answered as u64, "question"))];
        if blind > 0 {
            parts.push(format!("{blind} could not be asked"));
        }
        parts.push(counted((self.findings.len() - excused) as u64, "finding"));
        if excused > 0 {
            parts.push(format!("{excused} excused"));
        }
        format!("{}: {}", self.verdict.word(), parts.join(", "))
    }

    /// `static 0.4, engine 0.3, … in 2.1 s`.
    pub(crate) fn duration(&self) -> String {
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

#[cfg(test)]
pub(crate) mod testing {
    use proptest::prelude::*;

    use super::*;
    use crate::isolation::fault;
    use crate::isolation::finding::Expected;

    /// What must stand in no report as it is: it would be obeyed by a terminal.
    pub(crate) fn obeyed(text: &str) -> Option<char> {
        let hides = |character| matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}');
        let obeyed =
            |&character: &char| (character.is_control() && character != '\n') || hides(character);
        text.chars().find(obeyed)
    }

    /// One of everything, and each text of it whatever there is.
    pub(crate) fn any_hostile() -> impl Strategy<Value = Proof> {
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
    pub(crate) fn hostile() -> Proof {
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
