//! What the data layer has seen, judged. Pure.

use std::collections::BTreeSet;

use compose_audit::finding::{Check, Expected, Finding, Layer, Outcome, Seen};
use environments::{Environment, Instance, Service};

use crate::isolation::auth::protected;
use crate::isolation::data::evidence::{Evidence, Graph, Keys, Site, Written};
use crate::isolation::data::findings as say;

pub(super) fn judge(instance: &Instance, evidence: &Evidence) -> Outcome {
    let mut outcome = Outcome::default();
    for site in &evidence.sites {
        itself(&mut outcome, instance, site, &evidence.sites);
    }
    for (at, one) in evidence.sites.iter().enumerate() {
        for other in &evidence.sites[at + 1..] {
            let mut joins = Joins::default();
            told_apart(&mut outcome, &mut joins, one, other);
            for (writer, reader) in [(one, other), (other, one)] {
                canary(&mut outcome, &mut joins, evidence, writer, reader);
                addresses(&mut outcome, &mut joins, writer, reader);
            }
            settle(&mut outcome, instance, one, other, &joins);
        }
    }
    for site in &evidence.sites {
        // The positive controls.
        canary(&mut outcome, &mut Joins::default(), evidence, site, site);
        addresses(&mut outcome, &mut Joins::default(), site, site);
    }
    for written in &evidence.written {
        if let Some(why) = &written.left {
            outcome.findings.push(say::left(instance, written, why));
        }
    }
    outcome
}

/// What joins two environments.
#[derive(Debug, Default)]
struct Joins {
    /// Why the two have one server.
    graph: Vec<String>,
    keys: Vec<String>,
    /// The stores that have one id.
    stores: Vec<String>,
    /// One name for the home databases of both.
    home: Option<String>,
}

impl Joins {
    fn of(&mut self, service: Service) -> &mut Vec<String> {
        match service {
            Service::Neo4j => &mut self.graph,
            Service::Redis => &mut self.keys,
        }
    }
}

fn cell(
    from: Environment,
    to: Environment,
    subject: impl Into<String>,
    expected: Expected,
    observed: Seen,
    control: impl Into<String>,
) -> Check {
    Check {
        layer: Layer::Data,
        from: from.slug().to_owned(),
        to: to.slug().to_owned(),
        subject: subject.into(),
        expected,
        observed,
        control: control.into(),
    }
}

const fn compared(same: bool) -> Seen {
    if same { Seen::Same } else { Seen::Distinct }
}

/// What one environment's servers say of themselves.
fn itself(outcome: &mut Outcome, instance: &Instance, site: &Site, sites: &[Site]) {
    let environment = site.environment;
    match &site.graph {
        Err(why) => outcome.checks.push(cell(
            environment,
            environment,
            "neo4j: home database",
            Expected::Same,
            Seen::CouldNotAsk,
            why,
        )),
        Ok(graph) => {
            let own = graph.home == environment.database();
            outcome.checks.push(cell(
                environment,
                environment,
                "neo4j: home database",
                Expected::Same,
                compared(own),
                "asked as its own user, inside its container",
            ));
            let taken = |other: &Environment| graph.home == other.database();
            if let Some(other) = Environment::ALL
                .iter()
                .find(|other| **other != environment && taken(other))
            {
                outcome
                    .findings
                    .push(say::one_name(instance, environment, *other, graph));
            } else if !own && !shares_home(site, sites) {
                outcome.findings.push(say::bad_name(
                    instance,
                    environment,
                    &graph.name,
                    &graph.home,
                ));
            }
            for other in sites
                .iter()
                .map(|site| site.environment)
                .filter(|other| *other != environment)
            {
                let there = graph.stores.contains_key(other.database());
                outcome.checks.push(cell(
                    other,
                    environment,
                    format!("neo4j: database {}", other.database()),
                    Expected::Distinct,
                    compared(there),
                    "its own home database is among those in its data folder",
                ));
                if there && graph.home != other.database() {
                    outcome
                        .findings
                        .push(say::one_name(instance, environment, other, graph));
                }
            }
        }
    }
    match &site.keys {
        Err(why) => outcome.checks.push(cell(
            environment,
            environment,
            "redis: numbered databases",
            Expected::Distinct,
            Seen::CouldNotAsk,
            why,
        )),
        Ok(keys) => {
            let numbered: Vec<(u32, u64)> = keys
                .databases
                .iter()
                .filter(|(number, _)| **number != 0)
                .map(|(number, count)| (*number, *count))
                .collect();
            outcome.checks.push(cell(
                environment,
                environment,
                "redis: numbered databases",
                Expected::Distinct,
                compared(!numbered.is_empty()),
                "INFO keyspace lists every database with keys",
            ));
            if !numbered.is_empty() {
                outcome
                    .findings
                    .push(say::numbered(instance, environment, keys, &numbered));
            }
            outcome.findings.extend(replicates(instance, site, sites));
            let alone = keys.master.is_none() && keys.replicas == 0;
            outcome.checks.push(cell(
                environment,
                environment,
                "redis: replication",
                Expected::Distinct,
                compared(!alone),
                format!("INFO has the role {}", keys.role),
            ));
        }
    }
}

