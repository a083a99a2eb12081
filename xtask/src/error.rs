//! Expected failures, and the exit code of each.
//!
//! A [`Failure`] is written for a person at two in the morning: what was expected, what was found,
//! and what to type next. A bug is an [`anyhow::Error`] and becomes a failure of kind
//! [`Kind::Failed`] with its whole chain. No failure hides another: where several things went
//! wrong, all are told.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

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

    /// The worst kind of several decides: whoever pressed Ctrl-C must see 130, and a guard that said
    /// no is not to be taken for a mere failure.
    const WORST_FIRST: [Self; 7] = [
        Self::Interrupted,
        Self::Refused,
        Self::Violated,
        Self::Failed,
        Self::Inconclusive,
        Self::Usage,
        Self::Cancelled,
    ];

    fn worst(kinds: impl Iterator<Item = Self> + Clone) -> Self {
        let there = |kind: &Self| kinds.clone().any(|one| one == *kind);
        let worst = Self::WORST_FIRST.into_iter().find(there);
        worst.unwrap_or(Self::Failed)
    }
}

/// A failure that was foreseen.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failure {
    /// Which exit code it means.
    pub(crate) kind: Kind,
    /// What was expected and what was found, with the causes: all that a person is told.
    pub(crate) message: String,
    /// What to type next, each a line of its own. Empty where there is nothing to type.
    pub(crate) hints: Vec<String>,
    #[serde(skip)]
    cause: Option<Cause>,
}

/// The error of another library that a failure comes from.
#[derive(Debug, Clone)]
enum Cause {
    This(Arc<dyn Error + Send + Sync>),
    /// The failure's own words are this error's; its cause is what lies below.
    Below(Arc<dyn Error + Send + Sync>),
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hints: Vec::new(),
            cause: None,
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
        Self::new(Kind::Interrupted, INTERRUPTED)
    }

    /// The same failure with one more thing to type next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.suggest(hint.into());
        self
    }

    /// The same failure, saying first what was being done.
    pub(crate) fn within(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// The same failure, saying at last what it comes from.
    pub(crate) fn because(mut self, error: impl Error + Send + Sync + 'static) -> Self {
        self.message = format!("{}: {}", self.message, told(&error));
        self.cause = Some(Cause::This(Arc::new(error)));
        self
    }

    /// The same failure, saying what went wrong beside it. The first decides the kind.
    pub(crate) fn also(mut self, other: Self) -> Self {
        if self.message != other.message {
            self.message = format!("{}\nand beside it: {}", self.message, other.message);
        }
        for hint in other.hints {
            self.suggest(hint);
        }
        self
    }

    /// Several failures as one that tells all of them; the worst decides the kind. None of none.
    pub(crate) fn all(failures: Vec<Self>) -> Option<Self> {
        let mut apart: Vec<Self> = Vec::new();
        for failure in failures {
            match apart.iter_mut().find(|one| one.message == failure.message) {
                Some(same) => {
                    same.kind = Kind::worst([same.kind, failure.kind].into_iter());
                    failure
                        .hints
                        .into_iter()
                        .for_each(|hint| same.suggest(hint));
                }
                None => apart.push(failure),
            }
        }
        if apart.len() < 2 {
            return apart.pop();
        }
        let told: Vec<&str> = apart.iter().map(|one| one.message.as_str()).collect();
        let message = format!(
            "{} things went wrong:\n  - {}",
            told.len(),
            told.join("\n  - ")
        );
        let kind = Kind::worst(apart.iter().map(|one| one.kind));
        let hints = apart.into_iter().flat_map(|one| one.hints);
        Some(hints.fold(Self::new(kind, message), Self::hint))
    }

    /// What all of them yield.
    ///
    /// # Errors
    /// Every failure among them, as one.
    pub(crate) fn unless_all<T>(outcomes: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
        let (mut yields, mut failures) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(one) => yields.push(one),
                Err(failure) => failures.push(failure),
            }
        }
        match Self::all(failures) {
            None => Ok(yields),
            Some(failure) => Err(failure),
        }
    }

    /// Whether it tells more than that Ctrl-C was pressed.
    pub(crate) fn says_more_than_its_kind(&self) -> bool {
        self.message != INTERRUPTED
    }

    fn suggest(&mut self, hint: String) {
        if !hint.is_empty() && !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
    }
}

