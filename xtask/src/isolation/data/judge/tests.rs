use std::collections::{BTreeMap, BTreeSet};

use environments::Environment::{Dev, Staging, Test};

use super::*;
use crate::isolation::data::evidence::Address;

fn healthy(environment: Environment) -> Site {
    let slug = environment.slug();
    let own: BTreeSet<Environment> = [environment]
        .into_iter()
        .filter(|one| !protected(*one))
        .collect();
    let connection = |scheme| format!("tta-verify/1-2-{slug}-{scheme}");
    let address = |scheme, port| Address {
        scheme,
        port,
        connection: Ok(connection(scheme)),
    };
    Site {
        environment,
        graph: Ok(Graph {
            name: format!("tta-{slug}-neo4j"),
            home: environment.database().to_owned(),
            stores: BTreeMap::from([
                ("system".to_owned(), Some(format!("S{slug}"))),
                (environment.database().to_owned(), Some(format!("D{slug}"))),
            ]),
            process: format!("7@{slug} since 1"),
            canaries: Ok(own.clone()),
            connections: Ok([connection("bolt"), connection("http")].into()),
        }),
        keys: Ok(Keys {
            name: format!("tta-{slug}-redis"),
            run_id: format!("run-{slug}"),
            replication: format!("replication-{slug}"),
            role: "master".to_owned(),
            master: None,
            replicas: 0,
            databases: BTreeMap::from([(0, 3)]),
            canaries: Ok(own),
            connections: Ok([connection("redis")].into()),
        }),
        addresses: vec![address("bolt", 1), address("http", 2), address("redis", 3)],
    }
}

pub(super) fn evidence() -> Evidence {
    let written = |environment| {
        Service::ALL.map(|service| Written {
            environment,
            service,
            outcome: Ok(()),
            left: None,
        })
    };
    Evidence {
        sites: [Dev, Test, Staging].map(healthy).to_vec(),
        written: [Dev, Test].into_iter().flat_map(written).collect(),
    }
}

fn graph(evidence: &mut Evidence, at: usize) -> &mut Graph {
    evidence.sites[at].graph.as_mut().expect("it was asked")
}

fn keys(evidence: &mut Evidence, at: usize) -> &mut Keys {
    evidence.sites[at].keys.as_mut().expect("it was asked")
}

fn judged(change: impl FnOnce(&mut Evidence)) -> Outcome {
    let mut evidence = evidence();
    change(&mut evidence);
    judge(&Instance::main(), &evidence)
}

fn found(outcome: &Outcome) -> Vec<String> {
    let mut found: Vec<String> = outcome
        .findings
        .iter()
        .map(|one| format!("{} {}", one.fault.id, one.environments.join(" ")))
        .collect();
    found.sort();
    found
}

fn blind_cells(outcome: &Outcome) -> usize {
    let blind = |check: &&Check| check.observed == Seen::CouldNotAsk;
    outcome.checks.iter().filter(blind).count()
}

#[test]
fn stores_of_their_own_raise_nothing_and_leave_no_cell_open() {
    let outcome = judged(|_| {});
    assert_eq!(found(&outcome), Vec::<String>::new());
    assert!(
        outcome
            .checks
            .iter()
            .all(|check| check.observed.meets(check.expected)),
        "{outcome:?}"
    );
    // Home, two names, numbers, replication; four differences a pair; two writers, two stores, three
    // servers; three addresses of each, three servers.
    assert_eq!(outcome.checks.len(), 3 * 5 + 3 * 4 + 2 * 2 * 3 + 3 * 3 * 3);
}

