//! Children that are talked with: line by line, as a `redis-cli` that reads commands, or in bytes, as
//! a server's own protocol.
//!
//! When this process dies, however it dies, the child's standard input closes: a child that reads
//! commands then ends after the one it is at.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use duct::Handle;

use super::hearing::{self, HEARING, Said};
use super::{Interrupt, Invocation, Runner, end, printable, redacted, tail};
use crate::error::{Error, Kind, Result};

/// What a child says, one after the other.
type Answers = Sender<std::io::Result<Vec<u8>>>;

/// A child that answers. Dropping it ends it.
#[derive(Debug)]
pub struct Conversation {
    handle: Handle,
    stdin: Option<PipeWriter>,
    /// The thread that has `stdin` once bytes were poured.
    pouring: Option<Sender<Vec<u8>>>,
    answers: Receiver<std::io::Result<Vec<u8>>>,
    interrupt: Interrupt,
    line: String,
    secrets: Vec<String>,
}

impl Runner {
    /// Starts a child to talk to, each of whose answers is a line. Its invocation's standard input
    /// and deadline are not used: each question has its own.
    ///
    /// # Errors
    /// The program is missing, or Ctrl-C was pressed.
    pub fn converse(&self, invocation: &Invocation) -> Result<Conversation> {
        self.talk(invocation, lines)
    }

    /// The same where answers are bytes, handed on in the pieces in which they come.
    ///
    /// # Errors
    /// As for [`Self::converse`].
    pub fn stream(&self, invocation: &Invocation) -> Result<Conversation> {
        self.talk(invocation, pieces)
    }

    fn talk(
        &self,
        invocation: &Invocation,
        read: fn(PipeReader, &Answers),
    ) -> Result<Conversation> {
        self.interrupt.check()?;
        let no_pipe = |error: std::io::Error| Error::new(Kind::Ours, "no pipe").because(error);
        let (theirs, stdin) = std::io::pipe().map_err(no_pipe)?;
        let (stdout, other) = std::io::pipe().map_err(no_pipe)?;
        let expression = self
            .expression(invocation)
            .stdin_file(theirs)
            .stdout_file(other)
            .stderr_capture();
        let handle = self.start(invocation, &expression)?;
        // It holds the writing end of the child's output: as long as it lives, no end would be read.
        drop(expression);
        Ok(Conversation {
            handle,
            stdin: Some(stdin),
            pouring: None,
            answers: read_along(stdout, read),
            interrupt: self.interrupt.clone(),
            line: first_line(&invocation.line()),
            secrets: invocation.secrets.clone(),
        })
    }
}

/// A script among the words is for `--verbose` to show: what a failure says comes after it.
fn first_line(command: &str) -> String {
    match command.split_once('\n') {
        Some((first, _)) => format!("{first} …"),
        None => command.to_owned(),
    }
}

/// Hands on what the child says as it comes, from a thread: a pipe cannot be read with a deadline.
fn read_along(
    stdout: PipeReader,
    read: fn(PipeReader, &Answers),
) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, answers) = channel();
    thread::spawn(move || read(stdout, &sender));
    answers
}

