//! The blocks marked `live`, run one after the other on an instance of their own.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts docker from outside, so crates/process is not its door"
)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::compare::{form, matches, normal, steps_in_order};
use crate::harness::{Ended, patience, xtask};
use crate::pages::{Example, Page, examples, pages, root};

/// The page that is carried out on servers of its own.
pub(crate) const PLAYBOOK: &str = "docs/disaster-recovery.md";

/// The state folder that the documents show.
const STATE: &str = "/root/.local/state/tta";

/// The id that it shows.
pub(crate) const SHOWN: &str = "20261122_215918";

/// What the instances of the pages and of the playbook are called before the process' id.
const MARKS: [&str; 2] = ["doc", "dr"];

/// One instance at a time: three servers and three more are too much for a small machine.
static TURN: Mutex<()> = Mutex::new(());

/// An instance that is there for one run: its name has the run's process id.
struct Instance {
    name: String,
    state: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Instance {
    fn fresh(mark: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        for name in instances() {
            let mut marks = MARKS.iter().filter_map(|mark| name.strip_prefix(mark));
            let left = marks.find_map(|pid| pid.parse::<u32>().ok());
            if left.is_some_and(|pid| !PathBuf::from(format!("/proc/{pid}")).exists()) {
                sweep(&name);
            }
        }
        Self {
            name: format!("{mark}{}", std::process::id()),
            state: tempfile::tempdir().expect("a folder"),
            _turn: turn,
        }
    }

    fn run(&self, args: &[String]) -> Ended {
        let id = self.saved();
        let args: Vec<String> = args.iter().map(|arg| arg.replace(SHOWN, &id)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        xtask(&args)
            .env("TTA_INSTANCE", &self.name)
            .env("TTA_STATE", self.state.path().display().to_string())
            .env("TTA_BACKUPS", self.backups().display().to_string())
            .folder(root())
            .run()
    }

    fn backups(&self) -> PathBuf {
        self.state.path().join("backups")
    }

    /// The snapshot of staging that was made, once there is one.
    fn saved(&self) -> String {
        let place = self.backups().join("instances").join(&self.name);
        let entries = std::fs::read_dir(place.join("staging"))
            .into_iter()
            .flatten();
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let newest = names.max().map(|name| name.to_string_lossy().into_owned());
        newest.unwrap_or_else(|| SHOWN.to_owned())
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
    let backups = instance.backups().display().to_string();
    let state = instance.state.path().display().to_string();
    let lines = |text: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        let lines = text.map(|line| {
            let line = line.replace(&backups, "backups").replace(&state, STATE);
            normal(&line, &instance.name)
        });
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

#[track_caller]
fn come(mark: &str, least: usize, of: impl Fn(&Page) -> bool) {
    let lives: Vec<Live> = pages()
        .iter()
        .filter(|page| of(page))
        .flat_map(lives)
        .collect();
    assert!(lives.len() > least, "only {} were found", lives.len());
    let instance = Instance::fresh(mark);
    let wrong: Vec<String> = lives
        .iter()
        .filter_map(|live| difference(&instance, live))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_the_documents_show_is_what_comes() {
    come("doc", 15, |page| page.name != PLAYBOOK);
}

#[test]
fn what_the_playbook_for_disasters_shows_is_what_comes() {
    come("dr", 8, |page| page.name == PLAYBOOK);
}
