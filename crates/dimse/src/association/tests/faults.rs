//! A C-STORE conversation with a fault at every byte of it, in either direction.
//!
//! Whatever happens, the receiver tells of a whole object only when all its bytes came, the sender tells of an answer
//! only when the answer came, and both sides end, each exactly once.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use telerad_dicom::Status;

use super::{accepted, origin, request, store, transmitted};
use crate::association::Association;
use crate::command::Command;
use crate::config::Config;
use crate::event::Event;

/// What happens to one direction of the wire when so many bytes have passed.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The connection breaks, both ways, and both sides notice.
    Cut,
    /// This direction is cut while the other one still carries what is under way.
    HalfClose,
    /// Nothing passes any more and nobody notices until a timer runs out.
    Stall,
    /// What follows is held until the other direction has nothing more to say, and then comes all at once.
    Reorder,
    /// The pieces that follow arrive in pairs, the second of each first. TCP never does that; a broken relay may.
    Swap,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Direction {
    /// From the sender of the object.
    There,
    /// From its receiver.
    Back,
}

/// One direction of the wire.
#[derive(Default)]
struct Wire {
    bytes: VecDeque<u8>,
    passed: usize,
    /// At which byte the fault happens.
    fault: Option<(usize, Fault)>,
    is_broken: bool,
}

impl Wire {
    fn reached(&self) -> Option<Fault> {
        self.fault.filter(|(at, _)| self.passed >= *at).map(|(_, fault)| fault)
    }

    /// The next piece that arrives.
    fn next(&mut self, other_is_quiet: bool) -> Option<Vec<u8>> {
        let until_fault = match self.fault {
            Some((at, _)) if self.passed < at => at - self.passed,
            _ => usize::MAX,
        };
        let length = PIECE_BYTES.min(self.bytes.len()).min(until_fault);
        let piece = match self.reached() {
            _ if self.is_broken || length == 0 => return None,
            Some(Fault::Cut | Fault::HalfClose | Fault::Stall) => return None,
            Some(Fault::Reorder) if !other_is_quiet => return None,
            Some(Fault::Reorder) => self.bytes.drain(..).collect(),
            Some(Fault::Swap) => {
                let first: Vec<u8> = self.bytes.drain(..length).collect();
                let second = PIECE_BYTES.min(self.bytes.len());
                self.bytes.drain(..second).chain(first).collect()
            }
            None => self.bytes.drain(..length).collect::<Vec<u8>>(),
        };
        self.passed += piece.len();
        Some(piece)
    }
}

/// The two sides, what they have done, and what they were told.
struct Run {
    now: Instant,
    calling: Association,
    called: Association,
    there: Wire,
    back: Wire,
    body: Vec<u8>,
    received: Vec<u8>,
    /// At how many passed bytes the object was told to be whole, and the answer to have come.
    whole_at: Option<usize>,
    answered_at: Option<usize>,
    ends: [usize; 2],
}

impl Run {
    fn new(fault: Option<(Direction, usize, Fault)>) -> Self {
        let now = origin();
        let config = Config { pdu_bytes_max: 200, ..Config::default() };
        let on = |wanted| match fault {
            Some((direction, at, fault)) if direction == wanted => Some((at, fault)),
            _ => None,
        };
        Self {
            now,
            calling: Association::requestor(config.clone(), request(), now),
            called: Association::acceptor(config, now),
            there: Wire { fault: on(Direction::There), ..Wire::default() },
            back: Wire { fault: on(Direction::Back), ..Wire::default() },
            body: (0..500_u16).map(|n| (n % 251) as u8).collect(),
            received: Vec::new(),
            whole_at: None,
            answered_at: None,
            ends: [0, 0],
        }
    }

    fn run(mut self) -> Self {
        for _ in 0..ROUNDS_MAX {
            self.users();
            self.there.bytes.extend(transmitted(&mut self.calling));
            self.back.bytes.extend(transmitted(&mut self.called));
            if !self.carry() && !self.end_of_wire() && !self.time_passes() {
                return self;
            }
        }
        panic!("the conversation does not end");
    }

    /// Both users take their events and do what follows from them.
    fn users(&mut self) {
        while let Some(event) = self.called.poll_event() {
            self.ends[1] += usize::from(event.is_final());
            match event {
                Event::Requested(_) => self.called.accept(self.now, accepted(&[1, 3])),
                Event::Body { bytes, .. } => self.received.extend_from_slice(&bytes),
                Event::BodyEnd { context_id } => {
                    assert_eq!(self.whole_at, None, "one object, one end");
                    self.whole_at = Some(self.there.passed);
                    let answer = store(1).response(Status::SUCCESS).unwrap();
                    let _ = self.called.send_command(self.now, context_id, &answer);
                }
                _ => {}
            }
        }
        while let Some(event) = self.calling.poll_event() {
            self.ends[0] += usize::from(event.is_final());
            match event {
                Event::Established(_) => self.send(),
                Event::Command { command: Command::StoreRsp { status, .. }, .. } => {
                    assert_eq!(status, Status::SUCCESS);
                    assert_eq!(self.answered_at, None, "one object, one answer");
                    self.answered_at = Some(self.back.passed);
                    self.calling.release(self.now);
                }
                _ => {}
            }
        }
    }

    fn send(&mut self) {
        let body = Bytes::from(self.body.clone());
        let sent = self.calling.send_command(self.now, 3, &store(1));
        let sent = sent.and_then(|()| self.calling.send_body(self.now, body));
        // A connection that broke in the same moment takes nothing any more.
        let _ = sent.and_then(|()| self.calling.finish_body(self.now));
    }

