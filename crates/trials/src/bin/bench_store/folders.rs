//! Folders of measurements that are over.

use anyhow::Result;
use tempfile::TempDir;

/// Keeps folders until the trial ends. ext4 does not take an inode again in the seconds after its file was deleted, and looks
/// at one after the other to find another: whoever is measured next would pay for it.
#[derive(Debug, Default)]
pub struct Folders(Vec<TempDir>);

impl Folders {
    /// A new one.
    pub fn make(&mut self) -> Result<std::path::PathBuf> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().to_owned();
        self.0.push(folder);
        Ok(path)
    }

    /// Keeps one that others made.
    pub fn keep(&mut self, folder: TempDir) {
        self.0.push(folder);
    }
}
