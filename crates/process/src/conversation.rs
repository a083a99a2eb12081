//! Children that are talked with: line by line, as a `redis-cli` that reads commands, or in bytes, as
//! a server's own protocol.
//!
//! Whatever is waited for, both pipes are served: a child that must be read before it reads on is
//! read. When this process dies, however it dies, the child's standard input closes: a child that
//! reads commands then ends after the one it is at.

use std::collections::VecDeque;
use std::io::{self, PipeWriter, Write as _};
use std::time::{Duration, Instant};

use duct::Handle;
use rustix::event::{PollFd, PollFlags};

use super::hearing::{Answers, Hearing, ready};
use super::{Interrupt, Invocation, Runner, end, printable, redacted, tail};
use crate::error::{Error, Kind, Result};

/// How long a child may take to read what it is told.
const HEARING: Duration = Duration::from_secs(60);

/// How long a pipe is waited for before Ctrl-C and the deadline are looked at.
const MOMENT: Duration = Duration::from_millis(50);

/// How long a child may take to end once it has been told to.
const FAREWELL: Duration = Duration::from_millis(500);

/// The same for one that has work to bring to its end.
const LONG_FAREWELL: Duration = Duration::from_secs(15);

/// As much as a pipe that can be written to takes at once, without waiting (POSIX: `PIPE_BUF`).
const AT_ONCE: usize = 4096;

/// A child that answers. Dropping it closes its standard input, which tells it to end; one that does
/// not end by itself is ended.
#[derive(Debug)]
pub struct Conversation {
    handle: Handle,
    to: Option<PipeWriter>,
    /// What it is told and has not taken yet.
    untold: VecDeque<u8>,
    from: Hearing,
    interrupt: Interrupt,
    line: String,
    secrets: Vec<String>,
    farewell: Duration,
    /// It has work of its own to bring to its end: it is never ended by us.
    trusted: bool,
}

impl Runner {
    /// Starts a child to talk to, each of whose answers is a line. Its invocation's standard input
    /// and deadline are not used: each question has its own.
    ///
    /// # Errors
    /// The program is missing, or Ctrl-C was pressed.
    pub fn converse(&self, invocation: &Invocation) -> Result<Conversation> {
        self.talk(invocation, Answers::Lines)
    }

    /// The same where answers are bytes, handed on in the pieces in which they come.
    ///
    /// # Errors
    /// As for [`Self::converse`].
    pub fn stream(&self, invocation: &Invocation) -> Result<Conversation> {
        self.talk(invocation, Answers::Pieces)
    }

