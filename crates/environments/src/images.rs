//! Which images the environments run, and what those are made of.
//!
//! Decides versions and tags. It must not know how an image is pulled or built.

/// Neo4j Community, a long-term support release.
pub const NEO4J_VERSION: &str = "5.26.30";

/// Redis, as Debian's suite below packages it and the public images publish it.
pub const REDIS_VERSION: &str = "8.0.2";

/// The Neo4j image that containers run: a base and this project's health check and entry point.
pub const NEO4J: &str = "tta-neo4j:5.26.30";

/// The Redis image that containers run.
pub const REDIS: &str = "tta-redis:8.0.2";

/// What [`NEO4J`] is built on: the public image under a local tag, or one made here.
pub const NEO4J_BASE: &str = "tta-neo4j-base:5.26.30";

/// What [`REDIS`] is built on.
pub const REDIS_BASE: &str = "tta-redis-base:8.0.2";

/// The public image that becomes [`NEO4J_BASE`] where a registry can be reached.
pub const NEO4J_PUBLIC: &str = "neo4j:5.26.30-community-trixie";

/// The public image that becomes [`REDIS_BASE`] where a registry can be reached.
pub const REDIS_PUBLIC: &str = "redis:8.0.2";

/// What the bases are built on where no registry can be reached.
pub const DEBIAN_BASE: &str = "debian:trixie-slim";

/// The Debian suite of [`DEBIAN_BASE`].
pub const DEBIAN_SUITE: &str = "trixie";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_names_the_version_it_is_pinned_to() {
        for tag in [NEO4J, NEO4J_BASE, NEO4J_PUBLIC] {
            assert!(tag.contains(&format!(":{NEO4J_VERSION}")), "{tag}");
        }
        for tag in [REDIS, REDIS_BASE, REDIS_PUBLIC] {
            assert!(tag.ends_with(&format!(":{REDIS_VERSION}")), "{tag}");
        }
        assert!(NEO4J_PUBLIC.ends_with(DEBIAN_SUITE));
        assert!(DEBIAN_BASE.contains(DEBIAN_SUITE));
    }
}
