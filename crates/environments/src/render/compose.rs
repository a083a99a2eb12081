//! The compose file of one deployment.
//!
//! Decides what is started and with which settings; the template decides how that is laid out. It
//! must not know whether anything runs.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment as Templates, UndefinedBehavior, context};

use super::acl::{self, redis_users, secret_variables, sha256_hex};
use super::target::Target;
use crate::{Environment, Service, Volume, images, label};

/// The compose file that starts the deployment: literals only, so that no variable of a shell
/// changes what it means, but for the secrets, which compose must take from its environment.
#[must_use]
pub fn compose(target: &Target) -> String {
    let deployment = target.deployment();
    let environment = deployment.environment();
    let protected = matches!(environment, Environment::Staging | Environment::Prod);
    let container = |service| deployment.container(service);
    let volumes: Vec<_> = Volume::ALL
        .into_iter()
        .map(|volume| (volume.key(), deployment.volume(volume)))
        .collect();
    let context = context! {
        environment => environment.slug(),
        instance => deployment.instance().name(),
        provided => target.is_provided(),
        protected => protected,
        project => deployment.project(),
        neo4j => context! {
            image => images::NEO4J,
            container => container(Service::Neo4j),
            // Unlike the database, the user never differs: Community has one.
            auth => target.written_password()
                .map(|password| format!("{}/{password}", environment.neo4j_user())),
            database => environment.database(),
            advertised => target.advertised_bolt_address(),
            ports => target.ports()
                .map(|ports| [published(ports.http, 7474), published(ports.bolt, 7687)]),
            labels => target.labels(),
        },
        redis => context! {
            image => images::REDIS,
            container => container(Service::Redis),
            user => environment.redis_user(),
            password => target.written_password(),
            ports => target.ports().map(|ports| [published(ports.redis, 6379)]),
            labels => redis_labels(target),
        },
        acl_path => format!("./{}", acl::path(environment)),
        secret_variables => secret_variables(environment),
        volumes => volumes,
        network => deployment.network(),
        publishes_ports => target.ports().is_some(),
        labels => target.labels(),
    };
    templates()
        .render_str(include_str!("templates/compose.yml"), context)
        .expect("the template is part of this crate, and its tests render it in every form")
}

/// A port mapping. Only on 127.0.0.1: without an address Docker publishes on every interface, past
/// the host's firewall (Docker's documentation of port publishing).
fn published(host: u16, container: u16) -> String {
    format!("127.0.0.1:{host}:{container}")
}

/// The labels of the Redis container: also the digest of its file of users, because compose's own
/// configuration hash does not cover what a config file contains, and a changed file would not
/// recreate the container.
fn redis_labels(target: &Target) -> Vec<(&'static str, String)> {
    let mut labels = target.labels();
    if let Some(password) = target.written_password() {
        let mut digest = sha256_hex(&redis_users(target, password));
        digest.truncate(16);
        labels.push((label::ACL, digest));
    }
    labels
}

fn templates() -> Templates<'static> {
    let mut templates = Templates::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("minijinja's own delimiters are unchanged");
    templates.set_syntax(syntax);
    templates.add_filter("literal", literal);
    templates
}

/// A text as YAML that compose takes as it is: a JSON string is YAML too, and a doubled `$` keeps
/// compose from looking for a variable (Docker's reference of compose files, "Interpolation").
#[expect(
    clippy::needless_pass_by_value,
    reason = "minijinja hands a filter its arguments by value"
)]
fn literal(text: String) -> String {
    serde_json::Value::from(text.replace('$', "$$")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_quoted_and_hides_no_variable() {
        assert_eq!(literal("a \"b\": #$HOME".into()), r##""a \"b\": #$$HOME""##);
    }
}
