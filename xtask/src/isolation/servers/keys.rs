//! A running Redis, asked as its admin user inside its container, in any of its databases.

use environments::Service;

use crate::isolation::scene::{Scene, Site};
use crate::isolation::servers::keyed::{Key, Secret};
use crate::isolation::servers::{PATIENCE, container, converse, in_short};
use crate::process::{Conversation, printable};
use crate::tools::redis::quoted;

/// A conversation with a Redis.
#[derive(Debug)]
pub(crate) struct Keys {
    child: Conversation,
    /// What the container is configured with.
    pub(crate) secrets: Vec<Secret>,
    /// Stands at the end of every answer.
    mark: String,
    /// The database that the conversation is in.
    database: u32,
    /// Why nothing more can be asked: an answer might be that of an earlier question.
    over: Option<String>,
}

/// Begins to talk to the Redis of a site.
pub(super) fn open(scene: &Scene<'_>, site: &Site, key: &Key) -> Result<Keys, String> {
    let container = container(site, Service::Redis)?;
    let (child, secrets) = converse(scene, container, key, &["tta-redis-admin"])?;
    let mut keys = Keys {
        child,
        secrets,
        mark: format!("tta-end-{}", scene.run),
        database: 0,
        over: None,
    };
    // The admin of the container's own start: another's server does not know it.
    match keys.ask(&["ACL", "WHOAMI"])?.as_slice() {
        [user] if user == "tta-admin" => Ok(keys),
        other => Err(format!(
            "it does not take its container's admin user: it answers {}",
            shown(other)
        )),
    }
}

impl Keys {
    /// The lines that a command answers, in database 0 or wherever that is all the same.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<Vec<String>, String> {
        self.ask_in(0, words)
    }

    /// The same in one of its numbered databases.
    pub(crate) fn ask_in(&mut self, database: u32, words: &[&str]) -> Result<Vec<String>, String> {
        if let Some(why) = &self.over {
            return Err(why.clone());
        }
        if database != self.database {
            self.exchange(&["SELECT", &database.to_string()])
                .and_then(|answer| match answer.as_slice() {
                    [ok] if ok == "OK" => Ok(()),
                    other => Err(format!("SELECT {database}: it answers {}", shown(other))),
                })?;
            self.database = database;
        }
        self.exchange(words)
    }

    /// A number.
    pub(crate) fn number(&mut self, database: u32, words: &[&str]) -> Result<u64, String> {
        let answer = self.ask_in(database, words)?;
        match answer.as_slice() {
            [number] => number.parse().ok(),
            _ => None,
        }
        .ok_or_else(|| format!("{}: expected a number, got {}", words[0], shown(&answer)))
    }

    fn exchange(&mut self, words: &[&str]) -> Result<Vec<String>, String> {
        let command: Vec<String> = words.iter().map(|word| quoted(word.as_bytes())).collect();
        let mut talk = || {
            self.child.say(&command.join(" "))?;
            self.child.say(&format!("ECHO {}", self.mark))?;
            let mut lines = Vec::new();
            loop {
                let line = self.child.answer(PATIENCE)?;
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end_matches('\r');
                if line == self.mark {
                    return Ok(lines);
                }
                // redis-cli puts an empty line behind an error.
                if !line.is_empty() {
                    lines.push(line.to_owned());
                }
            }
        };
        talk().map_err(|failure: crate::error::Failure| {
            let why = in_short(&failure);
            self.over = Some(why.clone());
            why
        })
    }
}

/// Tries logins on a Redis, one after the other on one connection; for each what it answers. None
/// is an argument: they are read from standard input.
pub(crate) fn logins(
    scene: &Scene<'_>,
    site: &Site,
    logins: &[(String, String)],
) -> Result<Tried, String> {
    let container = container(site, Service::Redis)?;
    let args = ["timeout", "60", "redis-cli", "--no-auth-warning"];
    let command = scene.context.docker.exec(&container.id, &args);
    let talk = || {
        let mut child = scene.context.runner.converse(&command)?;
        let mut ask = |words: &[&[u8]]| {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            child.say(&words.join(" "))?;
            // Each answers one line, and redis-cli puts an empty one behind an error.
            loop {
                let line = child.answer(PATIENCE)?;
                let line = String::from_utf8_lossy(&line).trim().to_owned();
                if !line.is_empty() {
                    return Ok(line);
                }
            }
        };
        let anonymous = ask(&[b"DBSIZE"])?;
        let answers = logins
            .iter()
            .map(|(user, password)| ask(&[b"AUTH", user.as_bytes(), password.as_bytes()]))
            .collect::<crate::error::Result<Vec<_>>>()?;
        Ok(Tried { anonymous, answers })
    };
    talk().map_err(|failure: crate::error::Failure| in_short(&failure))
}

/// What became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    /// What DBSIZE answers before any login.
    pub(crate) anonymous: String,
    /// What each AUTH answers.
    pub(crate) answers: Vec<String>,
}

fn shown(lines: &[String]) -> String {
    let text: String = lines.join(" ").chars().take(200).collect();
    printable(&text)
}
