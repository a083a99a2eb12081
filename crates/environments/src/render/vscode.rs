//! What VS Code's database extensions need to connect.
//!
//! Decides the connections. It must not know what else people keep in their settings.

use serde_json::{Value, json};

use super::jsonc::{self, JsoncError};
use super::target::Secrets;
use crate::Environment;

/// The property of the editor's settings that is ours.
const REDIS_CONNECTIONS: &str = "redis.database";

/// The editor's settings, with the value of `redis.database` exchanged and every other byte kept.
///
/// # Errors
/// The existing text is not JSON with comments, not an object, or has the property twice.
pub fn vscode_settings(existing: Option<&str>, secrets: Secrets) -> Result<String, JsoncError> {
    let connections = local(|environment, title, badge, ports| {
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
    });
    jsonc::with_property(
        existing.unwrap_or_default(),
        REDIS_CONNECTIONS,
        &connections,
    )
}

/// The reference of Neo4j connections. Plain JSON, which every extension can read.
#[must_use]
pub fn database_connections(secrets: Secrets) -> String {
    let connections = local(|environment, title, badge, ports| {
        let icon = badge.split(' ').next().unwrap_or_default();
        let mut connection = json!({
            "name": format!("{icon} TTA {title} Neo4j"),
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
    format!("{connections:#}\n")
}

/// An array with one element for each environment that an editor may connect to.
fn local(connection: impl Fn(Environment, &str, &str, crate::PublishedPorts) -> Value) -> Value {
    Environment::LOCAL
        .into_iter()
        .filter_map(|environment| {
            let title = match environment {
                Environment::Dev => "Dev",
                Environment::Test => "Test",
                Environment::Staging => "Staging",
                Environment::Prod => "Prod",
            };
            let (badge, ports) = (environment.badge()?, environment.main_ports()?);
            Some(connection(environment, title, badge, ports))
        })
        .collect()
}
