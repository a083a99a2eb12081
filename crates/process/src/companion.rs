//! Children that stay and are talked to: a line to them, a line from them.

use std::io::{PipeReader, PipeWriter, Read as _};
use std::time::{Duration, Instant};

use duct::Handle;
use rustix::event::{PollFd, PollFlags, poll};

use super::hearing::{self, HEARING, Said};
use super::{Invocation, Runner, end};
use crate::Interrupt;
use crate::error::{Error, Kind, Result};

/// A child with whom we are in conversation. Dropping it closes its standard input, which tells it
/// to end, and waits until it has.
#[derive(Debug)]
pub struct Companion {
    handle: Handle,
    line: String,
    to: Option<PipeWriter>,
    from: Lines,
    interrupt: Interrupt,
    /// It has work of its own to bring to its end: it is never ended by us.
    trusted: bool,
}

/// How long a companion may take to end once it has been told to.
const FAREWELL: Duration = Duration::from_secs(15);

impl Runner {
    /// Starts a child whose standard input and output are ours. Its standard error is our own.
    ///
    /// # Errors
    /// The program is missing, or there are no pipes left.
    pub fn companion(&self, invocation: &Invocation) -> Result<Companion> {
        let pipe = || {
            let no_pipe = || Error::new(Kind::Ours, format!("`{}`: no pipe", invocation.line()));
            std::io::pipe().map_err(|error| no_pipe().because(error))
        };
        // Neither of our ends is inherited by any child: closing them is what the other side sees.
        let (stdin, to) = pipe()?;
        let (from, stdout) = pipe()?;
        let expression = self
            .expression(invocation)
            .stdin_file(stdin)
            .stdout_file(stdout)
            .stderr_capture();
        let handle = self.start(invocation, &expression)?;
        Ok(Companion {
            handle,
            line: invocation.line(),
            to: Some(to),
            from: Lines::new(from),
            interrupt: self.interrupt.clone(),
            trusted: false,
        })
    }
}

impl Companion {
    /// One that is left to end by itself, however long that takes.
    pub const fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// A line to the child.
    ///
    /// # Errors
    /// It has gone; or it does not read, and that for too long or until Ctrl-C was pressed.
    pub fn say(&mut self, line: &str) -> Result<()> {
        self.say_within(line, HEARING)
    }

    fn say_within(&mut self, line: &str, deadline: Duration) -> Result<()> {
        let Some(to) = &mut self.to else {
            return Ok(());
        };
        let line = format!("{line}\n");
        match hearing::say(to, line.as_bytes(), deadline, &self.interrupt)? {
            Said::Whole => Ok(()),
            Said::Gone => Err(self.gone()),
            Said::Unheard => Err(hearing::unheard(&self.line, deadline)),
        }
    }

    /// The next line from the child.
    ///
    /// # Errors
    /// It has gone, says nothing within the deadline, or Ctrl-C was pressed.
    pub fn hear(&mut self, deadline: Duration) -> Result<String> {
        let until = Instant::now() + deadline;
        loop {
            // Looked at often, so that Ctrl-C is noticed.
            let slice = Duration::from_millis(50);
            match self.from.next(slice)? {
                Heard::Line(line) => return Ok(line),
                Heard::End => return Err(self.gone()),
                Heard::Silence => {}
            }
            self.interrupt.check()?;
            if Instant::now() >= until {
                return Err(Error::new(
                    Kind::TooLong,
                    format!("`{}` said nothing for {} s", self.line, deadline.as_secs()),
                ));
            }
        }
    }

    /// The failure that its end is, with what it said on standard error.
    fn gone(&self) -> Error {
        let ended = self.handle.wait_timeout(Duration::from_secs(2));
        let said = match ended {
            Ok(Some(output)) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            _ => String::new(),
        };
        let said = if said.is_empty() {
            "it said nothing"
        } else {
            &said
        };
        Error::new(
            Kind::EndedBadly,
            format!("`{}` has ended: {}", self.line, super::printable(said)),
        )
    }

    /// Closes its standard input and waits until it has ended.
    fn bid_farewell(&mut self) {
        self.to = None;
        let ended = matches!(self.handle.wait_timeout(FAREWELL), Ok(Some(_)));
        if !ended && !self.trusted {
            end(&self.handle);
        }
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        self.bid_farewell();
    }
}

