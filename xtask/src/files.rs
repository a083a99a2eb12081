//! Files that are replaced whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context as _;

/// Writes a file beside its place and renames it: another process reads the old file or the new one,
/// never half. Anyone may read it: Redis' user reads its list of users through a bind mount, apt's
/// user its sources. The folder must be there.
pub(crate) fn replace(path: &Path, contents: &str) -> anyhow::Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    let beside = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(beside.path(), contents)?;
    // The umask may have taken more than it should.
    fs::set_permissions(beside.path(), fs::Permissions::from_mode(0o644))?;
    beside.persist(path)?;
    Ok(())
}
