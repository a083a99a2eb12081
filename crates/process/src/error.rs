//! What can go wrong with a child, and in which words it is told.

use std::fmt;
use std::io;
use std::sync::Arc;

/// What whoever starts a child gets back.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The program is not installed.
    NotInstalled,
    /// It is, but could not be started.
    NotStarted,
    /// It ended with another code than 0, or before it was asked to.
    EndedBadly,
    /// It did not end, read or say something in time.
    TooLong,
    /// It said something that could not be understood.
    Unexpected,
    /// A pipe, a file or a thread of our own.
    Ours,
    /// Ctrl-C was pressed.
    Interrupted,
}

/// A child that did not do what it was started for.
#[derive(Debug, Clone)]
pub struct Error {
    kind: Kind,
    words: String,
    cause: Option<Arc<io::Error>>,
}

impl Error {
    pub(crate) fn new(kind: Kind, words: impl Into<String>) -> Self {
        Self {
            kind,
            words: words.into(),
            cause: None,
        }
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    pub(crate) fn because(mut self, error: impl Into<io::Error>) -> Self {
        self.cause = Some(Arc::new(error.into()));
        self
    }

    /// What went wrong.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// All that a person is told: what happened, and what it comes from.
    pub fn message(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{}: {cause}", self.words),
            None => self.words.clone(),
        }
    }

    /// The error of the system that it comes from.
    pub const fn cause(&self) -> Option<&Arc<io::Error>> {
        self.cause.as_ref()
    }
}

/// Its own words: whoever walks the chain is told the cause by [`std::error::Error::source`], once.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let cause = self.cause.as_deref()?;
        Some(cause)
    }
}

impl From<Error> for String {
    fn from(error: Error) -> Self {
        error.message()
    }
}
