//! The phrase: who is asked, who is not, and what anything else than the phrase does.

use crate::engine::CHANGING;
use crate::harness::Xtask;
use crate::set::{Set, WIPE};
use crate::terminal::Terminal;

/// Nothing was touched, and nothing is in the journal.
#[track_caller]
fn nothing_happened(set: &Set) {
    set.untouched();
    assert_eq!(set.journal(), Vec::<serde_json::Value>::new());
}

fn asked(set: &Set) -> Terminal {
    let terminal = Terminal::start(&set.xtask(&["wipe-dev"]));
    terminal.shows("Type DELETE DEV DATA to go on: ");
    terminal
}

#[test]
fn a_wrong_phrase_by_option_cancels() {
    let set = Set::usual();
    for phrase in [
        "",
        "yes",
        "delete dev data",
        "DELETE TEST DATA",
        " DELETE DEV DATA",
        "DELETE DEV DATA\n",
    ] {
        set.xtask(&["wipe-dev", "--confirm", phrase])
            .run()
            .code(1)
            .stderr_has("cancelled: the phrase asked for is DELETE DEV DATA. Nothing was touched.");
    }
    nothing_happened(&set);
}

#[test]
fn without_a_terminal_the_refusal_says_what_to_type() {
    let set = Set::usual();
    set.xtask(&["wipe-dev"])
        .run()
        .code(3)
        .stderr_has("Plan for dev:")
        .stderr_has("confirmation required, but standard input is not a terminal: the phrase is DELETE DEV DATA")
        .stderr_has("next: cargo xtask wipe-dev --confirm 'DELETE DEV DATA'");
    nothing_happened(&set);
}

#[test]
fn text_that_is_piped_in_is_nobodys_word() {
    let set = Set::usual();
    for text in ["DELETE DEV DATA\n", "y\n", "yes\nyes\nyes\n"] {
        set.xtask(&["wipe-dev"]).stdin(text).run().code(3);
    }
    nothing_happened(&set);
}

#[test]
fn the_phrase_typed_on_a_terminal_is_enough() {
    let set = Set::usual();
    let mut terminal = asked(&set);
    terminal.types("DELETE DEV DATA\n");
    let (code, screen) = terminal.ended();
    assert_eq!(code, Some(0), "{screen}");
    assert!(
        screen.contains("development is empty and healthy"),
        "{screen}"
    );
}

#[test]
fn anything_else_typed_on_a_terminal_cancels() {
    for typed in ["DELETE DEV DATe\n", "y\n", "\n", "DELETE STAGING DATA\n"] {
        let set = Set::usual();
        let mut terminal = asked(&set);
        terminal.types(typed);
        let (code, screen) = terminal.ended();
        assert_eq!(code, Some(1), "{screen}");
        assert!(screen.contains("cancelled"), "{screen}");
        nothing_happened(&set);
    }
}

#[test]
fn the_end_of_input_at_the_prompt_cancels() {
    let set = Set::usual();
    let mut terminal = asked(&set);
    terminal.types("\u{4}");
    let (code, screen) = terminal.ended();
    assert_eq!(code, Some(1), "{screen}");
    nothing_happened(&set);
}

#[test]
fn ctrl_c_at_the_prompt_interrupts_and_touches_nothing() {
    for typed in ["\u{3}", "DELETE DEV DATA\u{3}"] {
        let set = Set::usual();
        let mut terminal = asked(&set);
        terminal.types(typed);
        let (code, screen) = terminal.ended();
        assert_eq!(code, Some(130), "{screen}");
        nothing_happened(&set);
    }
}

#[test]
fn the_plan_is_shown_before_anyone_is_asked_even_when_quiet() {
    let set = Set::usual();
    let mut terminal = Terminal::start(&set.xtask(&["wipe-dev", "--quiet"]));
    terminal.shows("Type DELETE DEV DATA to go on: ");
    terminal.shows("remove volumes tta_neo4j_dev_data, tta_neo4j_dev_logs, tta_redis_dev_data");
    terminal.shows("holds 3 nodes, 2 relationships");
    terminal.types("no\n");
    assert_eq!(terminal.ended().0, Some(1));
}

#[test]
fn the_phrase_is_asked_for_anew_by_each_command_that_destroys_what_a_person_made() {
    let set = Set::usual();
    // Emptying test never asks: that is what it is for.
    set.xtask(&["reset-test"]).run().code(0);
    set.xtask(&["wipe-dev"]).run().code(3);
}

#[test]
fn a_dry_run_changes_nothing_and_prints_the_plan() {
    let set = Set::usual();
    for args in CHANGING {
        set.xtask(args)
            .args(&["--dry-run"])
            .run()
            .code(0)
            .stderr_has("Plan for ");
    }
    nothing_happened(&set);
}

#[test]
fn a_dry_run_checks_the_phrase_that_is_given_and_needs_none() {
    let set = Set::usual();
    let dry = |phrase: &[&str]| -> Xtask { set.xtask(&["wipe-dev", "--dry-run"]).args(phrase) };
    dry(&[]).run().code(0);
    dry(&WIPE[1..]).run().code(0);
    dry(&["--confirm", "yes"])
        .run()
        .code(1)
        .stderr_has("cancelled");
    nothing_happened(&set);
}
