//! H2, H3 and H4. Pure.

use compose_audit::fault::{H2, H4};
use compose_audit::finding::{Check, Expected, Finding, Layer, Outcome, Seen};
use environments::{Deployment, Environment, Service, label};
use process::quoted;

use crate::isolation::census::Census;

/// What the tool layer judges.
pub(crate) struct Evidence<'a> {
    /// The id of the engine that answers.
    pub(crate) engine: &'a str,
    pub(crate) engines: Vec<Known>,
    pub(crate) census: &'a Census,
    /// Whether a run still goes on.
    pub(crate) going: &'a dyn Fn(&str) -> bool,
}

/// What the journal has of an environment.
pub(crate) struct Known {
    pub(crate) deployment: Deployment,
    /// The engine on which it was last worked on, if it ever was, or why the journal cannot tell.
    pub(crate) engine: Result<Option<String>, String>,
    /// It was named, or has objects here.
    pub(crate) in_scope: bool,
}

pub(crate) fn judge(evidence: &Evidence<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    for known in &evidence.engines {
        outcome.extend(engine(evidence, known));
        if known.in_scope {
            outcome.checks.extend(controls(evidence, known));
        }
    }
    outcome.findings.extend(left_behind(evidence));
    outcome
}

/// H2.
fn engine(evidence: &Evidence<'_>, known: &Known) -> Outcome {
    let environment = known.deployment.environment();
    let mut outcome = Outcome::default();
    let (observed, control) = match &known.engine {
        Err(why) => (Seen::CouldNotAsk, why.clone()),
        Ok(None) => (
            Seen::Same,
            format!("the journal has {} on no other engine", known.deployment),
        ),
        Ok(Some(id)) if id == evidence.engine => (Seen::Same, "its id is the journal's".to_owned()),
        Ok(Some(id)) => {
            let text = format!(
                "the journal has {} on the engine {id}, but the one that answers is {}",
                known.deployment, evidence.engine
            );
            outcome.findings.push(
                Finding::new(H2, &[environment.slug()], evidence.engine)
                    .evidence(&text)
                    .reproduce("docker info --format '{{.ID}}'; docker context ls")
                    .fix(format!(
                        "choose the other engine with --docker-context NAME, or, if this one has \
                         replaced it: cargo xtask adopt {environment} --engine"
                    )),
            );
            (Seen::Distinct, text)
        }
    };
    if known.in_scope {
        let subject = "the engine against the journal";
        let expected = Expected::Same;
        let cell = cell(
            environment,
            "the engine",
            subject,
            expected,
            (observed, control),
        );
        outcome.checks.push(cell);
    }
    outcome
}

/// H3: without somebody who can be asked, nothing that follows is a proof.
fn controls(evidence: &Evidence<'_>, known: &Known) -> Vec<Check> {
    let environment = known.deployment.environment();
    let control = |service: Service| {
        let name = known.deployment.container(service);
        let seen = match evidence.census.server(&known.deployment, service) {
            None => (Seen::CouldNotAsk, format!("there is no container {name}")),
            Some(one) if !one.running() => {
                (Seen::CouldNotAsk, format!("{name} is {}", one.status()))
            }
            Some(_) => (Seen::Reachable, "it runs".to_owned()),
        };
        let subject = format!("{name} can be asked");
        cell(
            environment,
            environment.slug(),
            &subject,
            Expected::Reachable,
            seen,
        )
    };
    Service::ALL.map(control).to_vec()
}

fn cell(
    from: Environment,
    to: &str,
    subject: &str,
    expected: Expected,
    (observed, control): (Seen, String),
) -> Check {
    Check {
        layer: Layer::Tool,
        from: from.slug().to_owned(),
        to: to.to_owned(),
        subject: subject.to_owned(),
        expected,
        observed,
        control,
    }
}

