//! Neo4j on Bolt: one statement after the other, up to the first that is refused.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use crate::bolt::{self, Inbox, Message};
use crate::model::{Graph, State};
use crate::servers::Server;
use crate::{Answer, Fake, Reply};

/// What every request is answered with after one that was refused.
const IGNORED: u8 = 0x7E;

/// Whether a call is a talk over Bolt: it goes on for as long as its standard input.
pub(crate) fn talks(words: &[&str]) -> bool {
    words.iter().any(|word| word.contains("cat <&4 >&3"))
}

/// Serves a client until it says no more.
pub(crate) fn serve(fake: &Fake, server: &Server) -> Answer {
    if server.container.fate.sick.is_some() {
        return Ok(Reply::failed(1, "refuses connections\n"));
    }
    let mut line = Line::default();
    let Some(offer) = line.plain() else {
        return Ok(Reply::default());
    };
    if offer != bolt::HANDSHAKE {
        return Err(fake.unknown("this handshake"));
    }
    line.say(&[0, 0, 4, 5]);
    let mut talk = Talk {
        fake,
        server,
        refused: false,
        rows: Vec::new(),
    };
    while let Some(request) = line.message() {
        let graph = server.graph(&fake.folder.state());
        for (tag, field) in talk.answer(&graph, &request)? {
            line.say(&bolt::message(tag, &[field]));
        }
    }
    Ok(Reply::default())
}

/// Both ways to the client.
#[derive(Default)]
struct Line(Inbox);

impl Line {
    fn say(&self, bytes: &[u8]) {
        let mut stdout = std::io::stdout();
        // A client that is gone hears no more, as on any connection.
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    }

    fn plain<const N: usize>(&mut self) -> Option<[u8; N]> {
        while self.0.rest().len() < N {
            self.more()?;
        }
        self.0.plain()
    }

    fn message(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.0.message().expect("a client's messages are whole") {
                return Some(message);
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> Option<()> {
        let mut bytes = [0; 4096];
        match std::io::stdin().read(&mut bytes) {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.0.put(&bytes[..count]);
                Some(())
            }
        }
    }
}

struct Talk<'a> {
    fake: &'a Fake,
    server: &'a Server,
    /// Something was refused: nothing more is done.
    refused: bool,
    /// What the next PULL hands over.
    rows: Vec<Value>,
}

impl Talk<'_> {
    fn answer(&mut self, graph: &Graph, request: &Message) -> Result<Vec<(u8, Value)>, Reply> {
        if self.refused {
            return Ok(vec![(IGNORED, json!({}))]);
        }
        let said = match request.tag {
            bolt::HELLO => Ok(Vec::new()),
            bolt::LOGON => login(graph, &request.fields[0]),
            bolt::RUN => self.run(graph, request)?.map(|rows| {
                self.rows = rows;
                Vec::new()
            }),
            bolt::PULL => Ok(std::mem::take(&mut self.rows)),
            other => return Err(self.fake.unknown(&format!("Bolt's message 0x{other:02X}"))),
        };
        Ok(match said {
            Ok(rows) => {
                let records = rows.into_iter().map(|row| (bolt::RECORD, row));
                records.chain([(bolt::SUCCESS, json!({}))]).collect()
            }
            Err((code, message)) => {
                self.refused = true;
                vec![(bolt::FAILURE, json!({ "code": code, "message": message }))]
            }
        })
    }

    fn run(&self, graph: &Graph, request: &Message) -> Result<Said, Reply> {
        let [Value::String(statement), _, extra] = request.fields.as_slice() else {
            return Err(self.fake.unknown("RUN without a statement"));
        };
        let named = extra["db"].as_str();
        let database = named.unwrap_or(&graph.home);
        let statement = statement.trim();
        self.fake
            .folder
            .log(&json!({ "statement": statement, "database": database }));
        if let Some([code, message]) = &graph.refuses_statements {
            return Ok(Err((code.clone(), message.clone())));
        }
        if named.is_some_and(|name| !graph.databases.contains(name)) {
            return Ok(Err((
                "Neo.ClientError.Database.DatabaseNotFound".to_owned(),
                format!("Graph not found: {database}"),
            )));
        }
        run(self.fake, self.server, database, statement)
    }
}

/// Rows, or a code and a message.
type Said = Result<Vec<Value>, (String, String)>;

fn login(graph: &Graph, given: &Value) -> Said {
    if let Some([code, message]) = &graph.refuses_logins {
        return Err((code.clone(), message.clone()));
    }
    if given["credentials"] == json!(graph.password) {
        return Ok(Vec::new());
    }
    Err((
        "Neo.ClientError.Security.Unauthorized".to_owned(),
        "The client is unauthorized due to authentication failure.".to_owned(),
    ))
}

/// The rows of a statement, or what the server says against it.
fn run(fake: &Fake, server: &Server, database: &str, statement: &str) -> Result<Said, Reply> {
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
    Ok(Ok(Vec::new()))
}

/// Statements that change nothing.
fn asked(graph: &Graph, database: &str, statement: &str) -> Option<Said> {
    let row = |row: Value| Ok(vec![row]);
    let column = |values: &[String]| values.iter().map(|value| json!([value])).collect();
    Some(match statement {
        "MATCH (n) WITH count(n) AS nodes CALL db.info() YIELD name RETURN name, nodes" => {
            row(json!([database, graph.nodes]))
        }
        "CALL db.info() YIELD name, id" => row(json!([database, graph.store])),
        "CALL dbms.components() YIELD versions, edition" => {
            row(json!([["5.26.30"], graph.edition]))
        }
        "SHOW USERS YIELD user" => Ok(column(&graph.users)),
        text if text.starts_with("SHOW SETTINGS YIELD name, value") => Ok(column(&graph.settings)),
        "MATCH (n) RETURN count(n)" => row(json!([graph.nodes])),
        "MATCH ()-[r]->() RETURN count(r)" => row(json!([graph.relationships])),
        text if SCHEMA.contains(&text) => Ok(schema(graph, text)),
        "CALL dbms.components() YIELD edition RETURN edition" => row(json!([graph.edition])),
        text if text.starts_with("SHOW DATABASES YIELD name, currentStatus, home") => {
            let line = |name: &String| json!([name, "online", *name == graph.home]);
            Ok(graph.databases.iter().map(line).collect())
        }
        text if text.contains("BROKEN") => Err((
            "Neo.ClientError.Statement.SyntaxError".to_owned(),
            "Invalid input 'BROKEN': expected 'CREATE' or 'MATCH'".to_owned(),
        )),
        _ => return None,
    })
}

/// What tells the schema.
pub(crate) const SCHEMA: [&str; 2] = [
    "SHOW CONSTRAINTS YIELD name",
    "SHOW INDEXES YIELD name, type, owningConstraint",
];

pub(crate) fn schema(graph: &Graph, statement: &str) -> Vec<Value> {
    if statement == SCHEMA[0] {
        return graph.constraints.iter().map(|name| json!([name])).collect();
    }
    let lookup = graph.lookup_indexes.iter();
    let lookup = lookup.map(|name| json!([name, "LOOKUP", null]));
    let others = graph.indexes.iter();
    lookup
        .chain(others.map(|name| json!([name, "RANGE", null])))
        .collect()
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
            graph.writes.clear();
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
