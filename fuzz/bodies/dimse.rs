//! Bodies over `telerad-dimse`.

mod oracle;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use telerad_core::AeTitle;
use telerad_dicom::Status;
use telerad_dimse::{
    AbortReason, AssociateRequest, Association, AsyncWindow, CloseReason, Command, Config,
    ContextResult, Event, RoleSelection, Roles, UserItems, plan_contexts,
};

/// A command set that can be read can be written, and reads back as the same.
pub fn dimse_command(input: &[u8]) {
    let Ok(command) = Command::decode(input) else { return };
    let _ = format!("{command:?}");
    // The first writing may shorten a comment; from then on nothing changes.
    let written = Command::decode(&command.encode()).expect("what is written can be read");
    assert_eq!(Command::decode(&written.encode()), Ok(written.clone()));
    assert_eq!(written.field(), command.field());
    assert_eq!(written.message_id(), command.message_id());
    assert_eq!(written.has_data_set(), command.has_data_set());
    assert_eq!(written.status(), command.status());
    let response = command.response(Status::SUCCESS);
    assert_eq!(response.is_some(), command.wants_response());
}

/// The events of a stream do not depend on how it is cut, exactly one of them is final, and where dicom-ul understands
/// the stream they say the same. The first byte chooses the cut, and whether the stream opens an association or comes
/// into one.
pub fn pdu(input: &[u8]) {
    let Some((choice, stream)) = input.split_first() else { return };
    let cut = usize::from(choice & 0x7F) + 1;
    let opening = if choice & 0x80 == 0 { Vec::new() } else { associate_request() };
    let stream = [&opening[..], stream].concat();
    let whole = serve(&stream, stream.len().max(1));
    assert_eq!(serve(&stream, cut), whole);
    assert_eq!(whole.iter().filter(|event| event.is_final()).count(), 1);
    assert!(whole.last().is_some_and(Event::is_final));
    let received: usize = whole.iter().map(body_length).sum();
    assert!(received <= stream.len());
    oracle::check(&stream, &whole);
}

/// What an acceptor tells that answers requests for association and nothing else.
fn serve(stream: &[u8], cut: usize) -> Vec<Event> {
    let now = zero();
    let mut machine = Association::acceptor(Config::default(), now);
    let mut events = Vec::new();
    let mut written = Vec::new();
    for piece in stream.chunks(cut) {
        machine.handle_input(now, Bytes::copy_from_slice(piece));
        take(&mut machine, now, &mut events);
        machine.poll_transmit(&mut written);
    }
    machine.handle_closed(now);
    take(&mut machine, now, &mut events);
    machine.poll_transmit(&mut written);
    assert!(machine.is_closed() && machine.poll_timeout().is_none());
    events
}

/// Takes events, accepting what is proposed and joining neighbouring pieces of a body.
fn take(machine: &mut Association, now: Instant, events: &mut Vec<Event>) {
    while let Some(event) = machine.poll_event() {
        if let Event::Requested(request) = &event {
            let results = request.contexts.iter().map(|context| {
                let transfer_syntax = context.transfer_syntaxes.concat();
                (context.id, ContextResult::Accepted { transfer_syntax })
            });
            // What was proposed is answered in full, so that every item is written too.
            machine.accept_with(now, results.collect(), request.user.clone());
        }
        match (events.last_mut(), event) {
            (
                Some(Event::Body { context_id: before, bytes: sum }),
                Event::Body { context_id, bytes },
            ) if *before == context_id => *sum = Bytes::from([&sum[..], &bytes[..]].concat()),
            (_, event) => events.push(event),
        }
    }
}

/// Two machines do what the bytes say, over a wire that may be slow, silent or cut, but changes nothing: each ends
/// once, neither finds the other breaking the protocol, a data set that is told to have ended has all its bytes, and
/// what is outstanding keeps within the window.
pub fn association_script(input: &[u8]) {
    let mut script = Script::new();
    for step in input.iter().take(2_000) {
        script.step(step & 0x0F, usize::from(step >> 4));
    }
    script.finish();
}

struct Script {
    now: Instant,
    calling: Side,
    called: Side,
}

struct Side {
    machine: Association,
    /// Written and not yet carried.
    wire: VecDeque<u8>,
    /// The length of the body that is being sent, and of those that were finished.
    sending: usize,
    sent: Vec<usize>,
    /// The same for bodies that arrive.
    receiving: usize,
    received: Vec<usize>,
    unanswered: VecDeque<(u8, Command)>,
    ended: bool,
}

impl Script {
    fn new() -> Self {
        let now = zero();
        let config = Config {
            pdu_bytes_max: 333,
            body_buffer_bytes_max: 2_000,
            operations_max: 8,
            ..Config::default()
        };
        let mut calling = Side::new(Association::requestor(config.clone(), request(), now));
        calling.write();
        Self { now, calling, called: Side::new(Association::acceptor(config, now)) }
    }

