//! Redis, always asked inside the container whose labels were read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use process::{Conversation, Reply};

use crate::error::Result;
use crate::tools::docker::Docker;

/// A Redis server in a container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redis<'a> {
    pub(crate) docker: &'a Docker,
    /// The container's id.
    pub(crate) container: &'a str,
}

impl Redis<'_> {
    /// One command as the admin user, whose password never leaves the container.
    ///
    /// # Errors
    /// The server does not answer, or answers with an error.
    pub(crate) fn admin(&self, args: &[&str]) -> Result<String> {
        Ok(self.asked(args)?.stdout)
    }

    /// Several commands as the admin user in one call, each of which must answer OK.
    ///
    /// # Errors
    /// One of them answers anything else.
    pub(crate) fn admin_script(&self, commands: &[&str]) -> Result<()> {
        let args = ["tta-redis-admin", "-e"];
        let command = self
            .docker
            .exec_with(self.container, &["--user", "root"], &args)
            .stdin(commands.join("\n") + "\n");
        let reply = self.docker.runner().run(&command)?.ok()?;
        let answers: Vec<&str> = reply.stdout.lines().collect();
        if answers == vec!["OK"; commands.len()] {
            Ok(())
        } else {
            Err(reply.unexpected("OK to each command").into())
        }
    }

    /// Several commands as the admin user in one call, each of which only tells something: their
    /// answers one behind the other.
    ///
    /// # Errors
    /// The server does not answer, or answers with an error.
    pub(crate) fn look(&self, commands: &[&str]) -> Result<Reply> {
        // `--raw` is how redis-cli answers a program in any case; it tells a look from a change.
        let args = ["tta-redis-admin", "-e", "--raw"];
        let command = self
            .docker
            .exec_with(self.container, &["--user", "root"], &args)
            .stdin(commands.join("\n") + "\n");
        Ok(self.docker.runner().run(&command)?.ok()?)
    }

    /// The number of keys of each database that has any.
    ///
    /// # Errors
    /// The server does not answer, or answers anything else.
    pub(crate) fn keys(&self) -> Result<BTreeMap<u32, u64>> {
        let keyspace = self.keyspace()?.into_iter();
        Ok(keyspace
            .map(|(database, one)| (database, one.keys))
            .collect())
    }

    /// What INFO says of each database that has keys.
    ///
    /// # Errors
    /// The server does not answer, or answers anything else.
    pub(crate) fn keyspace(&self) -> Result<BTreeMap<u32, Keyspace>> {
        let reply = self.asked(&["INFO", "keyspace"])?;
        Ok(keyspace(&reply.stdout)
            .ok_or_else(|| reply.unexpected("the section Keyspace of INFO"))?)
    }

    /// Talks to a script inside the container, which asks as the admin user: its only argument is `$0`.
    ///
    /// # Errors
    /// It could not be started.
    pub(crate) fn talk_through(&self, script: &str, argument: &str) -> Result<Conversation> {
        let words = ["bash", "-c", script, argument];
        let command = self
            .docker
            .exec_with(self.container, &["--user", "root"], &words);
        Ok(self.docker.runner().converse(&command)?)
    }

    /// Commands one after the other as the admin user, each a line. Each answer is as redis-cli shows
    /// it to a person: texts in quotes, any bytes on one line, in the form that it also reads.
    ///
    /// # Errors
    /// It could not be started.
    pub(crate) fn talk_quoted(&self) -> Result<Conversation> {
        let words = ["tta-redis-admin", "--no-raw"];
        let command = self
            .docker
            .exec_with(self.container, &["--user", "root"], &words);
        Ok(self.docker.runner().converse(&command)?)
    }

    fn asked(&self, args: &[&str]) -> Result<Reply> {
        // Without -e redis-cli exits 0 on an error reply.
        let command = [&["tta-redis-admin", "-e"], args].concat();
        let command = self
            .docker
            .exec_with(self.container, &["--user", "root"], &command);
        Ok(self.docker.runner().run(&command)?.ok()?)
    }
}

/// What a database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keyspace {
    pub(crate) keys: u64,
    /// Of these, the ones with a time to live.
    pub(crate) expires: u64,
}

/// `db0:keys=3,expires=0,…` by the database's number. None for a text that is something else: it must not be taken
/// for an empty server.
pub(crate) fn keyspace(info: &str) -> Option<BTreeMap<u32, Keyspace>> {
    let database = |line: &str| {
        let (database, counts) = line.strip_prefix("db")?.split_once(':')?;
        let count = |name: &str| {
            let count = counts.split(',').find_map(|part| part.strip_prefix(name));
            count?.parse().ok()
        };
        let keyspace = Keyspace {
            keys: count("keys=")?,
            expires: count("expires=")?,
        };
        Some((database.parse().ok()?, keyspace))
    };
    let mut lines = info.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines.next() != Some("# Keyspace") {
        return None;
    }
    lines.map(database).collect()
}

/// Bytes as one word of a line that redis-cli reads.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut word = String::with_capacity(bytes.len() + 2);
    word.push('"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => word.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => word.push(char::from(*byte)),
            _ => {
                let _ = write!(word, "\\x{byte:02x}");
            }
        }
    }
    word.push('"');
    word
}

/// The value of a field of INFO.
pub(crate) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_database_with_keys_is_counted() {
        let info = "# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0,subexpiry=0\r\ndb7:keys=12,expires=1,avg_ttl=5\r\n";
        let of = |keys, expires| Keyspace { keys, expires };
        assert_eq!(
            keyspace(info),
            Some(BTreeMap::from([(0, of(3, 0)), (7, of(12, 1))]))
        );
        assert_eq!(keyspace("# Keyspace\r\n"), Some(BTreeMap::new()));
    }

    #[test]
    fn a_text_that_is_no_keyspace_is_not_an_empty_one() {
        for text in ["", "garbage\n", "# Keyspace\r\ndb0:keys=many\r\n"] {
            assert_eq!(keyspace(text), None, "{text:?}");
        }
    }

    #[test]
    fn any_bytes_are_one_word() {
        let word = quoted(b"a b\"c\\d\n\0\xff");
        assert_eq!(word, r#""a b\"c\\d\x0a\x00\xff""#);
    }

    #[test]
    fn a_field_of_info_is_found_by_its_whole_name() {
        let info = "redis_version:8.0.2\r\nredis_version_x:1\r\n";
        assert_eq!(field(info, "redis_version"), Some("8.0.2"));
        assert_eq!(field(info, "redis"), None);
    }
}
