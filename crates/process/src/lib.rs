//! The one door to child processes.
//!
//! Every child gets a deadline, a process group of its own, a captured output and an environment
//! without the variables that its [`Caller`] withholds. What is secret is kept out of whatever is
//! shown. Ctrl-C ends the child's whole group.
//!
//! Architecture Invariant: nothing else in this workspace starts a process (clippy.toml), but for
//! the linear developer tasks, which use xshell. This crate knows none of the programs that it
//! starts, nor what they are started for.

mod caller;
mod conversation;
mod error;
mod hearing;
mod interrupt;
mod logged;
pub mod relayed;
pub mod side_by_side;
mod streams;
mod text;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use duct::{Expression, Handle};
use rustix::process::{Pid, Signal, kill_process_group};

pub use caller::Caller;
pub use conversation::Conversation;
pub use error::{Error, Kind, Result};
pub use hearing::{Heard, Hearing};
pub use interrupt::Interrupt;
pub use logged::Logged;
use text::redacted;
pub use text::{printable, quoted, tail};

/// How long a child may take that should answer at once.
pub const PROMPT: Duration = Duration::from_secs(30);

/// A child process to be: argv as data.
#[derive(Debug, Clone)]
pub struct Invocation {
    program: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    stdin: Vec<u8>,
    folder: Option<PathBuf>,
    deadline: Duration,
    secrets: Vec<String>,
    surroundings: Surroundings,
}

/// What a child sees of our own environment.
#[derive(Debug, Clone, Copy, Default)]
pub enum Surroundings {
    /// All of it, less what our caller withholds.
    #[default]
    Guarded,
    /// What a program needs to be found and to find its own files, and no more.
    Bare,
    /// The variables of which this says so.
    Those(fn(&str) -> bool),
}

impl Invocation {
    /// A program to be started, without arguments.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            stdin: Vec::new(),
            folder: None,
            deadline: PROMPT,
            secrets: Vec::new(),
            surroundings: Surroundings::Guarded,
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// More arguments.
    pub fn args<I>(mut self, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// A variable of the child's environment.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// A variable whose value is blotted out of whatever is shown.
    pub fn secret(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        self.blotting(&value).env(name, value)
    }

    /// A text that is blotted out of whatever is shown: the child is told it later.
    pub fn blotting(mut self, secret: &str) -> Self {
        if !secret.is_empty() {
            self.secrets.push(secret.to_owned());
        }
        self
    }

    /// What it reads.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Where it is started.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// How long it may take.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// What it sees of our own environment.
    pub const fn surroundings(mut self, surroundings: Surroundings) -> Self {
        self.surroundings = surroundings;
        self
    }

    /// The same child without the locks that ours inherit: for one that may outlive us for ever.
    pub fn without_locks(mut self) -> Self {
        let close = "for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ \"$fd\" -le 2 ] || eval \"exec $fd>&-\"; done; exec \"$0\" \"$@\"";
        let program = std::mem::replace(&mut self.program, "/bin/bash".to_owned());
        let words = ["-c".to_owned(), close.to_owned(), program];
        self.args.splice(0..0, words);
        self
    }

    /// The line a person could paste, secrets redacted.
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        let line: Vec<String> = words.map(|word| quoted(word)).collect();
        redacted(&line.join(" "), &self.secrets)
    }
}

/// What a child left behind.
#[derive(Debug, Clone)]
pub struct Reply {
    /// What it printed on its standard output.
    pub stdout: String,
    /// What it printed on its standard error.
    pub stderr: String,
    /// The exit code, or 128 + the signal that ended it, as a shell would say.
    pub code: i32,
    line: String,
    secrets: Vec<String>,
}

impl Reply {
    /// Whether it exited with 0.
    pub const fn success(&self) -> bool {
        self.code == 0
    }

    /// The reply if the child exited with 0.
    ///
    /// # Errors
    /// A failure that names the command and shows what it printed.
    pub fn ok(self) -> Result<Self> {
        if self.success() {
            Ok(self)
        } else {
            Err(self.failure())
        }
    }

