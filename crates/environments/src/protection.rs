//! What may be wiped, decided by types.
//!
//! A wipe takes a [`Disposable`]. Nothing turns staging or production into one, at compile time
//! or at run time:
//!
//! ```
//! use environments::{Dev, Disposable, Instance};
//! let development = Disposable::of(Dev, Instance::main());
//! assert_eq!(development.deployment().prefix(), "tta-dev");
//! ```
//!
//! ```compile_fail,E0277
//! use environments::{Disposable, Instance, Staging};
//! let staging = Disposable::of(Staging, Instance::main());
//! ```
//!
//! ```compile_fail,E0277
//! use environments::{Disposable, Instance, Prod};
//! let production = Disposable::of(Prod, Instance::main());
//! ```
//!
//! Nor can one be made from its parts, or its environment exchanged:
//!
//! ```compile_fail,E0423
//! use environments::{Deployment, Disposable, Environment, Instance};
//! let staging = Disposable(Deployment::new(Environment::Staging, Instance::main()));
//! ```
//!
//! ```compile_fail,E0277
//! use environments::{DisposableEnvironment, Environment};
//! struct Mine;
//! impl DisposableEnvironment for Mine {
//!     const ENVIRONMENT: Environment = Environment::Prod;
//! }
//! ```

use crate::{Deployment, Environment, Instance};

/// Development, as a type.
#[derive(Debug, Clone, Copy)]
pub struct Dev;
/// Test, as a type.
#[derive(Debug, Clone, Copy)]
pub struct Test;
/// Staging, as a type.
#[derive(Debug, Clone, Copy)]
pub struct Staging;
/// Production, as a type.
#[derive(Debug, Clone, Copy)]
pub struct Prod;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Dev {}
    impl Sealed for super::Test {}
    impl Sealed for super::Staging {}
    impl Sealed for super::Prod {}
}

/// An environment that may be emptied without a snapshot: development and test, nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not disposable: it can't be given to a wipe",
    note = "staging and production are emptied only behind a drilled snapshot of them"
)]
pub trait DisposableEnvironment: sealed::Sealed {
    /// Which one it is.
    const ENVIRONMENT: Environment;
}

impl DisposableEnvironment for Dev {
    const ENVIRONMENT: Environment = Environment::Dev;
}

impl DisposableEnvironment for Test {
    const ENVIRONMENT: Environment = Environment::Test;
}

/// An environment that is emptied only behind a drilled snapshot: staging and production.
#[diagnostic::on_unimplemented(message = "`{Self}` is not protected: it needs no snapshot")]
pub trait ProtectedEnvironment: sealed::Sealed {
    /// Which one it is.
    const ENVIRONMENT: Environment;
}

impl ProtectedEnvironment for Staging {
    const ENVIRONMENT: Environment = Environment::Staging;
}

impl ProtectedEnvironment for Prod {
    const ENVIRONMENT: Environment = Environment::Prod;
}

/// A deployment that may be emptied: development or test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposable(Deployment);

impl Disposable {
    /// The only way to one.
    #[must_use]
    pub fn of<E: DisposableEnvironment>(_: E, instance: Instance) -> Self {
        Self(Deployment::new(E::ENVIRONMENT, instance))
    }

    /// What may be emptied.
    #[must_use]
    pub const fn deployment(&self) -> &Deployment {
        &self.0
    }
}

/// A deployment that may be emptied only behind a drilled snapshot: staging or production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected(Deployment);

impl Protected {
    /// The protected deployment of that environment.
    #[must_use]
    pub fn of<E: ProtectedEnvironment>(_: E, instance: Instance) -> Self {
        Self(Deployment::new(E::ENVIRONMENT, instance))
    }

    /// What is protected.
    #[must_use]
    pub const fn deployment(&self) -> &Deployment {
        &self.0
    }
}

/// Which of the two a deployment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// It may be emptied.
    Disposable(Disposable),
    /// It may not, but behind a drilled snapshot.
    Protected(Protected),
}

impl From<Deployment> for Protection {
    fn from(deployment: Deployment) -> Self {
        match deployment.environment() {
            Environment::Dev | Environment::Test => Self::Disposable(Disposable(deployment)),
            Environment::Staging | Environment::Prod => Self::Protected(Protected(deployment)),
        }
    }
}
