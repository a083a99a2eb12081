//! What an engine would tell, for the tests of whatever judges it.

use environments::Instance;
use serde_json::{Value, json};

use super::*;

pub(crate) fn parsed(told: &Value) -> Census {
    fn list<T: serde::de::DeserializeOwned>(told: &Value) -> Vec<T> {
        serde_json::from_value(told.clone()).expect("it is of the known form")
    }
    let mut containers: Vec<Container> = list(&told["containers"]);
    for mount in containers.iter_mut().flat_map(|one| &mut one.mounts) {
        mount.real = mount.source.clone();
    }
    Census {
        containers,
        networks: list(&told["networks"]),
        volumes: list(&told["volumes"]),
    }
}

/// Dev, test and staging of the main set, as they should be.
pub(crate) fn three() -> Census {
    parsed(&three_as_told())
}

pub(crate) fn three_as_told() -> Value {
    let deployments = Environment::LOCAL.map(|one| Deployment::new(one, Instance::main()));
    let containers: Vec<Value> = deployments
        .iter()
        .flat_map(|one| Service::ALL.map(|service| container(one, service)))
        .collect();
    let networks: Vec<Value> = deployments.iter().map(network).collect();
    let volumes: Vec<Value> = deployments
        .iter()
        .flat_map(|one| {
            Volume::ALL.map(|volume| {
                let name = one.volume(volume);
                json!({
                    "Name": name, "Driver": "local", "Options": null, "Labels": labels(one),
                    "Mountpoint": format!("/var/lib/docker/volumes/{name}/_data"),
                })
            })
        })
        .collect();
    json!({ "containers": containers, "networks": networks, "volumes": volumes })
}

fn labels(deployment: &Deployment) -> Value {
    let labels = deployment.labels().into_iter();
    let mut labels: serde_json::Map<String, Value> = labels
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    labels.insert(PROJECT.to_owned(), json!(deployment.project()));
    labels.into()
}

/// `10.0.1.2` for dev's Neo4j, `10.0.2.3` for test's Redis.
fn container(deployment: &Deployment, service: Service) -> Value {
    let name = deployment.container(service);
    let number = deployment.environment() as usize + 1;
    let (last, ports, volumes): (_, &[u16], &[(Volume, &str)]) = match service {
        Service::Neo4j => (
            2,
            &[7474, 7687],
            &[(Volume::Neo4jData, "/data"), (Volume::Neo4jLogs, "/logs")],
        ),
        Service::Redis => (3, &[6379], &[(Volume::RedisData, "/data")]),
    };
    let mounts: Vec<Value> = volumes
        .iter()
        .map(|(volume, destination)| {
            let name = deployment.volume(*volume);
            json!({
                "Type": "volume", "Name": name, "Destination": destination, "RW": true,
                "Source": format!("/var/lib/docker/volumes/{name}/_data"),
            })
        })
        .collect();
    let published: serde_json::Map<String, Value> = ports
        .iter()
        .map(|port| {
            let host = port + 1000 * (deployment.environment() as u16);
            let binding = json!([{ "HostIp": "127.0.0.1", "HostPort": host.to_string() }]);
            (format!("{port}/tcp"), binding)
        })
        .collect();
    let exposed: serde_json::Map<String, Value> = ports
        .iter()
        .map(|port| (format!("{port}/tcp"), json!({})))
        .collect();
    json!({
        "Id": format!("{number}{last}").repeat(32),
        "Name": format!("/{name}"),
        "Image": "sha256:1",
        "State": { "Status": "running" },
        "Config": {
            "Image": format!("tta-{}", service.name()), "User": "", "Env": ["PATH=/bin"],
            "Cmd": ["go"], "Entrypoint": ["run"], "Labels": labels(deployment),
            "Healthcheck": { "Test": ["CMD", "check"] }, "ExposedPorts": exposed,
        },
        "HostConfig": {
            "NetworkMode": deployment.network(), "PidMode": "", "IpcMode": "private",
            "UTSMode": "", "UsernsMode": "", "Privileged": false, "CapAdd": null,
            "SecurityOpt": null, "Devices": null, "DeviceCgroupRules": null,
            "VolumesFrom": null, "Links": null, "PortBindings": published,
            "RestartPolicy": { "Name": "no" }, "Memory": 0,
        },
        "Mounts": mounts,
        "NetworkSettings": {
            "Networks": {
                deployment.network(): {
                    "NetworkID": number.to_string().repeat(64),
                    "IPAddress": format!("10.0.{number}.{last}"),
                    "GlobalIPv6Address": "",
                },
            },
            "Ports": published,
        },
    })
}

fn network(deployment: &Deployment) -> Value {
    let number = deployment.environment() as usize + 1;
    json!({
        "Id": number.to_string().repeat(64), "Name": deployment.network(),
        "Driver": "bridge", "Internal": false, "EnableIPv6": false, "Labels": labels(deployment),
        "IPAM": { "Config": [{ "Gateway": format!("10.0.{number}.1") }] },
    })
}

/// A container of nobody's, on no network, with no mount.
pub(crate) fn stranger(name: &str) -> Value {
    let mut one = container(
        &Deployment::new(Environment::Dev, Instance::main()),
        Service::Redis,
    );
    one["Id"] = json!("f".repeat(64));
    one["Name"] = json!(format!("/{name}"));
    one["Config"]["Labels"] = json!({});
    one["HostConfig"]["NetworkMode"] = json!("bridge");
    one["HostConfig"]["PortBindings"] = json!({});
    one["Mounts"] = json!([]);
    one["NetworkSettings"] = json!({ "Networks": {}, "Ports": {} });
    one
}
