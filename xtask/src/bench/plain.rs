//! The old ways as text: the strategy's shell lines, and compose files as people write them. It
//! starts nothing.

use std::path::PathBuf;

use environments::render::Target;
use environments::{PublishedPorts, Service, Volume, images};
use process::quoted;
use serde_json::Value;

use crate::bench::data::well_known_password;
use crate::error::{Failure, Result};

/// The strategy's lines for emptying an environment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lines {
    /// `scripts/cleanup/reset-test-data.sh`.
    Reset,
    /// `scripts/cleanup/wipe-dev-data.sh`, less its question.
    Wipe,
}

/// What the strategy's lines are about.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    /// `docker`, led to the engine that was chosen.
    pub(super) docker: String,
    pub(super) file: PathBuf,
    pub(super) neo4j: String,
    pub(super) password: &'static str,
    pub(super) volumes: Vec<String>,
}

impl Shell {
    pub(super) fn emptied(&self, lines: Lines) -> String {
        match lines {
            Lines::Reset => self.reset(),
            Lines::Wipe => self.wipe(),
        }
    }

    pub(super) fn compose(&self) -> String {
        let file = self.file.display().to_string();
        format!("{} compose --file {}", self.docker, quoted(&file))
    }

    pub(super) fn start(&self) -> String {
        format!("{} up --detach\n{}", self.compose(), self.ask_every(1))
    }

    /// The documented way to save a server of Neo4j Community: nobody can write meanwhile.
    pub(super) fn saved(&self, dump: &str, redis: &str) -> String {
        format!(
            "{} > {}\n{} exec {redis} redis-cli SAVE\n{}",
            self.offline(&["dump", "neo4j", "--to-stdout"]),
            quoted(dump),
            self.docker,
            self.started_again()
        )
    }

    /// The documented way back.
    pub(super) fn loaded(&self, dump: &str) -> String {
        let load = [
            "load",
            "neo4j",
            "--from-stdin",
            "--overwrite-destination=true",
        ];
        format!(
            "{} < {}\n{}",
            self.offline(&load),
            quoted(dump),
            self.started_again()
        )
    }

    fn offline(&self, words: &[&str]) -> String {
        format!(
            "{0} stop {1}\n{0} run --rm --interactive --volume {2}:/data {3} neo4j-admin database {4}",
            self.docker,
            self.neo4j,
            self.volumes[0],
            images::NEO4J_BASE,
            words.join(" ")
        )
    }

    fn started_again(&self) -> String {
        format!(
            "{} start {}\n{}",
            self.docker,
            self.neo4j,
            self.ask_every(1)
        )
    }

    fn reset(&self) -> String {
        let compose = self.compose();
        format!(
            "{compose} down --volumes\n{compose} up --detach\n{}",
            self.ask_every(5)
        )
    }

    fn wipe(&self) -> String {
        let compose = self.compose();
        format!(
            "{compose} down\n{} volume rm {}\n{compose} up --detach\n{}",
            self.docker,
            self.volumes.join(" "),
            self.ask_every(5)
        )
    }

    /// `up` returns before the servers answer, and the strategy leaves the waiting to people.
    fn ask_every(&self, seconds: u8) -> String {
        format!(
            "until {}; do sleep {seconds}; done",
            self.cypher("RETURN 1")
        )
    }

    fn cypher(&self, statement: &str) -> String {
        format!(
            "{} exec {} cypher-shell -u neo4j -p {} {}",
            self.docker,
            self.neo4j,
            self.password,
            quoted(statement)
        )
    }
}

/// The strategy's three calls that are to show that two environments are apart: a node made in the
/// one, none counted in the other, the node counted in the first.
pub(super) fn verify(one: &Shell, other: &Shell) -> String {
    let count = "MATCH (n:TestNode) RETURN count(n)";
    [
        one.cypher("CREATE (n:TestNode {env: \"dev\"}) RETURN n"),
        other.cypher(count),
        one.cypher(count),
    ]
    .join("\n")
}

/// Two services as the strategy has them: no tuning, no health check, the servers' own defaults.
/// The labels are ours, so that a sweep finds what was left.
pub(super) fn compose(target: &Target) -> Result<String> {
    let deployment = target.deployment();
    let Some(PublishedPorts { http, bolt, redis }) = target.ports() else {
        return Err(Failure::failed(format!("{deployment} has no ports")));
    };
    let password = well_known_password(deployment.environment())?;
    let labels: Value = target
        .labels()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    let [neo4j, redis_name] = Service::ALL.map(|service| deployment.container(service));
    let [data, logs, keys] = Volume::ALL.map(|volume| deployment.volume(volume));
    Ok(format!(
        r#"name: "{project}"

services:
  neo4j:
    image: "{neo4j_image}"
    container_name: "{neo4j}"
    labels: {labels}
    environment:
      NEO4J_AUTH: "neo4j/{password}"
    ports:
      - "127.0.0.1:{http}:7474"
      - "127.0.0.1:{bolt}:7687"
    volumes:
      - neo4j_data:/data
      - neo4j_logs:/logs
  redis:
    image: "{redis_image}"
    container_name: "{redis_name}"
    labels: {labels}
    command: redis-server --appendonly yes
    ports:
      - "127.0.0.1:{redis}:6379"
    volumes:
      - redis_data:/data

volumes:
  neo4j_data: {{ name: "{data}", labels: {labels} }}
  neo4j_logs: {{ name: "{logs}", labels: {labels} }}
  redis_data: {{ name: "{keys}", labels: {labels} }}

networks:
  default: {{ name: "{network}", labels: {labels} }}
"#,
        project = deployment.project(),
        neo4j_image = images::NEO4J_BASE,
        redis_image = images::REDIS_BASE,
        network = deployment.network(),
    ))
}

