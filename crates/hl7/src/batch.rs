//! Batches and files of messages (HL7 2.5.1 section 2.10.3), and streams of bare messages.
//!
//! ```text
//! [FHS] { [BHS] { MSH … } [BTS] } [FTS]
//! ```
//!
//! [`parts`] cuts a stream at its headers and trailers and copies nothing; [`File::read`] gathers the parts and checks
//! the counts in BTS-1 and FTS-1. What is missing or does not add up is a [`BatchFinding`], since the messages can be
//! read all the same; whether to take them over is the caller's decision.
//!
//! ```
//! use telerad_hl7::batch::{BatchFinding, BatchLimits, File};
//!
//! let stream = "FHS|^~\\&|RIS\rBHS|^~\\&|RIS\rMSH|^~\\&|RIS||||||ADT^A04|1|P|2.5\rPID|1\rBTS|2\rFTS|1\r";
//! let file = File::read(stream, BatchLimits::default())?;
//! assert_eq!(file.messages().count(), 1);
//! assert_eq!(file.findings, [BatchFinding::MessageCount { batch: 1, declared: 2, found: 1 }]);
//! # Ok::<(), telerad_hl7::batch::BatchError>(())
//! ```

mod cut;
mod envelope;
mod write;

use bytes::Bytes;

use crate::{Limits, Message, ParseError};

pub use self::cut::{Part, Parts, parts};
pub use self::envelope::{Envelope, InvalidCount};
pub use self::write::{BatchHead, write_batch, write_file};

/// How much a stream may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BatchLimits {
    /// Messages in all. Default 100,000.
    pub messages_max: usize,
    /// Batches in all. Default 10,000.
    pub batches_max: usize,
    /// Size of each message.
    pub message: Limits,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { messages_max: 100_000, batches_max: 10_000, message: Limits::default() }
    }
}

/// A stream that cannot be read as messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// There is no FHS, BHS or MSH.
    #[error("no FHS, BHS or MSH segment")]
    NoHeader,
    /// More batches than [`BatchLimits::batches_max`].
    #[error("more than {batches_max} batches")]
    TooManyBatches {
        /// The limit.
        batches_max: usize,
    },
    /// More messages than [`BatchLimits::messages_max`].
    #[error("more than {messages_max} messages")]
    TooManyMessages {
        /// The limit.
        messages_max: usize,
    },
}

/// Something about the envelope that does not add up. Batches are counted from 1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchFinding {
    /// FTS-1 is not the number of batches.
    #[error("FTS-1 says {declared} batches, {found} are there")]
    BatchCount {
        /// FTS-1.
        declared: usize,
        /// Batches in the file.
        found: usize,
    },
    /// A batch that BHS opened ends without BTS: its tail may be lost.
    #[error("batch {batch} has no BTS")]
    BatchTrailerMissing {
        /// Which batch.
        batch: usize,
    },
    /// BTS without BHS.
    #[error("batch {batch} has no BHS")]
    BatchHeaderMissing {
        /// Which batch.
        batch: usize,
    },
    /// BTS-1 or FTS-1 is no number.
    #[error("count in trailer of batch {batch} is no number")]
    CountUnreadable {
        /// Which batch; 0 for the file.
        batch: usize,
    },
    /// A second FHS, whose batches are counted with the first.
    #[error("second FHS")]
    FileHeaderRepeated,
    /// FTS without FHS.
    #[error("no FHS")]
    FileHeaderMissing,
    /// A file that FHS opened ends without FTS: its tail may be lost.
    #[error("no FTS")]
    FileTrailerMissing,
    /// BTS-1 is not the number of messages.
    #[error("BTS-1 of batch {batch} says {declared} messages, {found} are there")]
    MessageCount {
        /// Which batch.
        batch: usize,
        /// BTS-1.
        declared: usize,
        /// Messages in the batch.
        found: usize,
    },
    /// Lines that belong to no message.
    #[error("{bytes} bytes after batch {batch} that belong to no message")]
    Stray {
        /// The batch before them; 0 before the first.
        batch: usize,
        /// How many.
        bytes: usize,
    },
}

/// A stream of messages with the envelopes around them.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// FHS.
    pub header: Option<Envelope>,
    /// The batches in order. Messages outside BHS and BTS form a batch without both.
    pub batches: Vec<Batch>,
    /// FTS.
    pub trailer: Option<Envelope>,
    /// What does not add up.
    pub findings: Vec<BatchFinding>,
}

