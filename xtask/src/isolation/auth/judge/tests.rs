use std::collections::BTreeSet;

use compose_audit::finding::Seen;
use environments::Environment::{Dev, Prod, Staging, Test};

use super::*;
use crate::isolation::auth::acl;
use crate::isolation::auth::matrix;
use crate::isolation::servers::keyed::Key;

const KEY: u8 = 7;

fn password(environment: Environment) -> String {
    format!("{environment}-hunter22")
}

pub(super) fn secret(place: &str, value: &str) -> Secret {
    Secret {
        place: place.to_owned(),
        digest: Key::fixed(KEY).of(value),
    }
}

fn refused(planned: Vec<matrix::Planned>) -> Vec<Try> {
    let refused = |one: matrix::Planned| Try {
        user: one.user,
        password: one.password,
        outcome: Login::Refused,
        how: "tried".to_owned(),
    };
    planned.into_iter().map(refused).collect()
}

fn refused_beyond() -> Vec<Beyond> {
    let refused = |reach| Beyond {
        reach,
        outcome: Login::Refused,
        allowed: Vec::new(),
    };
    [Reach::Keys, Reach::Commands].map(refused).into()
}

/// A Redis whose container another program than our image's has started: nobody administers it.
fn unlisted(keys: &mut Keys) -> &mut Keys {
    keys.users = Err("its container has no admin user".to_owned());
    keys.asker = "tta-test".to_owned();
    keys.beyond = refused_beyond();
    keys
}

/// An environment as it should be.
fn healthy(environment: Environment) -> Site {
    let key = Key::fixed(KEY);
    let own = password(environment);
    let scope = [Dev, Test, Staging];
    let defined = acl::defined(environment, &own, &key);
    let mut users = defined.clone();
    let admin = format!("user tta-admin on #{} ~* &* +@all", "0".repeat(64));
    users.extend(acl::users(&[admin], &Key::fixed(environment as u8)).expect("a user"));
    Site {
        environment,
        password: Ok(key.of(&own)),
        graph: Ok(Graph {
            name: format!("tta-{environment}-neo4j"),
            secrets: vec![secret("NEO4J_AUTH", &own)],
            own: Login::Accepted,
            anonymous: Login::Refused,
            tries: refused(matrix::on_graph(environment, &scope, &[])),
            users: Ok(BTreeSet::from(["neo4j".to_owned()])),
        }),
        keys: Ok(Keys {
            name: format!("tta-{environment}-redis"),
            secrets: vec![secret("TTA_REDIS_PASSWORD", &own)],
            own: Login::Accepted,
            anonymous: Login::Refused,
            tries: refused(matrix::on_keys(environment, &scope, &[])),
            beyond: if matrix::protected(environment) {
                Vec::new()
            } else {
                refused_beyond()
            },
            users: Ok(users),
            asker: "tta-admin".to_owned(),
            defined,
            audit: false,
        }),
    }
}

pub(super) fn all() -> Vec<Site> {
    [Dev, Test, Staging].map(healthy).to_vec()
}

fn graph(site: &mut Site) -> &mut Graph {
    site.graph.as_mut().expect("it was asked")
}

fn keys(site: &mut Site) -> &mut Keys {
    site.keys.as_mut().expect("it was asked")
}

fn user(line: &str) -> acl::User {
    acl::users(&[line.to_owned()], &Key::fixed(KEY))
        .expect("a user")
        .remove(0)
}

fn judged(change: impl FnOnce(&mut [Site])) -> Outcome {
    let mut sites = all();
    change(&mut sites);
    judge(&Instance::main(), &sites)
}

