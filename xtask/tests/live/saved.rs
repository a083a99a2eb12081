//! What the scenarios of snapshots look at.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::docker::docker;
use crate::live::Live;

impl Live {
    /// Where an environment's snapshots are.
    pub(crate) fn saved(&self, environment: &str) -> PathBuf {
        let instance = self.backups().join("instances").join(&self.name);
        instance.join(environment)
    }

    /// What there is where snapshots are: half ones too.
    pub(crate) fn saved_names(&self, environment: &str) -> Vec<String> {
        let entries = fs::read_dir(self.saved(environment))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// `cargo xtask snapshot ENV`, which must succeed; its folder.
    #[track_caller]
    pub(crate) fn snapshot(&self, environment: &str) -> PathBuf {
        let ended = self
            .xtask(&["snapshot", environment, "--format", "json"])
            .run()
            .code(0);
        let path = ended.json()["snapshot"]["path"].as_str().map(PathBuf::from);
        path.expect("the path of the snapshot")
    }

    /// Nothing of a snapshot or a drill is left on the engine.
    #[track_caller]
    pub(crate) fn assert_no_scratch(&self) {
        let label = format!("label=org.tta.instance={}", self.name);
        let filters = ["--filter", &label, "--filter", "label=org.tta.run"];
        for list in [
            &["ps", "--all", "--quiet"][..],
            &["volume", "ls", "--quiet"],
        ] {
            assert_eq!(docker(&[list, &filters].concat()), "", "{list:?}");
        }
    }

    /// Whether a container of an environment is frozen.
    pub(crate) fn frozen(&self, environment: &str) -> bool {
        let status = |service: &str| {
            let name = self.container(environment, service);
            docker(&[
                "container",
                "inspect",
                "--format",
                "{{.State.Status}}",
                &name,
            ])
        };
        ["neo4j", "redis"]
            .into_iter()
            .any(|service| status(service) == "paused")
    }
}

/// A snapshot's manifest.
#[track_caller]
pub(crate) fn manifest(path: &std::path::Path) -> Value {
    let text = fs::read_to_string(path.join("manifest.json")).expect("a manifest");
    serde_json::from_str(&text).expect("JSON")
}
