//! Neo4j, always asked inside the container whose labels were read: a wrong port cannot be asked.
//!
//! Counts and facts come from the server's query endpoint, which answers in milliseconds. Whatever
//! changes data or proves something goes over Bolt, which answers a second earlier on a server that
//! is starting, and takes one statement after the other up to the first that fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use process::{Invocation, PROMPT, Reply, printable};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Failure, Kind, Result};
use crate::tools::bolt::{Broken, Rows, Session};
use crate::tools::docker::Docker;

/// How long a statement may take that changes much: a million nodes are deleted in about 14 s.
pub(crate) const STATEMENT: Duration = Duration::from_secs(600);

/// How long a server that runs is waited for on Bolt's port, in seconds.
const AT_ONCE: u64 = 0;

/// Waits for the port of this container's own server for so many seconds, then hands bytes on both
/// ways until either side ends. The reader is the program itself: the engine waits for no other.
const TALK: &str = r#"until { exec 3<>/dev/tcp/127.0.0.1/7687; } 2>/dev/null; do
    [ "$SECONDS" -lt "$1" ] || { echo "refuses connections" >&2; exit 1; }
    sleep 0.05
done
exec 4<&0
{ cat <&4 >&3; kill $$; } >/dev/null 2>&1 &
exec cat <&3 4<&-"#;

/// The variable by which a talk of ours is found again among the container's processes.
const MARK: &str = "TTA_TALK";

/// Ends every process that has the given variable, and waits until none is left.
const END_TALK: &str = r#"until none=yes; for process in /proc/[0-9]*; do
    if grep -qsxzF "$0" "$process/environ"; then none=; kill -KILL "${process#/proc/}"; fi
done; [ "$none" ]; do sleep 0.05; done"#;

fn new_mark() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{MARK}={}-{count}", std::process::id())
}

/// Each line of standard input is the JSON of a query, each line of standard output its answer.
const AT_LENGTH: &str = r#"set -uo pipefail
LC_ALL=C
fail() { echo "$*" >&2; exit 1; }
. /opt/tta/bin/tta-ask.sh
find_login
while IFS= read -r query; do
    { exec 3<>/dev/tcp/127.0.0.1/7474; } 2>/dev/null || fail "HTTP refuses connections"
    printf 'POST /db/%s/query/v2 HTTP/1.0\r\nHost: localhost\r\n%sContent-Type: application/json\r\nAccept: %s\r\nContent-Length: %d\r\n\r\n%s' \
        "$0" "$login" "${1:-application/json}" "${#query}" "$query" >&3
    sed '1,/^\r$/d' <&3 | tr -d '\n' || fail "no answer over HTTP"
    exec 3>&-
    echo
done"#;

/// What a talk is for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    /// Changing, or proving what was changed.
    Proof,
    /// Telling what is there.
    Look,
}

impl Purpose {
    /// What the talk is called among a container's processes.
    const fn name(self) -> &'static str {
        match self {
            Self::Proof => "bolt",
            Self::Look => "look",
        }
    }

    /// How long an answer may take.
    const fn patience(self) -> Duration {
        match self {
            Self::Proof => STATEMENT,
            Self::Look => PROMPT,
        }
    }
}

/// The form of an answer that tells each value's type (Neo4j Query API, Typed JSON).
const TYPED: &str = "application/vnd.neo4j.query";

/// A Neo4j server in a container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neo4j<'a> {
    pub(crate) docker: &'a Docker,
    /// The container's id.
    pub(crate) container: &'a str,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
}

/// A login on a Neo4j over Bolt.
#[derive(Debug)]
pub(crate) struct Talk<'a> {
    server: Neo4j<'a>,
    session: Session,
    mark: String,
    patience: Duration,
}

