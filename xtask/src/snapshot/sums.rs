//! `SHA256SUMS`, as `sha256sum --check` reads it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use compose_audit::digest::hexadecimal;
use sha2::{Digest as _, Sha256};

use crate::error::{Failure, Result};

/// The file's name.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// The hash and the size of a file.
///
/// # Errors
/// It cannot be read.
pub(crate) fn of_file(path: &Path) -> Result<(String, u64)> {
    let read = || -> anyhow::Result<(String, u64)> {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut bytes = 0;
        let mut chunk = vec![0; 1 << 20];
        loop {
            let count = file.read(&mut chunk)?;
            if count == 0 {
                return Ok((hexadecimal(&hash.finalize()), bytes));
            }
            hash.update(&chunk[..count]);
            bytes += count as u64;
        }
    };
    let read = read().with_context(|| format!("cannot read {}", path.display()))?;
    Ok(read)
}

/// The text for these files.
pub(crate) fn text(files: &BTreeMap<String, String>) -> String {
    let line = |(name, sum): (&String, &String)| format!("{sum}  {name}\n");
    files.iter().map(line).collect()
}

/// Name to hash.
///
/// # Errors
/// A line is something else, or a name leads out of the folder.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    for line in text.lines() {
        let parsed = line.split_once("  ").filter(|(sum, name)| {
            let sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            sum && !name.is_empty() && !name.contains('/') && *name != ".."
        });
        let Some((sum, name)) = parsed else {
            return Err(Failure::failed(format!(
                "{SUMS} has an invalid line: {line:?}"
            )));
        };
        if sums.insert(name.to_owned(), sum.to_owned()).is_some() {
            return Err(Failure::failed(format!("{SUMS} names {name} twice")));
        }
    }
    // Also a last line without its end: it was cut off.
    if self::text(&sums) != text {
        return Err(Failure::failed(format!(
            "{SUMS} is not as it was written: its lines are in another order, or one was cut off"
        )));
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_anything_else_is_refused() {
        let files = BTreeMap::from([
            ("a".to_owned(), "0".repeat(64)),
            ("b".to_owned(), "1".repeat(64)),
        ]);
        assert_eq!(parse(&text(&files)).expect("it is read"), files);
        let sum = "0".repeat(64);
        for bad in [
            "x  a\n".to_owned(),
            format!("{sum}  ../a\n"),
            format!("{sum} a\n"),
            format!("{sum}  a\n{sum}  a\n"),
            format!("{sum}  a"),
            format!("{sum}  a\r\n"),
            format!("{sum}  b\n{sum}  a\n"),
        ] {
            assert!(parse(&bad).is_err(), "{bad:?}");
        }
    }
}