    /// The failure that this reply is: the command, its exit code, what it printed.
    pub fn failure(&self) -> Error {
        Error::new(
            Kind::EndedBadly,
            format!("`{}` ended with {}{}", self.line, self.code, self.shown()),
        )
    }

    /// What it said on stderr, its last lines in one.
    pub fn said(&self) -> String {
        let lines = self
            .stderr
            .lines()
            .filter(|line| !line.contains("level=warning"));
        let text: Vec<&str> = lines.collect();
        tail(&text.join("\n"), 4)
            .into_iter()
            .map(|line| printable(&redacted(line.trim(), &self.secrets)))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// An answer that could not be understood, shown as it is.
    pub fn unexpected(&self, expected: &str) -> Error {
        Error::new(
            Kind::Unexpected,
            format!(
                "`{}` was expected to answer {expected}, but answered{}",
                self.line,
                self.shown()
            ),
        )
    }

    fn shown(&self) -> String {
        let mut shown = String::new();
        for text in [&self.stdout, &self.stderr] {
            for line in tail(text, 20) {
                shown.push_str("\n    ");
                shown.push_str(&printable(&redacted(line, &self.secrets)));
            }
        }
        if shown.is_empty() {
            shown.push_str(", printing nothing");
        }
        shown
    }
}

/// Starts children.
#[derive(Debug, Clone)]
pub struct Runner {
    interrupt: Interrupt,
    caller: Arc<dyn Caller>,
}

impl Runner {
    /// One for that caller, whose children end on that Ctrl-C.
    pub fn new(interrupt: Interrupt, caller: impl Caller + 'static) -> Self {
        Self {
            interrupt,
            caller: Arc::new(caller),
        }
    }

    /// The Ctrl-C that ends its children.
    pub const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// One that Ctrl-C does not stop: for whatever has to be set right after it.
    pub fn steadfast(&self) -> Self {
        Self {
            interrupt: Interrupt::default(),
            caller: Arc::clone(&self.caller),
        }
    }

    /// Runs a child to its end, whatever its exit code.
    ///
    /// # Errors
    /// The program is missing, it passed its deadline, or Ctrl-C was pressed; in the last two
    /// cases the child's whole process group has been ended.
    pub fn run(&self, invocation: &Invocation) -> Result<Reply> {
        let expression = self
            .expression(invocation)
            .stdin_bytes(invocation.stdin.clone())
            .stdout_capture()
            .stderr_capture();
        self.streamed(invocation, &expression, |_| {})
    }

    /// Runs a child that talks to the person: our terminal is its terminal, no deadline.
    ///
    /// # Errors
    /// The program is missing.
    pub fn interactive(&self, invocation: &Invocation) -> Result<i32> {
        self.caller.starting(&invocation.line());
        let expression = self.expression(invocation);
        let expression = if invocation.stdin.is_empty() {
            expression
        } else {
            expression.stdin_bytes(invocation.stdin.clone())
        };
        let output = expression
            .run()
            .map_err(|error| not_started(invocation, error))?;
        Ok(exit_code(output.status))
    }

