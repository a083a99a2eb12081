//! Going through all keys of a Redis database in bounded server-side batches.
//!
//! Each batch is one script that the server runs on the keys of one SCAN step. Redis does nothing
//! else meanwhile, so a batch is what another client may have to wait for, and the longest of them
//! is kept.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::process::{Conversation, PROMPT};
use crate::tools::redis::{Redis, quoted};

/// How many keys a batch looks at. A step may give more where one slot of the hash table holds
/// several, and twice the same key while the table grows or shrinks (Redis, SCAN).
const KEYS_IN_A_BATCH: u32 = 2000;

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

    /// Runs a script on each step of a SCAN over the whole database. The script gets the cursor and
    /// the number of keys to look at as its first two arguments, then `args`. It answers one line:
    /// the next cursor, a blank, and what `each` is then given.
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
        let script = quoted(script.as_bytes());
        let args: Vec<String> = args.iter().map(|arg| quoted(arg.as_bytes())).collect();
        let args = args.join(" ");
        let mut cursor = 0_u64;
        loop {
            let verb = verb.name();
            let command = format!("{verb} {script} 0 {cursor} {KEYS_IN_A_BATCH} {args}");
            let started = Instant::now();
            let answer = self.redis.ask(&command, PROMPT)?;
            self.longest = self.longest.max(started.elapsed());
            self.calls += 1;
            let step = answer
                .split_once(' ')
                .and_then(|(next, rest)| Some((next.parse().ok()?, rest)));
            let Some((next, rest)) = step else {
                return Err(self.redis.unexpected(&answer, "a cursor and counts"));
            };
            if each(rest).is_err() {
                return Err(self.redis.unexpected(&answer, "a cursor and counts"));
            }
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }
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
