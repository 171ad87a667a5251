//! The association machine.

mod incoming;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use crate::clock::Clock;
use crate::command::Command;
use crate::config::Config;
use crate::control::{self, UserVariables};
use crate::event::Event;
use crate::exchange::{Exchange, OperationLimits, Window};
use crate::negotiation::{AcceptedContext, AssociateRequest, ContextResult, Established};
use crate::outgoing::Outgoing;
use crate::reader::Reader;
use crate::refusal::{AbortReason, CloseReason, ProtocolError, Rejection, Timer, UseError};
use crate::table::{self, Action, Role, State, Trigger};
use crate::user_items::{AsyncWindow, Roles, UserItems};

/// One association from the open transport to the closed one, for the side that called and the side that was called.
///
/// It never waits and reads no clock. A pump around it does the following after anything happened: take events until
/// [`poll_event`](Self::poll_event) gives `None`, then write what [`poll_transmit`](Self::poll_transmit) gives, then
/// close the transport if [`is_closed`](Self::is_closed), else wait for bytes (only while
/// [`wants_input`](Self::wants_input)), for [`poll_timeout`](Self::poll_timeout), or for its own user. A pump whose user
/// was slow to take an event calls [`handle_timeout`](Self::handle_timeout) before it waits again, so that silence that
/// the user caused is not counted against the peer.
///
/// Dropping it sends nothing: to tell the peer, [`abort`](Self::abort) first and write what is queued.
pub struct Association {
    config: Config,
    role: Role,
    state: State,
    clock: Clock,
    reader: Reader,
    input: Bytes,
    later_input: VecDeque<Bytes>,
    input_ended: bool,
    events: VecDeque<Event>,
    outgoing: Outgoing,
    exchange: Exchange,
    /// The proposal: ours or, once it has come, the peer's.
    request: Option<AssociateRequest>,
    /// Contexts of the peer's proposal that make no sense, with their answer.
    refused: Vec<(u8, ContextResult)>,
    /// The longest P-DATA-TF PDU that we announce.
    pdu_bytes_max: u32,
    /// The longest P-DATA-TF PDU that the peer announced; 0 before it did, and when any will do.
    peer_pdu_bytes_max: u32,
    /// Which name ARTIM goes by in Sta13.
    closing: Timer,
}

impl Association {
    /// The called side of a transport connection that was just accepted (Evt5). ARTIM starts: see [`Timer::Request`].
    pub fn acceptor(config: Config, now: Instant) -> Self {
        let pdu_bytes_max = config.pdu_bytes_max;
        Self::new(config, Role::Acceptor, pdu_bytes_max, now)
    }

    /// The calling side of a transport connection that was just opened (Evt2). The A-ASSOCIATE-RQ is queued.
    ///
    /// A request that cannot be put on the wire ends at once with [`CloseReason::Unusable`], without a byte sent.
    pub fn requestor(config: Config, request: AssociateRequest, now: Instant) -> Self {
        let mut association = Self::new(config, Role::Requestor, request.pdu_bytes_max, now);
        match control::write_request(&request) {
            Ok(pdu) => {
                association.outgoing.push(pdu);
                association.request = Some(request);
            }
            Err(error) => association.end(State::Sta1, Event::Closed(CloseReason::Unusable(error))),
        }
        association
    }

    fn new(config: Config, role: Role, pdu_bytes_max: u32, now: Instant) -> Self {
        let state = table::opening(role);
        Self {
            outgoing: Outgoing::new(config.body_buffer_bytes_max),
            exchange: Exchange::new(
                config.command_bytes_max,
                OperationLimits {
                    performed_max: config.operations_max,
                    ahead_max: config.operations_ahead_max,
                    window: None,
                },
            ),
            config,
            role,
            state,
            clock: Clock::new(now),
            reader: Reader::default(),
            input: Bytes::new(),
            later_input: VecDeque::new(),
            input_ended: false,
            events: VecDeque::new(),
            request: None,
            refused: Vec::new(),
            pdu_bytes_max,
            peer_pdu_bytes_max: 0,
            closing: Timer::Abort,
        }
    }

    /// Acceptor: accepts the association, with an answer for each proposed context (Evt7), and with the defaults of
    /// PS3.7 section D.3.3 for everything else.
    ///
    /// A context without an answer is refused ([`ContextResult::NoReason`]), and so is one that would be accepted with
    /// a transfer syntax that was not proposed ([`ContextResult::TransferSyntaxesNotSupported`]);
    /// [`Event::Established`] says what came of it. Without an open request this does nothing.
    pub fn accept(&mut self, now: Instant, results: Vec<(u8, ContextResult)>) {
        self.accept_with(now, results, UserItems::default());
    }