impl Talk<'_> {
    /// Runs statements as [`Neo4j::prove`] does. After an error the talk is over.
    ///
    /// # Errors
    /// Those of [`Neo4j::prove`].
    pub(crate) fn prove<S: AsRef<str>>(&mut self, statements: &[S]) -> Result<Vec<Rows>> {
        self.run(Some(self.server.database), statements)
            .map_err(|broken| self.server.explained(broken, statements))
    }

    fn run<S: AsRef<str>>(
        &mut self,
        database: Option<&str>,
        statements: &[S],
    ) -> Result<Vec<Rows>, Broken> {
        let ran = self.session.run(database, statements, self.patience);
        if let Err(Broken::Cut { .. }) = &ran {
            self.server.end_talk(&self.mark);
        }
        ran
    }
}

/// What the query endpoint answers: rows, or errors.
#[derive(Debug, Deserialize)]
struct Answer {
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<ServerError>,
}

#[derive(Debug, Deserialize)]
struct Data {
    values: Vec<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct ServerError {
    code: String,
    message: String,
}

impl<'a> Neo4j<'a> {
    /// Asks the statements one after the other over the query endpoint; a list of rows for each.
    ///
    /// # Errors
    /// The server does not answer, refuses the login, or refuses a statement.
    pub(crate) fn ask(&self, statements: &[&str]) -> Result<Vec<Vec<Vec<Value>>>> {
        let requests: Vec<String> = statements
            .iter()
            .map(|statement| serde_json::json!({ "statement": statement }).to_string())
            .collect();
        let command = self
            .docker
            .exec(self.container, &["tta-neo4j-query", self.database])
            .stdin(requests.join("\n") + "\n");
        self.answers(&command, statements.len())
    }

    /// The same for answers that are long or take their time: `tta-neo4j-query` reads an answer
    /// byte by byte.
    ///
    /// # Errors
    /// As for [`Self::ask`].
    pub(crate) fn ask_at_length(
        &self,
        statements: &[&str],
        deadline: Duration,
    ) -> Result<Vec<Vec<Vec<Value>>>> {
        let requests: Vec<String> = statements
            .iter()
            .map(|statement| serde_json::json!({ "statement": statement }).to_string())
            .collect();
        let command = self
            .docker
            .exec(self.container, &["bash", "-c", AT_LENGTH, self.database])
            .stdin(requests.join("\n") + "\n")
            .deadline(deadline);
        self.answers(&command, statements.len())
    }

    /// The rows of one statement in typed JSON: each value is `{"$type": …, "_value": …}`.
    ///
    /// # Errors
    /// As for [`Self::ask`].
    pub(crate) fn ask_typed(&self, statement: &str, deadline: Duration) -> Result<Vec<Vec<Value>>> {
        let request = serde_json::json!({ "statement": statement }).to_string();
        let words = ["bash", "-c", AT_LENGTH, self.database, TYPED];
        let command = self
            .docker
            .exec(self.container, &words)
            .stdin(request + "\n")
            .deadline(deadline);
        let mut answers = self.answers(&command, 1)?;
        Ok(answers.pop().unwrap_or_default())
    }

    fn answers(&self, command: &Invocation, expected: usize) -> Result<Vec<Vec<Vec<Value>>>> {
        let reply = self.docker.runner().run(command)?.ok()?;
        let answers: Vec<Vec<Vec<Value>>> = reply
            .stdout
            .lines()
            .map(|line| rows(line, &reply))
            .collect::<Result<_>>()?;
        if answers.len() == expected {
            Ok(answers)
        } else {
            Err(reply
                .unexpected(&format!("{expected} lines of JSON"))
                .into())
        }
    }

    /// Runs statements that must succeed, one after the other over Bolt, each in a transaction of its
    /// own: the rows of each.
    ///
    /// # Errors
    /// The server is not reached, the login is refused, the database is missing or a statement
    /// fails: each is told apart.
    pub(crate) fn prove<S: AsRef<str>>(&self, statements: &[S]) -> Result<Vec<Rows>> {
        self.prove_on(self.database, statements)
    }

