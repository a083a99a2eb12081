//! `init-neo4j`: the environment's database exists under its name.
//!
//! Community has one user database, which the server makes at its first start under the name that
//! the compose file gives: there this command only looks. Enterprise has `CREATE DATABASE`; no
//! Enterprise server was tried, only a fake that answers as its manual says.

use environments::{Environment, Service};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::neo4j;
use crate::report::Answer;
use crate::secrets;
use crate::tasks::running_container;
use crate::tools::neo4j::quoted_name;

const NAME: &str = "init-neo4j";

pub(crate) fn run(context: &Context, environment: Environment) -> Result<Answer> {
    let deployment = context.deployment(environment);
    let container = running_container(context, NAME, &deployment, Service::Neo4j)?;
    let password = secrets::password(environment)?;
    let server = neo4j(context, &deployment, &container, &password);
    let database = environment.database();

    // On the system database, which every edition has: the environment's own may be missing.
    let look = "CALL dbms.components() YIELD edition RETURN edition;\n\
                SHOW DATABASES YIELD name, currentStatus, home RETURN name, currentStatus, home ORDER BY name;\n";
    let lines = server.prove_on("system", look)?;
    let edition = lines.get(1).map(|line| line.trim_matches('"').to_owned());
    let databases: Vec<&String> = lines.iter().skip(3).collect();
    let named = format!("\"{database}\", ");
    let there = databases.iter().find(|line| line.starts_with(&named));
    match (there, edition.as_deref()) {
        (Some(line), Some(edition)) if line.contains("\"online\"") => {
            let said = format!("{database} is online on Neo4j {edition}: nothing to do");
            Ok(Answer::done(vec![environment], said))
        }
        (Some(line), _) => Err(Failure::failed(format!(
            "{database} exists, but is not online: {line}"
        ))
        .hint(format!("cargo xtask logs {environment} neo4j"))),
        (None, Some("enterprise")) => {
            if context.dry_run {
                return Ok(Answer::done(
                    vec![environment],
                    format!("would create {database}"),
                ));
            }
            let create = format!(
                "CREATE DATABASE {} IF NOT EXISTS WAIT;\n",
                quoted_name(database)
            );
            server.prove_on("system", &create)?;
            Ok(Answer::done(
                vec![environment],
                format!("{database} was created"),
            ))
        }
        (None, _) => {
            let databases: Vec<String> = databases.iter().map(|line| (*line).clone()).collect();
            Err(Failure::failed(format!(
                "Neo4j {} has no database {database}, and cannot be given a second one: it has\n    {}",
                edition.unwrap_or_default(),
                databases.join("\n    ")
            ))
            .hint(
                "a Community server names its one database at its first start: dump the store, and \
                 load it under the new name into an empty volume (docs/switching-databases.md)",
            ))
        }
    }
}
