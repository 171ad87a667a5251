//! A merge taken back.

use telerad_core::{PatientId, Timestamp};

use super::World;
use crate::adt::{Same, same};
use crate::effect::Effect;
use crate::{Known, Mapping};

/// Why a merge cannot be undone. Nothing is changed then.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UndoError {
    /// What survived was merged itself since: that one is to be undone first.
    #[error("the surviving identifier was merged into another one since: undo that first")]
    LaterMerge,
    /// An order that was moved is not the surviving patient's any more.
    #[error("an order that was moved belongs to another patient by now")]
    OrderMovedOn,
    /// The identifier was not merged, or by a version that did not write down what was moved.
    #[error("no merge of this identifier is known that could be undone")]
    NotMerged,
}

/// Takes back the merge that ended an identifier: the orders that it moved are the prior patient's again, as they said
/// so before, and the identifier is in use. What came for the surviving patient since stays with it.
///
/// `known` has the patient, the one that survived, and the orders that were moved. The effects are to be written in one
/// transaction.
///
/// # Errors
/// [`UndoError`]; nothing is to be written then.
pub fn undo_merge(
    prior: &PatientId,
    known: &Known,
    mapping: &Mapping,
    now: Timestamp,
) -> Result<Vec<Effect>, UndoError> {
    let mut world = World::new(known, mapping, "", now);
    world.undo(prior)?;
    Ok(world.effects())
}

impl World<'_> {
    pub(super) fn undo(&mut self, prior: &PatientId) -> Result<(), UndoError> {
        let record = self.patients.get(prior).ok_or(UndoError::NotMerged)?;
        let (Some(survivor), Some(merge)) = (record.merged_into.clone(), record.merge.clone())
        else {
            return Err(UndoError::NotMerged);
        };
        if self.patients.get(&survivor).is_none_or(|record| !record.is_current()) {
            return Err(UndoError::LaterMerge);
        }
        for moved in merge.moved {
            let order = self.orders.get_mut(&moved.key).ok_or(UndoError::OrderMovedOn)?;
            let of = order.order.patient.primary_id();
            if of.is_none_or(|of| same(of, &survivor) != Same::Yes) {
                return Err(UndoError::OrderMovedOn);
            }
            order.order.patient = moved.patient;
        }
        if let Some(record) = self.patients.get_mut(prior) {
            record.merged_into = None;
            record.merge = None;
        }
        if let Some(record) = self.patients.get_mut(&survivor) {
            record.aliases.retain(|alias| alias != prior);
        }
        for id in [prior, &survivor] {
            if let Some(record) = self.patients.get_mut(id) {
                let is_bare = record.aliases.is_empty() && record.links.is_empty();
                record.is_void = record.is_from_merge && is_bare;
            }
        }
        Ok(())
    }
}
