//! What each container is to ask, and of whom: every other environment's servers by address and by
//! name, what they publish on every address of the host, and its own environment as the control.
//!
//! Pure. From the definitions (ports, names) and the addresses that the engine gave; not from what
//! answers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use environments::{Deployment, Environment, PublishedPorts, Service};

use crate::isolation::census::{Census, Container};
use crate::isolation::network::answers::{Answer, Answers};
use crate::isolation::scene::Scene;

/// All questions, a source each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) places: Vec<Place>,
    pub(crate) sources: Vec<Source>,
    host: BTreeSet<IpAddr>,
}

/// An environment, as it is on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) deployment: Deployment,
    pub(crate) servers: Vec<Server>,
    /// The host ports that it is given; none where it publishes nothing.
    pub(crate) ports: Option<PublishedPorts>,
    /// Whatever its containers publish beside these.
    pub(crate) published: BTreeSet<u16>,
    /// The addresses of all its containers, further ones of its own too.
    pub(crate) own: BTreeSet<IpAddr>,
}

/// One server's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) service: Service,
    pub(crate) name: String,
    /// Why it cannot be asked, where it cannot: it is not there, or not running.
    pub(crate) down: Option<String>,
    /// Its addresses, each with the network on which it has it.
    pub(crate) addresses: BTreeMap<IpAddr, String>,
    networks: BTreeSet<String>,
    /// The ports that the definitions give it, then those that its image names beside them.
    pub(crate) ports: Vec<u16>,
}

/// A container that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) environment: Environment,
    pub(crate) service: Service,
    pub(crate) name: String,
    /// The container's id, or why it cannot ask.
    pub(crate) id: Result<String, String>,
    /// Its own IPv6 addresses. Without one it has no way to anybody's.
    pub(crate) v6: BTreeSet<IpAddr>,
    /// A question's number is its place here.
    pub(crate) questions: Vec<Question>,
    /// Whether it asks at the host's addresses: another container on the same networks does not.
    pub(crate) asks_host: bool,
}

impl Source {
    /// Whether it has reached a server of its own: only then does it count that it reached no other.
    pub(crate) fn reaches_its_own(&self, answers: &Answers) -> bool {
        let mut questions = self.questions.iter().enumerate();
        questions.any(|(number, question)| {
            matches!(question, Question::OwnServer { .. })
                && answers.answers.get(&number) == Some(&Answer::Open)
        })
    }
}

/// One question of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// Its own environment's server, or itself, at an address on a network of its own: the positive
    /// control, for each address by which another environment asks for that server.
    OwnServer {
        service: Service,
        address: IpAddr,
        port: u16,
    },
    /// A name that must be its own environment's alone.
    OwnName(String),
    /// Another environment's server.
    Server {
        of: Environment,
        service: Service,
        address: IpAddr,
        port: u16,
    },
    /// Another environment's container by its name.
    Name { of: Environment, name: String },
    /// Another environment's port on an address of the host.
    Host {
        of: Environment,
        address: IpAddr,
        port: u16,
    },
    /// What the server in the container says of itself.
    Discovery,
}

/// The ports on which a server listens, by the definitions.
pub(crate) const fn defined(service: Service) -> &'static [u16] {
    match service {
        Service::Neo4j => &[7474, 7687],
        Service::Redis => &[6379],
    }
}

impl Table {
    pub(crate) fn of(scene: &Scene<'_>, census: &Census, host: &BTreeSet<IpAddr>) -> Self {
        let places: Vec<Place> = scene
            .sites
            .iter()
            .map(|site| {
                place(
                    census,
                    &site.deployment,
                    site.observed.ports().ok().flatten(),
                )
            })
            .collect();
        Self::between(places, census, host)
    }

    /// That of dev, test and staging of the main set, for the tests of whatever judges it.
    #[cfg(test)]
    pub(crate) fn of_main_set(census: &Census, host: &BTreeSet<IpAddr>) -> Self {
        let places = Environment::LOCAL.map(|environment| {
            let instance = environments::Instance::main();
            place(census, &Deployment::new(environment, instance), None)
        });
        Self::between(places.to_vec(), census, host)
    }

