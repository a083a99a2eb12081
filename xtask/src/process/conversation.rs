//! Children that are asked line by line, such as a `redis-cli` that reads commands.
//!
//! When this process dies, however it dies, the child's standard input closes: a child that reads
//! commands then ends after the one it is at.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use duct::Handle;

use super::{Interrupt, Invocation, Runner, end, printable, redacted, tail};
use crate::error::{Failure, Result};

/// A child that answers each line with one line. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Conversation {
    handle: Handle,
    stdin: Option<PipeWriter>,
    lines: Receiver<std::io::Result<Vec<u8>>>,
    interrupt: Interrupt,
    line: String,
    secrets: Vec<String>,
}

impl Runner {
    /// Starts a child to talk to. Its invocation's standard input and deadline are not used: each
    /// question has its own.
    ///
    /// # Errors
    /// The program is missing, or Ctrl-C was pressed.
    pub(crate) fn converse(&self, invocation: &Invocation) -> Result<Conversation> {
        self.interrupt.check()?;
        let no_pipe = |error: std::io::Error| Failure::failed(format!("no pipe: {error}"));
        let (theirs, stdin) = std::io::pipe().map_err(no_pipe)?;
        let (stdout, other) = std::io::pipe().map_err(no_pipe)?;
        let expression = invocation
            .expression()
            .stdin_file(theirs)
            .stdout_file(other)
            .stderr_capture();
        let handle = self.start(invocation, &expression)?;
        // It holds the writing end of the child's output: as long as it lives, no end would be read.
        drop(expression);
        Ok(Conversation {
            handle,
            stdin: Some(stdin),
            lines: read_along(stdout),
            interrupt: self.interrupt.clone(),
            line: invocation.line(),
            secrets: invocation.secrets.clone(),
        })
    }
}

/// Hands on each line as it comes, from a thread: a pipe cannot be read with a deadline.
fn read_along(stdout: PipeReader) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n') {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

impl Conversation {
    /// Says a line and returns the line that is the answer.
    ///
    /// # Errors
    /// The child has ended, does not answer in time, or Ctrl-C was pressed. After any of these it
    /// must not be asked again: an answer could be that of an earlier question.
    pub(crate) fn ask(&mut self, question: &str, deadline: Duration) -> Result<String> {
        self.say(question)?;
        let answer = self.answer(deadline)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Says a line. The next answer is read by [`Self::answer`]: several questions may be on their
    /// way at once.
    ///
    /// # Errors
    /// The child has ended, or Ctrl-C was pressed.
    pub(crate) fn say(&mut self, question: &str) -> Result<()> {
        self.interrupt.check()?;
        let Some(stdin) = &mut self.stdin else {
            return Err(self.over());
        };
        let said = stdin
            .write_all(question.as_bytes())
            .and_then(|()| stdin.write_all(b"\n"));
        said.map_err(|_| self.over())
    }

    /// The next line that the child says.
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub(crate) fn answer(&mut self, deadline: Duration) -> Result<Vec<u8>> {
        let started = Instant::now();
        loop {
            match self.lines.recv_timeout(Duration::from_millis(50)) {
                Ok(Ok(line)) => return Ok(line),
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Err(self.over()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.interrupt.check()?;
            if started.elapsed() >= deadline {
                return Err(Failure::failed(format!(
                    "`{}` did not answer within {} s",
                    self.line,
                    deadline.as_secs()
                )));
            }
        }
    }

    /// Says that no further question comes. What the child says before it ends can still be read.
    pub(crate) fn finish(&mut self) {
        self.stdin = None;
    }

    /// An answer that could not be understood, shown as it is.
    pub(crate) fn unexpected(&self, answer: &str, expected: &str) -> Failure {
        let answer: String = answer.chars().take(300).collect();
        Failure::failed(format!(
            "`{}` was expected to answer {expected}, but answered {}",
            self.line,
            printable(&redacted(&answer, &self.secrets))
        ))
    }

    /// The failure of a child that has ended before it was asked to.
    fn over(&mut self) -> Failure {
        self.stdin = None;
        let ended = self.handle.wait_timeout(Duration::from_secs(2));
        let said = match ended {
            Ok(Some(output)) => {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                let lines: Vec<String> = tail(&redacted(&text, &self.secrets), 5)
                    .into_iter()
                    .map(printable)
                    .collect();
                lines.join("\n    ")
            }
            _ => String::new(),
        };
        let said = if said.is_empty() {
            ", saying nothing".to_owned()
        } else {
            format!(":\n    {said}")
        };
        Failure::failed(format!("`{}` ended half way{said}", self.line))
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // A child that reads to the end of its input ends by itself; any other is ended.
        self.stdin = None;
        if !matches!(
            self.handle.wait_timeout(Duration::from_millis(500)),
            Ok(Some(_))
        ) {
            end(&self.handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::ui::Ui;

    const SOON: Duration = Duration::from_secs(20);

    fn talk(script: &str) -> Conversation {
        let runner = Runner::new(Interrupt::default(), Ui::silent());
        let child = Invocation::new("sh").args(["-c", script]);
        runner.converse(&child).expect("it starts")
    }

    #[test]
    fn each_question_gets_its_own_answer_while_the_child_goes_on() {
        let mut child = talk("n=0; while read -r line; do n=$((n+1)); echo \"$n $line\"; done");
        assert_eq!(child.ask("a", SOON).expect("an answer"), "1 a");
        child.say("b").expect("it listens");
        child.say("c").expect("it listens");
        assert_eq!(child.answer(SOON).expect("an answer"), b"2 b");
        assert_eq!(child.answer(SOON).expect("an answer"), b"3 c");
    }

    #[test]
    fn a_child_that_ends_half_way_is_an_error_with_what_it_said() {
        let mut child = talk("read -r line; echo no >&2; exit 3");
        let failure = child.ask("a", SOON).expect_err("it ended");
        assert!(
            failure.message.ends_with("ended half way:\n    no"),
            "{failure}"
        );
        child.ask("b", SOON).expect_err("it has ended");
    }

    #[test]
    fn a_child_that_does_not_answer_is_given_up_and_ended() {
        let mut child = talk("trap '' TERM; sleep 60");
        let failure = child
            .ask("a", Duration::from_millis(100))
            .expect_err("it is silent");
        assert!(failure.message.contains("did not answer"), "{failure}");
        let started = Instant::now();
        drop(child);
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn ctrl_c_ends_a_conversation() {
        let interrupt = Interrupt::default();
        let runner = Runner::new(interrupt.clone(), Ui::silent());
        let mut child = runner.converse(&Invocation::new("cat")).expect("it starts");
        interrupt.0.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(
            child.ask("a", SOON).expect_err("pressed").kind,
            Kind::Interrupted
        );
    }
}
