//! DIMSE messages over an established association: gathering commands, passing data sets through, and knowing who
//! owes whom an answer (PS3.7 sections 6.3 and 9.1, PS3.8 annex E).

use std::collections::VecDeque;

use bytes::Bytes;

use crate::command::Command;
use crate::event::Event;
use crate::negotiation::AcceptedContext;
use crate::outgoing::{Outgoing, OutgoingBody};
use crate::reader::Fragment;
use crate::refusal::{ProtocolError, UseError};

/// The conversation on one association.
pub(crate) struct Exchange {
    contexts: Vec<AcceptedContext>,
    command_bytes_max: usize,
    limits: OperationLimits,
    /// The command set that is arriving, and its context.
    gathering: Option<(u8, Vec<u8>)>,
    /// The context of the data set that is arriving or announced.
    receiving: Option<u8>,
    /// The data set that we are sending.
    sending: Option<OutgoingBody>,
    /// Message IDs of the peer's requests that we have not answered. Repeats are possible: that is the peer's mistake,
    /// and both requests get an answer.
    owed: Vec<u16>,
    /// Message IDs of our requests that the peer has not answered.
    awaited: Vec<u16>,
}

impl Exchange {
    /// A conversation with no context agreed yet.
    pub(crate) fn new(command_bytes_max: usize, limits: OperationLimits) -> Self {
        Self {
            contexts: Vec::new(),
            command_bytes_max,
            limits,
            gathering: None,
            receiving: None,
            sending: None,
            owed: Vec::new(),
            awaited: Vec::new(),
        }
    }

    /// Opens the agreed contexts, within the agreed window.
    pub(crate) fn open(&mut self, contexts: Vec<AcceptedContext>, window: Option<Window>) {
        self.contexts = contexts;
        self.limits.window = window;
    }

    /// Takes a fragment from the peer.
    pub(crate) fn receive(
        &mut self,
        fragment: Fragment,
        events: &mut VecDeque<Event>,
    ) -> Result<(), ProtocolError> {
        let Fragment { context_id, is_command, is_last, bytes } = fragment;
        if !self.is_accepted(context_id) {
            return Err(ProtocolError::ContextNotAccepted(context_id));
        }
        if is_command {
            return self.receive_command(context_id, is_last, &bytes, events);
        }
        if self.receiving != Some(context_id) {
            return Err(ProtocolError::UnexpectedDataSet(context_id));
        }
        if !bytes.is_empty() {
            events.push_back(Event::Body { context_id, bytes });
        }
        if is_last {
            self.receiving = None;
            events.push_back(Event::BodyEnd { context_id });
        }
        Ok(())
    }

    fn receive_command(
        &mut self,
        context_id: u8,
        is_last: bool,
        bytes: &[u8],
        events: &mut VecDeque<Event>,
    ) -> Result<(), ProtocolError> {
        let (gathering_id, command_set) = self.gathering.get_or_insert((context_id, Vec::new()));
        if *gathering_id != context_id {
            return Err(ProtocolError::InterleavedMessage(context_id));
        }
        if command_set.len().saturating_add(bytes.len()) > self.command_bytes_max {
            return Err(ProtocolError::CommandTooLong { limit: self.command_bytes_max });
        }
        command_set.extend_from_slice(bytes);
        if !is_last {
            return Ok(());
        }
        let command = Command::decode(command_set).map_err(ProtocolError::Command)?;
        self.gathering = None;
        // A command without a data set, such as C-CANCEL-RQ, may stand between the fragments of a data set. Another
        // data set may not: the one before would stay without an end.
        if command.has_data_set() && self.receiving.replace(context_id).is_some() {
            return Err(ProtocolError::InterleavedMessage(context_id));
        }
        self.account_for_received(&command)?;
        events.push_back(Event::Command { context_id, command });
        Ok(())
    }

    fn account_for_received(&mut self, command: &Command) -> Result<(), ProtocolError> {
        let message_id = command.message_id();
        if command.is_response() {
            let at = self.awaited.iter().position(|awaited| *awaited == message_id);
            let at = at.ok_or(ProtocolError::UnsolicitedResponse(message_id))?;
            if command.is_final_response() {
                self.awaited.swap_remove(at);
            }
        } else if command.wants_response() {
            self.limits.check_performed(self.owed.len())?;
            self.owed.push(message_id);
        }
        Ok(())
    }

