//! S14 and S18: image references that no engine takes (Compose renders them and exits 0), and one
//! image name that two environments build differently.
//!
//! Pure.

use serde_json::Value;

use crate::fault;
use crate::finding::Finding;
use crate::statics::side::{Side, grep_both};
use process::printable;

/// S14: services whose image has a name that is none, and why.
pub(crate) fn unusable(side: &Side) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &side.model.services {
        let Some(image) = &service.image else {
            continue;
        };
        if let Err(problem) = reference(image) {
            findings.push(
                Finding::new(fault::S14, &[&side.name], name)
                    .evidence(format!(
                        "{name} has the image {:?}: {problem}",
                        printable(image)
                    ))
                    .reproduce(side.grep("\"image\""))
                    .fix("write it as [HOST[:PORT]/]NAME[:TAG][@DIGEST]"),
            );
        }
    }
    findings
}

pub(crate) fn count(side: &Side) -> usize {
    let services = side.model.services.values();
    services.filter(|service| service.image.is_some()).count()
}

/// Checks a reference by the grammar of the distribution project's package `reference`.
pub(crate) fn reference(text: &str) -> Result<(), &'static str> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    if let Some(digest) = digest {
        let (algorithm, hex) = digest
            .split_once(':')
            .ok_or("its digest has no algorithm")?;
        let plain =
            |character: char| character.is_ascii_alphanumeric() || "+._-".contains(character);
        if algorithm.is_empty() || !algorithm.chars().all(plain) {
            return Err("its digest's algorithm has no name");
        }
        if hex.len() < 32 || !hex.chars().all(|character| character.is_ascii_hexdigit()) {
            return Err("its digest is not 32 or more hexadecimal digits");
        }
    }
    let (path, last) = match rest.rsplit_once('/') {
        Some((path, last)) => (Some(path), last),
        None => (None, rest),
    };
    let (last, tag) = match last.split_once(':') {
        Some((last, tag)) => (last, Some(tag)),
        None => (last, None),
    };
    if let Some(tag) = tag {
        if tag.contains(':') {
            return Err("it has two tags");
        }
        let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let later = |character: char| word(character) || character == '.' || character == '-';
        if tag.is_empty() || tag.len() > 128 || !tag.starts_with(word) || !tag.chars().all(later) {
            return Err("its tag is none");
        }
    }
    let mut components: Vec<&str> = path
        .map(|path| path.split('/').collect())
        .unwrap_or_default();
    components.push(last);
    let host = components.len() > 1
        && (components[0].contains(['.', ':'])
            || components[0] == "localhost"
            || components[0]
                .chars()
                .any(|character| character.is_ascii_uppercase()));
    if host {
        if !registry(components[0]) {
            return Err("its registry's host is none");
        }
        components.remove(0);
    }
    if components
        .iter()
        .all(|component| self::component(component))
    {
        Ok(())
    } else {
        Err("its name is not of lower-case letters and digits, parted by one of . _ - or by /")
    }
}

fn registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let digits = |port: &str| !port.is_empty() && port.chars().all(|digit| digit.is_ascii_digit());
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let named = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(|label| {
            let edge = |character: char| character.is_ascii_alphanumeric();
            let inner = |character: char| edge(character) || character == '-';
            label.starts_with(edge) && label.ends_with(edge) && label.chars().all(inner)
        }),
    };
    named && port.is_none_or(digits)
}

fn component(text: &str) -> bool {
    let letter = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    if !(text.starts_with(letter) && text.ends_with(letter)) {
        return false;
    }
    text.split(letter).all(|between| {
        matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-')
    })
}

/// An image by the name that the file gives it, and how it is built.
fn built(side: &Side) -> Vec<(&str, String, &Value)> {
    let mut all = Vec::new();
    for (name, service) in &side.model.services {
        if let (Some(build), image) = (&service.build, &service.image) {
            let image = image.clone().filter(|image| !image.is_empty());
            let default = format!("{}-{name}", side.model.name);
            all.push((name.as_str(), tagged(&image.unwrap_or(default)), build));
        }
    }
    all
}

/// With the tag that the engine adds.
fn tagged(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains([':', '@']) {
        image.to_owned()
    } else {
        format!("{image}:latest")
    }
}

pub(crate) fn count_built(side: &Side) -> usize {
    built(side).len()
}

/// S18: building one environment replaces the other's program by another. Built the same, it is the
/// same program.
pub(crate) fn built_twice(one: &Side, other: &Side) -> Vec<Finding> {
    let theirs = built(other);
    let mut findings = Vec::new();
    for (service, image, build) in built(one) {
        for (against, target, other_build) in &theirs {
            if image != *target || build == *other_build {
                continue;
            }
            findings.push(
                Finding::new(fault::S18, &[&one.name, &other.name], &image)
                    .evidence(format!(
                        "{service} of {} and {against} of {} build the image {image} in different ways: building one replaces the other's",
                        one.name, other.name
                    ))
                    .reproduce(grep_both(one, other, &image))
                    .fix(format!("give {against} of {} an `image:` of its own", other.name)),
            );
        }
    }
    findings
}
