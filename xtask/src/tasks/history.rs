//! `history`: what was done to which environment, when and by whom; `--verify`: whether the journal is
//! as it was written.

use serde_json::{Value, json};

use crate::cli::History;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::journal::chain::Verified;
use crate::journal::{Deed, Kind, Run, STARTED, Verb};
use crate::report::Answer;
use crate::ui::{self, counted};

pub(crate) fn run(context: &Context, args: &History) -> Result<Answer> {
    if args.verify {
        return verified(context);
    }
    let runs = Run::joined(context.journal.entries()?);
    let runs = &runs[runs.len().saturating_sub(args.last)..];
    let head = [
        "when (UTC)",
        "who",
        "command",
        "environment",
        "outcome",
        "removed",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(runs.iter().map(line));
    let documents: Vec<Value> = runs.iter().map(document).collect();
    Ok(Answer::document(
        ui::table(&lines),
        json!({ "runs": documents }),
    ))
}

/// All that the journal has of a run, in a form that is the same for each.
fn document(run: &Run) -> Value {
    let begun = &run.begun;
    json!({
        "at": begun.at,
        "run": begun.run,
        "who": begun.who,
        "uid": begun.uid,
        "engine": begun.engine,
        "command": begun.command,
        "environment": begun.environment,
        "instance": begun.instance,
        "outcome": begun.outcome,
        "removed": in_full(run),
        "snapshot": begun.snapshot,
        "safety": begun.safety,
        "proof": begun.proof,
        "steps": run.steps,
    })
}

fn line(run: &Run) -> Vec<String> {
    let begun = &run.begun;
    let environment = match begun.instance.as_str() {
        "" => begun.environment.clone(),
        instance => format!("{} of {instance}", begun.environment),
    };
    let outcome = match (&begun.proof, begun.outcome.as_str()) {
        (Some(proof), _) => proof.verdict.clone(),
        (None, STARTED) => "killed or still running".to_owned(),
        (None, other) => other.to_owned(),
    };
    vec![
        begun.at.clone(),
        begun.who.clone(),
        begun.command.clone(),
        environment,
        outcome,
        removed(run).join(", "),
    ]
}

/// What a run removed, as the engine said; of lines of before steps had their own, what was planned.
fn removed(run: &Run) -> Vec<String> {
    let deeds = run.did(Verb::Remove).chain(run.did(Verb::Empty));
    let told = deeds.map(|deed| match deed.kind {
        Kind::Container | Kind::Network => short(deed),
        Kind::Snapshot => format!("snapshot {}", deed.name),
        Kind::Volume | Kind::File | Kind::Data | Kind::Other => deed.name.clone(),
    });
    run.begun.removed.iter().cloned().chain(told).collect()
}

/// The same with all that tells one object from another of its name.
fn in_full(run: &Run) -> Vec<String> {
    let deeds = run.did(Verb::Remove).chain(run.did(Verb::Empty));
    let told = deeds.map(|deed| match deed.kind {
        Kind::Container => format!("container {} {}", deed.name, deed.id),
        Kind::Network => format!("network {} {}", deed.name, deed.id),
        Kind::Volume => format!("volume {} created {}", deed.name, deed.id),
        Kind::Snapshot => format!("snapshot {}", deed.name),
        Kind::File | Kind::Data | Kind::Other => deed.name.clone(),
    });
    run.begun.removed.iter().cloned().chain(told).collect()
}

fn short(deed: &Deed) -> String {
    format!("{} ({})", deed.name, deed.id.get(..12).unwrap_or(&deed.id))
}

fn verified(context: &Context) -> Result<Answer> {
    let found = context.journal.verify()?;
    let path = context.journal.path();
    let path = path.display();
    if let Some(broken) = &found.broken {
        return Err(Failure::failed(format!(
            "{path} is not as it was written: line {}: {}",
            broken.line, broken.what
        ))
        .hint("the lines before it are as they were written; compare with a copy of yours"));
    }
    Ok(Answer::document(
        format!("{path}: {}", told(&found)),
        json!({ "verified": found }),
    ))
}

fn told(found: &Verified) -> String {
    let mut told = format!(
        "{}, none changed, removed or added",
        counted(found.lines as u64, "line")
    );
    if found.unchained > 0 {
        told.push_str(&format!(
            "; the first {} are of before lines were chained, so nothing is known of them",
            found.unchained
        ));
    }
    if !found.torn.is_empty() {
        let torn: Vec<String> = found.torn.iter().map(usize::to_string).collect();
        told.push_str(&format!(
            "; cut off by a crash and of no consequence: line {}",
            torn.join(", ")
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{DONE, Entry, StepLine};

    fn entry(run: &str, outcome: &str, step: Option<StepLine>) -> Entry {
        Entry {
            at: "2026-01-01T00:00:00Z".to_owned(),
            run: run.to_owned(),
            environment: "dev".to_owned(),
            outcome: outcome.to_owned(),
            step,
            ..Entry::default()
        }
    }

    #[test]
    fn a_run_that_was_killed_is_shown_as_one_with_what_it_had_removed() {
        let step = |deeds: &[Deed]| {
            Some(StepLine {
                number: 1,
                action: "remove".to_owned(),
                deeds: deeds.to_vec(),
            })
        };
        let deed = |name| Deed::new(Verb::Remove, Kind::Volume, name, "2026");
        let runs = Run::joined(vec![
            entry("1", STARTED, None),
            entry("1", STARTED, step(&[deed("a"), deed("b")])),
            entry("1", "failed", step(&[deed("a")])),
            entry("2", STARTED, None),
            entry("2", DONE, None),
        ]);
        let shown: Vec<Vec<String>> = runs.iter().map(|run| line(run)[4..].to_vec()).collect();
        assert_eq!(shown, [["killed or still running", "a"], [DONE, ""]]);
    }
}
