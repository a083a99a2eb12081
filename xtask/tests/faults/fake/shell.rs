//! `cypher-shell`, one statement after the other, as its plain format prints them.

use crate::model::{Graph, State};
use crate::servers::Server;
use crate::{Answer, Fake, Reply};

/// Without a database it is in the one that the server calls its home.
pub(crate) fn cypher(fake: &Fake, server: &Server, options: &[&str], script: &str) -> Answer {
    let graph = server.graph(&fake.folder.state());
    let database = match options {
        ["--database", database, ..] => database,
        _ => graph.home.as_str(),
    };
    if server.container.fate.sick.is_some() {
        let line = "Unable to connect to localhost:7687, ensure the database is running and that \
                    there is a working network connection to it.\n";
        return Ok(Reply::failed(1, line));
    }
    if std::env::var("NEO4J_PASSWORD").unwrap_or_default() != graph.password {
        return Ok(Reply::failed(
            1,
            "The client is unauthorized due to authentication failure.\n",
        ));
    }
    if !graph.databases.contains(database) {
        let line = format!(
            "Unable to get a routing table for database '{database}' because this database does not exist\n"
        );
        return Ok(Reply::failed(1, line));
    }
    let mut stdout = String::new();
    for statement in script.split(";\n").map(str::trim) {
        if statement.is_empty() {
            continue;
        }
        match run(fake, server, database, statement)? {
            Ok(lines) => stdout.push_str(&lines),
            Err(complaint) => {
                return Ok(Reply {
                    code: 1,
                    stdout,
                    stderr: format!("{complaint}\n"),
                });
            }
        }
    }
    Ok(Reply::said(stdout))
}

/// The lines that a statement prints, or what the server says against it.
fn run(
    fake: &Fake,
    server: &Server,
    database: &str,
    statement: &str,
) -> Result<Result<String, String>, Reply> {
    let graph = server.graph(&fake.folder.state());
    if let Some(answer) = asked(&graph, database, statement) {
        return Ok(answer);
    }
    let statement = statement.to_owned();
    let Some(change) = change(&statement) else {
        return Err(fake.unknown(&statement));
    };
    let subject = format!("container {}", server.name);
    let volume = server.volume();
    fake.change(&subject, |state: &mut State| {
        let written = state.writers.get(&volume).copied().unwrap_or_default();
        let data = state.volumes.get_mut(&volume);
        if let Some(graph) = data.and_then(|data| data.graph.as_mut()) {
            change(graph);
            graph.nodes = graph.nodes.max(written);
        }
    })?;
    Ok(Ok(String::new()))
}

/// Statements that change nothing.
fn asked(graph: &Graph, database: &str, statement: &str) -> Option<Result<String, String>> {
    let assertion =
        statement.contains("CASE nodes WHEN 0 THEN 0 ELSE 1 / (nodes - nodes) END AS nodes");
    Some(match statement {
        "CALL db.info() YIELD name RETURN name AS home" => Ok(format!("home\n\"{database}\"\n")),
        _ if assertion && graph.nodes > 0 => Err("/ by zero".to_owned()),
        text if text.starts_with("MATCH (n) WITH count(n) AS nodes CALL db.info()") => {
            Ok(format!("home, nodes\n\"{database}\", 0\n"))
        }
        _ if assertion => Ok("nodes\n0\n".to_owned()),
        "SHOW CONSTRAINTS YIELD name RETURN count(*) AS constraints" => {
            Ok(format!("constraints\n{}\n", graph.constraints.len()))
        }
        text if text.starts_with("SHOW INDEXES YIELD type RETURN") => {
            let count = graph.lookup_indexes.len() + 100 * graph.indexes.len();
            Ok(format!("indexes\n{count}\n"))
        }
        "CALL dbms.components() YIELD edition RETURN edition" => {
            Ok(format!("edition\n\"{}\"\n", graph.edition))
        }
        text if text.starts_with("SHOW DATABASES YIELD name, currentStatus, home") => {
            let line = |name: &String| {
                let home = if *name == graph.home { "TRUE" } else { "FALSE" };
                format!("\"{name}\", \"online\", {home}\n")
            };
            let lines: String = graph.databases.iter().map(line).collect();
            Ok(format!("name, currentStatus, home\n{lines}"))
        }
        text if text.starts_with("RETURN ") && text.ends_with(" AS statement") => {
            let number = text.split(' ').nth(1).unwrap_or_default();
            Ok(format!("statement\n{number}\n"))
        }
        text if text.contains("BROKEN") => {
            Err("Invalid input 'BROKEN': expected 'CREATE' or 'MATCH'".to_owned())
        }
        _ => return None,
    })
}

type Change<'a> = Box<dyn FnOnce(&mut Graph) + 'a>;

fn change(statement: &str) -> Option<Change<'_>> {
    let quoted = || {
        let name = statement
            .split_once('`')
            .and_then(|(_, rest)| rest.rsplit_once('`'));
        name.map_or("", |(name, _)| name).replace("``", "`")
    };
    if statement.starts_with("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS") {
        return Some(Box::new(|graph| {
            graph.nodes = 0;
            graph.relationships = 0;
        }));
    }
    if statement.starts_with("DROP CONSTRAINT ") {
        return Some(Box::new(move |graph| {
            graph.constraints.remove(&quoted());
        }));
    }
    if statement.starts_with("DROP INDEX ") {
        return Some(Box::new(move |graph| {
            graph.indexes.remove(&quoted());
            graph.lookup_indexes.remove(&quoted());
        }));
    }
    if let Some(rest) = statement.strip_prefix("CREATE LOOKUP INDEX ") {
        let name = rest.split(' ').next()?.to_owned();
        return Some(Box::new(move |graph| {
            graph.lookup_indexes.insert(name);
        }));
    }
    if statement.starts_with("CREATE DATABASE ") && statement.ends_with("IF NOT EXISTS WAIT") {
        return Some(Box::new(move |graph| {
            graph.databases.insert(quoted());
        }));
    }
    if statement.starts_with("MATCH (n) WHERE NOT n:") && statement.contains("IN TRANSACTIONS") {
        let label = statement.split_once("SET n:`")?.1.split('`').next()?;
        let label = label.to_owned();
        return Some(Box::new(move |graph| graph.label = label));
    }
    if statement.starts_with("CREATE (") {
        return Some(Box::new(|graph| graph.nodes += 1));
    }
    None
}
