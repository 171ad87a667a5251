//! Which delivery goes next.

use std::collections::BTreeMap;

use telerad_core::{AeTitle, Priority};

/// What waits at the head of one source's queue in one lane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueueHead {
    /// Its length.
    pub bytes: u64,
    /// Its lane.
    pub lane: Priority,
    /// Where it came from.
    pub source: AeTitle,
}

/// The associations of a destination that are in use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct InFlight {
    /// How many there may be.
    pub associations_max: usize,
    /// How many carry anything but STAT.
    pub other: usize,
    /// How many carry STAT.
    pub stat: usize,
}

/// Which delivery goes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Choice {
    /// All associations are in use.
    Busy,
    /// Nothing waits.
    Empty,
    /// What waits is not urgent, and the one association that is free is kept for STAT.
    Reserved,
    /// The head at this place of the list.
    Send(usize),
}

/// Fairness between the sources of a lane: a deficit round robin by bytes.
///
/// Lanes are strict: nothing goes while something more urgent waits. Inside a lane every source gets as many bytes as
/// any other that has something waiting, whatever the size of its instances, and what one may have sent and did not is
/// not saved up beyond its queue's emptiness. A source's first instance waits for at most one turn of every other.
#[derive(Clone, Debug, Default)]
pub struct DeficitRoundRobin {
    lanes: BTreeMap<Priority, Lane>,
}

#[derive(Clone, Debug, Default)]
struct Lane {
    /// Bytes that each source with something waiting may still send in its turn.
    credit: BTreeMap<AeTitle, u64>,
    /// Whose turn it is, or was last.
    turn: Option<AeTitle>,
}

impl InFlight {
    /// Whether something of this lane may start. One association of two or more is kept for STAT; of a single one there
    /// is none to keep, and STAT is next when its instance is through.
    pub fn admits(self, lane: Priority) -> bool {
        let free = self.associations_max.saturating_sub(self.other.saturating_add(self.stat));
        let kept = usize::from(self.associations_max > 1);
        match lane {
            Priority::Stat => free > 0,
            _ => free > 0 && self.other < self.associations_max - kept,
        }
    }
}

impl DeficitRoundRobin {
    /// Chooses among the heads of all queues, and takes note of the choice: it is to be sent.
    ///
    /// Call it again for the next one, with the heads as they are then. The order of the heads does not matter; of two
    /// heads of one source in one lane, the first counts.
    pub fn choose(&mut self, heads: &[QueueHead], in_flight: InFlight) -> Choice {
        let Some(lane) = heads.iter().map(|head| head.lane).min() else { return Choice::Empty };
        if !in_flight.admits(lane) {
            let stat_fits = in_flight.admits(Priority::Stat);
            return if stat_fits { Choice::Reserved } else { Choice::Busy };
        }
        let mut of_lane: BTreeMap<&AeTitle, (usize, u64)> = BTreeMap::new();
        for (at, head) in heads.iter().enumerate().filter(|(_, head)| head.lane == lane) {
            of_lane.entry(&head.source).or_insert((at, head.bytes));
        }
        match self.lanes.entry(lane).or_default().choose(&of_lane) {
            Some(at) => Choice::Send(at),
            None => Choice::Empty,
        }
    }
}

impl Lane {
    fn choose(&mut self, heads: &BTreeMap<&AeTitle, (usize, u64)>) -> Option<usize> {
        // A source whose queue ran empty starts anew.
        self.credit.retain(|source, _| heads.contains_key(source));
        // The one whose turn it is may go on while its credit lasts.
        if let Some((source, at, bytes)) = self.at_turn(heads) {
            let credit = self.credit.get(&source).copied().unwrap_or(0);
            if credit >= bytes {
                self.credit.insert(source, credit - bytes);
                return Some(at);
            }
        }
        // Rounds in which nobody could send are skipped at once, however large the instances.
        let rounds = heads.iter().map(|(source, (_, bytes))| {
            let credit = self.credit.get(*source).copied().unwrap_or(0);
            bytes.saturating_sub(credit).div_ceil(QUANTUM).max(1)
        });
        let idle = rounds.min()?.saturating_sub(1).saturating_mul(QUANTUM);
        for source in heads.keys() {
            let credit = self.credit.entry((*source).clone()).or_insert(0);
            *credit = credit.saturating_add(idle);
        }
        let turn = self.turn.clone();
        let after =
            heads.iter().filter(|(source, _)| turn.as_ref().is_none_or(|turn| *source > &turn));
        let before =
            heads.iter().filter(|(source, _)| turn.as_ref().is_some_and(|turn| *source <= &turn));
        for (source, (at, bytes)) in after.chain(before) {
            let credit = self.credit.entry((*source).clone()).or_insert(0);
            *credit = credit.saturating_add(QUANTUM);
            if *credit >= *bytes {
                *credit -= bytes;
                self.turn = Some((*source).clone());
                return Some(*at);
            }
        }
        None
    }

    fn at_turn(&self, heads: &BTreeMap<&AeTitle, (usize, u64)>) -> Option<(AeTitle, usize, u64)> {
        let source = self.turn.clone()?;
        let (at, bytes) = heads.get(&source)?;
        Some((source, *at, *bytes))
    }
}

/// What a source may send in one turn. A CT slice has about half of it, so that turns are short.
const QUANTUM: u64 = 1024 * 1024;