#[test]
fn each_fault_is_found_under_its_id_with_the_environments_that_it_joins() {
    type Plant = fn(&mut Evidence);
    let rows: &[(&str, &[&str], Plant)] = &[
        ("one Redis behind two", &["D1 dev test"], |all| {
            let one = keys(all, 0).clone();
            all.sites[1].keys = Ok(one);
            all.written
                .retain(|one| one.environment != Test || one.service != Service::Redis);
            keys(all, 1).connections =
                Ok(["tta-verify/1-2-dev-redis", "tta-verify/1-2-test-redis"]
                    .map(str::to_owned)
                    .into());
            let listed = keys(all, 1).connections.clone();
            keys(all, 0).connections = listed;
        }),
        ("dev replicates test", &["D1 dev test"], |all| {
            keys(all, 0).replication = "replication-test".to_owned();
            keys(all, 0).master = Some("test:6379".to_owned());
            keys(all, 1).replicas = 1;
        }),
        ("dev's canary in test", &["D1 dev test"], |all| {
            graph(all, 1).canaries = Ok([Dev, Test].into());
        }),
        (
            "an address of dev leads to staging",
            &["D1 dev staging"],
            |all| {
                let name = "tta-verify/1-2-dev-bolt".to_owned();
                graph(all, 0).connections = Ok(["tta-verify/1-2-dev-http".to_owned()].into());
                graph(all, 2)
                    .connections
                    .as_mut()
                    .expect("a list")
                    .insert(name);
            },
        ),
        ("one running Neo4j", &["D1 dev staging"], |all| {
            graph(all, 0).process = "7@staging since 1".to_owned();
        }),
        ("both on neo4j", &["D2 dev test"], |all| {
            for at in [0, 1] {
                graph(all, at).home = "neo4j".to_owned();
            }
        }),
        ("dev's home is test's by name", &["D2 dev test"], |all| {
            graph(all, 0).home = "tta-test".to_owned();
        }),
        (
            "another's database beside its own",
            &["D2 dev staging"],
            |all| {
                graph(all, 2)
                    .stores
                    .insert("tta-dev".to_owned(), Some("X".to_owned()));
            },
        ),
        (
            "another's database, out of use, beside its own",
            &["D2 dev staging"],
            |all| {
                graph(all, 2).stores.insert("tta-dev".to_owned(), None);
            },
        ),
        ("a copied volume", &["D4 test staging"], |all| {
            let copied = graph(all, 2).stores["system"].clone();
            graph(all, 1).stores.insert("system".to_owned(), copied);
        }),
        ("keys in database 1", &["D5 dev"], |all| {
            keys(all, 0).databases.insert(1, 2);
        }),
        ("a replica of somebody", &["D6 staging"], |all| {
            keys(all, 2).master = Some("10.0.0.9:6379".to_owned());
        }),
        ("somebody's replica", &["D6 test"], |all| {
            keys(all, 1).replicas = 1
        }),
        ("a home by another name", &["K4 dev"], |all| {
            graph(all, 0).home = "neo4j".to_owned()
        }),
        ("a canary that stayed", &["H4 dev"], |all| {
            all.written[0].left = Some("gone".to_owned())
        }),
    ];
    for (what, expected, plant) in rows {
        let outcome = judged(plant);
        assert_eq!(found(&outcome), *expected, "{what}: {:?}", outcome.findings);
        for finding in &outcome.findings {
            let said = [
                &finding.subject,
                &finding.evidence,
                &finding.reproduce,
                &finding.fix,
            ];
            assert!(said.into_iter().all(|text| !text.is_empty()), "{finding:?}");
        }
    }
}

#[test]
fn what_looks_alike_is_innocent() {
    type Change = fn(&mut Evidence);
    let rows: &[(&str, Change)] = &[
        ("a restored snapshot of the same environment", |all| {
            graph(all, 0)
                .stores
                .insert("system".to_owned(), Some("restored".to_owned()));
        }),
        ("a Redis without a key", |all| {
            keys(all, 0).databases.clear()
        }),
        ("production, which publishes nothing", |all| {
            all.sites[2].addresses.clear()
        }),
    ];
    for (what, change) in rows {
        let outcome = judged(change);
        assert_eq!(found(&outcome), Vec::<String>::new(), "{what}");
        assert_eq!(blind_cells(&outcome), 0, "{what}");
    }
}

#[test]
fn what_could_not_be_asked_is_no_pass() {
    type Change = fn(&mut Evidence);
    let rows: &[(&str, Change)] = &[
        ("a server that is down", |all| {
            all.sites[1].graph = Err("it is exited".to_owned())
        }),
        ("a Redis that hangs", |all| {
            all.sites[0].keys = Err("it did not answer".to_owned())
        }),
        ("a canary that was not written", |all| {
            all.written[0].outcome = Err("read-only".to_owned())
        }),
        ("a canary that is not found where it was written", |all| {
            graph(all, 0).canaries = Ok(BTreeSet::new());
        }),
        ("nobody says what was written", |all| all.written.clear()),
        ("a port that nobody listens on", |all| {
            all.sites[0].addresses[0].connection = Err("refused".to_owned());
        }),
        ("a stranger behind a port", |all| {
            keys(all, 1).connections = Ok(BTreeSet::new())
        }),
        ("connections that are not told", |all| {
            graph(all, 2).connections = Err("no".to_owned())
        }),
    ];
    for (what, change) in rows {
        let outcome = judged(change);
        assert_eq!(found(&outcome), Vec::<String>::new(), "{what}");
        assert!(blind_cells(&outcome) > 0, "{what}");
    }
}

#[test]
fn nothing_is_expected_to_be_written_to_a_protected_environment() {
    let outcome = judged(|_| {});
    let from_staging = |check: &&Check| check.subject.contains("canary") && check.from == "staging";
    assert_eq!(outcome.checks.iter().filter(from_staging).count(), 0);
}
