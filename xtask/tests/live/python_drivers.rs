//! The Python helpers with the real redis-py and neo4j drivers, with the variables that
//! `cargo xtask env` prints.

use std::process::Command;

use crate::harness::python::{good, package, with_packages};
use crate::live::Live;

#[test]
fn the_python_helpers_work_with_the_real_drivers() {
    let python = with_packages();
    let live = Live::new("Python drivers");
    live.up(&["test"]);
    let variables = live.xtask(&["env", "test"]).run().code(0).stdout;
    let mut tests = Command::new(python);
    tests
        .args(["-m", "unittest", "tests.drivers"])
        .current_dir(package())
        .env("PYTHONPATH", "src")
        .envs(variables.lines().filter_map(|line| line.split_once('=')));
    let said = good(&mut tests);
    assert!(said.contains("Ran 6 tests"), "{said}");
    the_examples_of_the_documents_run_as_they_stand(&variables);
}

/// The first block of a language on a page of the documents.
fn block(page: &str, language: &str) -> String {
    let path = package().join("../../../docs").join(page);
    let text = std::fs::read_to_string(path).expect("a page");
    let (_, rest) = text
        .split_once(&format!("```{language}\n"))
        .unwrap_or_else(|| panic!("{page} has no block of {language}"));
    let (block, _) = rest.split_once("```").expect("it ends");
    block.to_owned()
}

/// The Python of docs/switching-databases.md, and both sides of the change that docs/namespaces.md
/// asks for: what is to be taken out is refused by the server or finds no label, what is to be put in
/// its place works.
fn the_examples_of_the_documents_run_as_they_stand(variables: &str) {
    let python = |script: &str| {
        let mut python = Command::new(with_packages());
        python
            .args(["-c", script])
            .current_dir(package())
            .env("PYTHONPATH", "src")
            .envs(variables.lines().filter_map(|line| line.split_once('=')));
        good(&mut python)
    };
    assert_eq!(
        python(&block("switching-databases.md", "python")).trim(),
        "0"
    );

    let change = block("namespaces.md", "diff");
    let side = |sign: &str| -> Vec<&str> {
        change
            .lines()
            .filter_map(|line| line.strip_prefix(sign))
            .collect()
    };
    let (before, after) = (side("- "), side("+ "));
    assert_eq!((before.len(), after.len()), (2, 2), "{change}");
    let connected = "import os\n\
        import redis as driver\n\
        from neo4j import GraphDatabase\n\
        from tta_environments import Neo4jLabelHelper, make_key\n\
        redis = driver.Redis.from_url(os.environ['REDIS_URL'])\n\
        graph = GraphDatabase.driver(os.environ['NEO4J_URI'], auth=('neo4j', os.environ['NEO4J_PASSWORD']))\n\
        session = graph.session(database=os.environ['NEO4J_DATABASE'])\n\
        agent_memory, id = 'memory', 7\n\
        labels = 'MATCH (s:Session {id: 7}) RETURN labels(s) AS labels'\n";
    let said = python(&format!(
        "{connected}{}\nprint(redis.get('test:conversation:123'), sorted(session.run(labels).single()['labels']))",
        after.join("\n")
    ));
    assert_eq!(said.trim(), "b'memory' ['Session', 'Test']");
    let said = python(&format!(
        "{connected}try:\n    {}\nexcept driver.exceptions.NoPermissionError:\n    print('refused')",
        before[0]
    ));
    assert_eq!(said.trim(), "refused");
    let said = python(&format!(
        "{connected}session.run('MATCH (n) DETACH DELETE n')\n{}\nprint(session.run(labels).single()['labels'])",
        before[1]
    ));
    assert_eq!(said.trim(), "['Session']");
}
