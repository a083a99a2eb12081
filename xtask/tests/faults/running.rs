//! The command while it runs: what it has said so far, signals, its end.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts the tool from outside, so crates/process is not its door"
)]

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::Xtask;
use crate::set::observe;

pub(crate) struct Running {
    child: Child,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    stdout: Arc<Mutex<String>>,
}

pub(crate) struct Finished {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    pub(crate) fn start(command: &Xtask) -> Self {
        Self::spawn(command.command())
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdout = Arc::new(Mutex::new(String::new()));
        let stderr = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            collect(child.stdout.take().expect("a pipe"), &stdout),
            collect(child.stderr.take().expect("a pipe"), &stderr),
        ];
        Self {
            child,
            stderr,
            readers,
            stdout,
        }
    }

    /// Waits until it has said this on stderr.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        observe(&format!("it says {text:?}"), || {
            self.stderr.lock().expect("whole").contains(text)
        });
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid()).expect("a process");
        kill_process(pid, signal).expect("it runs");
    }

    #[track_caller]
    pub(crate) fn ended(mut self) -> Finished {
        let mut status = None;
        observe("it ends", || {
            status = self.child.try_wait().expect("a child of ours");
            status.is_some()
        });
        // Whatever it has left behind may hold its output: that is not waited for without end.
        observe("nobody holds its output", || {
            self.readers.iter().all(JoinHandle::is_finished)
        });
        for reader in self.readers {
            reader.join().expect("the reader ends");
        }
        let text = |text: &Mutex<String>| text.lock().expect("whole").clone();
        Finished {
            status: status.expect("it has ended"),
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
        }
    }
}

impl Finished {
    /// The exit code, where it was not killed.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.status.code()
    }

    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.status.code(),
            Some(expected),
            "{}{}",
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub(crate) fn killed(self) -> Self {
        assert_eq!(
            self.status.signal(),
            Some(9),
            "{}{}",
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("one document")
    }
}

fn collect(mut pipe: impl Read + Send + 'static, into: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
            into.lock().expect("whole").push_str(&text);
        }
    })
}
