//! The namespace layer's findings in words: what was seen, how to see it again, what to do. Pure.

use compose_audit::fault;
use compose_audit::finding::Finding;
use environments::{Environment, Instance};
use process::{printable, quoted};

use crate::isolation::auth::{joined, xtask};
use crate::isolation::data::{TO_DROP, folders};
use crate::isolation::namespace::evidence::{Keys, Nodes};
use crate::namespace::audit::Census;
use crate::tools::neo4j::quoted_name;
use crate::ui::counted;

/// At most five names. What they hold is never read.
fn samples(census: &Census, of: impl Fn(Option<Environment>) -> bool) -> String {
    let names: Vec<String> = census
        .samples
        .iter()
        .filter(|sample| of(sample.environment))
        .take(5)
        .map(|sample| match sample.database {
            0 => sample.name.clone(),
            number => format!("{} (database {number})", sample.name),
        })
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(", such as {}", names.join(", "))
    }
}

fn scan(keys: &Keys, pattern: &str) -> String {
    format!(
        "docker exec --user root {} tta-redis-admin --scan --pattern {}",
        keys.name,
        quoted(pattern)
    )
}

pub(super) fn foreign_keys(
    instance: &Instance,
    environment: Environment,
    other: Environment,
    keys: &Keys,
    count: u64,
) -> Finding {
    let prefix = other.redis_prefix();
    joined(
        fault::K1,
        &[environment, other],
        format!("{}: {prefix}*", keys.name),
    )
    .evidence(format!(
        "{} with the prefix of {other} on the server of {environment}{}",
        counted(count, "key"),
        samples(&keys.census, |one| one == Some(other))
    ))
    .reproduce(scan(keys, &format!("{prefix}*")))
    .fix(format!(
        "find who writes {prefix} with an address of {environment} (`{} env {other}` has the right \
             one), then remove each: docker exec --user root {} tta-redis-admin UNLINK KEY",
        xtask(instance),
        keys.name
    ))
}

pub(super) fn bare_keys(instance: &Instance, environment: Environment, keys: &Keys) -> Finding {
    let census = &keys.census;
    let taken = match (census.bare, keys.any_key) {
        (0, _) => {
            "its user may write keys of any name (TTA_NAMESPACE=audit, or a rule changed by hand)"
                .to_owned()
        }
        (bare, any) => format!(
            "{} without the prefix of any environment{}{}",
            counted(bare, "key"),
            samples(census, |one| one.is_none()),
            if any {
                "; its user may write keys of any name"
            } else {
                ""
            }
        ),
    };
    let prefix = environment.redis_prefix();
    joined(fault::K2, &[environment], format!("{}: keys without a prefix", keys.name))
        .evidence(taken)
        .reproduce(format!(
            "docker exec --user root {0} tta-redis-admin ACL LIST; {1} | grep --invert-match '^{prefix}'",
            keys.name,
            scan(keys, "*")
        ))
        .fix(format!(
            "{0} migrate-namespace {environment}, then start it without TTA_NAMESPACE=audit: {0} up {environment}",
            xtask(instance)
        ))
}

pub(super) fn foreign_nodes(
    instance: &Instance,
    environment: Environment,
    other: Environment,
    nodes: &Nodes,
    count: u64,
) -> Finding {
    let label = quoted_name(other.neo4j_label());
    joined(
        fault::K3,
        &[environment, other],
        format!("{}: :{}", nodes.name, other.neo4j_label()),
    )
    .evidence(format!(
        "{} with the label of {other} on the server of {environment}{}",
        counted(count, "node"),
        samples(&nodes.census, |one| one == Some(other))
    ))
    .reproduce(format!(
        "{} cypher {environment} {}",
        xtask(instance),
        quoted(&format!("MATCH (n:{label}) RETURN elementId(n), labels(n) LIMIT 5"))
    ))
    .fix(format!(
        "find who writes :{} with an address of {environment}, then remove these nodes or their label: {} cypher {environment} {}",
        other.neo4j_label(),
        xtask(instance),
        quoted(&format!("MATCH (n:{label}) REMOVE n:{label}"))
    ))
}

pub(super) fn bare_nodes(instance: &Instance, environment: Environment, nodes: &Nodes) -> Finding {
    let own = quoted_name(environment.neo4j_label());
    joined(
        fault::K3,
        &[environment],
        format!("{}: nodes without a label of an environment", nodes.name),
    )
    .evidence(format!(
        "{} without the label of any environment{}",
        counted(nodes.census.bare, "node"),
        samples(&nodes.census, |one| one.is_none())
    ))
    .reproduce(format!(
        "{} cypher {environment} {}",
        xtask(instance),
        quoted(&format!(
            "MATCH (n) WHERE NOT n:{own} RETURN elementId(n), labels(n) LIMIT 5"
        ))
    ))
    .fix(format!(
        "{} migrate-namespace {environment}",
        xtask(instance)
    ))
}

pub(super) fn another_database(
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
        "it is there beside {}, and nothing of this project counts, empties or saves it",
        environment.database()
    ))
    .reproduce(folders(instance, environment))
    .fix(TO_DROP)
}
