//! How far something long is, with its rate and the time that is left.

use std::cell::Cell;
use std::io::Write;
use std::time::{Duration, Instant};

/// A line that is drawn over itself.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    /// Whether what is counted are bytes, which are told in larger units.
    bytes: bool,
    of: u64,
    done: Cell<u64>,
    started: Instant,
    drawn: Cell<Option<Instant>>,
    shown: bool,
}

/// How long a drawn line stays at least.
const STAYS: Duration = Duration::from_millis(200);

impl Progress {
    pub(super) fn new(what: &str, bytes: bool, of: u64, shown: bool) -> Self {
        Self {
            what: what.to_owned(),
            bytes,
            of,
            done: Cell::new(0),
            started: Instant::now(),
            drawn: Cell::new(None),
            shown,
        }
    }

    /// Whether anybody sees it.
    pub(crate) const fn shown(&self) -> bool {
        self.shown
    }

    /// So many more are done.
    pub(crate) fn advance(&self, more: u64) {
        self.at(self.done.get() + more);
    }

    /// So many are done in all.
    pub(crate) fn at(&self, done: u64) {
        self.done.set(done);
        let now = Instant::now();
        let due = self.drawn.get().is_none_or(|drawn| now - drawn >= STAYS);
        if self.shown && due {
            self.drawn.set(Some(now));
            let line = line(&self.what, self.bytes, done, self.of, now - self.started);
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "\r{line}\u{1b}[K");
            let _ = stderr.flush();
        }
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        if self.drawn.take().is_some() {
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "\r\u{1b}[K");
            let _ = stderr.flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn line(what: &str, bytes: bool, done: u64, of: u64, after: Duration) -> String {
    let told = |count: u64| match bytes {
        true => super::bytes(count),
        false => count.to_string(),
    };
    let milliseconds = u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = done.saturating_mul(1000) / milliseconds;
    let share = (done.min(of) * 100).checked_div(of).unwrap_or(100);
    let left = match of.saturating_sub(done).checked_div(rate) {
        Some(seconds) => format!("{seconds} s left"),
        None => "…".to_owned(),
    };
    format!(
        "{share:3}%  {} of {} {what}, {} a second, {left}",
        told(done),
        told(of),
        told(rate)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_and_the_time_left_follow_from_what_is_done() {
        let after = Duration::from_secs(2);
        let copied = super::line("copied", true, 1 << 20, 4 << 20, after);
        assert_eq!(
            copied,
            " 25%  1.0 MiB of 4.0 MiB copied, 512.0 KiB a second, 6 s left"
        );
        let line = |what, done, of, after| super::line(what, false, done, of, after);
        let quarter = line("keys", 250, 1000, after);
        assert_eq!(quarter, " 25%  250 of 1000 keys, 125 a second, 6 s left");
        assert_eq!(
            line("keys", 0, 1000, after),
            "  0%  0 of 1000 keys, 0 a second, …"
        );
        assert_eq!(
            line("keys", 0, 0, Duration::ZERO),
            "100%  0 of 0 keys, 0 a second, …"
        );
        // More came while it ran.
        assert_eq!(
            line("keys", 12, 10, after),
            "100%  12 of 10 keys, 6 a second, 0 s left"
        );
    }
}
