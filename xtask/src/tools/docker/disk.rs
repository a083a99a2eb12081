//! How much room volumes take, as the engine counts it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Docker, SLOW};
use crate::error::{Failure, Result};

/// A volume in the answer of `docker system df`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Counted {
    name: String,
    size: String,
}

impl Docker {
    /// The bytes of every volume by name, in one call, stopped servers' among them. The client tells
    /// them to three or four digits; none where the engine could not count.
    pub(crate) fn volume_sizes(&self) -> Result<BTreeMap<String, Option<u64>>> {
        let words = ["system", "df", "--verbose", "--format", "{{json .Volumes}}"];
        let command = self.command().args(words).deadline(SLOW);
        let reply = self.runner().run(&command)?.ok()?;
        // No volume at all is a `null` of some versions.
        let all: Option<Vec<Counted>> =
            serde_json::from_str(&reply.stdout).map_err(|_| reply.unexpected("volumes in JSON"))?;
        let size = |one: Counted| match one.size.as_str() {
            "N/A" => Ok((one.name, None)),
            size => match bytes(size) {
                Some(bytes) => Ok((one.name, Some(bytes))),
                None => Err(Failure::from(reply.unexpected("the size of each volume"))),
            },
        };
        all.unwrap_or_default().into_iter().map(size).collect()
    }
}

/// Reads `514.9MB`: units of a thousand (docker/go-units, `HumanSize`).
fn bytes(text: &str) -> Option<u64> {
    let unit = text.find(|character: char| character.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let power = units.iter().position(|one| *one == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() {
        return None;
    }
    let digits = power * 3;
    let fraction: String = fraction.chars().take(digits).collect();
    format!("{whole}{fraction:0<digits$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_the_client_prints_them() {
        for (text, expected) in [
            ("0B", Some(0)),
            ("12B", Some(12)),
            ("1.5kB", Some(1500)),
            ("514.9MB", Some(514_900_000)),
            ("1.075GB", Some(1_075_000_000)),
            ("2TB", Some(2_000_000_000_000)),
            ("", None),
            ("MB", None),
            ("12", None),
            ("1 MB", None),
            ("1.5MiB", None),
            ("-1MB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text:?}");
        }
    }
}
