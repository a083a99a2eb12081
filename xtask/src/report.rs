//! How an outcome is told: to people on stderr, to programs as one JSON document on stdout.

use compose_audit::report::pretty;
use environments::Environment;
use serde_json::{Value, json};

use crate::context::{Context, Format};
use crate::error::{Failure, Kind};
use crate::secrets;
use crate::ui::{self, Tone, Ui};

/// What a task that went well hands back.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A changing command, done or planned: told by its steps.
    Changed(Changed),
    /// A question answered: the text for people, the document for programs.
    Document {
        human: String,
        json: Value,
        /// Where the answer is bad news, as a doctor's findings are.
        exit_code: u8,
    },
    /// A child has talked to the person itself; its exit code is ours.
    Passed(u8),
}

/// What a changing command did, or would do.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) environments: Vec<Environment>,
    /// `done` or `planned`.
    pub(crate) outcome: &'static str,
    /// The planned steps, under `--dry-run`.
    pub(crate) planned: Vec<(String, String)>,
    /// What a person reads on stdout.
    pub(crate) human: String,
}

impl Answer {
    pub(crate) fn document(human: impl Into<String>, json: Value) -> Self {
        Self::Document {
            human: human.into(),
            json,
            exit_code: 0,
        }
    }

    pub(crate) fn done(environments: Vec<Environment>, human: impl Into<String>) -> Self {
        Self::Changed(Changed {
            environments,
            outcome: "done",
            planned: Vec::new(),
            human: human.into(),
        })
    }
}

/// The answer of a changing command that has more to tell than its steps.
pub(crate) fn with(context: &Context, command: &str, changed: &Changed, extra: Value) -> Answer {
    let json = document_with(context, command, changed, extra);
    Answer::document(changed.human.clone(), json)
}

/// Its document.
pub(crate) fn document_with(
    context: &Context,
    command: &str,
    changed: &Changed,
    extra: Value,
) -> Value {
    let mut json = changed_document(context, command, changed);
    if let (Value::Object(document), Value::Object(extra)) = (&mut json, extra) {
        document.extend(extra);
    }
    json
}

/// Tells the outcome; returns the exit code.
pub(crate) fn finish(context: &Context, command: &str, outcome: Result<Answer, Failure>) -> u8 {
    let json = context.format == Format::Json;
    let (text, exit_code) = match outcome {
        Ok(Answer::Passed(code)) => return code,
        Ok(Answer::Document {
            human,
            json: document,
            exit_code,
        }) => (if json { pretty(&document) } else { human }, exit_code),
        Ok(Answer::Changed(changed)) if json => {
            (pretty(&changed_document(context, command, &changed)), 0)
        }
        Ok(Answer::Changed(changed)) if changed.human.is_empty() => return 0,
        Ok(Answer::Changed(changed)) => (changed.human, 0),
        Err(mut failure) => {
            failure.message = secrets::blotted(&failure.message);
            for hint in &mut failure.hints {
                *hint = secrets::blotted(hint);
            }
            tell(&context.ui, &failure);
            let exit_code = failure.kind.exit_code();
            if !json {
                return exit_code;
            }
            (
                pretty(&failed_document(context, command, &failure)),
                exit_code,
            )
        }
    };
    told(&context.ui, &text, exit_code)
}

/// Writes the answer. One that could not be written is a failure; what was worse stays so.
fn told(ui: &Ui, answer: &str, exit_code: u8) -> u8 {
    match ui::answer(answer) {
        Ok(()) => exit_code,
        Err(unwritten) => {
            tell(ui, &unwritten);
            exit_code.max(unwritten.kind.exit_code())
        }
    }
}

/// The same for a command that did not come as far as having a context.
pub(crate) fn without_context(ui: &Ui, format: Format, command: &str, failure: &Failure) -> u8 {
    tell(ui, failure);
    let exit_code = failure.kind.exit_code();
    if format != Format::Json {
        return exit_code;
    }
    let document = json!({
        "command": command,
        "environments": [],
        "instance": "",
        "outcome": failure.kind.outcome(),
        "steps": [],
        "error": failure,
    });
    told(ui, &pretty(&document), exit_code)
}

fn changed_document(context: &Context, command: &str, changed: &Changed) -> Value {
    let planned: Vec<Value> = changed
        .planned
        .iter()
        .map(|(action, because)| json!({ "action": action, "because": because, "seconds": null }))
        .collect();
    let steps = if changed.outcome == "planned" {
        Value::from(planned)
    } else {
        json!(context.done())
    };
    json!({
        "command": command,
        "environments": changed.environments,
        "instance": context.instance.label(),
        "outcome": changed.outcome,
        "steps": steps,
        "error": null,
    })
}

fn failed_document(context: &Context, command: &str, failure: &Failure) -> Value {
    json!({
        "command": command,
        "environments": context.environments(),
        "instance": context.instance.label(),
        "outcome": failure.kind.outcome(),
        "steps": context.done(),
        "error": failure,
    })
}

/// Tells a person of a failure, and what to type next.
pub(crate) fn tell(ui: &Ui, failure: &Failure) {
    let word = match failure.kind {
        Kind::Interrupted | Kind::Cancelled => ui.paint(Tone::Warning, failure.kind.outcome()),
        Kind::Refused => ui.paint(Tone::Bad, "refused"),
        Kind::Failed | Kind::Usage | Kind::Violated | Kind::Inconclusive => {
            ui.paint(Tone::Bad, "error")
        }
    };
    if failure.kind == Kind::Interrupted && !failure.says_more_than_its_kind() {
        ui.insist(word);
    } else {
        ui.insist(format!("{word}: {}", failure.message));
    }
    for hint in &failure.hints {
        ui.insist(format!("{} {hint}", ui.paint(Tone::Strong, "next:")));
    }
}
