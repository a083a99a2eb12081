//! Whether a run that was cut off may be gone on with: what its lines in the journal name, compared
//! with what the engine has. A line alone allows nothing. Pure.

use crate::journal::{Deed, Kind, Run, Verb};
use crate::observe::Observed;

/// The leave to remove what is left of a protected deployment's volumes, or to start it on new ones.
/// Nothing but the comparison yields one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    store: String,
    all_gone: bool,
}

impl Begun {
    /// What a run has begun that was cut off and after which nothing else has changed the deployment:
    /// volumes that it named are gone, and nobody has put anything in their place meanwhile.
    ///
    /// None where every volume that it named is there as it was: then nothing was lost yet, and
    /// everything begins anew, with all guards.
    pub(crate) fn of(run: &Run, observed: &Observed) -> Option<Self> {
        let store = run.begun.store.clone()?;
        let named: Vec<&Deed> = run
            .about(Verb::Remove)
            .filter(|deed| deed.kind == Kind::Volume)
            .collect();
        let as_it_was = |deed: &&&Deed| {
            let mut there = observed.volumes();
            there.any(|(_, one)| one.name == deed.name && one.created_at == deed.id)
        };
        let left = named.iter().filter(as_it_was).count();
        let by_it = |deed: &&Deed| run.may_have_done(Verb::Remove).any(|one| one == *deed);
        let gone = named.iter().filter(|deed| !as_it_was(deed));
        if left == named.len() || !gone.copied().all(|deed| by_it(&deed)) {
            return None;
        }
        // Its own new volumes come only once all old ones are gone: a mixture is another's work, and
        // so is a server beside old data.
        let strange = observed.volumes().count() > left || observed.containers().next().is_some();
        (left == 0 || !strange).then_some(Self {
            store,
            all_gone: left == 0,
        })
    }

    /// The store that was compared with the snapshot before anything was removed.
    pub(crate) fn store(&self) -> &str {
        &self.store
    }

    /// Whether no old volume is left.
    pub(crate) const fn all_gone(&self) -> bool {
        self.all_gone
    }
}

/// Whether a run that was cut off has ended the servers of a deployment and done nothing else: all its
/// volumes are there, and the containers that are not gone are those that it may have ended.
pub(crate) fn stopped_by(run: &Run, observed: &Observed) -> bool {
    let ended: Vec<&str> = [Verb::Kill, Verb::Stop, Verb::Remove]
        .into_iter()
        .flat_map(|verb| run.may_have_done(verb))
        .filter(|deed| deed.kind == Kind::Container)
        .map(|deed| deed.id.as_str())
        .collect();
    let volumes_as_they_were = observed.volumes().count() == observed.volumes.len();
    !run.done()
        && !ended.is_empty()
        && !observed.running()
        && volumes_as_they_were
        && observed
            .containers()
            .all(|container| ended.contains(&container.id.as_str()))
}

#[cfg(test)]
mod tests {
    use environments::{Deployment, Environment, Instance, Volume};

    use super::*;
    use crate::journal::{Entry, STARTED, StepLine};
    use crate::observe::testing::{nothing, running, stopped};

    fn staging() -> Deployment {
        Deployment::new(Environment::Staging, Instance::main())
    }

    /// A wipe that was about to kill, remove containers and remove volumes, as far as it came.
    fn wipe(observed: &Observed, steps: usize) -> Run {
        let containers = |verb| {
            let containers = observed.containers();
            containers
                .map(|one| Deed::new(verb, Kind::Container, one.name(), &one.id))
                .collect()
        };
        let volumes = observed.volumes();
        let volumes = volumes
            .map(|(_, one)| Deed::new(Verb::Remove, Kind::Volume, &one.name, &one.created_at))
            .collect();
        let all = [containers(Verb::Kill), containers(Verb::Remove), volumes];
        let begun = Entry {
            run: "1".to_owned(),
            outcome: STARTED.to_owned(),
            store: Some("A1".to_owned()),
            ..Entry::default()
        };
        let step = |(at, deeds): (usize, Vec<Deed>)| Entry {
            step: Some(StepLine {
                number: at + 1,
                action: "a step".to_owned(),
                deeds,
            }),
            ..begun.clone()
        };
        let steps = all.into_iter().enumerate().map(step).take(steps);
        let lines = std::iter::once(begun.clone()).chain(steps).collect();
        Run::joined(lines).pop().expect("a run")
    }

