//! Neo4j, always asked inside the container whose labels were read: a wrong port cannot be asked.
//!
//! Counts and facts come from the server's query endpoint, which answers in milliseconds.
//! Whatever changes data or proves something goes through `cypher-shell`, one start per command.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Failure, Result};
use crate::process::{Invocation, Reply, printable, tail};
use crate::tools::docker::Docker;

/// How long a script of statements may take: a million nodes are deleted in about 14 s.
const SCRIPT: Duration = Duration::from_secs(600);

/// Waits for Bolt's port for so many seconds, then becomes the program that follows.
const AT_START: &str = r#"timeout "$0" bash -c \
    'until (exec 3<>/dev/tcp/127.0.0.1/7687) 2>/dev/null; do sleep 0.05; done' && exec "$@""#;

/// The variable by which a shell of ours is found again among the container's processes.
const SHELL: &str = "TTA_SHELL";

/// Ends every process that has the given variable, and waits until none is left.
const END_SHELL: &str = r#"until none=yes; for process in /proc/[0-9]*; do
    if grep -qsxzF "$0" "$process/environ"; then none=; kill -KILL "${process#/proc/}"; fi
done; [ "$none" ]; do sleep 0.05; done"#;

fn shell_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", std::process::id())
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

impl Neo4j<'_> {
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
            Err(reply.unexpected(&format!("{expected} lines of JSON")))
        }
    }

    /// Runs a script in one `cypher-shell`, stopping at the first statement that fails. The reply
    /// is the shell's own, whatever its exit code. `before` are the words of a program that starts
    /// the shell; without a database it is in the one that the server calls the user's home.
    fn shell(&self, before: &[&str], database: Option<&str>, script: &str) -> Result<Reply> {
        let name = shell_name();
        let mark = format!("{SHELL}={name}");
        let options = [
            "--env",
            "NEO4J_USERNAME",
            "--env",
            "NEO4J_PASSWORD",
            "--env",
            &mark,
        ];
        let mut shell = vec!["cypher-shell"];
        if let Some(database) = database {
            shell.extend(["--database", database]);
        }
        shell.extend(["--format", "plain", "--non-interactive", "--fail-fast"]);
        let command = self
            .docker
            .exec_with(self.container, &options, &[before, &shell].concat())
            .env("NEO4J_USERNAME", self.user)
            .secret("NEO4J_PASSWORD", self.password)
            .stdin(script)
            .deadline(SCRIPT);
        let reply = self.docker.runner().run(&command);
        if reply.is_err() {
            self.end_shell(&name);
        }
        reply
    }

    /// Ends a shell whose client was ended, by Ctrl-C or at its deadline: the engine goes on running
    /// what a client had started (Docker 26.1), and its statements would meet the next run's.
    fn end_shell(&self, name: &str) {
        let mark = format!("{SHELL}={name}");
        let command = self
            .docker
            .exec(self.container, &["bash", "-c", END_SHELL, &mark])
            .deadline(Duration::from_secs(10));
        // Where the container is gone, so is the shell; the failure that is told is the first one.
        let _ = self.docker.runner().steadfast().run(&command);
    }

    /// Runs a script that must succeed; the lines it printed.
    ///
    /// # Errors
    /// The server is not reached, the login is refused, the database is missing or a statement
    /// fails: each is told apart.
    pub(crate) fn prove(&self, script: &str) -> Result<Vec<String>> {
        self.prove_on(self.database, script)
    }

    /// The same on another database of the server.
    pub(crate) fn prove_on(&self, database: &str, script: &str) -> Result<Vec<String>> {
        self.printed(&self.shell(&[], Some(database), script)?)
    }

    /// The same as a client that names no database: in the user's home.
    pub(crate) fn prove_at_home(&self, script: &str) -> Result<Vec<String>> {
        self.printed(&self.shell(&[], None, script)?)
    }

    /// The same on a server that is starting, as soon as it takes connections on Bolt. None where
    /// the shell came too early all the same, or its first statement failed: nothing was changed.
    ///
    /// # Errors
    /// Those of [`Self::prove`] for a script of which something was run.
    pub(crate) fn prove_at_home_at_start(
        &self,
        script: &str,
        patience: Duration,
    ) -> Result<Option<Vec<String>>> {
        let seconds = patience.as_secs().to_string();
        let reply = self.shell(&["bash", "-c", AT_START, &seconds], None, script)?;
        if !reply.success() && reply.stdout.is_empty() {
            return Ok(None);
        }
        self.printed(&reply).map(Some)
    }

    fn printed(&self, reply: &Reply) -> Result<Vec<String>> {
        if reply.success() {
            return Ok(reply.stdout.lines().map(str::to_owned).collect());
        }
        Err(self.explained(reply))
    }

    /// Tells the replies of `cypher-shell` apart by its own words.
    fn explained(&self, reply: &Reply) -> Failure {
        let said = tail(&reply.stderr, 5).join("\n    ");
        let said = printable(&said.replace('\n', " "));
        if said.contains("unauthorized due to authentication failure") {
            return Failure::failed(format!(
                "Neo4j refused the login of {} on {}: the password given is not the one that its \
                 volume was made with",
                self.user, self.database
            ))
            .hint("the password of an existing volume is changed in Neo4j itself: ALTER CURRENT USER SET PASSWORD …");
        }
        if said.contains("database does not exist") || said.contains("DatabaseNotFound") {
            return Failure::failed(format!(
                "Neo4j has no database {}: its volume was made with another default database",
                self.database
            ))
            .hint("cargo xtask init-neo4j ENV   (says what the server has)");
        }
        if said.contains("Unable to connect") {
            return Failure::failed(format!(
                "Neo4j of {} does not answer on Bolt: {said}",
                self.database
            ));
        }
        reply.failure()
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
        None => Err(reply.unexpected("rows or errors")),
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
