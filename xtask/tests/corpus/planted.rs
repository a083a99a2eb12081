//! Every row of `live/`, one after the other, in one instance of dev, test and staging.
//!
//! `FAULTS=E3,N1` tries only the rows of those faults.

use serde_json::{Value, json};

use crate::live::Live;
use crate::row::{Ground, Innocent, Row, all};
use crate::tried::Tried;

#[test]
fn every_planted_fault_is_found_and_nothing_that_looks_like_one() {
    let chosen = std::env::var("FAULTS").unwrap_or_default();
    let chosen: Vec<&str> = chosen.split(',').filter(|one| !one.is_empty()).collect();
    let live = Live::alone("the corpus of faults");
    live.up(&["dev", "test", "staging"]);
    let ground = Ground::new(&live);
    let mut problems = Vec::new();
    let mut tried = 0;
    for (name, row) in all() {
        if !chosen.is_empty() && !chosen.contains(&row.fault.as_str()) {
            continue;
        }
        tried += 1;
        let told = problems.len();
        problems.extend(plant(&live, &ground, &row).err().into_iter().map(at(&name)));
        let found = problems.len() == told;
        for innocent in &row.innocent {
            let seen = spare(&live, &ground, &row, innocent);
            problems.extend(seen.err().into_iter().map(at(&name)));
        }
        let false_alarms = problems.len() - told - usize::from(!found);
        Tried {
            fault: &row.fault,
            what: &row.what,
            found,
            innocent: row.innocent.len(),
            false_alarms,
        }
        .tell();
    }
    assert!(tried > 0, "no row was tried");
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

fn at(name: &str) -> impl Fn(String) -> String {
    move |problem| format!("--- {name}: {problem}")
}

/// Plants a fault, which must be found, and takes it away, whereupon all must be clean. That is seen
/// with its first innocent look-alike already there, where that has to be clean as it is: one proof
/// that finds nothing tells both.
fn plant(live: &Live, ground: &Ground<'_>, row: &Row) -> Result<(), String> {
    ground.write(row);
    let seen = ground
        .run(&row.plant)
        .map_err(|said| format!("it could not be planted: {said}"))
        .and_then(|()| verify(live, row, None));
    // Also after a failure: the next rows stand on the same ground.
    ground
        .run(&row.undo)
        .map_err(|said| format!("it could not be taken away: {said}"))?;
    let (code, document) = seen?;
    match &row.inconclusive {
        None => {
            let expected = json!({"fault": row.fault, "environments": row.environments});
            found(&expected, code, &document)?;
        }
        Some(text) => blind(&ground.fill(text), code, &document)?,
    }
    if row.innocent.first().is_some_and(Innocent::as_it_is) {
        return Ok(());
    }
    clean(&verify(live, row, None)?).map_err(|problem| format!("taken away: {problem}"))
}

/// Does what is no fault. Where that is because it is declared, it must be one until then.
fn spare(live: &Live, ground: &Ground<'_>, row: &Row, innocent: &Innocent) -> Result<(), String> {
    let allow = innocent.allow.as_ref().map(|allow| {
        let text = ground.fill(&allow.to_string());
        ground.file("allow.json", &text)
    });
    let seen = ground
        .run(&innocent.steps)
        .map_err(|said| format!("it could not be done: {said}"))
        .and_then(|()| {
            let undeclared = match &innocent.allow {
                Some(_) => Some(verify(live, row, Some((innocent, None)))?),
                None => None,
            };
            Ok((undeclared, verify(live, row, Some((innocent, allow)))?))
        });
    let undone = ground
        .run(&innocent.undo)
        .map_err(|said| format!("it could not be undone: {said}"));
    undone
        .and(seen)
        .and_then(|(undeclared, seen)| {
            if let (Some(entries), Some((code, document))) = (&innocent.allow, undeclared) {
                for entry in entries.as_array().into_iter().flatten() {
                    found(entry, code, &document)
                        .map_err(|problem| format!("not declared: {problem}"))?;
                }
            }
            clean(&seen)
        })
        .map_err(|problem| format!("taken away, and innocent, {}: {problem}", innocent.what))
}

type Seen = (Option<i32>, Value);

fn verify(
    live: &Live,
    row: &Row,
    innocent: Option<(&Innocent, Option<String>)>,
) -> Result<Seen, String> {
    let mut command = live.xtask(&[
        "verify-isolation",
        "dev",
        "test",
        "staging",
        "--layer",
        &row.layer,
        "--format",
        "json",
    ]);
    if let Some((innocent, allow)) = innocent {
        for (name, value) in &innocent.env {
            command = command.env(name, value.clone());
        }
        if let Some(path) = allow {
            command = command.args(&["--allow", &path]);
        }
    }
    let ended = command.run();
    let document = serde_json::from_str(&ended.stdout)
        .map_err(|error| format!("no JSON, {error}: {ended:?}"))?;
    Ok((ended.code, document))
}

/// The finding is there, with its environments, and says all that a finding says.
fn found(expected: &Value, code: Option<i32>, document: &Value) -> Result<(), String> {
    let findings = document["findings"].as_array();
    let whole = |finding: &&Value| {
        let said = |key: &str| finding[key].as_str().is_some_and(|text| !text.is_empty());
        ["subject", "evidence", "reproduce", "fix"]
            .into_iter()
            .all(said)
    };
    let ours = |finding: &&Value| {
        ["fault", "environments"]
            .into_iter()
            .all(|key| finding[key] == expected[key])
    };
    let mut ours = findings.into_iter().flatten().filter(ours);
    let any = ours.clone().next().is_some();
    if code == Some(4) && any && ours.all(|finding| whole(&finding)) {
        return Ok(());
    }
    Err(format!(
        "expected {} of {}, got {}",
        expected["fault"],
        expected["environments"],
        shown(code, document)
    ))
}

/// Nothing is claimed, and a cell that could not be asked says why.
fn blind(text: &str, code: Option<i32>, document: &Value) -> Result<(), String> {
    let unasked = |check: &Value| {
        let all = format!("{} {}", check["subject"], check["control"]);
        check["observed"] == "could_not_ask" && all.contains(text)
    };
    let checks = document["checks"].as_array();
    if code == Some(5) && checks.into_iter().flatten().any(unasked) {
        return Ok(());
    }
    Err(format!(
        "expected a cell that could not be asked for {text:?}, got {}",
        shown(code, document)
    ))
}

fn clean((code, document): &Seen) -> Result<(), String> {
    if *code == Some(0) && document["verdict"] == "isolated" {
        return Ok(());
    }
    Err(format!(
        "expected a clean proof, got {}",
        shown(*code, document)
    ))
}

/// What a person needs to see of a proof.
fn shown(code: Option<i32>, document: &Value) -> String {
    let list = |name: &str| document[name].as_array().into_iter().flatten();
    let findings = list("findings").map(|one| {
        format!(
            "\n  {} {} {}: {}",
            one["fault"], one["environments"], one["subject"], one["evidence"]
        )
    });
    let unasked = list("checks")
        .filter(|check| check["observed"] == "could_not_ask")
        .map(|one| format!("\n  could not ask {} {}", one["subject"], one["control"]));
    let lines: String = findings.chain(unasked).collect();
    format!("exit {code:?}, {}{lines}", document["verdict"])
}
