//! Leave to write a canary into an environment: nobody changes it meanwhile, the journal has it, and
//! it is the engine on which the environment lives.

use crate::error::{Failure, Result};
use crate::guard::lock::Share;
use crate::guard::turn::{self, Sign};
use crate::guard::who::Who;
use crate::isolation::scene::{Scene, Site};
use crate::journal::{self, DONE, Entry, PROOF, STARTED};

/// Held from before a canary is written until after it is removed.
#[derive(Debug)]
pub(super) struct Leave {
    begun: Entry,
    sign: Sign,
    _share: Share,
}

impl Leave {
    /// # Errors
    /// Another run changes the environment, the journal has it on another engine, or cannot be
    /// written.
    pub(super) fn take(scene: &Scene<'_>, site: &Site) -> Result<Self> {
        let deployment = &site.deployment;
        let engine = &scene.engine.id;
        let journal = &scene.context.journal;
        if let Some(other) = journal.engine_of(deployment)?
            && other != *engine
        {
            return Err(Failure::refused(format!(
                "the journal has {deployment} on the engine {other}: nothing is written to it here"
            )));
        }
        let share = Share::take(engine, deployment)?;
        let who = Who::runs_this();
        let begun = Entry {
            at: journal::now(),
            run: scene.run.clone(),
            who: who.to_string(),
            uid: Some(who.uid),
            engine: engine.clone(),
            command: PROOF.to_owned(),
            environment: deployment.environment().slug().to_owned(),
            instance: deployment.instance().label().to_owned(),
            outcome: STARTED.to_owned(),
            ..Entry::default()
        };
        journal.append(&begun)?;
        Ok(Self {
            begun,
            sign: turn::show(engine, deployment, &scene.run)?,
            _share: share,
        })
    }

    /// Once whatever was written is removed again, or was tried to be.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub(super) fn end(self, scene: &Scene<'_>, clean: bool) -> Result<()> {
        if clean {
            self.sign.done();
        }
        let outcome = if clean { DONE } else { "failed" };
        scene.context.journal.append(&Entry {
            at: journal::now(),
            outcome: outcome.to_owned(),
            ..self.begun
        })
    }
}
