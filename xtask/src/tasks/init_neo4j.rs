//! `init-neo4j`: the environment's database exists under its name.
//!
//! Community has one user database, which the server makes at its first start under the name that
//! the compose file gives: there this command only looks. Enterprise has `CREATE DATABASE`; no
//! Enterprise server was tried, only a fake that answers as its manual says.

use std::fmt;

use environments::{Environment, Service};
use process::printable;
use serde_json::Value;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::observe::neo4j;
use crate::report::Answer;
use crate::secrets;
use crate::tasks::running_container;
use crate::tools::bolt::Rows;
use crate::tools::neo4j::quoted_name;

const NAME: &str = "init-neo4j";

pub(crate) fn run(context: &Context, environment: Environment) -> Result<Answer> {
    let deployment = context.deployment(environment);
    let container = running_container(context, NAME, &deployment, Service::Neo4j)?;
    let password = secrets::password(environment)?;
    let server = neo4j(context, &deployment, &container, &password);
    let database = environment.database();

    // On the system database, which every edition has: the environment's own may be missing.
    let answers = server.prove_on("system", &LOOK)?;
    let Some((edition, databases)) = understood(&answers) else {
        return Err(Failure::failed(format!(
            "Neo4j was expected to name its edition and databases, but answered {}",
            printable(&format!("{answers:?}"))
        )));
    };
    let there = databases.iter().find(|one| one.name == database);
    match (there, edition) {
        (Some(one), _) if one.status == "online" => {
            let said = format!("{database} is online on Neo4j {edition}: nothing to do");
            Ok(Answer::done(vec![environment], said))
        }
        (Some(one), _) => Err(Failure::failed(format!(
            "{database} exists, but is not online: {one}"
        ))
        .hint(format!("cargo xtask logs {environment} neo4j"))),
        (None, "enterprise") => {
            if context.dry_run {
                return Ok(Answer::done(
                    vec![environment],
                    format!("would create {database}"),
                ));
            }
            let create = format!(
                "CREATE DATABASE {} IF NOT EXISTS WAIT",
                quoted_name(database)
            );
            server.prove_on("system", &[create])?;
            Ok(Answer::done(
                vec![environment],
                format!("{database} was created"),
            ))
        }
        (None, _) => {
            let databases: Vec<String> = databases.iter().map(ToString::to_string).collect();
            Err(Failure::failed(format!(
                "Neo4j {} has no database {database}, and cannot be given a second one: it has\n    {}",
                printable(edition),
                databases.join("\n    ")
            ))
            .hint(
                "a Community server names its one database at its first start: dump the store, and \
                 load it under the new name into an empty volume (docs/switching-databases.md)",
            ))
        }
    }
}

const LOOK: [&str; 2] = [
    "CALL dbms.components() YIELD edition RETURN edition",
    "SHOW DATABASES YIELD name, currentStatus, home RETURN name, currentStatus, home ORDER BY name",
];

/// A database of a server.
struct Database<'a> {
    name: &'a str,
    status: &'a str,
    home: bool,
}

impl fmt::Display for Database<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let home = if self.home { ", its home" } else { "" };
        let (name, status) = (printable(self.name), printable(self.status));
        write!(f, "{name}, {status}{home}")
    }
}

/// The edition and the databases in the answers to [`LOOK`].
fn understood(answers: &[Rows]) -> Option<(&str, Vec<Database<'_>>)> {
    let [edition, databases] = answers else {
        return None;
    };
    let edition = edition.first()?.first()?.as_str()?;
    let databases: Option<Vec<_>> = databases
        .iter()
        .map(|row| match row.as_slice() {
            [
                Value::String(name),
                Value::String(status),
                Value::Bool(home),
            ] => Some(Database {
                name,
                status,
                home: *home,
            }),
            _ => None,
        })
        .collect();
    Some((edition, databases?))
}
