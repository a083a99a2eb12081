//! Keys with another environment's prefix: read as the server dumps them, removed only as they were
//! read.

use environments::Environment;
use process::{Conversation, PROMPT};

use super::file::{Key, Moved};
use crate::error::Result;
use crate::namespace::batches::{Batches, Misread, Verb};
use crate::namespace::scripts;
use crate::tools::redis::{Redis, quoted};

/// How many keys are asked for, or removed, at once.
const AT_ONCE: usize = 50;

/// Reads all of them, in all databases.
pub(super) fn read(redis: &Redis<'_>, environment: Environment, moved: &mut Moved) -> Result<()> {
    let args = scripts::prefixes(&scripts::owners(environment));
    for database in redis.keyspace()?.into_keys() {
        let mut names: Vec<String> = Vec::new();
        Batches::of(redis, database)?.run(Verb::Look, &scripts::foreign(), &args, |line| {
            for hex in line.split(' ').filter(|hex| !hex.is_empty()) {
                names.push(quoted(&bytes(hex).ok_or(Misread)?));
            }
            Ok(())
        })?;
        // A step may give a key twice.
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            continue;
        }
        let mut asked = Asked::of(redis, database)?;
        let mut keys = Vec::new();
        for names in names.chunks(AT_ONCE) {
            asked.dumps(names, &mut keys)?;
        }
        if !keys.is_empty() {
            moved.keys.insert(database, keys);
        }
    }
    Ok(())
}

/// Removes each key that holds and expires just as it was read. Whether all of them did.
pub(super) fn remove(redis: &Redis<'_>, moved: &Moved) -> Result<bool> {
    let script = quoted(REMOVE.as_bytes());
    let mut all = true;
    for (database, keys) in &moved.keys {
        let mut asked = Asked::of(redis, *database)?;
        for keys in keys.chunks(AT_ONCE) {
            let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            let as_read: Vec<String> = keys
                .iter()
                .map(|key| format!("{} {}", key.expires, key.dump))
                .collect();
            let command = format!(
                "EVAL {script} {} {} {}",
                keys.len(),
                names.join(" "),
                as_read.join(" ")
            );
            let answer = asked.0.ask(&command, PROMPT)?;
            let left: u64 = answer
                .strip_prefix("(integer) ")
                .and_then(|left| left.parse().ok())
                .ok_or_else(|| asked.0.unexpected(&answer, "a number"))?;
            all &= left == 0;
        }
    }
    Ok(all)
}

/// One that is gone or expired meanwhile is in the file all the same.
const REMOVE: &str = "local left = 0
for at, key in ipairs(KEYS) do
  local dump = redis.call('DUMP', key)
  if dump then
    if dump == ARGV[2 * at] and redis.call('PEXPIRETIME', key) == tonumber(ARGV[2 * at - 1]) then
      redis.call('DEL', key)
    else
      left = left + 1
    end
  end
end
return left";

/// A conversation whose answers come in the form that redis-cli also reads.
struct Asked(Conversation);

impl Asked {
    fn of(redis: &Redis<'_>, database: u32) -> Result<Self> {
        let mut talk = redis.talk_quoted()?;
        let answer = talk.ask(&format!("SELECT {database}"), PROMPT)?;
        if answer != "OK" {
            return Err(talk.unexpected(&answer, "OK").into());
        }
        Ok(Self(talk))
    }

    /// What the keys hold; those that are gone are left out.
    fn dumps(&mut self, names: &[String], keys: &mut Vec<Key>) -> Result<()> {
        for name in names {
            self.0.say(&format!("PEXPIRETIME {name}"))?;
            self.0.say(&format!("DUMP {name}"))?;
        }
        for name in names {
            let mut answer =
                || -> Result<String> { Ok(self.0.hear(PROMPT)?.trim_end().to_owned()) };
            let (expires, dump) = (answer()?, answer()?);
            let at = expires.strip_prefix("(integer) ");
            let at: i64 = at
                .and_then(|at| at.parse().ok())
                .ok_or_else(|| self.0.unexpected(&expires, "a time"))?;
            if at == -2 || dump == "(nil)" {
                continue;
            }
            if dump.len() < 2 || !dump.starts_with('"') || !dump.ends_with('"') {
                return Err(self
                    .0
                    .unexpected(&dump, "what a key holds, in quotes")
                    .into());
            }
            keys.push(Key {
                name: name.clone(),
                expires: at,
                dump,
            });
        }
        Ok(())
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).map(digit).collect()
}
