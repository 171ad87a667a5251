//! Sending instances back on the association on which they were asked for (C-GET, PS3.4 section C.4.3).

use std::future::Future;

use telerad_dicom::Status;
use telerad_dimse::{AcceptedContext, Command};

use super::body::Body;
use super::config::ServerConfig;
use super::context::AssociationContext;
use super::dialogue::{Dialogue, Gone, InvokeError};
use super::retrieve::{InstanceReference, Responses, Retrieval, Retrieve, RetrieveRequest};
use super::tally::Tally;
use crate::BoxFuture;
use crate::clock::{after, until};

/// Has instances sent back to the one who asks.
pub trait GetScp: Send + Sync + 'static {
    /// Finds the instances for one C-GET. The library sends them on the same association, counts, and stops when the peer
    /// cancels (PS3.4 section C.4.3).
    ///
    /// # Errors
    /// The future yields the status that the peer is to hear instead, as for [`MoveScp::move_to`](super::MoveScp::move_to).
    fn get(
        &self,
        context: AssociationContext,
        request: RetrieveRequest,
    ) -> impl Future<Output = Result<Retrieval, Status>> + Send;
}

/// What a service makes of a wish.
pub(super) type Got = Result<Retrieval, Status>;

/// Serves one C-GET: C-STORE sub-operations in the reverse direction, one pending response after each, then exactly one
/// final one. Of `contexts` those
/// count on which the requestor takes instances.
pub(super) async fn serve(
    dialogue: &mut Dialogue,
    message_id: u16,
    contexts: &[AcceptedContext],
    body: Body,
    config: &ServerConfig,
    get: impl FnOnce(RetrieveRequest) -> BoxFuture<'static, Got>,
) -> Result<(), Gone> {
    let responses = Responses { dialogue, service: Retrieve::Get, message_id };
    let Some(request) = responses.request(body, config.identifier_bytes_max).await? else {
        return Ok(());
    };
    let mut retrieval = tokio::select! {
        biased;
        () = dialogue.cancelled() => return responses.refuse(Status::CANCEL).await,
        got = get(request) => match got {
            Ok(retrieval) => retrieval,
            Err(status) => return responses.refuse(status).await,
        },
    };
    let Some(mut tally) = Tally::new(retrieval.instances.len()) else {
        return responses.refuse(Status::UNABLE_TO_CALCULATE_MATCHES).await;
    };
    let mut silent = false;
    for instance in std::mem::take(&mut retrieval.instances) {
        if dialogue.is_cancelled() {
            break;
        }
        let sent = match context_for(contexts, &instance) {
            Some(context) if !silent => {
                send(dialogue, context, &mut retrieval, &instance, config).await?
            }
            Some(_) => Sent::NotAnswered,
            None => Sent::NotBegun,
        };
        match sent {
            Sent::Answered(status) => tally.answered(status, &instance.sop_instance_uid),
            Sent::NotAnswered | Sent::NotBegun => tally.failed(&instance.sop_instance_uid),
        }
        silent |= sent == Sent::NotAnswered;
        if !silent && !tally.is_complete() {
            Responses { dialogue, service: Retrieve::Get, message_id }.progress(&tally).await?;
        }
    }
    Responses { dialogue, service: Retrieve::Get, message_id }.finish(&tally).await
}

/// What became of one sub-operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sent {
    Answered(Status),
    /// The whole instance was sent and the requestor says nothing: what else is sent would say as little.
    NotAnswered,
    NotBegun,
}

async fn send(
    dialogue: &mut Dialogue,
    context: &AcceptedContext,
    retrieval: &mut Retrieval,
    instance: &InstanceReference,
    config: &ServerConfig,
) -> Result<Sent, Gone> {
    let source = match retrieval.source.open(instance).await {
        Ok(source) => source,
        Err(error) => {
            tracing::warn!(instance = instance.sop_instance_uid, "cannot be read: {error}");
            return Ok(Sent::NotBegun);
        }
    };
    let request = |message_id| Command::StoreRq {
        message_id,
        sop_class_uid: instance.sop_class_uid.clone(),
        sop_instance_uid: instance.sop_instance_uid.clone(),
        priority: 0,
        move_originator: None,
    };
    let invoked = match dialogue.say_request(context.id, request, source).await {
        Ok(invoked) => invoked,
        Err(InvokeError::Gone(gone)) => return Err(gone),
        Err(InvokeError::Source(error)) => {
            // Nothing can follow a data set that has begun and cannot end; the association is aborted.
            tracing::warn!(instance = instance.sop_instance_uid, "cannot be read: {error}");
            return Err(Gone);
        }
    };
    let deadline = after(config.clock.now(), config.association.timers.response);
    match until(&config.clock, deadline, dialogue.reply_to(invoked)).await {
        Some(reply) => {
            let status = reply?.command.status();
            Ok(Sent::Answered(status.unwrap_or(Status::PROCESSING_FAILURE)))
        }
        None => {
            tracing::warn!(instance = instance.sop_instance_uid, "sub-operation not answered");
            Ok(Sent::NotAnswered)
        }
    }
}

fn context_for<'a>(
    contexts: &'a [AcceptedContext],
    instance: &InstanceReference,
) -> Option<&'a AcceptedContext> {
    contexts.iter().find(|context| {
        // Without the role that C-GET needs, the requestor would take a C-STORE for a breach of protocol.
        context.roles.scu
            && context.abstract_syntax == instance.sop_class_uid
            && context.transfer_syntax == instance.transfer_syntax_uid
    })
}
