//! Whether two servers stand still from before they are copied until after: seen, not believed.
//!
//! Whoever else may talk to the engine can thaw, restart or kill a server that we have frozen. Then
//! what was copied is of no one moment. That a freeze was ended and made again shows in no state: the
//! engine's events tell it, and what was written meanwhile shows in the files, which the copy compares
//! (`copy.sh`).

use std::collections::BTreeSet;

use process::side_by_side::both;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::identity::Identity;
use crate::tools::docker::{Container, Docker, freezer};

/// Two containers, as they were before anything was done to them.
#[derive(Debug)]
pub(crate) struct Watch {
    docker: Docker,
    ids: [String; 2],
    before: Vec<Container>,
    /// What the engine knew of earlier freezes.
    events: BTreeSet<String>,
}

impl Watch {
    /// To be begun before the freeze.
    pub(crate) fn begin(context: &Context, ids: [&str; 2]) -> Result<Self> {
        let docker = context.docker.clone();
        let ids = ids.map(str::to_owned);
        let (before, events) = both(|| docker.containers(&ids), || docker.freezes(&ids));
        let (before, events) = (before?, events?);
        Ok(Self {
            docker,
            ids,
            before,
            events,
        })
    }

    /// Both are frozen, and the ones that were to be.
    pub(crate) fn frozen(&self) -> Result<()> {
        let now = self.look()?;
        judge(&self.was().frozen(), &Identity::of_containers(&now))
    }

    /// The same again before they are thawed. The kernel says it at no cost; where its switch cannot
    /// be read, the engine is asked.
    pub(crate) fn still_frozen(&self) -> Result<()> {
        let by_kernel = |id: &String| freezer::frozen(id) == Some(true);
        if self.ids.iter().all(by_kernel) {
            return Ok(());
        }
        self.frozen()
    }

    /// Nobody has frozen one of them since, beside us, who did or tried it so often. To be asked when
    /// they run again.
    ///
    /// Where the engine has forgotten, under a flood of other events, it is the files that tell.
    pub(crate) fn frozen_once(&self, ours: usize) -> Result<()> {
        let events = self.docker.freezes(&self.ids).map_err(unknown)?;
        let new: Vec<&String> = events.difference(&self.events).collect();
        for container in &self.before {
            let of_it = |event: &&&String| event.ends_with(&container.id);
            let times = new.iter().filter(of_it).count();
            if times > ours {
                return Err(Failure::failed(format!(
                    "{} was frozen {times} times, and by this run {ours}: somebody else ended the \
                     freeze and made it again, and nothing was kept",
                    container.name()
                ))
                .hint(AGAIN));
            }
        }
        Ok(())
    }

    /// Neither runs.
    pub(crate) fn at_rest(&self) -> Result<()> {
        let mut up = self.before.iter();
        let up = up.find(|one| one.running() || one.paused() || one.state.status == "restarting");
        match up {
            None => Ok(()),
            Some(one) => Err(Failure::failed(format!(
                "{} is {}, and was to be stopped: nothing was kept",
                one.name(),
                one.state.status
            ))
            .hint(AGAIN)),
        }
    }

    /// Both are what they were before: to be asked when they run again, or rest still.
    pub(crate) fn same(&self) -> Result<()> {
        let now = self.look()?;
        judge(&self.was(), &Identity::of_containers(&now))
    }

    fn was(&self) -> Identity {
        Identity::of_containers(&self.before)
    }

    fn look(&self) -> Result<Vec<Container>> {
        self.docker.containers(&self.ids).map_err(unknown)
    }
}

fn unknown(failure: Failure) -> Failure {
    if failure.kind == Kind::Interrupted {
        return failure;
    }
    failure.within("whether both servers stood still is not known, and nothing was kept")
}

const AGAIN: &str =
    "see who does that (docker events --since 10m), then run the same command again";

/// What a server's health check says is no change: none runs in a frozen one.
fn judge(expected: &Identity, found: &Identity) -> Result<()> {
    let changes = expected.changes(found).into_iter();
    let changes: Vec<String> = changes
        .filter(|change| !change.of_health())
        .map(|change| change.to_string())
        .collect();
    if changes.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "both servers were to stand still while they were copied, but somebody else changed that, and \
         nothing was kept: {}",
        changes.join("; ")
    ))
    .hint(AGAIN))
}
