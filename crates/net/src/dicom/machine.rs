//! The association machine, as pumps see it.

use std::time::Instant;

use bytes::Bytes;
use telerad_dimse::{AbortReason, Association};

use crate::pump::{Machine, Pump};

impl Machine for Association {
    fn handle_input(&mut self, now: Instant, input: Bytes) {
        self.handle_input(now, input);
    }

    fn handle_closed(&mut self, now: Instant) {
        self.handle_closed(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll_transmit(&mut self, out: &mut Vec<Bytes>) {
        self.poll_transmit(out);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn wants_input(&self) -> bool {
        self.wants_input()
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }
}

impl Pump<Association> {
    /// Aborts without waiting: what the transport takes at once is sent.
    pub(super) fn abort_now(&mut self) {
        if !self.is_finished() {
            let now = self.now();
            self.machine.abort(now, AbortReason::ServiceUser);
            self.say_goodbye();
        }
    }
}
