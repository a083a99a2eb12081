//! Whole sets of environments, and their names.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// A whole set of environments on one engine: the main one, or a named second one beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instance(Option<String>);

/// A name that no instance may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidInstance(String);

impl fmt::Display for InvalidInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        write!(
            f,
            "invalid instance name {name:?}: expected 1 to 12 characters of a-z and 0-9, and not main, \
             which is the set without a name"
        )
    }
}

impl Error for InvalidInstance {}

impl Instance {
    /// The set without a name, with the fixed ports.
    #[must_use]
    pub const fn main() -> Self {
        Self(None)
    }

    /// A second set. An empty name is refused: it would be the main one. So is `main`, which people
    /// and folders call that one.
    ///
    /// # Errors
    /// Anything but 1 to 12 characters of `a-z0-9`, and `main`.
    pub fn named(name: &str) -> Result<Self, InvalidInstance> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if (1..=12).contains(&name.len()) && name.bytes().all(allowed) && name != "main" {
            Ok(Self(Some(name.to_owned())))
        } else {
            Err(InvalidInstance(name.to_owned()))
        }
    }

    /// The name, or `None` for the main set.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The value of the instance label: the name, or empty.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name().unwrap_or_default()
    }

    /// Whether this is the set without a name.
    #[must_use]
    pub const fn is_main(&self) -> bool {
        self.0.is_none()
    }
}

impl FromStr for Instance {
    type Err = InvalidInstance;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::named(text)
    }
}
