//! Directories that belong to one process, and the syncing of directories.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::StoreError;

/// Holds a directory for this process; freed when dropped, and by the operating system when the process dies.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    // The lock lives as long as the open file.
    _file: File,
}

impl DirectoryLock {
    /// Creates the directory where it is missing, durably, and locks it.
    pub(crate) fn acquire(directory: &Path) -> Result<Self, StoreError> {
        let open = |error: io::Error| StoreError::Open {
            directory: directory.to_owned(),
            reason: error.to_string(),
        };
        create_durable(directory).map_err(open)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join(LOCK_FILE))
            .map_err(open)?;
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => Ok(Self { _file: file }),
            Err(fs4::TryLockError::WouldBlock) => {
                Err(StoreError::Locked { directory: directory.to_owned() })
            }
            Err(fs4::TryLockError::Error(error)) => Err(open(error)),
        }
    }
}

/// Creates a directory and what is missing above it, and makes their names durable: whatever is synced below a name
/// that a power cut takes is lost with it.
fn create_durable(directory: &Path) -> io::Result<()> {
    let above = directory.ancestors().take_while(|path| !path.as_os_str().is_empty());
    let missing = above.take_while(|path| !path.exists()).count();
    create_private(directory)?;
    // Whoever made it before us may not have synced its name: the nearest is synced in every case.
    for parent in directory.ancestors().skip(1).take(missing.max(1)) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match sync(parent) {
            // Made by somebody who keeps us from looking into it, and long before us.
            Err(error) if missing == 0 && error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Creates a directory and its parents, readable by the owner alone: what is stored is patient data.
pub(crate) fn create_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Makes the names in a directory durable. A rename alone is not: only the directory's own sync is (POSIX leaves
/// it open, ext4 and XFS need it). Windows has no such call; NTFS journals its names.
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

const LOCK_FILE: &str = "lock";

#[cfg(test)]
mod tests {
    use super::DirectoryLock;
    use crate::StoreError;

    #[test]
    fn everything_that_is_missing_above_a_directory_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("a/b/c");
        drop(DirectoryLock::acquire(&deep).unwrap());
        assert!(deep.join("lock").is_file());
    }

    #[test]
    fn a_second_owner_is_told_who_is_in_the_way() {
        let directory = tempfile::tempdir().unwrap();
        let held = DirectoryLock::acquire(directory.path()).unwrap();
        let error = DirectoryLock::acquire(directory.path()).unwrap_err();
        assert_eq!(error, StoreError::Locked { directory: directory.path().to_owned() });
        assert!(error.to_string().ends_with("is in use by another process"));
        drop(held);
        DirectoryLock::acquire(directory.path()).unwrap();
    }
}