    /// The same on another database of the server.
    pub(crate) fn prove_on<S: AsRef<str>>(
        &self,
        database: &str,
        statements: &[S],
    ) -> Result<Vec<Rows>> {
        self.run(Purpose::Proof, AT_ONCE, Some(database), statements)
            .map_err(|broken| self.explained(broken, statements))
    }

    /// The same as a client that names no database: in the user's home.
    pub(crate) fn prove_at_home<S: AsRef<str>>(&self, statements: &[S]) -> Result<Vec<Rows>> {
        self.run(Purpose::Proof, AT_ONCE, None, statements)
            .map_err(|broken| self.explained(broken, statements))
    }

    /// The same for statements that change nothing, of a server that has started before.
    pub(crate) fn look_at_home<S: AsRef<str>>(&self, statements: &[S]) -> Result<Vec<Rows>> {
        self.run(Purpose::Look, AT_ONCE, None, statements)
            .map_err(|broken| self.explained(broken, statements))
    }

    /// The same on a server that is starting, as soon as it takes connections on Bolt. None where it
    /// took none in time or refused the first statement all the same: nothing was changed.
    ///
    /// # Errors
    /// Those of [`Self::prove`] for statements of which something was run.
    pub(crate) fn prove_at_home_at_start<S: AsRef<str>>(
        &self,
        statements: &[S],
        patience: Duration,
    ) -> Result<Option<Vec<Rows>>> {
        match self.run(Purpose::Proof, patience.as_secs(), None, statements) {
            Ok(rows) => Ok(Some(rows)),
            Err(Broken::Cut { failure, .. }) if failure.kind == Kind::Interrupted => Err(failure),
            Err(
                Broken::NoEntry { .. }
                | Broken::Refused { at: 0, .. }
                | Broken::Cut { answered: 0, .. },
            ) => Ok(None),
            Err(broken) => Err(self.explained(broken, statements)),
        }
    }

    /// Runs the statements of a fixture. Of the first that fails, its number, counted from 1, and
    /// what the server said.
    ///
    /// # Errors
    /// The server is not reached, or the login is refused.
    pub(crate) fn load<S: AsRef<str>>(
        &self,
        statements: &[S],
    ) -> Result<std::result::Result<(), (usize, String)>> {
        match self.run(Purpose::Proof, AT_ONCE, Some(self.database), statements) {
            Ok(_) => Ok(Ok(())),
            Err(Broken::Refused { at, code, message }) => Ok(Err((
                at + 1,
                format!("{} ({})", printable(&message), printable(&code)),
            ))),
            Err(broken) => Err(self.explained(broken, statements)),
        }
    }

    /// A login that waits for its statements, each of which is then given so much time.
    ///
    /// # Errors
    /// The container is gone, or Ctrl-C was pressed. Whether the login is taken is seen later.
    pub(crate) fn talk(&self, patience: Duration) -> Result<Talk<'a>> {
        let mut talk = self.begin(Purpose::Proof, AT_ONCE)?;
        talk.patience = patience;
        Ok(talk)
    }

    fn run<S: AsRef<str>>(
        &self,
        purpose: Purpose,
        wait: u64,
        database: Option<&str>,
        statements: &[S],
    ) -> Result<Vec<Rows>, Broken> {
        let talk = self.begin(purpose, wait);
        let mut talk = talk.map_err(|failure| Broken::Cut {
            answered: 0,
            failure,
        })?;
        talk.run(database, statements)
    }

