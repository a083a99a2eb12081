//! Where every write is that a client was answered: in the servers, in what a restore has kept, in a
//! copy of an old volume, in a snapshot on the disk. Nothing of this is asked of the tool.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use environments::{Environment, Volume};

use crate::model::{Beside, Graph, Writes};
use crate::orders::Act;
use crate::put_back::{Saved, restore, wipe};
use crate::set::{Set, at_call, main_set, servers};

/// The names of the volumes that clients of an environment write to.
fn stores(environment: Environment) -> [String; 2] {
    [Volume::Neo4jData, Volume::RedisData].map(|store| main_set(environment).volume(store))
}

fn of(graph: Option<&Graph>, keys: &Writes) -> Writes {
    let nodes = graph.into_iter().flat_map(|graph| &graph.writes);
    nodes.chain(keys).copied().collect()
}

/// Every write to an environment that was ever acknowledged.
pub(crate) fn acknowledged(set: &Set, environment: Environment) -> Writes {
    let state = set.state();
    let all = stores(environment);
    let writes = all.iter().filter_map(|store| state.acknowledged.get(store));
    writes.flatten().copied().collect()
}

/// What the servers of an environment hold of them.
pub(crate) fn live(set: &Set, environment: Environment) -> Writes {
    let state = set.state();
    let volumes = stores(environment);
    let volumes = volumes.iter().filter_map(|name| state.volumes.get(name));
    volumes
        .flat_map(|volume| of(volume.graph.as_ref(), &volume.writes))
        .collect()
}

/// What was kept of an environment's on the engine: by restores, and by adoptions.
pub(crate) fn kept(set: &Set, environment: Environment) -> Writes {
    let state = set.state();
    let mut writes = Writes::new();
    for name in stores(environment) {
        let volume = state.volumes.get(&name);
        let before = volume.into_iter().flat_map(|volume| volume.before.values());
        let before = before.flat_map(|one: &Beside| of(one.graph.as_ref(), &one.writes));
        writes.extend(before);
        let copy = state.volumes.get(&format!("{name}_kept"));
        writes.extend(
            copy.filter(|copy| copy.kept)
                .into_iter()
                .flat_map(|copy| &copy.writes),
        );
    }
    writes
}

/// What each whole snapshot of an environment holds, by its id.
pub(crate) fn snapshots(set: &Set, environment: Environment) -> BTreeMap<String, Writes> {
    let folder = set.checkout().join("backups").join(environment.slug());
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let whole = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().expect("a name");
        // A folder has this name once it is whole.
        let whole = name.starts_with(|first: char| first.is_ascii_digit());
        whole.then(|| (name, saved(&entry.path())))
    });
    whole.collect()
}

fn saved(snapshot: &Path) -> Writes {
    let read = |name: &str| fs::read_to_string(snapshot.join(name)).expect("a file of it");
    let files = fs::read_dir(snapshot).expect("a folder").flatten();
    let mut names = files.filter_map(|file| file.file_name().into_string().ok());
    let dump = names.find(|name| name.ends_with(".dump")).expect("a dump");
    let graph: Option<Graph> = serde_json::from_str(&read(&dump)).expect("a dump of the fake's");
    let keys: (u64, Writes) =
        serde_json::from_str(&read("redis.rdb")).expect("an RDB of the fake's");
    of(graph.as_ref(), &keys.1)
}

/// Every write to an environment that is nowhere any more.
pub(crate) fn lost(set: &Set, environment: Environment) -> Writes {
    let mut lost = acknowledged(set, environment);
    let places = [live(set, environment), kept(set, environment)];
    for place in snapshots(set, environment).into_values().chain(places) {
        lost.retain(|write| !place.contains(write));
    }
    lost
}

/// Fails where anything that a client was answered is nowhere any more.
#[track_caller]
pub(crate) fn nothing_lost(set: &Set, environment: Environment) {
    assert_eq!(lost(set, environment), Writes::new(), "{environment}");
}

#[test]
fn what_clients_wrote_is_followed_into_snapshots_and_back() {
    const STAGING: Environment = Environment::Staging;
    let set = Set::usual();
    set.write(STAGING);
    let first = live(&set, STAGING);
    assert_eq!(first.len(), 2, "a node and a key");
    let saved = Saved::of(set);
    let (set, id) = (&saved.set, saved.id.as_str());
    assert_eq!(snapshots(set, STAGING)[id], first);

    set.write(STAGING);
    let both = live(set, STAGING);
    assert_eq!(both.len(), 4);
    // Not while somebody writes, and then with a snapshot of what was there.
    let somebody_writes = Act::Write(servers(STAGING).to_vec());
    set.order(&[at_call("/dump.rdb redis", 1, somebody_writes)]);
    restore(set, id).run().code(3);
    set.order(&[]);
    let all = live(set, STAGING);
    restore(set, id).run().code(0);
    assert_eq!(live(set, STAGING), first);
    assert_eq!(kept(set, STAGING), all);
    assert!(snapshots(set, STAGING).values().any(|held| *held == all));
    nothing_lost(set, STAGING);

    // What no snapshot holds is named by its phrase, and then it is lost.
    set.write(STAGING);
    let late: Writes = live(set, STAGING).difference(&first).copied().collect();
    // What the restore keeps in the volumes would go with them, and is forgotten by its own phrase.
    wipe(set, id, true).run().code(3).stderr_has("--forget");
    assert_eq!(kept(set, STAGING), all);
    set.xtask(&["restore", "staging", id, "--forget"])
        .args(&["--confirm", &format!("FORGET STAGING {id}")])
        .run()
        .code(0)
        .stderr_has("was made of it");
    assert_eq!(kept(set, STAGING), Writes::new());
    wipe(set, id, false).run().code(1);
    wipe(set, id, true).run().code(0);
    assert_eq!(live(set, STAGING), Writes::new());
    assert_eq!(lost(set, STAGING), late);
}
