//! A running Neo4j, asked over HTTP inside its container: no JVM, and as any login.

use std::thread;
use std::time::{Duration, Instant};

use compose_audit::alone;
use environments::Service;
use process::{Conversation, printable};
use serde::Deserialize;
use serde_json::Value;

use crate::isolation::scene::{Scene, Site};
use crate::isolation::servers::keyed::{Key, Secret, base64};
use crate::isolation::servers::reach::{container, converse, in_short};
use crate::isolation::servers::stores::{Databases, STORE, SYSTEM};

const ASK: &str = include_str!("ask.sh");

/// The line to which it answers with the folders of the databases.
const FOLDERS: &str = "databases";

/// How long the server may take over one answer, in seconds: one that was just started, on a machine
/// that others use up, has taken more than 15.
const ANSWER: u64 = 30;
const SILENT: Duration = Duration::from_secs(ANSWER);

/// How long Neo4j locks a user after wrong passwords, and some more.
const LOCKED: Duration = Duration::from_secs(8);

/// A conversation with a Neo4j.
#[derive(Debug)]
pub(crate) struct Graph {
    child: Conversation,
    /// What the container is configured with.
    pub(crate) secrets: Vec<Secret>,
    /// How the environment's own login came out when it was first tried.
    pub(crate) own: Login,
    login: String,
    /// Known once it was asked for.
    pub(super) databases: Option<Databases>,
    /// Why nothing more can be asked: an answer might be that of an earlier question.
    over: Option<String>,
}

/// What became of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Login {
    Accepted,
    Refused,
    /// Neither: nobody answered, or what came back was not understood.
    Unknown(String),
}

/// What Neo4j said to one question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    Rows(Vec<Vec<Value>>),
    /// The login was refused.
    Unauthorized,
    /// Somebody gave too many wrong passwords: the user is locked for some seconds.
    Locked,
    /// The login was accepted and the statement was not.
    Objection(String),
    /// Nothing that is Neo4j's.
    Nothing(String),
}

