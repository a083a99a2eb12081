//! Both servers of an environment frozen together, for a moment.
//!
//! The freeze is made and ended by another process ([`holder`]), which lives on when this one is
//! killed. It thaws when it is told to, when we have gone, and when the freeze has lasted too long.

pub(crate) mod holder;
pub(crate) mod watch;

use std::time::Duration;

use process::Conversation;
use process::Invocation;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::tools::docker::Docker;

/// How long the holder may take to thaw once it is told to.
const THAWING: Duration = Duration::from_secs(60);

/// A holder that waits for its word. Dropping it thaws whatever it has frozen.
#[derive(Debug)]
pub(crate) struct Freezer {
    holder: Conversation,
    docker: Docker,
    ids: [String; 2],
    longest: Duration,
}

impl Freezer {
    /// Starts the holder. Nothing is frozen yet.
    pub(crate) fn start(
        context: &Context,
        neo4j: &str,
        redis: &str,
        longest: Duration,
    ) -> Result<Self> {
        let ourselves = std::env::current_exe()
            .map_err(|error| Failure::failed(format!("this program's own path: {error}")))?;
        // A build may have replaced it since; what runs is still there by this name.
        let ourselves = if ourselves.exists() {
            ourselves
        } else {
            "/proc/self/exe".into()
        };
        let mut invocation = Invocation::new(ourselves.display().to_string())
            .args(["hold-freeze", neo4j, redis])
            .args(["--longest", &longest.as_millis().to_string()]);
        if let Some(name) = context.docker.context() {
            invocation = invocation.args(["--docker-context", name]);
        }
        let holder = context.runner.converse(&invocation)?.trusted();
        Ok(Self {
            holder,
            docker: context.docker.steadfast(),
            ids: [neo4j.to_owned(), redis.to_owned()],
            longest,
        })
    }

    /// Returns when nobody can write any more, and all that was acknowledged is in the files: how
    /// often the freeze was tried in vain before, and ended again.
    pub(crate) fn freeze(&mut self) -> Result<usize> {
        let answer = self
            .holder
            .say("freeze")
            .and_then(|()| self.holder.hear(self.longest + THAWING));
        let frozen = |line: &str| line.strip_prefix("frozen ")?.parse().ok();
        match answer {
            Ok(line) if frozen(&line).is_some() => Ok(frozen(&line).unwrap_or_default()),
            Ok(line) => Err(Failure::failed(format!(
                "the servers could not be frozen: {}",
                line.strip_prefix("failed ").unwrap_or(&line)
            ))),
            Err(error) => Err(self.lost(error.into())),
        }
    }

    /// Lets both run again; how long nobody could write.
    ///
    /// # Errors
    /// They were thawed before, because the freeze lasted too long: what was copied meanwhile is
    /// worth nothing.
    pub(crate) fn thaw(mut self) -> Result<Duration> {
        let answer = self
            .holder
            .say("thaw")
            .and_then(|()| self.holder.hear(THAWING));
        let line = match answer {
            Ok(line) => line,
            Err(error) => return Err(self.lost(error.into())),
        };
        let words: Vec<&str> = line.split(' ').collect();
        let lasted = match words[..] {
            ["thawed", seconds, verdict] => seconds.parse::<f64>().ok().map(|one| (one, verdict)),
            _ => None,
        };
        match lasted {
            Some((seconds, "told")) => Ok(Duration::from_secs_f64(seconds)),
            Some((seconds, _)) => Err(Failure::failed(format!(
                "the freeze had lasted {seconds:.1} s, longer than the {} s that it may, and was \
                 ended: nothing was kept of it",
                self.longest.as_secs_f64()
            ))
            .hint("--max-freeze SECONDS   (or try again when less is written)")),
            None => Err(self.lost(Failure::failed(format!(
                "the process that holds the freeze answered {line:?}"
            )))),
        }
    }

    /// Without its holder a freeze is ours to end.
    fn lost(&self, failure: Failure) -> Failure {
        if failure.kind == crate::error::Kind::Interrupted {
            return failure;
        }
        match self.docker.unpause(&self.ids) {
            Ok(()) => failure.within("the freeze was lost, and both servers run again"),
            Err(still) => failure
                .within("the freeze was lost")
                .hint(format!("docker unpause {}   ({still})", self.ids.join(" "))),
        }
    }
}
