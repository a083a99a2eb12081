//! Asking once more what was not answered in time: a machine that others use up is no fault of an
//! environment, and no proof either.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whoever asks again does so while nobody else of this run asks again.
static ALONE: Mutex<()> = Mutex::new(());

/// Asks, and once more if what came is no answer and took so long that time may be the reason. What
/// is no answer in time the second time either is none.
pub fn once_more<T>(
    late: Duration,
    mut ask: impl FnMut() -> T,
    unanswered: impl Fn(&T) -> bool,
) -> T {
    let began = Instant::now();
    let answer = ask();
    if !unanswered(&answer) || began.elapsed() < late {
        return answer;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    ask()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often it is asked where each time answers so.
    fn asked(late: Duration, answers: &[Result<u8, ()>]) -> (usize, Result<u8, ()>) {
        let mut count = 0;
        let answer = once_more(
            late,
            || {
                count += 1;
                answers[count - 1]
            },
            Result::is_err,
        );
        (count, answer)
    }

    #[test]
    fn what_was_not_answered_in_time_is_asked_once_more_and_then_given_up() {
        let at_once = Duration::ZERO;
        assert_eq!(asked(at_once, &[Err(()), Ok(1)]), (2, Ok(1)));
        assert_eq!(asked(at_once, &[Err(()), Err(())]), (2, Err(())));
        assert_eq!(asked(at_once, &[Ok(1)]), (1, Ok(1)));
    }

    #[test]
    fn what_failed_at_once_did_not_fail_for_want_of_time() {
        assert_eq!(asked(Duration::from_secs(60), &[Err(())]), (1, Err(())));
    }
}