    /// Starts a child that outlives us, its output going to a file. To be called before any lock is
    /// taken: a child inherits the locks that are held, and this one would keep them for ever.
    ///
    /// # Errors
    /// The program is missing, or the log cannot be written.
    pub fn detach(&self, invocation: &Invocation, log: &Path) -> Result<u32> {
        let handle = self.start(invocation, &self.to_file(invocation, log)?)?;
        let pid = handle.pids().first().copied().unwrap_or_default();
        // duct's handle would reap the child; this one is left to init.
        std::mem::forget(handle);
        Ok(pid)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    fn expression(&self, invocation: &Invocation) -> Expression {
        let args: Vec<OsString> = invocation.args.iter().map(OsString::from).collect();
        let mut expression = duct::cmd(&invocation.program, args)
            .full_env(self.environment(invocation.surroundings, &invocation.env))
            .unchecked();
        if let Some(folder) = &invocation.folder {
            expression = expression.dir(folder);
        }
        expression
    }

    /// Our environment, as much of it as a child may see.
    fn environment(
        &self,
        surroundings: Surroundings,
        extra: &BTreeMap<String, String>,
    ) -> BTreeMap<OsString, OsString> {
        let kept = |name: &OsString| match (name.to_str(), surroundings) {
            (None, Surroundings::Bare) => false,
            (None, _) => true,
            (Some(name), Surroundings::Guarded) => !self.caller.withholds(name),
            (Some(name), Surroundings::Bare) => ["PATH", "HOME", "PWD"].contains(&name),
            (Some(name), Surroundings::Those(those)) => those(name),
        };
        let ours = std::env::vars_os().filter(|(name, _)| kept(name));
        let extra = extra.iter();
        ours.chain(extra.map(|(name, value)| (name.into(), value.into())))
            .collect()
    }

    /// A child that reads nothing and whose output goes to a new file.
    fn to_file(&self, invocation: &Invocation, log: &Path) -> Result<Expression> {
        let unwritable = |error: io::Error| {
            let words = format!("cannot write the log {}", log.display());
            Error::new(Kind::Ours, words).because(error)
        };
        let file = File::create(log).map_err(unwritable)?;
        let copy = file.try_clone().map_err(unwritable)?;
        let expression = self.expression(invocation).stdin_null();
        Ok(expression.stdout_file(file).stderr_file(copy))
    }

    /// Starts a child in a group of its own, so that Ctrl-C reaches us first and a deadline ends all
    /// of it.
    fn start(&self, invocation: &Invocation, expression: &Expression) -> Result<Handle> {
        self.caller.starting(&invocation.line());
        expression
            .before_spawn(|command| {
                command.process_group(0);
                Ok(())
            })
            .start()
            .map_err(|error| not_started(invocation, error))
    }

    /// Waits for a child, and ends its whole group on Ctrl-C, at its deadline, or when `give_up`,
    /// which is told how long it has run, says so.
    fn wait(
        &self,
        invocation: &Invocation,
        handle: &Handle,
        give_up: impl Fn(Duration) -> bool,
    ) -> Result<Waited> {
        let started = Instant::now();
        loop {
            let reply = handle
                .wait_timeout(Duration::from_millis(50))
                .map_err(|error| {
                    Error::new(Kind::Ours, format!("`{}`", invocation.line())).because(error)
                })?;
            if let Some(output) = reply {
                return Ok(Waited::Ended(output.clone()));
            }
            let outcome = if self.interrupt.pressed() {
                Err(Error::interrupted())
            } else if give_up(started.elapsed()) {
                Ok(Waited::GivenUp)
            } else if started.elapsed() >= invocation.deadline {
                Ok(Waited::TooLong)
            } else {
                continue;
            };
            end(handle);
            return outcome;
        }
    }
}

/// How a wait came to its end. But for the first, the child has been ended.
enum Waited {
    Ended(Output),
    GivenUp,
    TooLong,
}

fn too_long(invocation: &Invocation) -> String {
    format!(
        "`{}` did not end within {} s and was ended",
        invocation.line(),
        invocation.deadline.as_secs()
    )
}

/// Ends a child's process group: politely, then at once.
fn end(handle: &Handle) {
    let groups: Vec<Pid> = handle
        .pids()
        .into_iter()
        .filter_map(|pid| Pid::from_raw(pid.cast_signed()))
        .collect();
    for signal in [Signal::TERM, Signal::KILL] {
        for group in &groups {
            // It may be gone already, which is what was wanted.
            let _ = kill_process_group(*group, signal);
        }
        if matches!(handle.wait_timeout(Duration::from_secs(2)), Ok(Some(_))) {
            return;
        }
    }
}

fn not_started(invocation: &Invocation, error: io::Error) -> Error {
    let missing_folder = invocation.folder.as_ref().filter(|folder| !folder.is_dir());
    if let Some(folder) = missing_folder {
        let folder = folder.display();
        return Error::new(
            Kind::NotStarted,
            format!(
                "`{}`: the folder {folder} does not exist",
                invocation.line()
            ),
        );
    }
    if error.kind() == io::ErrorKind::NotFound {
        return Error::new(
            Kind::NotInstalled,
            format!("`{}` is not installed", invocation.program),
        );
    }
    Error::new(Kind::NotStarted, format!("`{}`", invocation.line())).because(error)
}

fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

#[cfg(test)]
mod tests;
