//! Old Redis volumes: copied, kept, read by a scratch server, and filled into an environment's own.

use std::io::{BufRead as _, Write as _};

use crate::model::{Graph, State, Volume, Writes};
use crate::scratch::Asked;
use crate::{Answer, Fake, Reply};

/// What `kept.sh` ends with where a copy has other files.
const DIFFERS: u8 = 70;

/// A scratch container that runs a script of the adoption's, and stays until it is removed. None
/// where the script is another one.
pub(crate) fn once(fake: &Fake, asked: &Asked) -> Option<Answer> {
    let script = asked.command.get(1)?;
    let work: fn(&Fake, &Asked) -> Answer = if script.starts_with("set -- keep\n# kept.sh") {
        keep
    } else if script.starts_with("set -- whole\n# kept.sh") {
        whole
    } else if script == "[ -e /kept/.tta-kept ]" {
        |fake, asked| Ok(exits(u8::from(!volume(fake, asked, "/kept").kept)))
    } else if script.contains("cp -a /from/. /to/") && script.contains("du -sb /from") {
        copy
    } else if script.contains("cp -a /from/appendonlydir /to/") {
        |fake, asked| fill(fake, asked, hold)
    } else if script.starts_with("ls -1 /data/databases") {
        databases
    } else if script.contains("neo4j-admin database dump") {
        dump
    } else if script.contains("neo4j-admin database load") {
        load
    } else if script.contains("the volume is not empty") && script.contains(" >$one/") {
        mark
    } else if script.starts_with("for one in /volumes/*") {
        filled
    } else {
        return None;
    };
    let made = fake.change(&format!("container {}", asked.name), |state| {
        crate::scratch::insert(state, asked, "exited");
    });
    Some(made.and_then(|()| work(fake, asked)))
}

fn exits(code: u8) -> Reply {
    Reply {
        code,
        ..Reply::default()
    }
}

/// What the volume holds that is mounted there.
fn volume(fake: &Fake, asked: &Asked, folder: &str) -> Volume {
    let name = asked.mounts.get(folder).expect("it is mounted");
    let state = fake.folder.state();
    state.volumes.get(name).cloned().unwrap_or_default()
}

/// Changes the volume that is mounted there.
fn alter(
    fake: &Fake,
    asked: &Asked,
    folder: &str,
    change: impl FnOnce(&mut Volume),
) -> Result<(), Reply> {
    let name = asked.mounts.get(folder).expect("it is mounted").clone();
    fake.change(&format!("volume {name}"), |state: &mut State| {
        change(state.volumes.get_mut(&name).expect("it is there"));
    })
}

fn held(volume: &Volume) -> (u64, u64, &Writes) {
    (volume.keys, volume.bare, &volume.writes)
}

/// Holds the keys that another holds.
fn hold(to: &mut Volume, from: &Volume) {
    (to.keys, to.bare) = (from.keys, from.bare);
    to.writes.clone_from(&from.writes);
}

fn keep(fake: &Fake, asked: &Asked) -> Answer {
    let from = volume(fake, asked, "/from");
    let to = volume(fake, asked, "/to");
    if to.kept {
        return Ok(exits(if held(&from) == held(&to) { 0 } else { DIFFERS }));
    }
    alter(fake, asked, "/to", |to| hold(to, &from))?;
    alter(fake, asked, "/to", |to| to.kept = true)?;
    Ok(Reply::default())
}

fn whole(fake: &Fake, asked: &Asked) -> Answer {
    let from = volume(fake, asked, "/from");
    let to = volume(fake, asked, "/to");
    let same = to.kept && held(&from) == held(&to);
    Ok(exits(if same { 0 } else { DIFFERS }))
}

fn copy(fake: &Fake, asked: &Asked) -> Answer {
    let from = volume(fake, asked, "/from");
    alter(fake, asked, "/to", |to| {
        hold(to, &from);
        to.graph = from.graph;
    })?;
    Ok(Reply::said("4096\t/from\n"))
}

fn databases(fake: &Fake, asked: &Asked) -> Answer {
    let graph = volume(fake, asked, "/data").graph.expect("a store");
    let names = graph.databases.into_iter();
    Ok(Reply::said(
        names.map(|name| name + "\n").collect::<String>() + "store_lock\ntold\n",
    ))
}

fn dump(fake: &Fake, asked: &Asked) -> Answer {
    alter(fake, asked, "/data", |data| {
        data.dump = data.graph.clone().map(Box::new);
    })?;
    Ok(Reply::default())
}

/// The data under another name; users and passwords stay behind.
fn load(fake: &Fake, asked: &Asked) -> Answer {
    let script = &asked.command[1];
    let rest = script.split_once("database load ").map(|(_, rest)| rest);
    let name = rest.and_then(|rest| rest.split(' ').next());
    let name = name.expect("a database is loaded").to_owned();
    fill(fake, asked, |to, from| {
        let dump = from.dump.clone().expect("a dump");
        to.graph = Some(Graph {
            databases: [name.clone(), "system".to_owned()].into(),
            home: name,
            users: Vec::new(),
            password: String::new(),
            ..*dump
        });
    })
}

