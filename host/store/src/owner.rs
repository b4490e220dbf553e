//! Whose what is made in a data folder is. An administrator's command may make files in the folder of a host that has a user
//! of its own; as root's they would be in that host's way for ever.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

/// Gives what root has just made to the owner of the folder that it is in; what others make is theirs.
///
/// # Errors
/// Those of the system.
pub(crate) fn give_to_owner_of_folder(made: &Path) -> io::Result<()> {
    let folder = match made.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let (made_by, owner) = (fs::symlink_metadata(made)?, fs::metadata(folder)?);
    if made_by.uid() == 0 && owner.uid() != 0 {
        lchown(made, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}
