//! What can be checked without an engine.
#![expect(
    clippy::disallowed_types,
    reason = "a test starts Python from outside, so process.rs is not its door"
)]

use std::process::Command;

use crate::harness::{patience, xtask};
use crate::on_servers::{PLAYBOOK, SHOWN};
use crate::pages::{Example, examples, pages, root};

fn all_examples() -> Vec<Example> {
    let pages = pages();
    pages
        .iter()
        .flat_map(|page| {
            let consoles = page.blocks.iter().filter(|block| block.is("console"));
            consoles.flat_map(|block| examples(page, block))
        })
        .collect()
}

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = xtask(&["--help"]).run().code(0).stdout;
    let listed = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "));
    let names: Vec<String> = listed
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 10, "{help}");
    names
}

#[test]
fn every_command_line_in_the_documents_is_one() {
    let state = tempfile::tempdir().expect("a folder");
    let nothing = tempfile::tempdir().expect("a folder");
    let examples = all_examples();
    assert!(examples.len() > 20, "only {} were found", examples.len());
    for example in examples {
        let args: Vec<&str> = example.args.iter().map(String::as_str).collect();
        // With no program on PATH and nothing changed, all that can go wrong at once is the usage.
        let ended = xtask(&["--dry-run"])
            .args(&args)
            .env("PATH", nothing.path().display().to_string())
            .env("TTA_STATE", state.path().display().to_string())
            .env("CARGO", "cargo")
            .folder(root())
            .run();
        let usage = ended.code == Some(2);
        assert_eq!(
            usage,
            example.code == 2,
            "{}: cargo xtask {}\n{}",
            example.place,
            args.join(" "),
            ended.stderr
        );
    }
}

#[test]
fn every_command_has_a_line_in_the_readme_and_an_example_in_the_documents() {
    let examples = all_examples();
    let readme = &pages()[0].text;
    for command in commands() {
        let shown = examples.iter().any(|one| one.args.contains(&command));
        assert!(shown, "no document has a line `$ cargo xtask {command}`");
        let row = [format!("`cargo xtask {command}"), format!(", `{command}")];
        let listed = readme
            .lines()
            .any(|line| line.starts_with("| ") && row.iter().any(|one| line.contains(one)));
        assert!(listed, "README.md's table of commands has no {command}");
    }
}

#[test]
fn the_readme_is_read_in_five_minutes() {
    let lines = pages()[0].text.lines().count();
    assert!(lines <= 200, "README.md has {lines} lines");
}

#[test]
fn the_pictures_show_what_the_documents_show() {
    let mut python = Command::new("python3");
    python
        .args(["scripts/pictures.py", "--check"])
        .current_dir(root());
    let ended = patience::output(&mut python);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
}

#[test]
fn every_link_to_a_file_of_the_checkout_leads_to_one() {
    for page in pages() {
        let folder = root().join(&page.name);
        let folder = folder.parent().expect("a folder");
        for link in page.text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(
                folder.join(target).exists(),
                "{}: {target} does not exist",
                page.name
            );
        }
    }
}

#[test]
fn every_document_is_linked_from_the_readme() {
    let pages = pages();
    for page in pages.iter().skip(1) {
        let readme = &pages[0].text;
        assert!(
            readme.contains(&format!("]({})", page.name)),
            "README.md does not link {}",
            page.name
        );
    }
}

#[test]
fn every_exit_code_of_the_help_is_explained() {
    let help = xtask(&["--help"]).run().code(0).stdout;
    let codes = help.split("Exit codes: ").nth(1).expect("they are listed");
    let pages = pages();
    let page = pages.iter().find(|page| page.name == "docs/commands.md");
    let text = &page.expect("it is there").text;
    for code in codes
        .split(',')
        .filter_map(|part| part.split_whitespace().next())
    {
        assert!(
            text.contains(&format!("| {code} |")),
            "docs/commands.md: {code}"
        );
    }
}

/// Every file of the tests, and of what is tested beside its code.
fn sources(folder: &std::path::Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            sources(&path, text);
        } else if name.ends_with(".rs") || name.ends_with(".py") {
            text.push_str(&std::fs::read_to_string(&path).expect("text"));
        }
    }
}

#[test]
fn every_test_that_the_strategys_lists_name_is_one() {
    let page = pages()
        .into_iter()
        .find(|page| page.name == "docs/namespaces.md")
        .expect("it is there");
    let (_, lists) = page
        .text
        .split_once("## The strategy's lists")
        .expect("it has the lists");
    let mut text = String::new();
    for folder in [
        "xtask/tests",
        "crates/environments/tests",
        "crates/environments/python/tests",
    ] {
        sources(&root().join(folder), &mut text);
    }
    let names: Vec<&str> = lists
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.contains('_'))
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let named = [format!("fn {name}("), format!("def {name}(")];
        assert!(named.iter().any(|one| text.contains(one)), "{name}");
    }
}

/// The text of the file that has a test, and whether one of that name is there.
fn file_of(test: &str) -> Option<String> {
    let mut files = Vec::new();
    for folder in ["xtask/tests/live", "xtask/tests/faults"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
        files.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    let sources = files.into_iter().filter(|path| path.is_file());
    let mut texts = sources.filter_map(|path| std::fs::read_to_string(path).ok());
    texts.find(|text| text.contains(&format!("fn {test}(")))
}

#[test]
fn every_command_of_the_playbook_for_disasters_is_run_by_a_test() {
    let pages = pages();
    let page = pages.iter().find(|page| page.name == PLAYBOOK);
    let page = page.expect("it is there");
    let mut commands = 0;
    for block in page.blocks.iter().filter(|block| block.is("console")) {
        let examples = examples(page, block);
        commands += examples.len();
        if block.live() {
            continue;
        }
        let tests = match block.words.split_first() {
            Some((_, [tested, tests @ ..])) if tested == "tested" && !tests.is_empty() => tests,
            _ => panic!("{PLAYBOOK}:{}: no test runs it", block.line),
        };
        let files: Vec<String> = tests
            .iter()
            .map(|test| file_of(test).unwrap_or_else(|| panic!("there is no test {test}")))
            .collect();
        for example in examples {
            // Ids, and phrases with them, are each run's own.
            let said = |word: &&String| !word.contains(SHOWN);
            for word in example.args.iter().filter(said) {
                let quoted = format!("\"{word}\"");
                assert!(
                    files.iter().any(|text| text.contains(&quoted)),
                    "{}: none of {tests:?} says {word:?}",
                    example.place
                );
            }
        }
    }
    assert!(commands > 15, "only {commands} were found");
}
