//! Plain `docker`, as a person would type it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::patience::attempt;

/// The client that PATH had before any test put another before it.
pub(crate) static DOCKER: LazyLock<PathBuf> =
    LazyLock::new(|| which::which("docker").unwrap_or_else(|_| "docker".into()));

/// `docker ARGS`, on the engine that the tool uses: no variable leads it elsewhere.
pub(crate) fn command<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(&*DOCKER);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("DOCKER_") || text.starts_with("COMPOSE_") {
            command.env_remove(&name);
        }
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// How long one call may take. The engine (26.1) can hang for good on a container that is frozen.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs it to its end, whatever comes of it.
pub(crate) fn tried<S: AsRef<OsStr>>(args: &[S]) -> Said {
    fed(args, "")
}

/// Its stdout. It must succeed.
#[track_caller]
pub(crate) fn docker<S: AsRef<OsStr>>(args: &[S]) -> String {
    tried(args).good()
}

/// The same with a text on its standard input.
pub(crate) fn fed<S: AsRef<OsStr>>(args: &[S], text: &str) -> Said {
    let mut command = command(args);
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("docker is installed (`cargo xtask quickstart`)");
    let mut stdin = child.stdin.take().expect("a pipe");
    let text = text.to_owned();
    // Beside the wait, whose deadline also ends a child that reads nothing. One that has closed its
    // end says why on stderr.
    std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    Said::of(attempt(LIMIT, child, &format!("{command:?}")))
}

/// What a child said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// A call that hung has no code, and says so: a scenario's end goes on after it.
    fn of(output: Result<Output, String>) -> Self {
        let output = match output {
            Ok(output) => output,
            Err(hung) => {
                eprintln!("{hung}");
                return Self {
                    code: None,
                    stdout: String::new(),
                    stderr: hung,
                };
            }
        };
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout.trim().to_owned()
    }

    #[track_caller]
    pub(crate) fn bad(self, because: &str) -> Self {
        assert_ne!(self.code, Some(0), "{self:?}");
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(because), "no {because:?}: {self:?}");
        self
    }
}

/// `docker KIND inspect NAME`, or nothing where there is none.
pub(crate) fn inspected(kind: &str, name: &str) -> Option<Value> {
    let said = tried(&[kind, "inspect", name]);
    let mut list: Vec<Value> = serde_json::from_str(&said.stdout).unwrap_or_default();
    list.pop()
}

/// The same of what must be there.
#[track_caller]
pub(crate) fn inspect(kind: &str, name: &str) -> Value {
    inspected(kind, name).unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// Looks until something is so. Every look asks the engine or a server, so this does not spin, and
/// only a run that would fail anyway comes to the deadline.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !so() {
        assert!(Instant::now() < deadline, "never came: {what}");
        // A look may start a client, which takes the processor from what is waited for.
        std::thread::sleep(Duration::from_millis(50));
    }
}
