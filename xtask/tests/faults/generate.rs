//! Files that are not as rendered.

use std::fs;

use crate::set::{Set, WIPE};

fn edit(set: &Set, path: &str, from: &str, to: &str) {
    let path = set.checkout().join(path);
    let text = fs::read_to_string(&path).expect("a rendered file");
    let edited = text.replacen(from, to, 1);
    assert_ne!(text, edited, "{from:?} is not in it");
    fs::write(path, edited).expect("edited");
}

#[test]
fn a_checkout_as_rendered_passes_the_check_and_needs_no_engine() {
    let set = Set::empty();
    set.xtask(&["generate", "--check"]).run().code(0);
    assert_eq!(set.calls(), Vec::<(String, String)>::new());
}

#[test]
fn drift_fails_the_check_with_the_difference_and_is_mended_by_generate() {
    let set = Set::empty();
    edit(
        &set,
        "docker/docker-compose.dev.yml",
        "127.0.0.1:7687:7687",
        "7687:7687",
    );
    fs::remove_file(set.checkout().join(".env.test")).expect("it was there");
    set.xtask(&["generate", "--check"])
        .run()
        .code(1)
        .stderr_has("-      - \"7687:7687\"\n")
        .stderr_has("+      - \"127.0.0.1:7687:7687\"\n")
        .stderr_has("not as the definitions say: docker/docker-compose.dev.yml, .env.test")
        .stderr_has("next: cargo xtask generate");
    set.xtask(&["generate", "--dry-run"]).run().code(0);
    set.xtask(&["generate", "--check"]).run().code(1);
    set.xtask(&["generate"])
        .run()
        .code(0)
        .stdout_has("2 files changed");
    set.xtask(&["generate", "--check"]).run().code(0);
    set.xtask(&["generate"])
        .run()
        .code(0)
        .stdout_has("0 files changed");
}

#[test]
fn settings_that_are_no_json_are_told_with_their_line_and_left_as_they_are() {
    let set = Set::empty();
    let path = set.checkout().join(".vscode/settings.json");
    let broken = "{\n  // mine\n  \"editor.tabSize\": 4\n  \"redis.database\": {}\n}\n";
    fs::write(&path, broken).expect("edited");
    for args in [&["generate"][..], &["generate", "--check"]] {
        set.xtask(args)
            .run()
            .code(1)
            .stderr_has(".vscode/settings.json: ")
            .stderr_has("line 3, column 22")
            .stderr_has("mend it by hand");
    }
    assert_eq!(fs::read_to_string(path).expect("it is there"), broken);
}

#[test]
fn an_edited_compose_file_is_not_started_from() {
    for path in [
        "docker/docker-compose.dev.yml",
        "docker/redis/users.dev.acl",
    ] {
        let set = Set::usual();
        edit(&set, path, "tta-dev", "tta-dov");
        for args in [&WIPE[..], &["up", "dev"]] {
            set.xtask(args)
                .run()
                .code(1)
                .stderr_has(path)
                .stderr_has("is not what the definitions say")
                .stderr_has("cargo xtask generate");
        }
        set.untouched();
        set.xtask(&["up", "test"]).run().code(0);
    }
}

#[test]
fn outside_a_checkout_the_command_says_so() {
    let set = Set::empty();
    fs::remove_dir_all(set.checkout().join("docker")).expect("it was there");
    set.xtask(&["status"])
        .run()
        .code(1)
        .stderr_has("has no folder docker/")
        .stderr_has("inside the checkout");
}
