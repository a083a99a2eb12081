//! Who is on which network.

use super::*;

#[test]
fn a_server_on_a_network_that_is_not_its_own_is_found_with_whom_it_meets_there() {
    let joined = |names: &[(usize, &str)]| {
        let names: Vec<(usize, String)> = names
            .iter()
            .map(|(index, name)| (*index, (*name).to_owned()))
            .collect();
        found(move |told| {
            for (index, name) in names {
                let networks = &mut told["containers"][index]["NetworkSettings"]["Networks"];
                networks[&name] = on(&name, "9")[&name].clone();
            }
        })
    };
    assert_eq!(joined(&[(0, "tta-test-network")]), ["E4 dev,test"]);
    assert_eq!(joined(&[(0, "tta-prod-network")]), ["E4 dev,prod"]);
    assert_eq!(joined(&[(0, "bridge")]), ["E4 dev"]);
    assert_eq!(joined(&[(0, "bus"), (4, "bus")]), ["E4 dev,staging"]);
    assert_eq!(joined(&[(0, "none")]), NOTHING);
}

#[test]
fn a_network_that_the_file_declares_or_gives_the_service_is_no_fault() {
    let mut told = three_as_told();
    told["containers"][1]["NetworkSettings"]["Networks"]["edge"] = on("edge", "9")["edge"].clone();
    let census = parsed(&told);
    assert_eq!(ids(&judged(&census, |_| {}).0), ["E4 dev"]);
    let declared = |dev: &mut Value| {
        dev["x-tta-shared"] = json!([{ "kind": "network", "name": "edge", "with": "ingress", "reason": "the proxy" }]);
    };
    assert_eq!(ids(&judged(&census, declared).0), NOTHING);
    // Where another environment is on it too, one's own word is not enough.
    let mut both = told.clone();
    both["containers"][4]["NetworkSettings"]["Networks"]["edge"] = on("edge", "9")["edge"].clone();
    assert_eq!(ids(&judged(&parsed(&both), declared).0), ["E4 dev,staging"]);
    let given = |dev: &mut Value| {
        dev["networks"]["edge"] = json!({ "name": "edge" });
        dev["services"]["redis"]["networks"]["edge"] = json!(null);
    };
    assert_eq!(ids(&judged(&census, given).0), NOTHING);
}

#[test]
fn a_stranger_on_a_network_is_found_running_or_not() {
    let network = on("tta-dev-network", &"1".repeat(64));
    let joined = |change: &dyn Fn(&mut Value)| {
        with(|one| {
            one["NetworkSettings"]["Networks"] = network.clone();
            change(one);
        })
    };
    assert_eq!(joined(&|_| {}), ["E9 dev"]);
    assert_eq!(
        joined(&|one| one["State"]["Status"] = json!("exited")),
        ["E9 dev"]
    );
    assert_eq!(joined(&|one| labelled(one, "dev")), ["E9 dev"]);
    assert_eq!(joined(&|one| labelled(one, "test")), ["E9 dev,test"]);
    // Never started: compose and docker know the network by its name alone.
    let by_name = on("tta-dev-network", "");
    let seen = with(|one| one["NetworkSettings"]["Networks"] = by_name);
    assert_eq!(seen, ["E9 dev"]);
    // A network of the same name that is another.
    let other = on("tta-dev-network", &"8".repeat(64));
    assert_eq!(
        with(|one| one["NetworkSettings"]["Networks"] = other),
        NOTHING
    );
}

#[test]
fn an_environment_that_is_not_there_is_not_called_apart() {
    let mut told = three_as_told();
    told["containers"].as_array_mut().expect("a list").remove(0);
    let (findings, cells) = judged(&parsed(&told), |_| {});
    assert_eq!(findings, []);
    assert_eq!(
        cells
            .iter()
            .filter(|seen| **seen == Seen::CouldNotAsk)
            .count(),
        8
    );
}
