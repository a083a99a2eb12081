//! What is: the objects of a deployment as the engine tells them, and what its servers say of
//! themselves.
//!
//! Architecture Invariant: nothing here changes anything, and nothing here decides.

use environments::{Deployment, PublishedPorts, Service, Volume, label};
use process::side_by_side::both;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::secrets::Password;
use crate::tools::docker::{Container, NetworkState, VolumeState};
use crate::tools::neo4j::Neo4j;
use crate::tools::redis::{Redis, field, keyspace};

/// The objects of one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) deployment: Deployment,
    pub(crate) neo4j: Option<Container>,
    pub(crate) redis: Option<Container>,
    pub(crate) volumes: Vec<(Volume, Option<VolumeState>)>,
    pub(crate) network: Option<NetworkState>,
}

impl Observed {
    pub(crate) const fn container(&self, service: Service) -> Option<&Container> {
        match service {
            Service::Neo4j => self.neo4j.as_ref(),
            Service::Redis => self.redis.as_ref(),
        }
    }

    /// The containers that are there.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &Container> {
        self.neo4j.iter().chain(&self.redis)
    }

    /// The volumes that are there.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = (Volume, &VolumeState)> {
        self.volumes
            .iter()
            .filter_map(|(volume, state)| Some((*volume, state.as_ref()?)))
    }

    /// Whether both servers run.
    pub(crate) fn running(&self) -> bool {
        let runs = |service| self.container(service).is_some_and(Container::running);
        Service::ALL.into_iter().all(runs)
    }

    /// The running containers on its network that are none of its own: name and id.
    pub(crate) fn strangers_on_network(&self) -> impl Iterator<Item = String> {
        let members = self.network.iter().flat_map(NetworkState::members);
        let ours = |id: &str| self.containers().any(|one| one.id == id);
        members
            .filter(move |(id, _)| !ours(id))
            .map(|(id, name)| format!("{name} ({})", id.get(..12).unwrap_or(id)))
    }

    /// The ports that were picked when the instance was first started, from whichever of its
    /// objects is left.
    ///
    /// # Errors
    /// Two objects disagree: somebody labelled one by hand.
    pub(crate) fn ports(&self) -> Result<Option<PublishedPorts>> {
        let volume = |name| self.volumes().find_map(|(_, volume)| volume.label(name));
        let container = |name| {
            self.containers()
                .find_map(|container| container.label(name))
        };
        let network = |name| self.network.as_ref()?.label(name);
        let kept = |name| {
            let labels = [container(name), volume(name), network(name)];
            let mut labels = labels.into_iter().flatten();
            let first = labels.next()?;
            Some(if labels.all(|other| other == first) {
                first
                    .parse::<u16>()
                    .map_err(|_| unclear(&self.deployment, name))
            } else {
                Err(unclear(&self.deployment, name))
            })
        };
        let port = |name| kept(name).transpose();
        let http = port(label::HTTP_PORT)?;
        let bolt = port(label::BOLT_PORT)?;
        let redis = port(label::REDIS_PORT)?;
        Ok(match (http, bolt, redis) {
            (Some(http), Some(bolt), Some(redis)) => Some(PublishedPorts { http, bolt, redis }),
            _ => None,
        })
    }
}

fn unclear(deployment: &Deployment, label: &str) -> Failure {
    Failure::refused(format!(
        "the objects of {deployment} do not agree on the label {label}"
    ))
    .hint("docker volume inspect, docker container inspect and docker network inspect show the labels")
}

/// Looks at the objects of several deployments, in three calls side by side.
pub(crate) fn observe(context: &Context, deployments: &[Deployment]) -> Result<Vec<Observed>> {
    let docker = &context.docker;
    let all = |name: &dyn Fn(&Deployment) -> Vec<String>| -> Vec<String> {
        deployments.iter().flat_map(name).collect()
    };
    let container_names = all(&|deployment| {
        Service::ALL
            .map(|service| deployment.container(service))
            .to_vec()
    });
    let volume_names =
        all(&|deployment| Volume::ALL.map(|volume| deployment.volume(volume)).to_vec());
    let network_names = all(&|deployment| vec![deployment.network()]);
    let (containers, (volumes, networks)) = both(
        || docker.containers(&container_names),
        || {
            both(
                || docker.volumes(&volume_names),
                || docker.networks(&network_names),
            )
        },
    );
    let (containers, volumes, networks) = (containers?, volumes?, networks?);
    let observed = |deployment: &Deployment| {
        let container = |service| {
            let name = deployment.container(service);
            containers
                .iter()
                .find(|found| found.name() == name)
                .cloned()
        };
        let volume = |volume| {
            let name = deployment.volume(volume);
            (
                volume,
                volumes.iter().find(|found| found.name == name).cloned(),
            )
        };
        let network = deployment.network();
        Observed {
            deployment: deployment.clone(),
            neo4j: container(Service::Neo4j),
            redis: container(Service::Redis),
            volumes: Volume::ALL.map(volume).to_vec(),
            network: networks.iter().find(|found| found.name == network).cloned(),
        }
    };
    Ok(deployments.iter().map(observed).collect())
}

