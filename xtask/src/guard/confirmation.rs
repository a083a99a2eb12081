//! The person's word: a phrase, typed on a terminal or given by `--confirm`.

use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use process::{Interrupt, quoted};
use rustix::event::{PollFd, PollFlags, poll};

use crate::error::{Failure, Kind, Result};

/// What stands between a plan and its execution.
#[derive(Debug, Clone)]
pub(crate) struct Confirmation {
    /// `--confirm PHRASE`.
    pub(crate) given: Option<String>,
    /// The command as the person would type it again.
    pub(crate) command: String,
}

impl Confirmation {
    /// Returns when the phrase was given.
    ///
    /// # Errors
    /// Refused where nobody can be asked; cancelled on any other phrase or the end of input;
    /// interrupted on Ctrl-C. Nothing has been touched in any of these cases.
    pub(crate) fn ask(&self, phrase: &str, interrupt: &Interrupt) -> Result<()> {
        let typed = match &self.given {
            Some(given) => given.clone(),
            None if std::io::stdin().is_terminal() => type_in(phrase, interrupt)?,
            None => return Err(self.nobody_there(phrase)),
        };
        judge(&typed, phrase)
    }

    /// What `--dry-run` checks: a phrase that was given must be the right one, and without one
    /// somebody must be there to be asked.
    pub(crate) fn rehearse(&self, phrase: &str) -> Result<()> {
        match &self.given {
            Some(given) => judge(given, phrase),
            None => Ok(()),
        }
    }

    fn nobody_there(&self, phrase: &str) -> Failure {
        Failure::refused(format!(
            "confirmation required, but standard input is not a terminal: the phrase is {phrase}"
        ))
        .hint(format!("{} --confirm {}", self.command, quoted(phrase)))
    }
}

fn judge(typed: &str, phrase: &str) -> Result<()> {
    if typed == phrase {
        Ok(())
    } else {
        Err(Failure::new(
            Kind::Cancelled,
            format!("the phrase asked for is {phrase}. Nothing was touched."),
        ))
    }
}

fn type_in(phrase: &str, interrupt: &Interrupt) -> Result<String> {
    let mut terminal = std::io::stderr().lock();
    let _ = write!(terminal, "Type {phrase} to go on: ");
    let _ = terminal.flush();
    drop(terminal);
    read_line(interrupt)
}

/// Reads a line from a terminal, noticing Ctrl-C while it waits: a read alone would be taken up
/// again after the signal.
pub(crate) fn read_line(interrupt: &Interrupt) -> Result<String> {
    let stdin = std::io::stdin();
    loop {
        interrupt.check()?;
        let mut waiting = [PollFd::new(&stdin, PollFlags::IN)];
        let timeout = Duration::from_millis(100)
            .try_into()
            .map_err(|_| Failure::failed("the time to wait for a terminal is out of range"))?;
        match poll(&mut waiting, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => break,
            Err(error) => return Err(Failure::failed(format!("standard input: {error}"))),
        }
    }
    let mut line = String::new();
    stdin
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::failed(format!("standard input: {error}")))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_phrase_is_the_phrase() {
        for typed in [
            "",
            "delete dev data",
            "DELETE DEV DATA ",
            "yes",
            "DELETE TEST DATA",
        ] {
            let failure = judge(typed, "DELETE DEV DATA").expect_err(typed);
            assert_eq!(failure.kind, Kind::Cancelled, "{typed:?}");
        }
        assert!(judge("DELETE DEV DATA", "DELETE DEV DATA").is_ok());
    }

    #[test]
    fn where_nobody_can_be_asked_the_refusal_says_what_to_type() {
        let confirmation = Confirmation {
            given: None,
            command: "cargo xtask wipe-dev".to_owned(),
        };
        let failure = confirmation.nobody_there("DELETE DEV DATA");
        assert_eq!(failure.kind, Kind::Refused);
        assert_eq!(
            failure.hints,
            ["cargo xtask wipe-dev --confirm 'DELETE DEV DATA'"]
        );
    }
}
