//! Helpers and scratch servers: what a snapshot and a drill start beside an environment's own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::iter;

use serde_json::{Value, json};

use crate::model::{Beside, Container, Fate, Graph, State, Volume, Writes, incoming};
use crate::{Answer, Fake, Reply};

/// A call that goes on talking: its standard input is not to be read to its end.
pub(crate) fn talks(words: &[&str]) -> bool {
    words.first() == Some(&"exec")
        && (crate::adoption::in_batches(words)
            || words.iter().any(|word| {
                word.starts_with("# Copies /from/neo4j") || word.starts_with("# Inside the Redis")
            }))
}

/// The copying helper, and the script that holds Redis' writes back.
pub(crate) fn talk(fake: &Fake, words: &[&str]) -> Answer {
    if crate::adoption::in_batches(words) {
        return crate::adoption::talk(fake, words);
    }
    let copies = words.iter().any(|word| word.starts_with("# Copies"));
    let mut stdout = std::io::stdout();
    let mut say = |line: &str| {
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    };
    if !copies {
        say("quiet");
    }
    let helper = words
        .iter()
        .find_map(|word| fake.folder.state().container_of(word));
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if !copies {
            break;
        }
        if line.starts_with("last") {
            let helper = helper.clone().unwrap_or_default();
            let before = sources(&fake.folder.state(), &helper);
            fake.change(&format!("container {helper}"), |state| copy(state, &helper))?;
            if sources(&fake.folder.state(), &helper) != before {
                say("moved redis/appendonlydir/appendonly.aof.1.incr.aof");
                continue;
            }
        }
        if line == "pass shown" {
            say("at 1048576 4194304");
        }
        say("done 4096 1");
    }
    Ok(Reply::default())
}

/// What is in the volumes that a helper copies from.
fn sources(state: &State, helper: &str) -> Vec<Volume> {
    let mounts = state.containers.get(helper).map(|one| one.mounts.clone());
    let from = mounts.unwrap_or_default().into_iter();
    from.filter(|(folder, _)| folder.starts_with("/from/"))
        .filter_map(|(_, volume)| state.volumes.get(&volume).cloned())
        .collect()
}

/// What a copy of both stores has: what they have.
fn copy(state: &mut State, helper: &str) {
    let mounts = state.containers.get(helper).map(|one| one.mounts.clone());
    let mounts = mounts.unwrap_or_default();
    for store in ["neo4j", "redis"] {
        let of = |folder: &str| mounts.get(&format!("{folder}/{store}")).cloned();
        let (Some(from), Some(to)) = (of("/from"), of("/to")) else {
            continue;
        };
        let Some(from) = state.volumes.get(&from).cloned() else {
            continue;
        };
        if let Some(to) = state.volumes.get_mut(&to) {
            to.graph = from.graph;
            to.keys = from.keys;
            to.writes = from.writes;
        }
    }
}

/// `docker run`, as far as the tool has it.
pub(crate) struct Asked {
    pub(crate) name: String,
    labels: BTreeMap<String, String>,
    pub(crate) mounts: BTreeMap<String, String>,
    pub(crate) command: Vec<String>,
    entrypoint: String,
    /// The folder of its volume in which it works.
    folder: String,
}