/// All that are to be filled, before any is.
fn mark(fake: &Fake, asked: &Asked) -> Answer {
    let words = asked.command[1]
        .split('\'')
        .find(|part| part.starts_with("--from-"));
    let words = words.expect("the sources are named").to_owned();
    for folder in asked.mounts.keys() {
        let to = volume(fake, asked, folder);
        if (to.keys > 0 || to.graph.is_some()) && to.adopting.is_none() {
            return Ok(Reply::failed(1, "the volume is not empty\n"));
        }
    }
    for folder in asked.mounts.keys() {
        alter(fake, asked, folder, |to| to.adopting = Some(words.clone()))?;
    }
    Ok(Reply::default())
}

/// Nothing is written over but what a killed run had begun.
fn fill(fake: &Fake, asked: &Asked, with: impl FnOnce(&mut Volume, &Volume)) -> Answer {
    let from = volume(fake, asked, "/from");
    let to = volume(fake, asked, "/to");
    if (to.keys > 0 || to.graph.is_some()) && to.adopting.is_none() {
        return Ok(Reply::failed(1, "the volume is not empty\n"));
    }
    alter(fake, asked, "/to", |to| {
        to.adopting.get_or_insert_default();
        (to.keys, to.graph) = (0, None);
        to.writes.clear();
    })?;
    alter(fake, asked, "/to", |to| with(to, &from))?;
    alter(fake, asked, "/to", |to| to.adopting = None)?;
    Ok(Reply::default())
}

/// Names what holds something, or what a killed run has begun to fill and by which words, and says
/// whether a server has run on it.
fn filled(fake: &Fake, asked: &Asked) -> Answer {
    let mut said = String::new();
    for folder in asked.mounts.keys() {
        let volume = volume(fake, asked, folder);
        let name = folder.trim_start_matches("/volumes/");
        if let Some(words) = &volume.adopting {
            said.push_str(&format!("begun {name} {words}\n"));
        } else if volume.keys > 0 || volume.graph.is_some() {
            said.push_str(&format!("filled {name}\n"));
        }
        if volume.graph.is_some_and(|graph| !graph.users.is_empty()) {
            said.push_str("served\n");
        }
    }
    said.push_str("told\n");
    Ok(Reply::said(said))
}

/// What only a scratch server of the adoption's is asked: whether it is up, and has written its file.
pub(crate) fn reads(words: &[&str]) -> bool {
    match words {
        ["exec", .., "timeout", _, "bash", "-c", script] => {
            script.contains("tta-redis-admin PING") || script.contains("until tta-neo4j-health")
        }
        ["exec", .., "CONFIG", "SET", "appendonly", "yes"]
        | ["exec", .., "INFO", "persistence"] => words.contains(&"tta-redis-admin"),
        _ => false,
    }
}

pub(crate) fn read(words: &[&str]) -> Reply {
    match words.last() {
        Some(&"yes") => Reply::said("OK\n"),
        Some(&"persistence") => Reply::said(
            "# Persistence\r\naof_enabled:1\r\naof_rewrite_in_progress:0\r\n\
             aof_rewrite_scheduled:0\r\naof_last_bgrewrite_status:ok\r\n",
        ),
        _ => Reply::default(),
    }
}

/// Whether these are the words of a talk in batches.
pub(crate) fn in_batches(words: &[&str]) -> bool {
    let mut words = words.iter();
    words.any(|word| word.starts_with("# Batch after batch"))
}

/// A talk in batches, of which one goes through all keys.
pub(crate) fn talk(fake: &Fake, words: &[&str]) -> Answer {
    let state = fake.folder.state();
    let name = words.iter().find_map(|word| state.container_of(word));
    let data = name.and_then(|name| state.containers[&name].mounts.get("/data").cloned());
    let data = data.expect("it talks to a server with a volume");
    let say = |line: &str| {
        let mut stdout = std::io::stdout();
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    };
    say("PONG");
    let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
    let mut command = None;
    while let Some(line) = lines.next() {
        if line != "on" {
            command = Some(line);
            // What stands after the cursor, and where to begin.
            let _ = lines.by_ref().nth(1);
        } else if let Some(command) = command.take() {
            say(&batch(fake, &data, &command)?);
        }
    }
    Ok(Reply::default())
}

fn batch(fake: &Fake, data: &str, command: &str) -> Result<String, Reply> {
    if command.starts_with("EVAL_RO ") {
        return Ok(census(&fake.folder.state().volumes[data]));
    }
    if !command.starts_with("EVAL ") || !command.contains("RENAMENX") {
        return Err(fake.unknown(command));
    }
    let bare = fake.change(&format!("volume {data}"), |state| {
        let volume = state.volumes.get_mut(data).expect("it is there");
        std::mem::take(&mut volume.bare)
    })?;
    Ok(format!("0 {bare}"))
}

/// The sum is the same whatever the names without the prefix are.
fn census(volume: &Volume) -> String {
    let own = volume.keys - volume.bare;
    format!(
        "0 0 {} {own} 0 0 0 {} {} 0 ",
        volume.bare,
        volume.keys,
        volume.keys * 7
    )
}
