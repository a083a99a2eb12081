//! From the answers to cells and findings. Pure.
//!
//! A negative answer counts beside two positive ones of the same run: whoever asked has reached its
//! own environment's servers, and whoever was asked was reached by its own environment, at that
//! address ([`control`]).

use std::collections::BTreeSet;
use std::net::IpAddr;

use compose_audit::fault::{N1, N2, N3, N5, N6};
use compose_audit::finding::{Check, Expected, Layer, Outcome, Seen};
use environments::Environment;
use process::quoted;

use crate::isolation::network::answers::{Answer, Answers};
use crate::isolation::network::control::Controls;
use crate::isolation::network::discovery;
use crate::isolation::network::found::Found;
use crate::isolation::network::questions::{Place, Question, Source, Table, defined};

/// The answers stand in the order of the table's sources.
pub(crate) fn judge(table: &Table, answers: &[Result<Answers, String>]) -> Outcome {
    let judge = Judge {
        table,
        controls: Controls::of(table, answers),
    };
    let mut found = Found::default();
    let mut checks = Vec::new();
    for (source, answers) in table.sources.iter().zip(answers) {
        let asked = Asked {
            source,
            answers: judge.control(source, answers),
        };
        judge.own(&asked, &mut checks, &mut found);
        for place in &table.places {
            if place.deployment.environment() != source.environment {
                judge.servers(&asked, place, &mut checks, &mut found);
                judge.names(&asked, place, &mut checks, &mut found);
                judge.host(&asked, place, &mut checks, &mut found);
            }
        }
    }
    Outcome {
        findings: found.findings(),
        checks,
        remarks: Vec::new(),
    }
}

struct Judge<'a> {
    table: &'a Table,
    controls: Controls,
}

/// A source, with its answers where they can be relied upon.
struct Asked<'a> {
    source: &'a Source,
    answers: Result<&'a Answers, String>,
}

impl Asked<'_> {
    /// Its questions of a kind with their answers.
    fn picked<T>(&self, pick: impl Fn(&Question) -> Option<T>) -> Vec<(T, Answer)> {
        let Ok(answers) = &self.answers else {
            return Vec::new();
        };
        let questions = self.source.questions.iter().enumerate();
        questions
            .filter_map(|(number, question)| {
                Some((pick(question)?, answers.answers.get(&number)?.clone()))
            })
            .collect()
    }
}

