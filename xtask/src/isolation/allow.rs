//! `--allow FILE`: which findings are known and excused, by whom they concern and until when.
//!
//! Pure but for reading the file. An entry that is over, that matches nothing, or that would excuse
//! what may not be excused, is told.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Failure, Result};
use crate::isolation::fault::Fault;
use crate::isolation::finding::Finding;
use crate::process::printable;

/// One entry of the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allowance {
    fault: String,
    environments: Vec<String>,
    /// As the finding prints it.
    subject: String,
    reason: String,
    /// The last day on which it holds.
    expires: Option<jiff::civil::Date>,
}

/// Reads the entries.
///
/// # Errors
/// Usage: no such file, not JSON of this form, an unknown fault, an entry without a reason.
pub(crate) fn read(path: &Path) -> Result<Vec<Allowance>> {
    let form = r#"expected [{"fault":"E4","environments":["dev"],"subject":"…","reason":"…","expires":"2027-01-31"}]"#;
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    let entries: Vec<Allowance> = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!(
            "{}: {}",
            path.display(),
            printable(&error.to_string())
        ))
        .hint(form)
    })?;
    for entry in &entries {
        let problem = if Fault::of_id(&entry.fault).is_none() {
            format!("no fault has the id {:?}", entry.fault)
        } else if entry.reason.trim().is_empty() {
            format!(
                "the entry for {} {:?} gives no reason",
                entry.fault, entry.subject
            )
        } else if entry.environments.is_empty() {
            format!(
                "the entry for {} {:?} names no environment",
                entry.fault, entry.subject
            )
        } else {
            continue;
        };
        return Err(Failure::usage(format!("{}: {problem}", path.display())).hint(form));
    }
    Ok(entries)
}

/// Excuses what the entries name; the remarks are about entries that did not.
pub(crate) fn apply(
    entries: &[Allowance],
    findings: &mut [Finding],
    today: jiff::civil::Date,
) -> Vec<String> {
    let mut remarks = Vec::new();
    for entry in entries {
        let what = format!(
            "allowance for {} of {}: {}",
            entry.fault,
            entry.environments.join(", "),
            printable(&entry.subject)
        );
        let mut matching: Vec<&mut Finding> = findings
            .iter_mut()
            .filter(|finding| concerns(entry, finding))
            .collect();
        if matching.is_empty() {
            remarks.push(format!("{what}: matches nothing that was found"));
        } else if Fault::of_id(&entry.fault).is_some_and(|fault| !fault.excusable()) {
            remarks.push(format!("{what}: nothing may excuse this fault"));
        } else if let Some(day) = entry.expires.filter(|day| *day < today) {
            remarks.push(format!("{what}: expired on {day}"));
        } else {
            for finding in &mut matching {
                finding.allowed.get_or_insert_with(|| entry.reason.clone());
            }
        }
    }
    remarks
}

fn concerns(entry: &Allowance, finding: &Finding) -> bool {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        names
    };
    entry.fault == finding.fault.id
        && entry.subject == finding.subject
        && sorted(&entry.environments) == sorted(&finding.environments)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::isolation::fault;

    fn entry(fault: &str, expires: Option<jiff::civil::Date>) -> Allowance {
        Allowance {
            fault: fault.to_owned(),
            environments: vec!["test".to_owned(), "dev".to_owned()],
            subject: "x".to_owned(),
            reason: "a proxy".to_owned(),
            expires,
        }
    }

    fn applied(entry: &Allowance, fault: Fault) -> (Option<String>, Vec<String>) {
        let mut findings = [Finding::new(fault, &["dev", "test"], "x")];
        let remarks = apply(
            std::slice::from_ref(entry),
            &mut findings,
            date(2026, 11, 22),
        );
        let [finding] = findings;
        (finding.allowed, remarks)
    }

    #[test]
    fn an_entry_excuses_the_finding_it_names_through_its_last_day() {
        for expires in [None, Some(date(2026, 11, 22))] {
            let (allowed, remarks) = applied(&entry("E4", expires), fault::E4);
            assert_eq!((allowed.as_deref(), remarks.len()), (Some("a proxy"), 0));
        }
    }

    #[test]
    fn an_entry_that_is_over_or_matches_nothing_excuses_nothing_and_is_told() {
        for (entry, told) in [
            (
                entry("E4", Some(date(2026, 11, 21))),
                "expired on 2026-11-21",
            ),
            (entry("E3", None), "matches nothing"),
        ] {
            let (allowed, remarks) = applied(&entry, fault::E4);
            assert_eq!(allowed, None);
            assert!(remarks[0].contains(told), "{remarks:?}");
        }
    }

    #[test]
    fn what_may_not_be_excused_is_not() {
        for fault in [fault::A1, fault::A2, fault::A3, fault::D1] {
            let (allowed, remarks) = applied(&entry(fault.id, None), fault);
            assert_eq!(allowed, None);
            assert!(remarks[0].contains("nothing may excuse"), "{remarks:?}");
        }
    }
}
