//! A `docker` that keeps its engine in a folder: answers what xtask asks as the real one does
//! (client 28.2, engine 26.1), changes what it is told to, and goes wrong where a test orders it.
//!
//! Whatever it does not know ends with 97 and is in the log, which no test passes over.
#![allow(missing_docs, reason = "a test's helper")]

mod adoption;
#[path = "../../../src/tools/bolt/wire.rs"]
mod bolt;
mod compose;
mod model;
mod objects;
mod orders;
mod scratch;
mod servers;
mod shell;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::{
    Resource, Rlimit, Signal, getpid, getppid, getrlimit, kill_process, setrlimit,
};
use serde_json::json;

use crate::model::{Folder, State};
use crate::orders::{Act, Order, When, merge};

/// The exit code of a call that the fake does not know.
const UNKNOWN: u8 = 97;

const GONE: &str = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. \
                    Is the docker daemon running?\n";

/// The same as newer clients say it (29), with the words that elsewhere mean that an object is absent.
const GONE_NEWER: &str = "failed to connect to the docker API at unix:///var/run/docker.sock; \
                          check if the path is correct and if the daemon is running: \
                          dial unix /var/run/docker.sock: connect: no such file or directory\n";

fn main() -> ExitCode {
    // A test's full disk is xtask's alone.
    let maximum = getrlimit(Resource::Fsize).maximum;
    let unlimited = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Fsize, unlimited).expect("its own limit is lifted");
    let folder = std::env::var("FAKE_ENGINE").expect("FAKE_ENGINE names the engine's folder");
    let folder = Folder::new(folder);
    let args: Vec<String> = std::env::args().skip(1).collect();
    let fake = Fake {
        orders: Order::all(&folder),
        folder,
        args,
    };
    let reply = fake.answer().unwrap_or_else(|reply| reply);
    eprint!("{}", reply.stderr);
    let mut stdout = std::io::stdout();
    let said = write!(stdout, "{}", reply.stdout).and_then(|()| stdout.flush());
    if said.is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull) {
        // As the client, which Go gives the words for it.
        eprintln!("write /dev/stdout: no space left on device");
        return ExitCode::FAILURE;
    }
    ExitCode::from(reply.code)
}

/// What a call prints and how it ends.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Reply {
    pub(crate) fn said(stdout: impl Into<String>) -> Self {
        Self {
            stdout: stdout.into(),
            ..Self::default()
        }
    }

    /// What was written, and how much it was.
    pub(crate) fn counted(stdout: impl Into<String>) -> Self {
        let stdout = stdout.into();
        Self {
            stderr: format!("{} bytes copied, 0.1 s, 1 kB/s\n", stdout.len()),
            stdout,
            ..Self::default()
        }
    }

    pub(crate) fn failed(code: u8, stderr: impl Into<String>) -> Self {
        Self {
            code,
            stderr: stderr.into(),
            ..Self::default()
        }
    }
}

/// An answer, or the one that an order put in its place.
pub(crate) type Answer = Result<Reply, Reply>;

/// One call.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) folder: Folder,
    orders: Vec<Order>,
    args: Vec<String>,
}

impl Fake {
    fn answer(&self) -> Answer {
        let words: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let words = match words[..] {
            ["--context", _, ref rest @ ..] => rest,
            ref all => all,
        };
        let mut stdin = String::new();
        // Nor is a proof's conversation with a server read to its end, which comes with the proof's.
        let proof = words
            .iter()
            .any(|word| word.contains("standard input is a key"));
        let goes_on = scratch::talks(words) || shell::talks(words) || proof;
        if matches!(words.first(), Some(&"exec" | &"run")) && !goes_on {
            let _ = std::io::stdin().read_to_string(&mut stdin);
        }
        let env: Vec<(String, String)> = std::env::vars().collect();
        self.folder
            .log(&json!({ "call": self.args, "stdin": stdin, "env": env }));
        // A line break ends the last word, so that an order can ask for a call that ends there.
        self.ordered_calls(&format!("{}\n", words.join(" ")))?;
        let state = self.folder.state();
        if state.gone {
            return Ok(gone(words, state.newer));
        }
        match words {
            words if scratch::talks(words) => scratch::talk(self, words),
            ["run", rest @ ..] => scratch::run(self, rest, &stdin),
            words if adoption::reads(words) => Ok(adoption::read(words)),
            ["exec", rest @ ..] => servers::exec(self, rest, &stdin),
            words => objects::answer(self, words),
        }
    }