/// What came from a pipe within some time.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A whole line, without its end.
    Line(String),
    /// Nobody can say anything any more.
    End,
    /// Nothing came in that time.
    Silence,
}

/// A pipe, line by line, never waiting longer than it is told to.
#[derive(Debug)]
pub struct Lines<R = PipeReader> {
    pipe: R,
    buffer: Vec<u8>,
    ended: bool,
}

impl<R: std::io::Read + std::os::fd::AsFd> Lines<R> {
    /// Nothing of it has been read yet.
    pub const fn new(pipe: R) -> Self {
        Self {
            pipe,
            buffer: Vec::new(),
            ended: false,
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// The pipe cannot be read.
    pub fn next(&mut self, patience: Duration) -> Result<Heard> {
        let until = Instant::now() + patience;
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(Heard::Line(
                    String::from_utf8_lossy(&line).trim_end().to_owned(),
                ));
            }
            if self.ended {
                return Ok(Heard::End);
            }
            let left = until.saturating_duration_since(Instant::now());
            if !self.readable(left)? {
                return Ok(Heard::Silence);
            }
            let mut chunk = [0; 4096];
            match (&mut self.pipe).take(4096).read(&mut chunk) {
                Ok(0) => self.ended = true,
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::new(Kind::Ours, "a pipe").because(error)),
            }
        }
    }

    fn readable(&self, patience: Duration) -> Result<bool> {
        let timeout = patience
            .try_into()
            .map_err(|_| Error::new(Kind::Ours, "the time to wait for a pipe is out of range"))?;
        let mut waiting = [PollFd::new(&self.pipe, PollFlags::IN)];
        match poll(&mut waiting, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) => Err(Error::new(Kind::Ours, "a pipe").because(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn companion(script: &str) -> Companion {
        let runner = Runner::new(Interrupt::default(), ());
        let invocation = Invocation::new("bash").args(["-c", script]);
        runner.companion(&invocation).expect("it starts")
    }

    #[test]
    fn a_companion_answers_line_by_line_and_ends_when_we_have_gone() {
        let mut echo = companion("while read -r line; do echo \"you said $line\"; done");
        for word in ["one", "two"] {
            echo.say(word).expect("it hears");
            let heard = echo.hear(Duration::from_secs(10)).expect("it answers");
            assert_eq!(heard, format!("you said {word}"));
        }
        let handle = echo.handle.pids();
        drop(echo);
        for pid in handle {
            assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        }
    }

    /// More than a pipe holds.
    fn long() -> String {
        "x".repeat(1 << 20)
    }

    #[test]
    fn a_companion_that_does_not_read_is_given_up_in_time() {
        let mut deaf = companion("exec sleep 1000");
        let failure = deaf
            .say_within(&long(), Duration::from_millis(300))
            .expect_err("it does not read");
        assert!(failure.message().contains("did not read"), "{failure}");
    }

    #[test]
    fn ctrl_c_ends_the_wait_for_a_companion_that_does_not_read() {
        let mut deaf = companion("exec sleep 1000");
        deaf.interrupt.press();
        // What there is room for is said all the same: a thaw comes after Ctrl-C.
        deaf.say("thaw").expect("there is room");
        let failure = deaf.say(&long()).expect_err("pressed");
        assert_eq!(failure.kind(), Kind::Interrupted);
    }

    #[test]
    fn a_long_line_reaches_a_companion_that_reads_slowly() {
        let mut slow = companion("sleep 0.3; read -r line; echo ${#line}");
        slow.say(&long()).expect("it reads");
        let heard = slow.hear(Duration::from_secs(60)).expect("it answers");
        assert_eq!(heard, (1 << 20).to_string());
    }

    #[test]
    fn a_companion_that_ends_is_told_with_its_last_words() {
        let mut dying = companion("echo no >&2; exit 3");
        let failure = dying.hear(Duration::from_secs(10)).expect_err("it ended");
        assert!(failure.message().ends_with("has ended: no"), "{failure}");
    }

    #[test]
    fn a_companion_that_is_silent_for_too_long_is_told() {
        let mut mute = companion("read -r line");
        let failure = mute.hear(Duration::from_millis(100)).expect_err("silence");
        assert!(failure.message().contains("said nothing"), "{failure}");
    }
}
