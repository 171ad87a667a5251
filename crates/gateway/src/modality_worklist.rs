//! Modality Worklist answers (PS3.4 annex K), of the caller's own site only.

use telerad_dicom::dataset::DataSetLimits;
use telerad_dicom::{Status, uids};
use telerad_net::dicom::{
    self, AssociationContext, FindAnswer, FindAnswers, FindRequest, KeySupport,
};
use telerad_worklist::{Query, encode_answer};

use crate::configuration::{Service, WorklistView};
use crate::event::Event;
use crate::state::State;

/// Answers one C-FIND of the Modality Worklist. Each answer is made and encoded when the caller has room for it.
pub(crate) async fn find(
    state: &State,
    context: &AssociationContext,
    request: FindRequest,
) -> Result<Box<dyn FindAnswers>, Status> {
    if request.sop_class_uid != uids::MODALITY_WORKLIST_FIND {
        return Err(Status::SOP_CLASS_NOT_SUPPORTED);
    }
    let caller = state.directory.caller(&context.calling).filter(|it| it.may(Service::Worklist));
    let Some(caller) = caller else { return Err(Status::NOT_AUTHORIZED) };
    let query = Query::read(&request.keys(DataSetLimits::default())?)
        .map_err(|error| refuse(context, error.status(), &error))?
        .asked_by(context.calling.clone());
    let query = match caller.worklist {
        WorklistView::OwnStation => query.only_own_station(),
        WorklistView::Site => query,
    };
    let support = if query.is_fully_supported() { KeySupport::All } else { KeySupport::Some };
    let character_sets = query.character_sets();
    let answers_max = state.configuration.dicom.worklist_answers_max;
    let store = &*state.environment.store;
    let found = state
        .worklists
        .find(store, &caller.site, query, answers_max)
        .await
        .map_err(|error| refuse(context, Status::OUT_OF_RESOURCES, &error))?;
    let (answers, matches) = (found.len(), found.matches());
    tracing::info!(calling = %context.calling, answers, matches, "worklist answered");
    if found.is_cut() {
        tracing::warn!(calling = %context.calling, answers, matches, "worklist answer cut");
        state.tell(Event::WorklistCut {
            site: caller.site.clone(),
            calling: context.calling.clone(),
            answers,
            matches,
        });
    }
    let syntax = request.transfer_syntax_uid;
    let encoded = found.map(move |answer| match encode_answer(&answer, character_sets, &syntax) {
        Ok(identifier) => Ok(FindAnswer { identifier: identifier.into(), support }),
        Err(error) => {
            tracing::warn!("worklist answer not encoded: {error}");
            Err(Status::CANNOT_UNDERSTAND)
        }
    });
    Ok(dicom::answers(encoded))
}

fn refuse(context: &AssociationContext, status: Status, cause: &dyn std::fmt::Display) -> Status {
    tracing::warn!(
        calling = %context.calling, status = format_args!("{:04X}H", status.code()),
        "worklist query refused: {cause}"
    );
    status
}
