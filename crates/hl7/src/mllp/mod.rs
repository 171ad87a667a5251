//! The minimal lower layer protocol, releases 1 and 2: frames on a stream of bytes.
//!
//! [`Decoder`] finds frames; [`Receiver`] and [`Sender`] are the two ends of a connection as machines, which take
//! bytes and the time and give bytes and events. They own no socket and read no clock.
//!
//! | fault of a peer | what happens | choice |
//! |---|---|---|
//! | carriage return after the end block lost | frame taken at the next start block, line feed, or after a moment | [`FaultPolicy::missing_carriage_return`] |
//! | start block before the end of a frame | the part is dropped and reported, the new frame read | [`FaultPolicy::start_block_in_frame`], [`FaultPolicy::restart`] |
//! | doubled envelope, `0B 0B … 1C 0D 1C 0D` | read as one frame, the second end reported as a stray byte | |
//! | bytes between frames | counted and reported, blanks, NUL and line ends aside | [`FaultPolicy::stray_bytes`] |
//! | bytes that are no frames at all, frames beyond the limit | connection closed | [`Limits`] |
//! | end block inside text | kept as text, unless a carriage return follows | |

mod commit;
mod content;
mod decoder;
mod receiver;
mod sender;

use bytes::Bytes;
use memchr::memchr2_iter;

pub use commit::{Commit, Release};
pub use decoder::{Decoder, Event, Fault, Limits, StartBlockInFrame};
pub use receiver::{CloseReason, FaultPolicy, Reaction, Receiver, ReceiverConfig, ReceiverEvent};
pub use sender::{Busy, Expectation, Sender, SenderConfig, SenderEvent, Unexpected};

/// First byte of a frame: vertical tab.
pub const START_BLOCK: u8 = 0x0b;
/// Last byte but one of a frame: file separator.
pub const END_BLOCK: u8 = 0x1c;
/// Last byte of a frame.
pub const CARRIAGE_RETURN: u8 = 0x0d;

/// Puts a message into a frame. It is copied once, so that frame and payload go out in one write: receivers that
/// read once and answer have been seen.
///
/// The bytes are not changed; not every message fits, see [`can_be_framed`].
pub fn frame(message: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(message.len() + 3);
    frame.push(START_BLOCK);
    frame.extend_from_slice(message);
    frame.extend_from_slice(&[END_BLOCK, CARRIAGE_RETURN]);
    Bytes::from(frame)
}

/// Whether a message comes out of its frame as it went in: it holds no start block, and no end block before a carriage
/// return or a line feed. A peer would take what stands before such bytes for the whole message, and acknowledge that.
///
/// Neither comes out of [`MessageBuilder`](crate::MessageBuilder), nor of a [`Decoder`] that reads start blocks as
/// [`StartBlockInFrame::NewFrame`]; messages from files may hold anything. A lone 0x06 or 0x15 is a commit block of release
/// 2 and no message.
pub fn can_be_framed(message: &[u8]) -> bool {
    let is_end = |place: usize| matches!(message.get(place + 1), Some(&CARRIAGE_RETURN | b'\n'));
    Commit::read(message).is_none()
        && memchr2_iter(START_BLOCK, END_BLOCK, message)
            .all(|place| message.get(place) == Some(&END_BLOCK) && !is_end(place))
}

#[cfg(test)]
mod phase_tests;
#[cfg(test)]
mod tests;