/// Writes what it is given, in its order, until nobody can give it more or nobody reads it.
fn write_along(mut stdin: PipeWriter) -> Sender<Vec<u8>> {
    let (sender, bytes) = channel::<Vec<u8>>();
    thread::spawn(move || {
        for bytes in bytes {
            if stdin.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    sender
}

fn lines(stdout: PipeReader, answers: &Answers) {
    for line in BufReader::new(stdout).split(b'\n') {
        if answers.send(line).is_err() {
            return;
        }
    }
}

fn pieces(mut stdout: PipeReader, answers: &Answers) {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = match stdout.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => Ok(piece[..count].to_vec()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let last = read.is_err();
        if answers.send(read).is_err() || last {
            return;
        }
    }
}

impl Conversation {
    /// The same conversation, called so in whatever is told of it: its own line may be a script.
    pub fn called(mut self, line: String) -> Self {
        self.line = line;
        self
    }

    /// Says a line and returns the line that is the answer.
    ///
    /// # Errors
    /// The child has ended, does not answer in time, or Ctrl-C was pressed. After any of these it
    /// must not be asked again: an answer could be that of an earlier question.
    pub fn ask(&mut self, question: &str, deadline: Duration) -> Result<String> {
        self.say(question)?;
        let answer = self.answer(deadline)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Says a line. The next answer is read by [`Self::answer`]: several questions may be on their
    /// way at once.
    ///
    /// # Errors
    /// The child has ended or does not read for too long, or Ctrl-C was pressed.
    pub fn say(&mut self, question: &str) -> Result<()> {
        self.say_within(question, HEARING)
    }

    fn say_within(&mut self, question: &str, deadline: Duration) -> Result<()> {
        self.interrupt.check()?;
        let Some(stdin) = &mut self.stdin else {
            return Err(self.over());
        };
        let line = format!("{question}\n");
        match hearing::say(stdin, line.as_bytes(), deadline, &self.interrupt)? {
            Said::Whole => Ok(()),
            Said::Gone => Err(self.over()),
            Said::Unheard => Err(hearing::unheard(&self.line, deadline)),
        }
    }

    /// Says bytes, from a thread: while they are written, answers can be read.
    ///
    /// # Errors
    /// The child has ended, or Ctrl-C was pressed.
    pub fn pour(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.interrupt.check()?;
        if let Some(stdin) = self.stdin.take() {
            self.pouring = Some(write_along(stdin));
        }
        let poured = self.pouring.as_ref().map(|thread| thread.send(bytes));
        match poured {
            Some(Ok(())) => Ok(()),
            _ => Err(self.over()),
        }
    }

    /// The next line, or piece, that the child says.
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub fn answer(&mut self, deadline: Duration) -> Result<Vec<u8>> {
        let started = Instant::now();
        loop {
            match self.answers.recv_timeout(Duration::from_millis(50)) {
                Ok(Ok(line)) => return Ok(line),
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Err(self.over()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.interrupt.check()?;
            if started.elapsed() >= deadline {
                return Err(Error::new(
                    Kind::TooLong,
                    format!(
                        "`{}` did not answer within {} s",
                        self.line,
                        deadline.as_secs()
                    ),
                ));
            }
        }
    }

    /// A text with what is secret blotted out.
    pub fn blotted(&self, text: &str) -> String {
        redacted(text, &self.secrets)
    }

    /// An answer that could not be understood, shown as it is.
    pub fn unexpected(&self, answer: &str, expected: &str) -> Error {
        let answer: String = answer.chars().take(300).collect();
        Error::new(
            Kind::Unexpected,
            format!(
                "`{}` was expected to answer {expected}, but answered {}",
                self.line,
                printable(&self.blotted(&answer))
            ),
        )
    }

    fn close(&mut self) {
        self.stdin = None;
        self.pouring = None;
    }

    /// The failure of a child that has ended before it was asked to.
    fn over(&mut self) -> Error {
        self.close();
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
        Error::new(
            Kind::EndedBadly,
            format!("`{}` ended half way{said}", self.line),
        )
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // A child that reads to the end of its input ends by itself; any other is ended.
        self.close();
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

    const SOON: Duration = Duration::from_secs(20);

    fn talk(script: &str) -> Conversation {
        let runner = Runner::new(Interrupt::default(), ());
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
    fn bytes_come_in_the_order_in_which_they_were_poured_while_answers_are_read() {
        let runner = Runner::new(Interrupt::default(), ());
        let child = Invocation::new("cat");
        let mut child = runner.stream(&child).expect("it starts");
        // More than the pipes hold: the child stops reading until it is read itself.
        let parts: Vec<Vec<u8>> = (0..40).map(|number| vec![number; 10_000]).collect();
        for part in &parts {
            child.pour(part.clone()).expect("it listens");
        }
        let (whole, mut heard) = (parts.concat(), Vec::new());
        while heard.len() < whole.len() {
            heard.extend(child.answer(SOON).expect("a piece"));
        }
        assert_eq!(heard, whole);
    }

    #[test]
    fn a_child_that_ends_half_way_is_an_error_with_what_it_said() {
        let mut child = talk("read -r line; echo no >&2; exit 3");
        let failure = child.ask("a", SOON).expect_err("it ended");
        assert!(
            failure.message().ends_with("ended half way:\n    no"),
            "{failure}"
        );
        child.ask("b", SOON).expect_err("it has ended");
    }

    #[test]
    fn a_failure_does_not_show_all_of_a_script() {
        let mut child = talk("# a script\necho 1");
        child.answer(SOON).expect("an answer");
        let failure = child.answer(SOON).expect_err("it ended");
        assert_eq!(
            failure.message(),
            "`sh -c '# a script …` ended half way, saying nothing"
        );
    }

    #[test]
    fn a_child_that_does_not_answer_is_given_up_and_ended() {
        let mut child = talk("trap '' TERM; sleep 60");
        let failure = child
            .ask("a", Duration::from_millis(100))
            .expect_err("it is silent");
        assert!(failure.message().contains("did not answer"), "{failure}");
        let started = Instant::now();
        drop(child);
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_child_that_does_not_read_is_given_up_in_time_and_on_ctrl_c() {
        let more_than_a_pipe_holds = "x".repeat(1 << 20);
        let mut child = talk("exec sleep 1000");
        let failure = child
            .say_within(&more_than_a_pipe_holds, Duration::from_millis(300))
            .expect_err("it does not read");
        assert!(failure.message().contains("did not read"), "{failure}");
        let mut child = talk("exec sleep 1000");
        let interrupt = child.interrupt.clone();
        let pressing = thread::spawn(move || {
            thread::park_timeout(Duration::from_millis(200));
            interrupt.press();
        });
        let failure = child.say(&more_than_a_pipe_holds).expect_err("pressed");
        assert_eq!(failure.kind(), Kind::Interrupted);
        pressing.join().expect("it ends");
    }

    #[test]
    fn ctrl_c_ends_a_conversation() {
        let interrupt = Interrupt::default();
        let runner = Runner::new(interrupt.clone(), ());
        let mut child = runner.converse(&Invocation::new("cat")).expect("it starts");
        interrupt.press();
        assert_eq!(
            child.ask("a", SOON).expect_err("pressed").kind(),
            Kind::Interrupted
        );
    }
}
