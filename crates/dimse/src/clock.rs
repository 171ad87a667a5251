//! What the machine remembers about time: since when it is in its state, and when it last heard or said something.

use std::time::Instant;

/// Times that timers are measured from. Every one of them was handed in.
pub(crate) struct Clock {
    /// The latest time that was handed in.
    pub(crate) now: Instant,
    /// When the present state began.
    pub(crate) entered: Instant,
    /// When bytes last came, or our user last sent something.
    pub(crate) active: Instant,
    /// Whether the peer was held back since; silence that we caused is not held against it.
    held_back: bool,
}

impl Clock {
    pub(crate) fn new(now: Instant) -> Self {
        Self { now, entered: now, active: now, held_back: false }
    }

    /// Takes note of the time. A clock that steps back is ignored.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Notes whether the peer is held back; when that has just ended, silence counts from now.
    pub(crate) fn hold_back(&mut self, held_back: bool) {
        if self.held_back && !held_back {
            self.active = self.now;
        }
        self.held_back = held_back;
    }

    /// Something came or went.
    pub(crate) fn touch(&mut self) {
        self.active = self.now;
    }

    /// A new state begins.
    pub(crate) fn enter(&mut self) {
        self.entered = self.now;
        self.active = self.now;
    }
}
