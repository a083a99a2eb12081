//! Pulling an image from a registry, if one answers.

use std::path::Path;
use std::time::{Duration, Instant};

use process::{printable, tail};

use crate::context::Context;
use crate::engine::done;
use crate::error::Result;

/// How long a registry may take to say its first word. A name server that drops questions takes
/// longer than any person waits.
const FIRST_WORD: Duration = Duration::from_secs(20);

/// How long the layers may take.
const DOWNLOAD: Duration = Duration::from_secs(1800);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pulled {
    /// It is here: by its digest, where the registry gave one.
    Got(String),
    /// No registry answers.
    Unreachable,
    /// One answers, and does not give it.
    Denied(String),
}

/// The image's name in the registry that was chosen.
pub(crate) fn reference(registry: Option<&str>, public: &str) -> String {
    registry.map_or_else(
        || public.to_owned(),
        |registry| format!("{registry}/{public}"),
    )
}

/// Pulls.
///
/// # Errors
/// Ctrl-C, or layers that take longer than half an hour.
pub(crate) fn pull(context: &Context, reference: &str, log: &Path) -> Result<Pulled> {
    let started = Instant::now();
    context.ui.say(format!("pulling {reference} …"));
    let command = context
        .docker
        .command()
        .args(["pull", reference])
        .deadline(DOWNLOAD);
    let reply = context.runner.logged(&command, log, Some(FIRST_WORD))?;
    if !reply.success() {
        let pulled = if reply.silent() {
            Pulled::Unreachable
        } else {
            judged(&reply.text())
        };
        context.ui.say(match &pulled {
            Pulled::Denied(said) => format!("note: {reference} was not pulled: {said}"),
            _ => format!("no registry answers for {reference}"),
        });
        return Ok(pulled);
    }
    let image = context.docker.image(reference)?;
    let digest = image
        .as_ref()
        .and_then(|image| image.digest(reference))
        .unwrap_or(reference);
    done(
        context,
        &format!("pull {reference} ({digest})"),
        "a registry has it",
        started,
    );
    Ok(Pulled::Got(digest.to_owned()))
}

/// Tells a registry that is not reached from one that says no, by what the engine prints.
fn judged(said: &str) -> Pulled {
    let lower = said.to_lowercase();
    let unreached = [
        "dial tcp",
        "no such host",
        "server misbehaving",
        "i/o timeout",
        "tls handshake timeout",
        "connection refused",
        "connection reset",
        "network is unreachable",
        "no route to host",
        "request canceled",
        "deadline exceeded",
        "proxyconnect",
        ": eof",
    ];
    if unreached.iter().any(|sign| lower.contains(sign)) {
        Pulled::Unreachable
    } else {
        Pulled::Denied(printable(&tail(said, 2).join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first three recorded on an engine without a registry, hosts aside.
    #[test]
    fn a_registry_that_is_not_reached_is_told_from_one_that_says_no() {
        let unreached = [
            "Error response from daemon: Get \"https://registry.example/v2/\": dial tcp: lookup registry.example on 192.0.2.53:53: no such host",
            "Error response from daemon: Get \"https://192.0.2.1:5000/v2/\": dial tcp 192.0.2.1:5000: connect: connection refused",
            "Error response from daemon: Get \"http://localhost:5999/v2/\": dial tcp 127.0.0.1:5999: connect: connection refused",
            "Error response from daemon: Get \"https://registry.example/v2/\": net/http: request canceled while waiting for connection",
        ];
        for said in unreached {
            assert_eq!(judged(said), Pulled::Unreachable, "{said}");
        }
        let denied = [
            "Error response from daemon: manifest for neo4j:x not found: manifest unknown",
            "toomanyrequests: You have reached your pull rate limit",
            "Error response from daemon: Get \"https://r/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
        ];
        for said in denied {
            assert!(matches!(judged(said), Pulled::Denied(_)), "{said}");
        }
    }

    #[test]
    fn a_registry_stands_before_the_name_of_the_public_image() {
        assert_eq!(reference(None, "redis:8.0.2"), "redis:8.0.2");
        assert_eq!(
            reference(Some("localhost:5000"), "redis:8.0.2"),
            "localhost:5000/redis:8.0.2"
        );
    }
}
