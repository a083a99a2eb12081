//! `pre-deploy`: what a deployment waits for.

use serde_json::Value;

use crate::live::Live;

#[test]
fn a_deployment_is_cleared_by_a_drilled_snapshot_and_environments_apart() {
    let live = Live::alone("before a deployment");
    live.up(&["dev", "staging"]);
    live.write("staging", "to be saved");
    let pre_deploy = || live.xtask(&["pre-deploy", "--format", "json"]).run();

    // Its nodes do not say whose they are: it is saved all the same, and not cleared.
    let kept_back = pre_deploy().code(4).json();
    assert_eq!(kept_back["outcome"], "failed");
    assert_eq!(kept_back["error"]["kind"], "violated");
    assert_eq!(kept_back["snapshot"]["drilled"], true);
    assert_eq!(kept_back["isolation"]["findings"][0]["fault"], "K3");

    live.graph("staging", "MATCH (n) SET n:Staging");
    let before = live.evidence("staging");
    let cleared = pre_deploy().code(0).json();
    assert_eq!(cleared["outcome"], "done");
    assert_eq!(cleared["drill"]["matched"], true);
    assert_eq!(cleared["isolation"]["verdict"], "isolated");
    assert_eq!(live.evidence("staging"), before);
    let id = |run: &Value| run["snapshot"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(live.saved_names("staging"), [id(&kept_back), id(&cleared)]);
    live.assert_no_scratch();
}
