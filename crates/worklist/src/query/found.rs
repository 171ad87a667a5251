//! What an index found, made into answers one by one.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use telerad_dicom::DataSet;

use super::{Query, answer};
use crate::{OrderRecord, PatientRecord};

/// A record as the index keeps it: a third of what its fields take in memory, and shared with answers under way.
pub(super) type Packed = Arc<[u8]>;

/// A step that matches, as it was when it was found.
pub(super) struct Hit {
    pub(super) order: Packed,
    pub(super) patient: Option<Packed>,
    pub(super) step: usize,
}

/// Answers to a query, each made when it is asked for. What changes meanwhile changes nothing of them.
pub struct Found {
    pub(super) hits: std::vec::IntoIter<Hit>,
    pub(super) query: Query,
    pub(super) matches: usize,
}

impl Found {
    /// How many steps match; more than there are answers when the limit was reached.
    pub fn matches(&self) -> usize {
        self.matches
    }

    /// Whether steps that match are not among the answers, because there are more than the limit.
    pub fn is_cut(&self) -> bool {
        self.matches > self.hits.len()
    }
}

impl Iterator for Found {
    type Item = DataSet;

    fn next(&mut self) -> Option<DataSet> {
        let hit = self.hits.next()?;
        let order: OrderRecord = unpack(&hit.order);
        let patient: Option<PatientRecord> = hit.patient.as_deref().map(unpack);
        let step = order.steps.get(hit.step)?;
        let caller = self.query.caller.as_ref();
        let source = answer::Source { order: &order, step, patient: patient.as_ref(), caller };
        Some(source.answer(&self.query.requested))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.hits.size_hint()
    }
}

impl ExactSizeIterator for Found {}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Found({} of {})", self.hits.len(), self.matches)
    }
}

/// `room` is used again for every record, since growing and freeing it costs more than packing.
pub(super) fn pack(record: &impl Serialize, room: &mut Vec<u8>) -> Packed {
    room.clear();
    let packed = postcard::to_extend(record, std::mem::take(room));
    *room = packed.expect("records are made of texts and numbers, which can always be written");
    room.as_slice().into()
}

pub(super) fn unpack<T: DeserializeOwned>(packed: &[u8]) -> T {
    postcard::from_bytes(packed).expect("it was packed from the same type by this process")
}
