//! The real binary, run as a user would, with a state folder of its own.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts the tool from outside, so crates/process is not its door"
)]
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(missing_docs, reason = "tests are sentences")]
#![allow(unreachable_pub, reason = "a module of test binaries has no outside")]

#[path = "../../../crates/compose-audit/tests/harness/patience.rs"]
pub mod patience;
pub mod python;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// A command to run: `xtask(&["status"]).run().code(0)`.
pub struct Xtask {
    args: Vec<String>,
    env: Vec<(String, String)>,
    unset: Vec<String>,
    stdin: Option<String>,
    folder: Option<PathBuf>,
}

pub fn xtask(args: &[&str]) -> Xtask {
    Xtask {
        args: args.iter().map(ToString::to_string).collect(),
        env: Vec::new(),
        unset: Vec::new(),
        stdin: None,
        folder: None,
    }
}

impl Xtask {
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(ToString::to_string));
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    pub fn unset(mut self, name: &str) -> Self {
        self.unset.push(name.to_owned());
        self
    }

    /// Text piped in. Without it standard input is empty.
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// The process to be, for tests that kill it or talk to it while it runs.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(&self.args)
            .env("NO_COLOR", "1")
            .env_remove("TTA_INSTANCE")
            .env_remove("TTA_NAMESPACE")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        for name in &self.unset {
            command.env_remove(name);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    pub fn run(self) -> Ended {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("xtask starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        if let Some(text) = &self.stdin {
            // A command that does not read has closed its end.
            let _ = stdin.write_all(text.as_bytes());
        }
        drop(stdin);
        let line = self.args.join(" ");
        let output = patience::ended(child, &format!("`cargo xtask {line}`"));
        Ended {
            line,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// What a command left behind. Each check shows all of it when it fails.
#[derive(Debug)]
pub struct Ended {
    line: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    fn all(&self) -> String {
        let mut all = String::new();
        let _ = write!(
            all,
            "`cargo xtask {}` ended with {:?}\n--- stdout\n{}--- stderr\n{}",
            self.line, self.code, self.stdout, self.stderr
        );
        all
    }

    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{}", self.all());
        self
    }

    #[track_caller]
    pub fn stdout_has(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text),
            "no {text:?} on stdout: {}",
            self.all()
        );
        self
    }

    #[track_caller]
    pub fn stderr_has(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "no {text:?} on stderr: {}",
            self.all()
        );
        self
    }

    #[track_caller]
    pub fn nowhere(self, text: &str) -> Self {
        assert!(
            !self.stdout.contains(text),
            "{text:?} on stdout: {}",
            self.all()
        );
        assert!(
            !self.stderr.contains(text),
            "{text:?} on stderr: {}",
            self.all()
        );
        self
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON on stdout, {error}: {}", self.all()))
    }
}
