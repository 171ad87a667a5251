//! Watermarks on the free bytes and inodes below the spool: what a measurement means.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use telerad_store::payload::Space;

use crate::configuration::{Spool, Watermark};

/// How much room there is, by the watermarks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Room {
    /// For everybody.
    Enough,
    /// Below the soft watermark: for what cannot wait.
    Low,
    /// Below the hard watermark: for nothing.
    None,
}

/// What was measured last, and when it is to be measured again.
pub(crate) struct Watermarks {
    known: Mutex<Known>,
    bytes_since: AtomicU64,
}

struct Known {
    room: Room,
    cause: String,
    measured: Option<Instant>,
    is_unknown_told: bool,
}

impl Watermarks {
    pub(crate) fn new() -> Self {
        let known = Known {
            room: Room::Enough,
            cause: String::new(),
            measured: None,
            is_unknown_told: false,
        };
        Self { known: Mutex::new(known), bytes_since: AtomicU64::new(0) }
    }

    /// As last measured.
    pub(crate) fn room(&self) -> Room {
        self.known().room
    }

    /// The reason in words.
    pub(crate) fn cause(&self) -> String {
        self.known().cause.clone()
    }

    /// When it was measured last.
    pub(crate) fn measured(&self) -> Option<Instant> {
        self.known().measured
    }

    /// Counts bytes that were taken; how many have been since the last measurement, these included.
    pub(crate) fn count(&self, bytes: usize) -> u64 {
        let bytes = bytes as u64;
        self.bytes_since.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
    }

    /// A measurement begins: what comes from now on counts towards the next one.
    pub(crate) fn begin(&self) {
        self.bytes_since.store(0, Ordering::Relaxed);
    }

    /// Takes note of a measurement; the room, and whether it is another than before.
    pub(crate) fn note(&self, space: Space, spool: &Spool, now: Instant) -> (Room, bool) {
        let mut known = self.known();
        let before = known.room;
        (known.room, known.cause) = judge(space, spool, before);
        known.measured = Some(now);
        (known.room, known.room != before)
    }

    /// Takes note that the room cannot be told; whether that is news.
    pub(crate) fn note_unknown(&self, now: Instant) -> bool {
        let mut known = self.known();
        known.measured = Some(now);
        !std::mem::replace(&mut known.is_unknown_told, true)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // No code that can panic runs under the lock.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Judges the room. A watermark is left behind only with an eighth more than it asks for, so that a disk that is about
/// as full as it may be does not turn senders away and let them in by turns.
fn judge(space: Space, spool: &Spool, before: Room) -> (Room, String) {
    let (soft, hard) = spool.watermarks(space);
    for (room, word, mark) in [(Room::None, "hard", hard), (Room::Low, "soft", soft)] {
        let is_left = |mark: u64| if before >= room { mark.saturating_add(mark / 8) } else { mark };
        let needed = Watermark {
            bytes_free: is_left(mark.bytes_free),
            inodes_free: is_left(mark.inodes_free),
        };
        if space.bytes_total > 0 && space.bytes_free < needed.bytes_free {
            let (free, needed) = (space.bytes_free / MEGABYTE, needed.bytes_free / MEGABYTE);
            return (room, format!("{free} MB free, {needed} MB wanted ({word} watermark)"));
        }
        if space.inodes_total > 0 && space.inodes_free < needed.inodes_free {
            let (free, needed) = (space.inodes_free, needed.inodes_free);
            return (room, format!("{free} inodes free, {needed} wanted ({word} watermark)"));
        }
    }
    (
        Room::Enough,
        format!("{} MB and {} inodes free", space.bytes_free / MEGABYTE, space.inodes_free),
    )
}

const MEGABYTE: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use telerad_store::payload::Space;

    use super::{Room, judge};
    use crate::configuration::Spool;

    const MARKS: &str = "soft = { bytes_free = 80_000_000, inodes_free = 80 }
        hard = { bytes_free = 40_000_000, inodes_free = 40 }";

    #[track_caller]
    fn check(before: Room, (megabytes, inodes): (u64, u64), expected: Room, cause: &str) {
        let spool: Spool = toml::from_str(MARKS).unwrap();
        let space = Space {
            bytes_free: megabytes * 1_000_000,
            bytes_total: 1_000_000_000,
            inodes_free: inodes,
            inodes_total: 1000,
        };
        let (room, said) = judge(space, &spool, before);
        assert_eq!((room, said.as_str()), (expected, cause));
    }

    #[test]
    fn bytes_and_inodes_have_watermarks_of_their_own() {
        let roomy = Room::Enough;
        check(roomy, (80, 80), Room::Enough, "80 MB and 80 inodes free");
        check(roomy, (79, 80), Room::Low, "79 MB free, 80 MB wanted (soft watermark)");
        check(roomy, (80, 79), Room::Low, "79 inodes free, 80 wanted (soft watermark)");
        check(roomy, (39, 900), Room::None, "39 MB free, 40 MB wanted (hard watermark)");
        check(roomy, (900, 39), Room::None, "39 inodes free, 40 wanted (hard watermark)");
    }

    #[test]
    fn a_watermark_is_left_with_an_eighth_to_spare() {
        check(Room::None, (44, 90), Room::None, "44 MB free, 45 MB wanted (hard watermark)");
        check(Room::None, (45, 90), Room::Low, "45 MB free, 90 MB wanted (soft watermark)");
        check(Room::Low, (44, 90), Room::Low, "44 MB free, 90 MB wanted (soft watermark)");
        check(Room::Low, (89, 90), Room::Low, "89 MB free, 90 MB wanted (soft watermark)");
        check(Room::Low, (90, 90), Room::Enough, "90 MB and 90 inodes free");
    }

    #[test]
    fn of_what_a_file_system_does_not_count_nothing_is_wanted() {
        let spool: Spool = toml::from_str(MARKS).unwrap();
        let space = Space { bytes_free: 0, bytes_total: 0, inodes_free: 0, inodes_total: 0 };
        assert_eq!(judge(space, &spool, Room::Enough).0, Room::Enough);
        assert_eq!(judge(Space::UNLIMITED, &spool, Room::Enough).0, Room::Enough);
    }
}
