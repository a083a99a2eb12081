//! A row of the live corpus, as its file says it.
//!
//! In every text `{instance}` is the instance's name, `{dev}` is `tta-NAME-dev` (so `{dev}-redis` is
//! a container), `{dev.file}` its compose file, `{dev.http}`, `{dev.bolt}` and `{dev.redis}` its ports;
//! the same for test and staging. `{folder}` holds the row's own files, `{state}` is the state folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::docker;
use crate::harness::patience::{LIMIT, attempt};
use crate::live::Live;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) fault: String,
    pub(crate) what: String,
    /// Those that the finding must name; none where the fault makes the proof inconclusive.
    pub(crate) environments: Vec<String>,
    pub(crate) layer: String,
    /// Files in `{folder}`.
    #[serde(default)]
    files: BTreeMap<String, String>,
    pub(crate) plant: Vec<Vec<String>>,
    pub(crate) undo: Vec<Vec<String>>,
    /// `inconclusive` where nothing can be found, but the proof must not pass: the text stands in a
    /// cell that could not be asked.
    #[serde(default)]
    pub(crate) inconclusive: Option<String>,
    #[serde(default)]
    pub(crate) innocent: Vec<Innocent>,
}

/// What looks like the fault and is none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Innocent {
    pub(crate) what: String,
    #[serde(rename = "do")]
    pub(crate) steps: Vec<Vec<String>>,
    pub(crate) undo: Vec<Vec<String>>,
    /// The content of the file given to `--allow`.
    #[serde(default)]
    pub(crate) allow: Option<Value>,
    /// What the shell has exported.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
}

impl Innocent {
    /// Nothing has to be declared for it.
    pub(crate) const fn as_it_is(&self) -> bool {
        self.allow.is_none()
    }
}

/// All rows, by their file's name.
pub(crate) fn all() -> Vec<(String, Row)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/live");
    let mut rows = Vec::new();
    for file in std::fs::read_dir(&folder).expect("the corpus is there") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let row = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().expect("a name").to_string_lossy();
        rows.push((name.into_owned(), row));
    }
    rows.sort_by(|one: &(String, Row), other| one.0.cmp(&other.0));
    rows
}

/// Where a row is planted.
pub(crate) struct Ground<'a> {
    live: &'a Live,
    words: BTreeMap<String, String>,
    folder: tempfile::TempDir,
}

impl<'a> Ground<'a> {
    pub(crate) fn new(live: &'a Live) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut words = BTreeMap::new();
        let mut word = |name: String, value: String| words.insert(format!("{{{name}}}"), value);
        word("instance".to_owned(), live.name.clone());
        word("folder".to_owned(), folder.path().display().to_string());
        word("state".to_owned(), live.folder.path().display().to_string());
        for one in ["dev", "test", "staging"] {
            let ports = live.ports(one);
            word(one.to_owned(), format!("tta-{}-{one}", live.name));
            word(format!("{one}.file"), live.compose_file(one));
            word(format!("{one}.http"), ports.http.to_string());
            word(format!("{one}.bolt"), ports.bolt.to_string());
            word(format!("{one}.redis"), ports.redis.to_string());
        }
        Self {
            live,
            words,
            folder,
        }
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        let put = |text: String, (word, value): (&String, &String)| text.replace(word, value);
        self.words.iter().fold(text.to_owned(), put)
    }

    pub(crate) fn write(&self, row: &Row) {
        for (name, text) in &row.files {
            self.file(name, &self.fill(text));
        }
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path.display().to_string()
    }

    /// Runs lines one after the other; what the first that fails has said.
    pub(crate) fn run(&self, lines: &[Vec<String>]) -> Result<(), String> {
        lines.iter().try_for_each(|line| {
            let words: Vec<String> = line.iter().map(|word| self.fill(word)).collect();
            match words.split_first() {
                Some((first, rest)) if first == "until" => self.until(rest),
                _ => self.once(&words),
            }
        })
    }

    /// Runs a line again and again until it succeeds. Each asks an engine or a server, and takes the
    /// processor from what is waited for.
    fn until(&self, words: &[String]) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            match self.once(words) {
                Err(said) if Instant::now() > deadline => {
                    return Err(format!("never came: {said}"));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn once(&self, words: &[String]) -> Result<(), String> {
        let Some((program, args)) = words.split_first() else {
            return Err("an empty line".to_owned());
        };
        if program == "xtask" {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let ended = self.live.xtask(&args).run();
            return match ended.code {
                Some(0) => Ok(()),
                _ => Err(format!("{ended:?}")),
            };
        }
        let mut command = if program == "docker" {
            docker::command(args)
        } else {
            let mut command = Command::new(program);
            command.args(args);
            command
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{words:?}: {error}"))?;
        match attempt(LIMIT, child, &format!("{words:?}")) {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(format!(
                "{words:?}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )),
            Err(hung) => Err(hung),
        }
    }
}
