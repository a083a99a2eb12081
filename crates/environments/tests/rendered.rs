//! What is rendered, as text, and what no rendering may contain.

use environments::render::{
    RenderedFile, Secrets, Target, connection, deployment_files, dotenv, files, redis_users,
    secret_environment,
};
use environments::{
    Deployment, Dev, Disposable, Environment, Instance, PublishedPorts, Service, Volume,
};

const PORTS: PublishedPorts = PublishedPorts {
    http: 20001,
    bolt: 20002,
    redis: 20003,
};

fn main_set(secrets: Secrets) -> Vec<RenderedFile> {
    files(secrets, None).expect("a new settings file")
}

fn of_instance(environment: Environment) -> Target {
    let instance = Instance::named("ci7").expect("a valid name");
    let ports = environment.publishes_ports().then_some(PORTS);
    Target::new(
        Deployment::new(environment, instance),
        ports,
        Secrets::well_known(),
    )
    .expect("ports where they are published")
}

/// Every target that differs in kind: the main set, with a secret, in an instance, audited.
fn targets() -> Vec<(&'static str, Target)> {
    let main = |environment| Target::main(environment, Secrets::well_known());
    let audited = Disposable::of(Dev, Instance::main());
    let ports = Environment::Dev
        .main_ports()
        .expect("development publishes ports");
    vec![
        ("dev", main(Environment::Dev)),
        ("test", main(Environment::Test)),
        ("staging", main(Environment::Staging)),
        (
            "staging-provided",
            Target::main(Environment::Staging, Secrets::with_staging()),
        ),
        ("prod", main(Environment::Prod)),
        ("instance-dev", of_instance(Environment::Dev)),
        ("instance-staging", of_instance(Environment::Staging)),
        ("instance-prod", of_instance(Environment::Prod)),
        ("audited-dev", Target::audited(&audited, ports)),
    ]
}

fn well_known_passwords() -> Vec<&'static str> {
    let known = |environment: Environment| environment.credential().well_known();
    Environment::ALL.into_iter().filter_map(known).collect()
}

#[test]
fn what_compose_needs_is_as_recorded() {
    for (name, target) in targets() {
        for file in deployment_files(&target) {
            let kind = if file.path.ends_with(".acl") {
                "acl"
            } else {
                "compose"
            };
            insta::assert_snapshot!(format!("{kind}_{name}"), file.contents);
        }
    }
}

#[test]
fn every_env_file_is_as_recorded() {
    for (name, target) in targets() {
        insta::assert_snapshot!(format!("env_{name}"), dotenv(&target));
    }
}

#[test]
fn the_editor_files_are_as_recorded() {
    for (name, secrets) in [
        ("well_known", Secrets::well_known()),
        ("provided", Secrets::with_staging()),
    ] {
        let editor = |file: &&RenderedFile| file.path.starts_with(".vscode/");
        let text: Vec<_> = main_set(secrets)
            .iter()
            .filter(editor)
            .map(|file| format!("==> {}\n{}", file.path, file.contents))
            .collect();
        insta::assert_snapshot!(format!("vscode_{name}"), text.join("\n"));
    }
}

#[test]
fn the_repository_has_these_rendered_files() {
    let paths = |secrets| -> Vec<_> {
        main_set(secrets)
            .into_iter()
            .map(|file| file.path)
            .collect()
    };
    let all = [
        "docker/docker-compose.dev.yml",
        "docker/redis/users.dev.acl",
        ".env.dev",
        "docker/docker-compose.test.yml",
        "docker/redis/users.test.acl",
        ".env.test",
        "docker/docker-compose.staging.yml",
        "docker/redis/users.staging.acl",
        ".env.staging",
        "docker/docker-compose.prod.yml",
        ".env.prod",
        ".vscode/settings.json",
        ".vscode/database-connections.json",
        "crates/environments/python/src/tta_environments/definitions.py",
    ];
    assert_eq!(paths(Secrets::well_known()), all);
    let provided: Vec<_> = all
        .into_iter()
        .filter(|path| !path.ends_with("staging.acl"))
        .collect();
    assert_eq!(paths(Secrets::with_staging()), provided);
}

#[test]
fn every_rendering_is_known_as_ours_and_nobody_elses_file_is() {
    let mut all = main_set(Secrets::well_known());
    all.extend(main_set(Secrets::with_staging()));
    for (_, target) in targets() {
        all.extend(deployment_files(&target));
    }
    for file in all {
        let ours = |text: &str| file.may_replace(text);
        assert!(ours(&file.contents), "{}", file.path);
        let windows = file.contents.replace('\n', "\r\n");
        assert!(ours(&windows) && ours("\n"), "{}", file.path);
        if file.path != ".vscode/settings.json" {
            for theirs in [
                "NEO4J_URI=bolt://elsewhere:1\n",
                "services: {}\n",
                "user default on nopass ~* +@all\nuser tta-dev on #00 ~* +@all\n",
                "[]\n",
                "[{\"name\": \"TTA Dev Neo4j\"}, {\"name\": \"mine\"}]\n",
                "# mine\n# Rendered by `cargo xtask generate`: don't edit it here.\n",
            ] {
                assert!(!ours(theirs), "{}: {theirs}", file.path);
            }
        }
    }
}

#[test]
fn no_file_of_an_environment_holds_another_ones_password() {
    for (name, target) in targets() {
        let mut files = deployment_files(&target);
        files.push(RenderedFile {
            path: ".env".into(),
            contents: dotenv(&target),
        });
        let own = target.written_password();
        for password in well_known_passwords()
            .into_iter()
            .filter(|known| Some(*known) != own)
        {
            for file in &files {
                assert!(
                    !file.contents.contains(password),
                    "{name}: {} holds {password}",
                    file.path
                );
            }
        }
    }
}

