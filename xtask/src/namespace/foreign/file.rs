//! The file: a script for `cypher-shell`, in whose comments are the lines for `redis-cli`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use environments::Deployment;

use crate::error::{Failure, Result};

/// By these the statements of a load find the nodes that they have made.
pub(super) const LABEL: &str = "TtaMoved";
pub(super) const PROPERTY: &str = "tta_moved";

/// Before each line for redis-cli.
const REDIS: &str = "// redis> ";

/// What is moved, each as the line that brings it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Whose it is not, and where it was.
    head: String,
    environment: String,
    redis: String,
    /// By database: RESTORE with the key's name, its time and what it holds.
    pub(super) keys: BTreeMap<u32, Vec<Key>>,
    /// CREATE, by the node's id.
    pub(super) nodes: BTreeMap<String, Node>,
    /// MATCH and CREATE, by the relationship's id.
    pub(super) relationships: BTreeMap<String, String>,
}

/// A key as redis-cli reads and writes it: in quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) name: String,
    /// In milliseconds since 1970; -1 for a key that stays.
    pub(super) expires: i64,
    pub(super) dump: String,
}

/// A node, and how many relationships it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) create: String,
    pub(super) degree: u64,
}

impl Key {
    fn line(&self) -> String {
        match self.expires {
            stays if stays < 0 => format!("RESTORE {} 0 {}", self.name, self.dump),
            at => format!("RESTORE {} {at} {} ABSTTL", self.name, self.dump),
        }
    }
}

impl Moved {
    pub(super) fn of(deployment: &Deployment) -> Self {
        let environment = deployment.environment();
        let instance = match deployment.instance().name() {
            None => "the main set",
            Some(name) => name,
        };
        Self {
            head: format!(
                "// tta moved 1: what {environment} of {instance} held of other environments"
            ),
            environment: environment.to_string(),
            redis: deployment.container(environments::Service::Redis),
            keys: BTreeMap::new(),
            nodes: BTreeMap::new(),
            relationships: BTreeMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.values().all(Vec::is_empty) && self.nodes.is_empty()
    }

    fn text(&self) -> String {
        let mut lines = vec![
            self.head.clone(),
            "// It was removed there: this file is all that has it. To bring it back:".to_owned(),
            format!(
                "//   sed -n 's|^{REDIS}||p' FILE | docker exec --interactive --user root {} tta-redis-admin -e",
                self.redis
            ),
            format!("//   cargo xtask cypher {} < FILE", self.environment),
        ];
        for (database, keys) in &self.keys {
            lines.push(format!("{REDIS}SELECT {database}"));
            lines.extend(keys.iter().map(|key| format!("{REDIS}{}", key.line())));
        }
        if !self.nodes.is_empty() {
            lines.push(format!(
                "CREATE INDEX {PROPERTY} IF NOT EXISTS FOR (n:{LABEL}) ON (n.{PROPERTY});"
            ));
            lines.push(":begin".to_owned());
            lines.extend(self.nodes.values().map(|node| node.create.clone()));
            lines.extend(self.relationships.values().cloned());
            lines.push(format!("MATCH (n:{LABEL}) REMOVE n:{LABEL}, n.{PROPERTY};"));
            lines.push(":commit".to_owned());
            lines.push(format!("DROP INDEX {PROPERTY} IF EXISTS;"));
        }
        lines.push("// end".to_owned());
        lines.join("\n") + "\n"
    }

    /// Writes it to a place where nothing is, or makes sure that the file there has all of it.
    ///
    /// # Errors
    /// Refused where the file there is another's or lacks something: nothing is ever written over.
    pub(super) fn keep(&self, path: &Path) -> Result<()> {
        if path.symlink_metadata().is_ok() {
            return self.already(path);
        }
        let text = self.text();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let shown = path.display();
        let cannot = || format!("{shown} cannot be written: nothing was removed");
        // A temporary file is its owner's alone.
        let mut beside = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
        beside.write_all(text.as_bytes()).with_context(cannot)?;
        beside.as_file().sync_all().with_context(cannot)?;
        beside.persist_noclobber(path).with_context(cannot)?;
        let folder = File::open(folder).with_context(cannot)?;
        folder.sync_all().with_context(cannot)?;
        if fs::read(path).with_context(cannot)? == text.as_bytes() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "{shown} does not read as it was written: nothing was removed"
        )))
    }

    /// The file of a run that was killed has all that is still there.
    fn already(&self, path: &Path) -> Result<()> {
        let shown = path.display();
        let refused = |why: &str| {
            Failure::refused(format!(
                "{shown} is there already, and {why}: nothing was removed"
            ))
            .hint("the same command with another file")
        };
        let text = fs::read_to_string(path)
            .map_err(|error| refused(&format!("cannot be read as text: {error}")))?;
        if text.lines().next() != Some(self.head.as_str()) || !text.ends_with("\n// end\n") {
            return Err(refused(
                "is no file that this command wrote for this environment",
            ));
        }
        let has = items(&text);
        if items(&self.text()).is_subset(&has) {
            return Ok(());
        }
        Err(refused("lacks some of what is to be moved"))
    }
}

