//! The network layer: who reaches whom, asked from inside every server's container of every
//! environment, by address and by name, straight and through the host, in both address families.
//!
//! What should be found is stated first ([`questions`]), from the definitions and the addresses that
//! the engine gives; then each container asks all of it at once ([`probe`]), beside its own servers
//! as the positive control; then it is judged ([`judge`]).

mod again;
mod answers;
mod control;
mod discovery;
mod found;
mod host;
mod judge;
mod late;
mod probe;
#[cfg(test)]
mod properties;
mod questions;
#[cfg(test)]
mod tests;

use std::time::Instant;

use compose_audit::finding::{Layer, Outcome};
use process::side_by_side;

use crate::isolation::network::answers::Answers;
use crate::isolation::network::probe::{Patience, Unasked};
use crate::isolation::network::questions::{Source, Table};
use crate::isolation::scene::Scene;

pub(crate) fn look(scene: &Scene<'_>) -> Outcome {
    let census = match scene.census() {
        Ok(census) => census,
        Err(why) => {
            let mut all = Outcome::default();
            for site in &scene.sites {
                all.extend(Outcome::blind(Layer::Network, site.name(), &*why));
            }
            return all;
        }
    };
    let started = Instant::now();
    let table = Table::of(scene, census, &host::addresses(&census.networks));
    let answers = ask(scene, &table);
    // What listens beside the ports that are known is asked for too, in a second round.
    match table.with_listeners(census, &answers) {
        Some(table) => judged(scene, &table, started, ask(scene, &table)),
        None => judged(scene, &table, started, answers),
    }
}

/// Judges, once it is known that what answered at the host's addresses was the host: another run may
/// have removed its network meanwhile, and the address is then anybody's.
fn judged(
    scene: &Scene<'_>,
    table: &Table,
    started: Instant,
    mut answers: Vec<Result<Answers, String>>,
) -> Outcome {
    let remarks = again::settled(scene, table, started, &mut answers);
    if table.host_answers(&answers) {
        match scene.context.docker.all("network") {
            Ok(networks) => table.only_host(&host::addresses(&networks), &mut answers),
            Err(failure) => {
                let why = failure.message;
                answers.fill(Err(why));
            }
        }
    }
    Outcome {
        remarks,
        ..judge::judge(table, &answers)
    }
}

/// All sources, side by side; those that did not come out in time once more, each alone.
fn ask(scene: &Scene<'_>, table: &Table) -> Vec<Result<Answers, String>> {
    let ask = |source: &Source, patience| probe::ask(scene.context, source, patience);
    let mut answers = side_by_side::each(&table.sources, |one| ask(one, Patience::FIRST));
    late::once_more(table, &mut answers, ask);
    let told = |one: Result<Answers, Unasked>| one.map_err(|unasked| unasked.why);
    answers.into_iter().map(told).collect()
}
