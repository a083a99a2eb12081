//! Expected failures, and the exit code of each.
//!
//! A [`Failure`] is written for a person at two in the morning: what was expected, what was found,
//! and what to type next. A bug is an [`anyhow::Error`] and becomes a failure of kind
//! [`Kind::Failed`] with its whole chain.

use std::fmt;

use serde::Serialize;

/// What the tasks return.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command did not do what it was asked for. Decides the exit code, and nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Something went wrong on the way.
    Failed,
    /// The person said no, or nothing.
    Cancelled,
    /// The command line makes no sense.
    Usage,
    /// A guard said no. Nothing was touched.
    Refused,
    /// One environment can reach another.
    Violated,
    /// Something could not be asked, so nothing is proved.
    Inconclusive,
    /// Ctrl-C.
    Interrupted,
}

impl Kind {
    /// The process' exit code.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Failed | Self::Cancelled => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Violated => 4,
            Self::Inconclusive => 5,
            Self::Interrupted => 130,
        }
    }

    /// The word for it in a JSON document's `outcome`.
    pub(crate) const fn outcome(self) -> &'static str {
        match self {
            Self::Failed | Self::Usage | Self::Violated | Self::Inconclusive => "failed",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A failure that was foreseen.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failure {
    /// Which exit code it means.
    pub(crate) kind: Kind,
    /// What was expected and what was found.
    pub(crate) message: String,
    /// What to type next. Empty where there is nothing to type.
    pub(crate) hint: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: String::new(),
        }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// The same failure with what to type next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same failure, saying first what was being done.
    pub(crate) fn within(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => Self::failed(format!("{error:#}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_the_exit_code_that_the_manual_promises() {
        let codes = [
            (Kind::Failed, 1),
            (Kind::Cancelled, 1),
            (Kind::Usage, 2),
            (Kind::Refused, 3),
            (Kind::Violated, 4),
            (Kind::Inconclusive, 5),
            (Kind::Interrupted, 130),
        ];
        for (kind, code) in codes {
            assert_eq!(kind.exit_code(), code, "{kind:?}");
        }
    }

    #[test]
    fn a_failure_keeps_its_kind_on_its_way_through_anyhow() {
        let failure = Failure::refused("no").hint("adopt it");
        let back = Failure::from(anyhow::Error::from(failure));
        assert_eq!(back.kind, Kind::Refused);
        assert_eq!(back.hint, "adopt it");
    }
}