    fn step(&mut self, operation: u8, argument: usize) {
        let now = self.now;
        let message_id = u16::try_from(argument).unwrap_or_default();
        let (calling, called) = (&mut self.calling, &mut self.called);
        match operation {
            0 => calling.send(now, 1, &Command::EchoRq { message_id }),
            1 => calling.send(now, 3, &store(message_id)),
            2 => calling.send_body(now, argument * 97),
            3 => calling.finish_body(now),
            4 => called.answer(now),
            5 => called.send(now, 3, &store(message_id)),
            6 => called.send_body(now, argument * 97),
            7 => called.finish_body(now),
            8 => calling.machine.release(now),
            9 => called.machine.release(now),
            10 if argument == 15 => calling.machine.abort(now, AbortReason::ServiceUser),
            10 if argument == 14 => called.machine.abort(now, AbortReason::NotSpecified),
            10 => calling.answer(now),
            11 => calling.carry(now, called, argument * 50 + 1),
            12 => called.carry(now, calling, argument * 50 + 1),
            13 => {
                self.now += Duration::from_secs(argument as u64 * 5);
                for side in [calling, called] {
                    side.machine.handle_timeout(self.now);
                    assert!(side.machine.poll_timeout().is_none_or(|at| at > self.now));
                }
            }
            14 if argument == 15 => calling.machine.handle_closed(now),
            14 if argument == 14 => called.machine.handle_closed(now),
            14 => calling.take_events(now),
            _ => called.take_events(now),
        }
        self.calling.write();
        self.called.write();
    }

    fn finish(mut self) {
        for _ in 0..100 {
            for operation in [14, 15] {
                self.step(operation, 0);
            }
            for operation in [11, 12] {
                self.step(operation, 15);
            }
        }
        let now = self.now;
        for side in [&mut self.calling, &mut self.called] {
            side.machine.handle_closed(now);
            side.take_events(now);
            side.write();
            assert!(side.machine.is_closed() && side.ended);
        }
        assert!(self.called.sent.starts_with(&self.calling.received));
        assert!(self.calling.sent.starts_with(&self.called.received));
    }
}

impl Side {
    fn new(machine: Association) -> Self {
        Self {
            machine,
            wire: VecDeque::new(),
            sending: 0,
            sent: Vec::new(),
            receiving: 0,
            received: Vec::new(),
            unanswered: VecDeque::new(),
            ended: false,
        }
    }

    fn send(&mut self, now: Instant, context_id: u8, command: &Command) {
        if self.machine.send_command(now, context_id, command).is_ok() {
            self.sending = 0;
        }
    }

    fn send_body(&mut self, now: Instant, length: usize) {
        let credit = self.machine.body_credit();
        let sent = self.machine.send_body(now, vec![0x5A; length].into()).is_ok();
        assert!(!sent || credit > 0);
        if sent {
            self.sending += length;
        }
    }

    fn finish_body(&mut self, now: Instant) {
        if self.machine.finish_body(now).is_ok() {
            self.sent.push(self.sending);
        }
    }

    fn answer(&mut self, now: Instant) {
        let Some((context_id, command)) = self.unanswered.pop_front() else { return };
        if let Some(response) = command.response(Status::SUCCESS) {
            self.send(now, context_id, &response);
        }
    }

    fn write(&mut self) {
        let mut out = Vec::new();
        self.machine.poll_transmit(&mut out);
        self.wire.extend(out.into_iter().flatten());
    }

    fn carry(&mut self, now: Instant, to: &mut Self, length: usize) {
        let length = length.min(self.wire.len());
        if length > 0 && to.machine.wants_input() {
            let piece: Vec<u8> = self.wire.drain(..length).collect();
            to.machine.handle_input(now, piece.into());
        }
    }

    fn take_events(&mut self, now: Instant) {
        let mut events = Vec::new();
        take(&mut self.machine, now, &mut events);
        for event in events {
            assert!(!self.ended, "nothing comes after the end");
            self.ended = event.is_final();
            self.receiving += body_length(&event);
            match event {
                Event::Command { context_id, command } if command.wants_response() => {
                    self.unanswered.push_back((context_id, command));
                    assert!(self.unanswered.len() <= WINDOW as usize);
                }
                Event::Closed(CloseReason::Protocol(error)) => panic!("{error}"),
                Event::BodyEnd { .. } => self.received.push(std::mem::take(&mut self.receiving)),
                _ => {}
            }
        }
    }
}

fn body_length(event: &Event) -> usize {
    match event {
        Event::Body { bytes, .. } => bytes.len(),
        _ => 0,
    }
}

/// Roles for one class and a window both ways.
fn user_items() -> UserItems {
    let role = RoleSelection { sop_class_uid: CLASSES[1].0.to_owned(), roles: Roles::BOTH };
    let async_window = Some(AsyncWindow { invoked: WINDOW, performed: WINDOW });
    UserItems { roles: vec![role], async_window, ..UserItems::default() }
}

fn store(message_id: u16) -> Command {
    Command::StoreRq {
        message_id,
        sop_class_uid: CLASSES[1].0.to_owned(),
        sop_instance_uid: "1.2.3.4".to_owned(),
        priority: 0,
        move_originator: None,
    }
}

fn request() -> AssociateRequest {
    AssociateRequest {
        calling: AeTitle::new("CT1").expect("a title"),
        called: AeTitle::new("TELERAD").expect("a title"),
        contexts: plan_contexts(&CLASSES).remove(0),
        pdu_bytes_max: 200,
        implementation_class_uid: "2.25.1".to_owned(),
        implementation_version_name: "FUZZ".to_owned(),
        user: user_items(),
    }
}

fn associate_request() -> Vec<u8> {
    let mut out = Vec::new();
    Association::requestor(Config::default(), request(), zero()).poll_transmit(&mut out);
    out.concat()
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the zero of a fake clock")]
fn zero() -> Instant {
    Instant::now()
}

/// How many operations may be outstanding each way.
const WINDOW: u16 = 4;

const CLASSES: [(&str, &str); 2] = [
    ("1.2.840.10008.1.1", "1.2.840.10008.1.2"),
    ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2"),
];
