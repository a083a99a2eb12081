//! The blocks marked `live`, run one after the other on an instance of their own.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts docker from outside, so process.rs is not its door"
)]

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::compare::{form, matches, normal, steps_in_order};
use crate::harness::{Ended, patience, xtask};
use crate::pages::{Example, Page, examples, pages, root};

/// An instance that is there for one run: its name has the run's process id.
struct Instance {
    name: String,
    state: tempfile::TempDir,
}

impl Instance {
    fn fresh() -> Self {
        for name in instances() {
            let left = name
                .strip_prefix("doc")
                .and_then(|pid| pid.parse::<u32>().ok());
            if left.is_some_and(|pid| !PathBuf::from(format!("/proc/{pid}")).exists()) {
                sweep(&name);
            }
        }
        Self {
            name: format!("doc{}", std::process::id()),
            state: tempfile::tempdir().expect("a folder"),
        }
    }

    fn run(&self, args: &[String]) -> Ended {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        xtask(&args)
            .env("TTA_INSTANCE", &self.name)
            .env("TTA_STATE", self.state.path().display().to_string())
            .folder(root())
            .run()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        sweep(&self.name);
    }
}

fn docker(args: &[&str]) -> Vec<String> {
    let output = patience::output(Command::new("docker").args(args));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

/// The instances that have containers or volumes.
fn instances() -> Vec<String> {
    let format = r#"{{.Label "org.tta.instance"}}"#;
    let filter = "label=org.tta.instance";
    let mut names = docker(&["ps", "--all", "--filter", filter, "--format", format]);
    names.extend(docker(&[
        "volume", "ls", "--filter", filter, "--format", format,
    ]));
    names.sort();
    names.dedup();
    names
}

/// Removes the objects with exactly this instance's label.
fn sweep(name: &str) {
    let filter = format!("label=org.tta.instance={name}");
    for (list, remove) in [
        (&["ps", "--all"][..], &["rm", "--force"][..]),
        (&["volume", "ls"], &["volume", "rm"]),
        (&["network", "ls"], &["network", "rm"]),
    ] {
        let ids = docker(&[list, &["--quiet", "--filter", &filter]].concat());
        for id in &ids {
            docker(&[remove, &[id]].concat());
        }
    }
}

/// An example and, where a block of JSON follows its own, the document that it shows.
struct Live {
    example: Example,
    document: Option<Value>,
}

fn lives(page: &Page) -> Vec<Live> {
    let mut lives: Vec<Live> = Vec::new();
    let mut before = false;
    for block in &page.blocks {
        if block.is("console") && block.live() {
            let found = examples(page, block).into_iter();
            lives.extend(found.map(|example| Live {
                example,
                document: None,
            }));
            before = true;
        } else {
            if let (true, true, Some(live)) = (before, block.is("json"), lives.last_mut()) {
                let shown = serde_json::from_str(&block.text);
                live.document = Some(
                    shown.unwrap_or_else(|error| panic!("{}:{}: {error}", page.name, block.line)),
                );
            }
            before = false;
        }
    }
    lives
}

/// What is wrong with an example, if anything.
fn difference(instance: &Instance, live: &Live) -> Option<String> {
    let example = &live.example;
    let ended = instance.run(&example.args);
    let mut wrong = Vec::new();
    if ended.code != Some(example.code) {
        wrong.push(format!(
            "exit code {:?}, shown {}",
            ended.code, example.code
        ));
    }
    let said = match &live.document {
        None => format!("{}{}", ended.stderr, ended.stdout),
        Some(shown) => {
            match serde_json::from_str::<Value>(&ended.stdout) {
                Ok(came) => wrong.extend(form("", shown, &came)),
                Err(error) => wrong.push(format!("no JSON: {error}")),
            }
            String::new()
        }
    };
    let lines = |text: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        let lines = text.map(|line| normal(line, &instance.name));
        steps_in_order(lines.filter(|line| !line.is_empty()).collect())
    };
    let shown = lines(&mut example.output.iter().map(String::as_str));
    let came = lines(&mut said.lines());
    if live.document.is_none() && !matches(&shown, &came) {
        wrong.push(format!(
            "shown:\n  {}\ncame:\n  {}",
            shown.join("\n  "),
            came.join("\n  ")
        ));
    }
    if wrong.is_empty() {
        return None;
    }
    Some(format!(
        "{}: cargo xtask {}\n{}\nits output:\n{}{}",
        example.place,
        example.args.join(" "),
        wrong.join("\n"),
        ended.stderr,
        ended.stdout
    ))
}

#[test]
fn what_the_documents_show_is_what_comes() {
    let instance = Instance::fresh();
    let lives: Vec<Live> = pages().iter().flat_map(lives).collect();
    assert!(lives.len() > 15, "only {} were found", lives.len());
    let wrong: Vec<String> = lives
        .iter()
        .filter_map(|live| difference(&instance, live))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
