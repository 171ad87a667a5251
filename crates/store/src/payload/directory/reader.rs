//! Payloads on their way out.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use telerad_routing::Digest;
use tokio::sync::oneshot;

use crate::payload::{BLOCK_BYTES_MAX, PayloadFuture, PayloadReader};
use crate::pool::Pool;

/// Reads one block ahead of whoever asks.
pub(super) struct Reader {
    pool: Arc<Pool<()>>,
    bytes: u64,
    ahead: Option<oneshot::Receiver<io::Result<Step>>>,
}

/// A block, and the source when more of it may follow.
type Step = Option<(Bytes, Source)>;

impl Reader {
    pub(super) fn new(pool: Arc<Pool<()>>, source: Source) -> Self {
        let bytes = source.bytes;
        let ahead = Some(pool.run(move |()| source.step()));
        Self { pool, bytes, ahead }
    }
}

impl PayloadReader for Reader {
    fn next(&mut self) -> PayloadFuture<'_, Option<Bytes>> {
        Box::pin(async move {
            // Awaited in place, so that a dropped future loses no block.
            let Some(ahead) = &mut self.ahead else { return Ok(None) };
            let step = ahead.await;
            self.ahead = None;
            let step = step.map_err(|_| io::Error::other("spool is closed"))??;
            let Some((block, source)) = step else { return Ok(None) };
            self.ahead = Some(self.pool.run(move |()| source.step()));
            Ok(Some(block))
        })
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// An open file and what has been read of it.
pub(super) struct Source {
    file: File,
    digest: Digest,
    hasher: Box<blake3::Hasher>,
    bytes: u64,
    left: u64,
}

impl Source {
    pub(super) fn open(path: &Path, digest: Digest) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { file, digest, hasher: Box::new(blake3::Hasher::new()), bytes, left: bytes })
    }

    fn step(mut self) -> io::Result<Step> {
        if self.left == 0 {
            // Only an empty payload comes here unchecked; every other was checked with its last block.
            return if self.bytes > 0 { Ok(None) } else { self.check().map(|()| None) };
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(BLOCK_BYTES_MAX);
        let mut block = vec![0; wanted];
        self.file.read_exact(&mut block)?;
        self.hasher.update(&block);
        self.left -= wanted as u64;
        if self.left == 0 {
            self.check()?;
        }
        Ok(Some((block.into(), self)))
    }

    fn check(&self) -> io::Result<()> {
        if self.hasher.finalize().as_bytes() == self.digest.as_bytes() {
            return Ok(());
        }
        let reason = format!("payload {} is damaged: its content has another digest", self.digest);
        Err(io::Error::new(io::ErrorKind::InvalidData, reason))
    }
}
