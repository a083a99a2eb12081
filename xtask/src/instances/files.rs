//! The files that were rendered for a deployment of an instance, in the user's state folder.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use compose_audit::files::replaceable;
use environments::Deployment;
use environments::render::{Secrets, Target, deployment_files};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::execute::Did;
use crate::journal::{Deed, Kind, Verb};
use crate::stack::own_folder;

/// What lies in a deployment's folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// What this tool has rendered.
    pub(crate) files: Vec<PathBuf>,
    /// What it has not, and why that stays.
    pub(crate) others: Vec<String>,
}

impl Rendered {
    /// Looks into the folder. What is not by this tool is never removed.
    pub(crate) fn of(context: &Context, deployment: &Deployment) -> Self {
        let folder = own_folder(context, deployment);
        // Their names are the same in every set; staging has one file less behind a secret.
        let target = Target::main(deployment.environment(), Secrets::well_known());
        let mut rendered = Self::default();
        for file in deployment_files(&target) {
            let path = folder.join(&file.path);
            match replaceable(&path, |text| file.may_replace(text)) {
                Ok(None) => {}
                Ok(Some(_)) => rendered.files.push(path),
                Err(why) => rendered.others.push(format!("{} {why}", path.display())),
            }
        }
        rendered
    }
}

/// Removes files, and the folders that are empty then: each one's, and those above up to the instance's.
pub(super) fn remove(
    context: &Context,
    deployment: &Deployment,
    files: &[PathBuf],
    did: &mut Did,
) -> Result<()> {
    let folder = own_folder(context, deployment);
    let instance = folder.parent().unwrap_or(&folder);
    for file in files {
        match fs::remove_file(file) {
            Ok(()) => did.add([deed(file)]),
            // Gone already is what was wanted.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let what = format!("cannot remove {}", file.display());
                return Err(Failure::failed(what).because(error));
            }
        }
        let above = file.ancestors().skip(1);
        for empty in above.take_while(|one| one.starts_with(instance)) {
            if fs::remove_dir(empty).is_err() {
                break;
            }
        }
    }
    Ok(())
}

pub(super) fn deed(file: &Path) -> Deed {
    Deed::new(Verb::Remove, Kind::File, file.display().to_string(), "")
}
