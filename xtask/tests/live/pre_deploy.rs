//! `pre-deploy`: what a deployment waits for.

use crate::live::Live;

#[test]
fn a_deployment_is_cleared_by_a_drilled_snapshot_and_environments_apart() {
    let live = Live::alone("before a deployment");
    live.up(&["dev", "staging"]);
    live.write("staging", "to be saved");
    let before = live.evidence("staging");

    let cleared = live
        .xtask(&["pre-deploy", "--format", "json"])
        .run()
        .code(0)
        .json();
    assert_eq!(cleared["outcome"], "done", "{cleared}");
    assert_eq!(cleared["snapshot"]["drilled"], true, "{cleared}");
    assert_eq!(cleared["drill"]["matched"], true, "{cleared}");
    assert_eq!(cleared["isolation"]["verdict"], "isolated", "{cleared}");
    assert_eq!(live.evidence("staging"), before);
    let id = cleared["snapshot"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(live.saved_names("staging"), [id]);
    live.assert_no_scratch();
}
