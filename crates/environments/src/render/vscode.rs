//! What VS Code's database extensions need to connect.
//!
//! Decides the connections. It must not know what else people keep in their settings.

use serde_json::{Value, json};

use super::jsonc::{self, JsoncError};
use super::target::Secrets;
use crate::Environment;

/// The property of the editor's settings that is ours.
const REDIS_CONNECTIONS: &str = "redis.database";

/// The editor's settings, with our entries of `redis.database` as they should be. Entries of other
/// names, what people have added to ours, and every other byte stay.
///
/// # Errors
/// The existing text is not JSON with comments, not an object, has the property or one of our entries
/// twice, or has something else than a list there.
pub fn vscode_settings(existing: Option<&str>, secrets: Secrets) -> Result<String, JsoncError> {
    let earlier = [Secrets::well_known(), Secrets::with_staging()];
    jsonc::with_entries(
        existing.unwrap_or_default(),
        REDIS_CONNECTIONS,
        &redis_connections(secrets),
        &earlier.map(redis_connections).concat(),
    )
}

fn redis_connections(secrets: Secrets) -> Vec<Value> {
    local(|environment, title, badge, ports| {
        let mut connection = json!({
            "name": format!("TTA {title} Redis"),
            "host": "localhost",
            "port": ports.redis,
            "db": 0,
            "username": environment.redis_user(),
        });
        // A default user is off on every server: both are needed to log in.
        if let Some(password) = secrets.written_password(environment) {
            connection["password"] = password.into();
        }
        connection["label"] = badge.into();
        connection
    })
}

/// The reference of Neo4j connections. Plain JSON, which every extension can read.
#[must_use]
pub fn database_connections(secrets: Secrets) -> String {
    let connections = local(|environment, title, badge, ports| {
        let icon = badge.split(' ').next().unwrap_or_default();
        let mut connection = json!({
            "name": format!("{icon} {}", neo4j_name(title)),
            "host": "localhost",
            "port": ports.bolt,
            "username": environment.neo4j_user(),
        });
        if let Some(password) = secrets.written_password(environment) {
            connection["password"] = password.into();
        }
        connection["database"] = environment.database().into();
        connection
    });
    format!("{:#}\n", Value::Array(connections))
}

/// Whether a text is that reference, of whatever version: a list in which every connection has one of
/// our names. JSON has no comment in which it could say so.
pub(super) fn are_our_connections(text: &str) -> bool {
    let parsed: Result<Vec<Value>, _> = serde_json::from_str(text);
    let ours = |connection: &Value| {
        let name = connection["name"].as_str().unwrap_or_default();
        TITLES
            .iter()
            .any(|title| name.ends_with(&neo4j_name(title)))
    };
    parsed.is_ok_and(|all| !all.is_empty() && all.iter().all(ours))
}

fn neo4j_name(title: &str) -> String {
    format!("TTA {title} Neo4j")
}

/// What the connections call the environments.
const TITLES: [&str; 4] = ["Dev", "Test", "Staging", "Prod"];

/// One element for each environment that an editor may connect to.
fn local(
    connection: impl Fn(Environment, &str, &str, crate::PublishedPorts) -> Value,
) -> Vec<Value> {
    let [dev, test, staging, prod] = TITLES;
    Environment::LOCAL
        .into_iter()
        .filter_map(|environment| {
            let title = match environment {
                Environment::Dev => dev,
                Environment::Test => test,
                Environment::Staging => staging,
                Environment::Prod => prod,
            };
            let (badge, ports) = (environment.badge()?, environment.main_ports()?);
            Some(connection(environment, title, badge, ports))
        })
        .collect()
}
