//! Memory for frames, shared by all connections of a server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// So many bytes of frames at a time.
///
/// The first [`FREE_BYTES`] of each frame are not counted, so that ordinary messages never wait for large ones. Beyond them a
/// connection takes from what is left, first come, first served. When too little is left, frames that each wait for the
/// others' end would wait for ever; so the room of one whole frame is a lane apart, used by one connection at a time. Who
/// holds it can finish, or runs into its own deadlines.
#[derive(Clone)]
pub(super) struct Budget(Arc<Mutex<Books>>);

struct Books {
    /// Outside the lane.
    left: usize,
    lane: Lane,
    /// First come, first served.
    waiting: VecDeque<(u64, Waker)>,
    next_id: u64,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Lane {
    Free,
    HeldBy(u64),
}

impl Budget {
    /// `total` bytes, of which `frame_bytes_max` are the lane. A whole frame always has room, however small the total is.
    pub(super) fn new(total: usize, frame_bytes_max: usize) -> Self {
        let (left, lane) = (total.saturating_sub(frame_bytes_max), Lane::Free);
        Self(Arc::new(Mutex::new(Books { left, lane, waiting: VecDeque::new(), next_id: 0 })))
    }

    /// A connection's part, nothing so far.
    pub(super) fn share(&self) -> Share {
        let id = {
            let mut books = self.books();
            books.next_id += 1;
            books.next_id
        };
        Share { budget: self.clone(), id, taken: 0 }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one connection has taken, until it is dropped.
pub(super) struct Share {
    budget: Budget,
    id: u64,
    /// From outside the lane.
    taken: usize,
}

impl Share {
    /// Ready once a frame of `bytes` in all may be in memory.
    pub(super) fn poll_grow(&mut self, context: &mut Context<'_>, bytes: usize) -> Poll<()> {
        let more = bytes.saturating_sub(FREE_BYTES.saturating_add(self.taken));
        if more == 0 {
            return Poll::Ready(());
        }
        let mut books = self.budget.books();
        if books.lane == Lane::HeldBy(self.id) {
            return Poll::Ready(());
        }
        let is_next = books.waiting.front().is_none_or(|(id, _)| *id == self.id);
        if is_next && books.left >= more {
            books.left -= more;
            self.taken += more;
        } else if is_next && books.lane == Lane::Free {
            books.lane = Lane::HeldBy(self.id);
        } else {
            let waker = context.waker().clone();
            match books.waiting.iter_mut().find(|(id, _)| *id == self.id) {
                Some(place) => place.1 = waker,
                None => books.waiting.push_back((self.id, waker)),
            }
            return Poll::Pending;
        }
        books.leave_line(self.id);
        Poll::Ready(())
    }

    /// Gives everything back.
    pub(super) fn release(&mut self) {
        let mut books = self.budget.books();
        books.left += std::mem::take(&mut self.taken);
        if books.lane == Lane::HeldBy(self.id) {
            books.lane = Lane::Free;
        }
        books.leave_line(self.id);
    }
}

impl Books {
    /// And lets the next one look.
    fn leave_line(&mut self, id: u64) {
        self.waiting.retain(|(waiting, _)| *waiting != id);
        if let Some((_, next)) = self.waiting.front() {
            next.wake_by_ref();
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.release();
    }
}

/// What one read of a connection may bring.
pub(super) const READ_BYTES: usize = 64 * 1024;
/// Of each frame, not counted: an ordinary message of up to 64 KiB, and the read that brings its end.
const FREE_BYTES: usize = 2 * READ_BYTES;

#[cfg(test)]
mod tests {
    use super::{Budget, FREE_BYTES, Share};
    use std::task::{Context, Waker};

    fn grows(share: &mut Share, bytes: usize) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        share.poll_grow(&mut context, FREE_BYTES + bytes).is_ready()
    }

    #[test]
    fn the_first_bytes_of_a_frame_cost_nothing() {
        let budget = Budget::new(0, 0);
        let mut shares: Vec<_> = (0..3).map(|_| budget.share()).collect();
        assert!(shares.iter_mut().all(|share| grows(share, 0)));
    }

    #[test]
    fn one_frame_has_room_however_small_the_total_is() {
        let budget = Budget::new(0, 1000);
        let (mut first, mut second) = (budget.share(), budget.share());
        assert!(grows(&mut first, 10) && grows(&mut first, 1000));
        assert!(!grows(&mut second, 1));
        first.release();
        assert!(grows(&mut second, 1));
    }

    #[test]
    fn what_was_taken_counts_once() {
        let budget = Budget::new(300, 100);
        let (mut first, mut second, mut third) = (budget.share(), budget.share(), budget.share());
        assert!(grows(&mut first, 50) && grows(&mut first, 100) && grows(&mut second, 100));
        // The 200 beside the lane are used; the lane is left, for one.
        assert!(grows(&mut first, 110) && !grows(&mut second, 110) && !grows(&mut third, 1));
        drop(first);
        assert!(grows(&mut second, 110) && grows(&mut third, 1));
    }

    #[test]
    fn who_came_first_is_served_first() {
        let budget = Budget::new(100, 0);
        let (mut first, mut second, mut third) = (budget.share(), budget.share(), budget.share());
        assert!(grows(&mut first, 90));
        let mut lane = budget.share();
        assert!(grows(&mut lane, 100));
        assert!(!grows(&mut second, 50));
        // It would fit, but others have waited longer.
        assert!(!grows(&mut third, 5));
        drop(second);
        assert!(grows(&mut third, 5));
    }
}
