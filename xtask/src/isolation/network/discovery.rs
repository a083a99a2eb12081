//! N6: where a server tells drivers and Browser that it is. Pure.

use environments::{Deployment, Environment, Instance, PublishedPorts};
use serde::Deserialize;

/// The part of Neo4j's answer to `GET /` that counts.
#[derive(Debug, Deserialize)]
struct Discovery {
    bolt_direct: String,
}

/// What it advertises.
///
/// # Errors
/// The text is not of the known form.
pub(crate) fn advertised(said: &str) -> Result<String, String> {
    let parsed: Result<Discovery, _> = serde_json::from_str(said);
    let told: String = said.chars().take(200).collect();
    parsed
        .map(|one| one.bolt_direct)
        .map_err(|_| format!("its answer to GET / is not Neo4j's: {told:?}"))
}

/// What it must advertise, by the definitions.
pub(crate) fn expected(deployment: &Deployment, ports: Option<PublishedPorts>) -> String {
    match ports {
        Some(ports) => format!("bolt://localhost:{}", ports.bolt),
        // Nothing is published: whoever comes in comes through the environment's own proxy.
        None => format!("bolt://{}-proxy:7687", deployment.prefix()),
    }
}

/// Whose an advertised address is, where it is another environment's: of those at hand, or of the
/// main set.
pub(crate) fn owner(
    advertised: &str,
    own: Environment,
    known: &[(Deployment, Option<PublishedPorts>)],
) -> Option<Deployment> {
    let main = Environment::ALL.into_iter().map(|environment| {
        (
            Deployment::new(environment, Instance::main()),
            environment.main_ports(),
        )
    });
    let at = |address: &str| address.trim_start_matches("bolt://").to_owned();
    let address = at(advertised);
    let port = address.rsplit(':').next()?;
    let is = |(deployment, ports): &(Deployment, Option<PublishedPorts>)| {
        let host = address.strip_suffix(port)?.trim_end_matches(':');
        let local = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"].contains(&host);
        let by_port = local && ports.is_some_and(|ports| ports.bolt.to_string() == port);
        let by_name = host.starts_with(&format!("{}-", deployment.prefix()));
        (deployment.environment() != own && (by_port || by_name)).then_some(())
    };
    let mut all = known.iter().cloned().chain(main);
    all.find(|one| is(one).is_some())
        .map(|(deployment, _)| deployment)
}
