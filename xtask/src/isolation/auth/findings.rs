//! The auth layer's findings in words: what was seen, how to see it again, what to do. Pure.

use compose_audit::fault::{self, Fault};
use compose_audit::finding::Finding;
use environments::{Environment, Instance, Service};
use process::{printable, quoted};

use crate::isolation::auth::evidence::{Site, Try};
use crate::isolation::servers::keyed::Secret;
use crate::tools::neo4j::quoted_name;

/// Whose server it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) instance: &'a Instance,
    pub(super) environment: Environment,
}

/// `cargo xtask`, led to the instance.
pub(crate) fn xtask(instance: &Instance) -> String {
    match instance.name() {
        None => "cargo xtask".to_owned(),
        Some(name) => format!("cargo xtask --instance {name}"),
    }
}

/// A command that logs in as a user with an environment's password, which it takes from `env` and
/// puts in no argument.
fn login(of: &Of<'_>, service: &str, container: &str, user: &str, whose: Environment) -> String {
    let password = format!(
        "\"$({} env {whose} | sed -n 's/^NEO4J_PASSWORD=//p')\"",
        xtask(of.instance)
    );
    let user = quoted(user);
    if service == "neo4j" {
        format!(
            "NEO4J_PASSWORD={password} docker exec --env NEO4J_PASSWORD {container} cypher-shell \
             --username {user} --database system 'SHOW CURRENT USER'"
        )
    } else {
        format!(
            "REDISCLI_AUTH={password} docker exec --env REDISCLI_AUTH {container} redis-cli \
             --no-auth-warning --user {user} ACL WHOAMI"
        )
    }
}

/// A command that shows who may do what.
pub(super) fn users(container: &str) -> String {
    format!("docker exec --user root {container} tta-redis-admin ACL LIST")
}

/// A command that logs in to a Redis, as [`login`].
pub(super) fn takes(of: &Of<'_>, container: &str, user: &str) -> String {
    login(of, "redis", container, user, of.environment)
}

/// A command that the environment's own user gives its Redis.
pub(super) fn says(of: &Of<'_>, container: &str, command: &str) -> String {
    let login = takes(of, container, of.environment.redis_user());
    login.replace("ACL WHOAMI", command)
}

pub(super) fn stale(of: &Of<'_>, service: &str, container: &str) -> Finding {
    let environment = of.environment;
    let user = if service == "neo4j" {
        environment.neo4j_user()
    } else {
        environment.redis_user()
    };
    let fix = if service == "neo4j" {
        "give it the password that its volume was made with, or change that one in Neo4j: ALTER \
         CURRENT USER SET PASSWORD FROM … TO …"
            .to_owned()
    } else {
        format!(
            "recreate the container, whose users come from the definitions: {} down {environment}, then up {environment}",
            xtask(of.instance)
        )
    };
    joined(
        fault::A4,
        &[environment],
        format!("{container}: user {user}"),
    )
    .evidence(format!(
        "the login that the definitions or the secrets provider give for {environment} is \
             refused by its own {service}"
    ))
    .reproduce(login(of, service, container, user, environment))
    .fix(fix)
}

pub(super) fn configured(
    of: &Of<'_>,
    service: &str,
    container: &str,
    passwords: &[&Secret],
) -> Finding {
    let environment = of.environment;
    let places: Vec<String> = passwords.iter().map(|one| printable(&one.place)).collect();
    joined(
        fault::A4,
        &[environment],
        format!("{container}: {}", places.join(", ")),
    )
    .evidence(format!(
        "the container is configured with another password than the one that its {service} takes"
    ))
    .reproduce(format!(
        "docker inspect --format '{{{{.State.Health.Status}}}}' {container}"
    ))
    .fix(format!(
        "start it from its own file again: {} up {environment}",
        xtask(of.instance)
    ))
}

