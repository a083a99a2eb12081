//! Which snapshot is the newest, whatever the clock said when each was made.
//!
//! A snapshot is named after a moment, and a clock that was set back names a later one as if it were
//! earlier. So each also has a number, one more than any that was there before it.

use std::fs;

use crate::error::Result;
use crate::snapshot::manifest::{MANIFEST, Manifest};
use crate::snapshot::place::{Id, Place};

/// The number that the next snapshot of a place has. The caller holds the deployment's lock.
///
/// # Errors
/// The folder is there but cannot be read.
pub(crate) fn next(place: &Place) -> Result<u64> {
    let numbers = numbered(place)?.into_iter();
    let highest = numbers.filter_map(|(_, number)| number).max();
    Ok(highest.unwrap_or_default().saturating_add(1))
}

/// The newest snapshot of a place.
///
/// # Errors
/// Those of [`next`].
pub(crate) fn newest(place: &Place) -> Result<Option<Id>> {
    Ok(newest_of(numbered(place)?))
}

/// Every id with the number that its manifest has; none where there is no manifest that can be read.
fn numbered(place: &Place) -> Result<Vec<(Id, Option<u64>)>> {
    let number = |id: &Id| {
        let text = fs::read_to_string(place.path(id).join(MANIFEST)).ok()?;
        Some(Manifest::parse(&text).ok()?.number)
    };
    let ids = place.ids()?.into_iter();
    Ok(ids
        .map(|id| {
            let number = number(&id);
            (id, number)
        })
        .collect())
}

/// One without a number is damaged: it is passed over only for one that its name says is newer.
/// Whoever asks for the newest then hears of the damage, and is not given an older one unseen.
fn newest_of(all: Vec<(Id, Option<u64>)>) -> Option<Id> {
    let (numbered, damaged): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, number)| number.is_some());
    let newest = numbered
        .into_iter()
        .max_by(|(id, number), (other, its)| (number, id).cmp(&(its, other)))
        .map(|(id, _)| id);
    let damaged = damaged.into_iter().map(|(id, _)| id).max();
    newest.max(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(all: &[(&str, Option<u64>)]) -> Option<String> {
        let all = all
            .iter()
            .map(|(id, number)| (id.parse().expect("an id"), *number));
        newest_of(all.collect()).map(String::from)
    }

    const EARLY: &str = "20261101_120000";
    const LATE: &str = "20261102_120000";

    #[test]
    fn the_number_tells_which_is_the_newest_and_the_name_only_where_numbers_are_the_same() {
        assert_eq!(newest(&[]), None);
        let newest_is = |all: &[_], id: &str| assert_eq!(newest(all).as_deref(), Some(id));
        newest_is(&[(EARLY, Some(2)), (LATE, Some(1))], EARLY);
        newest_is(&[(EARLY, Some(1)), (LATE, Some(2))], LATE);
        // From before there were numbers.
        newest_is(&[(EARLY, Some(0)), (LATE, Some(0))], LATE);
        newest_is(&[(EARLY, Some(1)), (LATE, Some(0))], EARLY);
    }

    #[test]
    fn a_damaged_one_is_not_passed_over_for_an_older_one() {
        let all = [(EARLY, Some(1)), (LATE, None)];
        assert_eq!(newest(&all).as_deref(), Some(LATE));
        let all = [(EARLY, None), (LATE, Some(1))];
        assert_eq!(newest(&all).as_deref(), Some(LATE));
        assert_eq!(newest(&[(EARLY, None)]).as_deref(), Some(EARLY));
    }
}
