//! When a protected environment may be removed without a snapshot: where it holds nothing.
//!
//! Removing the volumes of staging or production with their instance takes a [`Vacant`], and the only
//! way to one is that nothing was counted:
//!
//! ```
//! use environments::{Holding, Instance, Protected, Staging, Vacant};
//! let staging = || Protected::of(Staging, Instance::main());
//! assert!(Vacant::of(staging(), Holding::Counted { nodes: 0, keys: 0 }).is_ok());
//! assert!(Vacant::of(staging(), Holding::Counted { nodes: 0, keys: 1 }).is_err());
//! ```
//!
//! It can't be made from its parts:
//!
//! ```compile_fail,E0423
//! use environments::{Instance, Protected, Staging, Vacant};
//! let staging = Vacant(Protected::of(Staging, Instance::main()));
//! ```
//!
//! Nor is what is protected vacant by itself, or what a snapshot covers:
//!
//! ```compile_fail,E0308
//! use environments::{Instance, Protected, Staging, Vacant};
//! let staging: Vacant = Protected::of(Staging, Instance::main());
//! ```
//!
//! ```compile_fail,E0308
//! use environments::{Expendable, Vacant};
//! fn removed(covered: Expendable) -> Vacant {
//!     covered
//! }
//! ```

use crate::{Deployment, Protected};

/// What a protected deployment holds, as it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// Neither Neo4j nor Redis has a volume for its data.
    NoData,
    /// What both servers count.
    Counted {
        /// Neo4j's.
        nodes: u64,
        /// Redis', in all its databases.
        keys: u64,
    },
    /// A removal that had counted 0 was cut off after it had removed some of the volumes, and nobody
    /// has put anything in their place.
    Begun,
}

/// A protected deployment that holds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacant(Protected);

impl Vacant {
    /// The only way to one.
    ///
    /// # Errors
    /// How many nodes and keys it holds.
    pub fn of(protected: Protected, holding: Holding) -> Result<Self, (u64, u64)> {
        match holding {
            Holding::NoData | Holding::Begun | Holding::Counted { nodes: 0, keys: 0 } => {
                Ok(Self(protected))
            }
            Holding::Counted { nodes, keys } => Err((nodes, keys)),
        }
    }

    /// What may be removed.
    #[must_use]
    pub const fn deployment(&self) -> &Deployment {
        self.0.deployment()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Instance, Staging};

    #[test]
    fn only_what_holds_nothing_is_vacant() {
        let vacant = |nodes, keys| {
            let staging = Protected::of(Staging, Instance::main());
            Vacant::of(staging, Holding::Counted { nodes, keys })
        };
        let staging = Protected::of(Staging, Instance::main());
        let empty = vacant(0, 0).expect("it holds nothing");
        assert_eq!(empty.deployment(), staging.deployment());
        for (nodes, keys) in [(1, 0), (0, 1), (3, 5)] {
            assert_eq!(vacant(nodes, keys), Err((nodes, keys)));
        }
        for holding in [Holding::NoData, Holding::Begun] {
            assert!(Vacant::of(staging.clone(), holding).is_ok());
        }
    }
}
