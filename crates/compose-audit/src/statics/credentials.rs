//! A1 and A3: a secret that two environments share, and a server of ours that is told to ask for no
//! login.
//!
//! Pure. Secrets are compared by a keyed hash whose key lives as long as this run; no secret is in a
//! finding, a check or a message of this file.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::fault;
use crate::finding::Finding;
use crate::statics::secret_words::{secret_name, secret_value};
use crate::statics::side::Side;
use crate::statics::texts::{in_text, in_uris, in_words};
use process::{printable, quoted};

/// What a secret is known by: of `#…` in a list of Redis users only this hash is there, so that of
/// each other is taken first.
type Mark = [u8; 32];

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Variable { service: String, name: String },
    Command { service: String },
    File(String),
    Inline(String),
}

impl Place {
    fn told(&self) -> String {
        let text = match self {
            Self::Variable { service, name } => format!("{name} of {service}"),
            Self::Command { service } => format!("the command of {service}"),
            Self::File(file) => file.clone(),
            Self::Inline(key) => format!("the config {key}"),
        };
        printable(&text)
    }
}

/// A secret, or what is none by its name but may be one by its value.
#[derive(Debug, Clone)]
struct Found {
    place: Place,
    mark: Mark,
    /// Whether its name says that it is one.
    said: bool,
}

/// Unnamed values shorter than this are words, not secrets.
const SHORTEST: usize = 8;

/// What is gathered from one environment.
#[derive(Debug, Default)]
struct Gathered(Vec<Found>);

impl Gathered {
    fn value(&mut self, place: &Place, value: &str, said: bool) {
        if secret_value(value) {
            self.mark(place, &hex(value), said);
        }
    }

    fn mark(&mut self, place: &Place, hash: &str, said: bool) {
        self.0.push(Found {
            place: place.clone(),
            mark: mark(hash),
            said,
        });
    }

    fn variable(&mut self, service: &str, name: &str, value: &str) {
        let place = Place::Variable {
            service: service.to_owned(),
            name: name.to_owned(),
        };
        for secret in in_uris(value) {
            self.value(&place, &secret, true);
        }
        if secret_name(name) && !value.contains("://") {
            // NEO4J_AUTH and its like: the user's name first.
            let pair = name.to_ascii_uppercase().ends_with("AUTH");
            let secret = value
                .split_once(['/', ':'])
                .filter(|(_, secret)| pair && secret_value(secret));
            self.value(&place, secret.map_or(value, |(_, secret)| secret), true);
        } else if value.len() >= SHORTEST {
            self.value(&place, value, false);
        }
    }

    fn text(&mut self, place: &Place, text: &str, secret: bool) {
        let (plain, hashed) = in_text(text);
        for value in plain {
            self.value(place, &value, true);
        }
        for hash in hashed {
            self.mark(place, &hash, true);
        }
        if secret {
            self.value(place, text.trim(), true);
            if let Some(value) = text.trim().strip_prefix("neo4j/") {
                self.value(place, value, true);
            }
        }
    }
}

fn found(side: &Side) -> Vec<Found> {
    let mut all = Gathered::default();
    for (service, about) in &side.model.services {
        for (name, value) in &about.environment {
            if let Some(value) = value {
                all.variable(service, name, &value.0);
            }
        }
        let arguments = about.build.as_ref().and_then(|build| build.get("args"));
        let arguments = arguments.and_then(|value| value.as_object());
        for (name, value) in arguments.into_iter().flatten() {
            all.variable(service, name, value.as_str().unwrap_or_default());
        }
        let place = Place::Command {
            service: service.clone(),
        };
        let mut lines = vec![&about.command.0, &about.entrypoint.0];
        lines.extend(about.healthcheck.as_ref().map(|check| &check.test.0));
        for words in lines {
            for secret in in_words(words) {
                all.value(&place, &secret, true);
            }
        }
    }
    for (secret, sources) in [(true, &side.model.secrets), (false, &side.model.configs)] {
        for (key, source) in sources {
            if let Some(origin) = source.origin() {
                if let Some(text) = side.ground.contents.get(&origin) {
                    all.text(&Place::File(origin), text, secret);
                }
            } else if let Some(text) = &source.content {
                all.text(&Place::Inline(key.clone()), text, secret);
            }
        }
    }
    all.0
}

pub(crate) fn count(side: &Side) -> usize {
    let mut marks: Vec<Mark> = found(side)
        .into_iter()
        .filter(|one| one.said)
        .map(|one| one.mark)
        .collect();
    marks.sort_unstable();
    marks.dedup();
    marks.len()
}