/// One batch.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// BHS.
    pub header: Option<Envelope>,
    /// The messages in order; those that cannot be read are among them, so that each can be answered.
    pub messages: Vec<Result<Message, ParseError>>,
    /// BTS.
    pub trailer: Option<Envelope>,
}

impl File {
    /// Reads a file, a batch, or messages one after the other.
    ///
    /// # Errors
    /// [`BatchError`] when there is no header, or a limit is passed.
    pub fn read(input: impl Into<Bytes>, limits: BatchLimits) -> Result<Self, BatchError> {
        let mut reader = Reader { file: Self::default(), open: None, messages: 0, limits };
        for part in parts(input) {
            reader.take(part)?;
        }
        reader.finish()
    }

    /// All messages in order.
    pub fn messages(&self) -> impl Iterator<Item = &Result<Message, ParseError>> {
        self.batches.iter().flat_map(|batch| &batch.messages)
    }
}

struct Reader {
    file: File,
    open: Option<Batch>,
    messages: usize,
    limits: BatchLimits,
}

impl Reader {
    fn take(&mut self, part: Part) -> Result<(), BatchError> {
        match part {
            Part::FileHeader(header) => {
                self.close(None)?;
                if self.file.header.is_some() {
                    self.find(BatchFinding::FileHeaderRepeated);
                }
                self.file.header.get_or_insert(header);
            }
            Part::BatchHeader(header) => {
                self.close(None)?;
                self.open = Some(Batch { header: Some(header), ..Batch::default() });
            }
            Part::Message(bytes) => {
                let messages_max = self.limits.messages_max;
                if self.messages >= messages_max {
                    return Err(BatchError::TooManyMessages { messages_max });
                }
                self.messages += 1;
                let message = Message::parse_within(self.limits.message, bytes);
                self.open.get_or_insert_default().messages.push(message);
            }
            Part::BatchTrailer(trailer) => {
                self.open.get_or_insert_default();
                self.close(Some(trailer))?;
            }
            Part::FileTrailer(trailer) => {
                self.close(None)?;
                self.file.trailer = Some(trailer);
            }
            Part::Stray(bytes) => {
                let batch = self.file.batches.len() + usize::from(self.open.is_some());
                self.find(BatchFinding::Stray { batch, bytes: bytes.len() });
            }
        }
        Ok(())
    }

    fn close(&mut self, trailer: Option<Envelope>) -> Result<(), BatchError> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let batches_max = self.limits.batches_max;
        if self.file.batches.len() >= batches_max {
            return Err(BatchError::TooManyBatches { batches_max });
        }
        let batch = self.file.batches.len() + 1;
        match (&open.header, &trailer) {
            (Some(_), None) => self.find(BatchFinding::BatchTrailerMissing { batch }),
            (None, Some(_)) => self.find(BatchFinding::BatchHeaderMissing { batch }),
            _ => {}
        }
        let found = open.messages.len();
        match trailer.as_ref().map(Envelope::count) {
            Some(Ok(Some(declared))) if declared != found => {
                self.find(BatchFinding::MessageCount { batch, declared, found });
            }
            Some(Err(_)) => self.find(BatchFinding::CountUnreadable { batch }),
            _ => {}
        }
        open.trailer = trailer;
        self.file.batches.push(open);
        Ok(())
    }

    fn finish(mut self) -> Result<File, BatchError> {
        self.close(None)?;
        let Self { mut file, .. } = self;
        if file.header.is_none() && file.batches.is_empty() {
            return Err(BatchError::NoHeader);
        }
        match (&file.header, &file.trailer) {
            (Some(_), None) => file.findings.push(BatchFinding::FileTrailerMissing),
            (None, Some(_)) => file.findings.push(BatchFinding::FileHeaderMissing),
            _ => {}
        }
        let found = file.batches.len();
        match file.trailer.as_ref().map(Envelope::count) {
            Some(Ok(Some(declared))) if declared != found => {
                file.findings.push(BatchFinding::BatchCount { declared, found });
            }
            Some(Err(_)) => file.findings.push(BatchFinding::CountUnreadable { batch: 0 }),
            _ => {}
        }
        Ok(file)
    }

    /// Notes a finding; a hostile stream cannot grow the list beyond a few per batch.
    fn find(&mut self, finding: BatchFinding) {
        if self.file.findings.len() < FINDINGS_MAX {
            self.file.findings.push(finding);
        }
    }
}

const FINDINGS_MAX: usize = 1000;

#[cfg(test)]
mod tests;