    /// Carries one piece each way; `false` when none can pass.
    fn carry(&mut self) -> bool {
        let faults = [self.there.reached(), self.back.reached()];
        if faults.iter().any(|fault| matches!(fault, Some(Fault::Cut))) {
            return false;
        }
        let quiet = [self.there.bytes.is_empty(), self.back.bytes.is_empty()];
        let there = if self.called.wants_input() { self.there.next(quiet[1]) } else { None };
        let back = if self.calling.wants_input() { self.back.next(quiet[0]) } else { None };
        let passed = there.is_some() || back.is_some();
        if let Some(piece) = there {
            self.called.handle_input(self.now, piece.into());
        }
        if let Some(piece) = back {
            self.calling.handle_input(self.now, piece.into());
        }
        passed
    }

    /// Tells both sides that the wire has broken or been closed; `false` when they know.
    fn end_of_wire(&mut self) -> bool {
        let faults = [self.there.reached(), self.back.reached()];
        let is_cut =
            faults.iter().any(|fault| matches!(fault, Some(Fault::Cut | Fault::HalfClose)));
        let is_closed = self.calling.is_closed() || self.called.is_closed();
        if (!is_cut && !is_closed) || (self.there.is_broken && self.back.is_broken) {
            return false;
        }
        for (wire, reader) in
            [(&mut self.there, &mut self.called), (&mut self.back, &mut self.calling)]
        {
            wire.is_broken = true;
            reader.handle_closed(self.now);
        }
        true
    }

    /// Lets the next timer run out; `false` when none runs.
    fn time_passes(&mut self) -> bool {
        let timers = [self.calling.poll_timeout(), self.called.poll_timeout()];
        let Some(at) = timers.into_iter().flatten().min() else { return false };
        self.now = self.now.max(at);
        self.calling.handle_timeout(self.now);
        self.called.handle_timeout(self.now);
        true
    }
}

/// How far the faultless conversation goes in each direction, and where in it the object and the answer end.
struct Milestones {
    there: usize,
    back: usize,
    whole: usize,
    answer: usize,
}

fn milestones() -> Milestones {
    let run = Run::new(None).run();
    assert_eq!(run.received, run.body);
    assert_eq!(run.ends, [1, 1]);
    let (whole, answer) = (run.whole_at.unwrap(), run.answered_at.unwrap());
    Milestones { there: run.there.passed, back: run.back.passed, whole, answer }
}

/// The faults that TCP can have: bytes stop, or come late, but never change.
#[track_caller]
fn check(fault: Fault) {
    let faultless = milestones();
    assert!(faultless.whole > 700 && faultless.answer > 300);
    let mut outcomes = [0; 3];
    let there = (0..=faultless.there).map(|at| (Direction::There, at));
    let back = (0..=faultless.back).map(|at| (Direction::Back, at));
    for (direction, at) in there.chain(back) {
        let run = Run::new(Some((direction, at, fault))).run();
        let place = format!("{fault:?} {direction:?} at {at}");
        assert_eq!(run.ends, [1, 1], "each side ends once: {place}");
        assert!(run.body.starts_with(&run.received), "nothing is made up: {place}");
        let is_whole = run.whole_at.is_some();
        assert!(!is_whole || run.received == run.body, "whole without its bytes: {place}");
        let is_answered = run.answered_at.is_some();
        assert!(!is_answered || is_whole, "answered but never whole: {place}");
        // A fault behind the last byte that matters changes nothing any more, one before it always does.
        let (needs, got) = match direction {
            Direction::There => (faultless.whole, is_whole),
            Direction::Back => (faultless.answer, is_answered),
        };
        if !matches!(fault, Fault::Reorder) {
            let came = at + PIECE_BYTES > needs;
            assert!(came || !got, "told before it came: {place}");
            assert!(got || at < needs, "lost although it came: {place}");
        }
        outcomes[usize::from(is_whole) + usize::from(is_answered)] += 1;
    }
    if matches!(fault, Fault::Reorder) {
        assert_eq!(outcomes[..2], [0, 0], "late is not lost");
    } else {
        assert!(outcomes.iter().all(|count| *count > 20), "{outcomes:?}");
    }
}

#[test]
fn a_connection_that_breaks_at_any_byte_makes_nothing_whole() {
    check(Fault::Cut);
}

#[test]
fn a_direction_that_ends_at_any_byte_makes_nothing_whole() {
    check(Fault::HalfClose);
}

#[test]
fn a_connection_that_stalls_at_any_byte_ends_by_a_timer() {
    check(Fault::Stall);
}

#[test]
fn bytes_that_come_late_and_behind_all_others_are_not_lost() {
    check(Fault::Reorder);
}

/// Bytes that arrive in another order are other bytes: the protocol cannot find that out, so nothing is asserted about
/// what a body holds (TLS is what finds it out), but both sides end, and nothing is told that did not come.
#[test]
fn bytes_that_come_in_another_order_still_end_in_order() {
    let faultless = milestones();
    let there = (0..faultless.there).map(|at| (Direction::There, at));
    let back = (0..faultless.back).map(|at| (Direction::Back, at));
    for (direction, at) in there.chain(back) {
        let run = Run::new(Some((direction, at, Fault::Swap))).run();
        assert_eq!(run.ends, [1, 1], "{direction:?} at {at}");
        assert!(run.received.len() <= run.body.len(), "{direction:?} at {at}");
        assert!(run.answered_at.is_none() || run.whole_at.is_some(), "{direction:?} at {at}");
    }
}

/// Bytes in one delivery: shorter than any fragment, so that every header is cut somewhere.
const PIECE_BYTES: usize = 37;

const ROUNDS_MAX: usize = 2_000;
