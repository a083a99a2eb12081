//! A line of the journal, and the lines of one run put together.

use environments::Deployment;
use serde::{Deserialize, Serialize};

use super::{DONE, STARTED};

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When, in UTC.
    pub(crate) at: String,
    /// Joins the lines of a run.
    pub(crate) run: String,
    /// The user's name.
    pub(crate) who: String,
    /// The user's number; none in lines of before numbers were kept.
    #[serde(default)]
    pub(crate) uid: Option<u32>,
    /// The engine's id.
    pub(crate) engine: String,
    pub(crate) command: String,
    pub(crate) environment: String,
    pub(crate) instance: String,
    /// `started`, then `done`, `failed`, `refused`, `cancelled` or `interrupted`. A run that has only
    /// the first was killed, or still goes on.
    pub(crate) outcome: String,
    /// Of which step this line is; none where it is of the run itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<StepLine>,
    /// What was to be removed, in lines of before each step had its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) removed: Vec<String>,
    /// The snapshot that was made, restored or relied on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<String>,
    /// The id of Neo4j's store that was compared with that snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<String>,
    /// The snapshot that was made of what was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) safety: Option<String>,
    /// What a proof came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<Proved>,
}

/// A step of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepLine {
    /// From 1 on.
    pub(crate) number: usize,
    pub(crate) action: String,
    /// In the line of its beginning what it is about to do; in that of its end what it did.
    pub(crate) deeds: Vec<Deed>,
}

/// What is done to one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deed {
    pub(crate) verb: Verb,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// A container's or network's id. A volume has none: the time at which it was made.
    pub(crate) id: String,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verb {
    Remove,
    Kill,
    Stop,
    Unpause,
    /// Made, started, or both.
    Make,
    Write,
    /// Emptied where it is.
    Empty,
    /// Something else was put in its place, and it is kept.
    Replace,
    /// Its contents were changed where they are.
    Change,
    /// Of a newer version of this tool.
    #[serde(other)]
    Other,
}

/// What it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Container,
    Network,
    Volume,
    File,
    Snapshot,
    /// Keys or nodes.
    Data,
    #[serde(other)]
    Other,
}

/// What a proof came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proved {
    pub(crate) verdict: String,
    /// Findings that nobody has allowed.
    pub(crate) findings: usize,
    pub(crate) allowed: usize,
    pub(crate) checks: usize,
    /// Those of them that could not be asked.
    pub(crate) not_asked: usize,
    /// The SHA-256 of the report, as `--format json` prints it.
    pub(crate) report_sha256: String,
}

impl Entry {
    /// Whether it is about that deployment.
    pub(crate) fn is_of(&self, deployment: &Deployment) -> bool {
        self.environment == deployment.environment().slug()
            && self.instance == deployment.instance().label()
    }
}

impl Deed {
    pub(crate) fn new(
        verb: Verb,
        kind: Kind,
        name: impl Into<String>,
        id: impl Into<String>,
    ) -> Self {
        Self {
            verb,
            kind,
            name: name.into(),
            id: id.into(),
        }
    }
}

/// The lines of one run on one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The line of its beginning, with the time and outcome of its end where it has one.
    pub(crate) begun: Entry,
    /// What its steps were about to do, and did, in their order.
    pub(crate) steps: Vec<Stepped>,
}

/// The lines of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Stepped {
    pub(crate) number: usize,
    pub(crate) action: String,
    pub(crate) outcome: String,
    /// What it was about to do.
    pub(crate) about: Vec<Deed>,
    /// What it did; nothing is known of a step that never came to its end.
    pub(crate) did: Vec<Deed>,
}

impl Run {
    /// Puts the lines of each run together, in the order in which the runs began.
    pub(crate) fn joined(entries: Vec<Entry>) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for entry in entries {
            let same = |run: &Self| {
                let begun = &run.begun;
                begun.run == entry.run
                    && begun.environment == entry.environment
                    && begun.instance == entry.instance
            };
            let at = runs.iter().rposition(same);
            match (at, entry.step.clone()) {
                (Some(at), Some(step)) => runs[at].add(step, entry.outcome),
                (Some(at), None) => runs[at].end(entry),
                // Its first line was lost: what is left of it is told all the same.
                (None, _) => runs.push(Self {
                    begun: entry,
                    steps: Vec::new(),
                }),
            }
        }
        runs
    }

    fn add(&mut self, line: StepLine, outcome: String) {
        if outcome == STARTED {
            self.steps.push(Stepped {
                number: line.number,
                action: line.action,
                outcome,
                about: line.deeds,
                did: Vec::new(),
            });
        } else if let Some(step) = self.steps.last_mut() {
            step.outcome = outcome;
            step.did = line.deeds;
        }
    }

    fn end(&mut self, line: Entry) {
        self.begun.at = line.at;
        self.begun.outcome = line.outcome;
        self.begun.proof = line.proof;
        self.begun.removed = line.removed;
    }

    /// Whether it did all that it was to do.
    pub(crate) fn done(&self) -> bool {
        self.begun.outcome == DONE
    }

    /// What its steps were about to do by that verb, done or not.
    pub(crate) fn about(&self, verb: Verb) -> impl Iterator<Item = &Deed> {
        let all = self.steps.iter().flat_map(|step| &step.about);
        all.filter(move |deed| deed.verb == verb)
    }

    /// What it may have done by that verb: what its steps say that they did, and of the one that never
    /// came to its end all that it was about to do.
    pub(crate) fn may_have_done(&self, verb: Verb) -> impl Iterator<Item = &Deed> {
        let all = self
            .steps
            .iter()
            .flat_map(|step| match step.outcome.as_str() {
                STARTED => &step.about,
                _ => &step.did,
            });
        all.filter(move |deed| deed.verb == verb)
    }

    /// What its steps did by that verb.
    pub(crate) fn did(&self, verb: Verb) -> impl Iterator<Item = &Deed> {
        let all = self.steps.iter().flat_map(|step| &step.did);
        all.filter(move |deed| deed.verb == verb)
    }
}