fn shares_home(site: &Site, sites: &[Site]) -> bool {
    let home = |site: &Site| site.graph.as_ref().ok().map(|graph| graph.home.clone());
    let others = sites
        .iter()
        .filter(|other| other.environment != site.environment);
    others
        .into_iter()
        .any(|other| home(other).is_some() && home(other) == home(site))
}

/// What tells the servers and stores of two environments apart, by their own words.
fn told_apart(outcome: &mut Outcome, joins: &mut Joins, one: &Site, other: &Site) {
    let strength = if protected(one.environment) || protected(other.environment) {
        "read-only; "
    } else {
        ""
    };
    let mut put = |subject: &str, same: Result<bool, &String>, control: &str| {
        let (observed, control) = match same {
            Ok(same) => (compared(same), format!("{strength}{control}")),
            Err(why) => (Seen::CouldNotAsk, why.clone()),
        };
        outcome.checks.push(cell(
            one.environment,
            other.environment,
            subject,
            Expected::Distinct,
            observed,
            control,
        ));
    };
    let graphs = both(&one.graph, &other.graph);
    let shared = graphs
        .as_ref()
        .map(|(a, b)| shared_stores(a, b))
        .map_err(|why| *why);
    put(
        "neo4j: store ids",
        shared
            .as_ref()
            .map(|shared| !shared.is_empty())
            .map_err(|why| *why),
        "a store keeps its id for life, and so does a copy of it",
    );
    put(
        "neo4j: running server",
        graphs
            .as_ref()
            .map(|(a, b)| a.process == b.process)
            .map_err(|why| *why),
        "process, host name and start time as the server has them",
    );
    let keys = both(&one.keys, &other.keys);
    put(
        "redis: run_id",
        keys.as_ref()
            .map(|(a, b)| a.run_id == b.run_id)
            .map_err(|why| *why),
        "made at random at every start; a copied volume is seen by its keys' prefixes alone",
    );
    put(
        "redis: replication id",
        keys.as_ref()
            .map(|(a, b)| a.replication == b.replication)
            .map_err(|why| *why),
        "a master and its replicas share it",
    );
    if let Ok((a, b)) = graphs {
        if a.process == b.process {
            joins
                .graph
                .push(format!("both are answered by the process {}", a.process));
        }
        joins.stores = shared.unwrap_or_default();
        let defined = |graph: &Graph| {
            Environment::ALL
                .iter()
                .any(|one| one.database() == graph.home)
        };
        if a.home == b.home && !a.home.is_empty() && !defined(a) {
            joins.home = Some(a.home.clone());
        }
    }
    if let Ok((a, b)) = keys {
        if a.run_id == b.run_id {
            joins
                .keys
                .push(format!("both have the run_id {}", a.run_id));
        } else if a.replication == b.replication {
            joins
                .keys
                .push("one replicates the other: both have one replication id".to_owned());
        }
    }
}

fn both<'a, T>(
    one: &'a Result<T, String>,
    other: &'a Result<T, String>,
) -> Result<(&'a T, &'a T), &'a String> {
    Ok((one.as_ref()?, other.as_ref()?))
}

fn shared_stores(one: &Graph, other: &Graph) -> Vec<String> {
    let theirs: BTreeSet<&String> = other.stores.values().flatten().collect();
    let shared = one.stores.iter().filter(|(_, id)| {
        let id = id.as_ref();
        id.is_some_and(|id| theirs.contains(id))
    });
    shared.map(|(name, _)| name.clone()).collect()
}

