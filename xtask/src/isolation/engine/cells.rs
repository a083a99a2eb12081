//! The table of the engine layer: from each environment to each other and to the host, what should
//! be apart and whether it is. Pure.

use compose_audit::fault::{E2, E3, E4, E7, E8, E9, E11, Fault};
use compose_audit::finding::{Check, Expected, Finding, Layer, Seen};
use environments::{Environment, Service};

use crate::isolation::engine::standing::{Evidence, Judged};

/// What is asked of each pair, and the faults that say no.
const BETWEEN: [(&str, &[Fault]); 3] = [
    ("volumes and their mounts", &[E2, E3]),
    ("networks", &[E4, E9]),
    ("namespaces of containers", &[E11]),
];

/// What is asked of each environment alone.
const ALONE: [(&str, &str, &[Fault]); 2] = [
    (
        "the host",
        "the host's namespaces and the engine",
        &[E7, E8],
    ),
    (
        "anyone else",
        "volumes, networks and namespaces",
        &[E2, E3, E4, E9, E11],
    ),
];

pub(crate) fn apart(evidence: &Evidence<'_>, findings: &[Finding]) -> Vec<Check> {
    let mut checks = Vec::new();
    for site in &evidence.sites {
        let environment = site.deployment.environment();
        let control = control(evidence, site);
        for other in &evidence.sites {
            let other = other.deployment.environment();
            if environment == other {
                continue;
            }
            for (subject, faults) in BETWEEN {
                let joined = findings.iter().any(|finding| {
                    faults.contains(&finding.fault) && joins(finding, &[environment, other])
                });
                checks.push(cell(environment, other.slug(), subject, joined, &control));
            }
        }
        // What joins it to another in scope stands in their own cell.
        let another = |finding: &Finding| {
            let mut others = evidence
                .sites
                .iter()
                .map(|site| site.deployment.environment());
            others.any(|other| other != environment && joins(finding, &[other]))
        };
        for (to, subject, faults) in ALONE {
            let joined = findings.iter().any(|finding| {
                faults.contains(&finding.fault)
                    && joins(finding, &[environment])
                    && (to == "the host" || !another(finding))
            });
            checks.push(cell(environment, to, subject, joined, &control));
        }
    }
    checks
}

fn joins(finding: &Finding, environments: &[Environment]) -> bool {
    environments
        .iter()
        .all(|one| finding.environments.iter().any(|name| name == one.slug()))
}

/// What shows that the census sees an environment: its own containers, on its own network, with its
/// own volumes. Else why nothing can be said of it.
fn control(evidence: &Evidence<'_>, site: &Judged) -> Result<String, String> {
    let census = evidence.census;
    let deployment = &site.deployment;
    site.model.as_ref().map_err(Clone::clone)?;
    let network = census
        .network(deployment)
        .ok_or_else(|| format!("there is no network {}", deployment.network()))?;
    for service in Service::ALL {
        let name = deployment.container(service);
        let container = census
            .server(deployment, service)
            .ok_or_else(|| format!("there is no container {name}"))?;
        if !container.is_on(network) && !container.running() {
            return Err(format!("{name} is {}", container.status()));
        }
    }
    Ok(format!(
        "its own containers were seen among {} containers, {} networks and {} volumes",
        census.containers.len(),
        census.networks.len(),
        census.volumes.len()
    ))
}

fn cell(
    from: Environment,
    to: &str,
    subject: &str,
    joined: bool,
    control: &Result<String, String>,
) -> Check {
    let (observed, control) = match (joined, control) {
        (true, control) => (Seen::Same, control.clone().unwrap_or_else(|why| why)),
        (false, Ok(control)) => (Seen::Distinct, control.clone()),
        (false, Err(why)) => (Seen::CouldNotAsk, why.clone()),
    };
    Check {
        layer: Layer::Engine,
        from: from.slug().to_owned(),
        to: to.to_owned(),
        subject: subject.to_owned(),
        expected: Expected::Distinct,
        observed,
        control,
    }
}
