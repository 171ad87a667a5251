//! Where the bytes of a data set come from.

use std::collections::VecDeque;
use std::future::Future;
use std::io;

use bytes::Bytes;

use crate::BoxFuture;

/// Yields a data set in pieces, in its final encoding.
///
/// The association asks for the next piece only when there is room for it, so a large instance is never in memory as a
/// whole.
pub trait BodySource: Send {
    /// The next piece; `None` when the data set is complete.
    ///
    /// # Errors
    /// When the data set cannot be read. The association is then aborted, so that the peer cannot take what it has
    /// for a whole instance.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send;
}

impl BodySource for Bytes {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let whole = std::mem::take(self);
        Ok((!whole.is_empty()).then_some(whole))
    }
}

impl BodySource for VecDeque<Bytes> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        Ok(self.pop_front())
    }
}

impl<T: BodySource> BodySource for &mut T {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        (**self).next().await
    }
}

/// A [`BodySource`] of any kind, for those who choose one at run time.
pub struct AnyBody(Box<dyn Boxed>);

impl AnyBody {
    /// Forgets which kind of source this is.
    pub fn new(source: impl BodySource + 'static) -> Self {
        Self(Box::new(source))
    }
}

impl BodySource for AnyBody {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.0.next_boxed().await
    }
}

impl std::fmt::Debug for AnyBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyBody").finish_non_exhaustive()
    }
}

trait Boxed: Send {
    fn next_boxed(&mut self) -> BoxFuture<'_, io::Result<Option<Bytes>>>;
}

impl<T: BodySource> Boxed for T {
    fn next_boxed(&mut self) -> BoxFuture<'_, io::Result<Option<Bytes>>> {
        Box::pin(self.next())
    }
}
