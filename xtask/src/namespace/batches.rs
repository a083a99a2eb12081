//! Going through all keys of a Redis database in bounded server-side batches.
//!
//! Each batch is one script that the server runs on the keys of some steps of a SCAN. Redis does
//! nothing else meanwhile, so a batch is what another client may have to wait for, and the longest of
//! them is kept. A SCAN may give a key twice while the table grows or shrinks.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::process::{Conversation, PROMPT};
use crate::tools::redis::{Redis, quoted};

/// For how many seconds a batch goes on: what another client may have to wait for, whatever the
/// machine and the keys are. Shorter ones wait for the way there and back instead.
const SECONDS_IN_A_BATCH: &str = "0.012";

/// A conversation with one database of a server, as its administrator.
#[derive(Debug)]
pub(crate) struct Batches {
    redis: Conversation,
    longest: Duration,
    calls: u64,
}

impl Batches {
    /// Begins to talk to a server, in that database of it.
    pub(crate) fn of(redis: &Redis<'_>, database: u32) -> Result<Self> {
        let mut redis = redis.talk()?;
        let answer = redis.ask(&format!("SELECT {database}"), PROMPT)?;
        if answer != "OK" {
            return Err(redis.unexpected(&answer, "OK"));
        }
        Ok(Self {
            redis,
            longest: Duration::ZERO,
            calls: 0,
        })
    }

    /// The longest that one batch took, there and back.
    pub(crate) const fn longest(&self) -> Duration {
        self.longest
    }

    pub(crate) const fn calls(&self) -> u64 {
        self.calls
    }

    /// Runs a script on all keys of the database. It gets the cursor and for how long to go on as its
    /// first two arguments, then `args`. It answers one line: the next cursor, a blank, and what
    /// `each` is then given.
    ///
    /// # Errors
    /// The server goes away or answers anything else; what `each` says.
    pub(crate) fn run(
        &mut self,
        verb: Verb,
        script: &str,
        args: &[String],
        mut each: impl FnMut(&str) -> Result<(), Misread>,
    ) -> Result<()> {
        let (before, after) = worded(verb, script, SECONDS_IN_A_BATCH, args);
        let mut cursor = 0;
        loop {
            cursor = self.batch(&format!("{before} {cursor} {after}"), &mut each)?;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// Runs a script that only looks on some of the keys, the first that come.
    ///
    /// # Errors
    /// Those of [`Self::run`].
    pub(crate) fn glance(
        &mut self,
        script: &str,
        args: &[String],
        mut each: impl FnMut(&str) -> Result<(), Misread>,
    ) -> Result<()> {
        let (before, after) = worded(Verb::Look, script, "0", args);
        self.batch(&format!("{before} 0 {after}"), &mut each)
            .map(drop)
    }

    fn batch(
        &mut self,
        command: &str,
        each: &mut impl FnMut(&str) -> Result<(), Misread>,
    ) -> Result<u64> {
        let started = Instant::now();
        let answer = self.redis.ask(command, PROMPT)?;
        self.longest = self.longest.max(started.elapsed());
        self.calls += 1;
        let step = answer
            .split_once(' ')
            .and_then(|(next, rest)| Some((next.parse().ok()?, rest)));
        match step {
            Some((next, rest)) if each(rest).is_ok() => Ok(next),
            _ => Err(self.redis.unexpected(&answer, "a cursor and counts")),
        }
    }
}

/// What stands before the cursor, and what after it.
fn worded(verb: Verb, script: &str, seconds: &str, args: &[String]) -> (String, String) {
    let args: Vec<String> = args.iter().map(|arg| quoted(arg.as_bytes())).collect();
    let before = format!("{} {} 0", verb.name(), quoted(script.as_bytes()));
    (before, format!("{seconds} {}", args.join(" ")))
}

/// What was answered is not what was expected: it is shown as it is.
#[derive(Debug)]
pub(crate) struct Misread;

/// How a script is run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    /// It cannot write: the server sees to it.
    Look,
    /// It writes.
    Change,
}

impl Verb {
    const fn name(self) -> &'static str {
        match self {
            Self::Look => "EVAL_RO",
            Self::Change => "EVAL",
        }
    }
}