    /// Changes the engine: the one way to do so, where orders for changes are carried out.
    pub(crate) fn change<T>(
        &self,
        subject: &str,
        change: impl FnOnce(&mut State) -> T,
    ) -> Result<T, Reply> {
        let number = self.folder.change(|state| {
            state.changes += 1;
            state.changes
        });
        let acts = || {
            let now = |order: &&Order| matches!(order.when, When::Change(n) if n == number);
            self.orders.iter().filter(now).map(|order| &order.act)
        };
        for act in acts() {
            self.act(act)?;
        }
        let result = self.folder.change(change);
        self.folder
            .log(&json!({ "change": number, "subject": subject }));
        if acts().any(|act| matches!(act, Act::KillAfter)) {
            kill_parent();
            die();
        }
        Ok(result)
    }

    /// A call that the fake has no answer for.
    pub(crate) fn unknown(&self, what: &str) -> Reply {
        self.folder
            .log(&json!({ "unknown": what, "call": self.args }));
        Reply::failed(UNKNOWN, format!("the fake docker does not know: {what}\n"))
    }

    fn ordered_calls(&self, line: &str) -> Result<(), Reply> {
        for (index, order) in self.orders.iter().enumerate() {
            let When::Call(text, nth) = &order.when else {
                continue;
            };
            if !line.contains(text) {
                continue;
            }
            let seen = self.folder.change(|state| {
                let seen = state.seen.entry(index).or_default();
                *seen += 1;
                *seen
            });
            if *nth == 0 || seen == *nth {
                self.act(&order.act)?;
            }
        }
        Ok(())
    }

    fn act(&self, act: &Act) -> Result<(), Reply> {
        match act {
            Act::KillBefore => {
                kill_parent();
                die();
            }
            Act::KillAfter => {}
            Act::Orphan => {
                kill_parent();
                self.mark("orphan");
                self.await_release();
            }
            Act::Wait => {
                self.mark("waiting");
                self.await_release();
            }
            Act::Hang => {
                self.mark("hanging");
                hang();
            }
            Act::Reply {
                code,
                stdout,
                stderr,
            } => {
                return Err(Reply {
                    code: *code,
                    stdout: stdout.clone(),
                    stderr: stderr.clone(),
                });
            }
            Act::Die => die(),
            Act::Behind(patch) => self.folder.change(|state| {
                let mut value = serde_json::to_value(&*state).expect("a state is JSON");
                merge(&mut value, patch);
                *state = serde_json::from_value(value).expect("the patch leaves a state");
            }),
            Act::Interrupt => {
                signal_parent(Signal::INT);
                // It ends us; a process of its that is not asked to may go on.
                std::thread::sleep(Duration::from_secs(3));
                die();
            }
            Act::Write(containers) => self.folder.change(|state| state.write(containers)),
            Act::Gone => {
                let newer = self.folder.change(|state| {
                    state.gone = true;
                    state.newer
                });
                let words: Vec<&str> = self.args.iter().map(String::as_str).collect();
                return Err(gone(&words, newer));
            }
        }
        Ok(())
    }

    /// Tells the test that it has come here, and who it is.
    fn mark(&self, name: &str) {
        let pid = getpid().as_raw_nonzero().to_string();
        let beside = self.folder.file(&format!("{name}.{pid}"));
        std::fs::write(&beside, pid).expect("the mark is written");
        std::fs::rename(beside, self.folder.file(name)).expect("the mark is set");
    }

    fn await_release(&self) {
        let started = Instant::now();
        while !self.folder.file("release").exists() {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "nobody released the orphan"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn gone(words: &[&str], newer: bool) -> Reply {
    let stdout = match words {
        ["info", ..] => "{\"ID\":\"\",\"Containers\":0,\"Images\":0,\"Driver\":\"\"}\n",
        [_, "inspect", ..] => "[]\n",
        _ => "",
    };
    Reply {
        code: 1,
        stdout: stdout.to_owned(),
        stderr: if newer { GONE_NEWER } else { GONE }.to_owned(),
    }
}

/// Never answers; whoever waits has to end it.
fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

/// Kills xtask, as `kill -9` would. Nobody else: it is known by its name.
fn kill_parent() {
    signal_parent(Signal::KILL);
}

fn signal_parent(signal: Signal) {
    let parent = getppid().expect("a parent");
    let name = std::fs::read_to_string(format!("/proc/{}/comm", parent.as_raw_nonzero()));
    assert_eq!(name.unwrap_or_default().trim(), "xtask", "the parent");
    kill_process(parent, signal).expect("it can be sent");
}

fn die() -> ! {
    kill_process(getpid(), Signal::KILL).expect("it can be killed");
    hang()
}
