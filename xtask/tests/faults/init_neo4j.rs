//! A database by its name, on both editions. No Enterprise server was tried: the fake answers as
//! its manual says.

use environments::Environment;

use crate::harness::Ended;
use crate::set::Set;

fn init(set: &Set, more: &[&str]) -> Ended {
    set.xtask(&["init-neo4j", "dev"]).args(more).run()
}

fn without_database(edition: &str) -> Set {
    let set = Set::usual();
    set.change_graph(Environment::Dev, |graph| {
        edition.clone_into(&mut graph.edition);
        graph.databases.remove("tta-dev");
        graph.databases.insert("neo4j".to_owned());
        "neo4j".clone_into(&mut graph.home);
    });
    set
}

#[test]
fn a_database_that_is_there_is_left_alone() {
    for edition in ["community", "enterprise"] {
        let set = Set::usual();
        set.change_graph(Environment::Dev, |graph| {
            edition.clone_into(&mut graph.edition)
        });
        init(&set, &[]).code(0).stdout_has(&format!(
            "tta-dev is online on Neo4j {edition}: nothing to do"
        ));
        set.untouched();
    }
}

#[test]
fn on_enterprise_a_missing_database_is_created_under_its_name() {
    let set = without_database("enterprise");
    init(&set, &["--dry-run"])
        .code(0)
        .stdout_has("would create tta-dev");
    set.untouched();
    init(&set, &[]).code(0).stdout_has("tta-dev was created");
    let create = "CREATE DATABASE `tta-dev` IF NOT EXISTS WAIT";
    let mut run = set.statements().into_iter();
    let created = run.any(|one| one == (create.to_owned(), "system".to_owned()));
    assert!(created);
    assert!(set.graph(Environment::Dev).databases.contains("tta-dev"));
    set.touched_only(Environment::Dev);
}

#[test]
fn on_community_a_store_with_another_name_is_told_with_the_way_out() {
    let set = without_database("community");
    init(&set, &[])
        .code(1)
        .stderr_has("Neo4j community has no database tta-dev, and cannot be given a second one")
        .stderr_has("neo4j, online, its home")
        .stderr_has("dump the store, and load it under the new name");
    set.untouched();
}

#[test]
fn a_neo4j_that_is_down_is_told_with_the_command_that_starts_it() {
    let set = Set::running(&[Environment::Test]);
    init(&set, &[])
        .code(1)
        .stderr_has("tta-dev-neo4j does not exist: dev is not up")
        .stderr_has("cargo xtask up dev");
}

#[test]
fn a_wrong_password_is_told_as_that() {
    let set = Set::usual();
    set.change_graph(Environment::Dev, |graph| {
        "an-older-one".clone_into(&mut graph.password)
    });
    init(&set, &[])
        .code(1)
        .stderr_has("Neo4j refused the login of neo4j");
}