fn asked(words: &[&str]) -> Option<Asked> {
    // `--volume=MOUNT` is `--volume MOUNT`.
    let apart = words.iter().flat_map(|word| match word.split_once('=') {
        Some((name @ ("--label" | "--volume" | "--env"), value)) => vec![name, value],
        _ => vec![*word],
    });
    let words: Vec<&str> = apart.collect();
    let mut asked = Asked {
        name: String::new(),
        labels: BTreeMap::new(),
        mounts: BTreeMap::new(),
        command: Vec::new(),
        entrypoint: String::new(),
        folder: String::new(),
    };
    let mut rest = &words[..];
    loop {
        rest = match rest {
            ["--detach" | "--rm" | "--interactive", rest @ ..] => rest,
            ["--label", pair, rest @ ..] => {
                let (name, value) = pair.split_once('=')?;
                asked.labels.insert(name.to_owned(), value.to_owned());
                rest
            }
            ["--volume", mount, rest @ ..] => {
                let mut parts = mount.split(':');
                let (volume, folder) = (parts.next()?, parts.next()?);
                asked.mounts.insert(folder.to_owned(), volume.to_owned());
                rest
            }
            ["--name", name, rest @ ..] => {
                asked.name = (*name).to_owned();
                rest
            }
            ["--entrypoint", entrypoint, rest @ ..] => {
                asked.entrypoint = (*entrypoint).to_owned();
                rest
            }
            ["--env", pair, rest @ ..] => {
                if let Some(folder) = pair.strip_prefix("NEO4J_server_directories_data=") {
                    folder.clone_into(&mut asked.folder);
                }
                rest
            }
            ["--network", "none", rest @ ..] | ["--pull", "never", rest @ ..] => rest,
            ["--hostname" | "--user" | "--tmpfs", _, rest @ ..] => rest,
            [option, ..] if option.starts_with('-') => return None,
            [_image, command @ ..] => {
                asked.command = command.iter().map(ToString::to_string).collect();
                if let ["--dir", folder, ..] = command {
                    (*folder).clone_into(&mut asked.folder);
                }
                return Some(asked);
            }
            [] => return None,
        };
    }
}

pub(crate) fn run(fake: &Fake, words: &[&str], stdin: &str) -> Answer {
    let Some(asked) = asked(words) else {
        return Err(fake.unknown("these options of run"));
    };
    if words.contains(&"--detach") {
        return start(fake, &asked);
    }
    match crate::adoption::once(fake, &asked) {
        Some(answer) => answer,
        None => once(fake, &asked, stdin),
    }
}

fn start(fake: &Fake, asked: &Asked) -> Answer {
    let id = fake.change(&format!("container {}", asked.name), |state| {
        insert(state, asked, "running")
    })?;
    Ok(Reply::said(format!("{id}\n")))
}

/// Makes the container; its id.
pub(crate) fn insert(state: &mut State, asked: &Asked, status: &str) -> String {
    let id = state.id();
    let data = asked.mounts.get("/data");
    let graph = data.and_then(|data| state.volumes.get(data)?.graph.clone());
    let container = Container {
        id: id.clone(),
        labels: asked.labels.clone(),
        mounts: asked.mounts.clone(),
        command: asked.command.clone(),
        password: graph.map(|graph| graph.password).unwrap_or_default(),
        folder: asked.folder.clone(),
        fate: Fate {
            log: vec!["* Ready to accept connections tcp".to_owned()],
            ..Fate::default()
        },
        status: status.to_owned(),
        started_at: state.moment(),
        ..Container::default()
    };
    state.containers.insert(asked.name.clone(), container);
    id
}