    /// As [`Self::accept`], with answers to roles, operations window, extended negotiation and user identity.
    ///
    /// What was not asked for is not answered, and no more is granted than was asked for: roles and window are cut to
    /// the proposal, a response to a user identity goes only to a requestor that wants one.
    pub fn accept_with(
        &mut self,
        now: Instant,
        results: Vec<(u8, ContextResult)>,
        user: UserItems,
    ) {
        self.observe(now);
        let (Some(Action::Ae7), Some(request)) =
            (table::action(self.state, Trigger::AcceptResponse), self.request.take())
        else {
            return;
        };
        let mut answers = agree(&request, &results);
        answers.append(&mut self.refused);
        let own = UserVariables {
            pdu_bytes_max: self.pdu_bytes_max,
            implementation_class_uid: self.config.implementation_class_uid.clone(),
            implementation_version_name: self.config.implementation_version_name.clone(),
            items: user.answering(&request.user),
        };
        match control::write_acceptance(&request, &answers, &own) {
            Ok(pdu) => {
                self.outgoing.push(pdu);
                let peer = UserVariables {
                    pdu_bytes_max: request.pdu_bytes_max,
                    implementation_class_uid: request.implementation_class_uid.clone(),
                    implementation_version_name: request.implementation_version_name.clone(),
                    items: request.user.clone(),
                };
                self.establish(Action::Ae7, &request, answers, &own.items, peer);
            }
            Err(error) => self
                .send_abort(AbortReason::NotSpecified, Event::Closed(CloseReason::Unusable(error))),
        }
        self.advance();
    }

    /// Acceptor: rejects the association (Evt8). Without an open request this does nothing.
    pub fn reject(&mut self, now: Instant, rejection: Rejection) {
        self.observe(now);
        if table::action(self.state, Trigger::RejectResponse) == Some(Action::Ae8) {
            self.send_rejection(rejection);
        }
        self.settle();
    }

    /// Queues a command. When it [has a data set](Command::has_data_set), send that with [`Self::send_body`] and
    /// [`Self::finish_body`] before anything else.
    ///
    /// # Errors
    /// [`UseError`] when the association, the context or the conversation does not allow it; nothing is sent then. To a
    /// requestor that can receive next to nothing ([`ProtocolError::PduMaximumTooSmall`]) the answer is an A-ABORT.
    pub fn send_command(
        &mut self,
        now: Instant,
        context_id: u8,
        command: &Command,
    ) -> Result<(), UseError> {
        self.observe(now);
        self.check_may_send()?;
        if let Err(error) = incoming::check_pdu_maximum(self.peer_pdu_bytes_max) {
            // Nothing but our A-ASSOCIATE-AC can be queued for this peer, and it may hear that first.
            let reason = error.abort_reason();
            self.push_abort(reason, Event::Closed(CloseReason::Protocol(error)));
            return Err(UseError::NotEstablished);
        }
        self.exchange.send_command(context_id, command, &mut self.outgoing)?;
        self.clock.touch();
        self.settle();
        Ok(())
    }

    /// How many bytes of a body [`Self::send_body`] will take now; 0 when none is being sent.
    ///
    /// It grows when [`Self::poll_transmit`] has handed bytes out.
    pub fn body_credit(&self) -> usize {
        self.exchange.body_credit(&self.outgoing)
    }

    /// Adds bytes to the body of the last command. They are cut into fragments of even length that fit the peer and
    /// our own limit, as slices, without a copy. A piece may exceed the credit; the next one then has to wait.
    ///
    /// # Errors
    /// [`UseError::NoBody`], [`UseError::NoCredit`] when [`Self::body_credit`] is 0, or [`UseError::NotEstablished`];
    /// nothing is taken then.
    pub fn send_body(&mut self, now: Instant, bytes: Bytes) -> Result<(), UseError> {
        self.observe(now);
        self.check_may_send()?;
        self.exchange.send_body(bytes, &mut self.outgoing)?;
        self.clock.touch();
        Ok(())
    }

