//! Modality Worklist answers (PS3.4 annex K), of the caller's own site only.

use telerad_core::PatientId;
use telerad_dicom::dataset::{DataSet, DataSetLimits};
use telerad_dicom::{Status, uids};
use telerad_net::dicom::{self, AssociationContext, FindAnswers, FindRequest, KeySupport};
use telerad_store::StoreError;
use telerad_worklist::Query;

use crate::configuration::Service;
use crate::state::State;

/// Answers one C-FIND of the Modality Worklist. Each answer is encoded when the caller has room for it.
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
    let found = answers(state, &caller.site, &query)
        .await
        .map_err(|error| refuse(context, Status::OUT_OF_RESOURCES, &error))?;
    tracing::info!(calling = %context.calling, answers = found.len(), "worklist answered");
    let support = if query.is_fully_supported() { KeySupport::All } else { KeySupport::Some };
    Ok(dicom::answers(found.into_iter().map(move |answer| request.answer(&answer, support))))
}

async fn answers(
    state: &State,
    site: &telerad_core::SiteId,
    query: &Query,
) -> Result<Vec<DataSet>, StoreError> {
    let store = &state.environment.store;
    let orders = store.open_orders(site, query.start_dates()).await?;
    let ids: Vec<PatientId> =
        orders.iter().filter_map(|it| it.order.patient.primary_id().cloned()).collect();
    let patients = store.patients(site, &ids).await?;
    Ok(query.answers(&orders, &patients))
}

fn refuse(context: &AssociationContext, status: Status, cause: &dyn std::fmt::Display) -> Status {
    tracing::warn!(
        calling = %context.calling, status = format_args!("{:04X}H", status.code()),
        "worklist query refused: {cause}"
    );
    status
}