    fn between(places: Vec<Place>, census: &Census, host: &BTreeSet<IpAddr>) -> Self {
        let mut sources = Vec::new();
        for place in &places {
            for server in &place.servers {
                let found = census.server(&place.deployment, server.service);
                let id = match (&server.down, found) {
                    (None, Some(container)) => Ok(container.id.clone()),
                    (down, _) => Err(down.clone().unwrap_or_default()),
                };
                let host = nearest(place, server, host);
                sources.push(Source {
                    asks_host: host.is_some(),
                    environment: place.deployment.environment(),
                    service: server.service,
                    name: server.name.clone(),
                    id,
                    v6: server.v6().collect(),
                    questions: questions(place, server, &places, host),
                });
            }
        }
        Self {
            places,
            sources,
            host: host.clone(),
        }
    }

    /// The same with every port on which a server's container was found to listen; none where all
    /// of them are in it.
    pub(crate) fn with_listeners(
        &self,
        census: &Census,
        answers: &[Result<Answers, String>],
    ) -> Option<Self> {
        let mut places = self.places.clone();
        let mut more = false;
        for (source, answers) in self.sources.iter().zip(answers) {
            let place = places
                .iter_mut()
                .find(|place| place.deployment.environment() == source.environment);
            let server = place.and_then(|place| {
                let mut servers = place.servers.iter_mut();
                servers.find(|server| server.service == source.service)
            });
            let (Some(server), Ok(answers)) = (server, answers) else {
                continue;
            };
            for port in &answers.listening {
                if !server.ports.contains(port) {
                    server.ports.push(*port);
                    more = true;
                }
            }
        }
        more.then(|| Self::between(places, census, &self.host))
    }

    /// Whether anything has answered at an address of the host.
    pub(crate) fn host_answers(&self, answers: &[Result<Answers, String>]) -> bool {
        self.sources.iter().zip(answers).any(|(source, answers)| {
            let Ok(answers) = answers else { return false };
            let questions = source.questions.iter().enumerate();
            let mut open = questions.filter(|(number, question)| {
                matches!(question, Question::Host { .. })
                    && answers.answers.get(number) == Some(&Answer::Open)
            });
            open.next().is_some()
        })
    }

    /// Takes back what answered at an address that is none of the host's any more.
    pub(crate) fn only_host(
        &self,
        host: &BTreeSet<IpAddr>,
        answers: &mut [Result<Answers, String>],
    ) {
        for (source, answers) in self.sources.iter().zip(answers) {
            let Ok(answers) = answers else { continue };
            for (number, question) in source.questions.iter().enumerate() {
                if let Question::Host { address, .. } = question
                    && !host.contains(address)
                {
                    answers.answers.insert(number, Answer::Closed);
                }
            }
        }
    }

    pub(crate) fn place(&self, environment: Environment) -> Option<&Place> {
        let is = |place: &&Place| place.deployment.environment() == environment;
        self.places.iter().find(is)
    }

    /// Which environment's container has an address.
    pub(crate) fn owner(&self, address: &IpAddr) -> Option<Environment> {
        let has = |place: &&Place| place.own.contains(address);
        let place = self.places.iter().find(has)?;
        Some(place.deployment.environment())
    }
}

fn place(census: &Census, deployment: &Deployment, kept: Option<PublishedPorts>) -> Place {
    let ports = deployment
        .fixed_ports()
        .or(kept)
        .filter(|_| deployment.environment().publishes_ports());
    let servers = Service::ALL.map(|service| server(census, deployment, service));
    let ours: Vec<&Container> = census
        .containers
        .iter()
        .filter(|container| {
            let named = |service: &Service| deployment.container(*service) == container.name();
            Service::ALL.iter().any(named) || container.claims(deployment)
        })
        .collect();
    let bindings = ours.iter().flat_map(|container| container.published());
    Place {
        deployment: deployment.clone(),
        servers: servers.to_vec(),
        ports,
        published: bindings
            .filter_map(|(_, binding)| binding.host_port.parse().ok())
            .collect(),
        own: ours
            .iter()
            .flat_map(|container| addresses(container).into_keys())
            .collect(),
    }
}