    /// Ends the body: only now is the last fragment sent, so that a body that is given up can never look complete.
    ///
    /// # Errors
    /// [`UseError::NoBody`] or [`UseError::NotEstablished`].
    pub fn finish_body(&mut self, now: Instant) -> Result<(), UseError> {
        self.observe(now);
        self.check_may_send()?;
        self.exchange.finish_body(&mut self.outgoing)?;
        self.clock.touch();
        self.settle();
        Ok(())
    }

    /// Asks the peer for release (Evt11). With a half-sent body, or before the association stands, this aborts.
    pub fn release(&mut self, now: Instant) {
        self.observe(now);
        match table::action(self.state, Trigger::ReleaseRequest) {
            Some(Action::Ar1) if !self.exchange.is_sending() => {
                self.outgoing.push(control::write_release_request());
                self.enter(Action::Ar1.next(self.role));
            }
            Some(_) => self.abort(now, AbortReason::ServiceUser),
            None if matches!(self.state, State::Sta2 | State::Sta3 | State::Sta5) => {
                self.abort(now, AbortReason::ServiceUser);
            }
            None => {}
        }
        self.settle();
    }

    /// Aborts (Evt15): events and outgoing bytes that were waiting are dropped, an A-ABORT is queued, and the final
    /// event is [`CloseReason::Aborted`]. Does nothing once the association has ended.
    pub fn abort(&mut self, now: Instant, reason: AbortReason) {
        self.observe(now);
        let aborted = Event::Closed(CloseReason::Aborted);
        match table::action(self.state, Trigger::AbortRequest) {
            Some(Action::Aa1) => {
                self.events.clear();
                self.send_abort(reason, aborted);
            }
            // Nobody has spoken yet, so there is nobody to tell.
            None if self.state == State::Sta2 => self.end(State::Sta1, aborted),
            _ => {}
        }
        self.settle();
    }

    /// Takes bytes from the transport. Call it only while [`Self::wants_input`]; bytes that come nevertheless are kept.
    pub fn handle_input(&mut self, now: Instant, input: Bytes) {
        self.observe(now);
        // In Sta13 nothing that comes matters any more, and after a framing error there are no PDUs to be found in it:
        // table 9-10 would have AA-6 ignore it or AA-7 send a second A-ABORT, which helps nobody.
        if !matches!(self.state, State::Sta1 | State::Sta13) {
            self.clock.touch();
            if self.input.is_empty() {
                self.input = input;
            } else {
                self.later_input.push_back(input);
            }
        }
        self.advance();
    }

    /// The transport was closed by the peer or failed (Evt17). Bytes that came before are still worked off.
    pub fn handle_closed(&mut self, now: Instant) {
        self.observe(now);
        self.input_ended = true;
        if matches!(self.state, State::Sta3 | State::Sta13) {
            self.close_transport();
        }
        self.advance();
    }

