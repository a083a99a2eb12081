//! The chain: each line carries its number and the digest of the line before it, so that a line which
//! was changed, removed or added is found. Pure.
//!
//! A crash may leave half a line. It is no link: the line after it carries the digest of what was
//! left, and the chain goes on from the last whole line.

use anyhow::Context as _;
use compose_audit::digest::hexadecimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Entry;

/// What makes a line a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Link {
    line: u64,
    /// The digest of the line before it; empty in the first.
    before: String,
    /// The digest of what a crash had left before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    torn: Option<String>,
}

/// A line that can be written.
#[derive(Debug, Serialize)]
pub(super) struct Chained<'a> {
    #[serde(flatten)]
    link: Link,
    #[serde(flatten)]
    entry: &'a Entry,
}

impl<'a> Chained<'a> {
    pub(super) fn after(end: &End, entry: &'a Entry) -> Self {
        let link = Link {
            line: end.line + 1,
            before: end.digest.clone(),
            torn: end.torn.clone(),
        };
        Self { link, entry }
    }

    pub(super) fn line(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

/// The newest line, as it is kept beside the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tip {
    line: u64,
    digest: String,
}

impl Tip {
    pub(super) fn of(line: &str) -> anyhow::Result<Self> {
        let Whole::Link(link) = read(line.as_bytes()).context("a line that was just made")? else {
            anyhow::bail!("a line without a digest was just made");
        };
        Ok(Self {
            line: link.line,
            digest: digest(line.as_bytes()),
        })
    }
}

/// What the next line follows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    line: u64,
    digest: String,
    torn: Option<String>,
    /// The last line has no end of line.
    pub(super) cut_off: bool,
}

impl End {
    /// Of the end of a journal, or of all of it. None where that has no whole line.
    pub(super) fn of(bytes: &[u8], all: bool) -> Option<Self> {
        let cut_off = !bytes.is_empty() && !bytes.ends_with(b"\n");
        let mut lines = lines(bytes).enumerate();
        // Of an end, the first line may be the rest of one.
        let last = lines
            .by_ref()
            .filter_map(|(at, line)| Some((at, line, read(line).filter(|_| all || at > 0)?)))
            .last();
        let Some((_, line, whole)) = last else {
            return all.then(|| Self {
                torn: torn(bytes),
                cut_off,
                ..Self::default()
            });
        };
        let number = match &whole {
            Whole::Link(link) => link.line,
            Whole::Old => 0,
        };
        let after = line.as_ptr_range().end as usize - bytes.as_ptr() as usize;
        let rest = bytes.get(after..).unwrap_or_default();
        Some(Self {
            line: number,
            digest: digest(line),
            torn: torn(rest),
            cut_off,
        })
    }
}

/// The digest of what is no line, where there is any.
fn torn(rest: &[u8]) -> Option<String> {
    let rest = rest.trim_ascii();
    (!rest.is_empty()).then(|| digest(rest))
}

fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// A line that was written whole.
enum Whole {
    Link(Link),
    /// Of before lines were chained.
    Old,
}

fn read(line: &[u8]) -> Option<Whole> {
    serde_json::from_slice::<Entry>(line).ok()?;
    Some(serde_json::from_slice(line).map_or(Whole::Old, Whole::Link))
}

/// The lines, without those that are empty.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter(|line| !line.trim_ascii().is_empty())
}

/// What a look at the whole chain found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Verified {
    /// How many whole lines there are.
    pub(crate) lines: usize,
    /// How many of them are of before lines were chained: nothing is known of those.
    pub(crate) unchained: usize,
    /// Which lines of the file a crash has cut off.
    pub(crate) torn: Vec<usize>,
    /// The first line that is not as it was written.
    pub(crate) broken: Option<Broken>,
}

/// A line that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Broken {
    /// Its number in the file, from 1 on.
    pub(crate) line: usize,
    pub(crate) what: String,
}

