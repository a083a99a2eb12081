//! Bolt, the protocol that Neo4j's own clients speak, as far as statements need it.
//!
//! `cypher-shell` is a JVM: two seconds of a core for each start, three where the server has just
//! started. Here the requests are written at once, the handshake among them, and the answers read as
//! they come. The server runs one request after the other, and none after one that it refuses. There
//! is no GOODBYE: the server would take it before what is still to be done (Neo4j 5.26).

pub(crate) mod wire;

use std::collections::VecDeque;
use std::time::Duration;

use process::Conversation;
use serde_json::{Value, json};

use crate::error::Failure;
use wire::{Garbled, Inbox, Message};

/// The rows that a statement answers with.
pub(crate) type Rows = Vec<Vec<Value>>;

/// Why statements were not all run.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The server refuses the login, or speaks none of the versions offered.
    NoEntry { code: String, message: String },
    /// It refuses the statement of that number, counted from 0, and has run those before it.
    Refused {
        at: usize,
        code: String,
        message: String,
    },
    /// The connection has ended, nobody answered in time, or Ctrl-C was pressed. So many statements
    /// had been answered; what became of the next is not known.
    Cut { answered: usize, failure: Failure },
}

/// A login on a server, over a child that carries bytes to it and back.
#[derive(Debug)]
pub(crate) struct Session {
    talk: Conversation,
    inbox: Inbox,
    /// What the server has still to answer before the first statement.
    greeting: VecDeque<Greeting>,
}

#[derive(Debug, Clone, Copy)]
enum Greeting {
    Version,
    Hello,
    Logon,
}

impl Session {
    /// Says hello and logs in; whether that is taken is seen with the first statements.
    ///
    /// # Errors
    /// The child has ended, or Ctrl-C was pressed.
    pub(crate) fn open(
        mut talk: Conversation,
        user: &str,
        password: &str,
    ) -> Result<Self, Failure> {
        let agent = concat!("tta-xtask/", env!("CARGO_PKG_VERSION"));
        let mut bytes = wire::HANDSHAKE.to_vec();
        bytes.extend(wire::message(
            wire::HELLO,
            // The second is asked for from version 5.3 on.
            &[json!({ "user_agent": agent, "bolt_agent": { "product": agent } })],
        ));
        bytes.extend(wire::message(
            wire::LOGON,
            &[json!({ "scheme": "basic", "principal": user, "credentials": password })],
        ));
        talk.pour(&bytes)?;
        Ok(Self {
            talk,
            inbox: Inbox::default(),
            greeting: [Greeting::Version, Greeting::Hello, Greeting::Logon].into(),
        })
    }

    /// Runs statements one after the other, each in a transaction of its own, up to the first that
    /// is refused: the rows of each. Without a database they run in the one that the server calls the
    /// user's home. The deadline is for each answer. After an error the session must not be used
    /// again.
    pub(crate) fn run<S: AsRef<str>>(
        &mut self,
        database: Option<&str>,
        statements: &[S],
        deadline: Duration,
    ) -> Result<Vec<Rows>, Broken> {
        let extra = database.map_or_else(|| json!({}), |name| json!({ "db": name }));
        let mut bytes = Vec::new();
        for statement in statements {
            let run = [Value::from(statement.as_ref()), json!({}), extra.clone()];
            bytes.extend(wire::message(wire::RUN, &run));
            bytes.extend(wire::message(wire::PULL, &[json!({ "n": -1 })]));
        }
        self.talk.pour(&bytes).map_err(|failure| cut(0, failure))?;
        self.greeted(deadline)?;
        let mut answers = Vec::new();
        for at in 0..statements.len() {
            answers.push(self.rows(at, deadline)?);
        }
        Ok(answers)
    }

    fn greeted(&mut self, deadline: Duration) -> Result<(), Broken> {
        while let Some(next) = self.greeting.front() {
            match next {
                Greeting::Version => self.version(deadline)?,
                Greeting::Hello | Greeting::Logon => {
                    let message = self.message(0, deadline)?;
                    match message.tag {
                        wire::SUCCESS => {}
                        wire::FAILURE => {
                            let (code, message) = self.said(&message);
                            return Err(Broken::NoEntry { code, message });
                        }
                        _ => return Err(self.unexpected(0, &message)),
                    }
                }
            }
            self.greeting.pop_front();
        }
        Ok(())
    }

    fn version(&mut self, deadline: Duration) -> Result<(), Broken> {
        while self.inbox.rest().len() < 4 {
            self.more(0, deadline)?;
        }
        let said = String::from_utf8_lossy(self.inbox.rest()).into_owned();
        match self.inbox.plain() {
            Some([0, 0, 1..=4, 5]) => Ok(()),
            Some([0, 0, 0, 0]) => Err(Broken::NoEntry {
                code: "no common version".to_owned(),
                message: "it speaks none of Bolt 5.1 to 5.4".to_owned(),
            }),
            // Whatever this is, it is no Neo4j.
            _ => Err(cut(0, self.talk.unexpected(&said, "in Bolt"))),
        }
    }

    fn rows(&mut self, at: usize, deadline: Duration) -> Result<Rows, Broken> {
        let mut rows = Vec::new();
        // To RUN, then to PULL.
        let mut left = 2;
        while left > 0 {
            let mut message = self.message(at, deadline)?;
            match message.tag {
                wire::SUCCESS => left -= 1,
                wire::RECORD if left == 1 => match message.fields.first_mut().map(Value::take) {
                    Some(Value::Array(row)) => rows.push(row),
                    _ => return Err(self.unexpected(at, &message)),
                },
                wire::FAILURE => {
                    let (code, message) = self.said(&message);
                    return Err(Broken::Refused { at, code, message });
                }
                _ => return Err(self.unexpected(at, &message)),
            }
        }
        Ok(rows)
    }

    fn message(&mut self, answered: usize, deadline: Duration) -> Result<Message, Broken> {
        loop {
            match self.inbox.message() {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => self.more(answered, deadline)?,
                Err(Garbled(what)) => {
                    let failure = self.talk.unexpected(&what, "in Bolt");
                    return Err(cut(answered, failure));
                }
            }
        }
    }

    fn more(&mut self, answered: usize, deadline: Duration) -> Result<(), Broken> {
        let piece = self.talk.answer(deadline);
        let piece = piece.map_err(|failure| cut(answered, failure))?;
        self.inbox.put(&piece);
        Ok(())
    }

    /// A failure's code and message.
    fn said(&self, failure: &Message) -> (String, String) {
        let text = |name: &str| {
            let fields = failure.fields.first().and_then(|fields| fields.get(name));
            self.talk
                .blotted(fields.and_then(Value::as_str).unwrap_or_default())
        };
        (text("code"), text("message"))
    }

    fn unexpected(&self, answered: usize, message: &Message) -> Broken {
        let shown = format!("0x{:02X} {:?}", message.tag, message.fields);
        cut(
            answered,
            self.talk.unexpected(&shown, "with success or failure"),
        )
    }
}

fn cut(answered: usize, error: process::Error) -> Broken {
    Broken::Cut {
        answered,
        failure: error.into(),
    }
}

#[cfg(test)]
mod tests;
