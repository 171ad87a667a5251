//! Sending instances to a third party on request (C-MOVE, PS3.4 section C.4.2).

use std::future::Future;
use std::sync::Arc;

use telerad_core::AeTitle;
use telerad_dicom::Status;
use telerad_dimse::{ProposedContext, plan_contexts};

use super::body::Body;
use super::client::ClientAssociation;
use super::config::ServerConfig;
use super::context::AssociationContext;
use super::dialogue::{Dialogue, Gone};
use super::error::{AssociationFault, StoreError};
use super::peer::Peer;
use super::retrieve::{InstanceReference, Responses, Retrieval, Retrieve, RetrieveRequest};
use super::store_scp::StoreRequest;
use super::tally::Tally;
use crate::BoxFuture;
use crate::any_connector::AnyConnector;
use crate::clock::Clock;

/// Has instances sent to third parties.
pub trait MoveScp: Send + Sync + 'static {
    /// Plans one C-MOVE: which instances go to `destination`, and how it is reached. The library sends them, counts, and
    /// stops when the peer cancels (PS3.4 section C.4.2).
    ///
    /// # Errors
    /// The future yields the status that the peer is to hear instead: `MOVE_DESTINATION_UNKNOWN`,
    /// `DATA_SET_DOES_NOT_MATCH`, `UNABLE_TO_CALCULATE_MATCHES`. That nothing matches is not one of them.
    fn move_to(
        &self,
        context: AssociationContext,
        request: RetrieveRequest,
        destination: AeTitle,
    ) -> impl Future<Output = Result<MovePlan, Status>> + Send;
}

/// How a C-MOVE is to be done.
#[derive(Debug)]
pub struct MovePlan {
    /// What is sent.
    pub retrieval: Retrieval,
    /// Where it is sent.
    pub destination: MoveDestination,
}

/// Whom a move destination stands for.
#[derive(Clone, Debug)]
pub struct MoveDestination {
    /// The receiver.
    pub peer: Peer,
    /// How it is reached.
    pub connector: AnyConnector,
}

/// What a service makes of a wish.
pub(super) type Planned = Result<MovePlan, Status>;

/// Serves one C-MOVE: one pending response per sub-operation, then exactly one final one.
///
/// When the sub-association breaks, its instance has failed; a new one is tried for the rest only if something got
/// through on the last, so that a dead destination costs one timeout and not one per instance.
pub(super) async fn serve(
    dialogue: &Dialogue,
    message_id: u16,
    originator: AeTitle,
    body: Body,
    config: &ServerConfig,
    plan: impl FnOnce(RetrieveRequest) -> BoxFuture<'static, Planned>,
) -> Result<(), Gone> {
    let responses = Responses { dialogue, service: Retrieve::Move, message_id };
    let Some(request) = responses.request(body, config.identifier_bytes_max).await? else {
        return Ok(());
    };
    let MovePlan { mut retrieval, destination } = tokio::select! {
        biased;
        () = dialogue.cancelled() => return responses.refuse(Status::CANCEL).await,
        planned = plan(request) => match planned {
            Ok(plan) => plan,
            Err(status) => return responses.refuse(status).await,
        },
    };
    let Some(mut tally) = Tally::new(retrieval.instances.len()) else {
        return responses.refuse(Status::UNABLE_TO_CALCULATE_MATCHES).await;
    };
    let mut line = Line::new(destination, (originator, message_id), Arc::clone(&config.clock));
    let instances = std::mem::take(&mut retrieval.instances);
    for (contexts, group) in associations(&instances) {
        line.next_contexts(contexts).await;
        for instance in group {
            if dialogue.is_cancelled() {
                break;
            }
            match line.send(&mut retrieval, instance).await {
                Some(status) => tally.answered(status, &instance.sop_instance_uid),
                None => tally.failed(&instance.sop_instance_uid),
            }
            if !tally.is_complete() {
                responses.progress(&tally).await?;
            }
        }
    }
    responses.finish(&tally).await?;
    line.release().await;
    Ok(())
}

