//! Commit blocks: what release 2 adds to release 1.

use bytes::Bytes;

use super::{CARRIAGE_RETURN, END_BLOCK, START_BLOCK};

/// Which release of the protocol a connection speaks. Both ends have to be told; nothing on the wire negotiates it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Release {
    /// Frames only: the acknowledgement of HL7 is the only answer.
    #[default]
    One,
    /// Each content block is answered by a commit block once it is in safe storage, and by the acknowledgement of HL7
    /// in a content block of its own.
    Two,
}

/// The content of a commit block.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Commit {
    /// In safe storage.
    Ack,
    /// Not in safe storage: send it again.
    Nak,
}

impl Commit {
    pub(super) fn read(content: &[u8]) -> Option<Self> {
        match content {
            [0x06] => Some(Self::Ack),
            [0x15] => Some(Self::Nak),
            _ => None,
        }
    }

    /// The whole block as it stands on the wire.
    pub const fn block(self) -> &'static [u8] {
        match self {
            Self::Ack => &[START_BLOCK, 0x06, END_BLOCK, CARRIAGE_RETURN],
            Self::Nak => &[START_BLOCK, 0x15, END_BLOCK, CARRIAGE_RETURN],
        }
    }

    pub(super) fn bytes(self) -> Bytes {
        Bytes::from_static(self.block())
    }
}
