//! What is told of a study when an image of it stands otherwise to the orders than the study did.

use telerad_routing::{InstanceRecord, MarkKind, Relation, StudyDecision, StudyMark};
use telerad_store::Effect;

use super::study_of;
use crate::event::Event;
use crate::standing;
use crate::state::State;

/// Writes it with the study's decision. One image that contradicts its order marks the study; one that agrees lifts the
/// mark of a study that knew no order, and no more: that no other image contradicts it is looked at when an order comes.
pub(super) fn note(
    state: &State,
    record: &InstanceRecord,
    study: Option<&StudyDecision>,
    effects: &mut Vec<Effect>,
) -> Option<Event> {
    let by = format!("by an image of {}", record.source);
    let Some(study) = study else {
        let is_decided = effects.iter().any(|effect| matches!(effect, Effect::Study(_)));
        let is_told = is_decided && record.mark.kind() == MarkKind::Mismatch;
        let uid = study_of(record);
        return is_told
            .then(|| standing::tell(state, &record.site, &uid, None, &record.mark, &by, effects));
    };
    let before = study.mark.as_ref().map(StudyMark::kind);
    let is_news = match record.mark.kind() {
        MarkKind::Mismatch => before != Some(MarkKind::Mismatch),
        MarkKind::Matched => before == Some(MarkKind::Unmatched),
        MarkKind::Unmatched => false,
    };
    if !is_news || record.relation == Relation::Repeated {
        return None;
    }
    standing::note(state, study, &record.mark, &by, effects)
}

pub(super) fn announce(state: &State, marked: &Option<Event>) {
    if let Some(event) = marked {
        standing::announce(state, event.clone());
    }
}
