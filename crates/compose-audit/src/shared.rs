//! `x-tta-shared`: what a compose file declares to be shared, with whom and why.
//!
//! Pure. Decides what a declaration covers; must not know what is wrong without it. A declaration
//! of one environment covers nothing by itself: what two share, both declare.

use std::fmt;

use serde_json::Value;

use process::printable;

/// What kind of object a declaration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// `443/tcp`.
    Port,
    /// A path of the host.
    Bind,
    /// Whatever is made elsewhere.
    External,
}

impl Kind {
    const ALL: [(&'static str, Self); 5] = [
        ("network", Self::Network),
        ("volume", Self::Volume),
        ("port", Self::Port),
        ("bind", Self::Bind),
        ("external", Self::External),
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, kind)| kind == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

/// One declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// What it is.
    pub kind: Kind,
    /// What it is called.
    pub name: String,
    with: With,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum With {
    /// Meant for whoever comes in from outside.
    Ingress,
    Environments(Vec<String>),
}

/// An environment's declarations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shared {
    /// What is declared.
    pub declarations: Vec<Declaration>,
    /// Entries that say nothing understandable, and so excuse nothing.
    pub problems: Vec<String>,
}

impl Shared {
    /// Reads the value of `x-tta-shared`, as compose renders it.
    pub fn parse(value: Option<&Value>) -> Self {
        let mut shared = Self::default();
        let entries = match value {
            None | Some(Value::Null) => return shared,
            Some(Value::Array(entries)) => entries,
            Some(_) => {
                shared.problems.push("it is no list".to_owned());
                return shared;
            }
        };
        for (number, entry) in entries.iter().enumerate() {
            match declaration(entry) {
                Ok(declaration) => shared.declarations.push(declaration),
                Err(problem) => shared
                    .problems
                    .push(format!("entry {}: {problem}", number + 1)),
            }
        }
        shared
    }

    /// Whether an object of one of these kinds is declared, whoever it is shared with: its owner is
    /// known.
    pub fn owned(&self, kinds: &[Kind], name: &str) -> bool {
        self.of(kinds, name).next().is_some()
    }

    /// Whether such an object is declared to be open to whoever comes in.
    pub fn ingress(&self, kinds: &[Kind], name: &str) -> bool {
        self.of(kinds, name).any(|one| one.with == With::Ingress)
    }

    /// Whether such an object is declared to be shared with that environment.
    pub fn with(&self, kinds: &[Kind], name: &str, environment: &str) -> bool {
        self.of(kinds, name).any(|one| match &one.with {
            With::Ingress => true,
            With::Environments(names) => names.iter().any(|name| name == environment),
        })
    }

    fn of(&self, kinds: &[Kind], name: &str) -> impl Iterator<Item = &Declaration> {
        self.declarations
            .iter()
            .filter(move |one| kinds.contains(&one.kind) && one.name == name)
    }
}

fn declaration(entry: &Value) -> Result<Declaration, String> {
    let Value::Object(fields) = entry else {
        return Err("expected kind, name, with and reason".to_owned());
    };
    let known = ["kind", "name", "with", "reason"];
    if let Some(other) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("{:?} is no field of it", printable(other)));
    }
    let text = |field: &str| match fields.get(field) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(format!("it has no {field}")),
    };
    let kind = text("kind")?;
    let kind = Kind::ALL
        .iter()
        .find(|(word, _)| *word == kind)
        .map(|(_, kind)| *kind)
        .ok_or_else(|| {
            format!(
                "{:?} is no kind: expected network, volume, port, bind or external",
                printable(&kind)
            )
        })?;
    let name = text("name")?;
    // What a person can see of it: a space that has no width is no reason.
    if !text("reason")?.chars().any(char::is_alphanumeric) {
        return Err("it has no reason".to_owned());
    }
    let with = match fields.get("with") {
        Some(Value::String(one)) if !one.is_empty() => vec![one.clone()],
        Some(Value::Array(several)) if !several.is_empty() => several
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or("`with` takes environments' names, or ingress")?,
        _ => return Err("it does not say with whom".to_owned()),
    };
    let with = if with == ["ingress"] {
        With::Ingress
    } else {
        With::Environments(with)
    };
    Ok(Declaration { kind, name, with })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(value: &Value) -> Shared {
        Shared::parse(Some(value))
    }

    #[test]
    fn a_declaration_covers_its_kind_its_name_and_the_environments_it_names() {
        let shared = parsed(&json!([
            {"kind": "volume", "name": "cache", "with": ["test"], "reason": "packages"},
            {"kind": "network", "name": "proxy", "with": "ingress", "reason": "traefik"},
        ]));
        assert!(shared.problems.is_empty());
        assert!(shared.with(&[Kind::Volume], "cache", "test"));
        assert!(!shared.with(&[Kind::Volume], "cache", "staging"));
        assert!(!shared.with(&[Kind::Network], "cache", "test"));
        assert!(!shared.with(&[Kind::Volume], "other", "test"));
        assert!(shared.owned(&[Kind::Volume], "cache"));
        assert!(!shared.ingress(&[Kind::Volume], "cache"));
        assert!(shared.ingress(&[Kind::External, Kind::Network], "proxy"));
        assert!(shared.with(&[Kind::Network], "proxy", "whoever"));
    }

    #[test]
    fn an_entry_without_a_reason_a_name_a_known_kind_or_a_partner_covers_nothing() {
        let whole = json!({"kind": "volume", "name": "x", "with": ["a"], "reason": "r"});
        assert_eq!(parsed(&json!([whole])).declarations.len(), 1);
        for (field, value) in [
            ("reason", json!(" ")),
            ("reason", json!("\u{200b}")),
            ("reason", json!(null)),
            ("name", json!("")),
            ("kind", json!("folder")),
            ("with", json!([])),
            ("with", json!([1])),
            ("more", json!("x")),
        ] {
            let mut entry = whole.clone();
            entry[field] = value;
            let shared = parsed(&json!([entry]));
            assert_eq!(shared.declarations, [], "{field}");
            assert_eq!(shared.problems.len(), 1, "{field}");
        }
        assert_eq!(parsed(&json!({"kind": "x"})).problems.len(), 1);
        assert_eq!(parsed(&json!(["x"])).problems.len(), 1);
    }
}
