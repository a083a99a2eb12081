//! The Python helpers with the real redis-py and neo4j drivers, with the variables that
//! `cargo xtask env` prints; and what the documents show beside the tool's own commands, on the same
//! servers.

use std::process::Command;

use crate::docker::{Said, docker, fed, tried};
use crate::harness::python::{good, package, with_packages};
use crate::live::Live;

const NEO4J: &str = "tta-neo4j:5.26.30";

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
    a_database_is_named_to_cypher_shell(&live);
    a_database_is_dumped_and_loaded_by_hand(&live);
}

fn page(name: &str) -> String {
    let path = package().join("../../../docs").join(name);
    std::fs::read_to_string(path).expect("a page")
}

/// The first block of a language on a page of the documents.
fn block(page: &str, language: &str) -> String {
    let text = self::page(page);
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

    let shown = block("namespaces.md", "cypher").replace("Development", "Test");
    let said = python(&format!(
        "{connected}for line in {:?}:\n    rows = list(session.run(line, id=8))\nprint(len(rows), sorted(rows[0]['s'].labels))",
        shown.lines().collect::<Vec<_>>()
    ));
    // One of them is that of the change above.
    assert_eq!(said.trim(), "1 ['Session', 'Test']");
}

/// The lines for cypher-shell, but for the port: here it is the container's own.
fn a_database_is_named_to_cypher_shell(live: &Live) {
    let shown = block("switching-databases.md", "sh");
    let container = live.container("test", "neo4j");
    let given = |database: &str| {
        let lines = shown
            .replace("bolt://localhost:8687", "bolt://localhost:7687")
            .replace("--database tta-test", &format!("--database {database}"));
        assert_ne!(lines, shown, "the page shows another port");
        let shell = ["exec", "--interactive", &container, "bash", "-c", &lines];
        fed(&shell, "CALL db.info() YIELD name RETURN name;\n")
    };
    let own = given("tta-test");
    assert_eq!(
        (own.code, own.stdout.contains("\"tta-test\"")),
        (Some(0), true),
        "{own:?}"
    );
    let text = page("switching-databases.md");
    let (_, refusal) = text.split_once("is refused, with `").expect("it is shown");
    let (refusal, _) = refusal.split_once('`').expect("it ends");
    let other = given("tta-dev");
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(format!("{other:?}").contains(refusal), "{other:?}");
}

/// The steps by hand, with the two commands as the page shows them, but for the old name: the store
/// of test becomes one of development.
fn a_database_is_dumped_and_loaded_by_hand(live: &Live) {
    let text = page("switching-databases.md");
    let command = |begins: &str| {
        let (_, rest) = text.split_once(&format!("`{begins}")).expect("it is shown");
        let (rest, _) = rest.split_once('`').expect("it ends");
        format!("{begins}{rest}")
    };
    let dump = command("neo4j-admin database dump").replace(" neo4j ", " tta-test ");
    let load = command("neo4j-admin database load");
    let old = &live.volumes("test")[0];
    let label = format!("--label=org.tta.instance={}", live.name);
    let made = ["neo4j", "redis"].map(|one| format!("old_{}_{one}", live.name));
    for name in &made {
        docker(&["volume", "create", &label, name]);
    }
    let [new, dumps] = &made;
    let run = |volume: &str, command: &str| -> Said {
        let mounts = [format!("{volume}:/data"), format!("{dumps}:/dumps")];
        let script = format!(
            "chown neo4j:neo4j /data /dumps && exec setpriv --reuid=neo4j --regid=neo4j --init-groups -- {command}"
        );
        let (data, to) = (&mounts[0], &mounts[1]);
        tried(&[
            "run",
            "--rm",
            "--network",
            "none",
            "--hostname",
            "localhost",
            "--user",
            "root",
            "--volume",
            data,
            "--volume",
            to,
            "--entrypoint",
            "bash",
            NEO4J,
            "-c",
            &script,
        ])
    };
    let refused = run(old, &dump);
    assert!(
        refused.code != Some(0) && format!("{refused:?}").contains("The database is in use"),
        "{refused:?}"
    );
    live.xtask(&["down", "test"]).run().code(0);
    let done = run(old, &dump);
    assert_eq!(done.code, Some(0), "{done:?}");
    run(old, "mv /dumps/tta-test.dump /dumps/tta-dev.dump").good();
    let done = run(new, &load);
    assert_eq!(done.code, Some(0), "{done:?}");
    let there = run(new, "ls /data/databases").good();
    assert!(there.lines().any(|name| name == "tta-dev"), "{there}");
}
