//! `cypher`: a Cypher shell, or one statement, on the right server as the right user.

use std::io::IsTerminal;

use environments::Service;

use crate::cli::Cypher;
use crate::context::Context;
use crate::error::Result;
use crate::report::Answer;
use crate::secrets;
use crate::tasks::running_container;

const NAME: &str = "cypher";

pub(crate) fn run(context: &Context, args: &Cypher) -> Result<Answer> {
    let environment = args.environment;
    let deployment = context.deployment(environment);
    let container = running_container(context, NAME, &deployment, Service::Neo4j)?;
    let password = secrets::password(environment)?;
    let terminal = args.statement.is_none()
        && std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal();
    let mut options = vec!["--env", "NEO4J_USERNAME", "--env", "NEO4J_PASSWORD"];
    if terminal {
        options.push("--tty");
    }
    let mut words = vec!["cypher-shell", "--database", environment.database()];
    if !terminal {
        words.extend(["--format", "plain", "--non-interactive", "--fail-fast"]);
    }
    let mut command = context
        .docker
        .exec_with(&container.id, &options, &words)
        .env("NEO4J_USERNAME", environment.neo4j_user())
        .secret("NEO4J_PASSWORD", &password.value);
    if let Some(statement) = &args.statement {
        // By standard input: as an argument it would be taken for an option if it began with one.
        command = command.stdin(format!("{};\n", statement.trim_end().trim_end_matches(';')));
    }
    let code = context.runner.interactive(&command)?;
    Ok(Answer::Passed(u8::try_from(code).unwrap_or(1)))
}
