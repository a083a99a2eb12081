//! From findings and answers to one word. Pure.

use serde::Serialize;

use crate::fault::S14;
use crate::finding::{Check, Finding, Seen};

/// The outcome of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything was asked, and nothing was found.
    Isolated,
    /// Something was found that is not excused, whatever else could not be asked.
    Violated,
    /// Nothing was found, but something could not be asked.
    Inconclusive,
}

impl Verdict {
    /// Judges a run. A file that cannot be rendered is a finding, but proves nothing either way.
    ///
    /// A run that asked nothing has proved nothing.
    pub fn of(findings: &[Finding], checks: &[Check]) -> Self {
        let standing = || findings.iter().filter(|finding| finding.allowed.is_none());
        let blind = |check: &Check| check.observed == Seen::CouldNotAsk;
        if standing().any(|finding| finding.fault != S14) {
            Self::Violated
        } else if standing().next().is_some() || checks.is_empty() || checks.iter().any(blind) {
            Self::Inconclusive
        } else {
            Self::Isolated
        }
    }

    /// The exit code of a program that ends with it.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Isolated => 0,
            Self::Violated => 4,
            Self::Inconclusive => 5,
        }
    }

    /// A word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Isolated => "isolated",
            Self::Violated => "violated",
            Self::Inconclusive => "inconclusive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{self, Fault};
    use crate::finding::{Expected, Layer};

    fn found(fault: Fault, allowed: bool) -> Finding {
        let mut finding = Finding::new(fault, &["dev", "test"], "x");
        finding.allowed = allowed.then(|| "a reason".to_owned());
        finding
    }

    fn asked(observed: Seen) -> Check {
        Check {
            layer: Layer::Network,
            from: "dev".to_owned(),
            to: "test".to_owned(),
            subject: "6379/tcp".to_owned(),
            expected: Expected::Blocked,
            observed,
            control: String::new(),
        }
    }

    #[test]
    fn only_a_run_that_asked_everything_and_found_nothing_is_isolated() {
        let answered = [asked(Seen::TimedOut)];
        let blind = [asked(Seen::TimedOut), asked(Seen::CouldNotAsk)];
        assert_eq!(Verdict::of(&[], &answered), Verdict::Isolated);
        assert_eq!(Verdict::of(&[], &blind), Verdict::Inconclusive);
        assert_eq!(Verdict::of(&[], &[]), Verdict::Inconclusive);
    }

    #[test]
    fn a_finding_is_a_violation_also_beside_what_could_not_be_asked() {
        let blind = [asked(Seen::CouldNotAsk)];
        let low = [found(fault::K2, false)];
        assert_eq!(Verdict::of(&low, &blind), Verdict::Violated);
    }

    #[test]
    fn an_excused_finding_is_none_but_excuses_no_blindness() {
        let excused = [found(fault::E4, true)];
        assert_eq!(
            Verdict::of(&excused, &[asked(Seen::Refused)]),
            Verdict::Isolated
        );
        assert_eq!(
            Verdict::of(&excused, &[asked(Seen::CouldNotAsk)]),
            Verdict::Inconclusive
        );
    }

    #[test]
    fn a_file_that_does_not_render_proves_nothing_by_itself() {
        let answered = [asked(Seen::Distinct)];
        let torn = found(fault::S14, false);
        assert_eq!(
            Verdict::of(std::slice::from_ref(&torn), &answered),
            Verdict::Inconclusive
        );
        assert_eq!(
            Verdict::of(&[torn, found(fault::S5, false)], &answered),
            Verdict::Violated
        );
    }
}
