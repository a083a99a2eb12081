//! How an outcome is told: to people on stderr, to programs as one JSON document on stdout.

mod html;
pub(crate) mod human;
mod junit;
mod markdown;
mod matrix;
pub(crate) mod proof;
pub(crate) mod written;

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
    match outcome {
        Ok(Answer::Passed(code)) => code,
        Ok(Answer::Document {
            human,
            json,
            exit_code,
        }) => {
            ui::answer(&match context.format {
                Format::Json => pretty(&json),
                Format::Human | Format::Dotenv | Format::Github => human,
            });
            exit_code
        }
        Ok(Answer::Changed(changed)) => {
            if context.format == Format::Json {
                ui::answer(&pretty(&changed_document(context, command, &changed)));
            } else if !changed.human.is_empty() {
                ui::answer(&changed.human);
            }
            0
        }
        Err(mut failure) => {
            failure.message = secrets::blotted(&failure.message);
            tell(&context.ui, &failure);
            if context.format == Format::Json {
                ui::answer(&pretty(&failed_document(context, command, &failure)));
            }
            failure.kind.exit_code()
        }
    }
}

/// The same for a command that did not come as far as having a context.
pub(crate) fn without_context(ui: &Ui, format: Format, command: &str, failure: &Failure) -> u8 {
    tell(ui, failure);
    if format == Format::Json {
        ui::answer(&pretty(&json!({
            "command": command,
            "environments": [],
            "instance": "",
            "outcome": failure.kind.outcome(),
            "steps": [],
            "error": failure,
        })));
    }
    failure.kind.exit_code()
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

fn tell(ui: &Ui, failure: &Failure) {
    let word = match failure.kind {
        Kind::Interrupted | Kind::Cancelled => ui.paint(Tone::Warning, failure.kind.outcome()),
        Kind::Refused => ui.paint(Tone::Bad, "refused"),
        Kind::Failed | Kind::Usage | Kind::Violated | Kind::Inconclusive => {
            ui.paint(Tone::Bad, "error")
        }
    };
    if failure.kind == Kind::Interrupted {
        ui.insist(word);
    } else {
        ui.insist(format!("{word}: {}", failure.message));
    }
    if !failure.hint.is_empty() {
        ui.insist(format!(
            "{} {}",
            ui.paint(Tone::Strong, "next:"),
            failure.hint
        ));
    }
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_else(|_| document.to_string())
}
