//! Why files could not be compared, and what to type next.

use std::fmt;

use serde::Serialize;

/// What asking for a comparison gets back.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something went wrong on the way.
    Failed,
    /// What was asked for makes no sense.
    Usage,
    /// Something is in the way that must not be written over.
    Refused,
    /// Ctrl-C.
    Interrupted,
}

impl Kind {
    /// The process' exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Interrupted => 130,
        }
    }
}

/// A comparison that did not come about.
#[derive(Debug, Clone, Serialize)]
pub struct Error {
    /// What went wrong.
    pub kind: Kind,
    /// All that a person is told of it.
    pub message: String,
    /// What to type next, each a line of its own.
    pub hints: Vec<String>,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The same with one more thing to type next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<process::Error> for Error {
    fn from(error: process::Error) -> Self {
        let kind = match error.kind() {
            process::Kind::Interrupted => Kind::Interrupted,
            _ => Kind::Failed,
        };
        Self::new(kind, error.message())
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Kind::Failed, format!("{error:#}"))
    }
}
