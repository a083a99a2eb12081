//! Plans for given states, as the text that is shown.

use environments::{Changeable, Dev, Environment, Instance, Volume};

use super::*;
use crate::observe::testing::{nothing, running, stopped};

fn deployment(environment: Environment) -> Deployment {
    Deployment::new(environment, Instance::main())
}

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
fn starting_staging_makes_its_external_volumes_and_starting_dev_does_not() {
    insta::assert_snapshot!(up(&nothing(&deployment(Environment::Staging))));
    insta::assert_snapshot!(up(&nothing(&deployment(Environment::Dev))));
}

#[test]
fn stopping_stops_with_grace_and_leaves_every_volume() {
    let plan = down(&running(&deployment(Environment::Staging)));
    insta::assert_snapshot!(plan);
    assert!(!plan.removed().iter().any(|line| line.starts_with("volume")));
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
        assert!(!plan.removed().iter().any(|line| line.starts_with("volume")));
        let plan = adopted_before(&observed, adoption());
        assert_eq!(plan.removed(), Vec::<String>::new());
        // Of what a killed run has filled, only the rest is.
        let rest = |filled| adopt_rest(&observed, adoption(), filled);
        assert_eq!(rest(&[Volume::RedisData]).to_string(), plan.to_string());
        let more = rest(&[Volume::Neo4jData]);
        assert_eq!(more.steps.len(), plan.steps.len() + 1);
        assert_eq!(more.removed(), Vec::<String>::new());
    }
}

#[test]
fn only_what_lacks_a_mark_is_marked() {
    let dev = deployment(Environment::Dev);
    let observed = running(&dev);
    let servers = (observed.neo4j.as_ref(), observed.redis.as_ref());
    let (Some(neo4j), Some(redis)) = servers else {
        panic!("both run");
    };
    let target = Changeable::Disposable(Disposable::of(Dev, Instance::main()));
    let of = |keys, nodes| mark(&target, neo4j, redis, keys, nodes);
    insta::assert_snapshot!(of(3, 1), @r"
    Plan for dev:
      1. prefix 3 keys
           because the environment's user may touch no key without the prefix
      2. label 1 node
           because a node must say which environment it is from
    ");
    assert_eq!(of(0, 2).steps.len(), 1);
    assert_eq!(of(0, 0).steps, []);
    assert_eq!(of(3, 1).removed(), Vec::<String>::new());
}

#[test]
fn wiping_staging_takes_a_drilled_snapshot_and_makes_its_external_volumes_anew() {
    let staging = deployment(Environment::Staging);
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
fn the_journal_is_told_what_is_removed_by_id_and_time() {
    let dev = Disposable::of(Dev, Instance::main());
    let plan = recreate(&dev, &running(dev.deployment()), None);
    insta::assert_snapshot!(plan.removed().join("\n"));
}
