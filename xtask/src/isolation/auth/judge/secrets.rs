//! A1: what two environments are configured with, compared as keyed hashes.

use compose_audit::finding::{Expected, Outcome, Seen};
use environments::Instance;

use super::cell;
use crate::isolation::auth::evidence::Site;
use crate::isolation::auth::findings as say;
use crate::isolation::servers::keyed::Digest;

pub(super) fn shared(outcome: &mut Outcome, instance: &Instance, one: &Site, other: &Site) {
    let (ours, theirs) = (places(one), places(other));
    let subject = "every secret".to_owned();
    let (name, to) = (one.environment.slug(), other.environment);
    let lacking = [(one, &ours), (other, &theirs)]
        .into_iter()
        .find_map(|(site, places)| lacking(site, places));
    let mut digests: Vec<&Digest> = ours
        .iter()
        .map(|(digest, _)| digest)
        .filter(|digest| theirs.iter().any(|(other, _)| other == *digest))
        .collect();
    digests.sort();
    digests.dedup();
    let control = format!(
        "{} of {} and {} of {to} compared by keyed hashes, each server's own password among them",
        ours.len(),
        one.environment,
        theirs.len()
    );
    let observed = match (&lacking, digests.is_empty()) {
        (_, false) => Seen::Same,
        (Some(_), true) => Seen::CouldNotAsk,
        (None, true) => Seen::Distinct,
    };
    outcome.checks.push(cell(
        name,
        to,
        subject,
        Expected::Distinct,
        observed,
        lacking.as_ref().unwrap_or(&control),
    ));
    for digest in digests {
        let at = |site: &Site, places: &[(Digest, String)]| -> Vec<String> {
            places
                .iter()
                .filter(|(found, _)| found == digest)
                .map(|(_, place)| format!("{} of {}", place, site.environment))
                .collect()
        };
        let at = [at(one, &ours), at(other, &theirs)].concat();
        outcome
            .findings
            .push(say::shared(instance, one, other, &at));
    }
}

/// Every secret of an environment, with where it is.
fn places(site: &Site) -> Vec<(Digest, String)> {
    let mut places = Vec::new();
    if let Ok(graph) = &site.graph {
        let told = graph.secrets.iter();
        places.extend(told.map(|one| (one.digest.clone(), format!("neo4j {}", one.place))));
    }
    if let Ok(keys) = &site.keys {
        let told = keys.secrets.iter();
        places.extend(told.map(|one| (one.digest.clone(), format!("redis {}", one.place))));
        for user in keys.users.iter().flatten() {
            let hashes = user.passwords.iter();
            places.extend(hashes.map(|one| (one.clone(), format!("redis user {}", user.name))));
        }
    }
    places
}

/// Why an environment's secrets are not all known.
fn lacking(site: &Site, places: &[(Digest, String)]) -> Option<String> {
    let environment = site.environment;
    let why = match (&site.graph, &site.keys) {
        (Err(why), _) => format!("neo4j of {environment}: {why}"),
        (_, Err(why)) => format!("redis of {environment}: {why}"),
        (Ok(_), Ok(keys)) => match &keys.users {
            Err(why) => format!("redis of {environment}: {why}"),
            Ok(_) if places.is_empty() => format!("no secret was found in {environment}"),
            Ok(_) => return None,
        },
    };
    Some(why)
}