/// The writer's canaries in a reader's servers, which may be its own.
fn canary(
    outcome: &mut Outcome,
    joins: &mut Joins,
    evidence: &Evidence,
    writer: &Site,
    reader: &Site,
) {
    if protected(writer.environment) {
        return;
    }
    for service in Service::ALL {
        let subject = format!("{}: canary", service.name());
        let own = writer.environment == reader.environment;
        let expected = if own {
            Expected::Same
        } else {
            Expected::Distinct
        };
        let laid = laid(evidence, writer.environment, service);
        let found = laid.and_then(|()| {
            let there =
                |site: &Site| canaries(site, service).map(|all| all.contains(&writer.environment));
            match there(writer) {
                Err(why) => Err(why),
                Ok(false) => Err("what was written is not found where it was written".to_owned()),
                Ok(true) => there(reader),
            }
        });
        let (observed, control) = match &found {
            Ok(found) => (
                compared(*found),
                "the canary is found in its own server".to_owned(),
            ),
            Err(why) => (Seen::CouldNotAsk, why.clone()),
        };
        outcome.checks.push(cell(
            writer.environment,
            reader.environment,
            subject,
            expected,
            observed,
            control,
        ));
        if !own && found == Ok(true) {
            joins.of(service).push(format!(
                "what this run wrote in {} is found in {}",
                writer.environment, reader.environment
            ));
        }
    }
}

fn laid(evidence: &Evidence, environment: Environment, service: Service) -> Result<(), String> {
    let of_it = |one: &&Written| one.environment == environment && one.service == service;
    match evidence.written.iter().find(of_it) {
        Some(written) => written.outcome.clone(),
        None => Err("no canary was written".to_owned()),
    }
}

fn canaries(site: &Site, service: Service) -> Result<BTreeSet<Environment>, String> {
    match service {
        Service::Neo4j => site.graph.clone()?.canaries,
        Service::Redis => site.keys.clone()?.canaries,
    }
}

/// Whether an environment's addresses lead to a server, which may be its own.
fn addresses(outcome: &mut Outcome, joins: &mut Joins, site: &Site, server: &Site) {
    let own = site.environment == server.environment;
    for address in &site.addresses {
        let subject = format!("{} at 127.0.0.1:{}", address.scheme, address.port);
        let expected = if own {
            Expected::Same
        } else {
            Expected::Distinct
        };
        let leads = address.leads_to(server);
        let (observed, control) = match &leads {
            // Who answers there, if not its own server, is not known from this cell.
            Ok(false) if own => (
                Seen::CouldNotAsk,
                "somebody answers there, but its own server does not list that connection"
                    .to_owned(),
            ),
            Ok(leads) => (
                compared(*leads),
                "the connection was opened, and is looked for by its name in the server's own list"
                    .to_owned(),
            ),
            Err(why) => (Seen::CouldNotAsk, why.clone()),
        };
        outcome.checks.push(cell(
            site.environment,
            server.environment,
            subject.clone(),
            expected,
            observed,
            control,
        ));
        if !own && leads == Ok(true) {
            joins.of(address.service()).push(format!(
                "{subject}, an address of {}, leads to the server of {}",
                site.environment, server.environment
            ));
        }
    }
}

/// One finding for whatever joins the stores of two environments, the gravest that is true.
fn settle(outcome: &mut Outcome, instance: &Instance, one: &Site, other: &Site, joins: &Joins) {
    let pair = [one.environment, other.environment];
    for (service, reasons) in [
        (Service::Neo4j, &joins.graph),
        (Service::Redis, &joins.keys),
    ] {
        if !reasons.is_empty() {
            outcome
                .findings
                .push(say::one_store(instance, pair, service, reasons));
        }
    }
    if joins.graph.is_empty() && !joins.stores.is_empty() {
        outcome
            .findings
            .push(say::cloned(instance, pair, &joins.stores));
    }
    if let (true, Some(home)) = (joins.graph.is_empty(), &joins.home) {
        outcome.findings.push(say::one_home(instance, pair, home));
    }
}

/// Replication with a server that is none of those in scope: between two of these it is one store.
fn replicates(instance: &Instance, site: &Site, sites: &[Site]) -> Option<Finding> {
    let keys: &Keys = site.keys.as_ref().ok()?;
    let shares = |other: &&Site| {
        other.environment != site.environment
            && other
                .keys
                .as_ref()
                .is_ok_and(|other| other.replication == keys.replication)
    };
    if sites.iter().any(|other| shares(&other)) {
        return None;
    }
    let seen = match (&keys.master, keys.replicas) {
        (Some(master), _) => format!("it copies {master}"),
        (None, 1..) => format!(
            "{} connected replicas get all that is written to it",
            keys.replicas
        ),
        (None, 0) => return None,
    };
    Some(say::replication(instance, site.environment, keys, &seen))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
