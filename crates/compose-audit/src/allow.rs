//! `--allow FILE`: which findings are known and excused, by whom they concern and until when.
//!
//! Pure but for reading the file. An entry that is over, that matches nothing, or that would excuse
//! what may not be excused, is told.

use std::path::Path;

use chrono::NaiveDate;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::finding::Finding;
use process::printable;

/// One entry of the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    fault: String,
    environments: Vec<String>,
    /// As the finding prints it.
    subject: String,
    reason: String,
    /// The last day on which it holds.
    expires: Option<NaiveDate>,
}

/// Reads the entries.
///
/// # Errors
/// Usage: no such file, not JSON of this form, an unknown fault, an entry without a reason.
pub fn read(path: &Path) -> Result<Vec<Allowance>> {
    let form = r#"expected [{"fault":"E4","environments":["dev"],"subject":"…","reason":"…","expires":"2027-01-31"}]"#;
    let shown = printable(&path.display().to_string());
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("cannot read {shown}: {error}")))?;
    parse(&text).map_err(|problem| Error::usage(format!("{shown}: {problem}")).hint(form))
}

fn parse(text: &str) -> std::result::Result<Vec<Allowance>, String> {
    let entries: Vec<Allowance> =
        serde_json::from_str(text).map_err(|error| printable(&error.to_string()))?;
    match entries.iter().find_map(problem) {
        Some(problem) => Err(problem),
        None => Ok(entries),
    }
}

/// Why an entry says nothing understandable.
fn problem(entry: &Allowance) -> Option<String> {
    let whose = || format!("the entry for {} {:?}", entry.fault, entry.subject);
    if Fault::of_id(&entry.fault).is_none() {
        return Some(format!("no fault has the id {:?}", entry.fault));
    }
    // What a person can see of it: a space that has no width is no reason.
    if !entry.reason.chars().any(char::is_alphanumeric) {
        return Some(format!("{} gives no reason", whose()));
    }
    if entry.environments.is_empty() {
        return Some(format!("{} names no environment", whose()));
    }
    None
}

