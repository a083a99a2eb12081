//! The faults that the proof looks for: every way that is known by which one environment's data,
//! name, address, credential or process can reach, replace or delete another's.
//!
//! Pure. An id names the layer that finds it: S files, E engine, N network, A auth, D data,
//! K namespace, H the tool itself.

use serde::{Serialize, Serializer};

/// How much a fault lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Data or credentials can be reached, replaced or deleted.
    High,
    /// One more step is needed for that.
    Medium,
    /// Only a convention is broken.
    Low,
}

impl Severity {
    /// A word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// `S1`.
    pub id: &'static str,
    /// How much it lets through.
    pub severity: Severity,
    /// What it is, in a few words.
    pub title: &'static str,
}

impl Fault {
    /// Whether a declaration may excuse it. None excuses a shared secret, a login that opens two
    /// environments, a missing login, or one store behind two environments.
    pub fn excusable(self) -> bool {
        ![A1, A2, A3, D1].contains(&self)
    }

    /// The fault of that id.
    pub fn of_id(id: &str) -> Option<Self> {
        ALL.iter().copied().find(|fault| fault.id == id)
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id)
    }
}

macro_rules! faults {
    ($($id:ident $severity:ident $title:literal;)*) => {
        $(#[doc = $title]
        pub const $id: Fault = Fault {
            id: stringify!($id),
            severity: Severity::$severity,
            title: $title,
        };)*

        /// All of them, layer by layer.
        pub const ALL: &[Fault] = &[$($id),*];
    };
}

faults! {
    S1 Medium "published ports clash";
    S2 High "published on every interface";
    S3 Medium "container names clash";
    S4 High "compose projects clash";
    S5 High "one volume in two environments";
    S7 High "bind mounts overlap";
    S8 High "one network in two environments";
    S9 Medium "an external object whose owner is not declared";
    S10 Medium "subnets overlap";
    S11 High "a leak through a merged base file";
    S12 Medium "the shell's variables change the model";
    S13 High "a clash hidden behind a profile";
    S14 Medium "a file that cannot be rendered or run";
    S15 High "an address of another environment";
    S16 High "a namespace, volume or link of another's container";
    S17 Medium "a secret or configuration file of another";
    S18 Medium "one image name, built twice";
    S19 High "one route into two environments";
    E1 Medium "a container is not as its file says";
    E2 High "a volume that is not ours";
    E3 High "a volume mounted elsewhere";
    E4 High "a container on another's network";
    E7 High "a namespace of the host";
    E8 High "a container that can drive the engine";
    E9 High "a stranger on the network";
    E10 Medium "a health check that cannot fail";
    E11 High "a namespace of another's container";
    N1 High "one environment reaches another";
    N2 High "one environment reaches another through the host";
    N3 Medium "a name with two owners";
    N5 High "one environment reaches another over IPv6";
    N6 Medium "a server advertises another's address";
    A1 High "a shared secret";
    A2 High "one login opens two environments";
    A3 High "no login is needed";
    A4 Medium "a stale credential";
    A5 High "an account that may do too much";
    D1 High "two addresses, one store";
    D2 Medium "one database for two environments";
    D4 High "a cloned store";
    D5 Medium "separated by database number only";
    D6 High "a store that replicates to or from another server";
    K1 Medium "keys with another environment's prefix";
    K2 Low "keys without a prefix";
    K3 Medium "nodes with another environment's label, or none";
    K4 Low "a database by another name";
    H1 High "a neighbour changed";
    H2 High "another engine";
    H3 Medium "a verifier that cannot see";
    H4 Low "a canary left behind";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_one_fault_and_found_by_it() {
        for fault in ALL {
            assert_eq!(Fault::of_id(fault.id), Some(*fault));
        }
        assert_eq!(Fault::of_id("S99"), None);
    }

    #[test]
    fn what_joins_two_stores_or_secrets_cannot_be_excused() {
        let firm: Vec<&str> = ALL
            .iter()
            .filter(|fault| !fault.excusable())
            .map(|fault| fault.id)
            .collect();
        assert_eq!(firm, ["A1", "A2", "A3", "D1"]);
    }
}