    /// Queues a command; its body follows by [`Self::send_body`] when it has one.
    pub(crate) fn send_command(
        &mut self,
        context_id: u8,
        command: &Command,
        outgoing: &mut Outgoing,
    ) -> Result<(), UseError> {
        if self.sending.is_some() {
            return Err(UseError::BodyUnfinished);
        }
        let context = self.contexts.iter().find(|context| context.id == context_id);
        let context = context.ok_or(UseError::ContextNotAccepted(context_id))?;
        let command_set = command.encode();
        if command_set.len() > self.command_bytes_max {
            return Err(UseError::TooLong("command set"));
        }
        let message_id = command.message_id();
        if command.is_response() {
            let at = self.owed.iter().position(|owed| *owed == message_id);
            let at = at.ok_or(UseError::NothingToAnswer(message_id))?;
            if command.is_final_response() {
                self.owed.remove(at);
            }
        } else if command.wants_response() {
            if self.awaited.contains(&message_id) {
                return Err(UseError::MessageIdInUse(message_id));
            }
            self.limits.check_invoked(self.awaited.len())?;
            self.awaited.push(message_id);
        }
        outgoing.push_command(context_id, Bytes::from(command_set));
        if command.has_data_set() {
            self.sending = Some(OutgoingBody::new(context));
        }
        Ok(())
    }

    /// Adds bytes to the body that is being sent.
    pub(crate) fn send_body(
        &mut self,
        bytes: Bytes,
        outgoing: &mut Outgoing,
    ) -> Result<(), UseError> {
        let body = self.sending.as_mut().ok_or(UseError::NoBody)?;
        if outgoing.credit(body) == 0 {
            return Err(UseError::NoCredit);
        }
        outgoing.push_body(body, bytes);
        Ok(())
    }

    /// Queues the last fragment.
    pub(crate) fn finish_body(&mut self, outgoing: &mut Outgoing) -> Result<(), UseError> {
        let body = self.sending.take().ok_or(UseError::NoBody)?;
        outgoing.push_body_end(body);
        Ok(())
    }

    /// How many bytes of the body that is being sent may be added; 0 when none is being sent.
    pub(crate) fn body_credit(&self, outgoing: &Outgoing) -> usize {
        self.sending.as_ref().map_or(0, |body| outgoing.credit(body))
    }

    /// Whether a command or a data set has started to arrive and has not ended.
    pub(crate) fn is_receiving(&self) -> bool {
        self.gathering.is_some() || self.receiving.is_some()
    }

    /// Whether a body of ours is not finished.
    pub(crate) fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    /// Whether we owe the peer a response.
    pub(crate) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Whether the peer owes us a response.
    pub(crate) fn awaits(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// How many more requests may be sent before an answer has to come.
    pub(crate) fn invocations_left(&self) -> usize {
        self.limits.invoked().saturating_sub(self.awaited.len())
    }

    fn is_accepted(&self, context_id: u8) -> bool {
        self.contexts.iter().any(|context| context.id == context_id)
    }
}

/// How many operations may be outstanding.
pub(crate) struct OperationLimits {
    /// Of the peer, where no larger window was agreed.
    pub(crate) performed_max: usize,
    /// Of ours, where no window was agreed.
    pub(crate) ahead_max: usize,
    /// The agreed window.
    pub(crate) window: Option<Window>,
}

/// An agreed asynchronous operations window, seen from our side; 0 means any number.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// How many operations we may invoke.
    pub(crate) invoked: u16,
    /// How many operations the peer may invoke.
    pub(crate) performed: u16,
}

impl OperationLimits {
    fn check_performed(&self, outstanding: usize) -> Result<(), ProtocolError> {
        let agreed = self.window.map_or(1, |window| usize::from(window.performed));
        let limit = self.performed_max.max(agreed);
        if outstanding >= limit {
            return Err(ProtocolError::TooManyOperations { limit });
        }
        Ok(())
    }

    fn check_invoked(&self, outstanding: usize) -> Result<(), UseError> {
        let limit = self.invoked();
        if outstanding >= limit { Err(UseError::WindowFull { limit }) } else { Ok(()) }
    }

    fn invoked(&self) -> usize {
        match self.window {
            None => self.ahead_max.max(1),
            // Every outstanding message has an identifier of its own.
            Some(Window { invoked: 0, .. }) => usize::from(u16::MAX),
            Some(Window { invoked, .. }) => usize::from(invoked),
        }
    }
}
