//! What whoever starts children decides for all of them.

use std::fmt;

/// Whoever starts children. `()` withholds nothing and shows nothing.
pub trait Caller: fmt::Debug + Send + Sync {
    /// Whether a variable of our own environment is kept from every guarded child.
    fn withholds(&self, _name: &str) -> bool {
        false
    }

    /// Told the line of each child before it starts, its secrets blotted out.
    fn starting(&self, _line: &str) {}
}

impl Caller for () {}
