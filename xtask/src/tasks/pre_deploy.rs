//! `pre-deploy`: what a deployment waits for. Staging is saved, that snapshot is drilled, and the
//! environments are proved apart; the first that does not come out ends it.

use compose_audit::report::human;
use environments::Environment;
use serde_json::json;

use crate::cli::SnapshotOptions;
use crate::context::Context;
use crate::error::Result;
use crate::report::{Answer, Changed, document_with};
use crate::tasks::snapshot::{self, prepare};
use crate::tasks::snapshots::Listed;
use crate::tasks::{drill, hold, planned, show, thawed, verify_isolation};

const NAME: &str = "pre-deploy";

pub(crate) fn run(context: &Context, options: &SnapshotOptions) -> Result<Answer> {
    let staging = context.deployment(Environment::Staging);
    let (listed, drilled, told) = {
        let held = thawed(context, NAME, hold(context, NAME, &staging)?)?;
        let how = snapshot::how(context, &held, options)?;
        let prepared = prepare(context, NAME, &held, how)?;
        show(context, &prepared.plan);
        context
            .ui
            .say("then restore it on scratch servers, and prove the environments apart");
        if context.dry_run {
            return Ok(planned(&[&prepared.plan]));
        }
        let made = prepared.make(context, NAME)?;
        let id = &made.manifest.id;
        let plan = drill::plan(&held, id);
        show(context, &plan);
        let (verified, drill) = drill::carry_out(context, NAME, &held, &plan)?;
        let listed = Listed::of(&made.path, &made.manifest, Some(&drill));
        let told = drill::told(&verified, &drill);
        (listed, drill, told)
        // Staging's lock ends here: the proof takes none, and others may work meanwhile.
    };
    let proof = verify_isolation::prove(context, &[])?;
    let human = format!("{told}\n{}", human::text(&proof, context.ui.on_stdout()));
    let changed = Changed {
        environments: vec![Environment::Staging],
        outcome: "done",
        planned: Vec::new(),
        human: human.clone(),
    };
    let mut extra = json!({
        "snapshot": listed,
        "drill": drilled,
        "isolation": proof.json(),
    });
    if let Some(failure) = verify_isolation::failure(&proof) {
        extra["outcome"] = json!(failure.kind.outcome());
        extra["error"] = json!(failure);
    }
    Ok(Answer::Document {
        human,
        json: document_with(context, NAME, &changed, extra),
        exit_code: proof.verdict.exit_code(),
    })
}
