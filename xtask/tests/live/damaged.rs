//! Destinations that do not take a snapshot, and snapshots that are not what they were.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::docker::until;
use crate::harness::patience;
use crate::live::Live;
use crate::saved::manifest;
use crate::shim::Shim;

#[test]
fn a_destination_that_fails_leaves_nothing_that_looks_whole_and_staging_as_it_was() {
    let live = Live::new("destinations that fail");
    live.up(&["staging"]);
    live.write("staging", "kept");
    let before = live.evidence("staging");

    // One that nobody can write to.
    live.xtask(&["snapshot", "staging"])
        .env("TTA_BACKUPS", "/proc/tta")
        .run()
        .code(1);

    // One that disappears half way.
    let shim = Shim::holding("pause");
    let command = shim.before(live.xtask(&["snapshot", "staging", "--max-freeze", "60"]));
    let child = command
        .command()
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("xtask starts");
    until("it has begun", || shim.reached());
    fs::remove_dir_all(live.backups()).expect("removed");
    shim.release();
    let ended = patience::ended(child, "the tool");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(live.saved_names("staging"), Vec::<String>::new());

    // One that is full when the dump comes: no file may have more than a hundred kilobytes.
    let xtask = live.xtask(&[]);
    let plain = xtask.command();
    let mut limited = std::process::Command::new("bash");
    limited.args(["-c", "ulimit -f 100; trap '' XFSZ; exec \"$0\" \"$@\""]);
    limited.arg(plain.get_program());
    limited.args(["--instance", &live.name, "snapshot", "staging"]);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    // More than that, and of no use to a compressor.
    live.graph(
        "staging",
        "UNWIND range(1, 20000) AS i CREATE (:Filler {text: randomUUID()})",
    );
    let ended = patience::output(&mut limited);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("the dump was not written"), "{said}");
    assert_eq!(live.saved_names("staging"), Vec::<String>::new());
    live.graph("staging", "MATCH (n:Filler) DELETE n");

    assert_eq!(live.evidence("staging"), before);
    live.assert_no_scratch();
}

#[test]
fn a_drill_finds_one_changed_property_and_one_changed_key() {
    let live = Live::new("a snapshot that is not what it was");
    live.up(&["staging"]);
    live.write("staging", "one");
    let path = live.snapshot("staging");
    let mode = |name: &str| {
        let file = path.join(name).metadata().expect("it is there");
        file.permissions().mode() & 0o777
    };
    assert_eq!(
        (mode(""), mode("manifest.json"), mode("redis.rdb")),
        (0o700, 0o600, 0o600)
    );
    live.xtask(&["snapshots", "verify", "staging", "--deep"])
        .run()
        .code(0);

    // The next one has the same counts and other values. Its data under the first one's manifest,
    // summed up anew, is what only a comparison of the contents can find.
    live.graph("staging", "MATCH (n:Thought {n: 2}) SET n.mark = 'two'");
    live.admin("staging", &["SET", "staging:trace:one", "two"]);
    // The documented way: stopped, copied, started again.
    let ids = || live.containers("staging").into_iter().map(|[_, id, _]| id);
    let before = (ids().collect::<Vec<_>>(), live.made("staging"));
    let ended = live.xtask(&["snapshot", "staging", "--offline", "--format", "json"]);
    let ended = ended.run().code(0).json();
    let other = std::path::PathBuf::from(ended["snapshot"]["path"].as_str().expect("a path"));
    assert_eq!(manifest(&other)["taken"], "stopped");
    let after = (ids().collect::<Vec<_>>(), live.made("staging"));
    assert_eq!(after, before);
    assert_eq!((live.nodes("staging"), live.keys("staging")), (2, 2));
    let (mut edited, others) = (manifest(&other), manifest(&path));
    edited["fingerprint"] = others["fingerprint"].clone();
    fs::write(other.join("manifest.json"), edited.to_string()).expect("written");
    let summed = std::process::Command::new("bash")
        .args([
            "-c",
            "sha256sum manifest.json redis.rdb tta-staging.dump >SHA256SUMS",
        ])
        .current_dir(&other)
        .status();
    assert!(summed.expect("sha256sum").success());
    live.xtask(&["snapshots", "verify", "staging"])
        .run()
        .code(0);
    live.xtask(&["drill", "staging"])
        .run()
        .code(1)
        .stderr_has("of 2 nodes that were compared whole, 1 differ")
        .stderr_has("digest of all keys and values");
    let listed = live
        .xtask(&["snapshots", "list", "--format", "json"])
        .run()
        .code(0)
        .json();
    let drilled = |at: usize| listed["snapshots"][at]["drilled"].clone();
    assert_eq!((drilled(0), drilled(1)), (json!(true), json!(false)));

    // One bit of the data: nothing is loaded.
    let mut bytes = fs::read(other.join("redis.rdb")).expect("read");
    bytes[60] ^= 1;
    fs::write(other.join("redis.rdb"), bytes).expect("written");
    live.xtask(&["drill", "staging"])
        .run()
        .code(1)
        .stderr_has("redis.rdb has changed");
    live.xtask(&["snapshots", "verify", "staging"])
        .run()
        .code(1)
        .stdout_has("every byte is as written")
        .stdout_has("redis.rdb has changed");

    // Pruning keeps the newest and the one that was drilled; else it asks.
    let prune = ["snapshots", "prune", "staging", "--keep-last", "1"];
    live.xtask(&prune).run().code(0);
    fs::remove_file(path.join("drill.json")).expect("removed");
    live.xtask(&prune).run().code(3);
    live.xtask(&prune).args(&["--dry-run"]).run().code(0);
    assert_eq!(live.saved_names("staging").len(), 2);
    live.xtask(&prune)
        .args(&["--confirm", "PRUNE STAGING SNAPSHOTS"])
        .run()
        .code(0);
    let name = other.file_name().expect("a name").to_string_lossy();
    assert_eq!(live.saved_names("staging"), [name]);
    live.assert_no_scratch();
}
