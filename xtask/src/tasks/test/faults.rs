//! The rows of the corpus of faults: whether each was found, and what else was reported.

use compose_audit::fault::Fault;
use serde::Serialize;

use crate::ui;

/// A row of the corpus of faults, as its test tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct FaultRow {
    pub(super) fault: String,
    pub(super) severity: &'static str,
    pub(super) what: String,
    pub(super) found: bool,
    /// How many innocent counterparts were reported, of how many.
    pub(super) false_alarms: String,
}

impl FaultRow {
    /// Of a line `fault<TAB>E3<TAB>found<TAB>0 of 2<TAB>what it is`, which libtest may have begun.
    pub(super) fn told(line: &str) -> Option<Self> {
        let (_, line) = line.split_once("fault\t")?;
        let [fault, found, false_alarms, what] = line.split('\t').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Self {
            fault: fault.to_owned(),
            severity: Fault::of_id(fault)?.severity.word(),
            what: what.to_owned(),
            found: found == "found",
            false_alarms: false_alarms.to_owned(),
        })
    }
}

/// Empty where no row told itself.
pub(super) fn table_of_faults(faults: &[&FaultRow]) -> String {
    if faults.is_empty() {
        return String::new();
    }
    let head = ["fault", "severity", "found", "false alarms", "what"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(faults.iter().map(|one| {
        let found = if one.found { "yes" } else { "NO" };
        vec![
            one.fault.clone(),
            one.severity.to_owned(),
            found.to_owned(),
            one.false_alarms.clone(),
            one.what.clone(),
        ]
    }));
    ui::table(&lines) + "\n"
}
