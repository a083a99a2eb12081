//! The command on a terminal of its own, with a person at it.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts the tool from outside, so crates/process is not its door"
)]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::harness::Xtask;
use crate::set::observe;

pub(crate) struct Terminal {
    person: File,
    screen: Arc<Mutex<String>>,
    child: Child,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Starts the command in a session whose terminal is this one, so that Ctrl-C reaches it as
    /// it reaches any command: as a signal from the terminal.
    pub(crate) fn start(command: &Xtask) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let person = openpt(flags).expect("a terminal");
        grantpt(&person).expect("it is ours");
        unlockpt(&person).expect("it is open");
        let name = ptsname(&person, Vec::new()).expect("it has a name");
        let end = OpenOptions::new()
            .read(true)
            .write(true)
            .open(name.to_str().expect("a path"))
            .expect("its other end");
        let same = || Stdio::from(end.try_clone().expect("the same end"));

        let plain = command.command();
        let mut session = Command::new(which::which("setsid").expect("util-linux has it"));
        session
            .arg("--ctty")
            .arg(plain.get_program())
            .args(plain.get_args());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        let child = session.stdin(same()).stdout(same()).stderr(same()).spawn();
        let child = child.expect("it starts");
        let person = File::from(person);
        let screen = Arc::new(Mutex::new(String::new()));
        let reader = read(person.try_clone().expect("the same terminal"), &screen);
        Self {
            person,
            screen,
            child,
            reader,
        }
    }

    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        observe(&format!("the terminal shows {text:?}"), || {
            self.screen.lock().expect("whole").contains(text)
        });
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.person.write_all(text.as_bytes()).expect("it is typed");
    }

    /// Waits for its end; its exit code and all that was shown.
    #[track_caller]
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut status = None;
        observe("it ends", || {
            status = self.child.try_wait().expect("a child of ours");
            status.is_some()
        });
        // With its last process the terminal ends, and with it what there is to read.
        observe("nobody holds the terminal", || self.reader.is_finished());
        self.reader.join().expect("the reader ends");
        let screen = self.screen.lock().expect("whole").clone();
        (status.and_then(|status| status.code()), screen)
    }
}

fn read(mut person: File, screen: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let screen = Arc::clone(screen);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Fails once nobody has the other end open any more.
        while let Ok(read @ 1..) = person.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
            screen.lock().expect("whole").push_str(&text);
        }
    })
}