/// Ids with the environments that they join.
fn found(outcome: &Outcome) -> Vec<String> {
    let mut found: Vec<String> = outcome
        .findings
        .iter()
        .map(|one| format!("{} {}", one.fault.id, one.environments.join(" ")))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn blind_cells(outcome: &Outcome) -> usize {
    let blind = |check: &&Check| check.observed == Seen::CouldNotAsk;
    outcome.checks.iter().filter(blind).count()
}

#[test]
fn servers_with_logins_of_their_own_raise_nothing_and_leave_no_cell_open() {
    let outcome = judged(|_| {});
    assert_eq!(found(&outcome), Vec::<String>::new());
    assert_eq!(blind_cells(&outcome), 0);
    assert!(
        outcome
            .checks
            .iter()
            .all(|check| check.observed.meets(check.expected))
    );
    // Two services with their own login, no login, configuration and users; 2 + 11 wrong logins;
    // three pairs of secrets; and what the own users of two try beyond their keys and commands.
    assert_eq!(outcome.checks.len(), 3 * (8 + 2 + 11) + 3 + 2 * 2);
}

#[test]
fn each_fault_is_found_under_its_id_with_the_environments_that_it_joins() {
    type Plant = fn(&mut [Site]);
    let rows: &[(&str, &[&str], Plant)] = &[
        (
            "default takes the own password, which the list of users does not say",
            &["A5 dev"],
            |sites| {
                let own = |one: &&mut Try| one.user == "default" && one.password == Dev;
                let mut tries = keys(&mut sites[0]).tries.iter_mut();
                tries.find(own).expect("it is tried").outcome = Login::Accepted;
            },
        ),
        ("a password copied", &["A1 dev test"], |sites| {
            graph(&mut sites[1])
                .secrets
                .push(secret("OTHER_PASSWORD", &password(Dev)));
        }),
        ("a secret's file copied", &["A1 dev staging"], |sites| {
            for site in [0, 2] {
                keys(&mut sites[site])
                    .secrets
                    .push(secret("/run/secrets/token", "x"));
            }
        }),
        (
            "a Redis user with another's password",
            &["A1 dev test", "A5 test"],
            |sites| {
                let hash = "d5dd2e9ef1a4a3b2ae69bd1bd7e6d24c5f0ed0b0ac67a1b56a1a6b7cf3df3b3f";
                let line = format!("user spare on #{hash} ~test:* +get");
                keys(&mut sites[1])
                    .users
                    .as_mut()
                    .expect("users")
                    .push(user(&line));
                keys(&mut sites[0]).secrets.push(Secret {
                    place: "TOKEN".to_owned(),
                    digest: Key::fixed(KEY).of_hash(hash),
                });
            },
        ),
        (
            "dev's credentials on test's Neo4j",
            &["A2 dev test"],
            |sites| {
                graph(&mut sites[1]).tries[0].outcome = Login::Accepted;
            },
        ),
        (
            "dev's credentials on staging's Redis",
            &["A2 dev staging"],
            |sites| {
                let tries = &mut keys(&mut sites[2]).tries;
                let one = tries
                    .iter_mut()
                    .find(|one| one.password == Dev)
                    .expect("a try");
                one.outcome = Login::Accepted;
            },
        ),
        (
            "auth off: one fault, not each password",
            &["A3 dev"],
            |sites| {
                let graph = graph(&mut sites[0]);
                graph.anonymous = Login::Accepted;
                for one in &mut graph.tries {
                    one.outcome = Login::Accepted;
                }
            },
        ),
        ("no requirepass", &["A3 test", "A5 test"], |sites| {
            let keys = keys(&mut sites[1]);
            keys.anonymous = Login::Accepted;
            for one in keys.tries.iter_mut().filter(|one| one.user == "default") {
                one.outcome = Login::Accepted;
            }

            keys.users.as_mut().expect("users")[0] = user("user default on nopass ~* &* +@all");
        }),
        ("a stale credential", &["A4 dev"], |sites| {
            graph(&mut sites[0]).own = Login::Refused;
        }),
        ("a stale credential in Redis", &["A4 staging"], |sites| {
            keys(&mut sites[2]).own = Login::Refused;
        }),
        (
            "a container configured with another password",
            &["A4 dev"],
            |sites| {
                graph(&mut sites[0]).secrets = vec![secret("NEO4J_AUTH", "another")];
            },
        ),
        ("default enabled with a password", &["A5 dev"], |sites| {
            let line = format!("user default on #{} ~* &* +@all", "1".repeat(64));
            keys(&mut sites[0]).users.as_mut().expect("users")[0] = user(&line);
        }),
        ("no key pattern", &["A5 test"], |sites| {
            let users = keys(&mut sites[1]).users.as_mut().expect("users");
            let own = users
                .iter_mut()
                .find(|one| one.name == "tta-test")
                .expect("it");
            let mut wide = user(
                "user tta-test on ~* &* +@all -@admin -@dangerous -function +sort +sort_ro +flushdb +keys +info",
            );
            wide.passwords.clone_from(&own.passwords);
            *own = wide;
        }),
        ("another environment's user", &["A5 dev test"], |sites| {
            let line = format!("user tta-test on #{} ~test:* +get", "2".repeat(64));
            keys(&mut sites[0])
                .users
                .as_mut()
                .expect("users")
                .push(user(&line));
        }),
        (
            "a key of another environment, which the list of users does not say",
            &["A5 test"],
            |sites| {
                let beyond = &mut keys(&mut sites[1]).beyond[0];
                beyond.outcome = Login::Accepted;
                beyond.allowed = vec!["EXISTS development:x".to_owned()];
            },
        ),
        ("a second Neo4j user", &["A5 staging"], |sites| {
            graph(&mut sites[2]).users = Ok(BTreeSet::from(["neo4j".to_owned(), "eve".to_owned()]));
        }),
    ];
    for (what, expected, plant) in rows {
        let outcome = judged(plant);
        assert_eq!(found(&outcome), *expected, "{what}");
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
fn plain_logins_find_what_they_open_where_nobody_lists_the_users() {
    type Plant<'a> = &'a dyn Fn(&mut Keys);
    let take = |keys: &mut Keys, user: &str, whose: &[Environment]| {
        for one in &mut keys.tries {
            if one.user == user && whose.contains(&one.password) {
                one.outcome = Login::Accepted;
            }
        }
    };
    let rows: &[(&str, &[&str], Plant<'_>)] = &[
        ("nothing", &[], &|_| {}),
        ("no login at all", &["A3 test", "A5 test"], &|keys| {
            keys.anonymous = Login::Accepted;
            take(keys, "default", &[Dev, Test, Staging]);
        }),
        ("a neighbour's user", &["A2 dev test"], &|keys| {
            take(keys, "tta-dev", &[Dev]);
        }),
        ("default on, with the own password", &["A5 test"], &|keys| {
            take(keys, "default", &[Test]);
        }),
        ("a user that takes any password", &["A5 test"], &|keys| {
            take(keys, "tta-test", &[Dev, Staging]);
        }),
        ("a user for all keys", &["A5 test"], &|keys| {
            keys.beyond[0].outcome = Login::Accepted;
            keys.beyond[0].allowed = vec!["EXISTS development:x".to_owned()];
        }),
        ("another password", &["A4 test"], &|keys| {
            keys.own = Login::Refused;
        }),
    ];
    for (what, expected, plant) in rows {
        let outcome = judged(|sites| plant(unlisted(keys(&mut sites[1]))));
        assert_eq!(found(&outcome), *expected, "{what}");
        // What needs the list stays a question that nobody answered.
        let list = outcome.checks.iter().find(|check| {
            check.to == "test" && check.subject == "redis: users and what they may do"
        });
        assert_eq!(list.expect("a cell").observed, Seen::CouldNotAsk, "{what}");
        for finding in &outcome.findings {
            assert!(
                !finding.reproduce.contains("tta-redis-admin"),
                "{what}: {}",
                finding.reproduce
            );
        }
    }
}

#[test]
fn what_looks_alike_is_innocent() {
    type Change = fn(&mut [Site]);
    let rows: &[(&str, Change)] = &[
        (
            "default off with all permissions, which it must have",
            |_| {},
        ),
        ("a user that is off", |sites| {
            keys(&mut sites[0])
                .users
                .as_mut()
                .expect("users")
                .push(user("user old off nopass ~* +@all"));
        }),
        (
            "the namespace mode audit, which is the namespace layer's",
            |sites| {
                let keys = keys(&mut sites[0]);
                keys.audit = true;
                let users = keys.users.as_mut().expect("users");
                let own = users
                    .iter_mut()
                    .find(|one| one.name == "tta-dev")
                    .expect("it");
                let mut wide = user(
                    "user tta-dev on ~* &* +@all -@admin -@dangerous -function +sort +sort_ro +flushdb +keys +info",
                );
                wide.passwords.clone_from(&own.passwords);
                *own = wide;
            },
        ),
        ("one secret at two places of one environment", |sites| {
            graph(&mut sites[0])
                .secrets
                .push(secret("NEO4J_PASSWORD", &password(Dev)));
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
    type Change = fn(&mut [Site]);
    let rows: &[(&str, Change)] = &[
        ("a server that is down", |sites| {
            sites[0].graph = Err("it is exited".to_owned())
        }),
        ("a Redis that hangs", |sites| {
            sites[1].keys = Err("it did not answer".to_owned())
        }),
        ("Neo4j's lock after wrong passwords", |sites| {
            graph(&mut sites[0]).own = Login::Unknown("its user stays locked".to_owned());
        }),
        ("no answer to a try", |sites| {
            graph(&mut sites[2]).tries[1].outcome = Login::Unknown("silent".to_owned());
        }),
        ("users that are not told", |sites| {
            graph(&mut sites[0]).users = Err("no".to_owned())
        }),
        ("an ACL that is not understood", |sites| {
            keys(&mut sites[0]).users = Err("no".to_owned())
        }),
        ("a list of users without who asks", |sites| {
            keys(&mut sites[0])
                .users
                .as_mut()
                .expect("users")
                .retain(|one| one.name != "tta-admin");
        }),
        ("no secret found where there must be one", |sites| {
            graph(&mut sites[0]).secrets.clear()
        }),
        ("prod without its secret", |sites| {
            let mut prod = healthy(Prod);
            prod.password = Err("no provider gives one".to_owned());
            keys(&mut prod).defined.clear();
            graph(&mut prod).own = Login::Unknown("no provider gives one".to_owned());
            sites[2] = prod;
        }),
    ];
    for (what, change) in rows {
        let outcome = judged(change);
        assert_eq!(found(&outcome), Vec::<String>::new(), "{what}");
        assert!(blind_cells(&outcome) > 0, "{what}");
    }
}

#[test]
fn no_finding_and_no_cell_shows_a_secret_or_obeys_a_name() {
    let outcome = judged(|sites| {
        keys(&mut sites[0])
            .secrets
            .push(secret("A\u{1b}[2J_PASSWORD", &password(Test)));
        graph(&mut sites[0]).users = Ok(BTreeSet::from([
            "neo4j".to_owned(),
            "`; x'\u{1b}\n".to_owned(),
        ]));
    });
    let text = format!("{:?}{:?}", outcome.findings, outcome.checks);
    assert!(!text.contains("hunter22") && !text.contains(&"0".repeat(64)));
    for finding in &outcome.findings {
        let all = [
            &finding.subject,
            &finding.evidence,
            &finding.reproduce,
            &finding.fix,
        ];
        assert!(
            !all.iter().any(|text| text.contains('\u{1b}')),
            "{finding:?}"
        );
    }
}
