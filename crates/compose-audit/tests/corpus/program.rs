//! The program as a person or a CI job starts it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::patience;

/// What it left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The program to be, in a folder.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compose-audit"));
    command
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY");
    command
}

pub(crate) fn run(command: &mut Command) -> Ended {
    let output = patience::output(command);
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn audit(args: &[&str]) -> Ended {
    run(command(&examples()).args(args))
}

const BOTH: [&str; 2] = ["dev=dev.yml", "test=test.yml"];

#[test]
fn environments_are_named_by_position_by_option_or_both() {
    let findings = |args: &[&str]| {
        let ended = audit(&[args, &["--format", "json"]].concat()).code(4);
        let document = ended.json();
        assert_eq!(
            document["scope"]["environments"],
            serde_json::json!(["dev", "test"])
        );
        document["findings"].clone()
    };
    let first = findings(&BOTH);
    assert_eq!(
        findings(&["--compose", BOTH[0], "--compose", BOTH[1]]),
        first
    );
    assert_eq!(findings(&["--compose", BOTH[1], BOTH[0]]), first);
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    let readme = include_str!("../../README.md");
    let block = readme.split("```console\n$ compose-audit ").nth(1);
    let block = block.and_then(|rest| rest.split("```").next());
    let (line, shown) = block
        .and_then(|block| block.split_once('\n'))
        .expect("an example");
    let args: Vec<&str> = line.split(' ').collect();
    let ended = audit(&args).code(4);
    // But for how long it took.
    let untimed = |text: &str| {
        let (before, _) = text
            .trim_end()
            .rsplit_once("; ")
            .expect("it ends with the time");
        before.to_owned()
    };
    assert_eq!(untimed(&ended.stdout), untimed(shown));
}

#[test]
fn the_readme_names_every_option() {
    let help = audit(&["--help"]).code(0).stdout;
    let readme = include_str!("../../README.md");
    let options = help
        .split_whitespace()
        .filter(|word| word.starts_with("--"));
    for option in options {
        let option = option.trim_matches(|character: char| !character.is_alphabetic());
        assert!(
            readme.contains(&format!("--{option}")),
            "README.md has no --{option}"
        );
    }
}

#[test]
fn what_cannot_be_asked_for_is_a_usage_error_and_nothing_is_compared() {
    for args in [
        &[][..],
        &["dev.yml"],
        &["=dev.yml"],
        &["dev="],
        &["dev=dev.yml", "--format", "xml"],
        &["dev=dev.yml", "--report", "pdf=x"],
        &["dev=dev.yml", "--allow", "/no/such/file"],
        &["dev=dev.yml", "--report", "junit=/no/such/folder/x"],
        &["dev=dev.yml", "--compose", "dev=test.yml"],
    ] {
        let ended = audit(args).code(2);
        assert_eq!(ended.stdout, "", "{args:?}");
        assert!(!ended.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_failure_is_one_document_where_documents_are_asked_for() {
    let twice = ["dev=dev.yml", "dev=test.yml", "--format", "json"];
    let document = audit(&twice).code(2).json();
    assert_eq!(document["command"], "compose-audit");
    assert_eq!(document["outcome"], "failed");
    assert_eq!(document["error"]["kind"], "usage");
}

#[test]
fn a_file_that_does_not_render_is_inconclusive() {
    let ended = audit(&["dev=dev.yml", "other=no-such-file.yml", "--format", "json"]).code(5);
    assert_eq!(ended.json()["verdict"], "inconclusive");
}

#[test]
fn without_docker_nothing_is_proved_and_the_reason_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = run(command(&examples()).args(BOTH).env("PATH", folder.path())).code(5);
    assert!(
        ended.stdout.contains("`docker` is not installed"),
        "{ended:?}"
    );
}

#[test]
fn reports_are_written_and_only_an_earlier_report_is_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let kinds = ["junit", "markdown", "html"];
    let wanted: Vec<String> = kinds
        .iter()
        .map(|kind| format!("--report={kind}={}", folder.path().join(kind).display()))
        .collect();
    for _ in 0..2 {
        let ended = run(command(&examples()).args(BOTH).args(&wanted)).code(4);
        assert_eq!(ended.stderr.matches("wrote ").count(), 3, "{ended:?}");
    }
    for kind in kinds {
        let text = fs::read_to_string(folder.path().join(kind)).expect("it is there");
        assert!(text.contains("S5"), "{kind}: {text}");
    }
    fs::write(folder.path().join("junit"), "mine").expect("writable");
    let ended = run(command(&examples()).args(BOTH).args(&wanted)).code(3);
    assert!(ended.stderr.starts_with("refused: "), "{ended:?}");
    let kept = fs::read_to_string(folder.path().join("junit")).expect("it is there");
    assert_eq!(kept, "mine");
}

#[test]
fn a_finding_that_is_excused_is_still_told_and_violates_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let document = audit(&[&BOTH[..], &["--format", "json"]].concat())
        .code(4)
        .json();
    let findings = document["findings"].as_array().expect("a list");
    let entries: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let mut entry = serde_json::json!({"reason": "known"});
            for field in ["fault", "environments", "subject"] {
                entry[field] = finding[field].clone();
            }
            entry
        })
        .collect();
    let allow = folder.path().join("allow.json");
    fs::write(&allow, Value::from(entries).to_string()).expect("writable");
    let allow = allow.display().to_string();
    let ended = audit(&[&BOTH[..], &["--allow", &allow, "--format", "json"]].concat()).code(0);
    let document = ended.json();
    assert_eq!(document["verdict"], "isolated");
    let after = document["findings"].as_array().expect("a list");
    assert_eq!(after.len(), findings.len());
    assert!(after.iter().all(|finding| finding["allowed"] == "known"));
}

#[test]
fn a_job_on_github_gets_annotations_and_a_summary() {
    let folder = tempfile::tempdir().expect("a folder");
    let summary = folder.path().join("summary");
    let mut command = command(&examples());
    command
        .args(BOTH)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary);
    let ended = run(&mut command).code(4);
    assert!(ended.stderr.contains("::error title=S5 "), "{ended:?}");
    let text = fs::read_to_string(summary).expect("it is there");
    assert!(text.starts_with("## Isolation: violated"), "{text}");
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure_and_what_was_worse_stays() {
    let full = || {
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("linux")
    };
    for (args, code) in [(&["--help"][..], 1), (&BOTH, 4)] {
        let mut child = command(&examples());
        let child = child
            .args(args)
            .stdin(Stdio::null())
            .stdout(full())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = patience::ended(child, "compose-audit");
        assert_eq!(output.status.code(), Some(code));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("could not be written"), "{said}");
    }
}

#[test]
fn ctrl_c_ends_it_and_its_children() {
    let folder = tempfile::tempdir().expect("a folder");
    let mark = folder.path().join("started");
    let docker = folder.path().join("docker");
    let script = format!("#!/bin/sh\necho $$ >{}\nexec sleep 1000\n", mark.display());
    fs::write(&docker, script).expect("writable");
    fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let child = command(&examples())
        .args(["dev=dev.yml", "--format", "json"])
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let until = Instant::now() + Duration::from_secs(60);
    let started = || fs::read_to_string(&mark).is_ok_and(|pid| pid.ends_with('\n'));
    while !started() {
        assert!(Instant::now() < until, "it starts no child");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).expect("it is there");
    let output = patience::ended(child, "compose-audit");
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(document["outcome"], "interrupted");
    let pid = fs::read_to_string(&mark).expect("it is there");
    assert!(
        !Path::new("/proc").join(pid.trim()).exists(),
        "its child lives"
    );
}
