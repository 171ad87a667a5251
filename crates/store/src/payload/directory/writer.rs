//! Payloads on their way in.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use telerad_routing::Digest;
use tokio::sync::oneshot;

use super::{Place, answer};
use crate::payload::{BLOCK_BYTES_MAX, HeldPayload, PayloadFuture, PayloadWriter, StoredPayload};
use crate::pool::Pool;

/// Gathers fragments to about a block, then hands the block and the file to a writer thread and goes on gathering:
/// the network and the disk work at the same time, and the file is never in two places.
pub(super) struct Writer {
    pool: Arc<Pool<()>>,
    place: Arc<Place>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    state: State,
}

enum State {
    /// The file waits here for the next block.
    Here(Unfinished),
    /// A thread has the file and writes a block.
    Away(oneshot::Receiver<io::Result<Unfinished>>),
    /// A block could not be written, and the file is gone.
    Failed,
}

impl Writer {
    pub(super) fn new(pool: Arc<Pool<()>>, place: Arc<Place>) -> Self {
        let unfinished =
            Unfinished { file: None, hasher: Box::new(blake3::Hasher::new()), bytes: 0 };
        Self {
            pool,
            place,
            gathered: Vec::new(),
            gathered_bytes: 0,
            state: State::Here(unfinished),
        }
    }

    /// Waits until the file is here.
    async fn recall(&mut self) -> io::Result<Unfinished> {
        if let State::Away(answered) = &mut self.state {
            // Awaited in place: if this future is dropped, the file is still on its way to `self`.
            let back = match answered.await {
                Ok(back) => back,
                Err(_) => Err(io::Error::other("spool is closed")),
            };
            match back {
                Ok(unfinished) => self.state = State::Here(unfinished),
                Err(error) => {
                    self.state = State::Failed;
                    return Err(error);
                }
            }
        }
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Here(unfinished) => Ok(unfinished),
            State::Away(_) | State::Failed => {
                Err(io::Error::other("an earlier block of this payload could not be written"))
            }
        }
    }

    async fn send_gathered(&mut self) -> io::Result<()> {
        let mut unfinished = self.recall().await?;
        let blocks = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        let place = Arc::clone(&self.place);
        self.state = State::Away(self.pool.run(move |()| {
            unfinished.write(&place, &blocks)?;
            Ok(unfinished)
        }));
        Ok(())
    }

    async fn finish_gathered(mut self) -> io::Result<HeldPayload> {
        let mut unfinished = self.recall().await?;
        let blocks = std::mem::take(&mut self.gathered);
        let place = Arc::clone(&self.place);
        let finished = self.pool.run(move |()| {
            unfinished.write(&place, &blocks)?;
            unfinished.finish(&place)
        });
        answer(finished).await?
    }
}

impl PayloadWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> PayloadFuture<'_, ()> {
        Box::pin(async move {
            if matches!(self.state, State::Failed) {
                self.recall().await?;
            }
            self.gathered_bytes += bytes.len();
            self.gathered.push(bytes);
            if self.gathered_bytes >= BLOCK_BYTES_MAX || self.gathered.len() >= FRAGMENTS_MAX {
                self.send_gathered().await?;
            }
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> PayloadFuture<'static, HeldPayload> {
        Box::pin(self.finish_gathered())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Deleting a large file takes a while: not on the thread of whoever lost interest. A file that is away is
        // dropped by the thread that has it.
        if let State::Here(unfinished) = std::mem::replace(&mut self.state, State::Failed)
            && unfinished.file.is_some()
        {
            drop(self.pool.run(move |()| drop(unfinished)));
        }
    }
}

/// A payload without a name yet. Dropping it removes its file.
struct Unfinished {
    file: Option<TemporaryFile>,
    hasher: Box<blake3::Hasher>,
    bytes: u64,
}

impl Unfinished {
    fn write(&mut self, place: &Place, blocks: &[Bytes]) -> io::Result<()> {
        place.check()?;
        let temporary = match &mut self.file {
            Some(temporary) => temporary,
            None => self.file.insert(TemporaryFile::create(place)?),
        };
        for block in blocks {
            temporary.file.write_all(block)?;
            self.hasher.update(block);
            self.bytes += block.len() as u64;
        }
        Ok(())
    }

    fn finish(self, place: &Place) -> io::Result<HeldPayload> {
        let digest = Digest::from_bytes(*self.hasher.finalize().as_bytes());
        let Some(mut temporary) = self.file else {
            return Err(io::Error::other("payload was never written to"));
        };
        place.sync_file(&temporary.file)?;
        let hold = place.publish(&temporary.path, &digest)?;
        temporary.published = true;
        Ok(HeldPayload { stored: StoredPayload { digest, bytes: self.bytes }, hold })
    }
}

struct TemporaryFile {
    file: File,
    path: PathBuf,
    published: bool,
}

impl TemporaryFile {
    fn create(place: &Place) -> io::Result<Self> {
        let path = place.unfinished_path();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { file: options.open(&path)?, path, published: false })
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is removed when the spool is opened again. After a failure past the
            // rename there is nothing left under this name.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Peers that send tiny fragments must not make the list of them larger than their content.
const FRAGMENTS_MAX: usize = 1024;
