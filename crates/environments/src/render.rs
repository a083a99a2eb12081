//! Definitions to files.
//!
//! Decides the text of every file that this project renders, and of none that a person writes. It
//! must not know where a checkout is: paths are relative, and who calls it reads and writes.
//!
//! The same definitions give the same bytes, so that drift shows as a difference of text.

mod acl;
mod compose;
mod connection;
mod format;
mod jsonc;
mod python;
mod target;
mod vscode;

pub use acl::{redis_users, secret_environment};
pub use compose::compose;
pub use connection::{Connection, connection, dotenv};
pub use format::{LineBreak, to_dotenv, to_github, to_json};
pub use jsonc::JsoncError;
pub use python::{PYTHON_PATH, python_definitions};
pub use target::{Namespace, PortsMismatch, Secrets, Target};
pub use vscode::{database_connections, vscode_settings};

use crate::Environment;

/// Where the editor's settings are in the repository: the one rendered file that people edit too.
pub const SETTINGS_PATH: &str = ".vscode/settings.json";

/// A file as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Where it belongs, relative to the repository or, for an instance, to its own folder.
    pub path: String,
    /// All of its text.
    pub contents: String,
}

/// What the first line of a rendered file says, in a comment, wherever its form has comments. Files
/// of every earlier version say it too.
const MARK: &str = "Rendered by `cargo xtask ";

impl RenderedFile {
    /// Whether a text that lies in this file's place was rendered by this tool, now or by an earlier
    /// version, and maybe edited since: then it may be written over. An empty one may too.
    ///
    /// [`SETTINGS_PATH`] is everybody's: of whatever is there only our entries are changed.
    #[must_use]
    pub fn may_replace(&self, there: &str) -> bool {
        let text = there.strip_prefix('\u{feff}').unwrap_or(there);
        if text.trim().is_empty() || self.path == SETTINGS_PATH {
            return true;
        }
        match self.path.rsplit_once('.').map(|(_, form)| form) {
            Some("acl") => acl::are_our_users(text, &self.contents),
            Some("json") => vscode::are_our_connections(text),
            _ => {
                let first = text.lines().next().unwrap_or_default();
                first.starts_with('#') && first.contains(MARK)
            }
        }
    }
}

/// Every rendered file of the repository: the main set's.
///
/// `existing_settings` is what [`SETTINGS_PATH`] holds now, if it exists: only some entries of one of
/// its lists are ours, the rest is returned as it came.
///
/// # Errors
/// The existing settings are not JSON with comments, or leave it open which entry is meant.
pub fn files(
    secrets: Secrets,
    existing_settings: Option<&str>,
) -> Result<Vec<RenderedFile>, JsoncError> {
    let mut files = Vec::new();
    for environment in Environment::ALL {
        let target = Target::main(environment, secrets);
        let docker = deployment_files(&target)
            .into_iter()
            .map(|file| RenderedFile {
                path: format!("docker/{}", file.path),
                ..file
            });
        files.extend(docker);
        files.push(RenderedFile {
            path: format!(".env.{environment}"),
            contents: dotenv(&target),
        });
    }
    files.push(RenderedFile {
        path: SETTINGS_PATH.to_owned(),
        contents: vscode_settings(existing_settings, secrets)?,
    });
    files.push(RenderedFile {
        path: ".vscode/database-connections.json".to_owned(),
        contents: database_connections(secrets),
    });
    files.push(RenderedFile {
        path: PYTHON_PATH.to_owned(),
        contents: python_definitions(),
    });
    Ok(files)
}

/// What compose needs for one deployment, with paths relative to a folder of its own: the compose
/// file, and the file of Redis users where that may be written down.
#[must_use]
pub fn deployment_files(target: &Target) -> Vec<RenderedFile> {
    let environment = target.deployment().environment();
    let mut files = vec![RenderedFile {
        path: format!("docker-compose.{environment}.yml"),
        contents: compose(target),
    }];
    if let Some(password) = target.written_password() {
        files.push(RenderedFile {
            path: acl::path(environment),
            contents: redis_users(target, password),
        });
    }
    files
}
