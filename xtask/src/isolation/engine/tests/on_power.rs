//! What a container may do beyond its own.

use super::*;

#[test]
fn the_host_s_namespaces_are_found_on_what_is_an_environment_s() {
    for (field, value, expected) in [
        ("NetworkMode", "host", vec!["E7 dev"]),
        ("PidMode", "host", vec!["E7 dev"]),
        ("IpcMode", "host", vec!["E7 dev"]),
        ("UTSMode", "host", vec!["E7 dev"]),
        ("UsernsMode", "host", vec!["E7 dev"]),
        ("IpcMode", "shareable", vec![]),
    ] {
        let seen = with(|one| {
            labelled(one, "dev");
            one["HostConfig"][field] = json!(value);
        });
        assert_eq!(seen, expected, "{field} {value}");
        assert_eq!(
            with(|one| one["HostConfig"][field] = json!(value)),
            NOTHING,
            "{field}"
        );
    }
}

#[test]
fn what_can_drive_the_engine_is_found_and_what_cannot_is_not() {
    let bind = |source: &str| ("Mounts", mounting("bind", "", source, false));
    let host = |field: &str, value: Value| ("HostConfig", json!({ field: value }));
    for ((part, value), found) in [
        (bind("/var/run/docker.sock"), true),
        (bind("/home/me/docker.sock"), true),
        (bind("/run"), true),
        (bind("/var"), true),
        (bind("/proc/1/ns"), true),
        (bind("/dev"), true),
        (bind("/run/user/1000/x"), false),
        (bind("/home/me/notes"), false),
        (bind("/etc/localtime"), false),
        (host("Privileged", json!(true)), true),
        (host("CapAdd", json!(["SYS_ADMIN"])), true),
        (host("CapAdd", json!(["CAP_SYS_PTRACE"])), true),
        (host("CapAdd", json!(["ALL"])), true),
        (host("CapAdd", json!(["NET_BIND_SERVICE", "CHOWN"])), false),
        (host("SecurityOpt", json!(["seccomp=unconfined"])), true),
        (host("SecurityOpt", json!(["no-new-privileges"])), false),
        (host("ReadonlyPaths", json!([])), true),
        (host("ReadonlyPaths", json!(["/proc/sys"])), false),
        (host("ReadonlyPaths", json!(null)), false),
        (host("Devices", json!([{ "PathOnHost": "/dev/sda" }])), true),
        (host("DeviceCgroupRules", json!(["b 8:* rmw"])), true),
    ] {
        let seen = with(|one| {
            labelled(one, "test");
            match &value {
                Value::Object(fields) => {
                    for (field, value) in fields {
                        one[part][field] = value.clone();
                    }
                }
                mounts => one[part] = mounts.clone(),
            }
        });
        let e8 = seen.iter().any(|one| one == "E8 test");
        assert_eq!(e8, found, "{part} {value}: {seen:?}");
    }
}

#[test]
fn another_s_namespace_is_found_and_one_s_own_environment_s_is_not() {
    let redis_of_test = format!("container:{}", "23".repeat(32));
    let joined = |label: Option<&str>| {
        with(|one| {
            if let Some(label) = label {
                labelled(one, label);
            }
            one["HostConfig"]["NetworkMode"] = json!(redis_of_test);
        })
    };
    assert_eq!(joined(None), ["E11 test"]);
    assert_eq!(joined(Some("dev")), ["E11 dev,test"]);
    let linked = with(|one| one["HostConfig"]["Links"] = json!(["/tta-dev-redis:/visitor/db"]));
    assert_eq!(linked, ["E11 dev"]);
    let own = found(|told| {
        told["containers"][2]["HostConfig"]["PidMode"] = json!("container:tta-test-redis");
    });
    assert_eq!(own, NOTHING);
}