/// The lines of a file that bring something back, each with the database that it is for.
fn items(text: &str) -> BTreeSet<(String, String)> {
    let mut database = String::new();
    let mut items = BTreeSet::new();
    for line in text.lines() {
        match line.strip_prefix(REDIS) {
            Some(select) if select.starts_with("SELECT ") => select.clone_into(&mut database),
            Some(restore) => {
                items.insert((database.clone(), restore.to_owned()));
            }
            None if line.starts_with("//") => {}
            None => {
                items.insert((String::new(), line.to_owned()));
            }
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use environments::{Environment, Instance};

    use super::*;
    use crate::error::Kind;

    fn moved(environment: Environment, names: &[&str]) -> Moved {
        let mut moved = Moved::of(&Deployment::new(environment, Instance::main()));
        for name in names {
            moved.keys.entry(3).or_default().push(Key {
                name: format!("\"staging:{name}\""),
                expires: -1,
                dump: "\"\\x00a\"".to_owned(),
            });
            let create = format!("CREATE (:`{LABEL}` {{`{PROPERTY}`: '{name}'}});");
            moved
                .nodes
                .insert((*name).to_owned(), Node { create, degree: 0 });
        }
        moved
    }

    #[test]
    fn a_file_is_its_owners_alone_and_says_how_it_is_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("moved");
        moved(Environment::Dev, &["a"])
            .keep(&path)
            .expect("written");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        insta::assert_snapshot!(fs::read_to_string(&path).expect("text"), @r#"
        // tta moved 1: what dev of the main set held of other environments
        // It was removed there: this file is all that has it. To bring it back:
        //   sed -n 's|^// redis> ||p' FILE | docker exec --interactive --user root tta-dev-redis tta-redis-admin -e
        //   cargo xtask cypher dev < FILE
        // redis> SELECT 3
        // redis> RESTORE "staging:a" 0 "\x00a"
        CREATE INDEX tta_moved IF NOT EXISTS FOR (n:TtaMoved) ON (n.tta_moved);
        :begin
        CREATE (:`TtaMoved` {`tta_moved`: 'a'});
        MATCH (n:TtaMoved) REMOVE n:TtaMoved, n.tta_moved;
        :commit
        DROP INDEX tta_moved IF EXISTS;
        // end
        "#);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_file_that_is_there_is_never_written_over_and_must_have_all_that_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("moved");
        let dev = |names: &[&str]| moved(Environment::Dev, names).keep(&path);
        dev(&["a", "b"]).expect("written");
        let before = fs::read(&path).expect("there");
        // What a killed run had not removed yet.
        dev(&["a", "b"]).expect("all of it");
        dev(&["b"]).expect("what is left of it");
        for lacking in [
            dev(&["b", "c"]),
            moved(Environment::Test, &["a"]).keep(&path),
        ] {
            assert_eq!(lacking.expect_err("refused").kind, Kind::Refused);
        }
        assert_eq!(fs::read(&path).expect("there"), before);
        // Cut off, or anybody's: as bad as none.
        for text in [&before[..before.len() - 3], b"", b"mine\n"] {
            fs::write(&path, text).expect("written");
            assert_eq!(dev(&["b"]).expect_err("refused").kind, Kind::Refused);
            assert_eq!(fs::read(&path).expect("there"), text);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_before_anything_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("none").join("moved");
        let failure = moved(Environment::Dev, &["a"])
            .keep(&path)
            .expect_err("no folder");
        assert!(failure.message.contains("nothing was removed"), "{failure}");
    }
}
