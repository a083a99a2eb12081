//! What a layer hands back: the faults that it found, and every question that it asked with its
//! answer.

use std::str::FromStr;

use serde::Serialize;

use crate::fault::{Fault, Severity};

/// Where the proof looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The compose files, as they render.
    Static,
    /// Containers, volumes and networks, as the engine has them.
    Engine,
    /// Who reaches whom, from inside each environment.
    Network,
    /// Which login opens which server.
    Auth,
    /// Which store is behind which server.
    Data,
    /// Keys' prefixes and nodes' labels.
    Namespace,
    /// The tool that looks: which engine, which neighbours, what it left behind.
    Tool,
}

impl Layer {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Static,
        Self::Engine,
        Self::Network,
        Self::Auth,
        Self::Data,
        Self::Namespace,
        Self::Tool,
    ];

    /// Its name, as a person types it.
    pub const fn name(self) -> &'static str {
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

    /// Where it looks, for a list of the layers.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Static => "The compose files, as they render",
            Self::Engine => "Containers, volumes and networks, as the engine has them",
            Self::Network => "Who reaches whom, from inside each environment",
            Self::Auth => "Which login opens which server",
            Self::Data => "Which store is behind which server",
            Self::Namespace => "Keys' prefixes and nodes' labels",
            Self::Tool => "This tool: which engine, which neighbours, what it left behind",
        }
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|layer| layer.name() == name);
        named.ok_or_else(|| format!("no layer is called {name:?}"))
    }
}

/// A fault, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// How much it lets through.
    pub severity: Severity,
    /// Which one it is.
    pub fault: Fault,
    /// The environments that it joins: `dev`, or whatever names were given to compose files.
    pub environments: Vec<String>,
    /// The object that it is about, as a declaration has to name it.
    pub subject: String,
    /// What was seen. Never a secret, never a stored value.
    pub evidence: String,
    /// A command that shows it, to be pasted.
    pub reproduce: String,
    /// What to do about it.
    pub fix: String,
    /// The reason by which it is excused.
    pub allowed: Option<String>,
}

impl Finding {
    /// One of these environments, about that object.
    pub fn new(fault: Fault, environments: &[&str], subject: impl Into<String>) -> Self {
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

    /// What was seen.
    pub fn evidence(mut self, text: impl Into<String>) -> Self {
        self.evidence = text.into();
        self
    }

    /// The command that shows it.
    pub fn reproduce(mut self, command: impl Into<String>) -> Self {
        self.reproduce = command.into();
        self
    }

    /// What to do about it.
    pub fn fix(mut self, text: impl Into<String>) -> Self {
        self.fix = text.into();
        self
    }
}

/// What a question should be answered with, by the definitions and not by what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Refused or timed out: nobody answers.
    Blocked,
    /// Somebody answers.
    Reachable,
    /// The login is refused.
    LoginRefused,
    /// The login opens it.
    LoginAccepted,
    /// Both are one.
    Same,
    /// Both are two.
    Distinct,
}

/// What a question was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// Somebody answered.
    Reachable,
    /// The address answered that nobody listens, that there is no way to it, or the name has no
    /// address.
    Refused,
    /// Nothing came back within a time in which the control answered many times over.
    TimedOut,
    /// The login was refused.
    LoginRefused,
    /// The login opened it.
    LoginAccepted,
    /// Both are one.
    Same,
    /// Both are two.
    Distinct,
    /// Nobody could be asked, or what came back could not be understood: nothing is known.
    CouldNotAsk,
}

impl Seen {
    /// A word for people.
    pub const fn word(self) -> &'static str {
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
    pub const fn meets(self, expected: Expected) -> bool {
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
pub struct Check {
    /// Who asked.
    pub layer: Layer,
    /// From which environment.
    pub from: String,
    /// About which one.
    pub to: String,
    /// Which port, login or store.
    pub subject: String,
    /// What the definitions say.
    pub expected: Expected,
    /// What came.
    pub observed: Seen,
    /// The positive control beside it and how that came out, or why nobody could be asked.
    pub control: String,
}

/// A layer's outcome, and how long it looked.
#[derive(Debug)]
pub struct Looked {
    /// Which layer.
    pub layer: Layer,
    /// What it hands back.
    pub outcome: Outcome,
    /// How long it looked.
    pub seconds: f64,
}

/// What a layer hands back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What it found.
    pub findings: Vec<Finding>,
    /// What it asked.
    pub checks: Vec<Check>,
    /// Declarations that excuse nothing, and why.
    pub remarks: Vec<String>,
}

impl Outcome {
    /// A layer that could not look at an environment: one cell that says why.
    pub fn blind(layer: Layer, environment: &str, why: impl Into<String>) -> Self {
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

    /// Adds what another has seen.
    pub fn extend(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.checks.extend(other.checks);
        self.remarks.extend(other.remarks);
    }
}

/// What tests make up.
#[cfg(any(test, feature = "testing"))]
pub mod testing {
    use proptest::prelude::*;

    use super::*;

    /// A cell that was answered otherwise than it should be, while no finding is about either of its
    /// environments: it would pass in silence.
    pub fn unexplained(outcome: &Outcome) -> Option<&Check> {
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
    pub fn blind(outcome: &Outcome, environment: &str, server: &str) -> usize {
        let of_it = |check: &&Check| {
            check.observed == Seen::CouldNotAsk
                && (check.from == environment || check.to == environment)
                && check.subject.contains(server)
        };
        outcome.checks.iter().filter(of_it).count()
    }

    /// What a server could say: nothing, too much, what another says, what paints a terminal.
    pub fn told() -> impl Strategy<Value = String> {
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