/// A1.
pub(crate) fn shared(one: &Side, other: &Side) -> Vec<Finding> {
    let group = |side: &Side| {
        let mut groups: BTreeMap<Mark, (bool, Vec<Place>)> = BTreeMap::new();
        for found in found(side) {
            let (said, places) = groups.entry(found.mark).or_default();
            *said |= found.said;
            if !places.contains(&found.place) {
                places.push(found.place);
            }
        }
        groups
    };
    let theirs = group(other);
    let mut common: Vec<(Vec<Place>, Vec<Place>)> = Vec::new();
    for (mark, (said, places)) in group(one) {
        if let Some((_, others)) = theirs.get(&mark).filter(|(other, _)| said || *other) {
            let pair = (places, others.clone());
            // A variable that holds a user and a password is two secrets in one place.
            if !common.contains(&pair) {
                common.push(pair);
            }
        }
    }
    common.sort();
    common
        .into_iter()
        .map(|(places, others)| {
            let told = |places: &[Place]| {
                let told: Vec<String> = places.iter().map(Place::told).collect();
                told.join(", ")
            };
            let first = |places: &[Place]| places.first().map(Place::told).unwrap_or_default();
            Finding::new(
                fault::A1,
                &[&one.name, &other.name],
                format!("{} = {}", first(&places), first(&others)),
            )
            .evidence(format!(
                "one secret, by its keyed hash: {} in {}; {} in {}",
                told(&places),
                one.name,
                told(&others),
                other.name
            ))
            .reproduce(reproduce((one, &places), (other, &others)))
            .fix(format!("give {} a secret of its own", other.name))
        })
        .collect()
}

/// A command that shows that both are the same, and neither.
fn reproduce(one: (&Side, &[Place]), other: (&Side, &[Place])) -> String {
    let digest = |(side, places): (&Side, &[Place])| match places.first() {
        Some(Place::Variable { name, .. }) => format!(
            "{} | grep -F {} | sed -E 's|^[^:]*: *||; s|[\",]||g; s|.*://[^:]*:||; s|@.*||; s|^neo4j/||' | sort -u | sha256sum",
            side.config(),
            quoted(&printable(&format!("\"{name}\":")))
        ),
        Some(Place::File(file)) if !file.starts_with('$') => {
            format!("tr -d '\\n' < {} | sha256sum", quoted(&printable(file)))
        }
        _ => String::new(),
    };
    let (first, second) = (digest(one), digest(other));
    if first.is_empty() || second.is_empty() {
        return verify(one.0, other.0);
    }
    format!("{first}; {second}")
}

/// The comparison itself, where nothing shorter shows it without showing the secret.
fn verify(one: &Side, other: &Side) -> String {
    let given = |side: &Side| {
        let files: Vec<String> = side
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        quoted(&printable(&format!("{}={}", side.name, files.join(","))))
    };
    format!(
        "{} --compose {} --compose {}",
        one.again,
        given(one),
        given(other)
    )
}

/// A3: only of our own images, whose login is known to be off.
pub(crate) fn no_login(side: &Side) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        let image = service.image.as_deref().unwrap_or_default();
        let last = image.rsplit('/').next().unwrap_or_default();
        let ours = last.split([':', '@']).next() == Some("tta-neo4j");
        let is = |variable: &str, wanted: &str| {
            let value = service.environment.get(variable).and_then(Option::as_ref);
            value.is_some_and(|value| value.0.eq_ignore_ascii_case(wanted))
        };
        if ours && (is("NEO4J_AUTH", "none") || is("NEO4J_dbms_security_auth__enabled", "false")) {
            findings.push(
                Finding::new(fault::A3, &[&side.name], name)
                    .evidence(format!("{name} is told to ask for no login"))
                    .reproduce(side.grep("auth"))
                    .fix("give it NEO4J_AUTH=neo4j/PASSWORD"),
            );
        }
    }
    findings
}

/// The hash by which a list of Redis users has a password.
fn hex(value: &str) -> String {
    let digest = Sha256::digest(value.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mark(hash: &str) -> Mark {
    static KEY: OnceLock<[u8; 32]> = OnceLock::new();
    // The standard library's own random keys: no hash of this run can be looked up in a table.
    let key = KEY.get_or_init(|| {
        let mut key = [0; 32];
        for (number, part) in key.chunks_mut(8).enumerate() {
            let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
            hasher.write_usize(number);
            part.copy_from_slice(&hasher.finish().to_le_bytes());
        }
        key
    });
    Sha256::new()
        .chain_update(key)
        .chain_update(hash.to_ascii_lowercase().as_bytes())
        .finalize()
        .into()
}
