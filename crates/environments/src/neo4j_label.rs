//! Neo4j nodes that say which environment they are from.
//!
//! Decides which labels a node of an environment has, and how names are written in Cypher. It must
//! not know any server. Neo4j Community has no rules on labels, so nothing but the code that writes
//! a node puts the label on.

use std::error::Error;
use std::fmt;

use crate::Environment;

/// Labels the nodes of one environment.
///
/// ```
/// use environments::{Environment, Neo4jLabelHelper};
/// let nodes = Neo4jLabelHelper::new(Environment::Dev);
/// assert_eq!(nodes.add_to(["Session"])?, ["Session", "Development"]);
/// assert_eq!(nodes.add_to(["Session", "Development"])?, ["Session", "Development"]);
/// assert_eq!(
///     nodes.create("s", ["Session"], ["id"])?,
///     "CREATE (s:`Session`:Development {`id`: $`id`})"
/// );
/// # Ok::<(), environments::LabelError>(())
/// ```
///
/// Another environment's label is refused:
///
/// ```
/// use environments::{Environment, LabelError, Neo4jLabelHelper};
/// let nodes = Neo4jLabelHelper::new(Environment::Dev);
/// let refused = nodes.add_to(["Session", "Production"]);
/// assert_eq!(refused, Err(LabelError::Foreign(Environment::Prod)));
/// assert_eq!(nodes.check(["Session"]), Err(LabelError::Missing(Environment::Dev)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Neo4jLabelHelper {
    environment: Environment,
}

/// Why labels or names are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelError {
    /// A label or a name is empty.
    Empty,
    /// A label or a name has a character that Neo4j takes in none.
    Nul,
    /// One of the labels is another environment's.
    Foreign(Environment),
    /// The environment's own label is not among them.
    Missing(Environment),
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a label or name is empty"),
            Self::Nul => f.write_str("a label or name has a NUL in it"),
            Self::Foreign(environment) => {
                let label = environment.neo4j_label();
                write!(f, "the label {label} is another environment's")
            }
            Self::Missing(environment) => {
                write!(f, "the label {} is missing", environment.neo4j_label())
            }
        }
    }
}

impl Error for LabelError {}

impl Neo4jLabelHelper {
    /// For the nodes of one environment.
    #[must_use]
    pub const fn new(environment: Environment) -> Self {
        Self { environment }
    }

    /// Whose nodes it labels.
    #[must_use]
    pub const fn environment(self) -> Environment {
        self.environment
    }

