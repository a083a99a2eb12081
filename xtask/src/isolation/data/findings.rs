//! The data layer's findings in words: what was seen, how to see it again, what to do. Pure.

use compose_audit::fault;
use compose_audit::finding::Finding;
use environments::{Deployment, Environment, Instance, Service};
use process::printable;

use crate::isolation::auth::{joined, xtask};
use crate::isolation::data::evidence::{Graph, Keys, Written};

fn container(instance: &Instance, environment: Environment, service: Service) -> String {
    Deployment::new(environment, instance.clone()).container(service)
}

fn containers(instance: &Instance, pair: [Environment; 2], service: Service) -> String {
    pair.map(|one| container(instance, one, service))
        .join(" and ")
}

/// A command for each of two environments.
fn each(instance: &Instance, pair: [Environment; 2], rest: &str) -> String {
    pair.map(|one| format!("{} {}", xtask(instance), rest.replace("ENV", one.slug())))
        .join("; ")
}

pub(super) fn one_store(
    instance: &Instance,
    pair: [Environment; 2],
    service: Service,
    reasons: &[String],
) -> Finding {
    let reproduce = match service {
        Service::Neo4j => each(instance, pair, "cypher ENV 'CALL db.info()'"),
        Service::Redis => pair
            .map(|one| {
                format!(
                    "docker exec --user root {} tta-redis-admin INFO server replication | grep -E 'run_id|replid|master_host'",
                    container(instance, one, service)
                )
            })
            .join("; "),
    };
    joined(fault::D1, &pair, containers(instance, pair, service))
        .evidence(reasons.join("; "))
        .reproduce(reproduce)
        .fix(format!(
            "give each environment its own server on its own volume: `{0} down {1}`, then `{0} up {1}`; \
             a replica is stopped by REPLICAOF NO ONE",
            xtask(instance),
            pair[0]
        ))
}

pub(super) fn cloned(instance: &Instance, pair: [Environment; 2], stores: &[String]) -> Finding {
    let stores: Vec<String> = stores.iter().map(|name| printable(name)).collect();
    joined(fault::D4, &pair, containers(instance, pair, Service::Neo4j))
        .evidence(format!(
            "two running servers, but one store id for {}: one store was copied from the other, with \
             all that was in it",
            stores.join(", ")
        ))
        .reproduce(each(instance, pair, "cypher ENV 'CALL db.info()'"))
        .fix("load a dump into an empty volume instead, sanitised; or declare it with --allow where it is a sanitised seed")
}

pub(super) fn one_name(
    instance: &Instance,
    environment: Environment,
    other: Environment,
    graph: &Graph,
) -> Finding {
    joined(
        fault::D2,
        &[environment, other],
        format!("{}: database {}", graph.name, other.database()),
    )
    .evidence(format!(
        "the server of {environment} has a database by the name of that of {other}; its home is {}",
        printable(&graph.home)
    ))
    .reproduce(folders(instance, environment))
    .fix(if graph.home == other.database() {
        rename(instance, environment)
    } else {
        TO_DROP.to_owned()
    })
}

pub(super) fn one_home(instance: &Instance, pair: [Environment; 2], home: &str) -> Finding {
    joined(fault::D2, &pair, format!("database {}", printable(home)))
        .evidence(format!(
            "{} is the home database of both: whoever takes the wrong address notices nothing",
            printable(home)
        ))
        .reproduce(pair.map(|one| databases(instance, one)).join("; "))
        .fix(rename(instance, pair[0]))
}

/// K4: a home database by another name than the definitions give it.
pub(crate) fn bad_name(
    instance: &Instance,
    environment: Environment,
    container: &str,
    name: &str,
) -> Finding {
    joined(
        fault::K4,
        &[environment],
        format!("{container}: database {}", printable(name)),
    )
    .evidence(format!(
        "its home is {}, where the definitions have {}",
        if name.is_empty() {
            "no database at all".to_owned()
        } else {
            printable(name)
        },
        environment.database()
    ))
    .reproduce(databases(instance, environment))
    .fix(rename(instance, environment))
}

