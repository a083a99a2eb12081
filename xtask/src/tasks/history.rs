//! `history`: what was done to which environment, when and by whom.

use serde_json::json;

use crate::context::Context;
use crate::error::Result;
use crate::journal::Entry;
use crate::report::Answer;
use crate::ui;

pub(crate) fn run(context: &Context, last: usize) -> Result<Answer> {
    let runs = joined(context.journal.entries()?);
    let runs = &runs[runs.len().saturating_sub(last)..];
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
    Ok(Answer::document(ui::table(&lines), json!({ "runs": runs })))
}

/// One entry a run: its end, or its beginning where it never came to one.
fn joined(entries: Vec<Entry>) -> Vec<Entry> {
    let mut runs: Vec<Entry> = Vec::new();
    for entry in entries {
        let begun = runs
            .iter()
            .rposition(|run| run.run == entry.run && run.environment == entry.environment);
        match begun {
            Some(at) => runs[at] = entry,
            None => runs.push(entry),
        }
    }
    runs
}

fn line(run: &Entry) -> Vec<String> {
    let environment = match run.instance.as_str() {
        "" => run.environment.clone(),
        instance => format!("{} of {instance}", run.environment),
    };
    let outcome = match run.outcome.as_str() {
        "started" => "killed or still running",
        other => other,
    };
    let short = |removed: &String| {
        let words: Vec<&str> = removed.split(' ').collect();
        match words[..] {
            ["container" | "network", name, id, ..] => {
                format!("{name} ({})", id.get(..12).unwrap_or(id))
            }
            ["volume", name, ..] => name.to_owned(),
            _ => removed.clone(),
        }
    };
    let removed: Vec<String> = run.removed.iter().map(short).collect();
    vec![
        run.at.clone(),
        run.who.clone(),
        run.command.clone(),
        environment,
        outcome.to_owned(),
        removed.join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(run: &str, outcome: &str) -> Entry {
        Entry {
            at: "2026-01-01T00:00:00Z".to_owned(),
            run: run.to_owned(),
            who: "somebody".to_owned(),
            engine: "e1".to_owned(),
            command: "wipe-dev".to_owned(),
            environment: "dev".to_owned(),
            instance: String::new(),
            outcome: outcome.to_owned(),
            removed: Vec::new(),
            snapshot: None,
        }
    }

    #[test]
    fn a_run_that_was_killed_is_shown_as_one() {
        let runs = joined(vec![
            entry("1", "started"),
            entry("2", "started"),
            entry("2", "done"),
        ]);
        let outcomes: Vec<String> = runs.iter().map(|run| line(run)[4].clone()).collect();
        assert_eq!(outcomes, ["killed or still running", "done"]);
    }
}
