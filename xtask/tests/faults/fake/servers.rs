//! `docker exec`: the servers in the containers, as far as xtask asks them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{Container, Graph, State, Volume, Writes, incoming};
use crate::{Answer, Fake, Reply, scratch, shell};

/// The server in one container.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) container: Container,
}

impl Server {
    /// Where its data is.
    pub(crate) fn volume(&self) -> String {
        self.container
            .mounts
            .get("/data")
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn data<'a>(&self, state: &'a State) -> Option<&'a Volume> {
        state.volumes.get(&self.volume())
    }

    pub(crate) fn graph(&self, state: &State) -> Graph {
        let graph = self.data(state).and_then(|volume| match self.beside() {
            Some(id) => volume.incoming.get(id)?.graph.clone(),
            None => volume.graph.clone(),
        });
        graph.unwrap_or_default()
    }

    pub(crate) fn keys(&self, state: &State) -> u64 {
        self.held(state).0
    }

    /// Its keys, and which clients wrote of them.
    fn held(&self, state: &State) -> (u64, Writes) {
        let held = self.data(state).and_then(|volume| match self.beside() {
            Some(id) => {
                let beside = volume.incoming.get(id)?;
                Some((beside.keys, beside.writes.clone()))
            }
            None => Some((volume.keys, volume.writes.clone())),
        });
        held.unwrap_or_default()
    }

    /// The snapshot, where it serves what a restore has loaded beside the volume's own data.
    fn beside(&self) -> Option<&str> {
        incoming(&self.container.folder)
    }
}

pub(crate) fn exec(fake: &Fake, words: &[&str], stdin: &str) -> Answer {
    let Some((id, command)) = split(words) else {
        return Err(fake.unknown("these options of exec"));
    };
    let state = fake.folder.state();
    let Some(name) = state.container_of(id) else {
        return Ok(Reply::failed(
            1,
            format!("Error response from daemon: No such container: {id}\n"),
        ));
    };
    let container = state.containers[&name].clone();
    match container.status.as_str() {
        "running" => {}
        "paused" => {
            let line = format!(
                "Error response from daemon: Container {id} is paused, unpause the container before exec\n"
            );
            return Ok(Reply::failed(1, line));
        }
        _ => {
            let line = format!(
                "Error response from daemon: container {} is not running\n",
                container.id
            );
            return Ok(Reply::failed(1, line));
        }
    }
    let server = Server { name, container };
    match command {
        [
            "timeout",
            seconds,
            "bash",
            "-c",
            script,
            "await",
            check @ ..,
        ] if script.contains("until said=$(\"$@\" 2>&1)") => {
            Ok(awaited(sickness(&server, &state, check), seconds))
        }
        check @ (["tta-neo4j-health", _] | ["tta-redis-health"]) => {
            match sickness(&server, &state, check) {
                None => Ok(Reply::default()),
                Some(reason) => Ok(Reply::failed(1, format!("{}: {reason}\n", check[0]))),
            }
        }
        ["bash", "-s"] if stdin.contains("control-name ID NAME") => {
            let open = fake.folder.change(|state| {
                let open = state.gaps > 0;
                state.gaps = state.gaps.saturating_sub(1);
                open
            });
            Ok(probed(&server, &state, stdin, open))
        }
        ["tta-neo4j-query", database] => queries(fake, &server, &state, database, stdin),
        // Whatever a client had started that was ended: nothing goes on here.
        ["bash", "-c", script, mark] if script.contains("/environ") && mark.contains('=') => {
            Ok(Reply::default())
        }
        ["bash", "-c", _, "bolt" | "look", _] if shell::talks(command) => {
            shell::serve(fake, &server)
        }
        ["tta-redis-admin", "-e", command @ ..] => redis(fake, &server, &state, command, stdin),
        ["tta-redis-drift", ..] => {
            let drift = server.container.drift.iter();
            Ok(Reply::said(
                drift.map(|line| format!("{line}\n")).collect::<String>(),
            ))
        }
        // The wait for a scratch server, and its own programs.
        ["timeout", _, "bash", "-c", script, "await", ..]
            if script.contains("until \"$@\" >/dev/null") =>
        {
            Ok(Reply::default())
        }
        ["redis-cli", "-e", rest @ ..] if server.container.labels.contains_key("org.tta.run") => {
            scratch::keys(fake, &server.held(&state), rest)
        }
        ["bash", "-c", script] if script.contains("aof_rewrite_in_progress") => {
            Ok(Reply::default())
        }
        // When something was last written: here, when its server was started, and the last write.
        ["find", _, "-name", file, "-printf", _] => {
            let at = &server.container.started_at;
            let acknowledged = state.acknowledged.get(&server.volume());
            let last = acknowledged.and_then(|writes| writes.last().copied());
            let last = last.map_or_else(String::new, |last| format!(" {last}"));
            Ok(Reply::said(format!("{file} {at}{last}\n")))
        }
        ["redis-check-rdb", _] => Ok(Reply::said("\\o/ RDB looks OK! \\o/\n")),
        ["bash", "-c", _, "counted", "cat", "/data/dump.rdb"] => {
            Ok(Reply::counted(json!(server.held(&state)).to_string()))
        }
        ["bash", "-c", script, folder] if script.contains("du --summarize") => {
            Ok(Reply::said(format!("4096\t{folder}\n")))
        }
        ["bash", "-c", script, database] if script.contains("/db/%s/query/v2") => {
            queries(fake, &server, &state, database, stdin)
        }
        ["redis-cli", ..] => Ok(own_redis(&server)),
        ["du", "-sb", folder] => Ok(Reply::said(format!("4096\t{folder}\n"))),
        other => Err(fake.unknown(&format!("exec {}", other.join(" ")))),
    }
}