fn server(census: &Census, deployment: &Deployment, service: Service) -> Server {
    let name = deployment.container(service);
    let found = census.server(deployment, service);
    let down = match found {
        None => Some(format!("there is no container {name}")),
        Some(container) if !container.running() => {
            Some(format!("{name} is {}", container.status()))
        }
        Some(container) if addresses(container).is_empty() => {
            Some(format!("{name} has no address"))
        }
        Some(_) => None,
    };
    let mut ports = defined(service).to_vec();
    let exposed = found
        .into_iter()
        .flat_map(|one| one.config.exposed_ports.keys());
    for port in exposed.filter_map(|port| port.strip_suffix("/tcp")?.parse().ok()) {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    Server {
        service,
        name,
        down,
        addresses: found.map(addresses).unwrap_or_default(),
        networks: found
            .into_iter()
            .flat_map(Container::networks)
            .map(|(name, _)| name.to_owned())
            .collect(),
        ports,
    }
}

fn addresses(container: &Container) -> BTreeMap<IpAddr, String> {
    let places = container.networks().flat_map(|(network, place)| {
        let of_family = |address: &String| Some((address.parse().ok()?, network.to_owned()));
        [of_family(&place.v4), of_family(&place.v6)]
    });
    places.flatten().collect()
}

/// The host looks the same from all containers on the same networks, so that one of an environment's
/// asks; one on further networks asks for itself.
fn nearest<'a>(
    place: &Place,
    server: &Server,
    host: &'a BTreeSet<IpAddr>,
) -> Option<&'a BTreeSet<IpAddr>> {
    let asks = |one: &Server| one.down.is_none();
    let first = place.servers.iter().find(|one| asks(one));
    let as_first =
        first.is_some_and(|first| first.name != server.name && first.networks == server.networks);
    (!as_first).then_some(host)
}

fn questions(
    own: &Place,
    server: &Server,
    places: &[Place],
    host: Option<&BTreeSet<IpAddr>>,
) -> Vec<Question> {
    let mut questions = Vec::new();
    for other in &own.servers {
        let shared = other.addresses.iter();
        for (address, _) in shared.filter(|(_, network)| server.networks.contains(*network)) {
            questions.extend(other.ports.iter().map(|port| Question::OwnServer {
                service: other.service,
                address: *address,
                port: *port,
            }));
        }
        questions.push(Question::OwnName(other.service.name().to_owned()));
        questions.push(Question::OwnName(other.name.clone()));
    }
    if server.service == Service::Neo4j {
        questions.push(Question::Discovery);
    }
    for place in places
        .iter()
        .filter(|place| place.deployment != own.deployment)
    {
        let of = place.deployment.environment();
        for target in &place.servers {
            for address in target.addresses.keys() {
                questions.extend(target.ports.iter().map(|port| Question::Server {
                    of,
                    service: target.service,
                    address: *address,
                    port: *port,
                }));
            }
            questions.push(Question::Name {
                of,
                name: target.name.clone(),
            });
        }
        for port in place.host_ports() {
            questions.extend(host.into_iter().flatten().map(|address| Question::Host {
                of,
                address: *address,
                port,
            }));
        }
    }
    questions
}

impl Server {
    fn v6(&self) -> impl Iterator<Item = IpAddr> {
        let addresses = self.addresses.keys().copied();
        addresses.filter(IpAddr::is_ipv6)
    }
}

impl Place {
    /// The host ports at which it could be found.
    pub(crate) fn host_ports(&self) -> BTreeSet<u16> {
        let defined = self.ports.map(PublishedPorts::all);
        let defined = defined.into_iter().flatten();
        defined.chain(self.published.iter().copied()).collect()
    }
}
