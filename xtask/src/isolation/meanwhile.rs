//! What changed while the proof looked: about an environment that somebody stopped, started or made
//! anew meanwhile, nothing was proved, for better or worse.
//!
//! The compose files are read, not run: the static layer stands whatever happens on the engine.

use std::collections::BTreeMap;

use compose_audit::finding::Looked;
use compose_audit::finding::{Check, Expected, Finding, Layer, Seen};
use environments::Service;

use crate::identity::Identity;
use crate::isolation::scene::Scene;
use crate::tools::docker::Container;

/// Why an environment's answers do not belong together, by its name.
pub(super) type Changed = BTreeMap<String, String>;

/// Looks at the servers' containers once more. One call: no volume is made anew beneath a container
/// that stays. What a health check says is none of it: the layers have asked the servers themselves.
pub(super) fn changed(scene: &Scene<'_>) -> Changed {
    let names: Vec<String> = scene
        .sites
        .iter()
        .flat_map(|site| Service::ALL.map(|service| site.deployment.container(service)))
        .collect();
    let now = scene.context.docker.containers(&names);
    let mut changed = Changed::new();
    for site in &scene.sites {
        let why = match &now {
            Err(failure) => Some(format!(
                "whether it changed meanwhile is not known: {}",
                failure.message
            )),
            Ok(now) => {
                let of_site = |one: &&Container| {
                    let is = |service: &Service| site.deployment.container(*service) == one.name();
                    Service::ALL.iter().any(is)
                };
                let before = Identity::of_containers(site.observed.containers());
                let after = Identity::of_containers(now.iter().filter(of_site));
                difference(&before, &after)
            }
        };
        if let Some(why) = why {
            changed.insert(site.name().to_owned(), why);
        }
    }
    changed
}

fn difference(before: &Identity, after: &Identity) -> Option<String> {
    let changes = before.changes(after).into_iter();
    let first = changes.into_iter().find(|change| !change.of_health())?;
    let subject = first.subject();
    Some(format!("{subject} changed while the proof looked: {first}"))
}

/// Takes back what was answered or found about those environments.
pub(super) fn doubt(looked: &mut [Looked], changed: &Changed) {
    for one in looked.iter_mut().filter(|one| one.layer != Layer::Static) {
        let outcome = &mut one.outcome;
        for check in &mut outcome.checks {
            let why = changed.get(&check.from).or_else(|| changed.get(&check.to));
            if let (Some(why), true) = (why, check.observed != Seen::CouldNotAsk) {
                check.observed = Seen::CouldNotAsk;
                check.control.clone_from(why);
            }
        }
        let (kept, doubtful): (Vec<Finding>, Vec<Finding>) = std::mem::take(&mut outcome.findings)
            .into_iter()
            .partition(|one| {
                !one.environments
                    .iter()
                    .any(|name| changed.contains_key(name))
            });
        outcome.findings = kept;
        let cells = doubtful
            .iter()
            .filter_map(|finding| cell(one.layer, finding, changed));
        outcome.checks.extend(cells);
    }
}

/// A finding that may be none: a cell without an answer, which keeps what was seen.
fn cell(layer: Layer, finding: &Finding, changed: &Changed) -> Option<Check> {
    let why = finding
        .environments
        .iter()
        .find_map(|name| changed.get(name))?;
    let first = finding.environments.first()?;
    Some(Check {
        layer,
        from: first.clone(),
        to: finding.environments.last().unwrap_or(first).clone(),
        subject: format!("{}: {}", finding.fault.id, finding.subject),
        expected: Expected::Distinct,
        observed: Seen::CouldNotAsk,
        control: format!("{why}; until then it looked as if {}", finding.evidence),
    })
}

#[cfg(test)]
mod tests {
    use environments::{Deployment, Environment, Instance};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;
    use crate::observe::Observed;
    use crate::observe::testing::{running, stopped};
    use compose_audit::fault::{E4, S1};
    use compose_audit::finding::Outcome;