#[test]
fn where_a_provider_has_the_password_no_file_holds_one() {
    for (name, target) in targets()
        .into_iter()
        .filter(|(_, target)| target.is_provided())
    {
        let text = deployment_files(&target).remove(0).contents + &dotenv(&target);
        for sign in [
            "NEO4J_AUTH",
            "TTA_REDIS_PASSWORD:",
            "NEO4J_PASSWORD=",
            "REDIS_URL=",
            "_password_",
            "#",
        ] {
            let lines = text
                .lines()
                .filter(|line| !line.trim_start().starts_with('#'));
            let found: Vec<_> = lines.filter(|line| line.contains(sign)).collect();
            assert!(found.is_empty(), "{name}: {sign} in {found:?}");
        }
    }
}

#[test]
fn production_publishes_nothing_and_leaves_its_network_to_nobody() {
    for target in [
        Target::main(Environment::Prod, Secrets::well_known()),
        of_instance(Environment::Prod),
    ] {
        let text = environments::render::compose(&target);
        assert!(!text.contains("ports:"));
        assert!(!text.contains("127.0.0.1"));
        assert!(text.contains("    internal: true\n"));
    }
}

#[test]
fn every_port_is_published_on_the_loopback_address_alone() {
    for (name, target) in targets() {
        let text = environments::render::compose(&target);
        let published: Vec<_> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- \""))
            .collect();
        assert_eq!(
            published.len(),
            target.ports().map_or(0, |ports| ports.all().len()),
            "{name}"
        );
        assert!(
            published.iter().all(|port| port.starts_with("127.0.0.1:")),
            "{name}: {published:?}"
        );
    }
}

#[test]
fn only_protected_volumes_are_external_and_each_says_whose_it_is() {
    for (name, target) in targets() {
        let text = environments::render::compose(&target);
        let environment = target.deployment().environment();
        let protected = matches!(environment, Environment::Staging | Environment::Prod);
        let expected = if protected { Volume::ALL.len() } else { 0 };
        assert_eq!(
            text.matches("    external: true\n").count(),
            expected,
            "{name}"
        );
        assert_eq!(
            text.matches("  - kind: external\n").count(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_changed_acl_changes_the_redis_container() {
    let digest = |target: &Target| {
        let text = environments::render::compose(target);
        let line = text.lines().find(|line| line.contains("org.tta.acl:"));
        line.map(str::to_owned)
    };
    let enforced = Target::main(Environment::Dev, Secrets::well_known());
    let audited = Target::audited(&Disposable::of(Dev, Instance::main()), PORTS);
    assert!(digest(&enforced).is_some());
    assert_ne!(digest(&enforced), digest(&audited));
}

#[test]
fn an_acl_file_has_only_lines_that_redis_takes() {
    for (name, target) in targets() {
        let acl = redis_users(&target, "any password");
        assert!(
            acl.lines().all(|line| line.starts_with("user ")),
            "{name}: {acl}"
        );
        assert!(
            acl.starts_with("user default off ~* &* +@all\n"),
            "{name}: {acl}"
        );
        assert!(!acl.contains("any password"), "{name}: {acl}");
    }
}

#[test]
fn secrets_are_handed_over_under_the_names_that_the_compose_file_asks_for() {
    for (name, target) in targets() {
        let variables = secret_environment(&target, "s3cret");
        assert_eq!(
            variables.len(),
            if target.is_provided() { 3 } else { 0 },
            "{name}"
        );
        let text = environments::render::compose(&target);
        for (variable, _) in variables {
            assert!(
                text.contains(&format!("environment: \"{variable}\"\n")),
                "{name}: {variable}"
            );
        }
    }
}

#[test]
fn a_password_of_any_characters_arrives_in_the_url_as_it_is() {
    let target = Target::main(Environment::Prod, Secrets::well_known());
    let connection = connection(&target, Some("a/b:c@d e#ü"));
    assert_eq!(connection.get("NEO4J_PASSWORD"), Some("a/b:c@d e#ü"));
    let url = "redis://tta-prod:a%2Fb%3Ac%40d%20e%23%C3%BC@tta-prod-redis:6379/0";
    assert_eq!(connection.get("REDIS_URL"), Some(url));
    assert!(!format!("{connection:?}").contains("a/b"));
}

#[test]
fn an_instance_connects_to_its_own_ports() {
    let connection = connection(&of_instance(Environment::Test), None);
    let url = "redis://tta-test:tta_test_password_2024@localhost:20003/0";
    assert_eq!(connection.get("NEO4J_URI"), Some("bolt://localhost:20002"));
    assert_eq!(connection.get("REDIS_URL"), Some(url));
    assert_eq!(connection.get("CONTAINER_PREFIX"), Some("tta-ci7-test"));
}

#[test]
fn ports_that_are_missing_or_not_wanted_are_an_error_that_says_so() {
    let target = |environment, ports| {
        let deployment = Deployment::new(environment, Instance::main());
        Target::new(deployment, ports, Secrets::well_known()).map_err(|error| error.to_string())
    };
    insta::assert_snapshot!(target(Environment::Dev, None).expect_err("none given"),
        @"dev publishes ports, and none were given: pick free ones, or read those its labels name");
    insta::assert_snapshot!(target(Environment::Prod, Some(PORTS)).expect_err("some given"),
        @"prod publishes no port, and some were given");
    let container = Deployment::new(Environment::Prod, Instance::main()).container(Service::Neo4j);
    assert_eq!(container, "tta-prod-neo4j");
}
