//! An old stack, a store whose database is `neo4j` and a Redis with bare keys, brought into
//! development: killed after any change, it ends well when it is run again.

use environments::{Environment, Volume};

use crate::harness::Xtask;
use crate::model;
use crate::orders::Act;
use crate::set::{Set, at_change, main_set};

const NEO4J: &str = "old_neo4j_data";
const REDIS: &str = "old_redis_data";
const PAGE: &str = include_str!("../../../docs/switching-databases.md");
/// How many changes an undisturbed run makes.
const CHANGES: usize = 41;

fn begin() -> Set {
    let set = Set::running(&[Environment::Test, Environment::Staging]);
    set.change(|state| {
        let graph = model::Graph {
            nodes: 3,
            relationships: 2,
            constraints: ["session_id".to_owned()].into(),
            store: "old".to_owned(),
            ..model::Graph::fresh("neo4j", "")
        };
        let neo4j = model::Volume {
            created_at: state.moment(),
            graph: Some(graph),
            ..model::Volume::default()
        };
        let redis = model::Volume {
            created_at: state.moment(),
            keys: 7,
            bare: 7,
            ..model::Volume::default()
        };
        state.volumes.insert(NEO4J.to_owned(), neo4j);
        state.volumes.insert(REDIS.to_owned(), redis);
    });
    set
}

/// The command as it stands on the page.
fn adopt(set: &Set) -> Xtask {
    let mut lines = PAGE.lines();
    let command = lines.find_map(|line| line.strip_prefix("$ cargo xtask adopt "));
    let words = command.expect("the page has it").split(' ');
    set.xtask(&std::iter::once("adopt").chain(words).collect::<Vec<_>>())
}

/// All but development, the sources among it.
fn neighbours(set: &Set) -> String {
    set.neighbours_of(Environment::Dev)
}

fn sources(set: &Set) -> [model::Volume; 2] {
    let state = set.state();
    [NEO4J, REDIS].map(|name| state.volumes[name].clone())
}

#[track_caller]
fn adopted(set: &Set, neighbours: &str) {
    let graph = set.graph(Environment::Dev);
    assert_eq!((graph.nodes, graph.relationships), (3, 2));
    assert_eq!(graph.constraints, ["session_id".to_owned()].into());
    assert_eq!(
        (graph.home.as_str(), graph.label.as_str()),
        ("tta-dev", "Development")
    );
    let dev = main_set(Environment::Dev);
    let mut state = set.state();
    for volume in [Volume::Neo4jData, Volume::RedisData] {
        let own = &state.volumes[&dev.volume(volume)];
        assert_eq!(own.labels["org.tta.environment"], "dev");
        assert!(!own.adopting, "{volume:?}");
    }
    let redis = state.volumes.remove(&dev.volume(Volume::RedisData));
    let redis = redis.expect("it is there");
    assert_eq!((redis.keys, redis.bare), (7, 0));
    // Nothing is left that was not there before, and the sources are as they were.
    assert_eq!(set.neighbours_of(Environment::Dev), neighbours);
}

/// What is so after a change is so before the next.
#[test]
fn adopting_an_old_stack_killed_after_any_change_ends_well_when_it_is_run_again() {
    for number in 1..=CHANGES {
        let set = begin();
        let (before, were) = (neighbours(&set), sources(&set));
        set.order(&[at_change(number, Act::KillAfter)]);
        let killed = adopt(&set).run();
        assert_eq!(killed.code, None, "not killed at {number}: {killed:?}");
        assert_eq!(sources(&set), were, "killed at change {number}");
        set.order(&[]);
        let again = adopt(&set).run();
        assert_eq!(again.code, Some(0), "killed at change {number}: {again:?}");
        adopted(&set, &before);
    }
    // So that no kill point is left out when the command learns to do more.
    let set = begin();
    adopt(&set).run().code(0);
    assert_eq!(set.changes().len(), CHANGES, "{:?}", set.changes());
}
