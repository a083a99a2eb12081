//! Whatever is done to a snapshot by hand or by a disk is noticed.

use std::collections::BTreeMap;

use super::*;
use crate::snapshot::fingerprint::Fingerprint;
use crate::snapshot::fingerprint::graph::GraphPrint;
use crate::snapshot::fingerprint::keys::KeysPrint;
use crate::snapshot::manifest::{File, ImageSource, Neo4jSource, RDB, RedisSource};

struct Snapshot {
    _base: tempfile::TempDir,
    path: PathBuf,
    id: Id,
}

const DUMP: &str = "tta-staging.dump";

/// A whole snapshot, as `make` writes one.
fn snapshot(id: &str, salt: &str) -> Snapshot {
    let base = tempfile::tempdir().expect("a folder");
    let path = base.path().join(id);
    fs::create_dir(&path).expect("a folder");
    let id: Id = id.parse().expect("an id");
    for name in [DUMP, RDB] {
        fs::write(
            path.join(name),
            format!("{salt} {name} {}", "x".repeat(500)),
        )
        .expect("a file");
    }
    let snapshot = Snapshot {
        _base: base,
        path,
        id,
    };
    snapshot.write(&manifest(&snapshot));
    snapshot
}

fn manifest(snapshot: &Snapshot) -> Manifest {
    let image = ImageSource {
        name: "tta".to_owned(),
        id: "sha256:0".to_owned(),
        origin: String::new(),
    };
    let file = |name: &str| {
        let (sha256, bytes) = sums::of_file(&snapshot.path.join(name)).expect("a file");
        File {
            name: name.to_owned(),
            bytes,
            sha256,
        }
    };
    Manifest {
        format: 1,
        id: snapshot.id.clone(),
        number: 1,
        environment: "staging".to_owned(),
        instance: String::new(),
        engine: "e1".to_owned(),
        created: "2026-11-22T21:30:00Z".to_owned(),
        taken: "frozen".to_owned(),
        freeze_seconds: 0.2,
        neo4j: Neo4jSource {
            version: "5.26.30".to_owned(),
            edition: "community".to_owned(),
            database: "tta-staging".to_owned(),
            store_id: "A1".to_owned(),
            image: image.clone(),
        },
        redis: RedisSource {
            version: "8.0.2".to_owned(),
            modules: BTreeMap::new(),
            image,
        },
        files: vec![file(DUMP), file(RDB)],
        fingerprint: Fingerprint {
            neo4j: GraphPrint::default(),
            redis: KeysPrint::default(),
        },
    }
}

impl Snapshot {
    /// The manifest, and sums that agree with it.
    fn write(&self, manifest: &Manifest) {
        let text = serde_json::to_string_pretty(manifest).expect("JSON");
        fs::write(self.path.join(MANIFEST), text).expect("a file");
        self.sum();
    }

    /// Sums of what is there.
    fn sum(&self) {
        let names = [DUMP, RDB, MANIFEST];
        let sum = |name: &&str| {
            let (sum, _) = sums::of_file(&self.path.join(name)).expect("a file");
            ((*name).to_owned(), sum)
        };
        let sums: BTreeMap<String, String> = names.iter().map(sum).collect();
        fs::write(self.path.join(SUMS), sums::text(&sums)).expect("a file");
    }

    fn verify(&self) -> Result<Verified> {
        verify(&self.path, &self.id)
    }

    #[track_caller]
    fn damaged(&self, by: &str) -> String {
        let failure = self.verify().expect_err(by);
        assert_eq!(failure.kind.exit_code(), 1, "{by}: {failure}");
        failure.message
    }

    fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path.join(name);
        let mut bytes = fs::read(&path).expect("a file");
        change(&mut bytes);
        fs::write(path, bytes).expect("a file");
    }
}

fn whole() -> Snapshot {
    snapshot("20261122_213000", "one")
}

const FILES: [&str; 4] = [DUMP, RDB, MANIFEST, SUMS];

#[test]
fn a_whole_snapshot_is_found_whole_also_with_a_drill_beside_it() {
    let snapshot = whole();
    let verified = snapshot.verify().expect("it is whole");
    assert_eq!(verified.manifest.files.len(), 2);
    fs::write(snapshot.path.join(DRILL), "{}").expect("a file");
    assert!(snapshot.verify().is_ok());
}

#[test]
fn one_bit_flipped_anywhere_in_any_file_is_noticed() {
    for name in FILES {
        let length = fs::read(whole().path.join(name)).expect("a file").len();
        // Each byte of the small files; first, last and some between of the others.
        for at in (0..length).step_by(if length > 2000 { 97 } else { 1 }) {
            let snapshot = whole();
            snapshot.edit(name, |bytes| bytes[at] ^= 1);
            snapshot.damaged(&format!("{name} at {at}"));
        }
    }
}