/// Follows the chain from its first line.
pub(super) fn verify(bytes: &[u8], tip: Option<&Tip>) -> Verified {
    let mut walk = Walk::default();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            walk.step(at + 1, line);
        }
        if walk.found.broken.is_some() {
            return walk.found;
        }
    }
    walk.against(tip);
    walk.found
}

/// As far as the chain was followed.
#[derive(Default)]
struct Walk {
    found: Verified,
    /// The last whole line: its place in the file, its number in the chain, its digest.
    last: Option<(usize, u64, String)>,
    /// The digests of all before it, by their place.
    earlier: Vec<(usize, String)>,
    /// What is no line since.
    left: Vec<u8>,
    left_at: Vec<usize>,
}

impl Walk {
    fn step(&mut self, at: usize, line: &[u8]) {
        match read(line) {
            None => {
                if !self.left.is_empty() {
                    self.left.push(b'\n');
                }
                self.left.extend_from_slice(line);
                self.left_at.push(at);
            }
            Some(Whole::Old) if self.chained() => {
                self.broken(at, "it carries no digest: it was added");
            }
            Some(Whole::Old) => {
                self.found.unchained += 1;
                self.whole(at, 0, line);
            }
            Some(Whole::Link(link)) => match self.objection(at, &link) {
                Some((line, what)) => self.broken(line, what),
                None => self.whole(at, link.line, line),
            },
        }
    }

    fn chained(&self) -> bool {
        self.last.as_ref().is_some_and(|(_, number, _)| *number > 0)
    }

    fn whole(&mut self, at: usize, number: u64, line: &[u8]) {
        self.found.lines += 1;
        self.found.torn.append(&mut self.left_at);
        self.left.clear();
        if let Some((at, _, digest)) = self.last.take() {
            self.earlier.push((at, digest));
        }
        self.last = Some((at, number, digest(line)));
    }

    /// What stands against a link here, and in which line.
    fn objection(&self, at: usize, link: &Link) -> Option<(usize, String)> {
        if link.torn != torn(&self.left) {
            return Some(match self.left_at.first() {
                Some(first) => (*first, "it was added or changed".to_owned()),
                None => (at, "what a crash had left before it was removed".to_owned()),
            });
        }
        let Some((last_at, last, digest)) = &self.last else {
            let first = link.line == 1 && link.before.is_empty();
            return (!first).then(|| (at, "the lines before it were removed".to_owned()));
        };
        if link.before == *digest && link.line == last + 1 {
            return None;
        }
        // It follows an earlier line: what stands between was added.
        if let Some(known) = self.earlier.iter().position(|(_, one)| *one == link.before) {
            let put_in = self.earlier.get(known + 1).map_or(*last_at, |(at, _)| *at);
            return Some((put_in, "it was added".to_owned()));
        }
        if link.line > last + 1 {
            let gone = link.line - last - 1;
            return Some((at, format!("{gone} before it were removed")));
        }
        Some((
            *last_at,
            "it was changed, or the line after it was removed or added".to_owned(),
        ))
    }

    fn broken(&mut self, line: usize, what: impl Into<String>) {
        self.found.broken = Some(Broken {
            line,
            what: what.into(),
        });
    }

    /// Whether the end is the one that was last written.
    fn against(&mut self, tip: Option<&Tip>) {
        self.found.torn.append(&mut self.left_at);
        let Some((at, number, digest)) = self.last.clone().filter(|(_, number, _)| *number > 0)
        else {
            if tip.is_some() {
                self.broken(1, "the chained lines were removed");
            }
            return;
        };
        match tip {
            None => self.broken(
                at,
                "journal.tip is gone: whether lines after it were removed is not known",
            ),
            Some(tip) if tip.line > number => {
                let gone = tip.line - number;
                self.broken(at, format!("{gone} after it were removed"));
            }
            Some(tip) if tip.line == number && tip.digest != digest => {
                self.broken(at, "it was changed");
            }
            // A run was killed before it had kept its last line's digest.
            Some(_) => {}
        }
    }
}