/// One of them.
pub(crate) fn observe_one(context: &Context, deployment: &Deployment) -> Result<Observed> {
    observe(context, std::slice::from_ref(deployment))?
        .pop()
        .ok_or_else(|| Failure::failed(format!("{deployment} was not observed")))
}

/// What a running Neo4j says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphFacts {
    pub(crate) home_database: String,
    pub(crate) store_id: String,
    pub(crate) version: String,
    pub(crate) edition: String,
    pub(crate) nodes: u64,
    pub(crate) relationships: u64,
}

/// What a running Redis says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFacts {
    pub(crate) version: String,
    /// Over all databases.
    pub(crate) keys: u64,
    /// `ACL LIST`, a line a user.
    pub(crate) users: Vec<String>,
}

/// The versions, a list, and the edition. Always in these words: a server that has just started plans
/// each wording for a tenth of a second, and takes longer with a RETURN.
pub(crate) const COMPONENTS: &str = "CALL dbms.components() YIELD versions, edition";

/// Neo4j's facts, as a client that names no database is told them.
pub(crate) fn graph(
    context: &Context,
    deployment: &Deployment,
    container: &Container,
    password: &Password,
) -> Result<GraphFacts> {
    let answers = neo4j(context, deployment, container, password).look_at_home(&[
        "CALL db.info() YIELD name, id",
        COMPONENTS,
        "MATCH (n) RETURN count(n)",
        "MATCH ()-[r]->() RETURN count(r)",
    ])?;
    let cell = |answer: usize, column: usize| {
        answers
            .get(answer)
            .and_then(|rows| rows.first())
            .and_then(|row| row.get(column))
            .ok_or_else(|| Failure::failed(format!("Neo4j of {deployment} answered without a row")))
    };
    let text = |answer, column| -> Result<String> {
        Ok(cell(answer, column)?
            .as_str()
            .unwrap_or_default()
            .to_owned())
    };
    let count = |answer| -> Result<u64> {
        cell(answer, 0)?
            .as_u64()
            .ok_or_else(|| Failure::failed(format!("Neo4j of {deployment} counted no number")))
    };
    Ok(GraphFacts {
        home_database: text(0, 0)?,
        store_id: text(0, 1)?,
        version: cell(1, 0)?[0].as_str().unwrap_or_default().to_owned(),
        edition: text(1, 1)?,
        nodes: count(2)?,
        relationships: count(3)?,
    })
}

/// Redis' facts, as its admin user, inside the container.
pub(crate) fn keys(context: &Context, container: &Container) -> Result<KeyFacts> {
    let redis = redis(context, container);
    let reply = redis.look(&["INFO server", "INFO keyspace", "ACL LIST"])?;
    Ok(key_facts(&reply.stdout).ok_or_else(|| reply.unexpected("INFO and a list of users"))?)
}

/// Reads the answers one behind the other: a line of the list begins with `user`, no line of INFO
/// does.
fn key_facts(text: &str) -> Option<KeyFacts> {
    let (server, rest) = text.split_at(text.find("# Keyspace")?);
    let (users, keys): (Vec<&str>, Vec<&str>) =
        rest.lines().partition(|line| line.starts_with("user "));
    let keys = keyspace(&keys.join("\n"))?;
    (!users.is_empty()).then(|| KeyFacts {
        version: field(server, "redis_version")
            .unwrap_or_default()
            .to_owned(),
        keys: keys.values().map(|one| one.keys).sum(),
        users: users.into_iter().map(str::to_owned).collect(),
    })
}

/// The Redis in a container.
pub(crate) fn redis<'a>(context: &'a Context, container: &'a Container) -> Redis<'a> {
    Redis {
        docker: &context.docker,
        container: &container.id,
    }
}

