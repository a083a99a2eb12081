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
mod literal;
mod model;
mod mounts;
mod names;
mod namespaces;
mod ports;
mod render;
mod routes;
mod secret_words;
mod shell;
mod side;
mod subnets;
mod table;
mod texts;
mod uris;

use crate::Composed;
use crate::fault;
use crate::finding::{Finding, Outcome};
use crate::statics::model::Model;
use crate::statics::render::Rendered;
use crate::statics::side::Side;
pub use literal::files as literal;
use process::{Runner, side_by_side};
pub use render::clean;
pub use texts::in_words as secrets_in_words;

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
pub fn look(runner: &Runner, composed: &[Composed], clean: Printed<'_>) -> Outcome {
    let read = collect(runner, composed, clean);
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
            cause::name(runner, &mut pair.findings, (one, other), composed);
            all.extend(pair);
        }
    }
    all
}

/// What compose prints of the files of that number.
pub type Printed<'a> = &'a (dyn Fn(usize) -> Result<String, String> + Sync);

/// Renders all of them side by side.
fn collect(
    runner: &Runner,
    composed: &[Composed],
    clean: Printed<'_>,
) -> Vec<Result<Read, String>> {
    side_by_side::each(composed.iter().enumerate(), |(number, one)| {
        let rendered = render::render(runner, one, &|| clean(number));
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
