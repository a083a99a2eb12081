//! S1 and S2: published ports that clash, or that every interface has.
//!
//! Pure.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::fault;
use crate::finding::Finding;
use crate::shared::Kind;
use crate::statics::model::{Port, Scalar};
use crate::statics::side::{Side, grep_both};

/// A published port, or several in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) service: String,
    pub(crate) address: Address,
    /// None where the engine picks any.
    pub(crate) ports: Option<RangeInclusive<u16>>,
    pub(crate) target: String,
    pub(crate) protocol: String,
}

/// On which of the host's addresses it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// Not said, 0.0.0.0 or ::.
    Every,
    One(IpAddr),
    /// What is no address: a name, perhaps.
    Named(String),
}

impl Address {
    fn of(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default().trim();
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if bare.is_empty() {
            return Self::Every;
        }
        match bare.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if address.is_unspecified() => Self::Every,
            Ok(address) => Self::One(address),
            Err(_) => Self::Named(bare.to_owned()),
        }
    }

    /// Whether both can be asked at one address. Every interface overlaps with each.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Every, _) | (_, Self::Every) => true,
            (one, other) => one == other,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("every interface"),
            Self::One(address) => address.fmt(f),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl Published {
    /// `443/tcp`, as a declaration names it.
    fn subject(&self) -> String {
        format!("{}/{}", self.number(), self.protocol)
    }

    fn number(&self) -> String {
        match &self.ports {
            Some(ports) if ports.start() == ports.end() => ports.start().to_string(),
            Some(ports) => format!("{}-{}", ports.start(), ports.end()),
            None => format!("any:{}", self.target),
        }
    }
}

/// What an environment publishes, ports in a row as one. An entry whose port is no number has not come from Compose, which
/// refuses it.
pub(crate) fn published(side: &Side) -> Vec<Published> {
    let mut all: Vec<Published> = Vec::new();
    for (name, service) in &side.model.services {
        // Docker publishes nothing of a container that has the host's network.
        if service.network_mode.as_deref() == Some("host") {
            continue;
        }
        for port in &service.ports {
            let next = Published {
                service: name.clone(),
                address: Address::of(port.host_ip.as_deref()),
                ports: port.published.as_ref().and_then(range),
                target: port.target.clone().unwrap_or_default().0,
                protocol: protocol(port),
            };
            match all.last_mut().filter(|last| follows(last, &next)) {
                Some(last) => last.ports = joined(last.ports.as_ref(), next.ports.as_ref()),
                None => all.push(next),
            }
        }
    }
    all
}

/// Whether a port is the next one of a range that Compose has expanded.
fn follows(last: &Published, next: &Published) -> bool {
    let (Some(before), Some(after)) = (&last.ports, &next.ports) else {
        return false;
    };
    before.end().checked_add(1) == Some(*after.start())
        && last.service == next.service
        && last.address == next.address
        && last.protocol == next.protocol
}

fn joined(
    first: Option<&RangeInclusive<u16>>,
    last: Option<&RangeInclusive<u16>>,
) -> Option<RangeInclusive<u16>> {
    Some(*first?.start()..=*last?.end())
}

fn protocol(port: &Port) -> String {
    let said = port.protocol.as_deref().unwrap_or_default();
    if said.is_empty() {
        "tcp".to_owned()
    } else {
        said.to_ascii_lowercase()
    }
}

/// `8080`, or `8000-8010`. 0 means any.
fn range(text: &Scalar) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.0.split_once('-').unwrap_or((&text.0, &text.0));
    let first: u16 = first.trim().parse().ok()?;
    let last: u16 = last.trim().parse().ok()?;
    (first != 0 && first <= last).then_some(first..=last)
}

/// How many ports there are to compare.
pub(crate) fn count(side: &Side) -> usize {
    let published = published(side);
    let ranges = published.iter().filter_map(|port| port.ports.as_ref());
    ranges.map(ExactSizeIterator::len).sum()
}

/// How many ports are published, those that the engine picks too.
pub(crate) fn count_all(side: &Side) -> usize {
    let published = published(side);
    count(side) + published.iter().filter(|port| port.ports.is_none()).count()
}

