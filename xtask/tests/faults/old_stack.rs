//! An old stack, a store whose database is `neo4j` and a Redis with bare keys, brought into
//! development: killed before or after any change, it ends well when it is run again.

use environments::{Environment, Volume};

use crate::harness::Xtask;
use crate::model;
use crate::orders::Act;
use crate::set::{Set, at_change, main_set};

const NEO4J: &str = "old_neo4j_data";
const REDIS: &str = "old_redis_data";
const PAGE: &str = include_str!("../../../docs/switching-databases.md");
/// How many changes an undisturbed run makes.
const CHANGES: usize = 45;

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
        assert_eq!(own.adopting, None, "{volume:?}");
    }
    let redis = state.volumes.remove(&dev.volume(Volume::RedisData));
    let redis = redis.expect("it is there");
    assert_eq!((redis.keys, redis.bare), (7, 0));
    // Nothing is left that was not there before, and the sources are as they were.
    assert_eq!(set.neighbours_of(Environment::Dev), neighbours);
}

/// The command's numbers of the changes to development's own volumes.
fn fillings() -> Vec<usize> {
    let set = begin();
    adopt(&set).run().code(0);
    let dev = main_set(Environment::Dev);
    let data = [Volume::Neo4jData, Volume::RedisData];
    let own = data.map(|volume| format!("volume {}", dev.volume(volume)));
    let changes = set.changes();
    let numbered = (1..).zip(&changes);
    let filling = numbered.filter(|(_, change)| own.iter().any(|volume| change.ends_with(volume)));
    filling.map(|(number, _)| number).collect()
}

/// Whether a volume holds something while another is still to be filled.
fn half_filled(set: &Set) -> bool {
    let state = set.state();
    state
        .volumes
        .values()
        .any(|volume| volume.adopting.is_some())
}

#[test]
fn no_server_is_started_on_volumes_that_an_adoption_has_filled_by_half() {
    let mut halves = 0;
    for number in fillings() {
        let set = begin();
        let before = neighbours(&set);
        set.order(&[at_change(number, Act::KillAfter)]);
        adopt(&set).run();
        set.order(&[]);
        if !half_filled(&set) {
            continue;
        }
        halves += 1;
        let volumes = set.state().volumes;
        let refused = |words: &[&str]| {
            let line = format!("adopt dev --from-neo4j {NEO4J} --from-redis {REDIS}");
            let run = set.xtask(words).run().code(3);
            run.stderr_has("filled by half").stderr_has(&line);
            let running = |one: &model::Container| one.status == "running";
            let state = set.state();
            let dev = |name: &String| name.starts_with("tta-dev-");
            let own = state.containers.iter().filter(|(name, _)| dev(name));
            assert!(
                !own.map(|(_, one)| one).any(running),
                "{words:?}: it was started"
            );
        };
        refused(&["up", "dev"]);
        refused(&["up", "dev", "--dry-run"]);
        // By fewer of the sources, what is left out would be started on as it is.
        let redis = main_set(Environment::Dev).volume(Volume::RedisData);
        if volumes[&redis].adopting.is_some() {
            refused(&["adopt", "dev", "--from-neo4j", NEO4J]);
        }
        // Also where its containers are gone.
        set.xtask(&["down", "dev"]).run().code(0);
        refused(&["up", "dev"]);
        let data = |state: &std::collections::BTreeMap<String, model::Volume>| {
            let own = state.iter().filter(|(name, _)| name.starts_with("tta_"));
            own.filter(|(name, _)| name.contains("_dev_") && !name.ends_with("_adopting"))
                .map(|(name, volume)| (name.clone(), volume.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(data(&set.state().volumes), data(&volumes));
        adopt(&set).run().code(0);
        adopted(&set, &before);
        set.xtask(&["up", "dev"]).run().code(0);
    }
    assert!(halves > 3, "{halves} of {:?}", fillings());
}

fn killed_everywhere(act: &Act) {
    for number in 1..=CHANGES {
        let set = begin();
        let (before, were) = (neighbours(&set), sources(&set));
        set.order(&[at_change(number, act.clone())]);
        let killed = adopt(&set).run();
        assert_eq!(killed.code, None, "not killed at {number}: {killed:?}");
        assert_eq!(sources(&set), were, "killed at change {number}");
        set.order(&[]);
        let again = adopt(&set).run();
        assert_eq!(again.code, Some(0), "killed at change {number}: {again:?}");
        adopted(&set, &before);
    }
}

#[test]
fn adopting_an_old_stack_killed_before_any_change_ends_well_when_it_is_run_again() {
    killed_everywhere(&Act::KillBefore);
}

#[test]
fn adopting_an_old_stack_killed_after_any_change_ends_well_when_it_is_run_again() {
    killed_everywhere(&Act::KillAfter);
}

#[test]
fn no_kill_point_of_an_adoption_is_left_out() {
    let set = begin();
    adopt(&set).run().code(0);
    assert_eq!(set.changes().len(), CHANGES, "{:?}", set.changes());
}