#[test]
fn a_file_that_is_cut_off_or_missing_is_noticed() {
    for name in FILES {
        let snapshot = whole();
        for left in [0, 1] {
            let last = whole();
            last.edit(name, |bytes| bytes.truncate((bytes.len() - 1) * left));
            last.damaged(&format!("{name} without its last byte, or with none"));
        }
        snapshot.edit(name, |bytes| bytes.truncate(bytes.len() / 2));
        snapshot.damaged(&format!("{name} cut off"));
        fs::remove_file(snapshot.path.join(name)).expect("removed");
        assert!(snapshot.damaged("missing").contains(name), "{name}");
    }
}

#[test]
fn a_file_of_another_snapshot_is_noticed_wherever_it_is_put() {
    let other = snapshot("20261122_213001", "two");
    for name in FILES {
        let snapshot = whole();
        fs::copy(other.path.join(name), snapshot.path.join(name)).expect("copied");
        snapshot.damaged(name);
        // Also where somebody has summed it up anew.
        if name != SUMS {
            snapshot.sum();
            snapshot.damaged(&format!("{name}, summed up"));
        }
    }
}

#[test]
fn a_snapshot_that_is_not_there_is_told_with_the_folder_that_was_looked_into() {
    let snapshot = whole();
    fs::remove_dir_all(&snapshot.path).expect("removed");
    let message = snapshot.damaged("none");
    assert!(
        message.starts_with("there is no snapshot 20261122_213000 in /"),
        "{message}"
    );
}

#[test]
fn a_name_that_would_move_the_terminal_is_shown_and_not_obeyed() {
    let snapshot = whole();
    fs::write(snapshot.path.join("a\u{1b}[2J\nb"), "x").expect("a file");
    let message = snapshot.damaged("a hostile name");
    assert!(
        message.contains("a\\u{1b}[2J\\nb is not listed"),
        "{message}"
    );
}

#[test]
fn a_whole_snapshot_under_a_name_of_another_is_noticed() {
    let snapshot = whole();
    let id: Id = "20261122_213009".parse().expect("an id");
    let failure = verify(&snapshot.path, &id).expect_err("another's name");
    assert!(failure.message.contains("20261122_213000"), "{failure}");
}

#[test]
fn a_manifest_that_was_edited_is_noticed_where_it_disagrees_with_the_files() {
    let snapshot = whole();
    let mut edited = manifest(&snapshot);
    edited.files[0].bytes += 1;
    snapshot.write(&edited);
    assert!(snapshot.damaged("a size").contains(DUMP));
    edited = manifest(&snapshot);
    edited.files.pop();
    snapshot.write(&edited);
    assert!(snapshot.damaged("a file").contains(RDB));
    edited = manifest(&snapshot);
    edited.format = 2;
    snapshot.write(&edited);
    assert!(snapshot.damaged("a format").contains("format 2"));
}

#[test]
fn what_does_not_belong_to_it_is_noticed() {
    let snapshot = whole();
    fs::write(snapshot.path.join("extra"), "x").expect("a file");
    assert!(snapshot.damaged("a file").contains("extra is not listed"));
    fs::remove_file(snapshot.path.join("extra")).expect("removed");
    fs::create_dir(snapshot.path.join("folder")).expect("a folder");
    assert!(snapshot.damaged("a folder").contains("folder is no file"));
    let linked = whole();
    fs::remove_file(linked.path.join(RDB)).expect("removed");
    std::os::unix::fs::symlink(snapshot.path.join(RDB), linked.path.join(RDB)).expect("a link");
    linked.damaged("a link");
}

#[test]
fn a_drill_of_other_bytes_says_nothing_of_these() {
    let snapshot = whole();
    let sum = snapshot.verify().expect("whole").sum;
    let drill = |sums: &str| {
        format!(
            r#"{{"sums":"{sums}","at":"2026-11-22T21:31:00Z","engine":"e1","matched":true,"differences":[],"seconds":{{"verify":0,"redis":0,"neo4j":0,"total":0}}}}"#
        )
    };
    fs::write(snapshot.path.join(DRILL), drill(&sum)).expect("a file");
    assert!(snapshot.verify().expect("whole").drill.is_some());
    fs::write(snapshot.path.join(DRILL), drill(&"0".repeat(64))).expect("a file");
    assert!(snapshot.verify().expect("whole").drill.is_none());
}