const INTERRUPTED: &str = "interrupted";

/// An error with all that it comes from.
fn told(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", told(cause)),
        None => error.to_string(),
    }
}

/// Its own words: whoever walks the chain is told the cause by [`Error::source`], once.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.source().map(told);
        let own = cause.and_then(|cause| self.message.strip_suffix(&cause)?.strip_suffix(": "));
        f.write_str(own.unwrap_or(&self.message))
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.cause.as_ref()? {
            Cause::This(error) => Some(&**error),
            Cause::Below(error) => error.source(),
        }
    }
}

/// A child that did not do what it was started for.
impl From<process::Error> for Failure {
    fn from(error: process::Error) -> Self {
        let failure = match error.kind() {
            process::Kind::Interrupted => Self::interrupted(),
            process::Kind::NotInstalled => Self::failed(error.message()).hint("cargo xtask doctor"),
            process::Kind::NotStarted
            | process::Kind::EndedBadly
            | process::Kind::TooLong
            | process::Kind::Unexpected
            | process::Kind::Ours => Self::failed(error.message()),
        };
        let cause = error.cause().cloned();
        Self {
            cause: cause.map(|cause| Cause::This(cause)),
            ..failure
        }
    }
}

/// A comparison of files that did not come about.
impl From<compose_audit::Error> for Failure {
    fn from(error: compose_audit::Error) -> Self {
        let kind = match error.kind {
            compose_audit::Kind::Failed => Kind::Failed,
            compose_audit::Kind::Usage => Kind::Usage,
            compose_audit::Kind::Refused => Kind::Refused,
            compose_audit::Kind::Interrupted => return Self::interrupted(),
        };
        let failure = Self::new(kind, error.message);
        error.hints.into_iter().fold(failure, Self::hint)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let is_failure =
            |cause: &&(dyn Error + 'static)| cause.is::<Self>() || cause.is::<process::Error>();
        let doing: Vec<String> = error
            .chain()
            .take_while(|cause| !is_failure(cause))
            .map(ToString::to_string)
            .collect();
        let failure = error
            .downcast::<Self>()
            .or_else(|error| error.downcast().map(|error: process::Error| error.into()));
        match failure {
            Ok(failure) => doing.into_iter().rev().fold(failure, Self::within),
            Err(error) => Self {
                cause: Some(Cause::Below(Arc::from(error.into_boxed_dyn_error()))),
                ..Self::failed(doing.join(": "))
            },
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
        assert_eq!(back.hints, ["adopt it"]);
    }

    #[test]
    fn what_was_being_done_is_told_of_a_failure_that_came_through_anyhow() {
        let failure = Failure::refused("no").hint("adopt it");
        let error = anyhow::Error::from(failure)
            .context("the lock")
            .context("wipe-dev");
        let back = Failure::from(error);
        assert_eq!(
            (back.kind, &*back.message),
            (Kind::Refused, "wipe-dev: the lock: no")
        );
        assert_eq!(back.hints, ["adopt it"]);
    }

    /// What starting a program that is not there comes to.
    fn missing() -> process::Error {
        let runner = process::Runner::new(process::Interrupt::default(), ());
        let child = process::Invocation::new("no-such-program");
        runner.run(&child).expect_err("it does not exist")
    }

    #[test]
    fn what_a_child_came_to_keeps_its_kind_and_its_hint_also_through_anyhow() {
        let through = |error: process::Error| {
            let straight = Failure::from(error.clone());
            let told = Failure::from(anyhow::Error::from(error).context("dev"));
            assert_eq!(told.kind, straight.kind);
            assert_eq!(told.message, format!("dev: {}", straight.message));
            assert_eq!(told.hints, straight.hints);
            straight
        };
        let missing = through(missing());
        assert_eq!(
            (missing.kind, &*missing.message),
            (Kind::Failed, "`no-such-program` is not installed")
        );
        assert_eq!(missing.hints, ["cargo xtask doctor"]);
        let interrupt = process::Interrupt::default();
        interrupt.press();
        let interrupted = through(interrupt.check().expect_err("pressed"));
        assert_eq!(interrupted.kind, Kind::Interrupted);
        assert!(!interrupted.says_more_than_its_kind());
        let child = process::Invocation::new("true").folder("/etc/passwd/x");
        let runner = process::Runner::new(process::Interrupt::default(), ());
        let elsewhere = through(runner.run(&child).expect_err("it is no folder"));
        assert_eq!((elsewhere.kind, elsewhere.hints.len()), (Kind::Failed, 0));
    }

    fn full() -> std::io::Error {
        std::io::Error::from_raw_os_error(28)
    }

    #[test]
    fn a_cause_is_told_once_and_can_be_asked_for() {
        let said = "cannot write x: No space left on device (os error 28)";
        let failure = Failure::failed("cannot write x").because(full());
        assert_eq!(failure.message, said);
        assert_eq!(format!("{:#}", anyhow::Error::from(failure.clone())), said);
        let source = failure.source().expect("it has a cause");
        let error: &std::io::Error = source.downcast_ref().expect("the very error");
        assert_eq!(error.raw_os_error(), Some(28));
    }

    #[test]
    fn a_bug_keeps_its_whole_chain_and_tells_it_once() {
        let bug = anyhow::Error::from(full())
            .context("x")
            .context("cannot write");
        let failure = Failure::from(bug);
        let said = "cannot write: x: No space left on device (os error 28)";
        assert_eq!(failure.message, said);
        assert_eq!(format!("{:#}", anyhow::Error::from(failure.clone())), said);
        assert_eq!(told(&failure.within("dev")), format!("dev: {said}"));
    }

    #[test]
    fn what_went_wrong_beside_a_failure_is_told_and_its_kind_stays() {
        let both = Failure::interrupted().hint("again").also(
            Failure::failed("the journal is full")
                .hint("df")
                .hint("again"),
        );
        assert_eq!(both.kind, Kind::Interrupted);
        assert_eq!(
            both.message,
            "interrupted\nand beside it: the journal is full"
        );
        assert_eq!(both.hints, ["again", "df"]);
    }

    #[test]
    fn several_failures_are_one_that_tells_each_and_every_hint() {
        let failures = vec![
            Failure::failed("dev: no").hint("a").hint("b"),
            Failure::refused("test: no").hint("b"),
            Failure::failed("dev: no").hint("c"),
        ];
        let one = Failure::all(failures).expect("some");
        assert_eq!(one.kind, Kind::Refused);
        assert_eq!(
            one.message,
            "2 things went wrong:\n  - dev: no\n  - test: no"
        );
        assert_eq!(one.hints, ["a", "b", "c"]);
        assert!(Failure::all(Vec::new()).is_none());
        let alone = Failure::all(vec![Failure::usage("x")]).expect("one");
        assert_eq!((alone.kind, &*alone.message), (Kind::Usage, "x"));
    }

    #[test]
    fn the_worst_of_several_kinds_decides_in_a_fixed_order() {
        for (at, worse) in Kind::WORST_FIRST.into_iter().enumerate() {
            for better in Kind::WORST_FIRST.into_iter().skip(at) {
                let both = vec![Failure::new(better, "b"), Failure::new(worse, "w")];
                assert_eq!(Failure::all(both).expect("some").kind, worse);
            }
        }
    }
}