/// A container that does one thing.
fn once(fake: &Fake, asked: &Asked, stdin: &str) -> Answer {
    let words: Vec<&str> = asked.command.iter().map(String::as_str).collect();
    let state = fake.folder.state();
    let data = asked.mounts.get("/data").cloned().unwrap_or_default();
    let graph = || {
        state
            .volumes
            .get(&data)
            .and_then(|volume| volume.graph.clone())
    };
    let loaded = |volume: &str, change: &dyn Fn(&mut Volume)| {
        fake.change(&format!("volume {volume}"), |state| {
            if let Some(volume) = state.volumes.get_mut(volume) {
                change(volume);
            }
        })
    };
    match (asked.entrypoint.as_str(), &words[..]) {
        ("df", _) => Ok(Reply::said("Avail\n100000000000\n")),
        ("", ["neo4j-admin", "database", "check", _]) => Ok(Reply::default()),
        (
            "",
            [
                "bash",
                "-c",
                _,
                "counted",
                "neo4j-admin",
                "database",
                "dump",
                _,
                "--to-stdout",
            ],
        ) => {
            let text = serde_json::to_string(&graph()).expect("a graph is JSON");
            Ok(Reply::counted(text))
        }
        ("", ["neo4j-admin", "database", "load", ..]) => {
            let graph: Option<Graph> = serde_json::from_str(stdin).expect("a dump of the fake's");
            loaded(&data, &|volume| match incoming(&asked.folder) {
                Some(id) => volume.beside(id).graph.clone_from(&graph),
                None => volume.graph.clone_from(&graph),
            })?;
            Ok(Reply::default())
        }
        ("bash", ["-c", script, "put", ..]) if script.contains("cat >\"/to/$1\"") => {
            let (keys, writes): (u64, Writes) =
                serde_json::from_str(stdin).expect("an RDB of the fake's");
            let to = asked.mounts.get("/to").cloned().unwrap_or_default();
            let beside = words.iter().find_map(|word| incoming(word));
            loaded(&to, &|volume| {
                let writes = writes.clone();
                if let Some(id) = beside {
                    let beside = volume.beside(id);
                    (beside.keys, beside.writes) = (keys, writes);
                } else {
                    (volume.keys, volume.writes) = (keys, writes);
                }
            })?;
            Ok(Reply::said(format!("{}\n", stdin.len())))
        }
        ("bash", ["-c", script, "restore", order, id, _]) if script.contains("# restore.sh") => {
            restore(fake, asked, order, id)
        }
        (entrypoint, other) => Err(fake.unknown(&format!("run {entrypoint} {}", other.join(" ")))),
    }
}

/// What `restore.sh` does, a volume at a time.
fn restore(fake: &Fake, asked: &Asked, order: &str, id: &str) -> Answer {
    let volume = |service: &str| asked.mounts.get(service).cloned().unwrap_or_default();
    let volumes = [volume("/neo4j"), volume("/redis")];
    let change = |change: &dyn Fn(&mut Volume)| {
        for name in &volumes {
            fake.change(&format!("volume {name}"), |state| {
                change(state.volumes.get_mut(name).expect("it is mounted"));
            })?;
        }
        Ok(Reply::default())
    };
    match order {
        "state" => {
            let state = fake.folder.state();
            let [neo4j, redis] = volumes.map(|name| state.volumes[&name].clone());
            Ok(Reply::said(format!(
                "{}told\n",
                progress(&neo4j, &redis, id)
            )))
        }
        "clear" => change(&|volume| volume.incoming.clear()),
        "swap" => change(&|volume| swap(volume, id)),
        "forget" => change(&|volume| drop(volume.before.remove(id))),
        other => Err(fake.unknown(&format!("restore.sh {other}"))),
    }
}

fn progress(neo4j: &Volume, redis: &Volume, id: &str) -> String {
    let mut said = String::new();
    if !redis.incoming.is_empty() || !neo4j.incoming.is_empty() {
        said.push_str("loaded\n");
    }
    for other in redis.incoming.keys() {
        if neo4j.before.contains_key(other) {
            said.push_str(&format!("begun {other}\n"));
        }
    }
    for (service, volume) in [("neo4j", neo4j), ("redis", redis)] {
        if volume.before.contains_key(id) {
            said.push_str(&format!("before {service}\n"));
        }
        for other in volume.before.keys() {
            said.push_str(&format!("kept {other}\n"));
        }
    }
    said
}

fn swap(volume: &mut Volume, id: &str) {
    let Some(incoming) = volume.incoming.remove(id) else {
        return;
    };
    let before = Beside {
        graph: volume.graph.clone(),
        keys: volume.keys,
        writes: std::mem::take(&mut volume.writes),
    };
    volume.before.insert(id.to_owned(), before);
    // The database system, and with it the password, stays.
    let password = volume.graph.as_ref().map(|graph| graph.password.clone());
    volume.graph = incoming.graph;
    if let (Some(graph), Some(password)) = (&mut volume.graph, password) {
        graph.password = password;
    }
    (volume.keys, volume.writes) = (incoming.keys, incoming.writes);
}

