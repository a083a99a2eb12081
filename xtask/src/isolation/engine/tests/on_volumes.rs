//! Whose volumes are whose, and who mounts them.

use super::*;

#[test]
fn three_environments_as_they_should_be_are_apart_and_so_are_strangers_with_nothing_of_theirs() {
    assert_eq!(found(|_| {}), NOTHING);
    assert_eq!(with(|_| {}), NOTHING);
}

#[test]
fn a_volume_that_says_it_is_another_s_is_found_and_one_that_says_nothing_is_not() {
    let labels = |labels: Value| found(|told| told["volumes"][0]["Labels"] = labels);
    assert_eq!(labels(json!({ PROJECT: "shop" })), ["E2 dev"]);
    assert_eq!(labels(json!({ PROJECT: "tta-test" })), ["E2 dev,test"]);
    assert_eq!(
        labels(json!({ "org.tta.environment": "staging" })),
        ["E2 dev,staging"]
    );
    assert_eq!(labels(json!({ "org.tta.instance": "ci" })), ["E2 dev"]);
    assert_eq!(labels(json!(null)), NOTHING);
    assert_eq!(labels(json!({ "maintainer": "me" })), NOTHING);
}

#[test]
fn a_volume_in_a_container_of_another_is_found_however_it_is_mounted() {
    let name = "tta_redis_dev_data";
    for (mounts, expected) in [
        (
            mounting("volume", name, &volume_of(name), true),
            vec!["E3 dev"],
        ),
        (
            mounting("volume", name, &volume_of(name), false),
            vec!["E3 dev"],
        ),
        (
            mounting("bind", "", &volume_of(name), false),
            vec!["E3 dev"],
        ),
        (
            mounting("bind", "", &format!("{}/sub", volume_of(name)), true),
            vec!["E3 dev"],
        ),
        (
            mounting("bind", "", "/var/lib/docker/volumes", true),
            vec!["E3 dev,test,staging"],
        ),
        (
            mounting("bind", "", "/", false),
            vec!["E3 dev,test,staging"],
        ),
        // Names and folders that are alike and not the same.
        (
            mounting(
                "volume",
                "tta_redis_dev_data_2",
                &volume_of("tta_redis_dev_data_2"),
                true,
            ),
            vec![],
        ),
        (
            mounting("bind", "", &format!("{}2", volume_of(name)), true),
            vec![],
        ),
        (mounting("bind", "", "/var/lib/dockers", true), vec![]),
        (mounting("tmpfs", "", "", true), vec![]),
    ] {
        assert_eq!(
            with(|one| one["Mounts"] = mounts.clone()),
            expected,
            "{mounts}"
        );
    }
}

#[test]
fn a_second_volume_that_leads_to_the_same_place_is_that_place() {
    let alias = |device: &str| {
        let device = device.to_owned();
        found(move |told| {
            let mut volume = told["volumes"][0].clone();
            volume["Name"] = json!("alias");
            volume["Mountpoint"] = json!("/var/lib/docker/volumes/alias/_data");
            volume["Labels"] = json!(null);
            volume["Options"] = json!({ "type": "none", "o": "bind", "device": device });
            told["volumes"].as_array_mut().expect("a list").push(volume);
            let mut one = stranger("visitor");
            one["Mounts"] = mounting(
                "volume",
                "alias",
                "/var/lib/docker/volumes/alias/_data",
                true,
            );
            told["containers"].as_array_mut().expect("a list").push(one);
        })
    };
    assert_eq!(alias(&volume_of("tta_redis_test_data")), ["E3 test"]);
    assert_eq!(alias("/srv/elsewhere"), NOTHING);
}

#[test]
fn volumes_of_two_environments_kept_at_one_place_are_found() {
    let devices = |one: &str, two: &str| {
        let (one, two) = (one.to_owned(), two.to_owned());
        found(move |told| {
            told["volumes"][0]["Options"] = json!({ "device": one });
            told["volumes"][3]["Options"] = json!({ "device": two });
        })
    };
    assert_eq!(devices("/srv/shared", "/srv/shared/test"), ["E3 dev,test"]);
    assert_eq!(devices(":/export/dev", ":/export/test"), NOTHING);
}

