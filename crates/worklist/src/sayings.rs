//! When which values of a record were said last.

use serde::{Deserialize, Serialize};
use telerad_core::PartialDateTime;

use crate::instant;

/// When which values were said last, oldest first; each value is a bit.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Sayings(Vec<(Option<PartialDateTime>, u32)>);

impl Sayings {
    /// The values that were said at a later time than this.
    pub(crate) fn later(&self, at: Option<PartialDateTime>) -> u32 {
        let later = self.0.iter().filter(|(known, _)| instant::is_before(at, *known));
        later.fold(0, |bits, (_, more)| bits | more)
    }

    /// Takes note of what was said at a time.
    pub(crate) fn add(&mut self, at: Option<PartialDateTime>, said: u32) {
        let later = self.later(at);
        for (known, bits) in &mut self.0 {
            if instant::is_before(*known, at) || *known == at {
                *bits &= !said;
            }
        }
        self.0.retain(|(_, bits)| *bits != 0);
        let said = said & !later;
        if said == 0 {
            return;
        }
        let after = self.0.iter().rev().take_while(|(known, _)| instant::is_before(at, *known));
        let place = self.0.len() - after.count();
        self.0.insert(place, (at, said));
        if self.0.len() > SAYINGS_MAX {
            self.0.remove(0);
        }
    }
}

/// At least as many as there are values: each entry has one that no later entry has, unless times cannot be compared.
const SAYINGS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use telerad_core::PartialDateTime;

    use super::Sayings;

    fn at(minute: u32) -> Option<PartialDateTime> {
        PartialDateTime::parse(&format!("2026112408{minute:02}")).ok()
    }

    #[test]
    fn the_latest_time_of_each_value_is_kept() {
        let mut sayings = Sayings::default();
        sayings.add(at(5), 0b011);
        sayings.add(at(1), 0b110);
        assert_eq!(sayings.0, [(at(1), 0b100), (at(5), 0b011)]);
        assert_eq!([0, 3, 5].map(|minute| sayings.later(at(minute))), [0b111, 0b011, 0]);
        sayings.add(at(9), 0b111);
        assert_eq!(sayings.0, [(at(9), 0b111)]);
        // Without a time the order of arrival counts, which undoes nothing.
        sayings.add(None, 0b001);
        assert_eq!(sayings.later(at(0)), 0b111);
    }
}
