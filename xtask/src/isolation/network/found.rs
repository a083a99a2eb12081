//! Gathers what is found. Pure.

use std::collections::BTreeMap;

use environments::Environment;

use crate::isolation::fault::Fault;
use crate::isolation::finding::Finding;

/// Findings, of which those about one thing are one.
#[derive(Default)]
pub(super) struct Found {
    all: BTreeMap<
        (&'static str, Vec<&'static str>, String),
        (Fault, Vec<String>, String, &'static str),
    >,
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
            .or_insert_with(|| (fault, Vec::new(), reproduce, fix));
        if !entry.1.contains(&evidence) {
            entry.1.push(evidence);
        }
    }

    pub(super) fn findings(self) -> Vec<Finding> {
        self.all
            .into_iter()
            .map(|((_, names, subject), (fault, evidence, reproduce, fix))| {
                Finding::new(fault, &names, subject)
                    .evidence(evidence.join("; "))
                    .reproduce(reproduce)
                    .fix(fix)
            })
            .collect()
    }
}
