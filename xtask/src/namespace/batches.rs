//! Going through all keys of a Redis database in bounded server-side batches.
//!
//! Each batch is one script that the server runs on the keys of some steps of a SCAN. Redis does
//! nothing else meanwhile, so a batch is what another client may have to wait for, and the longest of
//! them is kept. A SCAN may give a key twice while the table grows or shrinks.
//!
//! The next batch is put together in the container, out of what the last one answered: the server does
//! not wait for the way from here and back. From here each batch is let, some of them early: when this
//! process dies, no more than those follow.

use std::time::{Duration, Instant};

use process::{Conversation, PROMPT};

use crate::error::Result;
use crate::tools::redis::{Redis, quoted};

/// How many batches are let at once.
const EARLY: usize = 8;

/// A conversation with one database of a server, as its administrator.
#[derive(Debug)]
pub(crate) struct Batches {
    talk: Conversation,
    longest: Duration,
    calls: u64,
}

impl Batches {
    /// Begins to talk to a server, in that database of it.
    pub(crate) fn of(redis: &Redis<'_>, database: u32) -> Result<Self> {
        let script = include_str!("batches.sh");
        let mut talk = redis.talk_through(script, &database.to_string())?;
        let answer = talk.hear(PROMPT)?;
        if answer != "PONG" {
            return Err(talk.unexpected(&answer, "PONG").into());
        }
        Ok(Self {
            talk,
            longest: Duration::ZERO,
            calls: 0,
        })
    }

    /// The longest that one batch took, from the answer before it to its own.
    pub(crate) const fn longest(&self) -> Duration {
        self.longest
    }

    pub(crate) const fn calls(&self) -> u64 {
        self.calls
    }

    /// Runs a script on all keys of the database. It gets the cursor and for how long to go on as its
    /// first two arguments, then `args`; `each` is given the line that a batch answers.
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
        self.begin(verb, script, verb.seconds(), args)?;
        self.let_run(EARLY)?;
        while self.batch(&mut each)? {
            self.let_run(1)?;
        }
        Ok(())
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
        self.begin(Verb::Look, script, "0", args)?;
        self.let_run(1)?;
        self.batch(&mut each).map(drop)
    }

    /// Says what stands before the cursor, what after it, and where to begin.
    fn begin(&mut self, verb: Verb, script: &str, seconds: &str, args: &[String]) -> Result<()> {
        let script = quoted(script.as_bytes());
        self.talk.say(&format!("{} {script} 0", verb.name()))?;
        let args: Vec<String> = args.iter().map(|arg| quoted(arg.as_bytes())).collect();
        self.talk.say(&format!("{seconds} {}", args.join(" ")))?;
        self.talk.say(verb.lanes())?;
        Ok(())
    }

    fn let_run(&mut self, batches: usize) -> Result<()> {
        (0..batches).try_for_each(|_| self.talk.say("on"))?;
        Ok(())
    }

    /// Reads what a batch answered. Whether more are to follow.
    fn batch(&mut self, each: &mut impl FnMut(&str) -> Result<(), Misread>) -> Result<bool> {
        let waited = Instant::now();
        let answer = self.talk.hear(PROMPT)?;
        self.longest = self.longest.max(waited.elapsed());
        self.calls += 1;
        let step = answer
            .split_once(' ')
            .and_then(|(going, rest)| Some((going.parse::<u8>().ok()?, rest)));
        match step {
            Some((going, rest)) if each(rest).is_ok() => Ok(going > 0),
            _ => Err(self.talk.unexpected(&answer, "a number and counts").into()),
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

    /// For how many seconds a batch goes on: what another client may have to wait for, whatever the
    /// machine and the keys are, and with two lanes for two of them. With its last step it stays below
    /// the 10 ms above which Redis writes a command down in its SLOWLOG, unless others have the
    /// processor too.
    const fn seconds(self) -> &'static str {
        match self {
            Self::Look => "0.008",
            Self::Change => "0.005",
        }
    }

    /// The cursors at which a run begins side by side. What only looks counts, and may count nothing
    /// twice; what changes a key changes it once.
    const fn lanes(self) -> &'static str {
        match self {
            Self::Look => "0",
            Self::Change => "0 1",
        }
    }
}
