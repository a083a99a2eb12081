//! What is appended can be read again, and what was done to it is found.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use environments::{Environment, Instance};

use super::*;

fn journal() -> (tempfile::TempDir, Journal) {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Journal {
        folder: folder.path().join("state"),
    };
    (folder, journal)
}

fn entry(environment: &str, engine: &str) -> Entry {
    Entry {
        at: now(),
        run: "1".to_owned(),
        who: "somebody".to_owned(),
        engine: engine.to_owned(),
        command: "wipe-dev".to_owned(),
        environment: environment.to_owned(),
        outcome: DONE.to_owned(),
        ..Entry::default()
    }
}

fn of(run: &str, outcome: &str) -> Entry {
    Entry {
        run: run.to_owned(),
        outcome: outcome.to_owned(),
        ..entry("dev", "e1")
    }
}

fn appended(journal: &Journal, entries: &[Entry]) {
    for entry in entries {
        journal.append(entry).expect("it is written");
    }
}

/// Five lines, and what they are in the file.
fn five() -> (tempfile::TempDir, Journal, Vec<String>) {
    let (folder, journal) = journal();
    let names = ["1", "2", "3", "4", "5"];
    appended(&journal, &names.map(|run| of(run, DONE)));
    let text = fs::read_to_string(journal.path()).expect("a journal");
    let lines = text.lines().map(str::to_owned).collect();
    (folder, journal, lines)
}

fn verified(journal: &Journal, lines: &[&str]) -> chain::Verified {
    fs::write(journal.path(), lines.join("\n") + "\n").expect("written");
    journal.verify().expect("it is read")
}

