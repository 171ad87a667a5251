//! Fetching instances on the association on which they are asked for (C-GET).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use telerad_dicom::{DataSet, Status, StatusClass};
use telerad_dimse::{Command, Event, SubOperations};

use super::body::{BodyError, body};
use super::client::{ClientAssociation, PRIORITY_MEDIUM, unexpected};
use super::context::AssociationContext;
use super::error::{AssociationError, AssociationFault, Phase};
use super::retrieve_scu::{RetrieveOutcome, Retrieving};
use super::store_scp::{StoreReply, StoreRequest, StoreScp};
use crate::Remote;
use crate::clock::{Alarm, after};

/// A C-GET under way. Instances reach the sink while they arrive.
///
/// Dropping it before its end aborts the association: to stop in peace, [`cancel`](Self::cancel) and read on to the end.
pub struct GetStream<'a, S> {
    retrieving: Retrieving<'a>,
    sink: &'a S,
}

/// Something that happened during a C-GET.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GetEvent {
    /// The counts, from a pending response.
    Progress(SubOperations),
    /// An instance came, and the sink answered with this.
    Stored {
        /// The instance.
        sop_instance_uid: String,
        /// What the peer was answered.
        status: Status,
    },
}

impl ClientAssociation {
    /// Asks the peer for what `identifier` names, into `sink` (C-GET).
    ///
    /// The association has to propose storage contexts with the role of SCP for ourselves: see
    /// [`Peer::receiving`](super::Peer::receiving). Between two messages the peer has
    /// [`Timeouts::retrieve`](super::Timeouts::retrieve).
    ///
    /// # Errors
    /// A failure of the association, or an identifier that cannot be encoded.
    pub async fn get<'a, S: StoreScp>(
        &'a mut self,
        sop_class_uid: &str,
        identifier: &DataSet,
        sink: &'a S,
    ) -> Result<GetStream<'a, S>, AssociationError> {
        let context = self.context_of(sop_class_uid, None)?;
        let identifier = self.encode(identifier, &context)?;
        let message_id = self.begin_retrieve()?;
        let sop_class_uid = context.abstract_syntax.clone();
        let command = Command::GetRq { message_id, sop_class_uid, priority: PRIORITY_MEDIUM };
        match self.say(context.id, &command, Some(identifier)).await {
            Ok(()) => {
                Ok(GetStream { retrieving: Retrieving::new(self, context, message_id), sink })
            }
            Err(fault) => Err(self.poison(fault)),
        }
    }

    /// Takes one instance that the peer sends, and answers.
    async fn receive<S: StoreScp>(
        &mut self,
        context_id: u8,
        request: StoreRequest,
        sink: &S,
    ) -> Result<Status, AssociationFault> {
        let caller = AssociationContext {
            association_id: 0,
            calling: self.peer.called.clone(),
            called: self.peer.calling.clone(),
            remote: Remote::at(self.peer.address.clone()),
        };
        let reply = self.feed(caller, request.clone(), sink).await?;
        let status = reply.status;
        self.say(context_id, &reply.response(&request), None).await?;
        Ok(status)
    }

    /// Lets the sink take a data set while it arrives. Its answer is given only after the last fragment.
    async fn feed<S: StoreScp>(
        &mut self,
        caller: AssociationContext,
        request: StoreRequest,
        sink: &S,
    ) -> Result<StoreReply, AssociationFault> {
        let (feed, body) = body(BODY_BYTES_MAX);
        let mut storing = pin!(sink.store(caller, request, body));
        let mut reply = None;
        let mut ended = false;
        let mut silent_since = None;
        let mut alarm = Alarm::new(self.pump.clock());
        poll_fn(|context| {
            loop {
                if reply.is_none()
                    && let Poll::Ready(answer) = storing.as_mut().poll(context)
                {
                    reply = Some(answer);
                }
                if ended && let Some(reply) = reply.take() {
                    return Poll::Ready(Ok(reply));
                }
                let room = feed.poll_room(context).is_ready();
                if room && !ended {
                    match self.poll_event() {
                        Ok(Some(Event::Body { bytes, .. })) => feed.push(bytes),
                        Ok(Some(Event::BodyEnd { .. })) => {
                            ended = true;
                            feed.finish();
                        }
                        Ok(Some(event)) => return Poll::Ready(Err(unexpected(&event))),
                        Ok(None) if self.pump.poll_turn(context).is_pending() => {
                            return Poll::Pending;
                        }
                        Ok(None) => {}
                        Err(fault) => {
                            feed.fail(BodyError::Closed);
                            return Poll::Ready(Err(fault));
                        }
                    }
                    silent_since = None;
                    continue;
                }
                let since = *silent_since.get_or_insert(self.pump.now());
                let deadline = after(since, self.peer.timeouts.source);
                if self.pump.poll_turn(context).is_ready() && !self.pump.is_finished() {
                    continue;
                }
                std::task::ready!(alarm.poll(context, Some(deadline)));
                return Poll::Ready(Err(AssociationFault::Timeout(Phase::Sink)));
            }
        })
        .await
    }
}