    fn talk(&self, invocation: &Invocation, answers: Answers) -> Result<Conversation> {
        self.interrupt.check()?;
        let no_pipe = |error: io::Error| Error::new(Kind::Ours, "no pipe").because(error);
        // Neither of our ends is inherited by any child: closing them is what the other side sees.
        let (stdin, to) = io::pipe().map_err(no_pipe)?;
        let (from, stdout) = io::pipe().map_err(no_pipe)?;
        let expression = self
            .expression(invocation)
            .stdin_file(stdin)
            .stdout_file(stdout)
            .stderr_capture();
        let handle = self.start(invocation, &expression)?;
        // It holds the writing end of the child's output: as long as it lives, no end would be read.
        drop(expression);
        Ok(Conversation {
            handle,
            to: Some(to),
            untold: VecDeque::new(),
            from: Hearing::new(from, answers),
            interrupt: self.interrupt.clone(),
            line: first_line(&invocation.line()),
            secrets: invocation.secrets.clone(),
            farewell: FAREWELL,
            trusted: false,
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

impl Conversation {
    /// The same conversation, called so in whatever is told of it: its own line may be a script.
    pub fn called(mut self, line: String) -> Self {
        self.line = line;
        self
    }

    /// One that may take its time to end: it has begun work that it brings to its end.
    pub const fn patient(mut self) -> Self {
        self.farewell = LONG_FAREWELL;
        self
    }

    /// One that is left to end by itself, however long that takes, and that is told things also after
    /// Ctrl-C: what it is told then is to set something right.
    pub const fn trusted(mut self) -> Self {
        self.trusted = true;
        self.patient()
    }

    /// Says a line and returns the line that is the answer.
    ///
    /// # Errors
    /// The child has ended, does not answer in time, or Ctrl-C was pressed. After any of these it
    /// must not be asked again: an answer could be that of an earlier question.
    pub fn ask(&mut self, question: &str, deadline: Duration) -> Result<String> {
        self.say(question)?;
        self.hear(deadline)
    }

    /// Says a line. The next answer is read by [`Self::hear`]: several questions may be on their way
    /// at once.
    ///
    /// # Errors
    /// The child has ended or does not read for too long, or Ctrl-C was pressed.
    pub fn say(&mut self, question: &str) -> Result<()> {
        self.say_within(question, HEARING)
    }

    fn say_within(&mut self, question: &str, deadline: Duration) -> Result<()> {
        self.listens()?;
        self.untold.extend(question.as_bytes());
        self.untold.push_back(b'\n');
        let until = Instant::now() + deadline;
        while !self.untold.is_empty() {
            // What there is room for is said, whatever else has happened.
            if self.serve(MOMENT)?.told {
                continue;
            }
            self.interrupt.check()?;
            if Instant::now() >= until {
                let within = deadline.as_secs();
                return Err(
                    self.too_long(&format!("did not read what it was told within {within} s"))
                );
            }
        }
        match self.to {
            Some(_) => Ok(()),
            None => Err(self.over()),
        }
    }

    /// Says bytes, without waiting until they are read: what it does not take now it is given while
    /// its answers are waited for.
    ///
    /// # Errors
    /// The child has ended, or Ctrl-C was pressed.
    pub fn pour(&mut self, bytes: &[u8]) -> Result<()> {
        self.listens()?;
        self.untold.extend(bytes);
        while !self.untold.is_empty() && self.serve(Duration::ZERO)?.told {}
        Ok(())
    }

    /// The next line that the child says.
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub fn hear(&mut self, deadline: Duration) -> Result<String> {
        let answer = self.answer(deadline)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// The next line, or piece, that the child says.
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub fn answer(&mut self, deadline: Duration) -> Result<Vec<u8>> {
        let until = Instant::now() + deadline;
        loop {
            if let Some(answer) = self.from.answer() {
                return Ok(answer);
            }
            if self.from.ended() {
                return Err(self.over());
            }
            self.serve(MOMENT)?;
            if self.from.said() {
                continue;
            }
            self.interrupt.check()?;
            if Instant::now() >= until {
                let within = deadline.as_secs();
                return Err(self.too_long(&format!("did not answer within {within} s")));
            }
        }
    }

    /// Whether it can be told anything.
    fn listens(&mut self) -> Result<()> {
        if !self.trusted {
            self.interrupt.check()?;
        }
        match self.to {
            Some(_) => Ok(()),
            None => Err(self.over()),
        }
    }

    /// Takes in what the child says and gives it what it is told, whichever can be done first within
    /// that time.
    fn serve(&mut self, patience: Duration) -> Result<Served> {
        let (says, listens) = self.can(patience)?;
        if says {
            // A pipe that cannot be read has ended, which is seen by whoever waits for an answer.
            let _ = self.from.take_in();
        }
        if listens {
            self.tell();
        }
        Ok(Served { told: listens })
    }

    /// Whether the child says something, and whether it can be told something.
    fn can(&self, patience: Duration) -> Result<(bool, bool)> {
        let to = self.to.as_ref().filter(|_| !self.untold.is_empty());
        let mut pipes: Vec<PollFd<'_>> = self.from.waiting().into_iter().collect();
        let reading = pipes.len();
        pipes.extend(to.map(|to| PollFd::new(to, PollFlags::OUT)));
        if !ready(&mut pipes, patience)? {
            return Ok((false, false));
        }
        let (from, to) = pipes.split_at(reading);
        let ready = |pipes: &[PollFd<'_>]| pipes.iter().any(|pipe| !pipe.revents().is_empty());
        Ok((ready(from), ready(to)))
    }

    fn tell(&mut self) {
        let Some(to) = &mut self.to else {
            return;
        };
        let (next, _) = self.untold.as_slices();
        match to.write(&next[..next.len().min(AT_ONCE)]) {
            Ok(count) => drop(self.untold.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Nobody reads there any more.
            Err(_) => self.close(),
        }
    }

    fn too_long(&self, what: &str) -> Error {
        Error::new(Kind::TooLong, format!("`{}` {what}", self.line))
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
        self.to = None;
        self.untold.clear();
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
        let ended = matches!(self.handle.wait_timeout(self.farewell), Ok(Some(_)));
        if !ended && !self.trusted {
            end(&self.handle);
        }
    }
}

/// What was done.
struct Served {
    told: bool,
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
            child.pour(part).expect("it listens");
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
        let pressing = std::thread::spawn(move || {
            std::thread::park_timeout(Duration::from_millis(200));
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

    #[test]
    fn a_companion_answers_line_by_line_and_ends_when_we_have_gone() {
        let mut echo = talk("while read -r line; do echo \"you said $line\"; done").trusted();
        for word in ["one", "two"] {
            echo.say(word).expect("it hears");
            let heard = echo.hear(SOON).expect("it answers");
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
        let mut deaf = talk("exec sleep 1000");
        let failure = deaf
            .say_within(&long(), Duration::from_millis(300))
            .expect_err("it does not read");
        assert!(failure.message().contains("did not read"), "{failure}");
    }

    #[test]
    fn ctrl_c_ends_the_wait_for_a_companion_that_does_not_read() {
        let mut deaf = talk("exec sleep 1000");
        // Trusted in what it is told, but ended with the test.
        deaf.trusted = true;
        deaf.interrupt.press();
        // What there is room for is said all the same: a thaw comes after Ctrl-C.
        deaf.say("thaw").expect("there is room");
        let failure = deaf.say(&long()).expect_err("pressed");
        assert_eq!(failure.kind(), Kind::Interrupted);
        deaf.trusted = false;
    }

    #[test]
    fn a_long_line_reaches_a_companion_that_reads_slowly() {
        let mut slow = talk("sleep 0.3; read -r line; echo ${#line}");
        slow.say(&long()).expect("it reads");
        let heard = slow.hear(Duration::from_secs(60)).expect("it answers");
        assert_eq!(heard, (1 << 20).to_string());
    }

    #[test]
    fn a_companion_that_ends_is_told_with_its_last_words() {
        let mut dying = talk("echo no >&2; exit 3");
        let failure = dying.hear(SOON).expect_err("it ended");
        assert!(
            failure.message().ends_with("ended half way:\n    no"),
            "{failure}"
        );
    }

    #[test]
    fn a_companion_that_is_silent_for_too_long_is_told() {
        let mut mute = talk("read -r line");
        let failure = mute.hear(Duration::from_millis(100)).expect_err("silence");
        assert!(failure.message().contains("did not answer"), "{failure}");
    }

    #[test]
    fn a_child_that_talks_on_and_on_is_given_up_in_time_and_on_ctrl_c() {
        // It never ends its line, and never reads.
        let script = "while :; do printf x; done";
        let mut child = talk(script);
        let soon = Duration::from_millis(300);
        let failure = child.hear(soon).expect_err("no line");
        assert!(failure.message().contains("did not answer"), "{failure}");
        let failure = child
            .say_within(&long(), soon)
            .expect_err("it does not read");
        assert!(failure.message().contains("did not read"), "{failure}");
        let mut child = talk(script);
        child.interrupt.press();
        let failure = child.hear(SOON).expect_err("pressed");
        assert_eq!(failure.kind(), Kind::Interrupted);
    }

    #[test]
    fn a_child_that_must_be_read_before_it_reads_on_is_read_while_it_is_told() {
        let mut echo = talk("while read -r line; do echo \"$line\"; done");
        let line = "x".repeat(1000);
        for _ in 0..1000 {
            echo.say(&line).expect("it is read meanwhile");
        }
        for _ in 0..1000 {
            assert_eq!(echo.hear(SOON).expect("an answer"), line);
        }
    }

    #[test]
    fn what_a_child_said_before_it_ended_is_heard_to_its_last_half_line() {
        let mut child = talk("echo one; printf two");
        assert_eq!(child.hear(SOON).expect("a line"), "one");
        assert_eq!(child.hear(SOON).expect("half a line"), "two");
        child.hear(SOON).expect_err("it ended");
    }

    #[test]
    fn one_that_is_patient_is_waited_for_and_one_that_is_not_is_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let done = |name: &str| folder.path().join(name);
        let work = |name: &str| {
            let file = done(name);
            format!(
                "while read -r line; do :; done; sleep 1.5; touch {}",
                file.display()
            )
        };
        drop(talk(&work("patient")).patient());
        drop(talk(&work("other")));
        assert!(done("patient").exists() && !done("other").exists());
    }
}
