//! The proof of isolation as one page that needs nothing else: no script, no font, no request.

use minijinja::{Environment as Templates, context};

use crate::report::matrix::matrix;
use crate::report::proof::Proof;
use process::printable;

/// The page. The template's name ends in `.html`, so that minijinja escapes what is put in.
///
/// # Errors
/// The template is broken, which a test would show.
pub(crate) fn text(proof: &Proof) -> anyhow::Result<String> {
    let mut templates = Templates::new();
    templates.add_template("proof.html", include_str!("templates/proof.html"))?;
    let lines: Vec<_> = matrix(proof)
        .into_iter()
        .map(|(from, cells)| {
            let cells: Vec<_> = cells
                .iter()
                .map(|cell| context! { text => cell.text(), class => cell.class() })
                .collect();
            context! { from, cells }
        })
        .collect();
    let findings: Vec<_> = proof
        .findings
        .iter()
        .map(|finding| {
            context! {
                severity => finding.severity.word(),
                id => finding.fault.id,
                title => finding.fault.title,
                environments => finding.environments.join(", "),
                subject => printable(&finding.subject),
                evidence => printable(&finding.evidence),
                reproduce => printable(&finding.reproduce),
                fix => printable(&finding.fix),
                allowed => finding.allowed.as_deref().map(printable),
            }
        })
        .collect();
    let checks: Vec<_> = proof
        .checks
        .iter()
        .map(|check| {
            context! {
                layer => check.layer.name(),
                from => &check.from,
                to => &check.to,
                subject => printable(&check.subject),
                observed => check.observed.word(),
                control => printable(&check.control),
                met => check.observed.meets(check.expected),
            }
        })
        .collect();
    let page = templates.get_template("proof.html")?.render(context! {
        verdict => proof.verdict.word(),
        summary => proof.summary(),
        duration => proof.duration(),
        names => &proof.scope.environments,
        absent => proof.scope.absent.join(", "),
        lines,
        findings,
        questions => checks.len(),
        checks,
        remarks => proof.remarks.iter().map(|remark| printable(remark)).collect::<Vec<_>>(),
    })?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::proof::testing::{any_hostile, hostile, obeyed};

    #[test]
    fn no_name_becomes_markup_and_nothing_is_fetched() {
        let page = text(&hostile()).expect("a page");
        assert!(page.contains("&lt;script&gt;"), "{page}");
        for markup in ["<script", "http:", "https:", "src=", "\u{1b}", "\u{202e}"] {
            assert!(!page.contains(markup), "{markup:?} in {page}");
        }
        assert!(page.contains("N1") && page.contains("? 1"), "{page}");
    }

    proptest! {
        #[test]
        fn whatever_the_names_are_the_page_has_no_other_markup(proof in any_hostile()) {
            let tags = |page: &str| page.matches('<').count();
            let page = text(&proof).expect("a page");
            prop_assert_eq!(obeyed(&page), None);
            let mut plain = proof.clone();
            for check in &mut plain.checks {
                check.subject = "x".to_owned();
                check.control = "x".to_owned();
            }
            let finding = &mut plain.findings[0];
            for text in [&mut finding.subject, &mut finding.evidence, &mut finding.reproduce, &mut finding.fix] {
                *text = if text.is_empty() { String::new() } else { "x".to_owned() };
            }
            let reason = plain.findings[1].allowed.as_mut().expect("a reason");
            *reason = if reason.is_empty() { String::new() } else { "x".to_owned() };
            plain.remarks.iter_mut().for_each(|remark| *remark = "x".to_owned());
            prop_assert_eq!(tags(&page), tags(&text(&plain).expect("a page")));
        }
    }
}
