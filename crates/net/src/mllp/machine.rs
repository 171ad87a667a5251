//! The MLLP machines, as pumps see them.

use std::time::Instant;

use bytes::Bytes;
use telerad_hl7::mllp::{Receiver, Sender};

use crate::pump::Machine;

/// Implements [`Machine`] by the methods of the same names. Whether a connection may be dropped depends on what has
/// reached the transport, so its owner decides that, not the machine.
macro_rules! machine {
    ($machine:ty) => {
        impl Machine for $machine {
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
                false
            }
        }
    };
}

machine!(Receiver);
machine!(Sender);
