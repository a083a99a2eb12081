//! S15: an address in one environment that belongs to another.
//!
//! Pure. An address is somebody's by a published port of the host, by a container's name, host name
//! or alias, or by an address of a network. What is one's own is innocent, and so is what belongs to
//! none of the environments: a service outside.

use std::net::IpAddr;

use crate::fault;
use crate::finding::Finding;
use crate::statics::model::Service;
use crate::statics::names;
use crate::statics::ports::{Address, published};
use crate::statics::side::{Side, grep_both};
use crate::statics::subnets;
use crate::statics::uris::{self, Place, Uri};
use process::printable;

/// Names by which containers call the host they run on.
const HOST_NAMES: [&str; 8] = [
    "host.docker.internal",
    "gateway.docker.internal",
    "docker.for.mac.localhost",
    "docker.for.mac.host.internal",
    "docker.for.win.localhost",
    "kubernetes.docker.internal",
    "host.containers.internal",
    "172.17.0.1",
];

/// An address that a service mentions.
#[derive(Debug, Clone)]
pub(crate) struct Mention {
    service: String,
    place: Place,
    uri: Uri,
}

pub(crate) fn mentions(side: &Side) -> Vec<Mention> {
    let mut all = Vec::new();
    for (name, service) in &side.model.services {
        for (place, uri) in uris::of(service) {
            all.push(Mention {
                service: name.clone(),
                place,
                uri,
            });
        }
    }
    all
}

/// S15, of one environment about the other's addresses.
pub(crate) fn of_another(one: &Side, other: &Side) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let joined = on_one_network(one, other);
    for mention in mentions(one) {
        let Some(service) = one.model.services.get(&mention.service) else {
            continue;
        };
        if own(one, service, &mention) {
            continue;
        }
        let Some(what) = owner(other, (one, service), &mention.uri, joined) else {
            continue;
        };
        let subject = mention.uri.to_string();
        if findings.iter().any(|finding| finding.subject == subject) {
            continue;
        }
        findings.push(
            Finding::new(fault::S15, &[&one.name, &other.name], &subject)
                .evidence(format!(
                    "{} of {} is given {} in {}, which is {what} of {}",
                    mention.service,
                    one.name,
                    printable(&subject),
                    mention.place,
                    other.name
                ))
                .reproduce(grep_both(one, other, &mention.uri.needle()))
                .fix(format!(
                    "give {} of {} the address of its own server: inside a compose project that is the service's name",
                    mention.service, one.name
                )),
        );
    }
    for call in called(one, other) {
        let begins = |finding: &Finding| finding.subject.split(':').next() == Some(&call.subject);
        if !findings.iter().any(begins) {
            findings.push(call);
        }
    }
    findings
}

/// A container of the other environment, called by its whole name in a variable or a command that is
/// no address: what a script would hand to `docker exec`.
fn called(one: &Side, other: &Side) -> Vec<Finding> {
    let (ours, theirs) = (names::containers(one), names::containers(other));
    let mut findings: Vec<Finding> = Vec::new();
    for (key, service) in &one.model.services {
        for (place, word) in uris::words(service) {
            // A short name, or one without a dash, is a word like others.
            let telling = word.len() > 5 && word.contains(['-', '_']);
            let Some(owner) = theirs.get(&word).filter(|_| telling) else {
                continue;
            };
            if ours.contains_key(&word) || findings.iter().any(|finding| finding.subject == word) {
                continue;
            }
            findings.push(
                Finding::new(fault::S15, &[&one.name, &other.name], &word)
                    .evidence(format!(
                        "{key} of {} names {word} in {place}, which is the container of {owner} of {}",
                        one.name, other.name
                    ))
                    .reproduce(grep_both(one, other, &word))
                    .fix(format!("name {} of {} a container of its own", key, one.name)),
            );
        }
    }
    findings
}

pub(crate) fn on_one_network(one: &Side, other: &Side) -> bool {
    let names = |side: &Side| -> Vec<String> {
        let keys = side.model.networks.keys();
        keys.filter_map(|key| side.model.network_name(key))
            .collect()
    };
    let theirs = names(other);
    names(one).iter().any(|name| theirs.contains(name))
}

/// Whether an address is the environment's own.
fn own(side: &Side, service: &Service, mention: &Mention) -> bool {
    let uri = &mention.uri;
    if side.model.services.contains_key(&uri.host)
        || named(side, &uri.host).is_some()
        || on_own_network(side, &uri.host)
    {
        return true;
    }
    if !at_host(side, service, &uri.host) {
        // A name that the file itself gives an address is judged by that address.
        return false;
    }
    if port_of(side, (side, service), uri).is_some() {
        return true;
    }
    // `localhost` is the container itself: where it listens, what its health check asks, or the
    // service whose network it shares. In a variable it is told to somebody, and then means the host.
    let itself = loopback(&uri.host) && service.network_mode.as_deref() != Some("host");
    itself
        && match &mention.place {
            Place::Variable(_) if uri.pair || mention.place.listens() => {
                mention.place.listens() || listens(service, uri.port)
            }
            Place::Variable(_) => shares_network(side, &mention.service, service),
            Place::Logging => false,
            _ => true,
        }
}

