//! The proof of isolation, as it is told.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::isolation::finding::{Check, Finding, Layer, Seen};
use crate::isolation::verdict::Verdict;
use crate::process::printable;
use crate::ui::{Tone, Ui, counted};

/// What was in scope.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) environments: Vec<String>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) absent: Vec<String>,
}

/// A whole run, judged.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) verdict: Verdict,
    pub(crate) scope: Scope,
    pub(crate) findings: Vec<Finding>,
    pub(crate) checks: Vec<Check>,
    /// Declarations that did not excuse anything, and why.
    pub(crate) remarks: Vec<String>,
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
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
        })
    }

    /// The text for people.
    pub(crate) fn human(&self, ui: &Ui) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let _ = writeln!(
                text,
                "{} {} {} [{}] {}: {}",
                finding.severity.word(),
                finding.fault.id,
                finding.fault.title,
                finding.environments.join(", "),
                printable(&finding.subject),
                printable(&finding.evidence)
            );
        }
        for check in self
            .checks
            .iter()
            .filter(|check| check.observed == Seen::CouldNotAsk)
        {
            let _ = writeln!(
                text,
                "could not ask: {} {} -> {} {}: {}",
                check.layer.name(),
                check.from,
                check.to,
                printable(&check.subject),
                printable(&check.control)
            );
        }
        let tone = match self.verdict {
            Verdict::Isolated => Tone::Good,
            Verdict::Violated => Tone::Bad,
            Verdict::Inconclusive => Tone::Warning,
        };
        let _ = writeln!(
            text,
            "{}: {}, {} in {:.1} s",
            ui.paint(tone, self.verdict.word()),
            counted(self.findings.len() as u64, "finding"),
            counted(self.checks.len() as u64, "check"),
            self.seconds
        );
        text
    }
}
