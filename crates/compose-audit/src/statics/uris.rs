//! The addresses that a service mentions: in its variables, its command, its health check, its
//! further hosts. Pure; knows how addresses are written, not whose they are.

use std::fmt;

use crate::statics::model::Service;

/// Where an address stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Variable(String),
    Command,
    HealthCheck,
    ExtraHosts,
    Dns,
    /// Asked by the engine, which is on the host.
    Logging,
}

impl Place {
    /// Whether it says where the server itself listens, not where another is.
    pub(crate) fn listens(&self) -> bool {
        let Self::Variable(name) = self else {
            return false;
        };
        let name = name.to_ascii_uppercase();
        (name.contains("LISTEN") || name.contains("BIND")) && !name.contains("ADVERTISE")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "its variable {name}"),
            Self::Command => f.write_str("its command"),
            Self::HealthCheck => f.write_str("its health check"),
            Self::ExtraHosts => f.write_str("its extra_hosts"),
            Self::Dns => f.write_str("its dns"),
            Self::Logging => f.write_str("its logging"),
        }
    }
}

/// A host and a port. What else a URI holds is not kept: it may be a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uri {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// Whether host and port stand in two places, `X_HOST` and `X_PORT`.
    pub(crate) pair: bool,
}

impl Uri {
    /// A text by which the line is found.
    pub(crate) fn needle(&self) -> String {
        self.host.clone()
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// The ports that a scheme means where a URI gives none.
const SCHEMES: [(&str, u16); 16] = [
    ("bolt", 7687),
    ("neo4j", 7687),
    ("redis", 6379),
    ("valkey", 6379),
    ("http", 80),
    ("https", 443),
    ("ws", 80),
    ("wss", 443),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("mongodb", 27017),
    ("amqp", 5672),
    ("nats", 4222),
    ("memcached", 11211),
];

/// Words in the name of a variable that holds a bare host.
const HOSTLIKE: [&str; 20] = [
    "HOST", "HOSTS", "HOSTNAME", "SERVER", "SERVERS", "ADDR", "ADDRESS", "ENDPOINT", "URL", "URI",
    "BROKER", "BROKERS", "NODE", "NODES", "MASTER", "PRIMARY", "PEERS", "SEEDS", "DSN", "UPSTREAM",
];

/// Everything that a service mentions.
pub(crate) fn of(service: &Service) -> Vec<(Place, Uri)> {
    let mut all = Vec::new();
    for (name, value) in &service.environment {
        let Some(value) = value else {
            continue;
        };
        let place = Place::Variable(name.clone());
        let found = written(&value.0);
        let bare = found.is_empty() && hostlike(name) && host(value.0.trim());
        all.extend(found.into_iter().map(|uri| (place.clone(), uri)));
        if bare {
            let port = port_beside(service, name);
            all.push((
                place,
                Uri {
                    host: plain(value.0.trim()),
                    port,
                    pair: true,
                },
            ));
        }
    }
    for words in [&service.command, &service.entrypoint] {
        all.extend(line(&words.0).into_iter().map(|uri| (Place::Command, uri)));
    }
    if let Some(check) = &service.healthcheck {
        let found = line(&check.test.0).into_iter();
        all.extend(found.map(|uri| (Place::HealthCheck, uri)));
    }
    for value in service.logging.options.values().flatten() {
        let found = written(&value.0).into_iter();
        all.extend(found.map(|uri| (Place::Logging, uri)));
    }
    let hosts = service
        .extra_hosts
        .0
        .iter()
        .map(|(_, address)| (Place::ExtraHosts, address));
    let servers = service.dns.0.iter().map(|address| (Place::Dns, address));
    for (place, address) in hosts.chain(servers) {
        if address.parse::<std::net::IpAddr>().is_ok() {
            let uri = Uri {
                host: address.clone(),
                port: None,
                pair: false,
            };
            all.push((place, uri));
        }
    }
    all
}

/// Every word of a service's variables and command that could be a container's name.
pub(crate) fn words(service: &Service) -> Vec<(Place, String)> {
    let split = |text: &str| -> Vec<String> {
        let part = |one: char| !(one.is_ascii_alphanumeric() || "-_.".contains(one));
        text.split(part).map(str::to_owned).collect()
    };
    let mut all = Vec::new();
    for (name, value) in &service.environment {
        let words = value.iter().flat_map(|value| split(&value.0));
        all.extend(words.map(|word| (Place::Variable(name.clone()), word)));
    }
    for text in service.command.0.iter().chain(&service.entrypoint.0) {
        all.extend(split(text).into_iter().map(|word| (Place::Command, word)));
    }
    all
}

fn hostlike(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    // `HOST` alone is where a server listens.
    upper != "HOST"
        && upper != "HOSTNAME"
        && upper.split(['_', '.']).any(|word| HOSTLIKE.contains(&word))
}

/// `REDIS_PORT` beside `REDIS_HOST`.
fn port_beside(service: &Service, name: &str) -> Option<u16> {
    let upper = name.to_ascii_uppercase();
    let stem = HOSTLIKE.iter().find_map(|word| {
        let stem = upper.strip_suffix(word)?;
        stem.ends_with(['_', '.']).then(|| stem.to_owned())
    })?;
    let (_, value) = service
        .environment
        .iter()
        .find(|(name, _)| name.to_ascii_uppercase() == format!("{stem}PORT"))?;
    value.as_ref()?.0.trim().parse().ok()
}

/// The addresses in a command line, those after `-h`, `--host` and `--replicaof` too.
fn line(words: &[String]) -> Vec<Uri> {
    let mut all: Vec<Uri> = words.iter().flat_map(|word| written(word)).collect();
    let words: Vec<&str> = words
        .iter()
        .flat_map(|word| word.split(|one: char| one.is_whitespace() || "=\"'".contains(one)))
        .filter(|word| !word.is_empty())
        .collect();
    let after = |flags: &[&str]| {
        let place = words.iter().position(|word| flags.contains(word))?;
        words.get(place + 1).copied()
    };
    let port = after(&["-p", "-P", "--port"]).and_then(|port| port.parse().ok());
    if let Some(name) =
        after(&["-h", "-H", "--host", "--hostname", "--server"]).filter(|one| host(one))
    {
        all.push(Uri {
            host: plain(name),
            port,
            pair: true,
        });
    }
    let flags = [
        "--replicaof",
        "--slaveof",
        "replicaof",
        "slaveof",
        "REPLICAOF",
        "SLAVEOF",
    ];
    if let Some(place) = words.iter().position(|word| flags.contains(word))
        && let Some(name) = words.get(place + 1).filter(|one| host(one))
    {
        all.push(Uri {
            host: plain(name),
            port: words.get(place + 2).and_then(|port| port.parse().ok()),
            pair: false,
        });
    }
    all
}

/// The addresses in a text: `scheme://…@host:port/…` and `host:port`.
pub(crate) fn written(text: &str) -> Vec<Uri> {
    let between = |one: char| one.is_whitespace() || ",;|\"'()<>=&?`{}".contains(one);
    text.split(between).filter_map(one_written).collect()
}

fn one_written(word: &str) -> Option<Uri> {
    if let Some((before, rest)) = word.split_once("://") {
        let scheme = before.rsplit([':', '@', '/']).next().unwrap_or_default();
        let authority = rest.split(['/', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (name, port) = match authority_parts(authority) {
            Some((name, port)) => (name, Some(port)),
            None => (authority, default_port(scheme)),
        };
        return host(name).then(|| Uri {
            host: plain(name),
            port,
            pair: false,
        });
    }
    let word = word.rsplit('@').next().unwrap_or_default();
    let word = word.split('/').next().unwrap_or_default();
    let (name, port) = authority_parts(word)?;
    (host(name) && !name.chars().all(|digit| digit.is_ascii_digit())).then(|| Uri {
        host: plain(name),
        port: Some(port),
        pair: false,
    })
}

fn authority_parts(text: &str) -> Option<(&str, u16)> {
    let (name, port) = text.rsplit_once(':')?;
    // An IPv6 address without brackets has no port.
    if name.contains(':') && !name.ends_with(']') {
        return None;
    }
    let port: u16 = port.parse().ok()?;
    (port != 0).then_some((name, port))
}

fn default_port(scheme: &str) -> Option<u16> {
    let scheme = scheme.to_ascii_lowercase();
    let base = scheme.split('+').next().unwrap_or_default();
    let known = |wanted: &str| SCHEMES.iter().find(|(name, _)| *name == wanted);
    known(base)
        .or_else(|| base.strip_suffix('s').and_then(known))
        .map(|(_, port)| *port)
}

/// Whether a text can be a host's name or address.
fn host(text: &str) -> bool {
    let plain = plain(text);
    if plain.parse::<std::net::IpAddr>().is_ok() {
        return true;
    }
    !plain.is_empty()
        && plain.len() <= 253
        && plain.starts_with(|one: char| one.is_ascii_alphanumeric())
        && plain
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || "-_.".contains(one))
}

/// Without the brackets of an IPv6 address.
fn plain(text: &str) -> String {
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_known_in_whatever_it_is_written_into() {
        for (text, expected) in [
            ("bolt://localhost:7687", "localhost:7687"),
            ("redis://u:p@ss@tta-dev-redis:6379/0", "tta-dev-redis:6379"),
            ("redis://localhost", "localhost:6379"),
            ("neo4j+s://graph", "graph:7687"),
            ("rediss://:pw@cache/1", "cache:6379"),
            ("jdbc:postgresql://db:5432/x?user=a&password=b", "db:5432"),
            ("tcp://[::1]:9000", "[::1]:9000"),
            ("host=10.0.0.5:99;x", "10.0.0.5:99"),
            ("a:1,b:2", "a:1 b:2"),
            ("wait-for db:5432 -- run", "db:5432"),
            ("12:30", ""),
            ("::1", ""),
            ("a:b:c", ""),
            ("://:", ""),
            ("", ""),
        ] {
            let found: Vec<String> = written(text).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
    }
}