/// Excuses what the entries name; the remarks are about entries that did not.
pub fn apply(entries: &[Allowance], findings: &mut [Finding], today: NaiveDate) -> Vec<String> {
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
    // A person copies it from a report, which shows control characters and obeys none.
    let subject = |of: &str| entry.subject == of;
    entry.fault == finding.fault.id
        && (subject(&finding.subject) || subject(&printable(&finding.subject)))
        && sorted(&entry.environments) == sorted(&finding.environments)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::fault;
    use crate::finding::testing::told;
    use crate::report::proof::testing::obeyed;

    fn date(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, day).expect("a day of November")
    }

    fn entry(fault: &str, expires: Option<NaiveDate>) -> Allowance {
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
        let remarks = apply(std::slice::from_ref(entry), &mut findings, date(22));
        let [finding] = findings;
        (finding.allowed, remarks)
    }

    #[test]
    fn an_entry_excuses_the_finding_it_names_through_its_last_day() {
        for expires in [None, Some(date(22))] {
            let (allowed, remarks) = applied(&entry("E4", expires), fault::E4);
            assert_eq!((allowed.as_deref(), remarks.len()), (Some("a proxy"), 0));
        }
    }

    #[test]
    fn an_entry_that_is_over_or_matches_nothing_excuses_nothing_and_is_told() {
        for (entry, told) in [
            (entry("E4", Some(date(21))), "expired on 2026-11-21"),
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

    #[test]
    fn a_subject_is_named_as_a_report_shows_it() {
        let subject = "tta-dev-redis: user a\u{1b}[2J";
        for named in [subject, r"tta-dev-redis: user a\u{1b}[2J"] {
            let named = Allowance {
                subject: named.to_owned(),
                ..entry("E4", None)
            };
            assert!(concerns(
                &named,
                &Finding::new(fault::E4, &["dev", "test"], subject)
            ));
        }
    }

    fn whole() -> Value {
        json!({
            "fault": "E4", "environments": ["dev"], "subject": "x", "reason": "a proxy",
            "expires": "2027-01-31",
        })
    }

    fn read_as(entries: &Value) -> std::result::Result<Vec<Allowance>, String> {
        parse(&entries.to_string())
    }

    #[test]
    fn a_reason_that_nobody_can_see_is_none() {
        for reason in [
            "", " ", "\t", "\u{200b}", "\u{2063}", "\u{202e}", "\u{1b}", "-",
        ] {
            let mut entry = whole();
            entry["reason"] = json!(reason);
            assert!(read_as(&json!([entry])).is_err(), "{reason:?}");
        }
        assert_eq!(
            read_as(&json!([whole()])).map(|entries| entries.len()),
            Ok(1)
        );
    }

    #[test]
    fn a_file_of_another_form_excuses_nothing() {
        let twice =
            r#"[{"fault":"E4","fault":"E3","environments":["dev"],"subject":"x","reason":"r"}]"#;
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "null",
            "{}",
            "[null]",
            "[[]]",
            "[{}]",
            "\u{feff}[]",
            "[] []",
            twice,
            &deep,
        ] {
            assert!(
                parse(text).is_err(),
                "{}",
                text.chars().take(40).collect::<String>()
            );
        }
        for (field, value) in [
            ("fault", json!("S99")),
            ("fault", json!("e4")),
            ("environments", json!([])),
            ("environments", json!("dev")),
            ("subject", json!(null)),
            ("expires", json!("2027-02-30")),
            ("expires", json!("never")),
            ("expires", json!(2027)),
            ("expire", json!("2027-01-31")),
        ] {
            let mut entry = whole();
            entry[field] = value.clone();
            assert!(
                read_as(&json!([whole(), entry])).is_err(),
                "{field}: {value}"
            );
        }
    }

    fn known() -> impl Strategy<Value = Fault> {
        proptest::sample::select(fault::ALL.to_vec())
    }

    /// Few enough that some are alike.
    fn subject() -> impl Strategy<Value = String> {
        prop_oneof![Just("x".to_owned()), Just("\u{1b}x".to_owned()), told()]
    }

    fn environments() -> impl Strategy<Value = Vec<String>> {
        let names = proptest::sample::select(vec!["dev", "test", "staging"]);
        proptest::collection::vec(names.prop_map(str::to_owned), 1..3)
    }

    proptest! {
        #[test]
        fn whatever_the_file_says_it_is_entries_with_a_fault_and_a_reason_or_an_error_in_plain_text(
            text in prop_oneof![any::<String>(), told()],
            field in proptest::sample::select(vec!["fault", "environments", "subject", "reason", "expires", "more"]),
            value in prop_oneof![
                told().prop_map(Value::from),
                any::<i64>().prop_map(Value::from),
                Just(Value::Null),
                Just(json!([])),
                told().prop_map(|text| json!([text])),
                told().prop_map(|text| json!({ text: 1 })),
            ],
        ) {
            let mut entry = whole();
            entry[field] = value;
            for read in [parse(&text), read_as(&json!([entry]))] {
                match read {
                    Err(problem) => prop_assert_eq!(obeyed(&problem), None, "{:?}", problem),
                    Ok(entries) => for entry in entries {
                        prop_assert!(Fault::of_id(&entry.fault).is_some());
                        prop_assert!(!entry.environments.is_empty());
                        prop_assert!(entry.reason.chars().any(char::is_alphanumeric));
                    },
                }
            }
        }

        #[test]
        fn a_finding_is_excused_by_an_entry_that_names_it_and_by_nothing_else(
            entries in proptest::collection::vec((known(), environments(), subject(), 0..4_u32), 0..5),
            found in proptest::collection::vec((known(), environments(), subject()), 0..5),
            copied in proptest::collection::vec((any::<usize>(), 0..4_u32), 0..4),
        ) {
            let today = date(22);
            let day = |number| match number {
                0 => None,
                number => Some(date(20 + number)),
            };
            let mut findings: Vec<Finding> = found
                .iter()
                .map(|(fault, names, subject)| {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    Finding::new(*fault, &names, subject)
                })
                .collect();
            let mut entries: Vec<Allowance> = entries
                .into_iter()
                .map(|(fault, environments, subject, number)| Allowance {
                    fault: fault.id.to_owned(),
                    environments,
                    subject,
                    reason: "a proxy".to_owned(),
                    expires: day(number),
                })
                .collect();
            for (at, number) in copied {
                if let Some(finding) = findings.get(at % findings.len().max(1)) {
                    entries.push(Allowance {
                        fault: finding.fault.id.to_owned(),
                        environments: finding.environments.clone(),
                        subject: finding.subject.clone(),
                        reason: "a proxy".to_owned(),
                        expires: day(number),
                    });
                }
            }
            let remarks = apply(&entries, &mut findings, today);
            let names = |entry: &Allowance, finding: &Finding| {
                let all = |one: &[String], other: &[String]| one.iter().all(|name| other.contains(name));
                entry.fault == finding.fault.id
                    && all(&entry.environments, &finding.environments)
                    && all(&finding.environments, &entry.environments)
                    && [finding.subject.clone(), printable(&finding.subject)].contains(&entry.subject)
            };
            let holds = |entry: &&Allowance| {
                let firm = ["A1", "A2", "A3", "D1"].contains(&entry.fault.as_str());
                !firm && entry.expires.is_none_or(|day| day >= today)
            };
            for finding in &findings {
                let excused = entries.iter().filter(holds).any(|entry| names(entry, finding));
                prop_assert_eq!(finding.allowed.is_some(), excused, "{:?}", finding);
            }
            // Each entry that excused nothing is told of.
            let idle = entries.iter().filter(|entry| {
                !holds(entry) || !findings.iter().any(|finding| names(entry, finding))
            });
            prop_assert_eq!(remarks.len(), idle.count());
            prop_assert!(remarks.iter().all(|remark| obeyed(remark).is_none()), "{remarks:?}");
        }
    }
}