/// What to do with a database beside the home.
pub(crate) const TO_DROP: &str = "find out what is in it, save that, and drop it; where SHOW \
                                  DATABASES does not have it, its folders in databases and \
                                  transactions are all that there is";

/// Lists the databases that have files, in use or not.
pub(crate) fn folders(instance: &Instance, environment: Environment) -> String {
    format!(
        "docker exec {} ls /data/databases",
        container(instance, environment, Service::Neo4j)
    )
}

fn databases(instance: &Instance, environment: Environment) -> String {
    format!(
        "docker exec --interactive --tty {} cypher-shell --username neo4j --database system 'SHOW DATABASES'",
        container(instance, environment, Service::Neo4j)
    )
}

fn rename(instance: &Instance, environment: Environment) -> String {
    format!(
        "dump it, load it under the name {} into an empty volume, and start that: a volume's database \
         cannot be renamed; `{} init-neo4j {environment}` says what the server has",
        environment.database(),
        xtask(instance)
    )
}

pub(super) fn numbered(
    instance: &Instance,
    environment: Environment,
    keys: &Keys,
    numbered: &[(u32, u64)],
) -> Finding {
    let list: Vec<String> = numbered
        .iter()
        .map(|(number, count)| format!("{count} in database {number}"))
        .collect();
    joined(
        fault::D5,
        &[environment],
        format!("{}: numbered databases", keys.name),
    )
    .evidence(format!(
        "there are keys in other databases than 0: {}; a number keeps nobody out, since users, \
         FLUSHALL and memory are shared",
        list.join(", ")
    ))
    .reproduce(format!(
        "docker exec --user root {} tta-redis-admin INFO keyspace",
        keys.name
    ))
    .fix(format!(
        "move what belongs to {environment} to database 0 under the prefix {}, and what does not to \
         its own server: docker exec --user root {} tta-redis-admin -n {} MOVE KEY 0; `{} env {environment}` \
         has the address",
        environment.redis_prefix(),
        keys.name,
        numbered[0].0,
        xtask(instance)
    ))
}

pub(super) fn replication(
    instance: &Instance,
    environment: Environment,
    keys: &Keys,
    seen: &str,
) -> Finding {
    joined(
        fault::D6,
        &[environment],
        format!("{}: replication", keys.name),
    )
    .evidence(format!("its role is {}, and {}", printable(&keys.role), printable(seen)))
    .reproduce(format!(
        "docker exec --user root {} tta-redis-admin INFO replication",
        keys.name
    ))
    .fix(format!(
        "docker exec --user root {} tta-redis-admin REPLICAOF NO ONE, and on whatever copies it; `{} up \
         {environment}` starts it as a master",
        keys.name,
        xtask(instance)
    ))
}

pub(super) fn left(instance: &Instance, written: &Written, why: &str) -> Finding {
    let environment = written.environment;
    let name = container(instance, environment, written.service);
    let (reproduce, fix) = match written.service {
        Service::Neo4j => (
            format!(
                "{} cypher {environment} 'MATCH (c:TtaCanary) RETURN c.run'",
                xtask(instance)
            ),
            format!(
                "{} cypher {environment} 'MATCH (c:TtaCanary) DELETE c'",
                xtask(instance)
            ),
        ),
        Service::Redis => {
            let key = format!("{}tta-canary", environment.redis_prefix());
            (
                format!("{} redis {environment} HKEYS {key}", xtask(instance)),
                format!("{} redis {environment} DEL {key}", xtask(instance)),
            )
        }
    };
    joined(fault::H4, &[environment], format!("{name}: canary"))
        .evidence(format!(
            "this run could not take its canary away: {}",
            printable(why)
        ))
        .reproduce(reproduce)
        .fix(format!("the next run sweeps it; or: {fix}"))
}
