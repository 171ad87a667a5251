//! Sending instances.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use telerad_dicom::PeerAnswer;
use telerad_dimse::{Command, Event};

use super::client::{ClientAssociation, PRIORITY_MEDIUM, unexpected};
use super::error::{AssociationFault, Phase, StoreError};
use super::source::BodySource;
use super::store_scp::StoreRequest;
use crate::clock::{Alarm, after};

impl ClientAssociation {
    /// Stores one instance (C-STORE), as it comes from `source`, in the transfer syntax that the request names.
    ///
    /// The answer is the peer's own, whatever its status.
    ///
    /// # Errors
    /// [`StoreError`]: without an answer nothing is known, and the instance must be sent again.
    ///
    /// # Cancel safety
    /// Dropping the future half-way makes the association unusable; the peer never takes the part for a whole.
    pub async fn store(
        &mut self,
        request: &StoreRequest,
        mut source: impl BodySource,
    ) -> Result<PeerAnswer, StoreError> {
        let syntax = Some(request.transfer_syntax_uid.as_str());
        let context = self.context_of(&request.sop_class_uid, syntax)?;
        let message_id = self.begin()?;
        let command = Command::StoreRq {
            message_id,
            sop_class_uid: request.sop_class_uid.clone(),
            sop_instance_uid: request.sop_instance_uid.clone(),
            priority: PRIORITY_MEDIUM,
            move_originator: request.move_originator.clone(),
        };
        let result = match self.command(context.id, &command) {
            Ok(()) => self.send_source(message_id, &mut source).await,
            Err(fault) => Err(SendFault::Association(fault)),
        };
        match result {
            Ok(answer) => {
                self.busy = false;
                Ok(answer)
            }
            Err(SendFault::Association(fault)) => Err(self.poison(fault).into()),
            Err(SendFault::Source(error)) => {
                self.poison(AssociationFault::Poisoned);
                Err(StoreError::Source(error))
            }
        }
    }

    /// Sends the data set, then waits for the answer. An answer that comes earlier is kept: the message that it
    /// answers has to be completed all the same.
    async fn send_source(
        &mut self,
        message_id: u16,
        source: &mut impl BodySource,
    ) -> Result<PeerAnswer, SendFault> {
        let mut answer = None;
        let mut alarm = Alarm::new(self.pump.clock());
        loop {
            let next = self.next_piece(message_id, source, &mut alarm, &mut answer).await?;
            let Some(mut piece) = next else { break };
            while !piece.is_empty() {
                let credit = self.pump.machine.body_credit().min(piece.len());
                if credit == 0 {
                    self.turn_while_sending(message_id, &mut answer).await?;
                    continue;
                }
                let now = self.pump.now();
                let sent = self.pump.machine.send_body(now, piece.split_to(credit));
                sent.map_err(|error| self.explain(error))?;
            }
        }
        // The peer's time to answer starts with the last fragment, so a slow line must not still be busy with the
        // fragments before it.
        while self.pump.backlog() > BACKLOG_BYTES_MAX {
            self.turn_while_sending(message_id, &mut answer).await?;
        }
        let now = self.pump.now();
        self.pump.machine.finish_body(now).map_err(|error| self.explain(error))?;
        loop {
            // What comes behind the answer, a release for instance, does not take it back.
            if let Some(answer) = answer {
                return Ok(answer);
            }
            if !self.take_answer(message_id, &mut answer)? {
                self.pump.turn().await;
            }
        }
    }

    /// Waits for room and for the source, in this order, while the association goes on.
    async fn next_piece(
        &mut self,
        message_id: u16,
        source: &mut impl BodySource,
        alarm: &mut Alarm,
        answer: &mut Option<PeerAnswer>,
    ) -> Result<Option<Bytes>, SendFault> {
        while self.pump.machine.body_credit() == 0 {
            self.turn_while_sending(message_id, answer).await?;
        }
        let deadline = after(self.pump.now(), self.peer.timeouts.source);
        let mut next = pin!(source.next());
        poll_fn(|context| {
            loop {
                // A small instance leaves in one write, command included; a large one does not wait to be complete.
                let due = self.pump.backlog() > BACKLOG_BYTES_MAX;
                let turned = due && self.pump.poll_turn(context).is_ready();
                if let Poll::Ready(piece) = next.as_mut().poll(context) {
                    return Poll::Ready(piece.map_err(SendFault::Source));
                }
                if !turned && self.pump.poll_turn(context).is_pending() {
                    std::task::ready!(alarm.poll(context, Some(deadline)));
                    return Poll::Ready(Err(AssociationFault::Timeout(Phase::Source).into()));
                }
                while self.take_answer(message_id, answer)? {}
            }
        })
        .await
    }

    async fn turn_while_sending(
        &mut self,
        message_id: u16,
        answer: &mut Option<PeerAnswer>,
    ) -> Result<(), AssociationFault> {
        self.pump.turn().await;
        while self.take_answer(message_id, answer)? {}
        Ok(())
    }

    /// Takes one event, which has to be the answer; whether there was one.
    fn take_answer(
        &mut self,
        message_id: u16,
        answer: &mut Option<PeerAnswer>,
    ) -> Result<bool, AssociationFault> {
        match self.poll_event()? {
            None => Ok(false),
            Some(Event::Command {
                command: Command::StoreRsp { message_id: to, status, .. },
                ..
            }) if to == message_id && answer.is_none() => {
                *answer = Some(PeerAnswer::from_response(status, message_id));
                Ok(true)
            }
            Some(event) => Err(unexpected(&event)),
        }
    }
}

/// Who is to blame for a data set that could not be sent.
enum SendFault {
    Association(AssociationFault),
    Source(std::io::Error),
}

impl From<AssociationFault> for SendFault {
    fn from(fault: AssociationFault) -> Self {
        Self::Association(fault)
    }
}

/// What may still wait to be sent when a data set is ended.
const BACKLOG_BYTES_MAX: usize = 64 * 1024;
