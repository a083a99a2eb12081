//! Tries the logins, and reads who may log in.

use std::collections::BTreeSet;

use environments::render::{Target, redis_users};
use environments::{Environment, Protection, PublishedPorts, Service, label};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::guard::turn;
use crate::isolation::auth::acl;
use crate::isolation::auth::evidence::{Graph, Keys, Site, Try};
use crate::isolation::auth::matrix::{self, Planned};
use crate::isolation::scene::{self, Scene};
use crate::isolation::servers::databases::SYSTEM;
use crate::isolation::servers::graph::{Login, basic};
use crate::isolation::servers::keys::logins;
use crate::isolation::servers::{self, Pair, container, graph};

/// Asks all servers side by side.
pub(super) fn collect(scene: &Scene<'_>) -> Vec<Site> {
    let asked = servers::each(scene, graph_of, keys_of);
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

fn graph_of(scene: &Scene<'_>, site: &scene::Site, pair: &Pair) -> Result<Graph, String> {
    let environment = site.deployment.environment();
    // Two runs that try wrong passwords at the same moment would be three in a row.
    let _turn = turn::take(
        &scene.engine.id,
        &site.deployment,
        "logins",
        scene.context.interrupt(),
    )
    .map_err(|failure| failure.message)?;
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
    for planned in matrix::on_graph(environment, &scope(scene)) {
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

fn keys_of(scene: &Scene<'_>, site: &scene::Site, pair: &Pair) -> Result<Keys, String> {
    let environment = site.deployment.environment();
    let key = scene.key.as_ref().map_err(Clone::clone)?;
    let (secrets, listed) = {
        let mut server = pair.keys()?;
        (server.secrets.clone(), server.ask(&["ACL", "LIST"]))
    };
    let users = listed.and_then(|lines| {
        acl::users(&lines, key)
            .ok_or_else(|| "ACL LIST answers what is no list of users".to_owned())
    });
    let own = password(scene, environment);
    let planned = matrix::on_keys(environment, &scope(scene));
    let (own_outcome, anonymous, tries) =
        try_keys(scene, site, environment, own.clone(), &planned, &users)?;
    Ok(Keys {
        name: site.deployment.container(Service::Redis),
        secrets,
        own: own_outcome,
        anonymous,
        tries,
        users,
        defined: own.map_or_else(|_| Vec::new(), |own| acl::defined(environment, own, key)),
        audit: started_for_audit(site),
    })
}

/// Its own login, that without one, and those that should be refused.
fn try_keys(
    scene: &Scene<'_>,
    site: &scene::Site,
    environment: Environment,
    own: Result<&str, String>,
    planned: &[Planned],
    users: &Result<Vec<acl::User>, String>,
) -> Result<(Login, Login, Vec<Try>), String> {
    let given: Vec<(&Planned, Result<&str, String>)> = planned
        .iter()
        .map(|one| (one, password(scene, one.password)))
        .collect();
    // Its own login first, and again behind each wrong one.
    let own_login = own
        .as_ref()
        .ok()
        .map(|own| (environment.redis_user().to_owned(), (*own).to_owned()));
    let mut script: Vec<(String, String)> = own_login.iter().cloned().collect();
    for (one, password) in &given {
        if let (true, Ok(password)) = (may_be_told(scene, one), password) {
            script.push((one.user.clone(), (*password).to_owned()));
            script.extend(own_login.iter().cloned());
        }
    }
    let answered = logins(scene, site, &script)?;
    let mut answers = answered.answers.iter().map(|answer| login(answer));
    let own_outcome = match &own {
        Ok(_) => answers.next().unwrap_or_else(nobody),
        Err(why) => Login::Unknown(why.clone()),
    };
    let mut tries = Vec::new();
    for (one, password) in given {
        let (outcome, how) = match (may_be_told(scene, one), password) {
            (_, Err(why)) => (Login::Unknown(why), String::new()),
            (true, Ok(_)) => {
                let outcome = answers.next().unwrap_or_else(nobody);
                let behind = match own_login {
                    Some(_) => answers.next().unwrap_or_else(nobody),
                    None => Login::Refused,
                };
                let control = if behind == Login::Accepted {
                    "its own login is accepted before and after"
                } else {
                    "its own login is not accepted"
                };
                (outcome, format!("tried on the server; {control}"))
            }
            (false, Ok(password)) => (
                by_list(scene, users, &one.user, password),
                "not tried: decided by the server's list of users, whose hashes are compared keyed; \
                 exact, since Redis compares the same hashes"
                    .to_owned(),
            ),
        };
        tries.push(Try {
            user: one.user.clone(),
            password: one.password,
            outcome,
            how,
        });
    }
    Ok((own_outcome, anonymous(&answered.anonymous), tries))
}

fn nobody() -> Login {
    Login::Unknown("the server did not answer".to_owned())
}

/// What AUTH answers.
fn login(answer: &str) -> Login {
    if answer == "OK" {
        Login::Accepted
    } else if answer.starts_with("WRONGPASS") {
        Login::Refused
    } else {
        Login::Unknown(format!("AUTH is answered {answer:?}"))
    }
}

/// What DBSIZE answers to nobody in particular.
fn anonymous(answer: &str) -> Login {
    if answer.parse::<u64>().is_ok() {
        Login::Accepted
    } else if answer.starts_with("NOAUTH") || answer.starts_with("NOPERM") {
        Login::Refused
    } else {
        Login::Unknown(format!("DBSIZE is answered {answer:?}"))
    }
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
