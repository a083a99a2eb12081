//! Children whose output goes to a file: builds and downloads, which say much and take long.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Invocation, Runner, Waited, exit_code, printable, tail, too_long};
use crate::error::{Error, Kind, Result};

/// How such a child ended.
#[derive(Debug, Clone)]
pub struct Logged {
    /// The exit code; none where it said nothing for too long and was ended.
    code: Option<i32>,
    line: String,
    log: PathBuf,
}

impl Logged {
    /// Whether it exited with 0.
    pub const fn success(&self) -> bool {
        matches!(self.code, Some(0))
    }

    /// Whether it was ended for saying nothing.
    pub const fn silent(&self) -> bool {
        self.code.is_none()
    }

    /// All that it said.
    pub fn text(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Nothing, if the child exited with 0.
    ///
    /// # Errors
    /// A failure with the last 30 lines and where the others are.
    pub fn ok(self) -> Result<()> {
        if self.success() {
            return Ok(());
        }
        let text = self.text();
        let lines: Vec<String> = tail(&text, 30).into_iter().map(printable).collect();
        let ended = self.code.map_or_else(
            || "said nothing".to_owned(),
            |code| format!("ended with {code}"),
        );
        Err(Error::new(
            Kind::EndedBadly,
            format!(
                "`{}` {ended}; the end of {}:\n    {}",
                self.line,
                self.log.display(),
                lines.join("\n    ")
            ),
        ))
    }
}

impl Runner {
    /// Runs a child to its end, its output going to a file. One that has said nothing when
    /// `first_word` is over is ended: it waits for somebody who does not answer.
    ///
    /// # Errors
    /// As for `run`, and where the file cannot be written.
    pub fn logged(
        &self,
        invocation: &Invocation,
        log: &Path,
        first_word: Option<Duration>,
    ) -> Result<Logged> {
        self.interrupt.check()?;
        let handle = self.start(invocation, &self.to_file(invocation, log)?)?;
        let logged = |code| Logged {
            code,
            line: invocation.line(),
            log: log.to_owned(),
        };
        let silent = || !fs::metadata(log).is_ok_and(|log| log.len() > 0);
        let mute = |ran| first_word.is_some_and(|patience| ran > patience) && silent();
        match self.wait(invocation, &handle, mute)? {
            Waited::Ended(output) => Ok(logged(Some(exit_code(output.status)))),
            Waited::GivenUp => Ok(logged(None)),
            Waited::TooLong => Err(Error::new(
                Kind::TooLong,
                format!(
                    "{}; what it said is in {}",
                    too_long(invocation),
                    log.display()
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interrupt;

    fn run(script: &str, first_word: Option<Duration>) -> (Logged, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let runner = Runner::new(Interrupt::default(), ());
        let invocation = Invocation::new("sh").args(["-c", script]);
        let log = folder.path().join("log");
        (
            runner
                .logged(&invocation, &log, first_word)
                .expect("it ran"),
            folder,
        )
    }

    #[test]
    fn a_failure_shows_the_end_of_the_log_and_where_it_is() {
        let (logged, _folder) = run("seq 100; echo no >&2; exit 3", None);
        let failure = logged.ok().expect_err("it failed");
        assert!(failure.message().contains("ended with 3"), "{failure}");
        assert!(failure.message().ends_with("100\n    no"), "{failure}");
        assert!(!failure.message().contains("\n    70\n"), "{failure}");
    }

    #[test]
    fn a_child_that_says_nothing_is_ended_and_one_that_has_spoken_is_not() {
        let soon = Some(Duration::from_millis(200));
        let (mute, _folder) = run("sleep 30", soon);
        assert!(mute.silent());
        let (slow, _folder) = run("echo a; sleep 0.5; echo b", soon);
        assert_eq!(slow.text(), "a\nb\n");
        assert!(slow.success());
    }
}
