//! What is relied on of children, each a test.

use proptest::prelude::*;

use super::*;

fn runner() -> Runner {
    Runner::new(Interrupt::default(), ())
}

fn shell(script: &str) -> Invocation {
    Invocation::new("sh").args(["-c", script])
}

#[test]
fn a_missing_program_is_told_from_a_missing_folder() {
    let missing = runner()
        .run(&Invocation::new("no-such-program"))
        .expect_err("it does not exist");
    assert_eq!(missing.message(), "`no-such-program` is not installed");
    let elsewhere = runner()
        .run(&shell("true").folder("/no/such/folder"))
        .expect_err("it does not exist");
    assert!(
        elsewhere
            .message()
            .contains("/no/such/folder does not exist")
    );
}

#[test]
fn a_child_that_hangs_is_ended_with_its_own_children_at_the_deadline() {
    let folder = tempfile::tempdir().expect("a folder");
    let mark = folder.path().join("alive");
    let script = format!("(sleep 1; touch {}) & wait", mark.display());
    let started = Instant::now();
    let failure = runner()
        .run(&shell(&script).deadline(Duration::from_millis(200)))
        .expect_err("it hangs");
    assert!(failure.message().contains("did not end within"));
    assert!(started.elapsed() < Duration::from_secs(3));
    while started.elapsed() < Duration::from_millis(1300) {
        assert!(!mark.exists(), "the grandchild was left running");
        std::thread::yield_now();
    }
}

#[test]
fn a_child_ended_by_a_signal_is_told_as_a_shell_would() {
    let reply = runner().run(&shell("kill -9 $$")).expect("it ran");
    assert_eq!(reply.code, 137);
}

#[test]
fn a_secret_is_in_no_line_and_no_error() {
    let invocation = shell("echo \"$WORD\" >&2; exit 3").secret("WORD", "open sesame");
    let failure = runner()
        .run(&invocation)
        .expect("it ran")
        .ok()
        .expect_err("it failed");
    assert!(!failure.message().contains("open sesame"), "{failure}");
    assert!(failure.message().contains("•••"), "{failure}");
}

/// Who gives children nothing of cargo's.
#[derive(Debug)]
struct WithoutCargo;

impl Caller for WithoutCargo {
    fn withholds(&self, name: &str) -> bool {
        name.starts_with("CARGO_")
    }
}

#[test]
fn a_guarded_child_is_given_what_its_caller_does_not_withhold_and_what_it_is_given_by_name() {
    let given = BTreeMap::from([("CARGO_GIVEN".to_owned(), "1".to_owned())]);
    let runner = Runner::new(Interrupt::default(), WithoutCargo);
    let seen = runner.environment(Surroundings::Guarded, &given);
    let of_cargo = |name: &&OsString| name.to_string_lossy().starts_with("CARGO_");
    assert_eq!(
        seen.keys().filter(of_cargo).collect::<Vec<_>>(),
        ["CARGO_GIVEN"]
    );
    assert!(seen.contains_key(&OsString::from("PATH")));
}

#[test]
fn a_bare_child_sees_nothing_of_the_shell_but_where_programs_and_home_are() {
    let given = BTreeMap::from([("TTA_GIVEN".to_owned(), "1".to_owned())]);
    let names: Vec<OsString> = runner()
        .environment(Surroundings::Bare, &given)
        .into_keys()
        .collect();
    let known = ["PATH", "HOME", "PWD", "TTA_GIVEN"];
    assert!(
        names
            .iter()
            .all(|name| known.iter().any(|known| name == known)),
        "{names:?}"
    );
    assert!(names.contains(&"PATH".into()) && names.contains(&"TTA_GIVEN".into()));
    // cargo gives every test many more.
    let whole = runner().environment(Surroundings::Those(|_| true), &given);
    assert!(whole.keys().any(|name| name == "CARGO_MANIFEST_DIR"));
}

#[test]
fn an_interrupt_ends_the_child_and_is_told_as_one() {
    let interrupt = Interrupt::default();
    interrupt.press();
    let runner = Runner::new(interrupt, ());
    let failure = runner.run(&shell("sleep 10")).expect_err("interrupted");
    assert_eq!(failure.kind(), Kind::Interrupted);
}

#[test]
fn control_characters_of_a_tool_do_not_reach_the_terminal() {
    assert_eq!(printable("a\u{1b}[31mb"), "a\\u{1b}[31mb");
}

#[test]
fn what_turns_or_hides_text_is_shown_and_not_obeyed() {
    for character in [
        '\u{ad}',
        '\u{61c}',
        '\u{180e}',
        '\u{200b}',
        '\u{202e}',
        '\u{2069}',
        '\u{206f}',
        '\u{feff}',
        '\u{fff9}',
        '\u{e0041}',
    ] {
        let shown = printable(&format!("a{character}b"));
        assert_eq!(shown, format!("a{}b", character.escape_default()));
    }
    assert_eq!(printable("Grün 数据 שלום"), "Grün 数据 שלום");
}

fn bits(known: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(known), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_quoted_word_is_one_word_to_a_shell_and_what_it_was(
        bits in prop_oneof![
            bits(&["a", "{", "}", ","]),
            bits(&[
                "~", "=", "$(x)", "`x`", "\\", "'", "\"", " ", "\n", "*", "?", "[a]", "!", "#", "%", "-",
                "&", ";", "|", "<", ">", "ü",
            ]),
        ]
    ) {
        let word = bits.concat();
        // bash, which makes several words of `{a,b}`.
        let line = format!("printf '%s|' {}", quoted(&word));
        let command = Invocation::new("bash").args(["-c", &line]).deadline(Duration::from_secs(10));
        let reply = runner().run(&command).expect("it runs");
        prop_assert_eq!(reply.stdout, format!("{word}|"));
    }
}
