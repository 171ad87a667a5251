//! What the machine does with each piece of the incoming stream.

use super::{Action, Association, Event, State, Trigger, agree, control, table};
use crate::outgoing::PDU_BYTES_MIN;
use crate::reader::{Piece, pdu_type};
use crate::refusal::ProtocolError;

impl Association {
    /// Reads what has come, until something must be taken or decided first.
    pub(super) fn advance(&mut self) {
        while self.may_read() {
            match self.reader.next(&mut self.input) {
                Ok(Some(piece)) => {
                    if let Err(error) = self.handle_piece(piece) {
                        self.fail(error);
                    }
                }
                Ok(None) => match self.later_input.pop_front() {
                    Some(input) => self.input = input,
                    None if self.input_ended => self.close_transport(),
                    None => break,
                },
                Err(error) => self.fail(error),
            }
        }
        self.settle();
    }

    fn may_read(&self) -> bool {
        let waits = matches!(self.state, State::Sta1 | State::Sta3 | State::Sta4 | State::Sta13);
        !waits && self.events.len() < EVENTS_MAX
    }

    fn handle_piece(&mut self, piece: Piece) -> Result<(), ProtocolError> {
        match piece {
            Piece::Header { pdu_type, length } => self.handle_header(pdu_type, length),
            Piece::Fragment(fragment) => self.exchange.receive(fragment, &mut self.events),
            Piece::Control { pdu_type, body } => self.handle_control(pdu_type, &body),
        }
    }

    /// Judges a PDU by its header: its type, whether it may come now, and its length.
    fn handle_header(&mut self, pdu_type: u8, length: u32) -> Result<(), ProtocolError> {
        let trigger = trigger(pdu_type).ok_or(ProtocolError::UnrecognizedPdu(pdu_type))?;
        let action = table::action(self.state, trigger);
        if action.is_none_or(Action::refuses_pdu) {
            return Err(ProtocolError::UnexpectedPdu(pdu_type));
        }
        let limit = match pdu_type {
            pdu_type::P_DATA_TF if self.pdu_bytes_max == 0 => u32::MAX,
            pdu_type::P_DATA_TF => self.pdu_bytes_max,
            pdu_type::ASSOCIATE_RQ | pdu_type::ASSOCIATE_AC => {
                u32::try_from(self.config.associate_bytes_max).unwrap_or(u32::MAX)
            }
            _ => CONTROL_BYTES_MAX,
        };
        if length > limit {
            return Err(ProtocolError::PduTooLong { length, limit });
        }
        Ok(())
    }

    fn handle_control(&mut self, pdu_type: u8, body: &[u8]) -> Result<(), ProtocolError> {
        let unexpected = ProtocolError::UnexpectedPdu(pdu_type);
        let trigger = trigger(pdu_type).ok_or(ProtocolError::UnrecognizedPdu(pdu_type))?;
        let action = table::action(self.state, trigger).ok_or(unexpected)?;
        match action {
            Action::Ae6 => return self.handle_request(body),
            Action::Ae3 => return self.handle_acceptance(body),
            Action::Ae4 => {
                let rejection = control::read_rejection(body)?;
                self.end(action.next(self.role), Event::Rejected(rejection));
            }
            Action::Ar2 | Action::Ar8 => {
                // Whoever releases inside a message leaves a data set without an end.
                if self.exchange.is_receiving() {
                    return Err(unexpected);
                }
                self.enter(action.next(self.role));
                self.events.push_back(Event::ReleaseRequested);
            }
            Action::Ar3 => self.end(action.next(self.role), Event::Released),
            Action::Ar10 => self.enter(action.next(self.role)),
            Action::Aa2 | Action::Aa3 => {
                let (by, reason) = control::read_abort(body);
                self.end(action.next(self.role), Event::Aborted { by, reason });
            }
            _ => return Err(unexpected),
        }
        self.settle();
        Ok(())
    }

    /// AE-6: the request goes to our user, or is rejected when no user could accept it.
    fn handle_request(&mut self, body: &[u8]) -> Result<(), ProtocolError> {
        match control::read_request(body)? {
            control::Request::Unacceptable(rejection) => self.send_rejection(rejection),
            control::Request::Acceptable { request, refused } => {
                self.request = Some((*request).clone());
                self.refused = refused;
                self.enter(Action::Ae6.next(self.role));
                self.events.push_back(Event::Requested(*request));
            }
        }
        Ok(())
    }

    /// AE-3. A context that the peer does not mention, or accepts with a syntax we did not propose, is not usable.
    fn handle_acceptance(&mut self, body: &[u8]) -> Result<(), ProtocolError> {
        let control::Acceptance { results, user } = control::read_acceptance(body)?;
        check_pdu_maximum(user.pdu_bytes_max)?;
        let request = self.request.take();
        let request = request.ok_or(ProtocolError::UnexpectedPdu(pdu_type::ASSOCIATE_AC))?;
        let answers = agree(&request, &results);
        let answered = user.items.clone();
        self.establish(Action::Ae3, &request, answers, &answered, user);
        Ok(())
    }
}

/// An acceptor's is checked when it comes. A requestor may ask and be answered what it could use: only a message to it
/// would not get through.
pub(super) fn check_pdu_maximum(pdu_bytes_max: u32) -> Result<(), ProtocolError> {
    match pdu_bytes_max {
        0 | PDU_BYTES_MIN.. => Ok(()),
        _ => Err(ProtocolError::PduMaximumTooSmall(pdu_bytes_max)),
    }
}

fn trigger(pdu_type: u8) -> Option<Trigger> {
    Some(match pdu_type {
        pdu_type::ASSOCIATE_RQ => Trigger::RequestPdu,
        pdu_type::ASSOCIATE_AC => Trigger::AcceptPdu,
        pdu_type::ASSOCIATE_RJ => Trigger::RejectPdu,
        pdu_type::P_DATA_TF => Trigger::DataPdu,
        pdu_type::RELEASE_RQ => Trigger::ReleaseRequestPdu,
        pdu_type::RELEASE_RP => Trigger::ReleaseResponsePdu,
        pdu_type::ABORT => Trigger::AbortPdu,
        _ => return None,
    })
}

/// How many events may wait before reading pauses.
const EVENTS_MAX: usize = 16;

/// PDUs with a fixed four-byte body; some peers append to it.
const CONTROL_BYTES_MAX: u32 = 64 * 1024;