impl<'a> Judge<'a> {
    /// The answers of a source that has reached a server of its own.
    fn control(
        &self,
        source: &Source,
        answers: &'a Result<Answers, String>,
    ) -> Result<&'a Answers, String> {
        let answers = answers.as_ref().map_err(Clone::clone)?;
        if source.reaches_its_own(answers) {
            Ok(answers)
        } else {
            Err(format!("{} does not reach its own servers", source.name))
        }
    }

    /// Its own names and what its server says of itself.
    fn own(&self, asked: &Asked<'_>, checks: &mut Vec<Check>, found: &mut Found) {
        let source = asked.source;
        let own = source.environment;
        if let Err(why) = &asked.answers {
            checks.push(cell(
                source,
                own,
                "its own names",
                Expected::Same,
                Err(why.clone()),
            ));
        }
        let names = asked.picked(|question| match question {
            Question::OwnName(name) => Some(name.clone()),
            _ => None,
        });
        for (name, answer) in names {
            let seen = match &answer {
                Answer::Names(addresses) if !addresses.is_empty() => {
                    Ok(self.owners(source, &name, addresses, found))
                }
                _ if self.is_down(own, &name) => continue,
                _ => Err(format!("{name} stands for no address")),
            };
            let subject = format!("{} resolves {name}", source.name);
            checks.push(cell(source, own, &subject, Expected::Same, seen));
        }
        for ((), answer) in
            asked.picked(|question| matches!(question, Question::Discovery).then_some(()))
        {
            let subject = format!("where {} says that it is", source.name);
            let seen = self.advertised(source, &answer, found);
            checks.push(cell(source, own, &subject, Expected::Same, seen));
        }
    }

    /// Whether a name is that of a server of the environment that is down.
    fn is_down(&self, environment: Environment, name: &str) -> bool {
        let place = self.table.place(environment);
        let mut servers = place.into_iter().flat_map(|place| &place.servers);
        servers.any(|server| {
            server.down.is_some() && (server.name == name || server.service.name() == name)
        })
    }

    /// N3: whether all addresses of a name are the environment's own.
    fn owners(
        &self,
        source: &Source,
        name: &str,
        addresses: &BTreeSet<IpAddr>,
        found: &mut Found,
    ) -> (Seen, String) {
        let own = self.table.place(source.environment);
        let foreign: Vec<&IpAddr> = addresses
            .iter()
            .filter(|address| !own.is_some_and(|own| own.own.contains(*address)))
            .collect();
        if foreign.is_empty() {
            return (Seen::Same, format!("it is {}", listed(addresses)));
        }
        for address in foreign {
            let owner = self.table.owner(address);
            let whose = owner.map_or("a container of no environment's".to_owned(), |owner| {
                format!("a container of {owner}")
            });
            found.add(
                N3,
                [Some(source.environment), owner],
                name,
                format!("in {} the name {name} is also {address}, {whose}", source.name),
                format!("docker exec {} getent ahosts {}", quoted(&source.name), quoted(name)),
                "docker network disconnect the container that has the name beside the environment's own",
            );
        }
        (Seen::Distinct, format!("it is {}", listed(addresses)))
    }

    /// N6.
    fn advertised(
        &self,
        source: &Source,
        answer: &Answer,
        found: &mut Found,
    ) -> Result<(Seen, String), String> {
        let Answer::Said(said) = answer else {
            return Err("it did not answer GET / in time".to_owned());
        };
        let place = self.table.place(source.environment);
        let place = place.ok_or("its environment is not in scope")?;
        let advertised = discovery::advertised(said)?;
        let expected = discovery::expected(&place.deployment, place.ports);
        if advertised == expected {
            return Ok((Seen::Same, format!("GET / says {advertised}")));
        }
        let places = self.table.places.iter();
        let known: Vec<_> = places
            .map(|place| (place.deployment.clone(), place.ports))
            .collect();
        let owner = discovery::owner(&advertised, source.environment, &known);
        let whose = match &owner {
            Some(owner) => format!(", which is {owner}"),
            None => String::new(),
        };
        found.add(
            N6,
            [
                Some(source.environment),
                owner.map(|owner| owner.environment()),
            ],
            &source.name,
            format!("it tells drivers and Browser {advertised}{whose}; the definitions say {expected}"),
            format!(
                "docker exec {} wget -qO- --header 'Accept: application/json' http://localhost:7474/",
                quoted(&source.name)
            ),
            "set NEO4J_server_bolt_advertised__address as the rendered compose file has it",
        );
        Ok((Seen::Distinct, format!("GET / says {advertised}")))
    }

    /// N1 and N5: another environment's servers at their addresses.
    fn servers(
        &self,
        asked: &Asked<'_>,
        place: &Place,
        checks: &mut Vec<Check>,
        found: &mut Found,
    ) {
        let of = place.deployment.environment();
        for target in &place.servers {
            for port in &target.ports {
                let answers = asked.picked(|question| match question {
                    Question::Server {
                        of: other,
                        service,
                        address,
                        port: asked,
                    } if (*other, *service, asked) == (of, target.service, port) => Some(*address),
                    _ => None,
                });
                for v6 in [false, true] {
                    let subject = format!(
                        "{} -> {} {port}/tcp over {}",
                        asked.source.name,
                        target.name,
                        family(v6)
                    );
                    let of_family: Vec<&(IpAddr, Answer)> = answers
                        .iter()
                        .filter(|(address, _)| address.is_ipv6() == v6)
                        .collect();
                    // A port that an image names and no server opens is nobody's.
                    let listens = self.controls.listens(of, target.service, *port, v6);
                    let open = of_family
                        .iter()
                        .any(|(_, answer)| matches!(answer, Answer::Open | Answer::Once));
                    if !defined(target.service).contains(port) && !listens && !open {
                        continue;
                    }
                    let seen = self.blocked(asked, &of_family, || match &target.down {
                        Some(why) => Err(why.clone()),
                        None if of_family.is_empty() && v6 => {
                            Ok("it has no IPv6 address".to_owned())
                        }
                        None if of_family.is_empty() => {
                            Err(format!("{} has no address", target.name))
                        }
                        None => self.controls.of_server(asked.source, of, target, *port, v6),
                    });
                    for (address, _) in of_family
                        .iter()
                        .filter(|(_, answer)| *answer == Answer::Open)
                    {
                        found.add(
                            if v6 { N5 } else { N1 },
                            [Some(asked.source.environment), Some(of)],
                            &format!("{} -> {}", asked.source.name, target.name),
                            format!("{port}/tcp answers at {address}"),
                            connect(&asked.source.name, address, *port),
                            "docker network inspect shows which network they share; disconnect one of them",
                        );
                    }
                    checks.push(cell(asked.source, of, &subject, Expected::Blocked, seen));
                }
            }
        }
    }

    /// N1: another environment's containers by their names.
    fn names(&self, asked: &Asked<'_>, place: &Place, checks: &mut Vec<Check>, found: &mut Found) {
        let of = place.deployment.environment();
        for target in &place.servers {
            let subject = format!("{} resolves {}", asked.source.name, target.name);
            let answers = asked.picked(|question| match question {
                Question::Name { name, .. } if *name == target.name => Some(()),
                _ => None,
            });
            let seen = match (&asked.answers, answers.first()) {
                (Err(why), _) => Err(why.clone()),
                (Ok(_), Some((_, Answer::Names(addresses)))) => {
                    let theirs = addresses.iter().any(|one| place.own.contains(one));
                    if theirs {
                        found.add(
                            N1,
                            [Some(asked.source.environment), Some(of)],
                            &format!("{} -> {}", asked.source.name, target.name),
                            format!("its name stands for {}", listed(addresses)),
                            format!(
                                "docker exec {} getent ahosts {}",
                                quoted(&asked.source.name),
                                quoted(&target.name)
                            ),
                            "docker network inspect shows which network they share; disconnect one of them",
                        );
                        Ok((Seen::Reachable, format!("it is {}", listed(addresses))))
                    } else {
                        match &target.down {
                            Some(why) => Err(why.clone()),
                            None => Ok((Seen::Refused, "its own names resolve".to_owned())),
                        }
                    }
                }
                (Ok(_), Some((_, Answer::Silent))) => match &target.down {
                    Some(why) => Err(why.clone()),
                    None => Ok((Seen::TimedOut, "its own names resolve".to_owned())),
                },
                (Ok(_), _) => Err("it was not asked".to_owned()),
            };
            checks.push(cell(asked.source, of, &subject, Expected::Blocked, seen));
        }
    }

    /// N2: what another environment publishes, at every address of the host.
    fn host(&self, asked: &Asked<'_>, place: &Place, checks: &mut Vec<Check>, found: &mut Found) {
        if !asked.source.asks_host {
            return;
        }
        let of = place.deployment.environment();
        let down = || place.servers.iter().find_map(|server| server.down.clone());
        for port in place.host_ports() {
            let answers = asked.picked(|question| match question {
                Question::Host {
                    of: other,
                    address,
                    port: asked,
                } if (*other, *asked) == (of, port) => Some(*address),
                _ => None,
            });
            for v6 in [false, true] {
                let of_family: Vec<&(IpAddr, Answer)> = answers
                    .iter()
                    .filter(|(address, _)| address.is_ipv6() == v6)
                    .collect();
                let subject = format!(
                    "{} -> the host's {} addresses, {port}/tcp over {}",
                    asked.source.name,
                    of_family.len(),
                    family(v6)
                );
                let seen = self.blocked(asked, &of_family, || match down() {
                    Some(why) => Err(why),
                    None if v6 && !of_family.is_empty() => self.controls.of_host(asked.source),
                    None if of_family.is_empty() && v6 => {
                        Ok("the host has no IPv6 address".to_owned())
                    }
                    None if of_family.is_empty() => {
                        Err("no address of the host is known".to_owned())
                    }
                    None => Ok("the server behind it answers its own environment".to_owned()),
                });
                for (address, _) in of_family
                    .iter()
                    .filter(|(_, answer)| *answer == Answer::Open)
                {
                    found.add(
                        N2,
                        [Some(asked.source.environment), Some(of)],
                        &format!("{port}/tcp of the host"),
                        format!("{} reaches it at {address}", asked.source.name),
                        connect(&asked.source.name, address, port),
                        "publish it on 127.0.0.1 alone",
                    );
                }
                checks.push(cell(asked.source, of, &subject, Expected::Blocked, seen));
            }
        }
    }

    /// What several addresses of one kind say together. The control is asked where none is open.
    fn blocked(
        &self,
        asked: &Asked<'_>,
        answers: &[&(IpAddr, Answer)],
        control: impl Fn() -> Result<String, String>,
    ) -> Result<(Seen, String), String> {
        let (deadline, cut_off) = match &asked.answers {
            Ok(answers) => (answers.deadline, answers.cut_off),
            Err(why) => return Err(why.clone()),
        };
        let any = |wanted: &Answer| answers.iter().find(|(_, answer)| answer == wanted);
        if let Some((address, _)) = any(&Answer::Open) {
            return Ok((Seen::Reachable, format!("it answers at {address}")));
        }
        if let Some((address, _)) = any(&Answer::Once) {
            return Err(format!(
                "it answered once at {address}, and not when it was asked again"
            ));
        }
        let control = control()?;
        if any(&Answer::Silent).is_some() {
            let waited = deadline.as_secs_f64();
            if cut_off {
                return Err(format!(
                    "nobody answered within {waited:.1} s, but its own servers took so long that \
                     this says nothing: the machine is too busy"
                ));
            }
            return Ok((
                Seen::TimedOut,
                format!(
                    "{control}; waited {waited:.1} s, at least 8 times as long as its own servers took"
                ),
            ));
        }
        Ok((Seen::Refused, control))
    }
}

const fn family(v6: bool) -> &'static str {
    if v6 { "IPv6" } else { "IPv4" }
}

fn listed(addresses: &BTreeSet<IpAddr>) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

fn connect(container: &str, address: &IpAddr, port: u16) -> String {
    format!(
        "docker exec {} timeout 3 bash -c ': </dev/tcp/{address}/{port}' && echo reachable",
        quoted(container)
    )
}

fn cell(
    source: &Source,
    to: Environment,
    subject: &str,
    expected: Expected,
    seen: Result<(Seen, String), String>,
) -> Check {
    let (observed, control) = seen.unwrap_or_else(|why| (Seen::CouldNotAsk, why));
    Check {
        layer: Layer::Network,
        from: source.environment.slug().to_owned(),
        to: to.slug().to_owned(),
        subject: subject.to_owned(),
        expected,
        observed,
        control,
    }
}
