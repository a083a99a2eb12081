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

use compose_audit::finding::{Check, Expected, Finding, Layer, Outcome, Seen};
use environments::{Deployment, Instance, Service, Volume};

use crate::isolation::census::{Census, Network};
use crate::isolation::engine::ask::{OfSite, Told};
use crate::isolation::engine::drift::Known;
use crate::isolation::engine::standing::{Evidence, Judged};
use crate::isolation::scene::Scene;

pub(crate) fn look(scene: &Scene<'_>) -> Outcome {
    let census = match scene.census() {
        Ok(census) => census,
        Err(why) => return blind(scene, &why),
    };
    let told = ask::ask(scene, census);
    let deployments: Vec<Deployment> = scene
        .sites
        .iter()
        .map(|site| site.deployment.clone())
        .collect();
    judge(&scene.context.instance, &deployments, &told, census)
}

/// What was told of the environments in scope, judged. Pure.
fn judge(instance: &Instance, deployments: &[Deployment], told: &Told, census: &Census) -> Outcome {
    let evidence = Evidence {
        instance: instance.clone(),
        sites: deployments
            .iter()
            .zip(&told.sites)
            .map(|(deployment, told)| Judged {
                deployment: deployment.clone(),
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
    for (deployment, of_site) in deployments.iter().zip(&told.sites) {
        outcome.extend(own(deployment, of_site, told, census));
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
fn own(deployment: &Deployment, of_site: &OfSite, told: &Told, census: &Census) -> Outcome {
    let network = census.network(deployment);
    let mut outcome = Outcome::default();
    for (service, tried) in Service::ALL.into_iter().zip(&of_site.health) {
        let name = deployment.container(service);
        let found = census.server(deployment, service);
        let missing = || format!("there is no container {name}");
        let drift = found.ok_or_else(missing).and_then(|container| {
            let known = known(of_site, told, network)?;
            drift::container(deployment, service, container, known)
        });
        outcome.extend(answered(
            deployment,
            &format!("{name} against its file"),
            (Expected::Same, Seen::Same, Seen::Distinct),
            "compose's hash and each field that isolation stands on",
            drift,
        ));
        let health = found.ok_or_else(missing).and_then(|container| {
            let tried = tried.clone()?;
            health::judge(deployment, service, container, tried)
        });
        outcome.extend(answered(
            deployment,
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
    let name = deployment.network();
    let drift = match (&of_site.model, network) {
        (_, None) => Err(format!("there is no network {name}")),
        (Err(why), _) => Err(why.clone()),
        (Ok(model), Some(_)) => Ok(drift::network(deployment, model, census)),
    };
    outcome.extend(answered(
        deployment,
        &format!("{name} against its file"),
        (Expected::Same, Seen::Same, Seen::Distinct),
        "its labels, its driver, whether it is closed",
        drift,
    ));
    for volume in Volume::ALL {
        if census.volume(deployment, volume).is_none() {
            let name = deployment.volume(volume);
            let why = format!("there is no volume {name}");
            let seen = (Expected::Same, Seen::Same, Seen::Distinct);
            outcome.extend(answered(deployment, &name, seen, "", Err(why)));
        }
    }
    outcome
}

fn known<'a>(
    of_site: &'a OfSite,
    told: &'a Told,
    network: Option<&'a Network>,
) -> Result<Known<'a>, String> {
    Ok(Known {
        model: of_site.model.as_ref().map_err(Clone::clone)?,
        network,
        hashes: of_site.hashes.as_ref().map_err(Clone::clone)?,
        copies: &of_site.copies,
        compose: told.compose.as_deref().map_err(Clone::clone)?,
        images: told.images.as_ref().map_err(Clone::clone)?,
    })
}

/// One cell, and the finding where there is one.
fn answered(
    deployment: &Deployment,
    subject: &str,
    (expected, good, bad): (Expected, Seen, Seen),
    control: &str,
    judged: Result<Option<Finding>, String>,
) -> Outcome {
    let name = deployment.environment().slug();
    let (observed, control, finding) = match judged {
        Ok(None) => (good, control.to_owned(), None),
        Ok(Some(finding)) => (bad, finding.evidence.clone(), Some(finding)),
        Err(why) => (Seen::CouldNotAsk, why, None),
    };
    Outcome {
        findings: finding.into_iter().collect(),
        checks: vec![Check {
            layer: Layer::Engine,
            from: name.to_owned(),
            to: name.to_owned(),
            subject: subject.to_owned(),
            expected,
            observed,
            control,
        }],
        remarks: Vec::new(),
    }
}
