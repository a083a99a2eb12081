//! `up`, killed on the way.

use crate::live::Live;
use crate::shim::{Moment, Shim};

#[test]
fn an_up_killed_at_any_call_is_brought_to_its_end_by_the_next() {
    let live = Live::new("up killed at every call");
    // Staging, because its volumes are created by calls of their own. Each run finds what the
    // killed one before it left: nothing, no volume, one volume, three, half a start.
    let points = [
        ("volume create", Moment::Before),
        ("volume create", Moment::After),
        ("compose up", Moment::Before),
        ("compose up", Moment::During),
    ];
    for (call, moment) in points {
        killed(&live, call, moment);
    }
    live.up(&["staging"]);
    live.write("staging", "after half a start");

    // And with data in it.
    live.xtask(&["down", "staging"]).run().code(0);
    killed(&live, "compose up", Moment::After);
    live.up(&["staging"]);
    assert_eq!((live.nodes("staging"), live.keys("staging")), (2, 2));
}

fn killed(live: &Live, call: &str, moment: Moment) {
    let shim = Shim::killing(call, moment);
    let ended = shim.before(live.xtask(&["up", "staging"])).run();
    assert_eq!(ended.code, None, "not killed {moment:?} {call}: {ended:?}");
}
