//! What a file holds, now and after a cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Fate;
use crate::Rng;

/// What a disk writes at once: a cut leaves a sector as it was or as it was to be.
const SECTOR_BYTES: usize = 512;

type Sector = [u8; SECTOR_BYTES];

#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    // Shared until one of them is written to, so that a cut does not copy files that nobody touches.
    now: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    /// What each sector was given since the last sync, in order.
    sectors: BTreeMap<usize, Vec<Sector>>,
    /// The lengths since the last sync, in order.
    lengths: Vec<usize>,
}

impl Content {
    pub(super) fn length(&self) -> usize {
        self.now.len()
    }

    pub(super) fn read(&self, offset: usize, length: usize) -> &[u8] {
        let end = offset.saturating_add(length).min(self.now.len());
        self.now.get(offset..end).unwrap_or_default()
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let now = Arc::make_mut(&mut self.now);
        let end = offset + bytes.len();
        if end > now.len() {
            now.resize(end, 0);
            self.lengths.push(end);
        }
        now[offset..end].copy_from_slice(bytes);
        self.note_sectors(offset / SECTOR_BYTES, end.div_ceil(SECTOR_BYTES));
    }

    pub(super) fn resize(&mut self, length: usize) {
        if length == self.now.len() {
            return;
        }
        // Sectors beyond a shorter end read as zeros if the file grows again, whatever was durable there.
        let end = self.now.len().max(self.durable.len()).div_ceil(SECTOR_BYTES);
        let is_shorter = length < self.now.len();
        Arc::make_mut(&mut self.now).resize(length, 0);
        self.lengths.push(length);
        if is_shorter {
            self.note_sectors(length / SECTOR_BYTES, end);
        }
    }

    pub(super) fn has_unsynced(&self) -> bool {
        !self.sectors.is_empty() || !self.lengths.is_empty()
    }

    pub(super) fn sync(&mut self) {
        if !self.has_unsynced() {
            return;
        }
        let durable = Arc::make_mut(&mut self.durable);
        durable.resize(self.now.len(), 0);
        for number in std::mem::take(&mut self.sectors).into_keys() {
            let begin = (number * SECTOR_BYTES).min(durable.len());
            let end = (begin + SECTOR_BYTES).min(durable.len());
            durable[begin..end].copy_from_slice(&self.now[begin..end]);
        }
        self.lengths.clear();
    }

    pub(super) fn fail_sync(&mut self, rng: &mut Rng) {
        self.durable = self.left_by_a_cut(Fate::Mixed, rng);
        self.sectors.clear();
        self.lengths.clear();
    }

    pub(super) fn after_a_cut(&self, fate: Fate, rng: &mut Rng) -> Self {
        let left = self.left_by_a_cut(fate, rng);
        Self { now: Arc::clone(&left), durable: left, ..Self::default() }
    }

    /// Whether a cut of `before` left this, which is neither what was synced nor what was written.
    pub(super) fn is_torn(&self, before: &Self) -> bool {
        before.has_unsynced() && self.now != before.now && self.now != before.durable
    }

    fn left_by_a_cut(&self, fate: Fate, rng: &mut Rng) -> Arc<Vec<u8>> {
        if !self.has_unsynced() {
            return Arc::clone(&self.durable);
        }
        let length = match fate.choose(self.lengths.len(), rng) {
            0 => self.durable.len(),
            choice => self.lengths[choice - 1],
        };
        let mut left = Vec::clone(&self.durable);
        for (number, states) in &self.sectors {
            let choice = fate.choose(states.len(), rng);
            if choice > 0 {
                let begin = number * SECTOR_BYTES;
                let end = begin + SECTOR_BYTES;
                left.resize(left.len().max(end), 0);
                left[begin..end].copy_from_slice(&states[choice - 1]);
            }
        }
        left.resize(length, 0);
        Arc::new(left)
    }

    /// Remembers what these sectors hold now.
    fn note_sectors(&mut self, first: usize, end: usize) {
        for number in first..end {
            let mut sector = [0; SECTOR_BYTES];
            let held = self.read(number * SECTOR_BYTES, SECTOR_BYTES);
            sector[..held.len()].copy_from_slice(held);
            self.sectors.entry(number).or_default().push(sector);
        }
    }
}
