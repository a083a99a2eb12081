//! Whether files come out the same whatever the shell has and whatever a `.env` says: then one
//! rendering is as good as two.
//!
//! Decided on the safe side, by the text: a sign that could bring in anything from outside is enough
//! for a second rendering. A rendering costs a tenth of a second; a leak that is not seen, more.

use std::path::{Path, PathBuf};

use crate::Composed;
use crate::statics::model::Model;

/// Words with which a file brings in another, or takes from the surroundings: further files, paths
/// below the home folder, builds with their own arguments and contexts.
const OUTSIDE: [&str; 7] = [
    "include",
    "extends",
    "env_file",
    "build",
    "label_file",
    "~",
    "provider",
];

/// Whether an environment's files are literal, and nothing around them is of compose's own.
pub fn files(composed: &Composed) -> bool {
    let shell = std::env::vars_os().any(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("COMPOSE_") || name.starts_with("DOCKER_")
    });
    let literal = |file: &PathBuf| literal(file, composed.folder.as_deref());
    !shell && !composed.files.is_empty() && composed.files.iter().all(literal)
}

fn literal(file: &Path, belongs: Option<&Path>) -> bool {
    let folder = match belongs.or(file.parent()) {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Compose also merges what lies in the folders above, where it is given no file: it is given one.
    let quiet = [folder, Path::new(".")]
        .iter()
        .all(|folder| folder.join(".env").symlink_metadata().is_err());
    quiet && std::fs::read_to_string(file).is_ok_and(|text| text_is(&text))
}

/// A `$` that is not doubled stands for a variable; behind a backslash any sign may hide.
fn text_is(text: &str) -> bool {
    let remark = |line: &&str| line.trim_start().starts_with('#');
    let mut lines = text.lines().filter(|line| !remark(line));
    !text.replace("$$", "").contains(['$', '\\'])
        && !lines.any(|line| OUTSIDE.iter().any(|word| line.contains(word)))
}

/// Whether nothing was left open for the surroundings to fill: a variable without a value is taken
/// from them.
pub(crate) fn model(model: &Model) -> bool {
    let services = model.services.values();
    services
        .flat_map(|service| service.environment.values().chain(service.labels.values()))
        .all(Option::is_some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_that_may_bring_something_in_is_not_literal() {
        let literal = "# build it first\nname: a\nservices:\n  x:\n    image: redis:8\n    command: echo $$HOME\n";
        assert!(text_is(literal));
        for more in [
            "    command: $X",
            "    command: ${X:-1}",
            "    command: $$$X",
            r#"    command: "\x24{X}""#,
            "include: [b.yml]",
            "    extends: { file: b.yml, service: y }",
            "    env_file: [a.env]",
            "    build: .",
            "    volumes: [~/x:/x]",
        ] {
            assert!(!text_is(&format!("{literal}{more}\n")), "{more}");
        }
    }

    #[test]
    fn a_variable_that_is_left_open_is_filled_from_around() {
        let of = |environment: &str| {
            let text = format!(
                r#"{{"name": "a", "services": {{"x": {{"environment": {environment}}}}}}}"#
            );
            model(&Model::parse(&text).expect("a model"))
        };
        assert!(of(r#"{"A": "1"}"#) && of("{}"));
        assert!(!of(r#"{"A": "1", "B": null}"#));
    }

    #[test]
    fn an_env_file_beside_the_file_is_not_quiet() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.yml");
        std::fs::write(&file, "name: a\n").expect("written");
        assert!(literal(&file, None));
        std::fs::write(folder.path().join(".env"), "").expect("written");
        assert!(!literal(&file, None));
        assert!(!literal(&folder.path().join("none.yml"), None));
        let elsewhere = tempfile::tempdir().expect("a folder");
        let aside = elsewhere.path().join("a.yml");
        std::fs::write(&aside, "name: a\n").expect("written");
        assert!(literal(&aside, None));
        assert!(!literal(&aside, Some(folder.path())));
    }
}
