//! A hook by which tests make a sync fail.

use std::io;
use std::sync::Arc;

/// Where written bytes are made durable.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SyncPoint {
    /// Before the database commits a group of batches.
    Commit,
    /// Before a directory of the spool is synced.
    PayloadDirectory,
    /// Before a payload file is synced.
    PayloadFile,
}

/// Asked before every sync; an error stands for the sync that the disk refused. Harmless by default.
///
/// A failed `fsync` cannot be produced on demand on a healthy disk, yet "failed sync, never acknowledged" is a
/// promise that has to be tested, by embedders too.
#[derive(Clone, Default)]
pub struct SyncFault(Option<Arc<Hook>>);

type Hook = dyn Fn(SyncPoint) -> io::Result<()> + Send + Sync;

impl SyncFault {
    /// A fault that asks the closure, on whichever thread syncs.
    pub fn new(hook: impl Fn(SyncPoint) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(crate) fn check(&self, point: SyncPoint) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |hook| hook(point))
    }
}

impl std::fmt::Debug for SyncFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "SyncFault(hook)" } else { "SyncFault(none)" })
    }
}
