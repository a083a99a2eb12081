//! Rows that are planted in compose files alone. Each folder of `files/` is a row, each folder in it
//! a case; `expected.json` says what must come out, and nothing else may.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::patience;
use crate::program;
use crate::tried::Tried;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    what: String,
    cases: BTreeMap<String, Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the program is given; dev.yml and test.yml where it is not said.
    #[serde(default)]
    compose: Vec<String>,
    #[serde(default)]
    findings: Vec<Expected>,
    /// `violated` where there are findings and `isolated` where there are none, if it is not said.
    verdict: Option<String>,
    /// What the shell has exported.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// What may be shown nowhere.
    hidden: Option<String>,
    /// Whether what is to be pasted is run, and must leave nothing behind.
    #[serde(default)]
    pasted: bool,
    /// A part of what is remarked on a declaration.
    remark: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    fault: String,
    environments: Vec<String>,
    /// `{folder}` is the case's own folder.
    subject: String,
}

fn files() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/files");
    std::fs::canonicalize(folder).expect("the corpus is there")
}

/// Tries every case of a row.
#[track_caller]
fn row(name: &str) {
    let folder = files().join(name);
    let text = std::fs::read_to_string(folder.join("expected.json")).expect("it is there");
    let row: Row = serde_json::from_str(&text).expect("it is of this form");
    let mut wrong = Vec::new();
    let (mut found, mut innocent, mut alarms) = (true, 0, 0);
    for (name, case) in &row.cases {
        let result = tried(&folder.join(name), case);
        if case.findings.is_empty() {
            innocent += 1;
            alarms += usize::from(result.is_err());
        } else {
            found &= result.is_ok();
        }
        if let Err(why) = result {
            wrong.push(format!("{name}: {why}"));
        }
    }
    Tried {
        fault: name.split('-').next().unwrap_or_default(),
        what: &row.what,
        found,
        innocent,
        false_alarms: alarms,
    }
    .tell();
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

fn tried(folder: &Path, case: &Case) -> Result<(), String> {
    let both = ["dev=dev.yml".to_owned(), "test=test.yml".to_owned()];
    let compose = if case.compose.is_empty() {
        &both[..]
    } else {
        &case.compose
    };
    let mut command = program::command(folder);
    command.args(compose).args(["--format", "json"]);
    let ended = program::run(command.envs(&case.env));
    if let Some(hidden) = &case.hidden {
        for text in [&ended.stdout, &ended.stderr] {
            if text.contains(hidden.as_str()) {
                return Err(format!("a secret is shown: {text}"));
            }
        }
    }
    let document: Value = serde_json::from_str(&ended.stdout)
        .map_err(|error| format!("no document: {error}: {ended:?}"))?;
    let mut expected = case.findings.clone();
    for one in &mut expected {
        let folder = folder.display().to_string();
        one.subject = one.subject.replace("{folder}", &folder);
    }
    expected.sort();
    let mut found = findings(&document);
    found.sort();
    if found != expected {
        return Err(format!(
            "expected {expected:#?}\nfound {found:#?}\n{}",
            document["findings"]
        ));
    }
    let verdict = case.verdict.as_deref().unwrap_or(if expected.is_empty() {
        "isolated"
    } else {
        "violated"
    });
    let code = match verdict {
        "isolated" => 0,
        "violated" => 4,
        _ => 5,
    };
    if document["verdict"] != verdict || ended.code != Some(code) {
        return Err(format!("not {verdict}: {ended:?}"));
    }
    explained(&document)?;
    if case.pasted {
        pasted(folder, &document)?;
    }
    let remarks = document["remarks"].to_string();
    match &case.remark {
        Some(part) if !remarks.contains(part.as_str()) => {
            Err(format!("no remark on {part}: {remarks}"))
        }
        None if remarks != "[]" => Err(format!("remarks: {remarks}")),
        _ => Ok(()),
    }
}

/// Runs the commands that a person is told to paste, in a copy of the folder.
fn pasted(folder: &Path, document: &Value) -> Result<(), String> {
    let copy = tempfile::tempdir().expect("a folder");
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("it is there");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("a file")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    };
    let before = names(folder);
    for name in &before {
        std::fs::copy(folder.join(name), copy.path().join(name)).expect("it can be copied");
    }
    for finding in document["findings"].as_array().expect("a list") {
        let line = finding["reproduce"].as_str().expect("a command");
        if line.chars().any(char::is_control) {
            return Err(format!("a control character in {line:?}"));
        }
        let mut bash = Command::new("bash");
        let ended = patience::output(bash.args(["-c", line]).current_dir(copy.path()));
        if names(copy.path()) != before {
            return Err(format!("it ran something: {line}\n{ended:?}"));
        }
    }
    Ok(())
}