/// H4: what carries the label of a run that is over.
fn left_behind(evidence: &Evidence<'_>) -> Vec<Finding> {
    let census = evidence.census;
    let containers = census.containers.iter().map(|one| {
        let labels = [label::RUN, label::ENVIRONMENT, label::INSTANCE].map(|name| one.label(name));
        ("container", one.name(), labels)
    });
    let networks = census.networks.iter().map(|one| {
        let labels = [label::RUN, label::ENVIRONMENT, label::INSTANCE].map(|name| one.label(name));
        ("network", one.name.as_str(), labels)
    });
    let volumes = census.volumes.iter().map(|one| {
        let labels = [label::RUN, label::ENVIRONMENT, label::INSTANCE].map(|name| one.label(name));
        ("volume", one.name.as_str(), labels)
    });
    let mut findings = Vec::new();
    for (kind, name, [run, environment, instance]) in containers.chain(networks).chain(volumes) {
        let whose = evidence.engines.iter().find(|known| {
            let deployment = &known.deployment;
            known.in_scope
                && environment == Some(deployment.environment().slug())
                && instance == Some(deployment.instance().label())
        });
        let (Some(run), Some(known)) = (run, whose) else {
            continue;
        };
        if (evidence.going)(run) {
            continue;
        }
        let remove = match kind {
            "container" => format!("docker rm --force --volumes {}", quoted(name)),
            kind => format!("docker {kind} rm {}", quoted(name)),
        };
        findings.push(
            Finding::new(H4, &[known.deployment.environment().slug()], name)
                .evidence(format!(
                    "the {kind} {name} is of the run {run}, which is over"
                ))
                .reproduce(format!(
                    "docker {kind} inspect {}   (label {})",
                    quoted(name),
                    label::RUN
                ))
                .fix(remove),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use environments::Instance;
    use serde_json::json;

    use super::*;
    use crate::isolation::census::testing;

    fn judged(engine: Result<Option<String>, String>, in_scope: bool) -> Outcome {
        let census = testing::three();
        judge(&Evidence {
            engine: "e1",
            engines: vec![Known {
                deployment: Deployment::new(Environment::Dev, Instance::main()),
                engine,
                in_scope,
            }],
            census: &census,
            going: &|_| false,
        })
    }

    #[test]
    fn another_engine_than_the_journal_s_is_found_also_where_nothing_is_on_it() {
        for in_scope in [true, false] {
            let outcome = judged(Ok(Some("e2".to_owned())), in_scope);
            assert_eq!(outcome.findings.len(), 1);
            assert_eq!(outcome.findings[0].fault, H2);
            assert_eq!(outcome.findings[0].environments, ["dev"]);
        }
        for innocent in [Ok(None), Ok(Some("e1".to_owned()))] {
            assert_eq!(judged(innocent, true).findings, []);
        }
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_no_agreement() {
        let outcome = judged(Err("it is torn".to_owned()), true);
        assert_eq!(outcome.checks[0].observed, Seen::CouldNotAsk);
    }

    #[test]
    fn a_server_that_does_not_run_cannot_be_asked() {
        let mut value = testing::three_as_told();
        value["containers"][0]["State"]["Status"] = json!("exited");
        let census = testing::parsed(&value);
        let known = Known {
            deployment: Deployment::new(Environment::Dev, Instance::main()),
            engine: Ok(None),
            in_scope: true,
        };
        let evidence = Evidence {
            engine: "e1",
            engines: Vec::new(),
            census: &census,
            going: &|_| false,
        };
        let seen: Vec<Seen> = controls(&evidence, &known)
            .into_iter()
            .map(|check| check.observed)
            .collect();
        assert_eq!(seen, [Seen::CouldNotAsk, Seen::Reachable]);
    }

    #[test]
    fn what_a_run_has_left_is_found_once_the_run_is_over() {
        let mut value = testing::three_as_told();
        let labels = &mut value["volumes"][0]["Labels"];
        labels["org.tta.run"] = json!("1-2");
        let census = testing::parsed(&value);
        for (going, found) in [(false, 1), (true, 0)] {
            let evidence = Evidence {
                engine: "e1",
                engines: vec![Known {
                    deployment: Deployment::new(Environment::Dev, Instance::main()),
                    engine: Ok(None),
                    in_scope: true,
                }],
                census: &census,
                going: &|_| going,
            };
            assert_eq!(left_behind(&evidence).len(), found);
        }
    }
}
