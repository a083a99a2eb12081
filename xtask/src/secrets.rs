//! Where an environment's password comes from.
//!
//! Development's and test's are well known. Staging's is, unless the variable that names its secret
//! is set, as a CI system or `vault … | export` sets it; production's comes from there alone.

use environments::render::Secrets;
use environments::{Credential, Environment};

use crate::error::{Failure, Result};

/// A password and where it came from.
#[derive(Clone)]
pub(crate) struct Password {
    pub(crate) value: String,
    /// Given by a provider: a secret, and written in no rendered file.
    pub(crate) provided: bool,
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Password")
            .field("provided", &self.provided)
            .finish_non_exhaustive()
    }
}

/// The shortest password that Neo4j takes.
const SHORTEST: usize = 8;

/// The password of an environment.
///
/// # Errors
/// Refused for production while no provider gives one, and for one that no server would take.
pub(crate) fn password(environment: Environment) -> Result<Password> {
    let credential = environment.credential();
    match (given(credential), credential.well_known()) {
        (Some(value), _) => acceptable(environment, value),
        (None, Some(well_known)) => Ok(Password {
            value: well_known.to_owned(),
            provided: false,
        }),
        (None, None) => Err(Failure::refused(format!(
            "{environment} has no well-known password: its secrets provider must give one"
        ))
        .hint(format!(
            "set {} from your secrets manager in this command's environment",
            credential.variable().unwrap_or_default()
        ))),
    }
}

/// For which environments rendered files leave the password out.
pub(crate) fn provided() -> Secrets {
    match given(Environment::Staging.credential()) {
        Some(_) => Secrets::with_staging(),
        None => Secrets::well_known(),
    }
}

/// A text from elsewhere without the passwords that a provider has given: a server may log its own.
pub(crate) fn blotted(text: &str) -> String {
    Environment::ALL
        .into_iter()
        .filter_map(|environment| given(environment.credential()))
        .filter(|secret| secret.len() >= SHORTEST)
        .fold(text.to_owned(), |text, secret| text.replace(&secret, "•••"))
}

fn given(credential: Credential) -> Option<String> {
    let value = std::env::var(credential.variable()?).ok()?;
    Some(value).filter(|value| !value.is_empty())
}

fn acceptable(environment: Environment, value: String) -> Result<Password> {
    let well_known = Environment::ALL
        .into_iter()
        .filter_map(|other| other.credential().well_known())
        .any(|known| known == value);
    let problem = if value.len() < SHORTEST {
        "is shorter than the 8 characters that Neo4j asks for"
    } else if value.contains(['\n', '\r', '\0']) {
        "has a line break or a NUL in it"
    } else if well_known {
        "is one of the well-known passwords: a secret must be nobody else's"
    } else {
        return Ok(Password {
            value,
            provided: true,
        });
    };
    Err(Failure::refused(format!(
        "the password given for {environment} {problem}"
    )))
}