/// Takes the options off, as far as xtask gives any.
fn split<'a, 'b>(words: &'a [&'b str]) -> Option<(&'b str, &'a [&'b str])> {
    match words {
        ["--interactive" | "--tty", rest @ ..] => split(rest),
        ["--env" | "--user", _, rest @ ..] => split(rest),
        [option, ..] if option.starts_with('-') => None,
        [id, command @ ..] => Some((id, command)),
        [] => None,
    }
}

/// The answers of a network where every environment is alone, or none is.
fn probed(server: &Server, state: &State, stdin: &str, open: bool) -> Reply {
    let project = &server.container.project;
    let mut stdout = String::new();
    for line in stdin.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["control", number, address, _] if number.parse::<u32>().is_ok() => {
                let mut all = state.containers.iter();
                let runs = all.any(|(name, one)| {
                    one.status == "running" && crate::objects::address(name) == address
                });
                format!("{number} {}", if runs { "open" } else { "closed" })
            }
            ["control-name", number, name] if number.parse::<u32>().is_ok() => {
                let own = [name.to_owned(), format!("{project}-{name}")];
                let name = own.iter().find(|name| state.containers.contains_key(*name));
                let address = name.map_or("-".to_owned(), |name| crate::objects::address(name));
                format!("{number} names {address}")
            }
            ["connect", number, address, _] if number.parse::<u32>().is_ok() => {
                let of = |name: &String| crate::objects::address(name) == address;
                let reached = open && state.containers.keys().any(of);
                format!("{number} {}", if reached { "open" } else { "silent" })
            }
            ["name", number, _] if number.parse::<u32>().is_ok() => format!("{number} names -"),
            ["discovery", number] if number.parse::<u32>().is_ok() => {
                let bolt = &server.container.ports["7687"];
                let port = bolt.rsplit(':').next().unwrap_or_default();
                format!("{number} said {{\"bolt_direct\": \"bolt://localhost:{port}\"}}")
            }
            _ => continue,
        };
        stdout.push_str(&answer);
        stdout.push('\n');
    }
    Reply::said(stdout + "end 300000\n")
}

/// The wait for a server, in its container: a refused login ends it early, else its time does.
fn awaited(sickness: Option<String>, seconds: &str) -> Reply {
    let Some(reason) = sickness else {
        return Reply::default();
    };
    if reason.contains(" 401 ") || reason.contains("WRONGPASS") {
        return Reply::failed(77, format!("{reason}\n"));
    }
    let seconds = seconds.parse().expect("a number of seconds");
    std::thread::sleep(Duration::from_secs(seconds));
    Reply::failed(124, "")
}

/// What the server's health check complains of.
fn sickness(server: &Server, state: &State, check: &[&str]) -> Option<String> {
    if let Some(reason) = &server.container.fate.sick {
        return Some(reason.clone());
    }
    let database = check.get(1)?;
    let graph = server.graph(state);
    if graph.password != server.container.password {
        return Some(format!(
            "database {database} over HTTP: HTTP/1.1 401 Unauthorized, Invalid credential."
        ));
    }
    if !graph.databases.contains(*database) {
        return Some(format!(
            "database {database} over HTTP: HTTP/1.1 404 Not Found, Database {database} not found"
        ));
    }
    None
}