    fn begin(&self, purpose: Purpose, wait: u64) -> Result<Talk<'a>> {
        let (mark, name) = (new_mark(), purpose.name());
        let command = self.docker.exec_with(
            self.container,
            &["--env", &mark],
            &["bash", "-c", TALK, name, &wait.to_string()],
        );
        let command = command.blotting(self.password);
        let child = self.docker.runner().stream(&command)?;
        let child = child.called(format!("docker exec {} {name}", self.container));
        Ok(Talk {
            server: *self,
            session: Session::open(child, self.user, self.password)?,
            mark,
            patience: purpose.patience(),
        })
    }

    /// Ends a talk whose client was ended, by Ctrl-C or at its deadline: the engine goes on running
    /// what a client had started (Docker 26.1), and its statements would meet the next run's.
    fn end_talk(&self, mark: &str) {
        let command = self
            .docker
            .exec(self.container, &["bash", "-c", END_TALK, mark])
            .deadline(Duration::from_secs(10));
        // Where the container is gone, so is the talk; the failure that is told is the first one.
        let _ = self.docker.runner().steadfast().run(&command);
    }

    /// Tells apart why statements were not run, by the codes that Neo4j gives its failures
    /// (<https://neo4j.com/docs/status-codes/>).
    fn explained<S: AsRef<str>>(&self, broken: Broken, statements: &[S]) -> Failure {
        let (code, message, at) = match broken {
            Broken::Cut { failure, .. } if failure.kind == Kind::Interrupted => return failure,
            Broken::Cut { failure, .. } => {
                let told: Vec<&str> = failure.message.split_whitespace().collect();
                return Failure::failed(format!(
                    "Neo4j of {} on Bolt: {}",
                    self.database,
                    told.join(" ")
                ));
            }
            Broken::NoEntry { code, message } => (code, message, None),
            Broken::Refused { at, code, message } => (code, message, Some(at)),
        };
        match code.as_str() {
            "Neo.ClientError.Security.Unauthorized" => Failure::failed(format!(
                "Neo4j refused the login of {} on {}: the password given is not the one that its \
                 volume was made with",
                self.user, self.database
            ))
            .hint("the password of an existing volume is changed in Neo4j itself: ALTER CURRENT USER SET PASSWORD …"),
            "Neo.ClientError.Security.AuthenticationRateLimit" => Failure::failed(format!(
                "Neo4j of {} has locked the user {} for some seconds: somebody gave three wrong \
                 passwords in a row",
                self.database, self.user
            ))
            .hint("run the same command again"),
            "Neo.ClientError.Database.DatabaseNotFound" => Failure::failed(format!(
                "Neo4j has no database {}: its volume was made with another default database",
                self.database
            ))
            .hint("cargo xtask init-neo4j ENV   (says what the server has)"),
            _ => {
                let statement = at.and_then(|at| statements.get(at));
                let statement = statement.map_or_else(String::new, |statement| {
                    let short: String = statement.as_ref().chars().take(300).collect();
                    format!("\n    {}", printable(&short.replace('\n', " ")))
                });
                Failure::failed(format!(
                    "Neo4j of {} refused {}: {} ({}){statement}",
                    self.database,
                    if at.is_some() { "a statement" } else { "to be talked to" },
                    printable(&message),
                    printable(&code),
                ))
            }
        }
    }
}

fn rows(line: &str, reply: &Reply) -> Result<Vec<Vec<Value>>> {
    let answer: Answer =
        serde_json::from_str(line).map_err(|_| reply.unexpected("one JSON document a line"))?;
    if let Some(error) = answer.errors.first() {
        return Err(Failure::failed(format!(
            "Neo4j refused a statement: {} ({})",
            printable(&error.message),
            printable(&error.code)
        )));
    }
    match answer.data {
        Some(data) => Ok(data.values),
        None => Err(reply.unexpected("rows or errors").into()),
    }
}

/// A name as Cypher takes any name: in backticks, those inside it doubled.
pub(crate) fn quoted_name(name: &str) -> String {
    // Cypher reads `` as a backtick inside a name, and \uXXXX as what it stands for.
    format!("`{}`", name.replace('\\', "\\u005C").replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_own_quotes() {
        assert_eq!(quoted_name("plain"), "`plain`");
        assert_eq!(quoted_name("a`b"), "`a``b`");
        assert_eq!(quoted_name("a\\u0060b"), "`a\\u005Cu0060b`");
    }
}
