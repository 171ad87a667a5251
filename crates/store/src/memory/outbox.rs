//! Messages on their way out, in memory.

use std::collections::BTreeSet;

use telerad_core::{SiteId, Timestamp};

use super::{Chain, MemoryStore, OutboundLane, OutboundPending, Sequence, Tables};
use crate::access::{Outbox, StoreFuture};
use crate::index::LANES;
use crate::{OutboundMessage, OutboundState};

impl Outbox for MemoryStore {
    fn outbound_due<'a>(
        &'a self,
        destination: &'a str,
        now: Timestamp,
        limit: usize,
    ) -> StoreFuture<'a, Vec<OutboundMessage>> {
        self.read(|tables| {
            let due = LANES.into_iter().flat_map(|lane| {
                let to = |not_before, number| {
                    (destination.to_owned(), lane, not_before, LAST, number, String::new())
                };
                let heads = tables.outbound_due.range(to(FIRST, 0)..to(now, Sequence::MAX));
                heads.filter_map(|((.., id), ())| tables.outbound.get(id))
            });
            Ok(due.take(limit).map(|(_, message)| message.clone()).collect())
        })
    }

    fn next_outbound_due<'a>(&'a self, destination: &'a str) -> StoreFuture<'a, Option<Timestamp>> {
        self.read(|tables| {
            let next = LANES.into_iter().filter_map(|lane| {
                let from = (destination.to_owned(), lane, FIRST, FIRST, 0, String::new());
                let ((to, of, not_before, ..), ()) = tables.outbound_due.range(from..).next()?;
                (to == destination && *of == lane).then_some(*not_before)
            });
            Ok(next.min())
        })
    }

    fn outbound<'a>(&'a self, id: &'a str) -> StoreFuture<'a, Option<OutboundMessage>> {
        self.read(|tables| Ok(tables.outbound.get(id).map(|(_, message)| message.clone())))
    }

    fn outbound_of<'a>(
        &'a self,
        site: &'a SiteId,
        sequence: &'a str,
    ) -> StoreFuture<'a, Vec<OutboundMessage>> {
        self.read(|tables| Ok(tables.outbound_of(site, sequence)))
    }

    fn outbound_about<'a>(
        &'a self,
        site: &'a SiteId,
        subject: &'a str,
    ) -> StoreFuture<'a, Vec<OutboundMessage>> {
        let is_about = move |it: &OutboundMessage| it.site == *site && it.subject == subject;
        self.read(move |tables| Ok(tables.outbound_where(is_about)))
    }

    fn outbound_receivers<'a>(
        &'a self,
        site: &'a SiteId,
        sequence: &'a str,
    ) -> StoreFuture<'a, Vec<String>> {
        self.read(|tables| {
            let found = tables.outbound_of(site, sequence).into_iter();
            let names: BTreeSet<String> = found.map(|message| message.destination).collect();
            Ok(names.into_iter().collect())
        })
    }

    fn outbound_answered<'a>(&'a self, destination: &'a str) -> StoreFuture<'a, Option<Timestamp>> {
        self.read(|tables| {
            let key = |at| (destination.to_owned(), at, String::new());
            let mut answered = tables.outbound_answered.range(key(FIRST)..key(LAST));
            Ok(answered.next_back().map(|((_, at, _), ())| *at))
        })
    }

    fn outbound_destinations(&self) -> StoreFuture<'_, Vec<String>> {
        self.read(|tables| {
            let names: BTreeSet<_> = tables.outbound_heads.keys().map(|chain| &chain.0).collect();
            Ok(names.into_iter().cloned().collect())
        })
    }
}

impl Tables {
    pub(super) fn outbound_of(&self, site: &SiteId, sequence: &str) -> Vec<OutboundMessage> {
        self.outbound_where(|message| message.site == *site && message.sequence == sequence)
    }

    fn outbound_where(&self, is_meant: impl Fn(&OutboundMessage) -> bool) -> Vec<OutboundMessage> {
        let mut found: Vec<_> = self.outbound.values().filter(|(_, it)| is_meant(it)).collect();
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, it)| it.clone()).collect()
    }

    pub(super) fn write_outbound(&mut self, message: &OutboundMessage) {
        let known = self.outbound.get(&message.id).cloned();
        let number = known.as_ref().map_or_else(|| self.next(), |(number, _)| *number);
        let chain = chain_of(message);
        if let Some((_, known)) = known {
            self.outbound_pending.remove(&pending_key(&known, number));
            self.outbound_lanes.remove(&lane_key(&known, number));
            let before = chain_of(&known);
            if before != chain {
                self.outbound_head(before);
            }
        }
        match &message.state {
            OutboundState::Answered { at, .. } => {
                let key = (message.destination.clone(), *at, message.id.clone());
                self.outbound_answered.put(key, ());
            }
            OutboundState::Pending => {
                self.outbound_pending.put(pending_key(message, number), ());
                self.outbound_lanes.put(lane_key(message, number), ());
            }
            OutboundState::SetAside { .. } => {}
        }
        self.outbound.put(message.id.clone(), (number, message.clone()));
        self.outbound_head(chain);
    }

    /// Finds anew which message of a chain goes next, and how urgent the chain is.
    fn outbound_head(&mut self, chain: Chain) {
        if let Some(before) = self.outbound_heads.get(&chain).cloned() {
            self.outbound_due.remove(&before);
            self.outbound_heads.remove(&chain);
        }
        let from = (chain.clone(), FIRST, 0, FIRST, String::new());
        let head = self.outbound_pending.range(from..).next();
        let head = head.filter(|((of, ..), ())| *of == chain);
        let from = (chain.clone(), LANES[0], 0);
        let most_urgent = self.outbound_lanes.range(from..).next();
        if let (Some((head, ())), Some(((_, lane, _), ()))) = (head, most_urgent) {
            let (_, queued_at, number, not_before, id) = head.clone();
            let due = (chain.0.clone(), *lane, not_before, queued_at, number, id);
            self.outbound_due.put(due.clone(), ());
            self.outbound_heads.put(chain, due);
        }
    }
}

fn chain_of(message: &OutboundMessage) -> Chain {
    (message.destination.clone(), message.site.clone(), message.sequence.clone())
}

fn pending_key(message: &OutboundMessage, number: Sequence) -> OutboundPending {
    let (queued_at, not_before) = (message.queued_at, message.not_before);
    (chain_of(message), queued_at, number, not_before, message.id.clone())
}

fn lane_key(message: &OutboundMessage, number: Sequence) -> OutboundLane {
    (chain_of(message), message.priority, number)
}

const FIRST: Timestamp = Timestamp::from_micros(i64::MIN);
const LAST: Timestamp = Timestamp::from_micros(i64::MAX);
