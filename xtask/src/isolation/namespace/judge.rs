//! What the namespace layer has seen, judged. Pure.

use compose_audit::finding::{Check, Expected, Layer, Outcome, Seen};
use environments::{Environment, Instance};

use crate::isolation::data;
use crate::isolation::namespace::evidence::{Keys, Nodes, Site};
use crate::isolation::namespace::findings as say;
use crate::namespace::audit::Census;

pub(super) fn judge(instance: &Instance, sites: &[Site]) -> Outcome {
    let mut outcome = Outcome::default();
    for site in sites {
        let environment = site.environment;
        match &site.keys {
            Ok(keys) => on_keys(&mut outcome, instance, environment, keys),
            Err(why) => outcome
                .checks
                .push(blind(environment, "redis: every key", why)),
        }
        match &site.nodes {
            Ok(nodes) => on_nodes(&mut outcome, instance, environment, nodes),
            Err(why) => outcome
                .checks
                .push(blind(environment, "neo4j: every node", why)),
        }
    }
    outcome
}

fn blind(environment: Environment, subject: &str, why: &str) -> Check {
    cell(
        environment,
        environment,
        subject,
        Seen::CouldNotAsk,
        why.to_owned(),
    )
}

/// The marks of `from` on `to`'s server. `Distinct`: there are none that should not be there.
fn cell(
    from: Environment,
    to: Environment,
    subject: &str,
    observed: Seen,
    control: String,
) -> Check {
    Check {
        layer: Layer::Namespace,
        from: from.slug().to_owned(),
        to: to.slug().to_owned(),
        subject: subject.to_owned(),
        expected: Expected::Distinct,
        observed,
        control,
    }
}

const fn seen(wrong: bool) -> Seen {
    if wrong { Seen::Same } else { Seen::Distinct }
}

fn on_keys(outcome: &mut Outcome, instance: &Instance, environment: Environment, keys: &Keys) {
    let census = &keys.census;
    foreign(
        outcome,
        environment,
        "redis: keys with its prefix",
        census,
        "keys",
    );
    for (other, count) in found(census) {
        outcome
            .findings
            .push(say::foreign_keys(instance, environment, other, keys, count));
    }
    outcome.checks.push(cell(
        environment,
        environment,
        "redis: keys without a prefix",
        seen(census.bare > 0 || keys.any_key),
        looked(census, "keys"),
    ));
    if census.bare > 0 || keys.any_key {
        outcome
            .findings
            .push(say::bare_keys(instance, environment, keys));
    }
}

fn on_nodes(outcome: &mut Outcome, instance: &Instance, environment: Environment, nodes: &Nodes) {
    let census = &nodes.census;
    foreign(
        outcome,
        environment,
        "neo4j: nodes with its label",
        census,
        "nodes",
    );
    for (other, count) in found(census) {
        outcome.findings.push(say::foreign_nodes(
            instance,
            environment,
            other,
            nodes,
            count,
        ));
    }
    outcome.checks.push(cell(
        environment,
        environment,
        "neo4j: nodes without a label of an environment",
        seen(census.bare > 0),
        looked(census, "nodes"),
    ));
    if census.bare > 0 {
        outcome
            .findings
            .push(say::bare_nodes(instance, environment, nodes));
    }
    let listed = nodes.databases.values().any(|home| *home);
    let mut wrong = false;
    for (name, home) in &nodes.databases {
        let own = name == environment.database();
        let another_s = Environment::ALL
            .iter()
            .any(|other| other.database() == name);
        // One by another environment's name is D2, which the data layer reports.
        if own || another_s {
            continue;
        }
        wrong = true;
        outcome.findings.push(if *home {
            data::bad_name(instance, environment, &nodes.name, name)
        } else {
            say::another_database(instance, environment, &nodes.name, name)
        });
    }
    outcome.checks.push(cell(
        environment,
        environment,
        "neo4j: databases by another name",
        if listed {
            seen(wrong)
        } else {
            Seen::CouldNotAsk
        },
        "its home is among those in its data folder".to_owned(),
    ));
}

/// Whose marks were found, and on how many.
fn found(census: &Census) -> impl Iterator<Item = (Environment, u64)> {
    let some = census.foreign.iter().filter(|(_, count)| **count > 0);
    some.map(|(other, count)| (*other, *count))
}

fn foreign(
    outcome: &mut Outcome,
    environment: Environment,
    subject: &str,
    census: &Census,
    what: &str,
) {
    for other in Environment::ALL
        .into_iter()
        .filter(|other| *other != environment)
    {
        let count = census.foreign.get(&other).copied().unwrap_or_default();
        outcome.checks.push(cell(
            other,
            environment,
            subject,
            seen(count > 0),
            looked(census, what),
        ));
    }
}

/// How it was counted, and how long the server was kept busy at a time.
fn looked(census: &Census, what: &str) -> String {
    let foreign = census
        .foreign
        .values()
        .copied()
        .fold(0, u64::saturating_add);
    format!(
        "{} {what} with its own mark, {} without, {foreign} with another's; {} calls, the longest {} ms",
        census.own,
        census.bare,
        census.calls,
        census.longest.as_millis()
    )
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
