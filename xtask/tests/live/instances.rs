//! `instances` and `remove`: an instance ends with its volumes, and no other notices.

use std::path::Path;

use serde_json::{Value, json};

use crate::docker::docker;
use crate::harness::Ended;
use crate::live::Live;

impl Live {
    fn remove(&self) -> Ended {
        let phrase = format!("REMOVE INSTANCE {}", self.name.to_uppercase());
        self.xtask(&["remove", "--confirm", &phrase]).run()
    }

    /// As the list has it; null where it is not in it.
    fn listed(&self) -> Value {
        let ended = self.xtask(&["instances", "--format", "json"]).run();
        let all = ended.code(0).json()["instances"].clone();
        let mut all = all.as_array().expect("a list").iter();
        let found = all.find(|one| one["name"] == self.name.as_str());
        found.cloned().unwrap_or_default()
    }

    /// Everything on the engine that carries its label.
    fn labelled(&self) -> Vec<String> {
        let filter = format!("label=org.tta.instance={}", self.name);
        let mut all = Vec::new();
        for list in [
            &["ps", "--all", "--format", "{{.Names}}"][..],
            &["volume", "ls", "--format", "{{.Name}}"],
            &["network", "ls", "--format", "{{.Name}}"],
        ] {
            let names = docker(&[list, &["--filter", &filter]].concat());
            all.extend(names.lines().map(str::to_owned));
        }
        all
    }
}

#[test]
fn an_instance_ends_with_its_volumes_and_its_staging_only_when_that_is_empty() {
    let live = Live::new("the end of an instance");
    live.up(&["dev", "test"]);
    live.write("dev", "gone?");
    let listed = live.listed();
    assert_eq!(listed["environments"], json!(["dev", "test"]));
    assert_eq!(listed["state"], "running");
    assert!(listed["bytes"].as_u64() > Some(1_000_000), "{listed}");
    assert!(listed["last_used"].is_string() && listed["created"].is_string());
    assert_eq!(live.labelled().len(), 4 + 6 + 2);
    let ended = live.remove().code(0);
    ended.stdout_has("is gone: 4 containers, 6 volumes, 2 networks, 4 files");
    assert_eq!(live.labelled(), Vec::<String>::new());
    assert_eq!(live.listed(), Value::Null);
    let rendered = live.folder.path().join("compose/instances");
    assert!(!Path::new(&rendered).join(&live.name).exists());
    live.remove().code(0).stdout_has("there is no instance");

    // The same name again, now with a staging that somebody writes to.
    live.up(&["staging"]);
    live.write("staging", "kept");
    let before = live.evidence("staging");
    live.remove()
        .code(3)
        .stderr_has("holds 2 nodes and 2 keys: it is protected")
        .stderr_has("wipe staging --backup ID");
    assert_eq!(live.evidence("staging"), before);
    live.graph("staging", "MATCH (n) DETACH DELETE n");
    live.admin("staging", &["FLUSHALL"]);
    live.xtask(&["down", "staging"]).run().code(0);
    live.remove().code(3).stderr_has("cannot be counted");
    live.up(&["staging"]);
    let ended = live.remove().code(0);
    ended.stdout_has("is gone: 2 containers, 3 volumes, 1 network");
    assert_eq!(live.labelled(), Vec::<String>::new());
}
