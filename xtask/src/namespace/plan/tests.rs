//! Plans for given counts.

use environments::{Deployment, Dev, Disposable, Environment, Instance};

use super::*;
use crate::observe::testing::running;
use crate::plan::text;

#[test]
fn only_what_lacks_a_mark_is_marked() {
    let dev = Deployment::new(Environment::Dev, Instance::main());
    let observed = running(&dev);
    let servers = (observed.neo4j.as_ref(), observed.redis.as_ref());
    let (Some(neo4j), Some(redis)) = servers else {
        panic!("both run");
    };
    let target = Changeable::Disposable(Disposable::of(Dev, Instance::main()));
    let of = |keys, nodes| mark(&target, neo4j, redis, keys, nodes);
    insta::assert_snapshot!(text(&of(3, 1)), @r"
    Plan for dev:
      1. prefix 3 keys
           because the environment's user may touch no key without the prefix
      2. label 1 node
           because a node must say which environment it is from
    ");
    assert_eq!(of(0, 2).lines().len(), 1);
    assert!(of(0, 0).is_empty());
}
