//! Redis keys that say which environment they are from.
//!
//! Decides how a key, a glob pattern or a channel is marked, and whose a marked one is. It must not
//! know any server: Redis enforces the same prefix by itself (`render::redis_users`).
//!
//! A key is made of bytes, so everything here takes bytes; texts are taken as UTF-8.

use std::error::Error;
use std::fmt;

use crate::Environment;

/// Marks the keys of one environment.
///
/// ```
/// use environments::{Environment, RedisKeyPrefixer};
/// let keys = RedisKeyPrefixer::new(Environment::Dev);
/// let key = keys.make("user:123")?;
/// assert_eq!(key, "development:user:123");
/// assert_eq!(keys.make(&key)?, key); // once is enough
/// assert_eq!(keys.strip(&key)?, "user:123");
/// # Ok::<(), environments::KeyError>(())
/// ```
///
/// A key of another environment is refused, and so is one without a name:
///
/// ```
/// use environments::{Environment, KeyError, RedisKeyPrefixer};
/// let keys = RedisKeyPrefixer::new(Environment::Dev);
/// assert_eq!(keys.make("staging:user:123"), Err(KeyError::Foreign(Environment::Staging)));
/// assert_eq!(keys.make(""), Err(KeyError::Empty));
/// assert_eq!(keys.make("development:"), Err(KeyError::Empty));
/// ```
///
/// The prefix has no brace, so a hash tag stays the part by which a cluster chooses the slot:
///
/// ```
/// # use environments::{Environment, RedisKeyPrefixer};
/// let keys = RedisKeyPrefixer::new(Environment::Test);
/// assert_eq!(keys.make("{user:1}:cart")?, "test:{user:1}:cart");
/// # Ok::<(), environments::KeyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RedisKeyPrefixer {
    environment: Environment,
}

/// Why a key, a pattern or a channel is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// There is nothing, or nothing behind the prefix.
    Empty,
    /// It carries another environment's prefix.
    Foreign(Environment),
    /// Behind its own prefix it carries a second one, so it was marked by something else as well.
    Nested(Environment),
    /// It carries no prefix, where one is expected.
    Bare,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the key is empty"),
            Self::Foreign(environment) => {
                let prefix = environment.namespace();
                write!(f, "the key carries the prefix of {prefix}")
            }
            Self::Nested(environment) => {
                let prefix = environment.namespace();
                write!(
                    f,
                    "behind its prefix the key carries the prefix of {prefix}"
                )
            }
            Self::Bare => f.write_str("the key carries no prefix"),
        }
    }
}

impl Error for KeyError {}

/// A key taken apart: whose it is, and its name without the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsedKey<'a> {
    /// Whose prefix it carries, if any.
    pub environment: Option<Environment>,
    /// What stands behind the prefix; the whole key where there is none.
    pub name: &'a [u8],
}

impl RedisKeyPrefixer {
    /// For the keys of one environment.
    #[must_use]
    pub const fn new(environment: Environment) -> Self {
        Self { environment }
    }

    /// Whose keys it makes.
    #[must_use]
    pub const fn environment(self) -> Environment {
        self.environment
    }

    /// The prefix, colon included.
    #[must_use]
    pub fn prefix(self) -> String {
        self.environment.redis_prefix()
    }

