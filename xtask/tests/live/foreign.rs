//! An object of our name that is somebody else's.

use crate::docker::{docker, inspect};
use crate::live::Live;

#[test]
fn a_volume_without_our_labels_is_refused_and_left_as_it_was() {
    let live = Live::new("a volume of our name without labels");
    refused(&live, &[], "carries no label of ours");
}

#[test]
fn a_volume_of_another_instance_is_refused_and_left_as_it_was() {
    let live = Live::new("a volume of our name with another instance's label");
    let labels = [
        "--label",
        "org.tta.environment=dev",
        "--label",
        "org.tta.instance=another",
    ];
    refused(&live, &labels, "org.tta.instance=\"another\"");
}

fn refused(live: &Live, labels: &[&str], because: &str) {
    let volume = &live.volumes("dev")[0];
    docker(&[&["volume", "create"], labels, &[volume]].concat());
    in_volume(volume, "echo precious > /there/theirs");
    let before = inspect("volume", volume);

    for command in [
        &["up", "dev"][..],
        &["wipe-dev", "--confirm", "DELETE DEV DATA"],
    ] {
        live.xtask(command)
            .run()
            .code(3)
            .stderr_has(volume)
            .stderr_has(because);
        let told = live
            .xtask(command)
            .args(&["--format", "json"])
            .run()
            .code(3)
            .json();
        assert_eq!(told["outcome"], "refused");
        assert_eq!(told["error"]["kind"], "refused");
    }

    assert_eq!(inspect("volume", volume), before);
    assert_eq!(in_volume(volume, "cat /there/theirs"), "precious");
    assert!(live.containers("dev").is_empty());
    assert_eq!(live.made("dev").len(), 1, "another volume was made");
}

fn in_volume(volume: &str, script: &str) -> String {
    let mount = format!("{volume}:/there");
    docker(&[
        "run",
        "--rm",
        "--volume",
        &mount,
        "--entrypoint",
        "bash",
        "tta-redis:8.0.2",
        "-c",
        script,
    ])
}
