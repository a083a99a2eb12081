//! What a killed run of these tests left.

use crate::docker::{docker, inspected};
use crate::live::{Live, is_a_live_test, maker, sweep, volumes};

#[test]
fn only_an_instance_of_these_tests_is_ever_swept() {
    assert_eq!(maker("lv000012303"), Some(123));
    for other in [
        "",
        "dev",
        "lv",
        "lv00001230",
        "lv0000123033",
        "lvx00012303",
        "l0000012303",
    ] {
        assert_eq!(maker(other), None, "{other}");
    }
    assert!(is_a_live_test(std::process::id()));
    assert!(!is_a_live_test(0));
}

#[test]
fn what_a_killed_run_left_is_swept_and_nothing_else_is() {
    let live = Live::new("the sweep");
    // No process has a number as high as this (Linux: at most 4194304).
    let killed = format!("lv{:07}00", 9_900_000 + std::process::id() % 100_000);
    let make = |name: &str, instance: &str| {
        let label = format!("org.tta.instance={instance}");
        docker(&["volume", "create", "--label", &label, name]);
    };
    let left = &volumes(&killed, "dev")[0];
    let [own, of_another_name, _] = live.volumes("dev");
    make(left, &killed);
    make(&own, &live.name);
    // Labels can be set by anyone: only the names that the instance would have are removed.
    make(&of_another_name, &killed);
    sweep();
    assert!(inspected("volume", left).is_none(), "{left} was left");
    for name in [own, of_another_name] {
        assert!(inspected("volume", &name).is_some(), "{name} was removed");
    }
}
