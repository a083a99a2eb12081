//! The proof: all of it over three environments, and in parts, three files compared, and a million
//! keys and a million nodes audited.

use std::path::PathBuf;

use environments::Environment;
use serde_json::Value;

use crate::bench::Way;
use crate::bench::data::Servers;
use crate::bench::ours::{Looked, servers};
use crate::bench::site::Site;
use crate::error::{Failure, Result};

const MILLION: u64 = 1_000_000;

/// `verify-isolation` with what is proved, and what it told.
fn told(site: &Site<'_>, args: &[&str]) -> Result<String> {
    let command = ["verify-isolation", "--format", "json"];
    Ok(site.xtask(&[&command, args].concat())?.stdout)
}

/// The whole proof over three environments that run.
pub(super) const fn verified<'a>(site: &'a Site<'a>) -> Looked<'a> {
    let args = &[
        "verify-isolation",
        "--format",
        "json",
        "dev",
        "test",
        "staging",
    ];
    Looked::new(site, args, apart, "three that are apart in seven layers")
}

/// All seven layers looked at all three, and every question was answered.
fn apart(told: &Value) -> bool {
    let layers = told["scope"]["layers"].as_array().map_or(0, Vec::len);
    let environments = told["scope"]["environments"].as_array().map_or(0, Vec::len);
    told["verdict"] == "isolated" && (layers, environments) == (7, 3)
}

/// Our own three compose files compared, as anyone's are: without an engine.
pub(super) struct Compared<'a> {
    site: &'a Site<'a>,
    told: String,
}

impl<'a> Compared<'a> {
    pub(super) const fn new(site: &'a Site<'a>) -> Self {
        Self {
            site,
            told: String::new(),
        }
    }

    fn file(&self, environment: Environment) -> PathBuf {
        let name = format!("docker-compose.{environment}.yml");
        self.site.context.root.join("docker").join(name)
    }
}

impl Way for Compared<'_> {
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let files = Environment::LOCAL
            .map(|environment| format!("{environment}={}", self.file(environment).display()));
        let mut args = vec!["--layer", "static"];
        args.extend(files.iter().flat_map(|file| ["--compose", file]));
        self.told = told(self.site, &args)?;
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        if compared(&read(&self.told), &Environment::LOCAL) {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "`cargo xtask verify-isolation --layer static` does not tell of three files that were \
             compared, each with each: {}",
            self.told
        )))
    }
}

/// An environment whose Neo4j and Redis each hold a million, every one with its own mark.
pub(super) struct Audited<'a> {
    site: &'a Site<'a>,
    servers: Servers<'a>,
    started: bool,
    told: String,
}

impl<'a> Audited<'a> {
    pub(super) fn new(site: &'a Site<'a>) -> Self {
        Self {
            site,
            servers: servers(site, Environment::Dev),
            started: false,
            told: String::new(),
        }
    }
}

impl Way for Audited<'_> {
    fn prepare(&mut self) -> Result<()> {
        if !self.started {
            self.site.xtask(&["up", "dev"])?;
            self.servers.fill_with_own(MILLION, MILLION)?;
            self.started = true;
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        self.told = told(self.site, &["dev", "--layer", "namespace"])?;
        Ok(())
    }

    /// Every key and every node was counted. How long one call kept a server busy is told beside
    /// the seconds: an audit that is quick in one long call would keep every client waiting.
    fn check(&mut self) -> Result<()> {
        let told = read(&self.told);
        let [keys, nodes] = ["keys", "nodes"].map(|what| counted(&told, what, MILLION));
        if let (true, Some(keys), Some(nodes)) = (told["verdict"] == "isolated", keys, nodes) {
            self.site.context.ui.say(format!("redis: {keys}"));
            self.site.context.ui.say(format!("neo4j: {nodes}"));
            return Ok(());
        }
        Err(Failure::failed(format!(
            "`cargo xtask verify-isolation --layer namespace` does not tell of {MILLION} keys and \
             {MILLION} nodes with their own mark: {}",
            self.told
        )))
    }
}

/// Null where it is no document.
fn read(told: &str) -> Value {
    serde_json::from_str(told).unwrap_or_default()
}

/// Whether each environment's file was compared with each other's, and nothing was left open.
fn compared(told: &Value, environments: &[Environment]) -> bool {
    let checks = told["checks"].as_array().map(Vec::as_slice);
    let checks = checks.unwrap_or_default();
    let between = |one: &Environment, other: &Environment| {
        checks
            .iter()
            .any(|check| check["from"] == one.slug() && check["to"] == other.slug())
    };
    let mut pairs = environments.iter().enumerate().flat_map(|(at, one)| {
        let others = &environments[at + 1..];
        others.iter().map(move |other| (one, other))
    });
    told["verdict"] == "isolated"
        && told["scope"]["layers"] == serde_json::json!(["static"])
        && pairs.all(|(one, other)| between(one, other))
}

/// How so many keys or nodes were counted: `110 calls, the longest 9 ms`. None where the proof says
/// that there are more or fewer, or any without a mark of its own.
fn counted(told: &Value, what: &str, count: u64) -> Option<String> {
    let all = format!("{count} {what} with its own mark, 0 without, 0 with another's; ");
    let checks = told["checks"].as_array()?.iter();
    let mut controls = checks.filter_map(|check| check["control"].as_str());
    controls
        .find_map(|control| control.strip_prefix(&all))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn audited(control: &str) -> Value {
        json!({ "checks": [{ "control": "SHOW DATABASES" }, { "control": control }] })
    }

    #[test]
    fn an_audit_counts_where_it_tells_of_all_of_them_with_their_own_mark() {
        let all =
            "7 keys with its own mark, 0 without, 0 with another's; 3 calls, the longest 9 ms";
        let told = audited(all);
        assert_eq!(
            counted(&told, "keys", 7).as_deref(),
            Some("3 calls, the longest 9 ms")
        );
        assert_eq!(counted(&told, "keys", 77), None);
        assert_eq!(counted(&told, "nodes", 7), None);
        for other in [
            all.replace("7 ", "17 "),
            all.replace("0 without", "1 without"),
        ] {
            assert_eq!(counted(&audited(&other), "keys", 7), None, "{other}");
        }
        assert_eq!(counted(&Value::Null, "keys", 7), None);
    }

    #[test]
    fn files_are_compared_where_each_pair_of_them_has_a_cell() {
        let cell = |from: &str, to: &str| json!({ "from": from, "to": to });
        let told = |verdict: &str, cells: &[Value]| json!({ "verdict": verdict, "scope": { "layers": ["static"] }, "checks": cells });
        let cells = [
            cell("dev", "test"),
            cell("dev", "staging"),
            cell("test", "staging"),
        ];
        let compared = |told: &Value| compared(told, &Environment::LOCAL);
        assert!(compared(&told("isolated", &cells)));
        assert!(!compared(&told("isolated", &cells[1..])));
        assert!(!compared(&told("inconclusive", &cells)));
        assert!(!compared(&Value::Null));
    }
}
