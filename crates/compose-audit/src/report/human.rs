//! The proof of isolation for people at a terminal.

use std::fmt::Write as _;

use crate::fault::Severity;
use crate::finding::{Check, Finding};
use crate::report::matrix::{Cell, matrix};
use crate::report::proof::Proof;
use crate::report::{Paint, Tone};
use crate::verdict::Verdict;
use process::printable;

/// The matrix, the findings below it, worst first, then what could not be asked, then the verdict.
pub fn text(proof: &Proof, paint: Paint) -> String {
    let mut text = table(proof, paint);
    for finding in &proof.findings {
        text.push_str(&told(finding, paint));
    }
    text.push_str(&unasked(proof, paint));
    for remark in &proof.remarks {
        let _ = writeln!(
            text,
            "{} {}",
            paint.text(Tone::Warning, "note:"),
            printable(remark)
        );
    }
    if !proof.scope.absent.is_empty() {
        let _ = writeln!(text, "absent: {}", proof.scope.absent.join(", "));
    }
    let tone = match proof.verdict {
        Verdict::Isolated => Tone::Good,
        Verdict::Violated => Tone::Bad,
        Verdict::Inconclusive => Tone::Warning,
    };
    let _ = writeln!(
        text,
        "{}; {}",
        paint.text(tone, &proof.summary()),
        proof.duration()
    );
    text
}

/// A line for each reason why something could not be asked, with how many questions it concerns.
fn unasked(proof: &Proof, paint: Paint) -> String {
    let mut reasons: Vec<(&Check, usize)> = Vec::new();
    for check in proof.blind() {
        let same = |(one, _): &&mut (&Check, usize)| {
            one.layer == check.layer && one.control == check.control
        };
        match reasons.iter_mut().find(same) {
            Some((_, questions)) => *questions += 1,
            None => reasons.push((check, 1)),
        }
    }
    let mut text = String::new();
    for (check, questions) in reasons {
        let more = match questions {
            1 => String::new(),
            _ => format!(" (and {} more)", questions - 1),
        };
        let _ = writeln!(
            text,
            "{} {}: {} -> {}, {}{more}: {}",
            paint.text(Tone::Warning, "could not ask"),
            check.layer.name(),
            check.from,
            check.to,
            printable(&check.subject),
            printable(&check.control)
        );
    }
    text
}

/// Aligned before it is painted: colours have no width.
fn table(proof: &Proof, paint: Paint) -> String {
    let lines = matrix(proof);
    let names = &proof.scope.environments;
    let first = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0)
        .max("from \\ to".len());
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|(_, cells)| cells.get(column));
        let widest = cells
            .map(|cell| cell.text().chars().count())
            .max()
            .unwrap_or(0);
        widest.max(names.get(column).map_or(0, |name| name.chars().count()))
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let mut text = format!("{:<first$}", "from \\ to");
    for (name, width) in names.iter().zip(&widths) {
        let _ = write!(text, "  {name:<width$}");
    }
    text = text.trim_end().to_owned() + "\n";
    for (from, cells) in &lines {
        let _ = write!(text, "{from:<first$}");
        for (index, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let tone = match cell {
                Cell::Unasked => Tone::Faint,
                Cell::Apart(_) => Tone::Good,
                Cell::Blind(_) => Tone::Warning,
                Cell::Faults(_) => Tone::Bad,
            };
            let plain = cell.text();
            let gap = if index + 1 == cells.len() {
                0
            } else {
                width - plain.chars().count()
            };
            let _ = write!(text, "  {}{:gap$}", paint.text(tone, &plain), "");
        }
        text.push('\n');
    }
    text
}

fn told(finding: &Finding, paint: Paint) -> String {
    let tone = match (finding.allowed.is_some(), finding.severity) {
        (true, _) => Tone::Faint,
        (_, Severity::High) => Tone::Bad,
        (_, Severity::Medium | Severity::Low) => Tone::Warning,
    };
    let head = format!(
        "{} {} {}",
        finding.severity.word(),
        finding.fault.id,
        finding.fault.title
    );
    let mut text = format!(
        "{} [{}] {}\n",
        paint.text(tone, &head),
        finding.environments.join(", "),
        printable(&finding.subject)
    );
    let lines = [
        ("excused", finding.allowed.as_deref().unwrap_or_default()),
        ("evidence", &finding.evidence),
        ("reproduce", &finding.reproduce),
        ("fix", &finding.fix),
    ];
    for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "    {name:<11}{}", printable(value));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::proof::testing::{any_hostile, hostile, obeyed};

    #[test]
    fn what_could_not_be_asked_for_one_reason_is_said_once() {
        let mut proof = hostile();
        let blind = proof.checks[2].clone();
        proof.checks.extend([blind.clone(), blind]);
        let text = unasked(&proof, Paint::none());
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("(and 2 more)"), "{text}");
    }

    #[test]
    fn everything_is_told_and_no_name_is_obeyed_by_the_terminal() {
        insta::assert_snapshot!(text(&hostile(), Paint::none()), @r##"
        from \ to  dev   test  staging
        dev        -     X N1  ? 1
        test       X N1  -     -
        staging    -     -     -
        high N1 one environment reaches another [dev, test] a|b]]>\u{202e}&<b>\n::error::x
            evidence   reached\u{0}it & "more"
            reproduce  docker exec x bash -c '</code>'
            fix        disconnect `it`
        high E4 a container on another's network [dev] proxy
            excused    the ingress
        could not ask network: dev -> staging, 6379/tcp|`<script>alert(1)</script>`: its own answered\u{1b}[31m in 2 ms
        note: allowance for E3 of dev: matches nothing
        absent: prod
        violated: 2 questions answered, 1 could not be asked, 1 finding, 1 excused; 1.5 s (network 1.2)
        "##);
    }

    proptest! {
        #[test]
        fn whatever_the_names_are_the_terminal_obeys_none_and_each_stays_on_its_line(
            proof in any_hostile()
        ) {
            let told = text(&proof, Paint::none());
            prop_assert_eq!(obeyed(&told), None);
            let empty = |text: &str| usize::from(text.is_empty());
            let finding = &proof.findings[0];
            let missing = empty(&finding.evidence) + empty(&finding.reproduce) + empty(&finding.fix)
                + empty(proof.findings[1].allowed.as_deref().unwrap_or_default());
            // A table of four, two findings of four lines and two, one cell, the remarks, two more.
            prop_assert_eq!(told.lines().count(), 4 + 6 + 1 + proof.remarks.len() + 2 - missing);
        }
    }
}
