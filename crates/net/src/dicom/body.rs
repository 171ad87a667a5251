//! A data set on its way from the association to the service, in bounded pieces.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

/// The data set of a request, as it arrives.
///
/// At most a few hundred kilobytes wait here; when they do, the association stops reading from its peer.
pub struct Body {
    shared: Arc<Mutex<Shared>>,
}

impl Body {
    /// The next piece; `None` once the last fragment has been handed out, and never before.
    ///
    /// # Errors
    /// [`BodyError`] when the data set will not arrive whole. What was read so far must not be kept as complete.
    /// The error repeats when asked again.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let mut shared = lock(&self.shared);
        if let Some(piece) = shared.pieces.pop_front() {
            shared.weight -= weight_of(&piece);
            if let Some(waker) = shared.producer.take() {
                waker.wake();
            }
            return Poll::Ready(Some(Ok(piece)));
        }
        match &shared.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(error)) => Poll::Ready(Some(Err(error.clone()))),
            None => {
                shared.consumer = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// A body that is already complete: for services under test.
    pub fn complete(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let (feed, body) = body(usize::MAX);
        for piece in pieces {
            feed.push(piece);
        }
        feed.finish();
        body
    }

    /// A body that breaks off after these pieces: for services under test.
    pub fn broken(pieces: impl IntoIterator<Item = Bytes>, error: BodyError) -> Self {
        let (feed, body) = body(usize::MAX);
        for piece in pieces {
            feed.push(piece);
        }
        feed.fail(error);
        body
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        shared.consumer_gone = true;
        shared.pieces.clear();
        shared.weight = 0;
        if let Some(waker) = shared.producer.take() {
            waker.wake();
        }
    }
}

/// Why a data set did not arrive whole.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The peer aborted the association.
    #[error("the peer aborted the association in mid data set")]
    Aborted,
    /// The connection closed or broke.
    #[error("the connection ended in mid data set")]
    Closed,
    /// The peer broke the protocol.
    #[error("the peer broke the protocol in mid data set: {0}")]
    Protocol(String),
    /// We gave up: shutdown or an internal limit.
    #[error("the association was ended here in mid data set: {0}")]
    Stopped(String),
    /// The peer stopped sending.
    #[error("the peer stopped sending in mid data set")]
    Timeout,
}

/// The association's end of a [`Body`]. Dropping it without [`Feed::finish`] breaks the body off.
pub(crate) struct Feed {
    shared: Arc<Mutex<Shared>>,
    weight_max: usize,
}

impl Feed {
    /// Adds a piece. Its slice may pin a whole read buffer, so small pieces weigh more than their length.
    pub(crate) fn push(&self, piece: Bytes) {
        let mut shared = lock(&self.shared);
        if shared.consumer_gone || piece.is_empty() {
            return;
        }
        shared.weight += weight_of(&piece);
        shared.pieces.push_back(piece);
        shared.wake_consumer();
    }

    /// The last fragment has been pushed.
    pub(crate) fn finish(&self) {
        lock(&self.shared).end(Ok(()));
    }

    /// The data set will not arrive whole.
    pub(crate) fn fail(&self, error: BodyError) {
        lock(&self.shared).end(Err(error));
    }

    /// Ready while another piece may be pushed.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut shared = lock(&self.shared);
        if shared.weight < self.weight_max {
            return Poll::Ready(());
        }
        shared.producer = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.fail(BodyError::Closed);
    }
}

/// Makes a body that holds about `bytes_max` bytes at most.
pub(crate) fn body(bytes_max: usize) -> (Feed, Body) {
    let shared = Arc::new(Mutex::new(Shared::default()));
    (Feed { shared: Arc::clone(&shared), weight_max: bytes_max }, Body { shared })
}

#[derive(Default)]
struct Shared {
    pieces: VecDeque<Bytes>,
    weight: usize,
    end: Option<Result<(), BodyError>>,
    consumer: Option<Waker>,
    consumer_gone: bool,
    producer: Option<Waker>,
}

impl Shared {
    /// The first end stands: a body that is complete cannot break any more, and the other way round.
    fn end(&mut self, end: Result<(), BodyError>) {
        self.end.get_or_insert(end);
        self.wake_consumer();
    }

    fn wake_consumer(&mut self) {
        if let Some(waker) = self.consumer.take() {
            waker.wake();
        }
    }
}

fn weight_of(piece: &Bytes) -> usize {
    piece.len() + PIECE_WEIGHT
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // No code that can panic runs under the lock.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a queued piece costs beside its bytes: a share of the read buffer that it pins.
const PIECE_WEIGHT: usize = 512;

#[cfg(test)]
mod tests {
    use super::{Body, BodyError, body};
    use bytes::Bytes;
    use std::task::{Context, Poll, Waker};

    fn poll(body: &mut Body) -> Poll<Option<Result<Bytes, BodyError>>> {
        body.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_end_comes_only_after_the_last_fragment() {
        let (feed, mut body) = body(1024);
        assert!(poll(&mut body).is_pending());
        feed.push(Bytes::from_static(b"a"));
        assert_eq!(poll(&mut body), Poll::Ready(Some(Ok(Bytes::from_static(b"a")))));
        assert!(poll(&mut body).is_pending());
        feed.finish();
        drop(feed);
        assert_eq!(poll(&mut body), Poll::Ready(None));
        assert_eq!(poll(&mut body), Poll::Ready(None));
    }

    #[test]
    fn a_feed_that_vanishes_is_never_an_end() {
        let (feed, mut body) = body(1024);
        feed.push(Bytes::from_static(b"a"));
        drop(feed);
        assert_eq!(poll(&mut body), Poll::Ready(Some(Ok(Bytes::from_static(b"a")))));
        for _ in 0..2 {
            assert_eq!(poll(&mut body), Poll::Ready(Some(Err(BodyError::Closed))));
        }
    }

    #[test]
    fn a_full_body_has_no_room_until_it_is_read() {
        let (feed, mut body) = body(600);
        let mut context = Context::from_waker(Waker::noop());
        assert!(feed.poll_room(&mut context).is_ready());
        feed.push(Bytes::from(vec![0; 100]));
        assert!(feed.poll_room(&mut context).is_pending());
        assert!(poll(&mut body).is_ready());
        assert!(feed.poll_room(&mut context).is_ready());
    }

    #[test]
    fn pieces_for_a_service_that_left_are_dropped() {
        let (feed, body) = body(600);
        drop(body);
        feed.push(Bytes::from(vec![0; 1000]));
        assert!(feed.poll_room(&mut Context::from_waker(Waker::noop())).is_ready());
    }
}
