//! How much room a place has.

use std::io;
use std::path::Path;

/// The room of a place for payloads.
///
/// Of bytes or inodes whose total is 0 nothing is known: some file systems number no inodes, and some tell nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Space {
    /// Bytes that may still be written by who runs this process, the reserve of the superuser apart.
    pub bytes_free: u64,
    /// All bytes of the file system, taken or not; 0 when unknown.
    pub bytes_total: u64,
    /// Files that may still be created.
    pub inodes_free: u64,
    /// All files that the file system has room for; 0 when it sets no limit.
    pub inodes_total: u64,
}

impl Space {
    /// Of a place that never fills.
    pub const UNLIMITED: Self =
        Self { bytes_free: u64::MAX, bytes_total: u64::MAX, inodes_free: 0, inodes_total: 0 };

    /// The room of the file system that holds this directory.
    #[cfg(unix)]
    pub(crate) fn of_directory(directory: &Path) -> io::Result<Self> {
        let found = rustix::fs::statvfs(directory)?;
        Ok(Self {
            bytes_free: found.f_bavail.saturating_mul(found.f_frsize),
            bytes_total: found.f_blocks.saturating_mul(found.f_frsize),
            inodes_free: found.f_favail,
            inodes_total: found.f_files,
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn of_directory(directory: &Path) -> io::Result<Self> {
        Ok(Self {
            bytes_free: fs4::available_space(directory)?,
            bytes_total: fs4::total_space(directory)?,
            inodes_free: 0,
            inodes_total: 0,
        })
    }
}
