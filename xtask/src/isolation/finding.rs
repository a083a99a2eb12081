//! What a layer hands back: the faults that it found, and every question that it asked with its
//! answer.

use serde::Serialize;

use crate::isolation::fault::{Fault, Severity};

/// Where the proof looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layer {
    /// The compose files, as they render
    Static,
    /// Containers, volumes and networks, as the engine has them
    Engine,
    /// Who reaches whom, from inside each environment
    Network,
    /// Which login opens which server
    Auth,
    /// Which store is behind which server
    Data,
    /// Keys' prefixes and nodes' labels
    Namespace,
    /// This tool: which engine, which neighbours, what it left behind
    Tool,
}

impl Layer {
    pub(crate) const ALL: [Self; 7] = [
        Self::Static,
        Self::Engine,
        Self::Network,
        Self::Auth,
        Self::Data,
        Self::Namespace,
        Self::Tool,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Engine => "engine",
            Self::Network => "network",
            Self::Auth => "auth",
            Self::Data => "data",
            Self::Namespace => "namespace",
            Self::Tool => "tool",
        }
    }
}

/// A fault, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) fault: Fault,
    /// The environments that it joins: `dev`, or whatever names were given to compose files.
    pub(crate) environments: Vec<String>,
    /// The object that it is about, as a declaration has to name it.
    pub(crate) subject: String,
    /// What was seen. Never a secret, never a stored value.
    pub(crate) evidence: String,
    /// A command that shows it, to be pasted.
    pub(crate) reproduce: String,
    /// What to do about it.
    pub(crate) fix: String,
    /// The reason by which it is excused.
    pub(crate) allowed: Option<String>,
}

impl Finding {
    pub(crate) fn new(fault: Fault, environments: &[&str], subject: impl Into<String>) -> Self {
        let mut environments: Vec<String> =
            environments.iter().map(|name| (*name).to_owned()).collect();
        environments.dedup();
        Self {
            fault,
            severity: fault.severity,
            environments,
            subject: subject.into(),
            evidence: String::new(),
            reproduce: String::new(),
            fix: String::new(),
            allowed: None,
        }
    }

    pub(crate) fn evidence(mut self, text: impl Into<String>) -> Self {
        self.evidence = text.into();
        self
    }

    pub(crate) fn reproduce(mut self, command: impl Into<String>) -> Self {
        self.reproduce = command.into();
        self
    }

    pub(crate) fn fix(mut self, text: impl Into<String>) -> Self {
        self.fix = text.into();
        self
    }
}

/// What a question should be answered with, by the definitions and not by what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expected {
    /// Refused or timed out: nobody answers.
    Blocked,
    Reachable,
    LoginRefused,
    LoginAccepted,
    Same,
    Distinct,
}

/// What a question was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Seen {
    Reachable,
    /// The address answered that nobody listens, that there is no way to it, or the name has no
    /// address.
    Refused,
    /// Nothing came back within a time in which the control answered many times over.
    TimedOut,
    LoginRefused,
    LoginAccepted,
    Same,
    Distinct,
    /// Nobody could be asked, or what came back could not be understood: nothing is known.
    CouldNotAsk,
}

impl Seen {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Refused => "refused",
            Self::TimedOut => "timed out",
            Self::LoginRefused => "login refused",
            Self::LoginAccepted => "login accepted",
            Self::Same => "same",
            Self::Distinct => "distinct",
            Self::CouldNotAsk => "could not ask",
        }
    }

    /// Whether it is what was expected.
    pub(crate) const fn meets(self, expected: Expected) -> bool {
        matches!(
            (expected, self),
            (Expected::Blocked, Self::Refused | Self::TimedOut)
                | (Expected::Reachable, Self::Reachable)
                | (Expected::LoginRefused, Self::LoginRefused)
                | (Expected::LoginAccepted, Self::LoginAccepted)
                | (Expected::Same, Self::Same)
                | (Expected::Distinct, Self::Distinct)
        )
    }
}

/// One cell of the table: a question with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) layer: Layer,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Which port, login or store.
    pub(crate) subject: String,
    pub(crate) expected: Expected,
    pub(crate) observed: Seen,
    /// The positive control beside it and how that came out, or why nobody could be asked.
    pub(crate) control: String,
}

/// What a layer hands back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) findings: Vec<Finding>,
    pub(crate) checks: Vec<Check>,
    /// Declarations that excuse nothing, and why.
    pub(crate) remarks: Vec<String>,
}

impl Outcome {
    /// A layer that could not look at an environment: one cell that says why.
    pub(crate) fn blind(layer: Layer, environment: &str, why: impl Into<String>) -> Self {
        Self {
            findings: Vec::new(),
            remarks: Vec::new(),
            checks: vec![Check {
                layer,
                from: environment.to_owned(),
                to: environment.to_owned(),
                subject: format!("the {} layer", layer.name()),
                expected: Expected::Distinct,
                observed: Seen::CouldNotAsk,
                control: why.into(),
            }],
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.checks.extend(other.checks);
        self.remarks.extend(other.remarks);
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use proptest::prelude::*;

    use super::*;

    /// A cell that was answered otherwise than it should be, while no finding is about either of its
    /// environments: it would pass in silence.
    pub(crate) fn unexplained(outcome: &Outcome) -> Option<&Check> {
        let told = |name: &String| {
            let mut findings = outcome.findings.iter();
            findings.any(|finding| finding.environments.contains(name))
        };
        outcome.checks.iter().find(|check| {
            check.observed != Seen::CouldNotAsk
                && !check.observed.meets(check.expected)
                && !told(&check.from)
                && !told(&check.to)
        })
    }

    /// The cells about an environment's server that could not be asked.
    pub(crate) fn blind(outcome: &Outcome, environment: &str, server: &str) -> usize {
        let of_it = |check: &&Check| {
            check.observed == Seen::CouldNotAsk
                && (check.from == environment || check.to == environment)
                && check.subject.contains(server)
        };
        outcome.checks.iter().filter(of_it).count()
    }

    /// What a server could say: nothing, too much, what another says, what paints a terminal.
    pub(crate) fn told() -> impl Strategy<Value = String> {
        let known = [
            "",
            " ",
            "0",
            "-1",
            "system",
            "neo4j",
            "default",
            "tta-dev",
            "tta-test",
            "tta-staging",
            "tta-prod",
            "master",
            "slave",
            "\u{1b}[2J",
            "\u{202e}",
            "<b>",
            "a\nb",
            "`",
            "'",
        ];
        prop_oneof![
            proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
            any::<String>()
        ]
    }
}
