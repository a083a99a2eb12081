//! Gathers what is found. Pure.

use std::collections::BTreeMap;

use environments::Environment;

use compose_audit::fault::Fault;
use compose_audit::finding::Finding;

/// The fault's id, the environments that it joins, what it is about.
type Key = (&'static str, Vec<&'static str>, String);

/// Findings, of which those about one thing are one.
#[derive(Default)]
pub(super) struct Found {
    all: BTreeMap<Key, One>,
}

struct One {
    fault: Fault,
    evidence: Vec<String>,
    reproduce: String,
    fix: &'static str,
}

impl Found {
    pub(super) fn add(
        &mut self,
        fault: Fault,
        environments: [Option<Environment>; 2],
        subject: &str,
        evidence: String,
        reproduce: String,
        fix: &'static str,
    ) {
        let mut environments: Vec<Environment> = environments.into_iter().flatten().collect();
        environments.sort_unstable();
        environments.dedup();
        let names = environments.into_iter().map(Environment::slug).collect();
        let entry = self
            .all
            .entry((fault.id, names, subject.to_owned()))
            .or_insert_with(|| One {
                fault,
                evidence: Vec::new(),
                reproduce,
                fix,
            });
        if !entry.evidence.contains(&evidence) {
            entry.evidence.push(evidence);
        }
    }

    pub(super) fn findings(self) -> Vec<Finding> {
        self.all
            .into_iter()
            .map(|((_, names, subject), one)| {
                Finding::new(one.fault, &names, subject)
                    .evidence(one.evidence.join("; "))
                    .reproduce(one.reproduce)
                    .fix(one.fix)
            })
            .collect()
    }
}