impl<S: StoreScp> GetStream<'_, S> {
    /// The next event; `None` when there are no more, and then [`outcome`](Self::outcome) says how it ended.
    ///
    /// # Errors
    /// A failure of the association. A final status is none, whatever it says.
    ///
    /// # Cancel safety
    /// Dropping the future half-way makes the association unusable.
    pub async fn next(&mut self) -> Option<Result<GetEvent, AssociationError>> {
        if self.retrieving.is_over() {
            return None;
        }
        match self.exchange().await {
            Ok(event) => event.map(Ok),
            Err(fault) => Some(Err(self.retrieving.fail(fault))),
        }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// A failure of the association. A final status is none, whatever it says.
    pub async fn finish(mut self) -> Result<RetrieveOutcome, AssociationError> {
        while let Some(event) = self.next().await {
            event?;
        }
        self.retrieving.into_outcome()
    }

    /// Tells the peer that the rest is not wanted (C-CANCEL); read on until it ends, most likely with
    /// [`Status::CANCEL`].
    ///
    /// # Errors
    /// A failure of the association.
    pub async fn cancel(&mut self) -> Result<(), AssociationError> {
        self.retrieving.cancel().await
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<&RetrieveOutcome> {
        self.retrieving.outcome()
    }

    async fn exchange(&mut self) -> Result<Option<GetEvent>, AssociationFault> {
        let association = &mut *self.retrieving.association;
        match association.next_event().await? {
            Event::Command {
                context_id,
                command:
                    Command::StoreRq {
                        message_id,
                        sop_class_uid,
                        sop_instance_uid,
                        move_originator,
                        ..
                    },
            } => {
                let syntax = association.accepted().iter().find(|it| it.id == context_id);
                let request = StoreRequest {
                    message_id,
                    sop_class_uid,
                    sop_instance_uid: sop_instance_uid.clone(),
                    transfer_syntax_uid: syntax
                        .map(|it| it.transfer_syntax.clone())
                        .unwrap_or_default(),
                    move_originator,
                };
                let status = association.receive(context_id, request, self.sink).await?;
                Ok(Some(GetEvent::Stored { sop_instance_uid, status }))
            }
            Event::Command {
                command: Command::GetRsp { message_id, status, sub_operations, has_identifier, .. },
                ..
            } if message_id == self.retrieving.message_id => {
                let identifier = match has_identifier {
                    true => Some(association.read_data_set().await?),
                    false => None,
                };
                if status.class() == StatusClass::Pending {
                    return Ok(Some(GetEvent::Progress(sub_operations)));
                }
                self.retrieving.end(status, sub_operations, identifier.as_deref());
                Ok(None)
            }
            event => Err(unexpected(&event)),
        }
    }
}

impl<S> std::fmt::Debug for GetStream<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GetStream")
            .field("outcome", &self.retrieving.outcome())
            .finish_non_exhaustive()
    }
}

/// Of one instance, waiting for the sink.
const BODY_BYTES_MAX: usize = 256 * 1024;
