//! The definitions as Python has them, for the package that the agents use.
//!
//! Decides the names that Python code relies on. What is done with them is Python's own code.

use std::fmt::Write as _;

use crate::Environment;

/// Where the file is in the repository.
pub const PYTHON_PATH: &str = "crates/environments/python/src/tta_environments/definitions.py";

/// The text of that file.
#[must_use]
pub fn python_definitions() -> String {
    let mut text = String::from(HEAD);
    let mut property = |name: &str, about: &str, value: &dyn Fn(Environment) -> String| {
        let _ = write!(
            text,
            "\n    @property\n    def {name}(self) -> str:\n        \"\"\"{about}\"\"\"\n        \
             return {{\n"
        );
        for environment in Environment::ALL {
            let _ = writeln!(
                text,
                "            \"{}\": \"{}\",",
                environment.namespace(),
                value(environment)
            );
        }
        text.push_str("        }[self.value]\n");
    };
    property("slug", "The name that `cargo xtask` takes.", &|one| {
        one.slug().to_owned()
    });
    property(
        "prefix",
        "What every Redis key and channel begins with.",
        &Environment::redis_prefix,
    );
    property("label", "The label that every Neo4j node has.", &|one| {
        one.neo4j_label().to_owned()
    });
    property("database", "The Neo4j database.", &|one| {
        one.database().to_owned()
    });
    property("redis_user", "The Redis user.", &|one| {
        one.redis_user().to_owned()
    });
    text
}

const HEAD: &str = "\
# Rendered by `cargo xtask generate`: don't edit it here.
\"\"\"The environments of TTA, by the value of `ENVIRONMENT`.\"\"\"

from __future__ import annotations

import enum


class Environment(enum.Enum):
    \"\"\"One of the four environments. Its value is that of `ENVIRONMENT`.\"\"\"

    DEVELOPMENT = \"development\"
    TEST = \"test\"
    STAGING = \"staging\"
    PRODUCTION = \"production\"
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_are_the_environments() {
        for environment in Environment::ALL {
            let name = environment.namespace();
            let member = format!("    {} = \"{name}\"\n", name.to_uppercase());
            assert!(HEAD.contains(&member), "{member}");
        }
        assert_eq!(HEAD.matches(" = \"").count(), Environment::ALL.len());
    }
}
