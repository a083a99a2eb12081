//! Which snapshots are kept.
//!
//! Pure. Never gives up the newest one, nor the newest that was drilled and matched.

use std::collections::BTreeSet;
use std::fmt;

use chrono::Datelike as _;

use crate::journal::{Deed, Kind, Verb};
use crate::plan::Action;
use crate::snapshot::place::Id;

/// The one action of pruning: a snapshot is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removal(pub(crate) Id);

impl Action for Removal {
    fn deeds(&self) -> Vec<Deed> {
        vec![Deed::new(Verb::Remove, Kind::Snapshot, self.0.as_str(), "")]
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "remove the snapshot {}", self.0)
    }
}

/// How many to keep of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Of the newest.
    pub(crate) last: usize,
    /// Days, of each the newest.
    pub(crate) daily: usize,
    /// Weeks, of each the newest.
    pub(crate) weekly: usize,
}

/// A snapshot, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) id: Id,
    /// Its place in the order in which they were made, whatever the clock said.
    pub(crate) number: u64,
    pub(crate) drilled: bool,
}

/// The snapshots that may go, oldest first.
pub(crate) fn surplus(mut all: Vec<Kept>, retention: Retention) -> Vec<Id> {
    all.sort_by(|one, other| (other.number, &other.id).cmp(&(one.number, &one.id)));
    let mut keep: BTreeSet<Id> = all
        .iter()
        .take(retention.last.max(1))
        .map(|one| one.id.clone())
        .collect();
    keep.extend(all.iter().find(|one| one.drilled).map(|one| one.id.clone()));
    let day = |id: &Id| id.as_str().get(..8).map(str::to_owned);
    let week = |id: &Id| {
        let week = id.moment()?.iso_week();
        Some(format!("{:04}{:02}", week.year(), week.week()))
    };
    keep.extend(newest_of(&all, retention.daily, day));
    keep.extend(newest_of(&all, retention.weekly, week));
    let mut surplus: Vec<Id> = all
        .into_iter()
        .map(|one| one.id)
        .filter(|id| !keep.contains(id))
        .collect();
    surplus.sort();
    surplus
}

/// Of the newest periods the newest snapshot each.
fn newest_of(all: &[Kept], count: usize, period: impl Fn(&Id) -> Option<String>) -> Vec<Id> {
    let mut seen = BTreeSet::new();
    let mut newest = Vec::new();
    for one in all {
        let new = period(&one.id).is_some_and(|period| seen.insert(period));
        if new && newest.len() < count {
            newest.push(one.id.clone());
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(ids: &[&str], drilled: &str) -> Vec<Kept> {
        ids.iter()
            .map(|id| Kept {
                id: id.parse().expect("an id"),
                number: 0,
                drilled: *id == drilled,
            })
            .collect()
    }

    fn gone(ids: &[&str], drilled: &str, last: usize, daily: usize, weekly: usize) -> Vec<String> {
        let retention = Retention {
            last,
            daily,
            weekly,
        };
        let surplus = surplus(all(ids, drilled), retention);
        surplus.iter().map(ToString::to_string).collect()
    }

    const IDS: [&str; 6] = [
        "20261101_120000",
        "20261115_120000",
        "20261116_080000",
        "20261116_120000",
        "20261117_120000",
        "20261117_120000_2",
    ];

    #[test]
    fn the_newest_stay_and_so_does_the_last_one_that_was_drilled() {
        assert_eq!(gone(&IDS, "", 0, 0, 0).len(), 5);
        assert_eq!(gone(&IDS, "", 6, 0, 0), Vec::<String>::new());
        let gone = gone(&IDS, IDS[1], 1, 0, 0);
        assert_eq!(gone, [IDS[0], IDS[2], IDS[3], IDS[4]]);
    }

    #[test]
    fn the_one_that_was_made_last_stays_also_where_the_clock_was_set_back_before() {
        let one = |id: &str, number| Kept {
            id: id.parse().expect("an id"),
            number,
            drilled: false,
        };
        let last = Retention {
            last: 1,
            daily: 0,
            weekly: 0,
        };
        let all = vec![one(IDS[0], 2), one(IDS[5], 1)];
        assert_eq!(surplus(all, last), [IDS[5].parse().expect("an id")]);
    }

    #[test]
    fn of_each_day_and_each_week_the_newest_stays() {
        assert_eq!(gone(&IDS, "", 1, 2, 0), [IDS[0], IDS[1], IDS[2], IDS[4]]);
        // The 16th is a Monday: the 15th is of the week before.
        assert_eq!(gone(&IDS, "", 1, 0, 2), [IDS[0], IDS[2], IDS[3], IDS[4]]);
    }
}