    /// The same without some volumes, and without containers.
    fn without(observed: &Observed, gone: &[Volume]) -> Observed {
        let mut now = nothing(&observed.deployment);
        now.volumes.clone_from(&observed.volumes);
        for (volume, state) in &mut now.volumes {
            if gone.contains(volume) {
                *state = None;
            }
        }
        now
    }

    #[test]
    fn where_nothing_is_gone_no_line_allows_anything() {
        let before = running(&staging());
        for steps in 0..=3 {
            let run = wipe(&before, steps);
            for now in [&before, &stopped(&staging()), &without(&before, &[])] {
                assert_eq!(Begun::of(&run, now), None, "{steps} steps");
            }
        }
    }

    #[test]
    fn what_is_gone_and_was_named_allows_the_rest() {
        let before = running(&staging());
        let run = wipe(&before, 3);
        let some = without(&before, &[Volume::Neo4jData]);
        let begun = Begun::of(&run, &some).expect("a volume is gone");
        assert_eq!((begun.store(), begun.all_gone()), ("A1", false));
        let none = without(&before, &Volume::ALL);
        assert!(Begun::of(&run, &none).expect("all are gone").all_gone());
        // Gone, and not by this run: it had not come as far, or says that it removed none.
        assert_eq!(Begun::of(&wipe(&before, 2), &some), None);
        let mut failed = run;
        if let Some(step) = failed.steps.last_mut() {
            "failed".clone_into(&mut step.outcome);
        }
        assert_eq!(Begun::of(&failed, &some), None);
    }

    #[test]
    fn old_data_that_somebody_has_started_on_or_put_something_beside_is_not_left_over() {
        let before = running(&staging());
        let run = wipe(&before, 3);
        let mut served = without(&before, &[Volume::Neo4jData]);
        served.redis.clone_from(&before.redis);
        assert_eq!(Begun::of(&run, &served), None);
        let mut mixed = before.clone();
        (mixed.neo4j, mixed.redis) = (None, None);
        if let Some((_, Some(volume))) = mixed.volumes.first_mut() {
            "2026-02-02T00:00:00Z".clone_into(&mut volume.created_at);
        }
        assert_eq!(Begun::of(&run, &mixed), None);
    }

    #[test]
    fn a_run_without_a_store_that_was_compared_allows_nothing() {
        let before = running(&staging());
        let mut run = wipe(&before, 3);
        run.begun.store = None;
        assert_eq!(Begun::of(&run, &without(&before, &Volume::ALL)), None);
    }

    #[test]
    fn servers_are_stopped_by_a_run_that_named_them_and_by_no_other() {
        let before = running(&staging());
        let (down, gone) = (stopped(&staging()), without(&before, &[]));
        for now in [&down, &gone] {
            assert!(stopped_by(&wipe(&before, 1), now));
            assert!(!stopped_by(&wipe(&before, 0), now), "it named none");
        }
        assert!(!stopped_by(&wipe(&before, 3), &before), "they run");
        let mut failed = wipe(&before, 1);
        for step in &mut failed.steps {
            "failed".clone_into(&mut step.outcome);
        }
        assert!(!stopped_by(&failed, &down), "it says that it ended none");
        let less = without(&before, &[Volume::RedisData]);
        assert!(!stopped_by(&wipe(&before, 3), &less), "a volume is gone");
        let mut others = down.clone();
        if let Some(neo4j) = &mut others.neo4j {
            neo4j.id = "9".repeat(64);
        }
        assert!(
            !stopped_by(&wipe(&before, 3), &others),
            "another's container"
        );
    }
}