    /// Takes any key apart, whosever it is. Nothing is refused: it is for keys that are there.
    ///
    /// ```
    /// use environments::{Environment, RedisKeyPrefixer};
    /// let key = RedisKeyPrefixer::parse("staging:cache");
    /// assert_eq!(key.environment, Some(Environment::Staging));
    /// assert_eq!(key.name, b"cache");
    /// assert_eq!(RedisKeyPrefixer::parse("stagings").environment, None);
    /// ```
    #[must_use]
    pub fn parse<K: AsRef<[u8]> + ?Sized>(key: &K) -> ParsedKey<'_> {
        let key = key.as_ref();
        let behind = |environment: Environment| {
            key.strip_prefix(environment.namespace().as_bytes())?
                .strip_prefix(b":")
        };
        let found = Environment::ALL
            .into_iter()
            .find_map(|environment| Some((environment, behind(environment)?)));
        match found {
            Some((environment, name)) => ParsedKey {
                environment: Some(environment),
                name,
            },
            None => ParsedKey {
                environment: None,
                name: key,
            },
        }
    }

    /// The key with the prefix; one that has it already is returned as it is.
    ///
    /// # Errors
    /// It is empty, or carries another environment's prefix, before or behind the own one.
    pub fn make(self, key: &str) -> Result<String, KeyError> {
        let name = self.name(key.as_bytes())?;
        // What was cut off is ASCII, so the rest begins at a character.
        Ok(self.joined(&key[key.len() - name..]))
    }

    /// The same for a key of any bytes: Redis takes NUL, line breaks and invalid UTF-8.
    ///
    /// # Errors
    /// Those of [`Self::make`].
    pub fn make_bytes(self, key: &[u8]) -> Result<Vec<u8>, KeyError> {
        let name = self.name(key)?;
        let mut made = Vec::with_capacity(self.environment.namespace().len() + 1 + name);
        made.extend_from_slice(self.environment.namespace().as_bytes());
        made.push(b':');
        made.extend_from_slice(&key[key.len() - name..]);
        Ok(made)
    }

    /// The name behind the prefix. What [`Self::make`] gave is always taken back to what it was
    /// given, and made again from that.
    ///
    /// # Errors
    /// The key is not one that [`Self::make`] can give.
    pub fn strip(self, key: &str) -> Result<&str, KeyError> {
        if Self::parse(key).environment.is_none() && !key.is_empty() {
            return Err(KeyError::Bare);
        }
        let name = self.name(key.as_bytes())?;
        Ok(&key[key.len() - name..])
    }

    /// The same for a key of any bytes.
    ///
    /// # Errors
    /// Those of [`Self::strip`].
    pub fn strip_bytes(self, key: &[u8]) -> Result<&[u8], KeyError> {
        if Self::parse(key).environment.is_none() && !key.is_empty() {
            return Err(KeyError::Bare);
        }
        let name = self.name(key)?;
        Ok(&key[key.len() - name..])
    }

    /// A glob pattern, as SCAN, KEYS and SORT take it, that can match this environment's keys only:
    /// the prefix has no character that a pattern reads as anything but itself.
    ///
    /// ```
    /// # use environments::{Environment, RedisKeyPrefixer};
    /// let keys = RedisKeyPrefixer::new(Environment::Dev);
    /// assert_eq!(keys.pattern("user:*")?, "development:user:*");
    /// assert_eq!(keys.pattern("*")?, "development:*");
    /// # Ok::<(), environments::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Self::make`].
    pub fn pattern(self, pattern: &str) -> Result<String, KeyError> {
        self.make(pattern)
    }

    /// A channel for PUBLISH and SUBSCRIBE: they are marked as keys are.
    ///
    /// # Errors
    /// Those of [`Self::make`].
    pub fn channel(self, channel: &str) -> Result<String, KeyError> {
        self.make(channel)
    }

    /// The one pattern that the server lets this environment's user give to PSUBSCRIBE. Redis
    /// compares it with the allowed one literally: a narrower one is refused.
    ///
    /// ```
    /// # use environments::{Environment, RedisKeyPrefixer};
    /// assert_eq!(RedisKeyPrefixer::new(Environment::Prod).all_channels(), "production:*");
    /// ```
    #[must_use]
    pub fn all_channels(self) -> String {
        format!("{}*", self.prefix())
    }

    /// How long the name at the key's end is.
    fn name(self, key: &[u8]) -> Result<usize, KeyError> {
        let parsed = Self::parse(key);
        match parsed.environment {
            Some(other) if other != self.environment => return Err(KeyError::Foreign(other)),
            _ if parsed.name.is_empty() => return Err(KeyError::Empty),
            None => return Ok(key.len()),
            Some(_) => {}
        }
        match Self::parse(parsed.name).environment {
            Some(second) => Err(KeyError::Nested(second)),
            None => Ok(parsed.name.len()),
        }
    }

    fn joined(self, name: &str) -> String {
        let namespace = self.environment.namespace();
        let mut made = String::with_capacity(namespace.len() + 1 + name.len());
        made.push_str(namespace);
        made.push(':');
        made.push_str(name);
        made
    }
}
