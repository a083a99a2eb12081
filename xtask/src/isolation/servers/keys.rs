//! A running Redis, asked inside its container, in any of its databases: as its admin user, or, where
//! its container was not started by our image and has none, with a plain login, as anyone could.

use std::time::{Duration, Instant};

use environments::Service;
use process::{Conversation, printable};

use crate::isolation::auth::acl::ADMIN;
use crate::isolation::scene::{Scene, Site};
use crate::isolation::servers::keyed::{Key, Secret};
use crate::isolation::servers::reach::{LIFE, PATIENCE, container, converse, in_short};
use crate::tools::redis::quoted;

const WHO: &str = include_str!("who.sh");

/// A conversation with a Redis.
#[derive(Debug)]
pub(crate) struct Keys {
    child: Conversation,
    /// What the container is configured with.
    pub(crate) secrets: Vec<Secret>,
    /// The user that asks; empty where the server does not tell.
    pub(crate) user: String,
    /// The lines of ACL LIST, or why they are not known.
    pub(crate) users: Result<Vec<String>, String>,
    /// Why it is not its admin that asks, where it is not.
    plain: Option<String>,
    /// Stands at the end of every answer.
    mark: String,
    /// The database that the conversation is in.
    database: u32,
    /// How long an answer may take: longer where the beginning took long.
    patience: Duration,
    /// Why nothing more can be asked: nobody's login is taken, or an answer might be that of an
    /// earlier question.
    over: Option<String>,
}

/// Begins to talk to the Redis of a site. Where no login of ours is taken, what its container is
/// configured with is known all the same.
pub(super) fn open(scene: &Scene<'_>, site: &Site, key: &Key) -> Result<Keys, String> {
    let began = Instant::now();
    let container = container(site, Service::Redis)?;
    let (child, secrets) = converse(scene, container, key, &["bash", "-c", WHO, "who"])?;
    let mut keys = Keys {
        child,
        secrets,
        user: String::new(),
        users: Err(String::new()),
        plain: None,
        mark: format!("tta-end-{}", scene.run),
        database: 0,
        patience: PATIENCE,
        over: None,
    };
    if let Err(why) = keys.enter(site) {
        keys.over = Some(why);
    }
    keys.patience = PATIENCE.max(began.elapsed() * 10);
    keys.users = keys.ask(&["ACL", "LIST"]);
    Ok(keys)
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
        let answer = self.exchange(words)?;
        match (&self.plain, answer.as_slice()) {
            (Some(why), [refused]) if refused.starts_with("NOPERM ") => Err(format!(
                "{why}; to {} user {} gets {}",
                words[0],
                printable(&self.user),
                shown(&answer)
            )),
            _ => Ok(answer),
        }
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

    /// Only its container's own admin writes: which server takes a plain login is not certain.
    ///
    /// # Errors
    /// Somebody else asks.
    pub(crate) fn may_write(&self) -> Result<(), String> {
        match &self.plain {
            None => Ok(()),
            Some(why) => Err(format!("{why}: nothing is written to it")),
        }
    }

    /// Logs in as its admin, else as the environment's own user, else as nobody.
    fn enter(&mut self, site: &Site) -> Result<(), String> {
        let why = match self.line()?.as_str() {
            "admin" => match self.one(&["ACL", "WHOAMI"])? {
                // The admin of the container's own start: another's server does not know it.
                user if user == ADMIN => {
                    self.user = user;
                    return Ok(());
                }
                other => format!(
                    "it does not take its container's admin user: it answers {}",
                    shown(&[other])
                ),
            },
            "plain" => "its container has no admin user, since another program than our image's \
                        started it"
                .to_owned(),
            other => return Err(format!("it answers {}", shown(&[other.to_owned()]))),
        };
        let own = match &site.password {
            Ok(password) => {
                let user = site.deployment.environment().redis_user();
                self.one(&["AUTH", user, &password.value])?
            }
            Err(why) => why.clone(),
        };
        // Whoever asks without a login is user `default`, where that one may.
        let user = self.one(&["ACL", "WHOAMI"])?;
        let mark = self.mark.clone();
        if self.one(&["ECHO", &mark])? != mark {
            let own = shown(&[own]);
            return Err(format!(
                "{why}; its own login is answered {own}, and nothing is answered without one"
            ));
        }
        if !user.starts_with("NOPERM ") {
            self.user = user;
        }
        self.plain = Some(why);
        Ok(())
    }

    /// Says a command that is answered with one line, and returns that.
    fn one(&mut self, words: &[&str]) -> Result<String, String> {
        self.child.say(&spoken(words)).map_err(in_short)?;
        self.line()
    }

    fn line(&mut self) -> Result<String, String> {
        line(&mut self.child, self.patience)
    }

    fn exchange(&mut self, words: &[&str]) -> Result<Vec<String>, String> {
        let command = spoken(words);
        let patience = self.patience;
        let mut talk = || {
            self.child.say(&command)?;
            self.child.say(&format!("ECHO {}", self.mark))?;
            let mut lines = Vec::new();
            loop {
                let line = self.child.hear(patience)?;
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
            let why = in_short(failure);
            self.over = Some(why.clone());
            why
        })
    }
}

/// Plain redis-cli on a Redis, as anyone has it who gets at the server: no helper of ours.
#[derive(Debug)]
pub(crate) struct Anyone {
    child: Conversation,
    patience: Duration,
}

/// Begins to ask without a login. No password is an argument: each is read from standard input.
pub(crate) fn anyone(scene: &Scene<'_>, site: &Site) -> Result<Anyone, String> {
    let container = container(site, Service::Redis)?;
    // The container's own variable would log in unasked; an empty one logs in as `default` with an
    // empty password, which the server counts as a wrong one.
    let without = ["env", "-u", "REDISCLI_AUTH"];
    let args = ["timeout", LIFE, "redis-cli", "--no-auth-warning"];
    let args = [&without[..], &args].concat();
    let command = scene.context.docker.exec(&container.id, &args);
    let child = scene.context.runner.converse(&command);
    Ok(Anyone {
        child: child.map_err(in_short)?,
        patience: PATIENCE,
    })
}

impl Anyone {
    /// The line that a command answers which answers one. After an error it must not be asked again.
    ///
    /// # Errors
    /// It ended, or does not answer in time.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<String, String> {
        let began = Instant::now();
        self.child.say(&spoken(words)).map_err(in_short)?;
        let answer = line(&mut self.child, self.patience)?;
        self.patience = self.patience.max(began.elapsed() * 10);
        Ok(answer)
    }
}

/// A command as redis-cli reads it.
fn spoken(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word.as_bytes())).collect();
    words.join(" ")
}

/// The next line that says something: redis-cli puts an empty one behind an error.
fn line(child: &mut Conversation, patience: Duration) -> Result<String, String> {
    loop {
        let line = child.hear(patience).map_err(in_short)?;
        let line = line.trim().to_owned();
        if !line.is_empty() {
            return Ok(line);
        }
    }
}

fn shown(lines: &[String]) -> String {
    let text: String = lines.join(" ").chars().take(200).collect();
    printable(&text)
}
