//! Plans for given states, as the text that is shown.

use environments::{Deployment, Dev, Environment, Instance};

use super::*;
use crate::observe::testing::{nothing, running, stopped};

#[test]
fn wiping_a_running_development_kills_removes_recreates_and_counts() {
    let dev = Disposable::of(Dev, Instance::main());
    insta::assert_snapshot!(recreate(&dev, &running(dev.deployment()), None));
}

#[test]
fn wiping_what_a_killed_run_left_goes_on_where_it_stopped() {
    let dev = Disposable::of(Dev, Instance::main());
    let mut observed = stopped(dev.deployment());
    insta::assert_snapshot!(recreate(&dev, &observed, None));
    observed.neo4j = None;
    observed.redis = None;
    insta::assert_snapshot!(recreate(&dev, &observed, None));
    insta::assert_snapshot!(recreate(&dev, &nothing(dev.deployment()), None));
}

#[test]
fn wiping_staging_takes_a_drilled_snapshot_and_makes_its_external_volumes_anew() {
    let staging = Deployment::new(Environment::Staging, Instance::main());
    let same = |text: &str| (text.to_owned(), text.to_owned());
    let evidence = environments::Evidence {
        deployment: staging.clone(),
        engines: same("e1"),
        stores: same("A1"),
        matched: Some(true),
        age: Some(std::time::Duration::from_secs(60)),
    };
    let protected = environments::Protected::of(environments::Staging, Instance::main());
    let target = Expendable::behind(protected, &evidence).expect("it is covered");
    insta::assert_snapshot!(wipe(&target, &running(&staging)));
}

#[test]
fn the_journal_is_told_what_is_to_be_removed_by_id_and_time() {
    let dev = Disposable::of(Dev, Instance::main());
    let plan = recreate(&dev, &running(dev.deployment()), None);
    let deeds = plan
        .steps
        .iter()
        .flat_map(|step| plan::Action::deeds(&step.action));
    let lines: Vec<String> = deeds
        .map(|deed| serde_json::to_string(&deed).expect("a line"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