    /// The environment's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.environment.neo4j_label()
    }

    /// The labels with the environment's own behind them; where it is among them, they are returned
    /// as they are.
    ///
    /// # Errors
    /// A label is empty, has a NUL, or is another environment's.
    pub fn add_to<L: AsRef<str>>(
        self,
        labels: impl IntoIterator<Item = L>,
    ) -> Result<Vec<String>, LabelError> {
        let mut added = Vec::new();
        for label in labels {
            added.push(self.usable(label.as_ref())?.to_owned());
        }
        if !added.iter().any(|label| label == self.label()) {
            added.push(self.label().to_owned());
        }
        Ok(added)
    }

    /// Whether these are the labels of a node of this environment.
    ///
    /// # Errors
    /// Its own label is missing, or another environment's is there.
    pub fn check<L: AsRef<str>>(
        self,
        labels: impl IntoIterator<Item = L>,
    ) -> Result<(), LabelError> {
        let mut own = false;
        for label in labels {
            own |= self.usable(label.as_ref())? == self.label();
        }
        if own {
            Ok(())
        } else {
            Err(LabelError::Missing(self.environment))
        }
    }

    /// The labels without the environment's own.
    ///
    /// # Errors
    /// Those of [`Self::check`].
    pub fn strip<L: AsRef<str>>(
        self,
        labels: impl IntoIterator<Item = L>,
    ) -> Result<Vec<String>, LabelError> {
        let labels: Vec<String> = labels
            .into_iter()
            .map(|label| label.as_ref().to_owned())
            .collect();
        self.check(&labels)?;
        let other = |label: &String| label != self.label();
        Ok(labels.into_iter().filter(other).collect())
    }

    /// A name as Cypher takes any: in backticks.
    ///
    /// ```
    /// use environments::Neo4jLabelHelper;
    /// assert_eq!(Neo4jLabelHelper::quote("two words")?, "`two words`");
    /// assert_eq!(Neo4jLabelHelper::quote("a`b")?, "`a``b`");
    /// assert_eq!(Neo4jLabelHelper::quote(r"a\u0060b")?, r"`a\u005Cu0060b`");
    /// # Ok::<(), environments::LabelError>(())
    /// ```
    ///
    /// # Errors
    /// The name is empty, or has a NUL.
    pub fn quote(name: &str) -> Result<String, LabelError> {
        let name = Self::named(name)?;
        // Before anything else Cypher replaces \uXXXX, also inside a name, where \u0060 would end
        // it, and reads two backslashes as a pair; what a replacement gave is not looked at again
        // (tried on Neo4j 5.26).
        let name = name.replace('\\', "\\u005C").replace('`', "``");
        Ok(format!("`{name}`"))
    }

    /// A node as patterns have it: `(s:`Session`:Development {`id`: $`id`})`. Each property is
    /// compared with, or set to, the parameter of its name. The variable may be left out as `""`.
    ///
    /// # Errors
    /// A label is another environment's; a name is empty or has a NUL.
    pub fn node<L: AsRef<str>, P: AsRef<str>>(
        self,
        variable: &str,
        labels: impl IntoIterator<Item = L>,
        properties: impl IntoIterator<Item = P>,
    ) -> Result<String, LabelError> {
        let mut node = String::from("(");
        if !variable.is_empty() {
            node.push_str(&Self::variable(variable)?);
        }
        for label in self.add_to(labels)? {
            node.push(':');
            if label == self.label() {
                node.push_str(&label);
            } else {
                node.push_str(&Self::quote(&label)?);
            }
        }
        let mut separator = " {";
        for property in properties {
            let name = Self::quote(property.as_ref())?;
            node.push_str(&format!("{separator}{name}: ${name}"));
            separator = ", ";
        }
        node.push_str(if separator == ", " { "})" } else { ")" });
        Ok(node)
    }

    /// `MATCH` of such a node.
    ///
    /// ```
    /// # use environments::{Environment, Neo4jLabelHelper};
    /// let nodes = Neo4jLabelHelper::new(Environment::Prod);
    /// let all: [&str; 0] = [];
    /// assert_eq!(nodes.matching("s", ["Session"], all)?, "MATCH (s:`Session`:Production)");
    /// # Ok::<(), environments::LabelError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Self::node`].
    pub fn matching<L: AsRef<str>, P: AsRef<str>>(
        self,
        variable: &str,
        labels: impl IntoIterator<Item = L>,
        properties: impl IntoIterator<Item = P>,
    ) -> Result<String, LabelError> {
        Ok(format!(
            "MATCH {}",
            self.node(variable, labels, properties)?
        ))
    }

    /// `CREATE` of such a node.
    ///
    /// # Errors
    /// Those of [`Self::node`].
    pub fn create<L: AsRef<str>, P: AsRef<str>>(
        self,
        variable: &str,
        labels: impl IntoIterator<Item = L>,
        properties: impl IntoIterator<Item = P>,
    ) -> Result<String, LabelError> {
        Ok(format!(
            "CREATE {}",
            self.node(variable, labels, properties)?
        ))
    }

    /// A plain word stands as it is, anything else in backticks.
    fn variable(name: &str) -> Result<String, LabelError> {
        let plain = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '_');
        if plain {
            Ok(name.to_owned())
        } else {
            Self::quote(name)
        }
    }

    fn usable(self, label: &str) -> Result<&str, LabelError> {
        let label = Self::named(label)?;
        let other = |environment: &Environment| {
            *environment != self.environment && environment.neo4j_label() == label
        };
        match Environment::ALL.into_iter().find(other) {
            Some(other) => Err(LabelError::Foreign(other)),
            None => Ok(label),
        }
    }

    fn named(name: &str) -> Result<&str, LabelError> {
        if name.is_empty() {
            Err(LabelError::Empty)
        } else if name.contains('\0') {
            Err(LabelError::Nul)
        } else {
            Ok(name)
        }
    }
}
