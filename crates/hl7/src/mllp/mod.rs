//! The minimal lower layer protocol, release 1: frames on a stream of bytes.
//!
//! [`Decoder`] finds frames; [`Receiver`] and [`Sender`] are the two ends of a connection as machines, which take
//! bytes and the time and give bytes and events. They own no socket and read no clock.

mod decoder;
mod receiver;
mod sender;

use bytes::Bytes;

pub use decoder::{Decoder, Event, Fault, Limits};
pub use receiver::{CloseReason, Receiver, ReceiverConfig, ReceiverEvent};
pub use sender::{Busy, Sender, SenderConfig, SenderEvent, Unexpected};

/// First byte of a frame: vertical tab.
pub const START_BLOCK: u8 = 0x0b;
/// Last byte but one of a frame: file separator.
pub const END_BLOCK: u8 = 0x1c;
/// Last byte of a frame.
pub const CARRIAGE_RETURN: u8 = 0x0d;

/// Puts a message into a frame. It is copied once, so that frame and payload go out in one write: receivers that
/// read once and answer have been seen.
///
/// The bytes are not changed. A message holding a start block, or an end block before a carriage return, cannot be
/// framed by this protocol; neither comes out of [`MessageBuilder`](crate::MessageBuilder) or a [`Decoder`].
pub fn frame(message: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(message.len() + 3);
    frame.push(START_BLOCK);
    frame.extend_from_slice(message);
    frame.extend_from_slice(&[END_BLOCK, CARRIAGE_RETURN]);
    Bytes::from(frame)
}

#[cfg(test)]
mod tests;
