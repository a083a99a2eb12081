//! Plans for given states, as the text that is shown.

use environments::{Deployment, Dev, Environment, Instance};

use super::*;
use crate::observe::testing::{nothing, running, stopped};
use crate::plan::Action as _;

fn deployment(environment: Environment) -> Deployment {
    Deployment::new(environment, Instance::main())
}

/// What a plan is about to remove.
fn removed(plan: &Plan<Action>) -> Vec<Deed> {
    let deeds = plan.steps.iter().flat_map(|step| step.action.deeds());
    deeds.filter(|deed| deed.verb == Verb::Remove).collect()
}

#[test]
fn old_volumes_are_brought_into_nothing_or_into_what_was_counted_empty() {
    let adoption = || Adoption {
        named: "--from-redis old_redis".to_owned(),
        graph: None,
        keys: Some(Keys {
            source: "old_redis".to_owned(),
            bytes: 1,
            census: crate::namespace::audit::Census::default(),
            left_out: Vec::new(),
        }),
    };
    let staging = deployment(Environment::Staging);
    insta::assert_snapshot!(adopt(&nothing(&staging), None, adoption()));
    let dev = Disposable::of(Dev, Instance::main());
    let empty = running(dev.deployment());
    insta::assert_snapshot!(adopt(&empty, Some(&dev), adoption()));
    // What is not known to be empty loses no volume.
    for observed in [stopped(&staging), stopped(dev.deployment())] {
        let plan = adopt(&observed, None, adoption());
        assert!(!removed(&plan).iter().any(|deed| deed.kind == Kind::Volume));
        let plan = adopted_before(&observed, adoption());
        assert_eq!(removed(&plan), []);
        // Of what a killed run has filled, only the rest is.
        let rest = |filled| adopt_rest(&observed, adoption(), filled);
        assert_eq!(rest(&[Volume::RedisData]).to_string(), plan.to_string());
        let more = rest(&[Volume::Neo4jData]);
        assert_eq!(more.steps.len(), plan.steps.len() + 1);
        assert_eq!(removed(&more), []);
    }
}
