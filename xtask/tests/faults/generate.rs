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
fn drift_fails_the_check_with_the_difference_and_is_repaired_by_generate() {
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
        .stderr_has("-(a line that is not rendered)\n")
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
            .stderr_has("edit it by hand");
    }
    assert_eq!(fs::read_to_string(path).expect("it is there"), broken);
}

/// A file of a team's own, as their application reads it.
const THEIRS: &str = "API_KEY=hunter2\nNEO4J_URI=bolt://elsewhere:1\n";

const WAYS: [&[&str]; 3] = [
    &["generate"],
    &["generate", "--check"],
    &["generate", "--dry-run"],
];

#[test]
fn a_file_that_was_not_rendered_is_named_never_printed_and_never_touched() {
    for (path, text) in [
        (".env.staging", THEIRS),
        (
            "docker/docker-compose.dev.yml",
            "services:\n  x: {image: hunter2}\n",
        ),
        (
            "docker/redis/users.test.acl",
            "user default on >hunter2 ~* +@all\n",
        ),
        (
            ".vscode/database-connections.json",
            "[{\"name\": \"ours\", \"password\": \"hunter2\"}]\n",
        ),
        (
            "crates/environments/python/src/tta_environments/definitions.py",
            "KEY = 'hunter2'\n",
        ),
    ] {
        let set = Set::empty();
        fs::write(set.checkout().join(path), text).expect("theirs");
        // Drift of ours beside it is told, and nothing is written.
        fs::remove_file(set.checkout().join(".env.prod")).expect("it was there");
        for args in WAYS {
            set.xtask(args)
                .run()
                .code(3)
                .stderr_has(&format!("{path} was not made by this tool"))
                .nowhere("hunter2");
        }
        let kept = fs::read_to_string(set.checkout().join(path)).expect("it is there");
        assert_eq!(kept, text);
        assert!(!set.checkout().join(".env.prod").exists());
        set.xtask(&["doctor"])
            .run()
            .stdout_has(&format!("{path} was not made by this tool"))
            .nowhere("hunter2");
        set.whatever_was_asked();
        fs::remove_file(set.checkout().join(path)).expect("moved away");
        set.xtask(&["generate"]).run().code(0);
        set.xtask(&["generate", "--check"]).run().code(0);
    }
}

#[test]
fn what_somebody_has_added_to_a_rendered_file_is_told_without_its_value() {
    let set = Set::empty();
    edit(
        &set,
        ".env.staging",
        "ENVIRONMENT=staging\n",
        "ENVIRONMENT=staging\nAPI_KEY=hunter2\n",
    );
    edit(
        &set,
        ".vscode/settings.json",
        "\"port\": 6379",
        "\"port\": 1, \"token\": \"hunter2\"",
    );
    for args in &WAYS[1..] {
        let ended = set.xtask(args).run().nowhere("hunter2");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            said.contains("-(a line that is not rendered, API_KEY=…)\n"),
            "{said}"
        );
        assert!(said.contains(" ENVIRONMENT=staging\n"), "{said}");
    }
}

/// Puts something in a file's place.
type Make<'a> = &'a dyn Fn(&std::path::Path);

#[test]
fn what_is_no_plain_file_of_ours_is_refused_by_what_it_is() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let target = elsewhere.path().join("secrets");
    fs::write(&target, THEIRS).expect("theirs");
    let cases: [(&str, Make<'_>); 4] = [
        ("is a symbolic link", &|path| {
            std::os::unix::fs::symlink(&target, path).expect("a link");
        }),
        ("is a folder", &|path| {
            fs::create_dir(path).expect("a folder")
        }),
        ("is not UTF-8 text", &|path| {
            fs::write(path, [0xff, 0xfe, 0x00]).expect("bytes");
        }),
        ("is read-only, and not as rendered", &|path| {
            fs::write(path, "# Rendered by `cargo xtask generate`\nA=hunter2\n").expect("ours");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o444);
            fs::set_permissions(path, mode).expect("read-only");
        }),
    ];
    for (why, make) in cases {
        let set = Set::empty();
        let path = set.checkout().join(".env.staging");
        fs::remove_file(&path).expect("it was there");
        make(&path);
        let before = fs::symlink_metadata(&path).expect("it is there");
        for args in WAYS {
            set.xtask(args)
                .run()
                .code(3)
                .stderr_has(&format!(".env.staging {why}"))
                .nowhere("hunter2");
        }
        let after = fs::symlink_metadata(&path).expect("it is there");
        assert_eq!(before.modified().ok(), after.modified().ok(), "{why}");
        assert_eq!(before.permissions(), after.permissions(), "{why}");
    }
    assert_eq!(fs::read_to_string(&target).expect("theirs"), THEIRS);
}

