//! Waiting for a child to its end, and no longer than a machine that stands still may need.
//!
//! libtest waits for a test for ever: one child that hangs would take every test after it along.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// No child of a test takes this long, unless it hangs.
pub const LIMIT: Duration = Duration::from_secs(600);

/// Runs a command to its end; standard input is empty.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    ended(child, &format!("{command:?}"))
}

/// The same where the program may be missing or may not be started.
#[track_caller]
pub fn tried(command: &mut Command) -> Option<Output> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    Some(ended(child.ok()?, &format!("{command:?}")))
}

/// What a child has said, when it has ended and nobody else has its pipes any more.
#[track_caller]
pub fn ended(child: Child, what: &str) -> Output {
    within(LIMIT, child, what)
}

/// The same with another limit.
#[track_caller]
pub fn within(limit: Duration, child: Child, what: &str) -> Output {
    attempt(limit, child, what).unwrap_or_else(|hung| panic!("{hung}"))
}

/// The same for whoever must go on: what hung, and what it had said.
pub fn attempt(limit: Duration, mut child: Child, what: &str) -> Result<Output, String> {
    drop(child.stdin.take());
    let started = Instant::now();
    let stdout = Stream::of(child.stdout.take());
    let stderr = Stream::of(child.stderr.take());
    let status = status_within(limit, &mut child);
    let rest = limit.saturating_sub(started.elapsed());
    // What it has left behind may hold its pipes; after a kill that is not waited for.
    let patience = if status.is_some() {
        rest
    } else {
        Duration::ZERO
    };
    let (stdout, all) = stdout.read(patience);
    let (stderr, all_of_it) = stderr.read(patience);
    match status {
        Some(status) if all && all_of_it => Ok(Output {
            status,
            stdout,
            stderr,
        }),
        status => Err(format!(
            "{what} {} within {} s\n--- stdout\n{}--- stderr\n{}",
            match status {
                Some(_) => "ended, but something that it started held its output, not",
                None => "did not end",
            },
            limit.as_secs(),
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        )),
    }
}

/// Waits for a child whose output nobody reads.
#[track_caller]
pub fn status(child: &mut Child, what: &str) -> ExitStatus {
    status_within(LIMIT, child)
        .unwrap_or_else(|| panic!("{what} did not end within {} s", LIMIT.as_secs()))
}

/// Nothing where it had to be killed.
fn status_within(limit: Duration, child: &mut Child) -> Option<ExitStatus> {
    // A child that was not waited for keeps its number, so this is nobody else's.
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).expect("a child of ours");
    let until = Instant::now() + limit;
    loop {
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now()));
        let mut ends = [PollFd::new(&process, PollFlags::IN)];
        match poll(&mut ends, left.ok().as_ref()) {
            Ok(0) => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Some(child.wait().expect("it has ended")),
            Err(error) => panic!("waiting for a child: {error}"),
        }
    }
}

/// A pipe that is read by a thread.
struct Stream(Option<Receiver<Vec<u8>>>);

impl Stream {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        Self(pipe.map(|mut pipe| {
            let (sender, receiver) = channel();
            thread::spawn(move || {
                let mut buffer = [0; 16384];
                while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                    if sender.send(buffer[..read].to_vec()).is_err() {
                        break;
                    }
                }
            });
            receiver
        }))
    }

    /// What came, and whether that was all.
    fn read(self, patience: Duration) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        let Some(receiver) = self.0 else {
            return (all, true);
        };
        let until = Instant::now() + patience;
        loop {
            match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(part) => all.extend(part),
                Err(RecvTimeoutError::Disconnected) => return (all, true),
                Err(RecvTimeoutError::Timeout) => return (all, false),
            }
        }
    }
}
