//! Tries the logins, and reads who may log in.

use std::collections::BTreeSet;

use compose_audit::alone;
use environments::render::{Target, redis_users};
use environments::{Environment, Protection, PublishedPorts, Service, label};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::isolation::auth::evidence::{Graph, Keys, Site, Try};
use crate::isolation::auth::matrix::{self, Planned};
use crate::isolation::auth::{acl, plain};
use crate::isolation::scene::{self, Scene};
use crate::isolation::servers::databases::SYSTEM;
use crate::isolation::servers::graph::{Login, basic};
use crate::isolation::servers::{self, PATIENCE, Pair, Servers, container, graph, keys};

/// Asks all servers side by side.
pub(super) fn collect(scene: &Scene<'_>, servers: &Servers) -> Vec<Site> {
    let unlisted = unlisted(scene, servers);
    let asked = servers::each(
        scene,
        servers,
        |scene, site, pair| graph_of(scene, site, pair, &unlisted),
        |scene, site, pair| keys_of(scene, site, pair, &unlisted),
    );
    let site = |(site, (graph, keys)): (&scene::Site, _)| Site {
        environment: site.deployment.environment(),
        password: match &site.password {
            Ok(password) => scene
                .key
                .as_ref()
                .map(|key| key.of(&password.value))
                .map_err(Clone::clone),
            Err(why) => Err(why.clone()),
        },
        graph,
        keys,
    };
    scene.sites.iter().zip(asked).map(site).collect()
}

fn scope(scene: &Scene<'_>) -> Vec<Environment> {
    let environments = scene.sites.iter().map(|site| site.deployment.environment());
    environments.collect()
}

/// The environments whose Redis does not list its users.
fn unlisted(scene: &Scene<'_>, servers: &Servers) -> Vec<Environment> {
    let sites = scope(scene).into_iter().zip(servers.of(scene));
    sites
        .filter(|(_, pair)| !pair.users_are_listed())
        .map(|(environment, _)| environment)
        .collect()
}

/// Whether a login may be tried on another environment's server. A secret is given to nobody but
/// the server that it is for: the keyed hashes decide just as well.
fn may_be_told(scene: &Scene<'_>, planned: &Planned) -> bool {
    let owner = |site: &&scene::Site| site.deployment.environment() == planned.password;
    let password = scene.sites.iter().find(owner).map(|site| &site.password);
    planned.tried && !matches!(password, Some(Ok(password)) if password.provided)
}

/// The password of an environment in scope.
fn password<'a>(scene: &'a Scene<'_>, environment: Environment) -> Result<&'a str, String> {
    let owner = scene
        .sites
        .iter()
        .find(|site| site.deployment.environment() == environment)
        .ok_or("it is not in scope")?;
    match &owner.password {
        Ok(password) => Ok(&password.value),
        Err(why) => Err(why.clone()),
    }
}

fn graph_of(
    scene: &Scene<'_>,
    site: &scene::Site,
    pair: &Pair,
    unlisted: &[Environment],
) -> Result<Graph, String> {
    let environment = site.deployment.environment();
    let mut server = pair.graph()?;
    let anonymous = server.try_login("");
    let mut evidence = Graph {
        name: site.deployment.container(Service::Neo4j),
        secrets: server.secrets.clone(),
        own: server.own.clone(),
        anonymous,
        tries: Vec::new(),
        users: users(&mut server),
    };
    // Where its own login is refused, nothing resets Neo4j's count of wrong passwords, and one of
    // the three that lock the user is spent.
    let mut left = match evidence.own {
        Login::Accepted => usize::MAX,
        Login::Refused => 1,
        Login::Unknown(_) => 0,
    };
    for planned in matrix::on_graph(environment, &scope(scene), unlisted) {
        let (outcome, how) = if may_be_told(scene, &planned) && left > 0 {
            left -= 1;
            one_try(scene, &mut server, &planned)
        } else {
            decided(scene, environment, &evidence.own, &planned)
        };
        evidence.tries.push(Try {
            user: planned.user,
            password: planned.password,
            outcome,
            how,
        });
    }
    Ok(evidence)
}

/// A wrong login, and the right one behind it: that sets Neo4j's count of wrong ones back to 0.
fn one_try(scene: &Scene<'_>, server: &mut graph::Graph, planned: &Planned) -> (Login, String) {
    let password = match password(scene, planned.password) {
        Ok(password) => password,
        Err(why) => return (Login::Unknown(why), String::new()),
    };
    let outcome = server.try_login(&basic(&planned.user, password));
    if server.own != Login::Accepted {
        return (
            outcome,
            "tried on the server, whose own login is refused".to_owned(),
        );
    }
    match server.try_own() {
        Login::Accepted => (
            outcome,
            "tried on the server; its own login is accepted before and after".to_owned(),
        ),
        Login::Refused => (
            Login::Unknown("its own login is refused behind it".to_owned()),
            String::new(),
        ),
        Login::Unknown(why) => (Login::Unknown(why), String::new()),
    }
}