impl Said {
    /// Why there are no rows.
    pub(super) fn why(self) -> String {
        match self {
            Self::Rows(_) => "it answers something else than was asked".to_owned(),
            Self::Unauthorized => "its own login is refused now".to_owned(),
            Self::Locked => "somebody's wrong passwords have locked its user".to_owned(),
            Self::Objection(why) | Self::Nothing(why) => why,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Answer {
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Objection>,
}

#[derive(Debug, Deserialize)]
struct Data {
    values: Vec<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct Objection {
    code: String,
    message: String,
}

/// Begins to talk to the Neo4j of a site, and tries its own login.
pub(super) fn open(scene: &Scene<'_>, site: &Site, key: &Key) -> Result<Graph, String> {
    let container = container(site, Service::Neo4j)?;
    let patience = ANSWER.to_string();
    let (child, secrets) = converse(
        scene,
        container,
        key,
        &["bash", "-c", ASK, "ask", &patience],
    )?;
    let mut graph = Graph {
        child,
        secrets,
        own: Login::Unknown(String::new()),
        login: String::new(),
        databases: None,
        over: None,
    };
    graph.own = match &site.password {
        Err(why) => Login::Unknown(why.clone()),
        Ok(password) => {
            graph.login = basic(site.deployment.environment().neo4j_user(), &password.value);
            let unanswered = |login: &Login| matches!(login, Login::Unknown(_));
            alone::once_more(SILENT, || graph.try_own(), unanswered)
        }
    };
    Ok(graph)
}

/// The value of a header that carries a login.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

impl Graph {
    /// Asks as the environment's own user.
    ///
    /// # Errors
    /// Why there is no answer; also where its own login was refused before.
    pub(crate) fn ask(
        &mut self,
        database: &str,
        statement: &str,
    ) -> Result<Vec<Vec<Value>>, String> {
        match self.ask_own(database, statement)? {
            Said::Rows(rows) => Ok(rows),
            other => Err(other.why()),
        }
    }

    /// The same, whatever the server says to it.
    ///
    /// # Errors
    /// Its own login was not accepted before.
    pub(super) fn ask_own(&mut self, database: &str, statement: &str) -> Result<Said, String> {
        match &self.own {
            Login::Accepted => {}
            Login::Refused => return Err("its own login is refused".to_owned()),
            Login::Unknown(why) => return Err(why.clone()),
        }
        let login = self.login.clone();
        // Its own login was taken, so that no wrong password is counted.
        Ok(alone::once_more(
            SILENT,
            || self.ask_as(database, &login, statement),
            |said| matches!(said, Said::Nothing(_)),
        ))
    }

    /// The names of the databases that have files in the container.
    ///
    /// # Errors
    /// There is no folder of them, or the child does not answer.
    pub(super) fn folders(&mut self) -> Result<Vec<String>, String> {
        if let Some(why) = &self.over {
            return Err(why.clone());
        }
        let told = self.child.ask(FOLDERS, SILENT * 2).map_err(|failure| {
            let why = in_short(failure);
            self.over = Some(why.clone());
            why
        })?;
        folders(&told).ok_or_else(|| format!("its data folder cannot be read: {}", shown(&told)))
    }

    /// Tries the environment's own login once, and again only while it is locked: the lock is
    /// another's doing and passes (Neo4j's settings auth_max_failed_attempts, auth_lock_time).
    pub(crate) fn try_own(&mut self) -> Login {
        let login = self.login.clone();
        self.try_login(&login)
    }

    /// Tries a login.
    pub(crate) fn try_login(&mut self, login: &str) -> Login {
        let began = Instant::now();
        loop {
            return match self.ask_as(SYSTEM, login, STORE) {
                Said::Rows(_) | Said::Objection(_) => Login::Accepted,
                Said::Unauthorized => Login::Refused,
                Said::Locked if began.elapsed() < LOCKED => {
                    thread::sleep(Duration::from_millis(250));
                    continue;
                }
                Said::Locked => Login::Unknown(
                    "its user stays locked: somebody goes on giving wrong passwords".to_owned(),
                ),
                Said::Nothing(why) => Login::Unknown(why),
            };
        }
    }

    /// Asks with the value of a header Authorization, or without one where it is empty.
    pub(crate) fn ask_as(&mut self, database: &str, login: &str, statement: &str) -> Said {
        // The address is part of the question: a database's name comes from a server.
        if !may_be_called(database) {
            return Said::Nothing(format!("{database:?} is no name of a database"));
        }
        let query = serde_json::json!({ "statement": statement });
        let question = format!("{database}\t{login}\t{query}");
        if let Some(why) = &self.over {
            return Said::Nothing(why.clone());
        }
        // The child itself tells that the server is silent, should it get its turn.
        match self.child.ask(&question, SILENT * 2) {
            Ok(line) => said(&line),
            Err(failure) => {
                let why = in_short(failure);
                self.over = Some(why.clone());
                Said::Nothing(why)
            }
        }
    }
}

/// Whether a database can have a name: letters, digits, dots and dashes (Operations Manual 5, Database
/// names), and underscores, which another version may take.
fn may_be_called(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}

/// Reads what `ask.sh` answers to [`FOLDERS`]: those that can be a database's, and so no
/// `lost+found`.
fn folders(told: &str) -> Option<Vec<String>> {
    let (FOLDERS, names) = told.split_once('\t')? else {
        return None;
    };
    let names = names.split('\t').filter(|name| may_be_called(name));
    Some(names.map(str::to_owned).collect())
}

/// Reads a line of `ask.sh`.
fn said(line: &str) -> Said {
    let Some((status, body)) = line.split_once('\t') else {
        return Said::Nothing(match line {
            "refused" => "its HTTP port refuses connections".to_owned(),
            "silent" => format!("it takes a connection, but says nothing within {ANSWER} s"),
            other => format!("it answers {}", shown(other)),
        });
    };
    let garbled = || Said::Nothing(format!("it answers {} {}", shown(status), shown(body)));
    let Ok(answer) = serde_json::from_str::<Answer>(body) else {
        return garbled();
    };
    match (answer.errors.first(), answer.data) {
        (Some(error), _) => match error.code.as_str() {
            "Neo.ClientError.Security.Unauthorized" => Said::Unauthorized,
            "Neo.ClientError.Security.AuthenticationRateLimit" => Said::Locked,
            code => {
                let why = format!("{} ({})", shown(&error.message), shown(code));
                // The server being unwell says nothing about the login.
                if code.starts_with("Neo.ClientError.") {
                    Said::Objection(why)
                } else {
                    Said::Nothing(why)
                }
            }
        },
        (None, Some(data)) => Said::Rows(data.values),
        (None, None) => garbled(),
    }
}

fn shown(text: &str) -> String {
    printable(&text.chars().take(200).collect::<String>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_answer_is_told_apart() {
        let unauthorized = "HTTP/1.1 401 Unauthorized\t{\"errors\":[{\"code\":\"Neo.ClientError.Security.Unauthorized\",\"message\":\"Invalid credential.\"}]}";
        assert_eq!(said(unauthorized), Said::Unauthorized);
        let locked = "HTTP/1.1 429 Too Many Requests\t{\"errors\":[{\"code\":\"Neo.ClientError.Security.AuthenticationRateLimit\",\"message\":\"Too many\"}]}";
        assert_eq!(said(locked), Said::Locked);
        let rows = "HTTP/1.1 202 Accepted\t{\"data\":{\"fields\":[\"1\"],\"values\":[[1]]}}";
        assert_eq!(said(rows), Said::Rows(vec![vec![1.into()]]));
        let missing = "HTTP/1.1 404 Not Found\t{\"errors\":[{\"code\":\"Neo.ClientError.Database.DatabaseNotFound\",\"message\":\"Graph not found: x\"}]}";
        assert!(matches!(said(missing), Said::Objection(_)));
        let unwell = "HTTP/1.1 500\t{\"errors\":[{\"code\":\"Neo.TransientError.General.DatabaseUnavailable\",\"message\":\"x\"}]}";
        assert!(matches!(said(unwell), Said::Nothing(_)));
    }

    #[test]
    fn the_folders_that_can_be_a_database_s_are_read() {
        let told = folders("databases\tsystem\ttta-dev\tlost+found\t\u{1b}[2J\t");
        assert_eq!(told, Some(vec!["system".to_owned(), "tta-dev".to_owned()]));
        for garbled in ["", "databases", "no folder of databases", "x\tsystem"] {
            assert_eq!(folders(garbled), None, "{garbled:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_never_an_answer() {
        for line in [
            "",
            "refused",
            "silent",
            "x",
            "HTTP/1.1 200 OK\t",
            "HTTP/1.1 200 OK\t{}",
            "HTTP/1.1 200 OK\t[1]",
            "\t\u{1b}[2J",
        ] {
            assert!(matches!(said(line), Said::Nothing(_)), "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic_and_grants_nothing(line in any::<String>()) {
            let granted = matches!(said(&line), Said::Rows(_) | Said::Objection(_));
            prop_assert!(!granted || line.contains("\"values\"") || line.contains("\"errors\""));
        }
    }
}
