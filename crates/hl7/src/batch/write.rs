//! Writing batches and files.

use std::fmt;

use bytes::Bytes;
use telerad_charset::{Charset, Unmappable};
use telerad_core::Timestamp;

use crate::builder::SegmentBuilder;
use crate::{Delimiters, Message};

/// What goes into FHS or BHS. Empty texts are left out.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct BatchHead {
    /// FHS-3, BHS-3
    pub sending_application: String,
    /// FHS-4, BHS-4
    pub sending_facility: String,
    /// FHS-5, BHS-5
    pub receiving_application: String,
    /// FHS-6, BHS-6
    pub receiving_facility: String,
    /// FHS-7, BHS-7, written in UTC with its zone.
    pub time: Timestamp,
    /// FHS-9, BHS-9
    pub name: String,
    /// FHS-10, BHS-10
    pub comment: String,
    /// FHS-11, BHS-11
    pub control_id: String,
}

/// Writes BHS, the messages as they are, and BTS with their number.
///
/// # Errors
/// [`Unmappable`] for text in `head` that is not ASCII: BHS names no character set.
pub fn write_batch(head: &BatchHead, messages: &[Message]) -> Result<Bytes, Unmappable> {
    let mut out = head.encode("BHS")?;
    for message in messages {
        out.extend_from_slice(message.as_bytes());
        if !matches!(out.last(), Some(b'\r' | b'\n')) {
            out.push(b'\r');
        }
    }
    out.extend_from_slice(format!("BTS|{}\r", messages.len()).as_bytes());
    Ok(Bytes::from(out))
}

/// Writes FHS, the batches as [`write_batch`] made them, and FTS with their number.
///
/// # Errors
/// As [`write_batch`].
pub fn write_file(head: &BatchHead, batches: &[Bytes]) -> Result<Bytes, Unmappable> {
    let mut out = head.encode("FHS")?;
    batches.iter().for_each(|batch| out.extend_from_slice(batch));
    out.extend_from_slice(format!("FTS|{}\r", batches.len()).as_bytes());
    Ok(Bytes::from(out))
}

impl BatchHead {
    fn encode(&self, id: &str) -> Result<Vec<u8>, Unmappable> {
        // FHS-1 is the separator after the id, so the first field written here is FHS-2.
        let segment = SegmentBuilder::default()
            .raw(1, &Delimiters::STANDARD.encoding_characters())
            .field(2, &self.sending_application)
            .field(3, &self.sending_facility)
            .field(4, &self.receiving_application)
            .field(5, &self.receiving_facility)
            .raw(6, &format!("{}+0000", self.time.to_compact_utc()))
            .field(8, &self.name)
            .field(9, &self.comment)
            .field(10, &self.control_id);
        // None of the faults of a segment can occur with these fields and the standard delimiters.
        let text = segment.encode(id).unwrap_or_default() + "\r";
        Charset::Ascii.encode(&text)
    }
}

/// The name and the comment are free text.
impl fmt::Debug for BatchHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchHead")
            .field("sending_application", &self.sending_application)
            .field("sending_facility", &self.sending_facility)
            .field("receiving_application", &self.receiving_application)
            .field("receiving_facility", &self.receiving_facility)
            .field("time", &self.time)
            .field("control_id", &self.control_id)
            .finish_non_exhaustive()
    }
}