/// A login that is not tried. A user of Neo4j has one password: where the server has taken its own,
/// it takes no other.
fn decided(
    scene: &Scene<'_>,
    environment: Environment,
    own: &Login,
    planned: &Planned,
) -> (Login, String) {
    match own {
        Login::Accepted => {}
        Login::Refused => {
            let why = "its own login is refused, and a third wrong password would lock its user";
            return (Login::Unknown(why.to_owned()), String::new());
        }
        Login::Unknown(why) => return (Login::Unknown(why.clone()), String::new()),
    }
    let digest = |whose| {
        let key = scene.key.as_ref().map_err(Clone::clone)?;
        password(scene, whose).map(|password| key.of(password))
    };
    match (digest(environment), digest(planned.password)) {
        (Ok(own), Ok(other)) => (
            if own == other {
                Login::Accepted
            } else {
                Login::Refused
            },
            String::from(
                "not tried: its own login is accepted, a Neo4j user has one password, and the keyed \
                 hashes of the two passwords are compared",
            ),
        ),
        (Err(why), _) | (_, Err(why)) => (Login::Unknown(why), String::new()),
    }
}

/// Who can log in.
fn users(server: &mut graph::Graph) -> Result<BTreeSet<String>, String> {
    let rows = server.ask(SYSTEM, "SHOW USERS YIELD user, suspended")?;
    rows.iter()
        .map(|row| match row.as_slice() {
            // Community has no suspension: null.
            [Value::String(user), suspended] => Ok((user, suspended == &Value::Bool(true))),
            _ => Err("SHOW USERS answered no names".to_owned()),
        })
        .filter(|row| !matches!(row, Ok((_, true))))
        .map(|row| row.map(|(user, _)| user.clone()))
        .collect()
}

fn keys_of(
    scene: &Scene<'_>,
    site: &scene::Site,
    pair: &Pair,
    unlisted: &[Environment],
) -> Result<Keys, String> {
    let environment = site.deployment.environment();
    let key = scene.key.as_ref().map_err(Clone::clone)?;
    // Whatever it does not tell, the logins are tried: nobody needs more for that than its port.
    let (secrets, asker, listed) = match pair.keys() {
        Ok(server) => (
            server.secrets.clone(),
            server.user.clone(),
            server.users.clone(),
        ),
        Err(why) => (Vec::new(), String::new(), Err(why)),
    };
    let users = listed.and_then(|lines| {
        acl::users(&lines, key)
            .ok_or_else(|| "ACL LIST answers what is no list of users".to_owned())
    });
    let guarded = matrix::protected(environment);
    let own = password(scene, environment);
    let logins = matrix::on_keys(environment, &scope(scene), unlisted)
        .into_iter()
        .map(|planned| plain::Given {
            tried: may_be_told(scene, &planned),
            password: password(scene, planned.password),
            planned,
        })
        .collect();
    let plan = plain::Plan {
        environment,
        run: &scene.run,
        own: own.clone(),
        logins,
        // Who may do what on a protected server is read, where it can be.
        reach: !guarded || users.is_err(),
    };
    let ask = || {
        let mut server = keys::anyone(scene, site)?;
        plain::ask(&mut |words| server.ask(words), &plan)
    };
    // No protected server gets a wrong password twice.
    let answered = if guarded && plan.has_wrong_logins() {
        ask()?
    } else {
        alone::once_more(PATIENCE, ask, Result::is_err)?
    };
    let by_list = |one: &plain::Given<'_>, password: &str| {
        by_list(scene, &users, &one.planned.user, password)
    };
    let tries = plain::tries(plan.logins, answered.logins, by_list);
    Ok(Keys {
        name: site.deployment.container(Service::Redis),
        secrets,
        own: answered.own,
        anonymous: answered.anonymous,
        tries,
        beyond: answered.beyond,
        users,
        asker,
        defined: own.map_or_else(|_| Vec::new(), |own| acl::defined(environment, own, key)),
        audit: started_for_audit(site),
    })
}

/// What AUTH would answer, by the list of users.
fn by_list(
    scene: &Scene<'_>,
    users: &Result<Vec<acl::User>, String>,
    name: &str,
    password: &str,
) -> Login {
    let (users, key) = match (users, &scene.key) {
        (Ok(users), Ok(key)) => (users, key),
        (Err(why), _) | (_, Err(why)) => return Login::Unknown(why.clone()),
    };
    let digest = key.of(password);
    let takes = |user: &acl::User| {
        user.name == name && user.on && (user.nopass || user.passwords.contains(&digest))
    };
    if users.iter().any(takes) {
        Login::Accepted
    } else {
        Login::Refused
    }
}

/// Whether the Redis container was started with the users of the namespace mode `audit`: its label
/// has their digest.
fn started_for_audit(site: &scene::Site) -> bool {
    let Protection::Disposable(disposable) = Protection::from(site.deployment.clone()) else {
        return false;
    };
    let Some(password) = disposable
        .deployment()
        .environment()
        .credential()
        .well_known()
    else {
        return false;
    };
    // The users do not depend on the ports.
    let ports = PublishedPorts {
        http: 1,
        bolt: 2,
        redis: 3,
    };
    let users = redis_users(&Target::audited(&disposable, ports), password);
    let digest: String = Sha256::digest(users)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let label = container(site, Service::Redis)
        .ok()
        .and_then(|one| one.label(label::ACL));
    label.is_some_and(|label| !label.is_empty() && digest.starts_with(label))
}
