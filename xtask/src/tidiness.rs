//! Whether a running set differs from a fresh one in more than its data and its schema.
//!
//! Emptying in place gives what new volumes would only where nobody has added a user, changed a
//! setting or an ACL.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use environments::Service;
use environments::render::{self, Target};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::{self, Observed, joined, neo4j};
use crate::secrets;

/// What in-place has to drop, and what it cannot set right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tidiness {
    pub(crate) constraints: Vec<String>,
    /// Those that are neither lookup indexes nor owned by a constraint.
    pub(crate) indexes: Vec<String>,
    /// One reason a line. Empty where a fresh set would have the same users and settings.
    pub(crate) untidy: Vec<String>,
}

/// Asks both servers.
pub(crate) fn inspect(context: &Context, observed: &Observed, target: &Target) -> Result<Tidiness> {
    thread::scope(|scope| {
        let redis = scope.spawn(|| redis(context, observed, target));
        let mut tidiness = graph(context, observed)?;
        tidiness.untidy.extend(joined(redis)?);
        Ok(tidiness)
    })
}

fn graph(context: &Context, observed: &Observed) -> Result<Tidiness> {
    let deployment = &observed.deployment;
    let container = observed
        .container(Service::Neo4j)
        .ok_or_else(|| Failure::failed("Neo4j has no container"))?;
    let password = secrets::password(deployment.environment())?;
    let answers = neo4j(context, deployment, container, &password).ask(&[
        "SHOW CONSTRAINTS YIELD name RETURN name ORDER BY name",
        "SHOW INDEXES YIELD name, type, owningConstraint \
         WHERE type <> 'LOOKUP' AND owningConstraint IS NULL RETURN name ORDER BY name",
        "SHOW USERS YIELD user RETURN user",
        // Of the others `value` and `startupValue` differ by how a path or an address is written.
        "SHOW SETTINGS YIELD name, value, startupValue, isDynamic \
         WHERE isDynamic AND value <> startupValue RETURN name",
    ])?;
    let names = |answer: usize| -> Vec<String> {
        let rows = answers.get(answer).map(Vec::as_slice).unwrap_or_default();
        let name = |row: &Vec<serde_json::Value>| Some(row.first()?.as_str()?.to_owned());
        rows.iter().filter_map(name).collect()
    };
    let mut untidy = Vec::new();
    let users = names(2);
    if users != [deployment.environment().neo4j_user()] {
        untidy.push(format!("Neo4j has the users {}", users.join(", ")));
    }
    for setting in names(3) {
        untidy.push(format!("Neo4j's setting {setting} was changed"));
    }
    Ok(Tidiness {
        constraints: names(0),
        indexes: names(1),
        untidy,
    })
}

fn redis(context: &Context, observed: &Observed, target: &Target) -> Result<Vec<String>> {
    let environment = observed.deployment.environment();
    let container = observed
        .container(Service::Redis)
        .ok_or_else(|| Failure::failed("Redis has no container"))?;
    let server = observe::redis(context, container);
    let words = container.command().iter().map(String::as_str);
    let args: Vec<&str> = std::iter::once("tta-redis-drift").chain(words).collect();
    let asked = context
        .docker
        .exec_with(&container.id, &["--user", "root"], &args);
    let (users, drift) = thread::scope(|scope| {
        let drift = scope.spawn(|| context.runner.run(&asked)?.ok());
        let users = server.admin(&["ACL", "LIST"]);
        (users, joined(drift))
    });
    let password = secrets::password(environment)?;
    let rendered = render::redis_users(target, &password.value);
    let mut untidy = users_changed(&rendered, &users?);
    untidy.extend(drift?.stdout.lines().map(|line| format!("Redis: {line}")));
    Ok(untidy)
}

/// What the users of a server differ in from the rendered ones. Redis writes a rule in a form of its
/// own, so a user's rules are compared as the sets of their words; the admin user's password is new
/// at every start.
fn users_changed(rendered: &str, now: &str) -> Vec<String> {
    let users = |text: &str| -> BTreeMap<String, BTreeSet<String>> {
        let rules = |line: &str| {
            let mut words = line.strip_prefix("user ")?.split_whitespace();
            let name = words.next()?.to_owned();
            let written = words.filter(|word| !WRITTEN_BY_REDIS.contains(word));
            Some((name, written.map(str::to_owned).collect()))
        };
        text.lines().filter_map(rules).collect()
    };
    let mut now = users(now);
    now.remove("tta-admin");
    let expected = users(rendered);
    let names: BTreeSet<&String> = expected.keys().chain(now.keys()).collect();
    names
        .into_iter()
        .filter(|name| expected.get(*name) != now.get(*name))
        .map(|name| format!("Redis' user {name} is not as rendered"))
        .collect()
}

/// Words that `ACL LIST` adds to what a file says.
const WRITTEN_BY_REDIS: [&str; 2] = ["sanitize-payload", "resetchannels"];

#[cfg(test)]
mod tests {
    use super::*;

    const RENDERED: &str = "user default off ~* &* +@all\n\
                            user tta-test on #00 ~test:* &test:* +@all -@admin\n";
    /// As Redis 8.0.2 writes it.
    const LISTED: &str = "user default off sanitize-payload ~* &* +@all\n\
                          user tta-admin on sanitize-payload #5f ~* &* +@all\n\
                          user tta-test on sanitize-payload #00 ~test:* resetchannels &test:* +@all -@admin\n";

    #[test]
    fn a_fresh_servers_users_are_known_again_in_redis_own_words() {
        assert_eq!(users_changed(RENDERED, LISTED), Vec::<String>::new());
    }

    #[test]
    fn a_user_added_opened_widened_or_removed_is_noticed() {
        for (changed, user) in [
            (format!("{LISTED}user guest on nopass ~* +@all\n"), "guest"),
            (
                LISTED.replace("default off", "default on nopass"),
                "default",
            ),
            (LISTED.replace("~test:*", "~*"), "tta-test"),
            (LISTED.replace("user tta-test", "user other"), "other"),
        ] {
            let untidy = users_changed(RENDERED, &changed).join("; ");
            assert!(untidy.contains(&format!("user {user} ")), "{untidy}");
        }
    }
}
