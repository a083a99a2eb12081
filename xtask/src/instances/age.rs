//! When a set was last used, and what is old. Pure.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

use super::census::{Found, moment};
use crate::journal::{PROOF, Run};

/// The command that removes sets.
pub(crate) const REMOVE: &str = "remove";

/// A length of time as it is typed: `30m`, `6h`, `2d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Age {
    typed: String,
    length: TimeDelta,
}

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let age = || {
            let unit = text.chars().next_back()?;
            let number = text.strip_suffix(unit)?;
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            let number: i64 = number.parse().ok().filter(|one| digits && *one > 0)?;
            match unit {
                'm' => TimeDelta::try_minutes(number),
                'h' => TimeDelta::try_hours(number),
                'd' => TimeDelta::try_days(number),
                _ => None,
            }
        };
        let length = age().ok_or_else(|| {
            "expected a number above 0 with m, h or d behind it: 30m, 6h, 2d".to_owned()
        })?;
        Ok(Self {
            typed: text.to_owned(),
            length,
        })
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// When a set was last used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastUse {
    At(DateTime<Utc>),
    /// It was being removed when the run was cut off, and nothing has been started in it since.
    Removing,
    NotKnown,
}

impl LastUse {
    pub(crate) const fn at(self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(time) => Some(time),
            Self::Removing | Self::NotKnown => None,
        }
    }

    /// Whether that is longer ago. A time in the future is not. None where it is not known.
    pub(crate) fn is_older_than(self, age: &Age, now: DateTime<Utc>) -> Option<bool> {
        match self {
            Self::At(time) => Some(now.signed_duration_since(time) > age.length),
            Self::Removing => Some(true),
            Self::NotKnown => None,
        }
    }
}

/// The newest of what the journal has of it and of its containers' starts. To remove it is no use of
/// it.
pub(crate) fn last_use(found: &Found, runs: &[Run], engine: &str) -> LastUse {
    let of_it =
        |run: &&Run| run.begun.engine == engine && run.begun.instance == found.instance.label();
    let runs: Vec<&Run> = runs.iter().filter(of_it).collect();
    let used = runs.iter().filter(|run| run.begun.command != REMOVE);
    let used = used.filter_map(|run| moment(&run.begun.at)).max();
    if let Some(time) = used.max(found.started()) {
        return LastUse::At(time);
    }
    // With its containers their starts have gone: nobody has started any since, or there were some.
    let last = runs.iter().rfind(|run| run.begun.command != PROOF);
    let removing = last.is_some_and(|run| run.begun.command == REMOVE);
    if removing && found.containers.is_empty() {
        LastUse::Removing
    } else {
        LastUse::NotKnown
    }
}

#[cfg(test)]
mod tests {
    use environments::{Deployment, Environment, Instance};

    use super::*;
    use crate::instances::Census;
    use crate::journal::Entry;
    use crate::observe::testing::running;

    const ENGINE: &str = "e1";

    fn instance() -> Instance {
        Instance::named("ci1").expect("a name")
    }

    /// Started on the first of January 2026.
    fn found() -> Found {
        let observed = running(&Deployment::new(Environment::Dev, instance()));
        let containers = observed.containers().cloned().collect();
        Census::of(containers, Vec::new(), Vec::new()).set_of(&instance())
    }

    fn run(command: &str, at: &str) -> Run {
        let entry = Entry {
            command: command.to_owned(),
            at: at.to_owned(),
            engine: ENGINE.to_owned(),
            instance: "ci1".to_owned(),
            environment: "dev".to_owned(),
            run: at.to_owned(),
            ..Entry::default()
        };
        Run::joined(vec![entry]).remove(0)
    }

    fn day(day: &str) -> LastUse {
        LastUse::At(moment(&format!("{day}T00:00:00Z")).expect("a time"))
    }

    #[test]
    fn a_set_was_last_used_when_a_run_on_it_ended_or_a_container_of_it_was_started() {
        let late = run("up", "2026-02-01T00:00:00Z");
        let early = run("up", "2025-02-01T00:00:00Z");
        assert_eq!(last_use(&found(), &[], ENGINE), day("2026-01-01"));
        assert_eq!(last_use(&found(), &[early], ENGINE), day("2026-01-01"));
        assert_eq!(
            last_use(&found(), std::slice::from_ref(&late), ENGINE),
            day("2026-02-01")
        );
        // On another engine it is another set.
        assert_eq!(last_use(&found(), &[late], "e2"), day("2026-01-01"));
    }

    #[test]
    fn to_remove_a_set_is_no_use_of_it_and_one_that_was_cut_off_goes_on() {
        let removal = run(REMOVE, "2026-03-01T00:00:00Z");
        let proof = run(PROOF, "2026-02-01T00:00:00Z");
        let of = |found: &Found, runs: &[&Run]| {
            let runs: Vec<Run> = runs.iter().map(|run| (*run).clone()).collect();
            last_use(found, &runs, ENGINE)
        };
        assert_eq!(of(&found(), &[&removal]), day("2026-01-01"));
        let mut left = found();
        left.containers.clear();
        assert_eq!(of(&left, &[&removal]), LastUse::Removing);
        assert_eq!(of(&left, &[]), LastUse::NotKnown);
        assert_eq!(of(&left, &[&proof, &removal]), day("2026-02-01"));
        // One whose containers were never started is not known to be old.
        let mut made = found();
        made.containers.iter_mut().for_each(|one| {
            "0001-01-01T00:00:00Z".clone_into(&mut one.state.started_at);
        });
        assert_eq!(of(&made, &[&removal]), LastUse::NotKnown);
    }

    #[test]
    fn only_what_was_used_longer_ago_is_old_and_nothing_of_the_future_is() {
        let age: Age = "6h".parse().expect("an age");
        let now = moment("2026-01-02T06:00:00Z").expect("a time");
        let old = |at: &str| LastUse::At(moment(at).expect("a time")).is_older_than(&age, now);
        assert_eq!(old("2026-01-01T23:59:59Z"), Some(true));
        assert_eq!(old("2026-01-02T00:00:00Z"), Some(false));
        assert_eq!(old("2027-01-01T00:00:00Z"), Some(false));
        assert_eq!(LastUse::NotKnown.is_older_than(&age, now), None);
        assert_eq!(LastUse::Removing.is_older_than(&age, now), Some(true));
    }

    #[test]
    fn an_age_is_a_number_and_a_unit_and_never_nothing() {
        for good in ["30m", "6h", "2d", "365d"] {
            assert_eq!(good.parse::<Age>().expect(good).to_string(), good);
        }
        for bad in [
            "",
            "6",
            "h",
            "0h",
            "-1h",
            "+1h",
            "6 h",
            "6H",
            "1.5h",
            "6hé",
            "6é",
            "999999999999999999d",
        ] {
            assert!(bad.parse::<Age>().is_err(), "{bad}");
        }
    }
}
