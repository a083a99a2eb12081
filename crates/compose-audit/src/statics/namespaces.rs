//! S16: a service that takes part in a namespace, a volume or a link of a container of another
//! environment.
//!
//! Pure.

use crate::fault;
use crate::finding::Finding;
use crate::shared::Kind;
use crate::statics::names::{containers, unowned_finding};
use crate::statics::side::{Side, grep_both};
use process::printable;

/// A container outside of its own project that a service names, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Joined {
    service: String,
    by: &'static str,
    container: String,
}

fn joined(side: &Side) -> Vec<Joined> {
    let mut all = Vec::new();
    for (name, service) in &side.model.services {
        let mut add = |by: &'static str, container: &str| {
            all.push(Joined {
                service: name.clone(),
                by,
                container: container.to_owned(),
            });
        };
        for (by, mode) in [
            ("network_mode", &service.network_mode),
            ("pid", &service.pid),
            ("ipc", &service.ipc),
            ("uts", &service.uts),
            ("cgroup", &service.cgroup),
        ] {
            let container = mode
                .as_deref()
                .and_then(|mode| mode.strip_prefix("container:"));
            if let Some(container) = container {
                add(by, container);
            }
        }
        for from in &service.volumes_from {
            if let Some(container) = from.strip_prefix("container:") {
                add(
                    "volumes_from",
                    container.split(':').next().unwrap_or_default(),
                );
            }
        }
        for link in &service.external_links {
            add("external_links", link.split(':').next().unwrap_or_default());
        }
    }
    all
}

pub(crate) fn count(side: &Side) -> usize {
    joined(side).len()
}

/// S16, both ways.
pub(crate) fn of_another(one: &Side, other: &Side) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (side, owner) in [(one, other), (other, one)] {
        let (ours, theirs) = (containers(side), containers(owner));
        for join in joined(side) {
            let Some(service) = theirs.get(&join.container) else {
                continue;
            };
            if ours.contains_key(&join.container) {
                continue;
            }
            findings.push(
                Finding::new(fault::S16, &[&side.name, &owner.name], &join.container)
                    .evidence(format!(
                        "{} of {} takes part, by {}, in {}, which is {service} of {}",
                        join.service, side.name, join.by, join.container, owner.name
                    ))
                    .reproduce(grep_both(side, owner, &join.container))
                    .fix(format!(
                        "take {} out of {} of {}",
                        join.by, join.service, side.name
                    )),
            );
        }
    }
    findings
}

/// S9: containers that no environment here has, and nobody has declared.
pub(crate) fn of_strangers(side: &Side, all: &[&Side]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for join in joined(side) {
        let known = all
            .iter()
            .any(|one| containers(one).contains_key(&join.container));
        let declared = side.shared.owned(&[Kind::External], &join.container);
        let seen = findings
            .iter()
            .any(|finding| finding.subject == join.container);
        if !known && !declared && !seen {
            let finding = unowned_finding(side, "container", &join.container);
            let evidence = format!(
                "{}; {} joins it by {}",
                finding.evidence,
                printable(&join.service),
                join.by
            );
            findings.push(finding.evidence(evidence));
        }
    }
    findings
}