fn findings(document: &Value) -> Vec<Expected> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = document["findings"].as_array().expect("a list");
    findings
        .iter()
        .map(|finding| Expected {
            fault: text(&finding["fault"]),
            environments: finding["environments"]
                .as_array()
                .expect("a list")
                .iter()
                .map(text)
                .collect(),
            subject: text(&finding["subject"]),
        })
        .collect()
}

/// Every finding says what was seen, how to see it and what to do; every question has its answer.
fn explained(document: &Value) -> Result<(), String> {
    for finding in document["findings"].as_array().expect("a list") {
        for field in ["evidence", "reproduce", "fix"] {
            if finding[field].as_str().is_none_or(str::is_empty) {
                return Err(format!("no {field}: {finding}"));
            }
        }
    }
    let checks = document["checks"].as_array().expect("a list");
    let unanswered = checks
        .iter()
        .find(|check| check["observed"] == "could_not_ask");
    if let (Some(check), true) = (unanswered, document["verdict"] == "isolated") {
        return Err(format!("isolated, but: {check}"));
    }
    if checks.is_empty() {
        return Err("nothing was asked".to_owned());
    }
    Ok(())
}

macro_rules! rows {
    ($($test:ident $folder:literal;)*) => {
        const ROWS: &[&str] = &[$($folder),*];

        $(#[test]
        fn $test() {
            row($folder);
        })*
    };
}

rows! {
    ports_that_clash "S1-published-ports";
    ports_of_every_interface "S2-every-interface";
    container_names "S3-container-names";
    project_names "S4-project-names";
    volumes "S5-volumes";
    bind_mounts "S7-bind-mounts";
    networks "S8-networks";
    external_objects "S9-external";
    subnets "S10-subnets";
    a_merged_base_file "S11-merged-base";
    the_shells_variables "S12-shell-variables";
    profiles "S13-profiles";
    what_does_not_render "S14-not-rendered";
    addresses "S15-addresses";
    namespaces_of_containers "S16-namespaces";
    secret_files "S17-secret-files";
    images_built_twice "S18-images-built";
    routes_of_a_proxy "S19-routes";
    namespaces_of_the_host "E7-host-namespaces";
    the_engine "E8-engine";
    shared_secrets "A1-secrets";
    logins_that_are_off "A3-no-login";
    hostile_names "X2-hostile-names";
    a_project_of_its_own "X1-a-project-of-its-own";
}

#[test]
fn every_row_is_tried() {
    let mut folders: Vec<String> = std::fs::read_dir(files())
        .expect("the corpus is there")
        .map(|entry| {
            entry
                .expect("a folder")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    folders.sort();
    let mut rows: Vec<&str> = ROWS.to_vec();
    rows.sort_unstable();
    assert_eq!(folders, rows);
}

/// Each case of a row, but for the data, has a folder, and each folder is a case.
#[test]
fn every_case_is_tried() {
    for name in ROWS {
        let folder = files().join(name);
        let text = std::fs::read_to_string(folder.join("expected.json")).expect("it is there");
        let row: Row = serde_json::from_str(&text).expect("it is of this form");
        let mut folders: Vec<String> = std::fs::read_dir(&folder)
            .expect("it is there")
            .map(|entry| {
                entry
                    .expect("a file")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|entry| entry != "expected.json")
            .collect();
        folders.sort();
        let cases: Vec<&String> = row.cases.keys().collect();
        assert_eq!(folders.iter().collect::<Vec<_>>(), cases, "{name}");
        assert!(row.cases.contains_key("clean"), "{name}");
    }
}
