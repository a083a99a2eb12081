//! When a protected environment may be emptied: behind a snapshot of it that was drilled.
//!
//! A wipe of staging or production takes an [`Expendable`], and the only way to one is the rule here.
//! It can't be made from its parts:
//!
//! ```compile_fail,E0423
//! use environments::{Expendable, Instance, Protected, Staging};
//! let staging = Expendable(Protected::of(Staging, Instance::main()));
//! ```
//!
//! Nor is what a snapshot protects expendable by itself:
//!
//! ```compile_fail,E0308
//! use environments::{Expendable, Instance, Protected, Staging};
//! let staging: Expendable = Protected::of(Staging, Instance::main());
//! ```
//!
//! Changing what it holds where it is takes a [`Changeable`], which is no shorter way:
//!
//! ```compile_fail,E0308
//! use environments::{Changeable, Instance, Protected, Staging};
//! let staging = Changeable::Covered(Protected::of(Staging, Instance::main()));
//! ```

use std::time::Duration;

use crate::{Deployment, Disposable, Protected};

/// How long a drill is good for.
const GOOD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A snapshot and its drill, as they were read, and the deployment that is to be emptied, as it was
/// asked.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Whose the snapshot is.
    pub deployment: Deployment,
    /// The engines: the snapshot's and the one that answers now.
    pub engines: (String, String),
    /// The stores: the snapshot's and the one that is to be emptied.
    pub stores: (String, String),
    /// Whether the drill of these very bytes found the same data; none where there was no drill.
    pub matched: Option<bool>,
    /// How long ago the drill was; none where its time is in the future.
    pub age: Option<Duration>,
}

/// A protected deployment that may be emptied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expendable(Protected);

impl Expendable {
    /// The only way to one.
    ///
    /// # Errors
    /// All that keeps the evidence from being enough.
    pub fn behind(protected: Protected, evidence: &Evidence) -> Result<Self, Vec<String>> {
        let mut objections = Vec::new();
        if evidence.deployment != *protected.deployment() {
            objections.push(format!(
                "it is of {}, not of {}",
                evidence.deployment,
                protected.deployment()
            ));
        }
        let (theirs, now) = &evidence.engines;
        if theirs != now {
            objections.push(format!("it is of the engine {theirs}, and {now} answers"));
        }
        let (theirs, now) = &evidence.stores;
        if theirs != now {
            objections.push(format!(
                "it is of the store {theirs}, and the environment has {now}"
            ));
        }
        match (evidence.matched, evidence.age) {
            (None, _) => objections.push("it was never drilled".to_owned()),
            (Some(false), _) => objections.push("its drill found other data".to_owned()),
            (Some(true), None) => objections.push("its drill is in the future".to_owned()),
            (Some(true), Some(age)) if age > GOOD_FOR => {
                objections.push("its drill is more than 24 hours ago".to_owned());
            }
            (Some(true), Some(_)) => {}
        }
        if objections.is_empty() {
            Ok(Self(protected))
        } else {
            Err(objections)
        }
    }

    /// What may be emptied.
    #[must_use]
    pub const fn deployment(&self) -> &Deployment {
        self.0.deployment()
    }
}

/// A deployment whose data may be changed where they are: development and test as they are, staging
/// and production only behind a drilled snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changeable {
    /// Nothing in it is precious.
    Disposable(Disposable),
    /// What it holds can be restored.
    Covered(Expendable),
}

impl Changeable {
    /// What may be changed.
    #[must_use]
    pub const fn deployment(&self) -> &Deployment {
        match self {
            Self::Disposable(target) => target.deployment(),
            Self::Covered(target) => target.deployment(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, Instance, Staging};

    fn staging() -> Protected {
        Protected::of(Staging, Instance::main())
    }

    fn good() -> Evidence {
        let same = |text: &str| (text.to_owned(), text.to_owned());
        Evidence {
            deployment: staging().deployment().clone(),
            engines: same("e1"),
            stores: same("A1"),
            matched: Some(true),
            age: Some(Duration::from_secs(3600)),
        }
    }

    #[test]
    fn a_snapshot_of_it_drilled_today_makes_it_expendable() {
        let target = Expendable::behind(staging(), &good()).expect("it is covered");
        assert_eq!(target.deployment(), staging().deployment());
    }

    #[test]
    fn anything_less_does_not() {
        let other = |environment, instance| Deployment::new(environment, instance);
        let named = Instance::named("x").expect("a name");
        let lacking: [fn(&mut Evidence); 6] = [
            |evidence| evidence.engines.0 = "e2".to_owned(),
            |evidence| evidence.stores.1 = "B2".to_owned(),
            |evidence| evidence.matched = None,
            |evidence| evidence.matched = Some(false),
            |evidence| evidence.age = None,
            |evidence| evidence.age = Some(Duration::from_secs(24 * 3600 + 1)),
        ];
        for (number, lack) in lacking.into_iter().enumerate() {
            let mut evidence = good();
            lack(&mut evidence);
            let objections = Expendable::behind(staging(), &evidence).expect_err("not covered");
            assert_eq!(objections.len(), 1, "{number}: {objections:?}");
        }
        for deployment in [
            other(Environment::Prod, Instance::main()),
            other(Environment::Staging, named),
        ] {
            let evidence = Evidence {
                deployment,
                ..good()
            };
            assert!(Expendable::behind(staging(), &evidence).is_err());
        }
    }
}
