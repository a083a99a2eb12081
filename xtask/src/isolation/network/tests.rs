//! Every fault of the network layer against its innocent look-alike.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use compose_audit::finding::{Outcome, Seen};
use environments::{Environment, PublishedPorts, Service};
use serde_json::{Value, json};

use super::answers::{Answer, Answers};
use super::judge::judge;
use super::questions::{Question, Source, Table};
use super::{discovery, host};
use crate::isolation::census::testing::{parsed, stranger, three_as_told};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// `10.0.1.2` for dev's Neo4j, `10.0.2.3` for test's Redis.
fn address(environment: Environment, service: Service) -> IpAddr {
    let last = 2 + service as usize;
    ip(&format!("10.0.{}.{last}", environment as usize + 1))
}

fn advertising(port: u16) -> Answer {
    Answer::Said(json!({ "bolt_direct": format!("bolt://localhost:{port}") }).to_string())
}

/// What every question is answered with while all is well.
fn well(source: &Source, question: &Question) -> Answer {
    match question {
        Question::OwnServer { .. } => Answer::Open,
        Question::OwnName(name) => {
            let redis = name.ends_with("redis");
            let service = if redis {
                Service::Redis
            } else {
                Service::Neo4j
            };
            Answer::Names(BTreeSet::from([address(source.environment, service)]))
        }
        Question::Server { .. } => Answer::Silent,
        Question::Name { .. } => Answer::Names(BTreeSet::new()),
        Question::Host { .. } => Answer::Closed,
        Question::Discovery => {
            let ports = source.environment.main_ports();
            advertising(ports.map_or(0, |ports: PublishedPorts| ports.bolt))
        }
    }
}

pub(super) type Told = Vec<Result<Answers, String>>;

pub(super) fn table(change: impl FnOnce(&mut Value)) -> Table {
    let mut told = three_as_told();
    change(&mut told);
    let census = parsed(&told);
    Table::of_main_set(&census, &host::addresses(&census.networks))
}

pub(super) fn answers(table: &Table, other: impl Fn(&Source, &Question) -> Option<Answer>) -> Told {
    let of = |source: &Source| {
        source.id.as_ref().map_err(Clone::clone)?;
        let questions = source.questions.iter().enumerate();
        let answer = |(number, question): (usize, &Question)| {
            let answer = other(source, question).unwrap_or_else(|| well(source, question));
            (number, answer)
        };
        Ok(Answers {
            answers: questions.map(answer).collect(),
            listening: BTreeSet::new(),
            deadline: Duration::from_millis(300),
            cut_off: false,
            took: Duration::from_millis(400),
        })
    };
    table.sources.iter().map(of).collect()
}

#[test]
fn silence_that_was_cut_off_before_its_own_servers_had_answered_many_times_is_no_pass() {
    let table = table(|_| {});
    let silent = |_: &Source, question: &Question| {
        matches!(question, Question::Server { .. }).then_some(Answer::Silent)
    };
    let mut told = answers(&table, silent);
    let blocked = |outcome: Outcome| {
        let checks = outcome.checks.into_iter();
        checks
            .filter(|check| check.observed == Seen::TimedOut)
            .count()
    };
    assert!(blocked(judge(&table, &told)) > 0);
    for one in told.iter_mut().flatten() {
        one.cut_off = true;
    }
    assert_eq!(blocked(judge(&table, &told)), 0);
}

fn judged(other: impl Fn(&Source, &Question) -> Option<Answer>) -> Outcome {
    let table = table(|_| {});
    judge(&table, &answers(&table, other))
}

