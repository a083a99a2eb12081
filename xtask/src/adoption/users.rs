//! Who uses a volume that is to be read.

use crate::context::Context;
use crate::error::{Failure, Result};

/// Fails where a container that runs has the volume.
pub(super) fn unused(context: &Context, name: &str) -> Result<()> {
    let users = context.docker.running_users_of_volume(name)?;
    if users.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "the volume {name} is in use by {}: what is written meanwhile would be lost, or half copied",
        users.join(", ")
    ))
    .hint("docker stop ID, with the first word of each as ID; then run the same command again"))
}