#[test]
fn what_a_driver_s_options_say_is_a_place_only_where_data_are_kept_there() {
    let kept = |one: (&str, Value), two: (&str, Value)| {
        found(move |told| {
            for (at, (driver, options)) in [(0, one), (3, two)] {
                let volume = &mut told["volumes"][at];
                volume["Driver"] = json!(driver);
                volume["Options"] = options;
            }
        })
    };
    let nfs = |server: &str, export: &str| {
        let options = format!("addr={server},rw");
        (
            "local",
            json!({ "type": "nfs", "o": options, "device": format!(":{export}") }),
        )
    };
    let sshfs = |path: &str| ("sshfs", json!({ "sshcmd": format!("me@host:{path}") }));
    assert_eq!(
        kept(nfs("10.0.0.5", "/tta"), nfs("10.0.0.5", "/tta/test")),
        ["E3 dev,test"]
    );
    assert_eq!(
        kept(nfs("10.0.0.5", "/tta"), nfs("10.0.0.6", "/tta")),
        NOTHING
    );
    assert_eq!(kept(sshfs("/tta"), sshfs("/tta")), ["E3 dev,test"]);
    assert_eq!(kept(sshfs("/dev"), sshfs("/test")), NOTHING);
    // Memory, each its own.
    let memory = || ("local", json!({ "type": "tmpfs", "device": "tmpfs" }));
    assert_eq!(kept(memory(), memory()), NOTHING);
}

#[test]
fn the_folder_behind_a_volume_is_the_volume_too() {
    let told = |change: &dyn Fn(&mut Value)| {
        found(|told| {
            let device = json!({ "type": "none", "o": "bind", "device": "/srv/tta/dev" });
            told["volumes"][0]["Options"] = device;
            let mut one = stranger("visitor");
            change(&mut one);
            told["containers"].as_array_mut().expect("a list").push(one);
        })
    };
    assert_eq!(told(&|_| {}), NOTHING);
    let bind =
        |source: &'static str| told(&move |one| one["Mounts"] = mounting("bind", "", source, true));
    assert_eq!(bind("/srv/tta/dev"), ["E3 dev"]);
    assert_eq!(bind("/srv/tta"), ["E3 dev"]);
    assert_eq!(bind("/srv/tta/other"), NOTHING);
}

#[test]
fn a_volume_whose_driver_names_no_folder_is_in_no_folder_of_the_host() {
    let seen = found(|told| {
        told["volumes"][0]["Driver"] = json!("sshfs");
        told["volumes"][0]["Mountpoint"] = json!("");
        let mut one = stranger("visitor");
        one["Mounts"] = mounting("bind", "", "/home/me", true);
        told["containers"].as_array_mut().expect("a list").push(one);
    });
    assert_eq!(seen, NOTHING);
}

#[test]
fn what_is_ours_is_known_by_more_than_its_labels() {
    let name = "tta_redis_dev_data";
    let helper = |run: Option<&str>, writable: bool| {
        with(|one| {
            labelled(one, "dev");
            if let Some(run) = run {
                one["Config"]["Labels"]["org.tta.run"] = json!(run);
            }
            one["Mounts"] = mounting("volume", name, &volume_of(name), writable);
        })
    };
    // The journal has 1-1, which is over, and 2-2, which is not.
    assert_eq!(helper(Some("1-1"), false), NOTHING);
    assert_eq!(helper(Some("1-1"), true), ["E3 dev"]);
    assert_eq!(helper(Some("2-2"), true), NOTHING);
    assert_eq!(helper(Some("9-9"), false), ["E3 dev"]);
    assert_eq!(helper(None, false), ["E3 dev"]);
    let one_off = |service: &str, image: &str| {
        with(|one| {
            let labels = &mut one["Config"]["Labels"];
            labels[PROJECT] = json!("tta-dev");
            labels["com.docker.compose.service"] = json!(service);
            labels["com.docker.compose.oneoff"] = json!("True");
            one["Config"]["Image"] = json!(image);
            one["Mounts"] = mounting("volume", name, &volume_of(name), true);
        })
    };
    assert_eq!(one_off("redis", "tta-redis"), NOTHING);
    assert_eq!(one_off("redis", "attacker/redis"), ["E3 dev"]);
    assert_eq!(one_off("adminer", "tta-redis"), ["E3 dev"]);
}

#[test]
fn a_helper_of_one_environment_has_no_business_with_another_s_volume() {
    let name = "tta_redis_staging_data";
    let seen = with(|one| {
        labelled(one, "dev");
        one["Config"]["Labels"]["org.tta.run"] = json!("2-2");
        one["Mounts"] = mounting("volume", name, &volume_of(name), false);
    });
    assert_eq!(seen, ["E3 dev,staging"]);
}
