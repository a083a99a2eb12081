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

/// Every rendered file of the repository: the main set's.
///
/// `existing_settings` is what [`SETTINGS_PATH`] holds now, if it exists: only one of its values is
/// ours, the rest is returned as it came.
///
/// # Errors
/// The existing settings are not JSON with comments, or leave it open which value is meant.
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
