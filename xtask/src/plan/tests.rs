//! Plans for given states, as the text that is shown.

use environments::{Environment, Instance};
use serde_json::json;

use super::*;
use crate::journal::Kind;
use crate::observe::testing::{nothing, running};

fn deployment(environment: Environment) -> Deployment {
    Deployment::new(environment, Instance::main())
}

#[test]
fn starting_staging_makes_its_external_volumes_and_starting_dev_does_not() {
    insta::assert_snapshot!(up(&nothing(&deployment(Environment::Staging))));
    insta::assert_snapshot!(up(&nothing(&deployment(Environment::Dev))));
}

#[test]
fn stopping_stops_with_grace_and_leaves_every_volume() {
    let plan = down(&running(&deployment(Environment::Staging)));
    insta::assert_snapshot!(plan);
    let deeds = plan.steps.iter().flat_map(|step| step.action.deeds());
    assert!(!deeds.into_iter().any(|deed| deed.kind == Kind::Volume));
}

#[test]
fn a_network_stays_while_somebody_else_is_on_it_and_the_plan_names_them() {
    let mut observed = running(&deployment(Environment::Dev));
    let ours = observed.neo4j.as_ref().map(|one| one.id.clone());
    let network = json!({
        "Id": "a".repeat(64),
        "Name": "tta-dev-network",
        "Labels": {},
        "Containers": {
            (ours.expect("it runs")): { "Name": "tta-dev-neo4j" },
            ("c".repeat(64)): { "Name": "grafana" },
        },
    });
    observed.network = Some(serde_json::from_value(network).expect("a network"));
    let plan = down(&observed);
    let removes = |step: &Step<EngineAction>| matches!(step.action, EngineAction::RemoveNetwork(_));
    assert!(!plan.steps.iter().any(removes));
    assert_eq!(
        plan.notes,
        [
            "the network tta-dev-network stays, because others are on it: grafana (cccccccccccc)",
            "  docker network disconnect tta-dev-network grafana   (then `down` removes it)",
        ]
    );
}
