//! The proof of isolation as JUnit XML: a suite a layer, a case a question and a finding. A question
//! that could not be asked is an error, a finding a failure, an excused finding is skipped.

use std::fmt::Write as _;

use crate::finding::{Check, Finding, Layer, Seen};
use crate::report::proof::Proof;
use process::printable;

pub(crate) fn text(proof: &Proof) -> String {
    let mut suites = String::new();
    for layer in &proof.scope.layers {
        suites.push_str(&suite(proof, *layer));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"verify-isolation\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\">\n{suites}</testsuites>\n",
        proof.checks.len() + proof.findings.len(),
        proof
            .findings
            .iter()
            .filter(|one| one.allowed.is_none())
            .count(),
        proof.blind().count(),
        proof.seconds
    )
}

fn suite(proof: &Proof, layer: Layer) -> String {
    let checks: Vec<&Check> = proof
        .checks
        .iter()
        .filter(|one| one.layer == layer)
        .collect();
    let findings: Vec<&Finding> = proof
        .findings
        .iter()
        .filter(|one| layer_of(one, proof) == layer)
        .collect();
    let seconds = proof.times.iter().find(|(one, _)| *one == layer);
    let mut text = format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\">\n",
        layer.name(),
        checks.len() + findings.len(),
        findings.iter().filter(|one| one.allowed.is_none()).count(),
        checks
            .iter()
            .filter(|one| one.observed == Seen::CouldNotAsk)
            .count(),
        findings.iter().filter(|one| one.allowed.is_some()).count(),
        seconds.map_or(0.0, |(_, seconds)| *seconds)
    );
    for check in checks {
        let name = format!("{} -> {}, {}", check.from, check.to, check.subject);
        let inner = if check.observed == Seen::CouldNotAsk {
            format!(
                "<error message=\"{}\"/>",
                escaped(&format!("could not ask: {}", check.control))
            )
        } else {
            format!(
                "<system-out>{}; {}</system-out>",
                check.observed.word(),
                escaped(&check.control)
            )
        };
        case(&mut text, layer, &name, &inner);
    }
    for finding in findings {
        let name = format!(
            "{} {} [{}] {}",
            finding.fault.id,
            finding.fault.title,
            finding.environments.join(", "),
            finding.subject
        );
        let inner = match &finding.allowed {
            Some(reason) => format!("<skipped message=\"{}\"/>", escaped(reason)),
            None => format!(
                "<failure type=\"{}\" message=\"{}\">reproduce: {}&#10;fix: {}</failure>",
                finding.severity.word(),
                escaped(&finding.evidence),
                escaped(&finding.reproduce),
                escaped(&finding.fix)
            ),
        };
        case(&mut text, layer, &name, &inner);
    }
    text.push_str("  </testsuite>\n");
    text
}

fn case(text: &mut String, layer: Layer, name: &str, inner: &str) {
    let _ = writeln!(
        text,
        "    <testcase classname=\"isolation.{}\" name=\"{}\">{inner}</testcase>",
        layer.name(),
        escaped(name)
    );
}

/// The layer that a fault's id belongs to, or the first in scope where another has found it.
fn layer_of(finding: &Finding, proof: &Proof) -> Layer {
    let layer = match finding.fault.id.as_bytes().first() {
        Some(b'S') => Layer::Static,
        Some(b'E') => Layer::Engine,
        Some(b'N') => Layer::Network,
        Some(b'A') => Layer::Auth,
        Some(b'D') => Layer::Data,
        Some(b'K') => Layer::Namespace,
        _ => Layer::Tool,
    };
    if proof.scope.layers.contains(&layer) {
        layer
    } else {
        proof.scope.layers.first().copied().unwrap_or(layer)
    }
}

/// Text in an attribute or element. XML 1.0 has no way to write most control characters at all.
fn escaped(text: &str) -> String {
    let allowed = |character: &char| !matches!(character, '\u{fffe}' | '\u{ffff}');
    let mut escaped = String::new();
    for character in printable(text).chars().filter(allowed) {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' => escaped.push_str("&#9;"),
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
    fn every_question_and_finding_is_a_case_and_no_name_breaks_out() {
        insta::assert_snapshot!(text(&hostile()), @r##"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="verify-isolation" tests="5" failures="1" errors="1" time="1.500">
          <testsuite name="network" tests="5" failures="1" errors="1" skipped="1" time="1.250">
            <testcase classname="isolation.network" name="dev -&gt; test, 6379/tcp|`&lt;script&gt;alert(1)&lt;/script&gt;`"><system-out>reachable; its own answered\u{1b}[31m in 2 ms</system-out></testcase>
            <testcase classname="isolation.network" name="test -&gt; dev, 6379/tcp|`&lt;script&gt;alert(1)&lt;/script&gt;`"><system-out>timed out; its own answered\u{1b}[31m in 2 ms</system-out></testcase>
            <testcase classname="isolation.network" name="dev -&gt; staging, 6379/tcp|`&lt;script&gt;alert(1)&lt;/script&gt;`"><error message="could not ask: its own answered\u{1b}[31m in 2 ms"/></testcase>
            <testcase classname="isolation.network" name="N1 one environment reaches another [dev, test] a|b]]&gt;\u{202e}&amp;&lt;b&gt;\n::error::x"><failure type="high" message="reached\u{0}it &amp; &quot;more&quot;">reproduce: docker exec x bash -c '&lt;/code&gt;'&#10;fix: disconnect `it`</failure></testcase>
            <testcase classname="isolation.network" name="E4 a container on another's network [dev] proxy"><skipped message="the ingress"/></testcase>
          </testsuite>
        </testsuites>
        "##);
    }

    /// The names of the elements, opened, closed and empty ones; none where it is not well formed.
    fn elements(text: &str) -> Option<Vec<String>> {
        let (_, mut rest) = text.split_once("?>")?;
        let (mut all, mut open) = (Vec::new(), Vec::new());
        while let Some((before, after)) = rest.split_once('<') {
            let (tag, behind) = after.split_once('>')?;
            if before.contains('>') || tag.contains('<') || tag.matches('"').count() % 2 == 1 {
                return None;
            }
            let name = |text: &str| text.split([' ', '/']).next().unwrap_or_default().to_owned();
            match tag.strip_prefix('/') {
                Some(closed) => {
                    if open.pop()? != closed {
                        return None;
                    }
                }
                None => {
                    all.push(name(tag));
                    if !tag.ends_with('/') {
                        open.push(name(tag));
                    }
                }
            }
            rest = behind;
        }
        open.is_empty().then_some(all)
    }

    proptest! {
        #[test]
        fn whatever_the_names_are_the_document_is_well_formed_and_has_the_same_elements(
            proof in any_hostile()
        ) {
            let told = text(&proof);
            prop_assert_eq!(obeyed(&told), None);
            prop_assert_eq!(elements(&told), elements(&text(&hostile())), "{}", told);
            prop_assert!(elements(&told).is_some());
            for entity in told.split('&').skip(1) {
                let name = entity.split_once(';').map(|(name, _)| name).unwrap_or_default();
                prop_assert!(["amp", "lt", "gt", "quot", "#9", "#10"].contains(&name), "{name:?}");
            }
        }
    }
}
