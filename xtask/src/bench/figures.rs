//! What the measured seconds say: medians, the ratio of ours to the old way, and whether that is
//! what was aimed at.

/// What is aimed at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// Ours takes at most this part of the old way's time.
    Ratio(f64),
    /// Ours takes less than this.
    Seconds(f64),
}

/// One way, run several times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timed {
    pub(crate) what: &'static str,
    pub(crate) seconds: Vec<f64>,
}

impl Timed {
    /// NaN where it was never run.
    pub(crate) fn median(&self) -> f64 {
        median(&self.seconds)
    }
}

/// One comparison, measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) old: Option<Timed>,
    pub(crate) ours: Timed,
    pub(crate) target: Target,
}

impl Measured {
    /// The median of the ratios of each pair of neighbouring runs, not the ratio of the medians: a
    /// machine that slows down half way slows both runs of a pair.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let old = self.old.as_ref()?;
        let pairs = self.ours.seconds.iter().zip(&old.seconds);
        let ratios: Vec<f64> = pairs.map(|(ours, old)| ours / old).collect();
        Some(median(&ratios))
    }

    pub(crate) fn met(&self) -> bool {
        match (self.target, self.ratio()) {
            (Target::Ratio(most), Some(ratio)) => ratio <= most,
            (Target::Ratio(_), None) => false,
            (Target::Seconds(most), _) => self.ours.median() < most,
        }
    }
}

/// How a comparison ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Measured(Measured),
    /// Something did not run, or did not do its work.
    Failed {
        name: &'static str,
        message: String,
    },
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (None, _) => f64::NAN,
        (Some(upper), 0) => f64::midpoint(sorted[middle - 1], *upper),
        (Some(middle), _) => *middle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(seconds: &[f64]) -> Timed {
        Timed {
            what: "work",
            seconds: seconds.to_vec(),
        }
    }

    fn measured(old: &[f64], ours: &[f64], target: Target) -> Measured {
        Measured {
            name: "it",
            old: (!old.is_empty()).then(|| timed(old)),
            ours: timed(ours),
            target,
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "these numbers are exact in binary")]
    fn a_median_is_the_middle_or_between_the_two_middles() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_ratio_is_the_median_of_the_pairs_not_of_the_medians() {
        // Medians: 20 and 4, which would be 0.2.
        let one = measured(&[10.0, 40.0, 20.0], &[5.0, 4.0, 2.0], Target::Ratio(0.1));
        assert_eq!(one.ratio(), Some(0.1));
        assert!(one.met());
    }

    #[test]
    fn a_ratio_at_its_target_meets_it_and_one_above_does_not() {
        assert!(measured(&[4.0], &[1.0], Target::Ratio(0.25)).met());
        assert!(!measured(&[4.0], &[1.1], Target::Ratio(0.25)).met());
    }

    #[test]
    fn what_is_timed_alone_has_no_ratio_and_must_stay_below_its_seconds() {
        let below = measured(&[], &[0.9, 3.0, 0.8], Target::Seconds(1.0));
        assert_eq!(below.ratio(), None);
        assert!(below.met());
        assert!(!measured(&[], &[1.0], Target::Seconds(1.0)).met());
    }

    #[test]
    fn what_never_ran_meets_nothing() {
        assert!(!measured(&[], &[], Target::Seconds(1.0)).met());
        assert!(!measured(&[], &[1.0], Target::Ratio(1.0)).met());
    }
}