#[test]
fn a_folder_that_links_out_of_the_checkout_is_not_written_to() {
    let set = Set::empty();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let folder = set.checkout().join(".vscode");
    fs::remove_dir_all(&folder).expect("it was there");
    std::os::unix::fs::symlink(elsewhere.path(), &folder).expect("a link");
    set.xtask(&["generate"])
        .run()
        .code(3)
        .stderr_has(".vscode/settings.json lies in a folder that a symbolic link leads to");
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 0);
}

#[test]
fn a_rendered_file_of_an_earlier_version_or_with_other_line_ends_is_still_ours() {
    let set = Set::empty();
    let path = |name: &str| set.checkout().join(name);
    for (name, text) in [
        (
            ".env.dev",
            "# Rendered by `cargo xtask generate`: don't edit it here.\r\nOLD=1\r\n".to_owned(),
        ),
        (
            "docker/docker-compose.test.yml",
            "# TTA, test. Rendered by `cargo xtask generate` from crates/environments: don't edit it here.\n"
                .to_owned(),
        ),
        (
            "docker/redis/users.dev.acl",
            "user default off ~* &* +@all\nuser tta-dev on #00 ~old:* +@all\n".to_owned(),
        ),
        (
            ".vscode/database-connections.json",
            "[{\"name\": \"🟢 TTA Dev Neo4j\", \"port\": 1}]".to_owned(),
        ),
        (
            ".env.test",
            fs::read_to_string(path(".env.test"))
                .expect("rendered")
                .replace('\n', "\r\n"),
        ),
        (".env.prod", String::new()),
    ] {
        fs::write(path(name), text).expect("written");
    }
    set.xtask(&["generate", "--check"])
        .run()
        .code(1)
        .stderr_has(".env.test: its lines end in CR LF, rendered ones in LF\n");
    set.xtask(&["generate"])
        .run()
        .code(0)
        .stdout_has("6 files changed");
    set.xtask(&["generate", "--check"]).run().code(0);
}

#[test]
fn of_the_editors_settings_only_our_own_entries_change() {
    let set = Set::empty();
    let path = set.checkout().join(".vscode/settings.json");
    let theirs = "{\n  // mine\n  \"redis.database\": [\n    { \"name\": \"Cache\", \"password\": \"hunter2\" }, // keep\n    { \"name\": \"TTA Dev Redis\", \"port\": 1, \"color\": \"red\" }\n  ],\n  \"editor.tabSize\": 4\n}\n";
    fs::write(&path, theirs).expect("edited");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&path, private).expect("private");
    set.xtask(&["generate", "--check"])
        .run()
        .code(1)
        .nowhere("hunter2");
    set.xtask(&["generate"]).run().code(0).nowhere("hunter2");
    let now = fs::read_to_string(&path).expect("it is there");
    for kept in [
        "  // mine\n",
        "    { \"name\": \"Cache\", \"password\": \"hunter2\" }, // keep\n",
        "\"name\": \"TTA Dev Redis\", \"port\": 6379, \"color\": \"red\"",
        "\"name\": \"TTA Staging Redis\"",
        "  \"editor.tabSize\": 4\n",
    ] {
        assert!(now.contains(kept), "{kept:?} is not in {now}");
    }
    let mode = fs::metadata(&path).expect("it is there").permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    set.xtask(&["generate", "--check"]).run().code(0);
}

#[test]
fn a_report_is_written_over_an_earlier_report_and_over_nothing_else() {
    let set = Set::usual();
    let path = set.path("report");
    for kind in ["junit", "markdown", "html"] {
        let option = format!("{kind}={}", path.display());
        let verify = || {
            let layer = ["verify-isolation", "dev", "test", "--layer", "network"];
            set.xtask(&[&layer[..], &["--report", &option]].concat())
                .run()
        };
        fs::write(&path, THEIRS).expect("theirs");
        let calls = set.calls().len();
        verify()
            .code(3)
            .stderr_has("was not made by this tool")
            .nowhere("hunter2");
        // Before anything is looked at.
        assert_eq!(set.calls().len(), calls);
        assert_eq!(fs::read_to_string(&path).expect("theirs"), THEIRS);
        fs::remove_file(&path).expect("moved away");
        verify().code(0);
        verify().code(0);
    }
    fs::remove_file(&path).expect("the last report");
    let _socket = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let option = format!("junit={}", path.display());
    set.xtask(&["verify-isolation", "--report", &option])
        .run()
        .code(3)
        .stderr_has("report is no regular file");
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