fn listens(service: &Service, port: Option<u16>) -> bool {
    let port = port.map(|port| port.to_string());
    let targets = service.ports.iter().filter_map(|port| port.target.as_ref());
    let mut all = targets.chain(&service.expose);
    port.is_some_and(|port| all.any(|one| one.0 == port || one.0.starts_with(&format!("{port}/"))))
}

fn shares_network(side: &Side, name: &str, service: &Service) -> bool {
    let with = |mode: &str| mode.strip_prefix("service:").map(str::to_owned);
    let mode = |service: &Service| service.network_mode.as_deref().and_then(with);
    mode(service).is_some()
        || side
            .model
            .services
            .values()
            .any(|other| mode(other).as_deref() == Some(name))
}

/// Whose an address is in another environment, if it is anything there.
fn owner(side: &Side, from: (&Side, &Service), uri: &Uri, joined: bool) -> Option<String> {
    if let Some(what) = named(side, &uri.host) {
        return Some(what);
    }
    if joined && side.model.services.contains_key(&uri.host) {
        return Some(format!(
            "the service {} on a network that both are on,",
            uri.host
        ));
    }
    if on_own_network(side, &uri.host) {
        return Some("an address on a network".to_owned());
    }
    // What `extra_hosts` names is where it says.
    for (name, address) in &from.1.extra_hosts.0 {
        if *name == uri.host && on_own_network(side, address) {
            return Some("an address on a network".to_owned());
        }
    }
    if at_host(from.0, from.1, &uri.host) {
        return port_of(side, from, uri).map(|service| format!("the published port of {service}"));
    }
    None
}

/// The container that has a name: its own, its host name or an alias.
fn named(side: &Side, host: &str) -> Option<String> {
    for (key, service) in &side.model.services {
        if side
            .model
            .container_names(key)
            .iter()
            .any(|name| name == host)
        {
            return Some(format!("the container of {key}"));
        }
        if service.hostname.as_deref() == Some(host) {
            return Some(format!("the host name of {key}"));
        }
        let mut aliases = service.networks.values().flat_map(|one| &one.aliases);
        if aliases.any(|alias| alias == host) {
            return Some(format!("an alias of {key}"));
        }
    }
    None
}

fn on_own_network(side: &Side, host: &str) -> bool {
    let Some(address) = ip(host) else {
        return false;
    };
    let services = side.model.services.values();
    let mut given = services
        .flat_map(|service| service.networks.values())
        .flat_map(|network| {
            [&network.ipv4_address, &network.ipv6_address]
                .into_iter()
                .flatten()
                .filter_map(|text| ip(text))
        });
    given.any(|one| one == address)
        || subnets::subnets(side)
            .iter()
            .any(|(_, _, block)| block.contains(address))
}

fn ip(host: &str) -> Option<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = bare.parse().ok()?;
    Some(address.to_canonical())
}

fn loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || ip(host).is_some_and(|address| address.is_loopback())
}

/// Whether a name or address is this host, seen from the service.
fn at_host(side: &Side, service: &Service, host: &str) -> bool {
    let ground = &side.ground.host;
    let named = |name: &str| {
        HOST_NAMES.contains(&name)
            || ground
                .names
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
            || ip(name).is_some_and(|address| ground.addresses.contains(&address))
    };
    let mut extra = service.extra_hosts.0.iter();
    loopback(host)
        || named(host)
        || extra
            .any(|(name, address)| name == host && (address == "host-gateway" || named(address)))
}

/// The service that publishes the port which an address at the host means.
fn port_of(side: &Side, from: (&Side, &Service), uri: &Uri) -> Option<String> {
    let port = uri.port?;
    let literal = ip(&uri.host).or_else(|| {
        let mut extra = from.1.extra_hosts.0.iter();
        extra
            .find(|(name, _)| *name == uri.host)
            .and_then(|(_, address)| ip(address))
    });
    published(side)
        .into_iter()
        .filter(|one| {
            one.ports
                .as_ref()
                .is_some_and(|ports| ports.contains(&port))
        })
        .find(|one| match (literal, &one.address) {
            // 127.0.0.2 is not 127.0.0.3; but a name, or an address of the host's, may lead to any.
            (Some(wanted), Address::One(address)) if wanted.is_loopback() => wanted == *address,
            _ => true,
        })
        .map(|one| one.service)
}
