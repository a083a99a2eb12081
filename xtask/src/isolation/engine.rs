//! The engine layer: whose containers, volumes and networks are, who is where, and what they may do.
//!
//! Hands what was told ([`ask`]) to judges that ask nobody.

mod ask;
mod cells;
mod drift;
mod health;
mod model;
mod objects;
mod power;
mod standing;
#[cfg(test)]
mod tests;

use environments::{Service, Volume};

use crate::isolation::census::Census;
use crate::isolation::engine::ask::{OfSite, Told};
use crate::isolation::engine::drift::Known;
use crate::isolation::engine::standing::{Evidence, Judged};
use crate::isolation::finding::{Check, Expected, Finding, Layer, Outcome, Seen};
use crate::isolation::scene::{Scene, Site};

pub(crate) fn look(scene: &Scene<'_>) -> Outcome {
    let census = match scene.census() {
        Ok(census) => census,
        Err(why) => return blind(scene, &why),
    };
    let told = ask::ask(scene, census);
    let evidence = Evidence {
        instance: scene.context.instance.clone(),
        sites: scene
            .sites
            .iter()
            .zip(&told.sites)
            .map(|(site, told)| Judged {
                deployment: site.deployment.clone(),
                model: told.model.clone(),
            })
            .collect(),
        census,
        runs: told.runs.clone(),
    };
    let mut outcome = Outcome::default();
    outcome.findings.extend(objects::judge(&evidence));
    outcome.findings.extend(power::judge(&evidence));
    outcome
        .checks
        .extend(cells::apart(&evidence, &outcome.findings));
    for (site, of_site) in scene.sites.iter().zip(&told.sites) {
        outcome.extend(own(site, of_site, &told, census));
    }
    outcome
}

fn blind(scene: &Scene<'_>, why: &str) -> Outcome {
    let mut all = Outcome::default();
    for site in &scene.sites {
        all.extend(Outcome::blind(Layer::Engine, site.name(), why));
    }
    all
}

/// What each environment's own objects are asked: whether they are as its file says, and whether
/// their health checks can fail.
fn own(site: &Site, of_site: &OfSite, told: &Told, census: &Census) -> Outcome {
    let mut outcome = Outcome::default();
    for (service, tried) in Service::ALL.into_iter().zip(&of_site.health) {
        let name = site.deployment.container(service);
        let found = census.server(&site.deployment, service);
        let missing = || format!("there is no container {name}");
        let drift = found.ok_or_else(missing).and_then(|container| {
            let known = known(of_site, told)?;
            drift::container(&site.deployment, service, container, known)
        });
        outcome.extend(answered(
            site,
            &format!("{name} against its file"),
            (Expected::Same, Seen::Same, Seen::Distinct),
            "compose's hash and each field that isolation stands on",
            drift,
        ));
        let health = found.ok_or_else(missing).and_then(|container| {
            let tried = tried.clone()?;
            health::judge(&site.deployment, service, container, tried)
        });
        outcome.extend(answered(
            site,
            &format!("the health check of {name}, without a credential"),
            (
                Expected::LoginRefused,
                Seen::LoginRefused,
                Seen::LoginAccepted,
            ),
            "with its own credential it succeeds",
            health,
        ));
    }
    let network = site.deployment.network();
    let drift = match (&of_site.model, census.network(&site.deployment)) {
        (_, None) => Err(format!("there is no network {network}")),
        (Err(why), _) => Err(why.clone()),
        (Ok(model), Some(_)) => Ok(drift::network(&site.deployment, model, census)),
    };
    outcome.extend(answered(
        site,
        &format!("{network} against its file"),
        (Expected::Same, Seen::Same, Seen::Distinct),
        "its labels, its driver, whether it is closed",
        drift,
    ));
    for volume in Volume::ALL {
        if census.volume(&site.deployment, volume).is_none() {
            let name = site.deployment.volume(volume);
            let why = format!("there is no volume {name}");
            let seen = (Expected::Same, Seen::Same, Seen::Distinct);
            outcome.extend(answered(site, &name, seen, "", Err(why)));
        }
    }
    outcome
}

fn known<'a>(of_site: &'a OfSite, told: &'a Told) -> Result<Known<'a>, String> {
    Ok(Known {
        model: of_site.model.as_ref().map_err(Clone::clone)?,
        hashes: of_site.hashes.as_ref().map_err(Clone::clone)?,
        copies: &of_site.copies,
        compose: told.compose.as_deref().map_err(Clone::clone)?,
        images: told.images.as_ref().map_err(Clone::clone)?,
    })
}

/// One cell, and the finding where there is one.
fn answered(
    site: &Site,
    subject: &str,
    (expected, good, bad): (Expected, Seen, Seen),
    control: &str,
    judged: Result<Option<Finding>, String>,
) -> Outcome {
    let (observed, control, finding) = match judged {
        Ok(None) => (good, control.to_owned(), None),
        Ok(Some(finding)) => (bad, finding.evidence.clone(), Some(finding)),
        Err(why) => (Seen::CouldNotAsk, why, None),
    };
    Outcome {
        findings: finding.into_iter().collect(),
        checks: vec![Check {
            layer: Layer::Engine,
            from: site.name().to_owned(),
            to: site.name().to_owned(),
            subject: subject.to_owned(),
            expected,
            observed,
            control,
        }],
        remarks: Vec::new(),
    }
}