fn ids(outcome: &Outcome) -> Vec<String> {
    let mut ids: Vec<String> = outcome
        .findings
        .iter()
        .map(|one| format!("{} {}", one.fault.id, one.environments.join(",")))
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

fn unasked(outcome: &Outcome) -> usize {
    let unasked = |check: &&compose_audit::finding::Check| check.observed == Seen::CouldNotAsk;
    outcome.checks.iter().filter(unasked).count()
}

const NOTHING: [&str; 0] = [];

#[test]
fn three_environments_that_are_alone_are_apart_in_every_cell() {
    let outcome = judged(|_, _| None);
    assert_eq!(ids(&outcome), NOTHING);
    assert_eq!(unasked(&outcome), 0);
    assert!(
        outcome
            .checks
            .iter()
            .all(|check| check.observed.meets(check.expected))
    );
    // Each of 6 containers asks the 3 ports of 2 others in 2 families, and their names.
    let between = outcome
        .checks
        .iter()
        .filter(|check| check.subject.contains(" -> tta-"));
    assert_eq!(between.count(), 6 * 3 * 2 * 2);
}

#[test]
fn a_server_that_answers_another_environment_is_found_whatever_else_is_silent() {
    let outcome = judged(|source, question| {
        let to = matches!(
            question,
            Question::Server {
                of: Environment::Test,
                port: 6379,
                ..
            }
        );
        (source.environment == Environment::Dev && to).then_some(Answer::Open)
    });
    assert_eq!(ids(&outcome), ["N1 dev,test"]);
}

#[test]
fn the_same_over_ipv6_is_a_fault_of_its_own() {
    let table = table(|told| {
        let networks = &mut told["containers"][3]["NetworkSettings"]["Networks"];
        networks["tta-test-network"]["GlobalIPv6Address"] = json!("fd00::3");
    });
    let open = |_: &Source, question: &Question| {
        let v6 = matches!(question, Question::Server { address, .. } if address.is_ipv6());
        v6.then_some(Answer::Open)
    };
    let outcome = judge(&table, &answers(&table, open));
    assert_eq!(ids(&outcome), ["N5 dev,test", "N5 test,staging"]);
    assert_eq!(ids(&judge(&table, &answers(&table, |_, _| None))), NOTHING);
}

/// Dev and test on IPv6 networks of their own, the host on both.
fn with_v6() -> Table {
    table(|told| {
        for (network, number) in [("tta-dev-network", 1), ("tta-test-network", 2)] {
            for last in [2, 3] {
                let container = &mut told["containers"][2 * number + last - 4];
                let place = &mut container["NetworkSettings"]["Networks"][network];
                place["GlobalIPv6Address"] = json!(format!("fd00:{number}::{last}"));
            }
            let gateway = json!({ "Gateway": format!("fd00:{number}::1") });
            let config = told["networks"][number - 1]["IPAM"]["Config"].as_array_mut();
            config.expect("a list").push(gateway);
        }
    })
}

/// What cannot be asked over IPv6, as `dev test`, to servers and to the host.
fn unasked_over_v6(outcome: &Outcome) -> [BTreeSet<String>; 2] {
    let of = |host: bool| {
        let cells = outcome.checks.iter().filter(|check| {
            check.subject.ends_with("over IPv6")
                && check.subject.contains("the host's") == host
                && check.observed == Seen::CouldNotAsk
        });
        cells
            .map(|check| format!("{} {}", check.from, check.to))
            .collect()
    };
    [of(false), of(true)]
}

/// The host says over IPv6 that nobody listens.
fn host_refuses(question: &Question) -> Option<Answer> {
    let host = matches!(question, Question::Host { address, .. } if address.is_ipv6());
    host.then_some(Answer::Refused)
}

fn set(items: &[&str]) -> BTreeSet<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

#[test]
fn over_ipv6_a_silent_server_is_apart_where_every_control_came_out() {
    let table = with_v6();
    let outcome = judge(
        &table,
        &answers(&table, |_, question| host_refuses(question)),
    );
    assert_eq!(ids(&outcome), NOTHING);
    assert_eq!(unasked_over_v6(&outcome), [set(&[]), set(&[])]);
}

#[test]
fn an_ipv6_address_that_its_own_environment_does_not_reach_proves_nothing() {
    let table = with_v6();
    let outcome = judge(
        &table,
        &answers(&table, |source, question| {
            let dumb = source.environment == Environment::Test
                && matches!(question, Question::OwnServer { address, .. } if address.is_ipv6());
            dumb.then_some(Answer::Closed)
                .or_else(|| host_refuses(question))
        }),
    );
    // Nor do test's, that are not heard at their own addresses, know anything of dev's.
    let servers = set(&["dev test", "staging test", "test dev"]);
    assert_eq!(unasked_over_v6(&outcome)[0], servers);
    let v4 = |check: &&compose_audit::finding::Check| {
        check.subject.ends_with("over IPv4") && check.observed == Seen::CouldNotAsk
    };
    assert_eq!(outcome.checks.iter().filter(v4).count(), 0);
}

#[test]
fn a_host_that_answers_nothing_over_ipv6_is_not_called_closed() {
    let table = with_v6();
    let of = |answer: Answer| {
        let outcome = judge(
            &table,
            &answers(&table, |_, question| {
                host_refuses(question).map(|_| answer.clone())
            }),
        );
        unasked_over_v6(&outcome)[1].clone()
    };
    // Staging has no IPv6 address, and so no way there.
    let asking = set(&["dev staging", "dev test", "test dev", "test staging"]);
    for answer in [Answer::Closed, Answer::Silent] {
        assert_eq!(of(answer.clone()), asking, "{answer:?}");
    }
    assert_eq!(of(Answer::Refused), set(&[]));
}

#[test]
fn each_address_of_a_server_has_a_control_of_its_own() {
    let table = table(|told| {
        let networks = &mut told["containers"][3]["NetworkSettings"]["Networks"];
        networks["another"] = json!({
            "NetworkID": "9".repeat(64), "IPAddress": "10.9.0.3", "GlobalIPv6Address": "",
        });
    });
    let asked = |environment, service| {
        let is = |source: &&Source| source.environment == environment && source.service == service;
        let source = table.sources.iter().find(is).expect("it is there");
        let another = |question: &&Question| matches!(question, Question::OwnServer { address, .. } if *address == ip("10.9.0.3"));
        source.questions.iter().filter(another).count()
    };
    // Whoever is not on that network would wait in vain.
    assert_eq!(asked(Environment::Test, Service::Redis), 1);
    assert_eq!(asked(Environment::Test, Service::Neo4j), 0);
    let outcome = judge(
        &table,
        &answers(&table, |_, question| {
            let there = matches!(question, Question::OwnServer { address, .. } if *address == ip("10.9.0.3"));
            there.then_some(Answer::Closed)
        }),
    );
    let of_it = |check: &&compose_audit::finding::Check| {
        check.observed == Seen::CouldNotAsk && check.subject.contains("tta-test-redis 6379/tcp")
    };
    assert_eq!(outcome.checks.iter().filter(of_it).count(), 4);
}

#[test]
fn a_published_port_that_answers_at_the_host_is_found() {
    let outcome = judged(|source, question| {
        let to = matches!(
            question,
            Question::Host {
                of: Environment::Staging,
                port: 9687,
                ..
            }
        );
        (source.environment == Environment::Test && to).then_some(Answer::Open)
    });
    assert_eq!(ids(&outcome), ["N2 test,staging"]);
    assert!(outcome.findings[0].subject.contains("9687/tcp"));
}

#[test]
fn an_address_that_has_left_the_host_is_no_answer_of_the_host() {
    let table = table(|_| {});
    let open = |_: &Source, question: &Question| {
        let there =
            matches!(question, Question::Host { address, .. } if *address == ip("10.0.3.1"));
        there.then_some(Answer::Open)
    };
    let mut told = answers(&table, open);
    assert!(table.host_answers(&told));
    table.only_host(&BTreeSet::from([ip("10.0.1.1"), ip("10.0.2.1")]), &mut told);
    assert_eq!(ids(&judge(&table, &told)), NOTHING);
}

#[test]
fn a_name_with_an_owner_elsewhere_is_found_and_one_with_a_replica_is_not() {
    let named = |also: IpAddr| {
        let table = table(|told| {
            let mut replica = stranger("replica");
            replica["Config"]["Labels"] =
                json!({ "org.tta.environment": "dev", "org.tta.instance": "" });
            replica["NetworkSettings"]["Networks"] = json!({ "tta-dev-network": {
                "NetworkID": "1".repeat(64), "IPAddress": "10.0.1.9", "GlobalIPv6Address": "",
            } });
            told["containers"]
                .as_array_mut()
                .expect("a list")
                .push(replica);
        });
        let both = move |source: &Source, question: &Question| {
            let redis = matches!(question, Question::OwnName(name) if name == "redis");
            let own = address(source.environment, Service::Redis);
            (source.environment == Environment::Dev && redis)
                .then(|| Answer::Names(BTreeSet::from([own, also])))
        };
        ids(&judge(&table, &answers(&table, both)))
    };
    assert_eq!(named(ip("10.0.2.3")), ["N3 dev,test"]);
    assert_eq!(named(ip("10.9.9.9")), ["N3 dev"]);
    assert_eq!(named(ip("10.0.1.9")), NOTHING);
}

#[test]
fn a_name_of_another_environment_that_resolves_to_it_is_found_and_to_elsewhere_is_not() {
    let named = |to: &str| {
        let to = ip(to);
        ids(&judged(move |source, question| {
            let name = matches!(
                question,
                Question::Name {
                    of: Environment::Staging,
                    ..
                }
            );
            (source.environment == Environment::Dev && name)
                .then(|| Answer::Names(BTreeSet::from([to])))
        }))
    };
    assert_eq!(named("10.0.3.2"), ["N1 dev,staging"]);
    // A provider's name server that answers for every name.
    assert_eq!(named("198.51.100.7"), NOTHING);
}

#[test]
fn a_target_that_is_down_is_not_called_unreachable() {
    let table = table(|told| told["containers"][3]["State"]["Status"] = json!("exited"));
    let down = |_: &Source, question: &Question| {
        let own = matches!(
            question,
            Question::OwnServer {
                service: Service::Redis,
                ..
            }
        );
        own.then_some(Answer::Closed)
    };
    let outcome = judge(
        &table,
        &answers(&table, |source, question| {
            (source.environment == Environment::Test).then(|| down(source, question))?
        }),
    );
    assert_eq!(ids(&outcome), NOTHING);
    let of_redis = outcome.checks.iter().filter(|check| {
        check.to == "test" && check.from != "test" && check.subject.contains("tta-test-redis")
    });
    for check in of_redis {
        assert_eq!(check.observed, Seen::CouldNotAsk, "{check:?}");
        assert!(
            check.control.contains("tta-test-redis is exited"),
            "{check:?}"
        );
    }
}

#[test]
fn a_source_that_does_not_reach_its_own_servers_proves_nothing() {
    let outcome = judged(|source, question| {
        let own = matches!(question, Question::OwnServer { .. });
        (source.environment == Environment::Dev && own).then_some(Answer::Closed)
    });
    for check in outcome
        .checks
        .iter()
        .filter(|check| check.from == "dev" && check.to != "dev")
    {
        assert_eq!(check.observed, Seen::CouldNotAsk, "{check:?}");
    }
}

#[test]
fn what_a_server_advertises_must_be_its_own() {
    let advertised = |port: u16| {
        let outcome = judged(move |source, question| {
            (source.environment == Environment::Test && *question == Question::Discovery)
                .then(|| advertising(port))
        });
        ids(&outcome)
    };
    assert_eq!(advertised(8687), NOTHING);
    assert_eq!(advertised(7687), ["N6 dev,test"]);
    assert_eq!(advertised(9687), ["N6 test,staging"]);
    assert_eq!(advertised(1), ["N6 test"]);
    for said in [Answer::Silent, Answer::Said("<html>".to_owned())] {
        let outcome =
            judged(|_, question| (*question == Question::Discovery).then(|| said.clone()));
        assert_eq!((ids(&outcome).len(), unasked(&outcome)), (0, 3), "{said:?}");
    }
}

#[test]
fn production_is_behind_its_proxy() {
    let prod = environments::Deployment::new(Environment::Prod, environments::Instance::main());
    assert_eq!(
        discovery::expected(&prod, None),
        "bolt://tta-prod-proxy:7687"
    );
}

#[test]
fn a_port_that_a_server_is_found_to_listen_on_is_asked_for_too() {
    let mut told = three_as_told();
    told["containers"][0]["Config"]["ExposedPorts"]["7473/tcp"] = json!({});
    let census = parsed(&told);
    let table = Table::of_main_set(&census, &BTreeSet::new());
    let mut told = answers(&table, |_, _| None);
    assert!(table.with_listeners(&census, &told).is_none());
    if let Ok(answers) = &mut told[0] {
        answers.listening.insert(5005);
    }
    let wider = table
        .with_listeners(&census, &told)
        .expect("there is one more");
    let asked = |table: &Table| {
        let questions = table.sources.iter().flat_map(|source| &source.questions);
        questions
            .filter(|question| matches!(question, Question::Server { port: 5005, .. }))
            .count()
    };
    assert_eq!((asked(&table), asked(&wider)), (0, 4));
}
