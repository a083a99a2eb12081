//! The documents, and the command lines in them.

use std::fs;
use std::path::{Path, PathBuf};

/// A document and its blocks.
pub(crate) struct Page {
    /// As a person finds it: `docs/json.md`.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The words after the fence: `console live`.
    pub(crate) words: Vec<String>,
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A command line and what the page says it prints.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    /// `docs/json.md:12`.
    pub(crate) place: String,
    /// Without `cargo xtask`.
    pub(crate) args: Vec<String>,
    pub(crate) output: Vec<String>,
    pub(crate) code: i32,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// README.md and CONTRIBUTING.md first, then docs/ by name.
pub(crate) fn pages() -> Vec<Page> {
    let docs = fs::read_dir(root().join("docs")).expect("there are documents");
    let mut names: Vec<String> = docs
        .map(|entry| entry.expect("readable").file_name())
        .map(|name| format!("docs/{}", name.to_string_lossy()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.sort();
    names.splice(0..0, ["README.md", "CONTRIBUTING.md"].map(str::to_owned));
    names.into_iter().map(page).collect()
}

fn page(name: String) -> Page {
    let text = fs::read_to_string(root().join(&name)).expect("it can be read");
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(words)) => {
                open = Some(Block {
                    words: words.split_whitespace().map(str::to_owned).collect(),
                    line: number + 1,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{name}: a block has no end");
    Page { name, text, blocks }
}

impl Block {
    pub(crate) fn is(&self, language: &str) -> bool {
        self.words.first().is_some_and(|word| word == language)
    }

    pub(crate) fn live(&self) -> bool {
        self.words.iter().any(|word| word == "live")
    }
}

/// The lines `$ cargo xtask …` of a block.
pub(crate) fn examples(page: &Page, block: &Block) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut asks_for_code = false;
    for (number, line) in block.text.lines().enumerate() {
        let place = format!("{}:{}", page.name, block.line + number + 1);
        if line == "$ echo $?" {
            asks_for_code = true;
        } else if let Some(command) = line.strip_prefix("$ ") {
            let words = words(command).unwrap_or_else(|| panic!("{place}: a quote does not end"));
            match words.strip_prefix(&["cargo".to_owned(), "xtask".to_owned()]) {
                Some(args) => examples.push(Example {
                    place,
                    args: args.to_vec(),
                    output: Vec::new(),
                    code: 0,
                }),
                None => assert!(!block.live(), "{place}: only cargo xtask is run"),
            }
        } else if let Some(example) = examples.last_mut() {
            if asks_for_code {
                asks_for_code = false;
                example.code = line.parse().unwrap_or_else(|_| panic!("{place}: no code"));
            } else if !line.is_empty() {
                example.output.push(line.to_owned());
            }
        }
    }
    examples
}

/// A line as a shell would split it, as far as the documents go: quotes, and where the command ends.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            quote @ ('\'' | '"') => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        end if end == quote => break,
                        inner => word.push(inner),
                    }
                }
            }
            '>' | '|' | '#' if word.is_none() => return Some(words),
            ' ' => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[test]
fn a_line_is_split_as_a_shell_splits_it() {
    let split = |line| words(line).expect("it ends");
    assert_eq!(split("a 'b c' d\"e 'f\""), ["a", "b c", "de 'f"]);
    assert_eq!(split("env test >> \"$GITHUB_ENV\""), ["env", "test"]);
    assert_eq!(words("a 'b"), None);
}
