//! Copying the files of both servers, pass after pass, while they run and, last, while they are
//! frozen.
//!
//! A helper of ours does it, which reads the environment's volumes and cannot write to them.
//! `copy.sh` decides what a pass has to copy.

use std::time::{Duration, Instant};

use environments::{Deployment, Volume};
use process::Conversation;
use process::printable;

use crate::error::{Failure, Result};
use crate::snapshot::scratch::Scratch;
use crate::tools::docker::containers::Mounted;
use crate::ui::Ui;

/// How long one pass may take: about 250 GB on a slow disk.
const PASS: Duration = Duration::from_secs(3600);

/// Passes are made until one is this short, or no longer gets shorter.
const SHORT: Duration = Duration::from_millis(400);
const MOST: usize = 8;

/// The helper that copies, and where to.
#[derive(Debug)]
pub(crate) struct Copier {
    talk: Conversation,
    pub(crate) neo4j: String,
    pub(crate) redis: String,
    helper: String,
    ui: Ui,
}

/// What a pass has copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
    pub(crate) took: Duration,
}

impl Copier {
    /// Starts the helper, with two new volumes to copy to.
    pub(crate) fn start(scratch: &Scratch<'_>, of: &Deployment, image: &str) -> Result<Self> {
        let (neo4j, redis) = (scratch.volume("neo4j")?, scratch.volume("redis")?);
        let mut helper = scratch.helper("copy", image);
        helper.entrypoint = Some("sleep");
        helper.args = vec!["infinity".to_owned()];
        // It reads files of two servers' users.
        helper.user = Some("root");
        helper.in_memory = vec!["/data", "/logs"];
        helper.mounts = vec![
            Mounted::reading(of.volume(Volume::Neo4jData), "/from/neo4j"),
            Mounted::reading(of.volume(Volume::RedisData), "/from/redis"),
            Mounted::writing(&neo4j, "/to/neo4j"),
            Mounted::writing(&redis, "/to/redis"),
        ];
        let helper = scratch.docker().run_in_background(&helper)?;
        let talk = scratch
            .docker()
            .exec(&helper, &["bash", "-c", include_str!("copy.sh")]);
        let talk = scratch.docker().runner().converse(&talk)?.patient();
        Ok(Self {
            talk,
            neo4j,
            redis,
            helper,
            ui: scratch.context.ui.clone(),
        })
    }

    /// Passes while the servers run, each telling `told` what it did.
    pub(crate) fn passes(&mut self, told: impl Fn(&Pass)) -> Result<Pass> {
        let mut last = self.pass("pass", PASS)?;
        told(&last);
        for _ in 1..MOST {
            if last.took < SHORT {
                break;
            }
            let next = self.pass("pass", PASS)?;
            told(&next);
            let shorter = next.took < last.took.mul_f64(0.8);
            last = next;
            if !shorter {
                break;
            }
        }
        Ok(last)
    }

    /// The pass for servers that cannot write.
    ///
    /// # Errors
    /// A file changed meanwhile: they could.
    pub(crate) fn last_pass(&mut self, within: Duration) -> Result<Pass> {
        self.pass("last", within)
    }

    fn pass(&mut self, order: &str, within: Duration) -> Result<Pass> {
        let started = Instant::now();
        let shown = if self.ui.animated() { " shown" } else { "" };
        self.talk.say(&format!("{order}{shown}"))?;
        let mut progress = None;
        let (answer, counted) = loop {
            let answer = self.talk.hear(within.saturating_sub(started.elapsed()))?;
            let number = |word: &str| word.parse::<u64>().ok();
            let words: Vec<&str> = answer.split(' ').collect();
            match words[..] {
                ["at", done, of] => {
                    if let Some((done, of)) = number(done).zip(number(of)) {
                        let new = || self.ui.progress_of_bytes("copied", of);
                        progress.get_or_insert_with(new).at(done);
                    }
                }
                ["done", bytes, files] => break (answer.clone(), number(bytes).zip(number(files))),
                _ => break (answer, None),
            }
        };
        drop(progress);
        if let Some(file) = answer.strip_prefix("moved ") {
            return Err(Failure::failed(format!(
                "{} was written to while both stores were copied, when nobody could: they are not of \
                 one moment, and nothing was kept",
                printable(file)
            ))
            .hint("see that nobody starts, unpauses or writes to them, then run the same command again"));
        }
        let Some((bytes, files)) = counted else {
            return Err(
                Failure::failed(format!("the copy of the volumes failed: {answer:?}"))
                    .hint("docker system df   (is the engine's disk full?)"),
            );
        };
        Ok(Pass {
            bytes,
            files,
            took: started.elapsed(),
        })
    }

    /// Ends the helper. The volumes that it copied to stay.
    pub(crate) fn end(self, scratch: &Scratch<'_>) -> Result<[String; 2]> {
        let Self {
            talk,
            neo4j,
            redis,
            helper,
            ui: _,
        } = self;
        drop(talk);
        scratch.docker().remove_scratch(&[helper])?;
        Ok([neo4j, redis])
    }
}