/// The rendered file with the images that ours are built on, and with health checks of which none
/// starts a JVM: that would slow down the start that is measured.
pub(super) fn without_our_images(target: &Target, rendered: &str) -> Result<String> {
    let environment = target.deployment().environment();
    let database = environment.database();
    let password = well_known_password(environment)?;
    let wget = format!(
        "wget -qO- --header 'Content-Type: application/json' --header \"Authorization: Basic \
         $$(printf neo4j:{password} | base64)\" --post-data '{{\"statement\":\"RETURN 1\"}}' \
         http://localhost:7474/db/{database}/query/v2 | grep -q values"
    );
    let swaps = [
        (images::NEO4J.to_owned(), images::NEO4J_BASE.to_owned()),
        (images::REDIS.to_owned(), images::REDIS_BASE.to_owned()),
        (
            format!(r#"["CMD", "tta-neo4j-health", "{database}"]"#),
            format!(r#"["CMD-SHELL", {}]"#, Value::from(wget)),
        ),
        (
            r#"["CMD", "tta-redis-health"]"#.to_owned(),
            r#"["CMD", "redis-cli", "ping"]"#.to_owned(),
        ),
    ];
    let mut text = rendered.to_owned();
    for (ours, plain) in swaps {
        if text.matches(&ours).count() != 1 {
            return Err(Failure::failed(format!(
                "the rendered compose file of {} was expected to have {ours} once",
                target.deployment()
            )));
        }
        text = text.replace(&ours, &plain);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use environments::render::{self, Secrets};
    use environments::{Deployment, Environment, Instance};

    use super::*;

    fn target(environment: Environment) -> Target {
        let instance = Instance::named("benchabc123o").expect("a name");
        let ports = PublishedPorts {
            http: 20_001,
            bolt: 20_002,
            redis: 20_003,
        };
        let deployment = Deployment::new(environment, instance);
        Target::new(deployment, Some(ports), Secrets::well_known()).expect("ports are given")
    }

    fn shell(name: &str) -> Shell {
        Shell {
            docker: "docker".to_owned(),
            file: PathBuf::from("docker-compose.test.yml"),
            neo4j: format!("tta-{name}-neo4j"),
            password: "tta_test_password_2024",
            volumes: vec!["one".to_owned(), "two".to_owned()],
        }
    }

    #[test]
    fn the_old_lines_are_the_strategys() {
        insta::assert_snapshot!(shell("test").reset(), @r"
        docker compose --file docker-compose.test.yml down --volumes
        docker compose --file docker-compose.test.yml up --detach
        until docker exec tta-test-neo4j cypher-shell -u neo4j -p tta_test_password_2024 'RETURN 1'; do sleep 5; done
        ");
        insta::assert_snapshot!(shell("test").wipe(), @r"
        docker compose --file docker-compose.test.yml down
        docker volume rm one two
        docker compose --file docker-compose.test.yml up --detach
        until docker exec tta-test-neo4j cypher-shell -u neo4j -p tta_test_password_2024 'RETURN 1'; do sleep 5; done
        ");
        insta::assert_snapshot!(shell("staging").saved("a.dump", "tta-staging-redis"), @r"
        docker stop tta-staging-neo4j
        docker run --rm --interactive --volume one:/data tta-neo4j-base:5.26.30 neo4j-admin database dump neo4j --to-stdout > a.dump
        docker exec tta-staging-redis redis-cli SAVE
        docker start tta-staging-neo4j
        until docker exec tta-staging-neo4j cypher-shell -u neo4j -p tta_test_password_2024 'RETURN 1'; do sleep 1; done
        ");
        insta::assert_snapshot!(verify(&shell("dev"), &shell("test")), @r#"
        docker exec tta-dev-neo4j cypher-shell -u neo4j -p tta_test_password_2024 'CREATE (n:TestNode {env: "dev"}) RETURN n'
        docker exec tta-test-neo4j cypher-shell -u neo4j -p tta_test_password_2024 'MATCH (n:TestNode) RETURN count(n)'
        docker exec tta-dev-neo4j cypher-shell -u neo4j -p tta_test_password_2024 'MATCH (n:TestNode) RETURN count(n)'
        "#);
    }

    #[test]
    fn the_plain_file_has_labels_for_the_sweep_and_nothing_of_ours_besides() {
        let text = compose(&target(Environment::Test)).expect("it has ports");
        assert_eq!(
            text.matches(r#""org.tta.instance":"benchabc123o""#).count(),
            6
        );
        for ours in ["healthcheck", "heap", images::NEO4J, images::REDIS] {
            assert!(!text.contains(&format!("\"{ours}\"")), "{ours}");
        }
    }

    #[test]
    fn the_rendered_files_lose_our_images_and_health_checks_but_no_setting() {
        for environment in Environment::LOCAL {
            let target = target(environment);
            let rendered = render::compose(&target);
            let plain = without_our_images(&target, &rendered).expect("it has all four");
            assert_eq!(rendered.lines().count(), plain.lines().count());
            let changed = rendered.lines().zip(plain.lines());
            assert_eq!(changed.filter(|(before, after)| before != after).count(), 4);
        }
    }
}
