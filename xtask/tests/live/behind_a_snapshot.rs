//! Staging emptied behind a drilled snapshot, and by nothing less.

use crate::live::Live;
use crate::shim::{Moment, Shim};

#[test]
fn staging_is_emptied_behind_a_drilled_snapshot_of_it_and_by_nothing_less() {
    let live = Live::new("a wipe of staging");
    live.up(&["staging"]);
    live.write("staging", "first");
    let path = live.snapshot("staging");
    let id = path
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let wipe = ["wipe", "staging", "--backup", id.as_str()];
    let phrase = format!("DELETE STAGING DATA, BACKUP {id}");
    let before = live.evidence("staging");

    // Never drilled; drilled too long ago; of another engine or store.
    live.xtask(&wipe)
        .args(&["--confirm", &phrase])
        .run()
        .code(3)
        .stderr_has("it was never drilled");
    live.xtask(&["migrate-namespace", "staging", "--backup", &id])
        .run()
        .code(3)
        .stderr_has("it was never drilled");
    live.xtask(&["drill"]).run().code(0);
    let drill = path.join("drill.json");
    let text = std::fs::read_to_string(&drill).expect("a drill");

    let old = text.replace("\"at\": \"20", "\"at\": \"19");
    std::fs::write(&drill, old).expect("written");
    live.xtask(&wipe)
        .args(&["--confirm", &phrase])
        .run()
        .code(3);
    std::fs::write(&drill, &text).expect("written");
    live.xtask(&["wipe", "dev", "--backup", &id]).run().code(2);
    assert_eq!(live.evidence("staging"), before);

    // Nobody asked, and what it would lose.
    live.xtask(&wipe)
        .run()
        .code(3)
        .stderr_has(&phrase)
        .nowhere("LOSING");
    old_data_are_marked_behind_the_snapshot(&live, &id);
    live.write("staging", "later");
    let later = live.evidence("staging");
    let losing = format!("{phrase}, LOSING CHANGES SINCE {id}");
    live.xtask(&wipe)
        .args(&["--confirm", &phrase])
        .run()
        .code(1)
        .stderr_has("nodes: expected 2, found 4")
        .stderr_has(&losing);
    assert_eq!(live.evidence("staging"), later);

    // Killed where it cannot be asked any more, the same command goes on.
    let command = live.xtask(&wipe).args(&["--confirm", &losing]);
    let shim = Shim::killing("volume create", Moment::After);
    let ended = shim.before(command).run();
    // The first volume that it creates is a scratch one: kill it by the call that only a wipe makes.
    assert_eq!(ended.code, None);
    assert_eq!(live.evidence("staging"), later);
    let shim = Shim::killing("compose up", Moment::Before);
    let command = live.xtask(&wipe).args(&["--confirm", &losing]);
    assert_eq!(shim.before(command).run().code, None);
    live.xtask(&wipe)
        .args(&["--confirm", &losing])
        .run()
        .code(0)
        .stderr_has("a wipe that was cut off goes on");
    live.assert_empty("staging");
    live.assert_no_scratch();

    // And it comes back.
    let phrase = format!("RESTORE STAGING {id}");
    live.xtask(&["restore", "staging", &id, "--confirm", &phrase])
        .run()
        .code(0);
    assert_eq!((live.nodes("staging"), live.keys("staging")), (2, 2));
}

/// Nodes without a label and a key without a prefix, in an environment that is not to be changed
/// without a way back.
fn old_data_are_marked_behind_the_snapshot(live: &Live, id: &str) {
    live.admin("staging", &["SET", "user:1", "Ada"]);
    let before = live.evidence("staging");
    let phrase = format!("MIGRATE STAGING DATA, BACKUP {id}");
    let migrate = ["migrate-namespace", "staging"];
    let behind = ["--backup", id];
    live.xtask(&migrate)
        .run()
        .code(3)
        .stderr_has("only behind a drilled snapshot");
    live.xtask(&["migrate-namespace", "dev"])
        .args(&behind)
        .run()
        .code(2);
    let unknown = ["--backup", "20200101_000000", "--confirm", &phrase];
    live.xtask(&migrate).args(&unknown).run().code(1);
    live.xtask(&migrate)
        .args(&behind)
        .run()
        .code(3)
        .stderr_has(&phrase);
    live.xtask(&migrate)
        .args(&behind)
        .args(&["--confirm", "MIGRATE STAGING DATA"])
        .run()
        .code(1);
    assert_eq!(live.evidence("staging"), before);
    live.xtask(&migrate)
        .args(&behind)
        .args(&["--confirm", &phrase])
        .run()
        .code(0)
        .stderr_has(&format!("cargo xtask restore staging {id}"))
        .stdout_has("nothing is without its mark");
    assert_eq!(live.admin("staging", &["GET", "staging:user:1"]), "Ada");
    let labelled = live.value("staging", "MATCH (n:Staging) RETURN count(n)");
    assert_eq!((labelled, live.nodes("staging")), (2.into(), 2));
}