/// S1.
pub(crate) fn clashes(one: &Side, other: &Side) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let theirs = published(other);
    for port in published(one) {
        for against in &theirs {
            let Some(common) = common(&port, against) else {
                continue;
            };
            let subject = common.subject();
            if shared(one, &common, other) && shared(other, &common, one) {
                continue;
            }
            if findings.iter().any(|finding| finding.subject == subject) {
                continue;
            }
            findings.push(
                Finding::new(fault::S1, &[&one.name, &other.name], &subject)
                    .evidence(format!(
                        "{} of {} publishes {} on {}, {} of {} publishes {} on {}",
                        port.service,
                        one.name,
                        port.subject(),
                        port.address,
                        against.service,
                        other.name,
                        against.subject(),
                        against.address
                    ))
                    .reproduce(grep_both(one, other, "\"published\""))
                    .fix(format!(
                        "publish {} of {} on another port of the host",
                        against.service, other.name
                    )),
            );
        }
    }
    findings
}

/// Whether each port of it is declared, alone or in a range.
fn declared(side: &Side, port: &Published, is: impl Fn(&str) -> bool) -> bool {
    if is(&port.subject()) {
        return true;
    }
    let Some(ports) = &port.ports else {
        return false;
    };
    let names = side.shared.declarations.iter();
    let ranges: Vec<RangeInclusive<u16>> = names
        .filter(|one| one.kind == Kind::Port && is(&one.name))
        .filter_map(|one| named(&one.name, &port.protocol))
        .collect();
    ports
        .clone()
        .all(|port| ranges.iter().any(|range| range.contains(&port)))
}

/// The ports that a declaration names, if it speaks of that protocol.
fn named(name: &str, protocol: &str) -> Option<RangeInclusive<u16>> {
    let (ports, said) = name.split_once('/')?;
    if said != protocol {
        return None;
    }
    range(&Scalar(ports.to_owned()))
}

fn shared(side: &Side, port: &Published, with: &Side) -> bool {
    declared(side, port, |name| {
        side.shared.with(&[Kind::Port], name, &with.name)
    })
}

/// What both publish.
fn common(one: &Published, other: &Published) -> Option<Published> {
    if one.protocol != other.protocol || !one.address.overlaps(&other.address) {
        return None;
    }
    let (first, second) = (one.ports.as_ref()?, other.ports.as_ref()?);
    let start = *first.start().max(second.start());
    let end = *first.end().min(second.end());
    (start <= end).then(|| Published {
        ports: Some(start..=end),
        ..one.clone()
    })
}

/// S2.
pub(crate) fn open(side: &Side) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for port in published(side) {
        let subject = port.subject();
        if port.address != Address::Every
            || declared(side, &port, |name| side.shared.ingress(&[Kind::Port], name))
            || findings.iter().any(|finding| finding.subject == subject)
        {
            continue;
        }
        let loopback = match &port.ports {
            Some(_) => format!("127.0.0.1:{}:{}", port.number(), port.target),
            None => format!("127.0.0.1::{}", port.target),
        };
        findings.push(
            Finding::new(fault::S2, &[&side.name], &subject)
                .evidence(format!(
                    "{} publishes port {} of its container on every interface of the host, past its firewall",
                    port.service, port.target
                ))
                .reproduce(side.grep(&format!("\"target\": {}", port.target)))
                .fix(format!(
                    "write \"{loopback}\"; where it is meant for whoever comes in, declare it: {{kind: port, name: {subject}, with: ingress, reason: …}}"
                )),
        );
    }
    findings
}

/// Whether it publishes what a declaration names.
pub(crate) fn has(side: &Side, name: &str) -> bool {
    published(side).iter().any(|port| {
        let declared = named(name, &port.protocol);
        let inside = port.ports.as_ref().zip(declared);
        port.subject() == name
            || inside.is_some_and(|(ports, declared)| {
                ports.start() <= declared.end() && declared.start() <= ports.end()
            })
    })
}