/// `tta-neo4j-query`: a line of JSON for each line of JSON.
fn queries(fake: &Fake, server: &Server, state: &State, database: &str, stdin: &str) -> Answer {
    let graph = server.graph(state);
    if let Some(reason) = &server.container.fate.sick {
        return Ok(Reply::failed(1, format!("tta-neo4j-query: {reason}\n")));
    }
    let mut stdout = String::new();
    for line in stdin.lines() {
        let request: Value = serde_json::from_str(line).expect("xtask asks in JSON");
        let statement = request["statement"].as_str().unwrap_or_default();
        let answer = if graph.password != server.container.password {
            refused(
                "Neo.ClientError.Security.Unauthorized",
                "Invalid credential.",
            )
        } else if graph.databases.contains(database) {
            let rows = query(&graph, statement).ok_or_else(|| fake.unknown(statement))?;
            json!({ "data": { "fields": [], "values": rows }, "bookmarks": [] })
        } else {
            let message = format!("Database {database} not found");
            refused("Neo.ClientError.Database.DatabaseNotFound", &message)
        };
        stdout.push_str(&format!("{answer}\n"));
    }
    Ok(Reply::said(stdout))
}

fn refused(code: &str, message: &str) -> Value {
    json!({ "errors": [{ "code": code, "message": message }] })
}

fn query(graph: &Graph, statement: &str) -> Option<Value> {
    Some(match statement {
        "CALL db.info() YIELD id RETURN id" => json!([[graph.store]]),
        "MATCH (n) RETURN count(n)" => json!([[graph.nodes]]),
        "MATCH ()-[r]->() RETURN count(r)" => json!([[graph.relationships]]),
        text => return scratch::print(graph, text),
    })
}

/// `tta-redis-admin -e`.
fn redis(fake: &Fake, server: &Server, state: &State, command: &[&str], stdin: &str) -> Answer {
    if let Some(reason) = &server.container.fate.sick {
        return Ok(Reply::failed(1, format!("{reason}\n")));
    }
    let keys = server.keys(state);
    match command {
        ["INFO", "keyspace"] => {
            let databases = match keys {
                0 => String::new(),
                keys => format!("db0:keys={keys},expires=0,avg_ttl=0,subexpiry=0\r\n"),
            };
            Ok(Reply::said(format!("# Keyspace\r\n{databases}")))
        }
        ["INFO", "server"] => Ok(Reply::said("# Server\r\nredis_version:8.0.2\r\n")),
        ["ACL", "LIST"] => {
            let users = server.container.users.iter();
            Ok(Reply::said(
                users.map(|line| format!("{line}\n")).collect::<String>(),
            ))
        }
        ["--raw"] => {
            let mut said = String::new();
            for line in stdin.lines() {
                let words: Vec<&str> = line.split(' ').collect();
                said.push_str(&redis(fake, server, state, &words, "")?.stdout);
                said.push('\n');
            }
            Ok(Reply::said(said))
        }
        [] => flush(fake, server, stdin),
        other => Err(fake.unknown(&format!("tta-redis-admin {}", other.join(" ")))),
    }
}

fn flush(fake: &Fake, server: &Server, stdin: &str) -> Answer {
    let mut stdout = String::new();
    for line in stdin.lines() {
        match line {
            "FLUSHALL SYNC" | "FUNCTION FLUSH SYNC" | "SCRIPT FLUSH SYNC" => {
                let volume = server.volume();
                let subject = format!("container {}", server.name);
                fake.change(&subject, |state| {
                    let left = state.writers.get(&volume).copied().unwrap_or_default();
                    if let Some(data) = state.volumes.get_mut(&volume) {
                        data.keys = left;
                        data.writes.clear();
                    }
                })?;
                stdout.push_str("OK\n");
            }
            other => return Err(fake.unknown(other)),
        }
    }
    Ok(Reply::said(stdout))
}

/// `redis-cli`, as the environment's own user.
fn own_redis(server: &Server) -> Reply {
    let given = std::env::var("REDISCLI_AUTH").unwrap_or_default();
    if given == server.container.password {
        Reply::said("PONG\n")
    } else {
        Reply::failed(
            1,
            "AUTH failed: WRONGPASS invalid username-password pair or user is disabled.\n",
        )
    }
}
