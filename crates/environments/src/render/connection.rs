//! The variables by which an application reaches its environment.
//!
//! Decides their names and values. It must not know where a password comes from: it is given one,
//! or leaves out what needs it.

use std::fmt::Write as _;

use super::format::to_dotenv;
use super::target::Target;

/// The variables of one deployment, in the order in which they are shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    variables: Vec<(&'static str, String)>,
}

impl Connection {
    /// The names and values. Two of them hold the password, where there is one.
    #[must_use]
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    /// One of the values, by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.variables.iter().find(|(key, _)| *key == name)?;
        Some(value)
    }
}

impl std::fmt::Debug for Connection {
    /// Names only: the values hold the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.variables.iter().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}

/// How an application reaches the deployment.
///
/// Without a `password` the well-known one is taken; where a provider has it and none is given,
/// NEO4J_PASSWORD and REDIS_URL are left out, because a URL without its password only fails later.
#[must_use]
pub fn connection(target: &Target, password: Option<&str>) -> Connection {
    let deployment = target.deployment();
    let environment = deployment.environment();
    let password = password.or(target.written_password());
    let mut variables = vec![
        ("ENVIRONMENT", environment.namespace().to_owned()),
        ("CONTAINER_PREFIX", deployment.prefix()),
        ("NEO4J_URI", format!("bolt://{}", target.bolt_address())),
    ];
    if let Some(password) = password {
        variables.push(("NEO4J_PASSWORD", password.to_owned()));
    }
    variables.push(("NEO4J_DATABASE", environment.database().to_owned()));
    if let Some(password) = password {
        let user = percent_encoded(environment.redis_user());
        let password = percent_encoded(password);
        let address = target.redis_address();
        variables.push((
            "REDIS_URL",
            format!("redis://{user}:{password}@{address}/0"),
        ));
    }
    Connection { variables }
}

/// The deployment's `.env` file. It never holds a password that a provider gives.
#[must_use]
pub fn dotenv(target: &Target) -> String {
    let environment = target.deployment().environment();
    let mut comment = "# Rendered by `cargo xtask generate`: don't edit it here.\n".to_owned();
    if target.is_provided() {
        comment.push_str("# NEO4J_PASSWORD and REDIS_URL are in no file: ");
        comment.push_str("`cargo xtask env ");
        comment.push_str(environment.slug());
        comment
            .push_str("` prints all\n# variables, with the password from the secrets provider.\n");
    }
    let variables = to_dotenv(connection(target, None).variables())
        .expect("neither a name of ours nor a well-known password has a line break");
    comment + &variables
}

/// A text as one part of a URL: all but RFC 3986's unreserved characters are encoded.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String does not fail");
        }
        encoded
    })
}
