//! A simulated pair: two machines, an ideal or a mutilated wire between them, and a clock that a test turns.

mod ending;
mod establishing;
mod faults;
mod hostile;
mod messages;
mod properties;
mod timers;
mod torture;
mod windows;

use std::time::{Duration, Instant};

use bytes::Bytes;
use telerad_core::AeTitle;

use super::Association;
use crate::command::Command;
use crate::config::Config;
use crate::event::Event;
use crate::negotiation::{AssociateRequest, ContextResult, ProposedContext};
use crate::user_items::UserItems;

pub(super) const VERIFICATION: &str = "1.2.840.10008.1.1";
pub(super) const CT_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
pub(super) const IMPLICIT_VR: &str = "1.2.840.10008.1.2";
pub(super) const EXPLICIT_VR: &str = "1.2.840.10008.1.2.1";

#[expect(
    clippy::disallowed_methods,
    reason = "an Instant has no other origin; time then only moves by addition"
)]
pub(super) fn origin() -> Instant {
    Instant::now()
}

pub(super) fn proposed(id: u8, abstract_syntax: &str) -> ProposedContext {
    ProposedContext {
        id,
        abstract_syntax: abstract_syntax.to_owned(),
        transfer_syntaxes: vec![IMPLICIT_VR.to_owned(), EXPLICIT_VR.to_owned()],
    }
}

pub(super) fn request() -> AssociateRequest {
    AssociateRequest {
        calling: AeTitle::new("CT1").unwrap(),
        called: AeTitle::new("TELERAD").unwrap(),
        contexts: vec![proposed(1, VERIFICATION), proposed(3, CT_IMAGE_STORAGE)],
        pdu_bytes_max: 16_384,
        implementation_class_uid: "2.25.1".to_owned(),
        implementation_version_name: "PAIR".to_owned(),
        user: UserItems::default(),
    }
}

/// A side that sends requests ahead, although no window was agreed.
pub(super) fn ahead() -> Config {
    Config { operations_ahead_max: 64, ..Config::default() }
}

pub(super) fn accepted(ids: &[u8]) -> Vec<(u8, ContextResult)> {
    let transfer_syntax = IMPLICIT_VR.to_owned();
    ids.iter()
        .map(|id| (*id, ContextResult::Accepted { transfer_syntax: transfer_syntax.clone() }))
        .collect()
}

pub(super) fn store(message_id: u16) -> Command {
    Command::StoreRq {
        message_id,
        sop_class_uid: CT_IMAGE_STORAGE.to_owned(),
        sop_instance_uid: "1.2.3.4".to_owned(),
        priority: 0,
        move_originator: None,
    }
}

/// Everything a machine wants to write, as one string of bytes.
pub(super) fn transmitted(machine: &mut Association) -> Vec<u8> {
    let mut out = Vec::new();
    machine.poll_transmit(&mut out);
    out.concat()
}

pub(super) fn events(machine: &mut Association) -> Vec<Event> {
    std::iter::from_fn(|| machine.poll_event()).collect()
}

/// Joins the bytes of neighbouring body events: where a data set is cut says nothing.
pub(super) fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (
                Some(Event::Body { context_id: before, bytes: sum }),
                Event::Body { context_id, bytes },
            ) if *before == context_id => *sum = Bytes::from([&sum[..], &bytes[..]].concat()),
            (_, event) => joined.push(event),
        }
    }
    joined
}

/// Two machines on an ideal wire.
pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) calling: Association,
    pub(super) called: Association,
}

impl Pair {
    pub(super) fn new(calling: Config, called: Config, request: AssociateRequest) -> Self {
        let now = origin();
        Self {
            now,
            calling: Association::requestor(calling, request, now),
            called: Association::acceptor(called, now),
        }
    }

    /// A pair with both contexts of [`request`] accepted.
    pub(super) fn established() -> Self {
        Self::established_with(Config::default(), Config::default(), request())
    }

    pub(super) fn established_with(
        calling: Config,
        called: Config,
        request: AssociateRequest,
    ) -> Self {
        let ids: Vec<u8> = request.contexts.iter().map(|context| context.id).collect();
        let mut pair = Self::new(calling, called, request);
        pair.carry();
        assert!(matches!(events(&mut pair.called)[..], [Event::Requested(_)]));
        pair.called.accept(pair.now, accepted(&ids));
        pair.carry();
        assert!(matches!(events(&mut pair.calling)[..], [Event::Established(_)]));
        assert!(matches!(events(&mut pair.called)[..], [Event::Established(_)]));
        pair
    }

    /// Carries bytes both ways until the wire is quiet; events stay where they are.
    pub(super) fn carry(&mut self) {
        loop {
            let there = transmitted(&mut self.calling);
            let back = transmitted(&mut self.called);
            if there.is_empty() && back.is_empty() {
                return;
            }
            if !there.is_empty() {
                self.called.handle_input(self.now, there.into());
            }
            if !back.is_empty() {
                self.calling.handle_input(self.now, back.into());
            }
        }
    }

    pub(super) fn pass(&mut self, duration: Duration) {
        self.now += duration;
        self.calling.handle_timeout(self.now);
        self.called.handle_timeout(self.now);
    }
}
