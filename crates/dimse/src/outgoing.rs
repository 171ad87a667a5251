//! Outgoing bytes: control PDUs, and messages cut into P-DATA-TF PDUs of one PDV each (PS3.8 section 9.3.5, annex E).
//!
//! A fragment is sent as its 12 header bytes followed by slices of what the user gave, never copied.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use telerad_dicom::encoding_of;

use crate::negotiation::AcceptedContext;

/// The queue of bytes to be written.
pub(crate) struct Outgoing {
    queue: Vec<Bytes>,
    queued: usize,
    value_bytes_max: usize,
    buffer_bytes_max: usize,
}

impl Outgoing {
    /// A queue that holds back senders above `buffer_bytes_max`.
    pub(crate) fn new(buffer_bytes_max: usize) -> Self {
        Self { queue: Vec::new(), queued: 0, value_bytes_max: VALUE_BYTES_MIN, buffer_bytes_max }
    }

    /// Sets the longest P-DATA-TF PDU: the smaller of what the peer receives (0: anything) and what we want to send.
    pub(crate) fn limit_pdus(&mut self, peer_bytes_max: u32, own_bytes_max: u32) {
        let peer = if peer_bytes_max == 0 { u32::MAX } else { peer_bytes_max };
        let pdu = usize::try_from(peer.min(own_bytes_max.max(PDU_BYTES_MIN))).unwrap_or(usize::MAX);
        // Fragments have even length (PS3.8 annex E): DCMTK aborts when they have not.
        let value = pdu.saturating_sub(PDV_HEADER_BYTES);
        self.value_bytes_max = value.saturating_sub(value % 2).max(VALUE_BYTES_MIN);
        self.buffer_bytes_max = self.buffer_bytes_max.max(pdu.saturating_mul(2));
    }

    /// Queues a whole PDU.
    pub(crate) fn push(&mut self, pdu: Bytes) {
        self.queued = self.queued.saturating_add(pdu.len());
        self.queue.push(pdu);
    }

    /// Queues a whole command set.
    pub(crate) fn push_command(&mut self, context_id: u8, command_set: Bytes) {
        let mut rest = Pieces::default();
        rest.push(command_set);
        while rest.length > self.value_bytes_max {
            self.push_fragment(context_id, COMMAND, &mut rest, self.value_bytes_max);
        }
        let length = rest.length;
        self.push_fragment(context_id, COMMAND | LAST, &mut rest, length);
    }

    /// How many bytes of a body may be added now.
    pub(crate) fn credit(&self, body: &OutgoingBody) -> usize {
        self.buffer_bytes_max.saturating_sub(self.queued).saturating_sub(body.held.length)
    }

    /// Adds bytes to a body and queues the fragments that are certain not to be the last.
    pub(crate) fn push_body(&mut self, body: &mut OutgoingBody, bytes: Bytes) {
        body.held.push(bytes);
        while body.held.length > self.value_bytes_max {
            self.push_fragment(body.context_id, DATA_SET, &mut body.held, self.value_bytes_max);
        }
        // Very small pieces would cost more to hold than to send.
        if body.held.pieces.len() > PIECES_MAX {
            let length = body.held.length.saturating_sub(1);
            let even = length.saturating_sub(length % 2);
            self.push_fragment(body.context_id, DATA_SET, &mut body.held, even);
        }
    }

    /// Queues the last fragment of a body.
    pub(crate) fn push_body_end(&mut self, mut body: OutgoingBody) {
        // The fragments before are even. Some encoders leave out the zero that PS3.5 section A.5 adds to an odd deflated
        // stream; no reader misses it, but DCMTK aborts for want of it.
        if body.is_deflated && body.held.length % 2 == 1 {
            body.held.push(Bytes::from_static(&[0]));
        }
        let length = body.held.length;
        self.push_fragment(body.context_id, DATA_SET | LAST, &mut body.held, length);
    }

    /// Moves everything queued to `out`.
    pub(crate) fn drain(&mut self, out: &mut Vec<Bytes>) {
        out.append(&mut self.queue);
        self.queued = 0;
    }

    /// Forgets everything queued.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.queued = 0;
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    fn push_fragment(&mut self, context_id: u8, control: u8, from: &mut Pieces, length: usize) {
        let value = u32::try_from(length).unwrap_or(u32::MAX);
        let mut header = BytesMut::with_capacity(PDU_HEADER_BYTES.saturating_add(PDV_HEADER_BYTES));
        header.put_u8(crate::reader::pdu_type::P_DATA_TF);
        header.put_u8(0);
        header.put_u32(value.saturating_add(6));
        header.put_u32(value.saturating_add(2));
        header.put_u8(context_id);
        header.put_u8(control);
        self.push(header.freeze());
        from.take(length, |piece| self.push(piece));
    }
}

/// A data set that is being sent. Dropping it sends nothing more, so that a data set cannot end by accident.
pub(crate) struct OutgoingBody {
    context_id: u8,
    is_deflated: bool,
    held: Pieces,
}

impl OutgoingBody {
    /// The body that follows a command on a context.
    pub(crate) fn new(context: &AcceptedContext) -> Self {
        let is_deflated = encoding_of(&context.transfer_syntax).is_deflated();
        Self { context_id: context.id, is_deflated, held: Pieces::default() }
    }
}

/// Bytes in the pieces in which they were given.
#[derive(Default)]
struct Pieces {
    pieces: VecDeque<Bytes>,
    length: usize,
}

impl Pieces {
    fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.length = self.length.saturating_add(bytes.len());
            self.pieces.push_back(bytes);
        }
    }

    fn take(&mut self, length: usize, mut each: impl FnMut(Bytes)) {
        let mut missing = length;
        while missing > 0 {
            let Some(mut piece) = self.pieces.pop_front() else { break };
            let taken = piece.split_to(missing.min(piece.len()));
            missing = missing.saturating_sub(taken.len());
            self.length = self.length.saturating_sub(taken.len());
            if !piece.is_empty() {
                self.pieces.push_front(piece);
            }
            each(taken);
        }
    }
}

/// The smallest maximum PDU length that is taken seriously, from a peer or in a configuration, in bytes. PS3.8 has no
/// minimum; below this the headers outweigh the content and one object becomes millions of PDUs.
pub(crate) const PDU_BYTES_MIN: u32 = 128;

const VALUE_BYTES_MIN: usize = 122;
const PDU_HEADER_BYTES: usize = 6;
const PDV_HEADER_BYTES: usize = 6;
const PIECES_MAX: usize = 256;

/// Message control header (PS3.8 section E.2).
const DATA_SET: u8 = 0x00;
const COMMAND: u8 = 0x01;
const LAST: u8 = 0x02;
