//! The static layer: what the compose files say, once compose has merged them.
//!
//! Collecting asks compose and this machine (`render`, `ground`); judging is pure, one file a group
//! of faults. Needs no engine. Works on anyone's files.

mod addresses;
mod cause;
mod credentials;
mod declared;
mod engine_access;
mod ground;
mod images;
pub(crate) mod literal;
pub(crate) mod model;
mod mounts;
mod names;
mod namespaces;
mod ports;
pub(crate) mod render;
mod routes;
mod secret_words;
mod shell;
mod side;
mod subnets;
mod table;
pub(crate) mod texts;
mod uris;

use crate::context::Context;
use crate::isolation::Composed;
use crate::isolation::fault;
use crate::isolation::finding::{Finding, Outcome};
use crate::isolation::statics::model::Model;
use crate::isolation::statics::render::Rendered;
use crate::isolation::statics::side::Side;
use process::side_by_side;

/// An environment whose files render, and what became of it with the shell's variables.
#[derive(Debug)]
struct Read {
    side: Side,
    /// The same with the shell's variables, where that renders.
    dirty: Option<Side>,
    /// What the two ways of rendering already tell.
    findings: Vec<Finding>,
}

/// Compares each environment's files with each other's. What compose prints of them, rendered clean,
/// is given by their number.
pub(crate) fn look(context: &Context, composed: &[Composed], clean: Printed<'_>) -> Outcome {
    let read = collect(context, composed, clean);
    let mut all = Outcome::default();
    let mut sides = Vec::new();
    let readable: Vec<&Side> = read.iter().flatten().map(|read| &read.side).collect();
    for (one, read) in composed.iter().zip(&read) {
        match read {
            Ok(read) => {
                all.findings.extend(read.findings.iter().cloned());
                all.extend(table::alone(read, &readable));
                sides.push(read);
            }
            Err(said) => {
                all.findings.push(torn(one, said));
                all.checks.extend(table::torn(&one.name, said, composed));
            }
        }
    }
    for (number, one) in sides.iter().enumerate() {
        for other in &sides[number + 1..] {
            let mut pair = table::compare(one, other);
            cause::name(context, &mut pair.findings, (one, other), composed);
            all.extend(pair);
        }
    }
    all
}

/// What compose prints of the files of that number.
pub(crate) type Printed<'a> = &'a (dyn Fn(usize) -> Result<String, String> + Sync);

/// Renders all of them side by side.
fn collect(
    context: &Context,
    composed: &[Composed],
    clean: Printed<'_>,
) -> Vec<Result<Read, String>> {
    side_by_side::each(composed.iter().enumerate(), |(number, one)| {
        let rendered = render::render(&context.runner, one, &|| clean(number));
        read(one, rendered)
    })
}

fn read(composed: &Composed, rendered: Rendered) -> Result<Read, String> {
    let side = |model: Model| {
        let ground = ground::look_up(composed, &model);
        Side::new(composed, model, ground)
    };
    match (rendered.clean, rendered.dirty) {
        (Ok(clean), Ok(dirty)) => {
            let side = (side(clean), side(dirty));
            Ok(Read {
                findings: shell::bleeding(&side.0, &side.1.model),
                side: side.0,
                dirty: Some(side.1),
            })
        }
        (Ok(clean), Err(said)) => {
            let side = side(clean);
            Ok(Read {
                findings: vec![shell::one_way(&side, &said, false)],
                side,
                dirty: None,
            })
        }
        (Err(said), Ok(dirty)) => {
            let side = side(dirty);
            Ok(Read {
                findings: vec![shell::one_way(&side, &said, true)],
                side,
                dirty: None,
            })
        }
        (Err(said), Err(_)) => Err(said),
    }
}

/// S14.
fn torn(composed: &Composed, said: &str) -> Finding {
    let named = composed.named();
    let files: Vec<String> = named
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    Finding::new(fault::S14, &[&composed.name], files.join(", "))
        .evidence(format!("compose does not render it: {said}"))
        .reproduce(side::rendering(&named))
        .fix("mend the file until compose renders it")
}

#[cfg(test)]
mod tests;
