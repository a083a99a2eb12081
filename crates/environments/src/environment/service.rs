//! The servers of an environment, and what they keep their data in.

use std::str::FromStr;

use serde::Serialize;

/// One of the two servers of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// The graph.
    Neo4j,
    /// The key-value store.
    Redis,
}

impl Service {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Neo4j, Self::Redis];

    /// The compose service's name: `neo4j`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neo4j => "neo4j",
            Self::Redis => "redis",
        }
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|service| service.name() == text)
            .ok_or_else(|| format!("unknown service {text:?}: expected neo4j or redis"))
    }
}

/// One of the three volumes of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Volume {
    /// Neo4j's stores and transaction logs.
    Neo4jData,
    /// Neo4j's own log files.
    Neo4jLogs,
    /// Redis' append-only files.
    RedisData,
}

impl Volume {
    /// All three, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Neo4jData, Self::Neo4jLogs, Self::RedisData];

    /// The name that the compose file gives it inside its own model: `neo4j_data`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Neo4jData => "neo4j_data",
            Self::Neo4jLogs => "neo4j_logs",
            Self::RedisData => "redis_data",
        }
    }

    /// The service that mounts it.
    #[must_use]
    pub const fn service(self) -> Service {
        match self {
            Self::Neo4jData | Self::Neo4jLogs => Service::Neo4j,
            Self::RedisData => Service::Redis,
        }
    }
}