#[test]
fn what_is_appended_can_be_read_by_its_owner_alone() {
    let (_folder, journal) = journal();
    let written = entry("dev", "e1");
    journal.append(&written).expect("it is written");
    for path in [journal.path(), journal.tip_path()] {
        let mode = fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(journal.entries().expect("it is read"), [written]);
}

#[test]
fn the_engine_of_an_environment_is_the_one_of_its_last_entry() {
    let (_folder, journal) = journal();
    for (run, environment, engine) in [("1", "dev", "e1"), ("2", "test", "e2"), ("3", "dev", "e3")]
    {
        let entry = Entry {
            run: run.to_owned(),
            ..entry(environment, engine)
        };
        appended(&journal, &[entry]);
    }
    let of = |environment| {
        let deployment = Deployment::new(environment, Instance::main());
        journal.engine_of(&deployment).expect("it is read")
    };
    assert_eq!(of(Environment::Dev).as_deref(), Some("e3"));
    assert_eq!(of(Environment::Test).as_deref(), Some("e2"));
    assert_eq!(of(Environment::Staging), None);
}

#[test]
fn a_proof_on_another_engine_moves_no_environment_there() {
    let (_folder, journal) = journal();
    let looked = Entry {
        run: "2".to_owned(),
        command: PROOF.to_owned(),
        ..entry("dev", "e2")
    };
    appended(&journal, &[entry("dev", "e1"), looked]);
    let dev = Deployment::new(Environment::Dev, Instance::main());
    let engine = journal.engine_of(&dev).expect("it is read");
    assert_eq!(engine.as_deref(), Some("e1"));
}

#[test]
fn a_run_is_cut_off_until_another_has_changed_the_environment() {
    let (_folder, journal) = journal();
    let dev = Deployment::new(Environment::Dev, Instance::main());
    let cut_off = || journal.cut_off(&dev, "wipe-dev").expect("it is read");
    appended(&journal, &[of("1", STARTED)]);
    assert!(cut_off().is_some());
    let proof = Entry {
        command: PROOF.to_owned(),
        ..of("2", DONE)
    };
    appended(&journal, &[proof]);
    assert!(cut_off().is_some(), "a proof changes nothing");
    for command in [DOWN, "up", "snapshot"] {
        let other = Entry {
            command: command.to_owned(),
            ..of(command, DONE)
        };
        appended(&journal, &[other]);
        assert_eq!(cut_off(), None, "{command}");
        appended(&journal, &[of(&format!("{command} 2"), STARTED)]);
        assert!(cut_off().is_some(), "{command}");
    }
    appended(&journal, &[of("snapshot 2", DONE)]);
    assert_eq!(cut_off(), None, "it is done");
}

#[test]
fn the_lines_of_a_run_say_what_each_step_was_about_to_do_and_did() {
    let deed = |id: &str| Deed::new(Verb::Remove, Kind::Volume, "v", id);
    let step = |number, outcome: &str, deeds: &[Deed]| Entry {
        step: Some(StepLine {
            number,
            action: "remove".to_owned(),
            deeds: deeds.to_vec(),
        }),
        ..of("1", outcome)
    };
    let (_folder, journal) = journal();
    let all = [deed("1"), deed("2")];
    appended(
        &journal,
        &[
            of("1", STARTED),
            step(1, STARTED, &all),
            step(1, "failed", &all[..1]),
            step(2, STARTED, &[]),
        ],
    );
    let dev = Deployment::new(Environment::Dev, Instance::main());
    let [run] = &journal.runs(&dev).expect("it is read")[..] else {
        panic!("one run");
    };
    assert_eq!(run.about(Verb::Remove).count(), 2);
    assert_eq!(run.did(Verb::Remove).collect::<Vec<_>>(), [&all[0]]);
    let outcomes: Vec<&str> = run.steps.iter().map(|step| step.outcome.as_str()).collect();
    assert_eq!(outcomes, ["failed", STARTED]);
    assert!(!run.done());
}

#[test]
fn a_line_cut_off_by_a_crash_hides_no_other_and_is_told() {
    let (_folder, journal) = journal();
    appended(&journal, &[of("1", DONE)]);
    // Half a character: no text any more.
    for half in [&b"{\"at\":\"2026"[..], &b"{\"who\":\"J\xc3"[..]] {
        let mut file = OpenOptions::new()
            .append(true)
            .open(journal.path())
            .expect("open");
        file.write_all(half).expect("written");
        assert_eq!(journal.verify().expect("it is read").broken, None);
        appended(&journal, &[of("2", DONE)]);
    }
    assert_eq!(journal.entries().expect("it is read").len(), 3);
    let found = journal.verify().expect("it is read");
    assert_eq!(
        (found.lines, found.torn, found.broken),
        (3, vec![2, 4], None)
    );
}

#[test]
fn a_chain_that_nobody_touched_is_whole() {
    let (_folder, journal, lines) = five();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let found = verified(&journal, &lines);
    assert_eq!((found.lines, found.broken), (5, None));
}

#[test]
fn lines_of_before_the_chain_are_counted_and_followed() {
    let (_folder, journal) = journal();
    private_folder(&journal.folder).expect("a folder");
    let old = serde_json::to_string(&of("0", DONE)).expect("a line");
    fs::write(journal.path(), format!("{old}\n{{\"cut off\n{old}\n")).expect("written");
    appended(&journal, &[of("1", DONE), of("2", DONE)]);
    let found = journal.verify().expect("it is read");
    assert_eq!((found.lines, found.unchained, found.broken), (4, 2, None));
}

#[test]
fn the_first_line_that_was_changed_removed_or_put_in_is_named() {
    let (_folder, journal, lines) = five();
    let [a, b, c, d, e] = &lines[..] else {
        panic!("five lines");
    };
    let changed = c.replace("\"somebody\"", "\"nobody\"");
    let strange = "{\"a line\": \"of somebody\"}";
    let old = serde_json::to_string(&of("9", DONE)).expect("a line");
    // One that follows the second line as it should.
    let forged = c.replace("\"run\":\"3\"", "\"run\":\"9\"");
    for (lines, line, what) in [
        (vec![a, b, &changed, d, e], 3, "it was changed"),
        (vec![a, b, d, e], 3, "1 before it were removed"),
        (vec![c, d, e], 1, "the lines before it were removed"),
        (vec![a, b, c, d], 4, "1 after it were removed"),
        (vec![a, b], 2, "3 after it were removed"),
        (vec![a, b, &forged, c, d, e], 3, "it was added"),
        (vec![a, b, &old, c, d, e], 3, "it was added"),
        (
            vec![a, b, c, d, &e.replace("\"5\"", "\"6\"")],
            5,
            "it was changed",
        ),
    ] {
        let lines: Vec<&str> = lines.into_iter().map(String::as_str).collect();
        let broken = verified(&journal, &lines).broken.expect(what);
        assert_eq!(broken.line, line, "{broken:?}");
        assert!(broken.what.contains(what), "{broken:?}, expected {what}");
    }
    let broken = verified(&journal, &[a, b, strange, c, d, e]).broken;
    assert_eq!(broken.expect("put in").line, 3);
    fs::remove_file(journal.tip_path()).expect("it was there");
    let all: Vec<&str> = lines.iter().map(String::as_str).collect();
    let broken = verified(&journal, &all).broken.expect("no tip");
    assert!(broken.what.contains("journal.tip is gone"), "{broken:?}");
}