/// Distributes the instances over as few associations as their contexts allow.
fn associations(
    instances: &[InstanceReference],
) -> Vec<(Vec<ProposedContext>, Vec<&InstanceReference>)> {
    let pair = |it: &InstanceReference| (it.sop_class_uid.clone(), it.transfer_syntax_uid.clone());
    let needs: Vec<(String, String)> = instances.iter().map(pair).collect();
    let carries = |contexts: &[ProposedContext], instance: &InstanceReference| {
        contexts.iter().any(|context| {
            context.abstract_syntax == instance.sop_class_uid
                && context.transfer_syntaxes.contains(&instance.transfer_syntax_uid)
        })
    };
    let plan = plan_contexts(&needs).into_iter();
    plan.map(|contexts| {
        let group = instances.iter().filter(|instance| carries(&contexts, instance)).collect();
        (contexts, group)
    })
    .collect()
}

/// The sub-association to the destination, opened when it is first needed.
struct Line {
    destination: MoveDestination,
    originator: (AeTitle, u16),
    clock: Arc<dyn Clock>,
    contexts: Vec<ProposedContext>,
    association: Option<ClientAssociation>,
    /// The destination has answered something on this association.
    got_through: bool,
    /// The last association brought nothing: no other is tried.
    dead: bool,
}

impl Line {
    fn new(
        destination: MoveDestination,
        originator: (AeTitle, u16),
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            destination,
            originator,
            clock,
            contexts: Vec::new(),
            association: None,
            got_through: false,
            dead: false,
        }
    }

    async fn next_contexts(&mut self, contexts: Vec<ProposedContext>) {
        self.release().await;
        self.contexts = contexts;
    }

    /// The destination's answer; `None` when there is none.
    async fn send(
        &mut self,
        retrieval: &mut Retrieval,
        instance: &InstanceReference,
    ) -> Option<Status> {
        if self.dead {
            return None;
        }
        let source = match retrieval.source.open(instance).await {
            Ok(source) => source,
            Err(error) => {
                tracing::warn!(instance = instance.sop_instance_uid, "cannot be read: {error}");
                return None;
            }
        };
        let request = StoreRequest {
            message_id: 0,
            sop_class_uid: instance.sop_class_uid.clone(),
            sop_instance_uid: instance.sop_instance_uid.clone(),
            transfer_syntax_uid: instance.transfer_syntax_uid.clone(),
            move_originator: Some(self.originator.clone()),
        };
        let association = self.open().await?;
        match association.store(&request, source).await {
            Ok(answer) => {
                self.got_through = true;
                return Some(answer.status());
            }
            Err(StoreError::Source(error)) => {
                tracing::warn!(instance = instance.sop_instance_uid, "cannot be read: {error}");
                self.association = None;
            }
            Err(StoreError::Association(error)) => {
                tracing::warn!(instance = instance.sop_instance_uid, "sub-operation: {error}");
                if !matches!(error.fault, AssociationFault::NoContext { .. }) {
                    self.association = None;
                    self.dead = !self.got_through;
                }
            }
        }
        None
    }

    async fn open(&mut self) -> Option<&mut ClientAssociation> {
        if self.association.is_none() {
            let MoveDestination { peer, connector } = &self.destination;
            let (clock, contexts) = (Arc::clone(&self.clock), self.contexts.clone());
            let opened = ClientAssociation::connect_with(connector, clock, peer, contexts).await;
            match opened {
                Ok(association) => {
                    self.got_through = false;
                    self.association = Some(association);
                }
                Err(error) => {
                    tracing::warn!("no sub-association: {error}");
                    self.dead = true;
                }
            }
        }
        self.association.as_mut()
    }

    async fn release(&mut self) {
        if let Some(association) = self.association.take()
            && let Err(error) = association.release().await
        {
            tracing::debug!("sub-association not released: {error}");
        }
    }
}