/// What a scratch Redis answers, and what its image's programs do.
pub(crate) fn keys(fake: &Fake, (keys, writes): &(u64, Writes), words: &[&str]) -> Answer {
    let said = match words {
        ["DEBUG", "DIGEST"] => {
            let sum = writes.iter().fold(0_u64, |sum, write| {
                sum.wrapping_mul(1_000_003).wrapping_add(*write)
            });
            format!("{keys:020x}{sum:020x}\n")
        }
        ["INFO", "keyspace"] if *keys == 0 => "# Keyspace\r\n".to_owned(),
        ["INFO", "keyspace"] => {
            format!("# Keyspace\r\ndb0:keys={keys},expires=0,avg_ttl=0,subexpiry=0\r\n")
        }
        ["--json", "-n", "0", "EVAL", _, "0"] => format!("[\"string {keys}\"]\n"),
        ["--json", "FUNCTION", "LIST", "WITHCODE"] | ["--json", "MODULE", "LIST"] => {
            "[]\n".to_owned()
        }
        ["SAVE"] | ["CONFIG", "SET", "appendonly", "yes"] => "OK\n".to_owned(),
        other => return Err(fake.unknown(&format!("redis-cli {}", other.join(" ")))),
    };
    Ok(Reply::said(said))
}

/// The statements of a fingerprint, and of a census.
pub(crate) fn print(graph: &Graph, statement: &str) -> Option<Value> {
    let names = |names: &std::collections::BTreeSet<String>| -> Value {
        names.iter().map(|name| json!([name])).collect()
    };
    let labelled = |label| if label == graph.label { graph.nodes } else { 0 };
    Some(match statement {
        "CALL db.stats.retrieve('GRAPH COUNTS') YIELD data RETURN data" => json!([[{
            "nodes": [{ "count": graph.nodes }],
            "relationships": [{ "count": graph.relationships }],
        }]]),
        "SHOW CONSTRAINTS YIELD createStatement RETURN createStatement" => {
            names(&graph.constraints)
        }
        "SHOW INDEXES YIELD createStatement RETURN createStatement" => names(&graph.indexes),
        text if text.starts_with("MATCH (n:") && text.ends_with(") RETURN count(n)") => {
            let label = text.split('`').nth(1).unwrap_or_default();
            json!([[labelled(label)]])
        }
        text if text.starts_with("RETURN COUNT { MATCH (n) }, ") => {
            let counts = text.split('`').skip(1).step_by(2).map(labelled);
            json!([iter::once(graph.nodes).chain(counts).collect::<Vec<_>>()])
        }
        text if text.contains("RETURN elementId(n), labels(n) LIMIT") => (0..graph.nodes.min(5))
            .map(|id| json!([format!("4:store:{id}"), ["Session"]]))
            .collect(),
        "MATCH (n) RETURN count(n), coalesce(sum(size(keys(n))), 0)" => json!([[graph.nodes, 0]]),
        "MATCH ()-[r]->() RETURN count(r), coalesce(sum(size(keys(r))), 0)" => {
            json!([[graph.relationships, 0]])
        }
        "SHOW CONSTRAINTS YIELD name RETURN count(*)" => json!([[graph.constraints.len()]]),
        "SHOW INDEXES YIELD name RETURN count(*)" => json!([[graph.indexes.len()]]),
        text if text.starts_with("MATCH (n) WHERE id(n) %") => {
            let others = graph.nodes.saturating_sub(graph.writes.len() as u64);
            let writes = graph.writes.iter().map(|write| 1000 + write);
            (0..others.min(1000))
                .chain(writes)
                .map(|id| json!([id, ["Staging"], [], [], 0]))
                .collect()
        }
        _ => return None,
    })
}