pub(super) fn open(of: &Of<'_>, service: &str, container: &str) -> Finding {
    let (evidence, reproduce, fix) = if service == "neo4j" {
        (
            "a query without any login is answered",
            format!(
                "docker exec {container} wget -qO- --header 'Content-Type: application/json' --post-data '{{\"statement\":\"SHOW CURRENT USER\"}}' http://localhost:7474/db/system/query/v2"
            ),
            "remove NEO4J_AUTH=none and dbms.security.auth_enabled=false, then recreate the container",
        )
    } else {
        (
            "DBSIZE without any login is answered",
            format!("docker exec {container} redis-cli DBSIZE"),
            "switch the user off, but leave it its permissions: ACL SETUSER default off resetpass",
        )
    };
    joined(fault::A3, &[of.environment], container.to_owned())
        .evidence(evidence)
        .reproduce(reproduce)
        .fix(fix)
}

pub(super) fn opened(
    of: &Of<'_>,
    service: &str,
    container: &str,
    whose: Environment,
    opened: &[&Try],
) -> Finding {
    let users: Vec<String> = opened.iter().map(|one| printable(&one.user)).collect();
    let hows: Vec<&str> = opened.iter().take(1).map(|one| one.how.as_str()).collect();
    joined(
        fault::A2,
        &[of.environment, whose],
        format!("{container}: password of {whose}"),
    )
    .evidence(format!(
        "the {service} of {} accepts the password of {whose} for {} ({})",
        of.environment,
        users.join(", "),
        hows.join("")
    ))
    .reproduce(login(of, service, container, &opened[0].user, whose))
    .fix(format!(
        "give {} a password of its own, and no user of another environment",
        of.environment
    ))
}

pub(super) fn extra_graph_user(of: &Of<'_>, container: &str, user: &str) -> Finding {
    joined(
        fault::A5,
        &[of.environment],
        format!("{container}: user {}", printable(user)),
    )
    .evidence(
        "SHOW USERS has it, the definitions do not; on Community every user may do everything",
    )
    .reproduce(format!(
        "{} cypher {} 'SHOW USERS'",
        xtask(of.instance),
        of.environment
    ))
    .fix(format!(
        "{} cypher {} {}",
        xtask(of.instance),
        of.environment,
        quoted(&printable(&format!("DROP USER {}", quoted_name(user))))
    ))
}

pub(super) fn broad(
    of: &Of<'_>,
    container: &str,
    user: &str,
    more: &[String],
    reproduce: String,
) -> Finding {
    let environment = of.environment;
    // Another environment's user here joins the two.
    let other = Environment::ALL
        .into_iter()
        .find(|other| other.redis_user() == user)
        .unwrap_or(environment);
    joined(
        fault::A5,
        &[environment, other],
        format!("{container}: user {}", printable(user)),
    )
    .evidence(more.join("; "))
    .reproduce(reproduce)
    .fix(format!(
        "recreate the container, whose users come from the definitions: {0} down {environment}, then {0} up {environment}",
        xtask(of.instance)
    ))
}

pub(super) fn shared(instance: &Instance, one: &Site, other: &Site, at: &[String]) -> Finding {
    let at: Vec<String> = at.iter().map(|place| printable(place)).collect();
    let container = |site: &Site, service| {
        environments::Deployment::new(site.environment, instance.clone()).container(service)
    };
    joined(
        fault::A1,
        &[one.environment, other.environment],
        at.join(", "),
    )
    .evidence("the keyed hashes of these secrets are the same")
    .reproduce(format!(
        "for c in {} {} {} {}; do docker exec --user root $c bash -c 'for n in $(compgen -e | grep \
         -iE \"auth|passw|secret|token\"); do printf \"%s %s \" $HOSTNAME $n; printf %s \
         \"${{!n#*/}}\" | sha256sum; done'; done",
        container(one, Service::Neo4j),
        container(one, Service::Redis),
        container(other, Service::Neo4j),
        container(other, Service::Redis),
    ))
    .fix("give each environment a secret of its own, and change the one that both know")
}

/// Findings name environments in the order in which they are shown.
pub(crate) fn joined(fault: Fault, environments: &[Environment], subject: String) -> Finding {
    let mut environments = environments.to_vec();
    environments.sort_unstable();
    environments.dedup();
    let names: Vec<&str> = environments.iter().map(|one| one.slug()).collect();
    Finding::new(fault, &names, subject)
}
