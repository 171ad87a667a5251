//! Asking questions.

use bytes::Bytes;
use telerad_dicom::dataset::DataSet;
use telerad_dicom::{Status, StatusClass};
use telerad_dimse::{AcceptedContext, Command, Event};

use super::client::{ClientAssociation, PRIORITY_MEDIUM, unexpected};
use super::error::{AssociationError, AssociationFault};

impl ClientAssociation {
    /// Asks a question (C-FIND) and collects the answers.
    ///
    /// # Errors
    /// A failure of the association, a final status other than success as [`AssociationFault::Failed`], an answer
    /// that cannot be read, or more of them than [`Peer::answers_max`](super::Peer::answers_max).
    pub async fn find(
        &mut self,
        sop_class_uid: &str,
        identifier: &DataSet,
    ) -> Result<Vec<DataSet>, AssociationError> {
        let context = self.context_of(sop_class_uid, None)?;
        let body = identifier
            .encode(&context.transfer_syntax)
            .map_err(|error| self.peer.error(AssociationFault::DataSet(error.to_string())))?;
        let message_id = self.begin()?;
        let result = self.exchange_find(&context, message_id, body.into()).await;
        match self.end(result)? {
            (answers, Status::SUCCESS) => Ok(answers),
            (_, status) => Err(self.peer.error(AssociationFault::Failed(status))),
        }
    }

    async fn exchange_find(
        &mut self,
        context: &AcceptedContext,
        message_id: u16,
        mut identifier: Bytes,
    ) -> Result<(Vec<DataSet>, Status), AssociationFault> {
        let command = Command::FindRq {
            message_id,
            sop_class_uid: context.abstract_syntax.clone(),
            priority: PRIORITY_MEDIUM,
        };
        self.command(context.id, &command)?;
        while !identifier.is_empty() {
            let credit = self.pump.machine.body_credit().min(identifier.len());
            if credit == 0 {
                self.pump.turn().await;
                if let Some(event) = self.poll_event()? {
                    return Err(unexpected(&event));
                }
                continue;
            }
            let now = self.pump.now();
            let sent = self.pump.machine.send_body(now, identifier.split_to(credit));
            sent.map_err(|error| self.explain(error))?;
        }
        let now = self.pump.now();
        self.pump.machine.finish_body(now).map_err(|error| self.explain(error))?;
        let mut answers = Vec::new();
        loop {
            let event = self.next_event().await?;
            let Event::Command { command: response, .. } = event else {
                return Err(unexpected(&event));
            };
            let Command::FindRsp { message_id: to, status, has_identifier, .. } = response else {
                return Err(AssociationFault::Unexpected("another command"));
            };
            if to != message_id {
                return Err(AssociationFault::Unexpected("a response to another message"));
            }
            let body = if has_identifier { Some(self.read_body().await?) } else { None };
            if status.class() != StatusClass::Pending {
                return Ok((answers, status));
            }
            if answers.len() >= self.peer.answers_max {
                return Err(AssociationFault::TooManyAnswers(self.peer.answers_max));
            }
            let Some(body) = body else {
                return Err(AssociationFault::Unexpected("a match without an identifier"));
            };
            let limits = self.peer.answer_limits;
            let answer = DataSet::decode(&body, &context.transfer_syntax, limits)
                .map_err(|error| AssociationFault::DataSet(error.to_string()))?;
            answers.push(answer);
        }
    }

    async fn read_body(&mut self) -> Result<Vec<u8>, AssociationFault> {
        let mut body = Vec::new();
        loop {
            match self.next_event().await? {
                Event::Body { bytes, .. } if body.len() + bytes.len() <= IDENTIFIER_BYTES_MAX => {
                    body.extend_from_slice(&bytes);
                }
                Event::Body { .. } => {
                    return Err(AssociationFault::DataSet(format!(
                        "longer than {IDENTIFIER_BYTES_MAX} bytes"
                    )));
                }
                Event::BodyEnd { .. } => return Ok(body),
                event => return Err(unexpected(&event)),
            }
        }
    }
}

/// Of one answer to a query.
const IDENTIFIER_BYTES_MAX: usize = 1024 * 1024;