    /// Lets timers run out that are due. Calling it early is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.observe(now);
        if let Some((timer, at)) = self.deadline()
            && at <= self.clock.now
        {
            let timeout = Event::Closed(CloseReason::Timeout(timer));
            match table::action(self.state, Trigger::ArtimExpired) {
                // Sta13: the final event has been told already.
                Some(action) if self.state == State::Sta13 => {
                    self.outgoing.clear();
                    self.enter(action.next(self.role));
                }
                Some(action) => self.end(action.next(self.role), timeout),
                None => self.send_abort(AbortReason::ServiceUser, timeout),
            }
        }
        self.settle();
    }

    /// Changes how long the peer may take for its next response (see [`Timer::Response`]): a retrieval needs more
    /// patience than a query.
    pub fn set_response_timeout(&mut self, timeout: std::time::Duration) {
        self.config.timers.response = timeout;
    }

    /// The next event; ask until there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() && (self.input_ended || self.has_unread_input()) {
            self.advance();
        }
        self.events.pop_front()
    }

    /// Moves the bytes that are to be written to `out`: headers and payload in pieces, for a vectored write.
    pub fn poll_transmit(&mut self, out: &mut Vec<Bytes>) {
        self.outgoing.drain(out);
    }

    /// When to call [`Self::handle_timeout`]; `None` while nothing can time out.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline().map(|(_, at)| at)
    }

    /// Whether more bytes are welcome: not while events wait to be taken, nor while an association request waits for
    /// its answer. This is the back-pressure.
    pub fn wants_input(&self) -> bool {
        !self.input_ended
            && match self.state {
                State::Sta1 | State::Sta3 | State::Sta4 => false,
                State::Sta13 => true,
                _ => self.events.is_empty() && !self.has_unread_input(),
            }
    }

    /// Whether the transport should be closed now: all is over and everything has been handed out for writing.
    pub fn is_closed(&self) -> bool {
        self.state == State::Sta1 && self.outgoing.is_empty()
    }

    /// How many more requests may be sent before one of the outstanding ones has to be answered; C-CANCEL does not count.
    pub fn invocations_left(&self) -> usize {
        self.exchange.invocations_left()
    }

    /// Whether a body of ours is not finished yet.
    pub fn is_sending_body(&self) -> bool {
        self.exchange.is_sending()
    }

    fn observe(&mut self, now: Instant) {
        self.clock.advance(now);
        let held_back = !self.wants_input();
        self.clock.hold_back(held_back);
    }

    /// The end of every call that may have changed something: answers a release when nothing stands in its way.
    fn settle(&mut self) {
        let unfinished = self.exchange.owes() || self.exchange.is_sending();
        match table::action(self.state, Trigger::ReleaseResponse) {
            Some(Action::Ar4) if self.state == State::Sta12 || !unfinished => {
                self.outgoing.push(control::write_release_response());
                self.closing = Timer::Close;
                self.finish(Action::Ar4.next(self.role), Event::Released);
            }
            Some(Action::Ar9) => {
                self.outgoing.push(control::write_release_response());
                self.enter(Action::Ar9.next(self.role));
            }
            _ => {}
        }
        if self.input_ended && self.state == State::Sta13 {
            self.close_transport();
        }
        let held_back = !self.wants_input();
        self.clock.hold_back(held_back);
    }

    fn check_may_send(&self) -> Result<(), UseError> {
        match table::action(self.state, Trigger::DataRequest) {
            Some(_) => Ok(()),
            None => Err(UseError::NotEstablished),
        }
    }

    fn establish(
        &mut self,
        action: Action,
        request: &AssociateRequest,
        answers: Vec<(u8, ContextResult)>,
        answered: &UserItems,
        peer: UserVariables,
    ) {
        let mut contexts = Vec::new();
        let mut refused = Vec::new();
        for (id, result) in answers {
            let proposed = request.contexts.iter().find(|context| context.id == id);
            match (result, proposed) {
                (ContextResult::Accepted { transfer_syntax }, Some(proposed)) => {
                    let abstract_syntax = proposed.abstract_syntax.clone();
                    let requestor = self.requestor_roles(request, answered, &abstract_syntax);
                    let roles = match self.role {
                        Role::Requestor => requestor,
                        Role::Acceptor => requestor.of_peer(),
                    };
                    contexts.push(AcceptedContext { id, abstract_syntax, transfer_syntax, roles });
                }
                (result, _) => refused.push((id, result)),
            }
        }
        let agreed = match (request.user.async_window, answered.async_window) {
            (Some(proposed), Some(answered)) => Some(proposed.and(answered)),
            _ => None,
        };
        self.exchange.open(contexts.clone(), agreed.map(|window| self.own_window(window)));
        self.peer_pdu_bytes_max = peer.pdu_bytes_max;
        self.outgoing.limit_pdus(peer.pdu_bytes_max, self.config.outgoing_pdu_bytes_max);
        self.enter(action.next(self.role));
        self.events.push_back(Event::Established(Established {
            contexts,
            refused,
            peer_pdu_bytes_max: peer.pdu_bytes_max,
            peer_implementation_class_uid: peer.implementation_class_uid,
            peer_implementation_version_name: peer.implementation_version_name,
            async_window: agreed.unwrap_or(AsyncWindow::SYNCHRONOUS),
            user: peer.items,
        }));
    }

    /// What role selection came to for a SOP class (PS3.7 section D.3.3.4).
    fn requestor_roles(
        &self,
        request: &AssociateRequest,
        answered: &UserItems,
        class: &str,
    ) -> Roles {
        match (request.user.roles_of(class), answered.roles_of(class)) {
            (Some(proposed), Some(answered)) => proposed.and(answered),
            (Some(proposed), None)
                if self.role == Role::Requestor && self.config.accept_missing_role_answers =>
            {
                proposed
            }
            _ => Roles::SCU,
        }
    }

    /// The agreed window from our side.
    fn own_window(&self, AsyncWindow { invoked, performed }: AsyncWindow) -> Window {
        match self.role {
            Role::Requestor => Window { invoked, performed },
            Role::Acceptor => Window { invoked: performed, performed: invoked },
        }
    }

    fn send_rejection(&mut self, rejection: Rejection) {
        self.outgoing.push(control::write_rejection(rejection));
        self.closing = Timer::Close;
        let event = Event::Closed(CloseReason::Rejected(rejection));
        self.finish(Action::Ae8.next(self.role), event);
    }

    fn send_abort(&mut self, reason: AbortReason, event: Event) {
        self.outgoing.clear();
        self.push_abort(reason, event);
    }

    fn push_abort(&mut self, reason: AbortReason, event: Event) {
        self.outgoing.push(control::write_abort(reason));
        self.closing = Timer::Abort;
        self.finish(Action::Aa1.next(self.role), event);
    }

    fn fail(&mut self, error: ProtocolError) {
        // AA-1 says service-user, AA-8 says service-provider and what was wrong.
        let reason = match table::action(self.state, Trigger::InvalidPdu) {
            Some(Action::Aa8) => error.abort_reason(),
            _ => AbortReason::ServiceUser,
        };
        self.send_abort(reason, Event::Closed(CloseReason::Protocol(error)));
    }

    fn close_transport(&mut self) {
        match table::action(self.state, Trigger::TransportClosed) {
            // A peer that closed only its own direction can still read what is queued.
            Some(Action::Ar5) => self.enter(Action::Ar5.next(self.role)),
            Some(action) => {
                self.end(action.next(self.role), Event::Closed(CloseReason::Transport));
            }
            None => {}
        }
    }

    /// Ends the association without another word to the peer.
    fn end(&mut self, state: State, event: Event) {
        self.outgoing.clear();
        self.finish(state, event);
    }

    /// The one place where a final event comes from; every state that leads here has none yet, Sta13 and Sta1 never do.
    fn finish(&mut self, state: State, event: Event) {
        self.input = Bytes::new();
        self.later_input.clear();
        self.request = None;
        self.enter(state);
        self.events.push_back(event);
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.clock.enter();
    }

    fn has_unread_input(&self) -> bool {
        !self.input.is_empty() || !self.later_input.is_empty()
    }

    /// The timer that runs, and when it runs out.
    fn deadline(&self) -> Option<(Timer, Instant)> {
        let from_entry = |timer| Some((timer, self.clock.entered));
        let from_activity = |timer| Some((timer, self.clock.active));
        let (timer, start) = match self.state {
            State::Sta1 | State::Sta3 | State::Sta4 => None,
            State::Sta2 => from_entry(Timer::Request),
            State::Sta5 => from_entry(Timer::Accept),
            State::Sta6 if !self.wants_input() => None,
            State::Sta6 if self.reader.is_mid_pdu() || self.exchange.is_receiving() => {
                from_activity(Timer::Progress)
            }
            State::Sta6 if self.exchange.is_sending() || self.exchange.owes() => None,
            State::Sta6 if self.exchange.awaits() => from_activity(Timer::Response),
            State::Sta6 => from_activity(Timer::Idle),
            State::Sta7 | State::Sta10 | State::Sta11 => from_entry(Timer::Release),
            State::Sta8 | State::Sta9 | State::Sta12 => from_entry(Timer::Finish),
            State::Sta13 => from_entry(self.closing),
        }?;
        // A duration so long that it leaves the clock's range never runs out.
        Some((timer, start.checked_add(self.config.timers.of(timer))?))
    }
}

impl std::fmt::Debug for Association {
    /// Role and state; nothing that was sent or received.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Association")
            .field("role", &self.role)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// The answers to the contexts of a request, in its order, made from what our user decided.
fn agree(request: &AssociateRequest, results: &[(u8, ContextResult)]) -> Vec<(u8, ContextResult)> {
    let answer = |proposed: &crate::negotiation::ProposedContext| {
        let decided = results.iter().find(|(id, _)| *id == proposed.id).map(|(_, result)| result);
        let result = match decided {
            None => ContextResult::NoReason,
            Some(ContextResult::Accepted { transfer_syntax })
                if !proposed.transfer_syntaxes.contains(transfer_syntax) =>
            {
                ContextResult::TransferSyntaxesNotSupported
            }
            Some(result) => result.clone(),
        };
        (proposed.id, result)
    };
    request.contexts.iter().map(answer).collect()
}

#[cfg(test)]
mod tests;
