//! `verify-isolation --compose`, which compares files by the code of `compose-audit`, where every row
//! of files is tried.

use std::path::Path;

use crate::harness::{Ended, xtask};

fn compared(args: &[&str]) -> Ended {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/compose-audit/examples");
    xtask(&["verify-isolation", "--format", "json"])
        .args(args)
        .folder(examples)
        .run()
}

#[test]
fn anyones_files_are_compared_without_an_engine() {
    let both = ["--compose", "dev=dev.yml", "--compose", "test=test.yml"];
    let document = compared(&both).code(4).json();
    assert_eq!(document["scope"]["layers"], serde_json::json!(["static"]));
    let findings = document["findings"].as_array().expect("a list");
    let found: Vec<&str> = findings
        .iter()
        .filter_map(|finding| finding["fault"].as_str())
        .collect();
    assert_eq!(found, ["S5"]);
}

#[test]
fn what_files_cannot_answer_is_not_asked_of_them() {
    let one = ["--compose", "dev=dev.yml"];
    let twice = [&one[..], &["--compose", "dev=test.yml"]].concat();
    compared(&twice).code(2).stderr_has("names \"dev\" twice");
    let layer = [&one[..], &["--layer", "network"]].concat();
    compared(&layer)
        .code(2)
        .stderr_has("the network layer has nothing to look at");
}