/// The Neo4j in a container.
pub(crate) fn neo4j<'a>(
    context: &'a Context,
    deployment: &Deployment,
    container: &'a Container,
    password: &'a Password,
) -> Neo4j<'a> {
    let environment = deployment.environment();
    Neo4j {
        docker: &context.docker,
        container: &container.id,
        database: environment.database(),
        user: environment.neo4j_user(),
        password: &password.value,
    }
}

/// What an engine would tell, for the tests of whatever judges it.
#[cfg(test)]
pub(crate) mod testing {
    use serde_json::json;

    use super::*;

    fn labels(deployment: &Deployment) -> serde_json::Value {
        deployment
            .labels()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn container(deployment: &Deployment, service: Service) -> Container {
        let mount = |volume: Volume, destination: &str| json!({ "Name": deployment.volume(volume), "Destination": destination });
        let mounts = match service {
            Service::Neo4j => vec![
                mount(Volume::Neo4jData, "/data"),
                mount(Volume::Neo4jLogs, "/logs"),
            ],
            Service::Redis => vec![mount(Volume::RedisData, "/data")],
        };
        let name = deployment.container(service);
        serde_json::from_value(json!({
            "Id": match service {
                Service::Neo4j => "4".repeat(64),
                Service::Redis => "7".repeat(64),
            },
            "Name": format!("/{name}"),
            "State": { "Status": "running", "StartedAt": "2026-01-01T00:00:00Z" },
            "Config": { "Image": "tta", "Labels": labels(deployment), "Cmd": ["neo4j"] },
            "Mounts": mounts,
            "HostConfig": {},
        }))
        .expect("a container")
    }

    /// Both servers running, with all their volumes and their network.
    pub(crate) fn running(deployment: &Deployment) -> Observed {
        let volume = |volume| {
            let state = json!({
                "Name": deployment.volume(volume),
                "CreatedAt": "2026-01-01T00:00:00Z",
                "Labels": labels(deployment),
            });
            (
                volume,
                Some(serde_json::from_value(state).expect("a volume")),
            )
        };
        let network = json!({
            "Id": "a".repeat(64),
            "Name": deployment.network(),
            "Labels": labels(deployment),
        });
        Observed {
            deployment: deployment.clone(),
            neo4j: Some(container(deployment, Service::Neo4j)),
            redis: Some(container(deployment, Service::Redis)),
            volumes: Volume::ALL.map(volume).to_vec(),
            network: Some(serde_json::from_value(network).expect("a network")),
        }
    }

    /// The same with its containers stopped.
    pub(crate) fn stopped(deployment: &Deployment) -> Observed {
        let mut observed = running(deployment);
        for container in observed.neo4j.iter_mut().chain(&mut observed.redis) {
            container.state.status = "exited".to_owned();
        }
        observed
    }

    /// Nothing at all.
    pub(crate) fn nothing(deployment: &Deployment) -> Observed {
        Observed {
            deployment: deployment.clone(),
            neo4j: None,
            redis: None,
            volumes: Volume::ALL.map(|volume| (volume, None)).to_vec(),
            network: None,
        }
    }

    pub(crate) fn graph_facts(home_database: &str) -> GraphFacts {
        GraphFacts {
            home_database: home_database.to_owned(),
            store_id: "1".to_owned(),
            version: "5.26.30".to_owned(),
            edition: "community".to_owned(),
            nodes: 2,
            relationships: 1,
        }
    }

    pub(crate) fn key_facts(user: &str) -> KeyFacts {
        KeyFacts {
            version: "8.0.2".to_owned(),
            keys: 3,
            users: vec![user.to_owned()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "# Server\r\nredis_version:8.0.2\r\n\n\
                        # Keyspace\r\ndb0:keys=2,expires=0,avg_ttl=0\r\ndb3:keys=1,expires=1\r\n\n\
                        user default off\nuser tta-dev on #00 ~development:*\n\n";

    #[test]
    fn a_redis_is_read_from_its_answers_one_behind_the_other() {
        let facts = key_facts(TOLD).expect("it is understood");
        assert_eq!((facts.version.as_str(), facts.keys), ("8.0.2", 3));
        assert_eq!(
            facts.users,
            ["user default off", "user tta-dev on #00 ~development:*"]
        );
    }

    #[test]
    fn a_part_that_is_missing_is_not_taken_for_nothing() {
        for part in ["# Keyspace", "db3:keys=1", "user "] {
            assert_eq!(key_facts(&TOLD.replace(part, "x")), None, "{part}");
        }
        assert_eq!(key_facts(""), None);
    }
}
