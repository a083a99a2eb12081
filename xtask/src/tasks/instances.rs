//! `instances`: every set on the engine, the main one too.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use environments::Environment;
use process::side_by_side::both;
use serde_json::json;

use crate::context::Context;
use crate::error::Result;
use crate::instances::{Census, Found, last_use};
use crate::report::Answer;
use crate::tasks::snapshots::age;
use crate::ui;

/// What each volume takes; none where the engine could not count it.
type Sizes = BTreeMap<String, Option<u64>>;

pub(crate) fn run(context: &Context) -> Result<Answer> {
    // Whether an engine answers at all is told better by its own question than by a failed look.
    let engine = context.docker.engine()?;
    let (census, sizes) = both(|| Census::take(context), || context.docker.volume_sizes());
    let census = census?;
    let runs = context.journal.all_runs()?;
    let mut remarks = census.strange.clone();
    let sizes: Sizes = sizes.unwrap_or_else(|failure| {
        remarks.push(format!("the sizes are not known: {}", failure.message));
        BTreeMap::new()
    });
    let head = [
        "instance",
        "environments",
        "state",
        "size",
        "made",
        "last used",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    let mut documents = Vec::new();
    for found in census.sets() {
        let used = last_use(found, &runs, &engine.id).at();
        let bytes = bytes(found, &sizes);
        let environments = found.environments();
        let slugs: Vec<&str> = environments
            .iter()
            .map(|one| Environment::slug(*one))
            .collect();
        lines.push(vec![
            found.name().to_owned(),
            slugs.join(", "),
            found.state().to_owned(),
            bytes.map_or_else(not_known, ui::bytes),
            ago(found.created()),
            ago(used),
        ]);
        documents.push(json!({
            "name": found.name(),
            "environments": environments,
            "state": found.state(),
            "bytes": bytes,
            "created": found.created().map(utc),
            "last_used": used.map(utc),
        }));
    }
    let human = if documents.is_empty() {
        "nothing of any instance is on this engine".to_owned()
    } else {
        ui::table(&lines).trim_end().to_owned()
    };
    let human = [vec![human], remarks].concat().join("\n");
    Ok(Answer::document(human, json!({ "instances": documents })))
}

/// All volumes together; none where the size of one is not told.
fn bytes(found: &Found, sizes: &Sizes) -> Option<u64> {
    let volumes = found.volumes.iter();
    volumes
        .map(|volume| sizes.get(&volume.name).copied().flatten())
        .sum()
}

fn utc(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn ago(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(not_known, |time| match age(&utc(time)) {
        told if told.starts_with("in ") => told,
        told => format!("{told} ago"),
    })
}

fn not_known() -> String {
    "not known".to_owned()
}