    #[test]
    fn a_container_that_came_went_or_started_anew_is_a_change() {
        let deployment = Deployment::new(Environment::Dev, Instance::main());
        let seen = running(&deployment);
        let moment = |observed: &Observed| Identity::of_containers(observed.containers());
        let before = moment(&seen);
        assert_eq!(difference(&before, &before), None);
        let mut restarted = seen.clone();
        let redis = restarted.redis.as_mut().expect("it is there");
        "2026-02-02T00:00:00Z".clone_into(&mut redis.state.started_at);
        let mut gone = seen.clone();
        gone.redis = None;
        for after in [restarted, gone, stopped(&deployment)].map(|one| moment(&one)) {
            let why = difference(&before, &after).expect("it is a change");
            assert!(why.contains("tta-dev-"), "{why}");
            assert!(difference(&after, &before).is_some(), "{after:?}");
        }
    }

    fn looked(layer: Layer) -> Looked {
        let check = |from: &str, to: &str| Check {
            layer,
            from: from.to_owned(),
            to: to.to_owned(),
            subject: "x".to_owned(),
            expected: Expected::Blocked,
            observed: Seen::TimedOut,
            control: "it answers its own".to_owned(),
        };
        Looked {
            layer,
            outcome: Outcome {
                findings: vec![
                    Finding::new(E4, &["dev", "test"], "x").evidence("it is there"),
                    Finding::new(S1, &["dev", "staging"], "y"),
                ],
                checks: vec![
                    check("dev", "test"),
                    check("test", "dev"),
                    check("dev", "staging"),
                ],
                remarks: Vec::new(),
            },
            seconds: 0.0,
        }
    }

    #[test]
    fn about_what_changed_nothing_is_proved_and_all_else_stands() {
        let changed = Changed::from([("test".to_owned(), "it changed".to_owned())]);
        let mut all = [looked(Layer::Engine)];
        doubt(&mut all, &changed);
        let outcome = &all[0].outcome;
        assert_eq!(outcome.findings.len(), 1);
        assert_eq!(outcome.findings[0].fault, S1);
        let seen: Vec<Seen> = outcome.checks.iter().map(|check| check.observed).collect();
        let unknown = Seen::CouldNotAsk;
        assert_eq!(seen, [unknown, unknown, Seen::TimedOut, unknown]);
        let cell = &outcome.checks[3];
        assert_eq!((cell.from.as_str(), cell.to.as_str()), ("dev", "test"));
        assert!(
            cell.subject.contains("E4") && cell.control.contains("it is there"),
            "{cell:?}"
        );
    }

    proptest! {
        #[test]
        fn whatever_was_found_nothing_is_left_about_what_changed(
            layer in 0..7_usize,
            found in vec(subsequence(vec!["dev", "test", "staging", "prod"], 0..4), 0..5),
            names in subsequence(vec!["dev", "test", "staging"], 0..4),
        ) {
            let why = |name: &str| (name.to_owned(), "it changed".to_owned());
            let changed: Changed = names.into_iter().map(why).collect();
            let mut one = looked(Layer::ALL[layer]);
            let found = found.iter().map(|names| Finding::new(E4, names, "z"));
            one.outcome.findings.extend(found);
            let before = one.outcome.clone();
            let mut all = [one];
            doubt(&mut all, &changed);
            let after = &all[0].outcome;
            if layer == 0 {
                prop_assert_eq!(&before, after);
                return Ok(());
            }
            let about = |name: &String| changed.contains_key(name);
            prop_assert!(!after.findings.iter().any(|one| one.environments.iter().any(about)));
            let answered = |check: &&Check| check.observed != Seen::CouldNotAsk;
            let mut answered = after.checks.iter().filter(answered);
            prop_assert!(!answered.any(|check| about(&check.from) || about(&check.to)));
            // What was taken back is told.
            let cells = after.checks.len() - before.checks.len();
            prop_assert_eq!(before.findings.len(), after.findings.len() + cells);
        }
    }

    #[test]
    fn what_files_say_stands_whatever_changes() {
        let changed = Changed::from([("dev".to_owned(), "it changed".to_owned())]);
        let mut all = [looked(Layer::Static)];
        doubt(&mut all, &changed);
        assert_eq!(all[0].outcome, looked(Layer::Static).outcome);
    }
}
