//! Who may do what on an environment's Redis server.
//!
//! Decides the users and their rules. It must not know how the server is given the file.
//!
//! A file of Redis users takes nothing but `user …` lines: a comment stops the server ("should
//! start with user keyword", Redis 8.0.2), so the reasons are here.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::target::{Namespace, Target};
use crate::Environment;

/// `default` is off but keeps all permissions: at start Redis replays MULTI and EXEC of its
/// append-only file as this user, and without permissions it skips them and starts without the data
/// (7.0.15 and 8.0.2).
const DEFAULT: &str = "user default off ~* &* +@all";

/// The text of the server's file of users: `default`, which nobody can log in as, and the
/// environment's own, `tta-dev`.
///
/// The password is there as its SHA-256 only.
#[must_use]
pub fn redis_users(target: &Target, password: &str) -> String {
    let environment = target.deployment().environment();
    format!(
        "{DEFAULT}\nuser {user} on #{hash} {patterns} {commands}\n",
        user = environment.redis_user(),
        hash = sha256_hex(password),
        patterns = patterns(environment, target.namespace()),
        commands = commands(environment),
    )
}

/// Whether a text is such a file, of whatever version: such a file takes no comment in which it could
/// say so, and has the same two users in the same order.
pub(super) fn are_our_users(text: &str, rendered: &str) -> bool {
    let user = |line: &str| line.split(" on #").next().map(str::to_owned);
    let mut lines = text.lines().zip(rendered.lines());
    let default = lines.next().is_some_and(|(there, _)| there == DEFAULT);
    default
        && lines
            .next()
            .is_some_and(|(there, ours)| user(there) == user(ours))
}

/// The variables that compose needs in its own environment to start a deployment whose password a
/// provider gives; none for one whose password is well known.
///
/// Compose copies such a secret into the container as a file: it is in no argv, in no file on the
/// host and not in `docker inspect`. Compose's secrets from files would be bind mounts, which keep
/// the host's owner and mode (Docker's reference of compose files).
///
/// Compose copies them when it creates a container, and does not notice that one has changed
/// (2.26.1): whoever rotates a password has to recreate the containers.
#[must_use]
pub fn secret_environment(target: &Target, password: &str) -> Vec<(String, String)> {
    if !target.is_provided() {
        return Vec::new();
    }
    let environment = target.deployment().environment();
    let [neo4j, redis, users] = secret_variables(environment);
    vec![
        (neo4j, password.to_owned()),
        (redis, password.to_owned()),
        (users, redis_users(target, password)),
    ]
}

/// The names of those variables: Neo4j's password, Redis' password, Redis' users.
pub(super) fn secret_variables(environment: Environment) -> [String; 3] {
    let environment = environment.slug().to_uppercase();
    ["NEO4J_PASSWORD", "REDIS_PASSWORD", "REDIS_USERS"]
        .map(|what| format!("TTA_{environment}_{what}"))
}

/// Where the file is, beside the compose file.
pub(super) fn path(environment: Environment) -> String {
    format!("redis/users.{environment}.acl")
}

/// A text's SHA-256 in the form that Redis takes: 64 lowercase hexadecimal digits.
pub(super) fn sha256_hex(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a String does not fail");
            hex
        })
}

/// The keys and channels that the user may touch.
///
/// Redis compares the pattern of a PSUBSCRIBE with the allowed one literally: `development:*` is
/// taken, a narrower one is refused. SCAN, RANDOMKEY and DBSIZE see every key's name.
fn patterns(environment: Environment, namespace: Namespace) -> String {
    match namespace {
        Namespace::Enforce => {
            let prefix = environment.redis_prefix();
            format!("~{prefix}* &{prefix}*")
        }
        Namespace::Audit => "~* &*".to_owned(),
    }
}

/// The commands that the user may run. Redis applies the rules from left to right, so what is given
/// back stands last.
///
/// - `-@admin -@dangerous` takes CONFIG, ACL LIST, CLIENT KILL, LIST, PAUSE and NO-EVICT, DEBUG,
///   MONITOR, SAVE, SHUTDOWN, REPLICAOF, MIGRATE, RESTORE, FLUSHALL, FLUSHDB, SWAPDB, KEYS and
///   INFO. What client libraries send when they connect stays: HELLO, AUTH, SELECT, CLIENT
///   SETNAME, SETINFO, ID and TRACKING, COMMAND, PING; so do MULTI, EVAL, SCRIPT and ACL WHOAMI.
///   A script may do what its caller may, no more.
/// - `-function`: a library of functions is in neither category, and FLUSHALL leaves it behind, so
///   an emptied server would still run old code.
/// - `+sort +sort_ro`: @dangerous for their run time only. Redis checks the key, and refuses BY and
///   GET to whoever may not read every key, so they reach nothing beyond the prefix.
/// - `+flushdb +keys +info` for development and test: their users may look around in and empty their
///   own server.
///
/// What administers a server logs in as another user, which the image makes at each start.
fn commands(environment: Environment) -> String {
    let application = "+@all -@admin -@dangerous -function +sort +sort_ro";
    match environment {
        Environment::Dev | Environment::Test => format!("{application} +flushdb +keys +info"),
        Environment::Staging | Environment::Prod => application.to_owned(),
    }
}
