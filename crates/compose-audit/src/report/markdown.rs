//! The proof of isolation as Markdown, and as GitHub's annotations.

use std::fmt::Write as _;

use crate::fault::Severity;
use crate::report::matrix::matrix;
use crate::report::proof::Proof;
use process::printable;

/// A heading with the verdict, the matrix, the findings, what could not be asked.
pub(crate) fn text(proof: &Proof) -> String {
    let mut text = format!(
        "## Isolation: {}\n\n{}; {}\n\n",
        proof.verdict.word(),
        escaped(&proof.summary()),
        escaped(&proof.duration())
    );
    let names = &proof.scope.environments;
    let _ = writeln!(text, "| from \\\\ to | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(names.len()));
    for (from, cells) in matrix(proof) {
        let cells: Vec<String> = cells.iter().map(|cell| escaped(&cell.text())).collect();
        let _ = writeln!(text, "| {from} | {} |", cells.join(" | "));
    }
    if !proof.findings.is_empty() {
        text.push_str("\n| severity | fault | environments | subject | evidence | reproduce | fix |\n|---|---|---|---|---|---|---|\n");
    }
    for finding in &proof.findings {
        let severity = match &finding.allowed {
            Some(reason) => format!("excused: {}", escaped(reason)),
            None => finding.severity.word().to_owned(),
        };
        let _ = writeln!(
            text,
            "| {severity} | {} {} | {} | {} | {} | {} | {} |",
            finding.fault.id,
            finding.fault.title,
            finding.environments.join(", "),
            escaped(&finding.subject),
            escaped(&finding.evidence),
            escaped(&finding.reproduce),
            escaped(&finding.fix)
        );
    }
    let blind: Vec<_> = proof.blind().collect();
    if !blind.is_empty() {
        text.push_str("\nCould not be asked:\n\n");
    }
    for check in blind {
        let _ = writeln!(
            text,
            "- {}: {} to {}, {}: {}",
            check.layer.name(),
            check.from,
            check.to,
            escaped(&check.subject),
            escaped(&check.control)
        );
    }
    if !proof.remarks.is_empty() {
        text.push('\n');
    }
    for remark in &proof.remarks {
        let _ = writeln!(text, "- {}", escaped(remark));
    }
    text
}

/// A line a finding that is not excused, in the form that GitHub Actions reads from a job's output.
pub(crate) fn annotations(proof: &Proof) -> Vec<String> {
    let standing = proof.findings.iter().filter(|one| one.allowed.is_none());
    let mut lines: Vec<String> = standing
        .map(|finding| {
            let level = match finding.severity {
                Severity::High => "error",
                Severity::Medium | Severity::Low => "warning",
            };
            let title = format!("{} {}", finding.fault.id, finding.fault.title);
            let message = format!(
                "[{}] {}: {}",
                finding.environments.join(", "),
                finding.subject,
                finding.evidence
            );
            format!("::{level} title={}::{}", property(&title), data(&message))
        })
        .collect();
    let blind = proof.blind().count();
    if blind > 0 {
        lines.push(format!(
            "::warning title=inconclusive::{blind} questions could not be asked"
        ));
    }
    lines
}

/// The data of a workflow command ends with its line, and `%` introduces an escape.
fn data(text: &str) -> String {
    printable(text).replace('%', "%25")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A text in which nothing is markup: each character of ASCII punctuation behind a backslash, and
/// what HTML reads as an entity.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in printable(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '#' | '@' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::proof::testing::{any_hostile, hostile, obeyed};

    #[test]
    fn a_table_stays_a_table_whatever_the_names_are() {
        insta::assert_snapshot!(text(&hostile()), @r##"
        ## Isolation: violated

        violated: 2 questions answered, 1 could not be asked, 1 finding, 1 excused; 1.5 s (network 1.2)

        | from \\ to | dev | test | staging |
        |---|---|---|---|
        | dev | - | X N1 | ? 1 |
        | test | X N1 | - | - |
        | staging | - | - | - |

        | severity | fault | environments | subject | evidence | reproduce | fix |
        |---|---|---|---|---|---|---|
        | high | N1 one environment reaches another | dev, test | a\|b\]\]&gt;\\u{202e}&amp;&lt;b&gt;\\n::error::x | reached\\u{0}it &amp; "more" | docker exec x bash -c '&lt;/code&gt;' | disconnect \`it\` |
        | excused: the ingress | E4 a container on another's network | dev | proxy |  |  |  |

        Could not be asked:

        - network: dev to staging, 6379/tcp\|\`&lt;script&gt;alert(1)&lt;/script&gt;\`: its own answered\\u{1b}\[31m in 2 ms

        - allowance for E3 of dev: matches nothing
        "##);
    }

    #[test]
    fn a_name_starts_no_workflow_command_of_its_own() {
        let lines = annotations(&hostile());
        assert_eq!(lines.len(), 2);
        assert!(
            lines.iter().all(|line| line.lines().count() == 1),
            "{lines:?}"
        );
        assert!(lines[0].starts_with("::error title=N1 one environment reaches another::"));
    }

    proptest! {
        #[test]
        fn whatever_the_names_are_each_line_keeps_its_cells_and_is_no_command(proof in any_hostile()) {
            let told = text(&proof);
            prop_assert_eq!(obeyed(&told), None);
            prop_assert!(!told.contains('<'));
            // Behind a backslash it ends no cell.
            let ends = |line: &str| line.replace("\\\\", "").replace("\\|", "").matches('|').count();
            let lines: Vec<usize> = told.lines().filter(|line| line.starts_with('|')).map(ends).collect();
            prop_assert_eq!(lines, [5, 5, 5, 5, 5, 8, 8, 8, 8]);
            for line in annotations(&proof) {
                prop_assert!(line.starts_with("::") && line.lines().count() == 1, "{line:?}");
                prop_assert_eq!(obeyed(&line), None);
            }
        }
    }
}
