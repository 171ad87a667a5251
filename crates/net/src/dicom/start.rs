//! From a request to the service that answers it.

use std::sync::Arc;
use std::time::Duration;

use telerad_dicom::{Status, uids};
use telerad_dimse::{AcceptedContext, Command};

use super::body::Body;
use super::config::ServerConfig;
use super::context::AssociationContext;
use super::dialogue::{Dialogue, Gone};
use super::n_scp::NRequest;
use super::services::{DimseService, Services};
use super::store_scp::{self, StoreRequest};
use super::{find_scp, get_scp, move_scp, n_scp};
use crate::BoxFuture;

/// The work that answers `request`, and nothing else.
pub(super) fn work(
    services: &Arc<dyn Services>,
    config: &Arc<ServerConfig>,
    caller: AssociationContext,
    request: Command,
    dialogue: Dialogue,
    contexts: Arc<[AcceptedContext]>,
    body: Body,
) -> BoxFuture<'static, ()> {
    let services = Arc::clone(services);
    if matches!(request, Command::StoreRq { .. }) {
        // Instances come by the thousand. Where nothing else has room in the future, less of it is moved.
        return Box::pin(async move {
            if store(&*services, caller, request, dialogue, body).await.is_err() {
                nobody_waits();
            }
        });
    }
    let config = Arc::clone(config);
    Box::pin(async move {
        let served = serve(&*services, &config, caller, request, dialogue, &contexts, body).await;
        if served.is_err() {
            nobody_waits();
        }
    })
}

/// The answer to a request whose message ID is that of another one which has no answer yet (PS3.7 annex C).
pub(super) fn duplicate(dialogue: Dialogue) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        tracing::warn!("refused: duplicate invocation");
        // An error means that nobody waits for the answer any more.
        let _ = dialogue.answer(Status::DUPLICATE_INVOCATION).await;
    })
}

/// How long a service may be silent about `request`.
pub(super) fn patience(request: &Command, config: &ServerConfig) -> Duration {
    Duration::from_secs(match request {
        Command::MoveRq { .. } | Command::GetRq { .. } => config.retrieve_seconds_max,
        _ => config.service_seconds_max,
    })
}

/// What a request hears that its presentation context was not accepted for (PS3.7 annex C).
fn refusal(request: &Command, context: &AcceptedContext) -> Option<Status> {
    let (named, agreed) = (request.sop_class_uid(), context.abstract_syntax.as_str());
    match request {
        Command::FindRq { .. } | Command::MoveRq { .. } | Command::GetRq { .. } => {
            (named != agreed).then_some(Status::SOP_CLASS_NOT_SUPPORTED)
        }
        _ => {
            let asked = NRequest::read(request)?;
            if !asked.operation.is_for(context.roles.of_peer()) {
                return Some(Status::UNRECOGNIZED_OPERATION);
            }
            (named != agreed && STANDS_FOR_ITSELF.contains(&agreed))
                .then_some(Status::NO_SUCH_SOP_CLASS)
        }
    }
}

/// Classes whose presentation contexts carry no other one. Others do: those of print management the classes that they
/// consist of (PS3.4 section H.3.2), those of unified procedure steps that of the step (section CC.3); which, nobody knows
/// of a class that is private or newer than this.
const STANDS_FOR_ITSELF: [&str; 3] = [
    uids::INSTANCE_AVAILABILITY_NOTIFICATION,
    uids::MODALITY_PERFORMED_PROCEDURE_STEP,
    uids::STORAGE_COMMITMENT_PUSH_MODEL,
];

async fn serve(
    services: &dyn Services,
    config: &ServerConfig,
    caller: AssociationContext,
    request: Command,
    mut dialogue: Dialogue,
    contexts: &[AcceptedContext],
    body: Body,
) -> Result<(), Gone> {
    if let Some(status) = refusal(&request, dialogue.context()) {
        tracing::warn!(?request, %status, "refused: not agreed for this presentation context");
        return dialogue.answer(status).await;
    }
    let class = dialogue.context().abstract_syntax.clone();
    let serves = |service| services.serves(service, &class);
    match request {
        Command::EchoRq { .. } => dialogue.answer(Status::SUCCESS).await,
        Command::FindRq { message_id, .. } if serves(DimseService::Find) => {
            let find = |request| services.find(caller, request);
            let longest = config.identifier_bytes_max;
            find_scp::serve(&dialogue, message_id, body, longest, find).await
        }
        Command::MoveRq { message_id, move_destination, .. } if serves(DimseService::Move) => {
            let originator = caller.calling.clone();
            let plan = |request| services.move_to(caller, request, move_destination);
            move_scp::serve(&dialogue, message_id, originator, body, config, plan).await
        }
        Command::GetRq { message_id, .. } if serves(DimseService::Get) => {
            let get = |request| services.get(caller, request);
            get_scp::serve(&mut dialogue, message_id, contexts, body, config, get).await
        }
        // A C-MOVE whose destination is no title.
        Command::Other { field: 0x0021, .. } if serves(DimseService::Move) => {
            dialogue.answer(Status::MOVE_DESTINATION_UNKNOWN).await
        }
        Command::FindRq { .. } | Command::MoveRq { .. } | Command::GetRq { .. } => {
            refuse_class(&dialogue, &request).await
        }
        request => match NRequest::read(&request) {
            Some(asked) if serves(DimseService::NService) => {
                let answer = |asked| services.n_service(caller, &class, asked);
                let longest = config.identifier_bytes_max;
                n_scp::serve(&dialogue, &request, asked, body, longest, answer).await
            }
            _ => {
                tracing::warn!(?request, "refused: service not supported");
                dialogue.answer(Status::UNRECOGNIZED_OPERATION).await
            }
        },
    }
}

async fn store(
    services: &dyn Services,
    caller: AssociationContext,
    request: Command,
    dialogue: Dialogue,
    body: Body,
) -> Result<(), Gone> {
    match request {
        Command::StoreRq {
            message_id, sop_class_uid, sop_instance_uid, move_originator, ..
        } if sop_class_uid == dialogue.context().abstract_syntax
            && services.serves(DimseService::Store, &sop_class_uid) =>
        {
            let request = StoreRequest {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                transfer_syntax_uid: dialogue.context().transfer_syntax.clone(),
                move_originator,
            };
            let store = |request| services.store(caller, request, body);
            store_scp::serve(&dialogue, request, store).await
        }
        request => refuse_class(&dialogue, &request).await,
    }
}

async fn refuse_class(dialogue: &Dialogue, request: &Command) -> Result<(), Gone> {
    tracing::warn!(?request, "refused: wrong presentation context for this service");
    dialogue.answer(Status::SOP_CLASS_NOT_SUPPORTED).await
}

fn nobody_waits() {
    tracing::debug!("nobody waits for the answer any more");
}
