//! `env`: the connection variables of an environment, with the ports as published.

use environments::render::{connection, to_dotenv, to_github, to_json};
use environments::{Environment, PublishedPorts};

use crate::context::{Context, Format};
use crate::error::{Failure, Result};
use crate::guard::identity;
use crate::observe::observe_one;
use crate::report::Answer;
use crate::{secrets, stack};

const NAME: &str = "env";

pub(crate) fn run(context: &Context, environment: Environment) -> Result<Answer> {
    context.about(environment);
    let deployment = context.deployment(environment);
    let ports = match deployment.fixed_ports() {
        Some(fixed) => Some(fixed),
        None if !environment.publishes_ports() => None,
        None => Some(picked(context, environment)?),
    };
    let password = secrets::password(environment)?;
    let target = stack::target(&deployment, ports)?;
    let connection = connection(&target, Some(&password.value));
    let variables = connection.variables();
    let human = match context.format {
        Format::Github => to_github(variables),
        Format::Human | Format::Dotenv | Format::Json => {
            to_dotenv(variables).map_err(|error| Failure::failed(error.to_string()))?
        }
    };
    let json = serde_json::from_str(&to_json(variables))
        .map_err(|error| Failure::failed(format!("the variables are no JSON: {error}")))?;
    Ok(Answer::document(human, json))
}

/// The ports of an instance, which only its objects know.
fn picked(context: &Context, environment: Environment) -> Result<PublishedPorts> {
    let deployment = context.deployment(environment);
    let observed = observe_one(context, &deployment)?;
    identity::settle(NAME, &deployment, &identity::objects(&observed))?;
    observed.ports()?.ok_or_else(|| {
        Failure::failed(format!(
            "{deployment} was never started, so it has no ports"
        ))
        .hint(format!("cargo xtask up {environment}"))
    })
}
