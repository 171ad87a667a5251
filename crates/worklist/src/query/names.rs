//! Every name of a worklist in one text, to be searched at the speed of memory.

use memchr::memmem::Finder;

use super::key::NameKey;

/// Folded names by the number of their order.
#[derive(Default)]
pub(super) struct Names {
    /// Names, each ended by a line feed, which no name holds.
    text: String,
    /// Where each begins and whose it is, by place; of a name that is gone, nobody's.
    entries: Vec<Entry>,
    /// The entry of an order.
    places: Vec<u32>,
    gone_bytes: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    start: u32,
    order: u32,
}

impl Names {
    /// Gives an order this folded name instead of any that it had.
    pub(super) fn set(&mut self, order: u32, folded: &str) {
        if self.get(order) == Some(folded) {
            return;
        }
        self.remove(order);
        let place = u32::try_from(self.entries.len()).unwrap_or(NOBODY);
        let start = u32::try_from(self.text.len()).unwrap_or(NOBODY);
        assert!(place != NOBODY && start != NOBODY, "an index holds less than 4 GiB of names");
        self.entries.push(Entry { start, order });
        if folded.contains(END) {
            self.text.extend(folded.chars().filter(|c| *c != END));
        } else {
            self.text.push_str(folded);
        }
        self.text.push(END);
        let at = order as usize;
        if self.places.len() <= at {
            self.places.resize(at + 1, NOBODY);
        }
        if let Some(slot) = self.places.get_mut(at) {
            *slot = place;
        }
    }

    /// Forgets the name of an order.
    pub(super) fn remove(&mut self, order: u32) {
        let Some(place) = self.places.get_mut(order as usize).filter(|place| **place != NOBODY)
        else {
            return;
        };
        let at = std::mem::replace(place, NOBODY) as usize;
        self.gone_bytes += self.at(at).len() + 1;
        if let Some(entry) = self.entries.get_mut(at) {
            entry.order = NOBODY;
        }
        if self.gone_bytes > GONE_BYTES_MIN && self.gone_bytes > self.text.len() / 2 {
            self.compact();
        }
    }

    /// The folded name of an order.
    pub(super) fn get(&self, order: u32) -> Option<&str> {
        let place = *self.places.get(order as usize)?;
        (place != NOBODY).then(|| self.at(place as usize))
    }

    /// Every order whose name matches, in no particular order.
    pub(super) fn find(&self, key: &NameKey) -> Vec<u32> {
        let mut found = Vec::new();
        let literal = key.longest_literal();
        if literal.len() < LITERAL_BYTES_MIN {
            for (at, entry) in self.entries.iter().enumerate() {
                if entry.order != NOBODY && key.matches_folded(self.at(at)) {
                    found.push(entry.order);
                }
            }
            return found;
        }
        // A name can only match where the key's longest literal stands.
        let finder = Finder::new(literal);
        let bytes = self.text.as_bytes();
        let (mut place, mut from) = (0, 0);
        while let Some(hit) = bytes.get(from..).and_then(|rest| finder.find(rest)) {
            let hit = from + hit;
            place = self.place_of(place, hit);
            let Some(entry) = self.entries.get(place) else { break };
            if entry.order != NOBODY && key.matches_folded(self.at(place)) {
                found.push(entry.order);
            }
            from = self.end(place) + 1;
        }
        found
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry that holds this byte, which lies at or after the start of the given one.
    fn place_of(&self, from: usize, byte: usize) -> usize {
        let holds_or_precedes = |entry: &Entry| entry.start as usize <= byte;
        // Hits are usually close to each other, or far apart: first a few steps, then by halves.
        let near = self.entries.iter().skip(from).take(8).take_while(|it| holds_or_precedes(it));
        let near = near.count();
        if near < 8 {
            return (from + near).saturating_sub(1);
        }
        let rest = self.entries.get(from..).unwrap_or(&[]);
        (from + rest.partition_point(holds_or_precedes)).saturating_sub(1)
    }

    fn end(&self, place: usize) -> usize {
        let next = self.entries.get(place + 1).map_or(self.text.len(), |next| next.start as usize);
        next.saturating_sub(1)
    }

    fn at(&self, place: usize) -> &str {
        let start = self.entries.get(place).map_or(0, |entry| entry.start as usize);
        self.text.get(start..self.end(place)).unwrap_or("")
    }

    fn compact(&mut self) {
        let old = std::mem::take(self);
        self.places = vec![NOBODY; old.places.len()];
        for (at, entry) in old.entries.iter().enumerate() {
            if entry.order != NOBODY {
                self.set(entry.order, old.at(at));
            }
        }
    }
}

const END: char = '\n';
const NOBODY: u32 = u32::MAX;
/// A shorter one stands in so many names that looking at each of them is faster.
const LITERAL_BYTES_MIN: usize = 3;
/// Less is not worth the copying.
const GONE_BYTES_MIN: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::{NameKey, Names};

    fn found(names: &Names, key: &str) -> Vec<u32> {
        let mut found = names.find(&NameKey::read(key).expect("a real key"));
        found.sort_unstable();
        found
    }

    #[test]
    fn names_are_found_changed_and_forgotten() {
        let mut names = Names::default();
        for (order, name) in ["doe^jane", "doe^john", "muller^jorg", "", "yamada^taro=山田^太郎"]
            .into_iter()
            .enumerate()
        {
            names.set(u32::try_from(order).unwrap(), name);
        }
        assert_eq!(found(&names, "DOE*"), [0, 1]);
        assert_eq!(found(&names, "*J*"), [0, 1, 2]);
        assert_eq!(found(&names, "?*"), [0, 1, 2, 4]);
        assert_eq!(found(&names, "=山田*"), [4]);
        names.set(0, "roe^jane");
        names.remove(1);
        assert_eq!(found(&names, "DOE*"), [0_u32; 0]);
        assert_eq!(found(&names, "*oe^*"), [0]);
        assert_eq!((names.get(0), names.get(1), names.get(9)), (Some("roe^jane"), None, None));
    }

    #[test]
    fn what_is_gone_is_cleared_away() {
        let mut names = Names::default();
        for order in 0..2000 {
            names.set(order, &format!("name{order}^{}", "x".repeat(40)));
        }
        for order in 0..1990 {
            names.remove(order);
        }
        assert!(names.len() < 1000, "{}", names.len());
        assert_eq!(found(&names, "name199*"), (1990..2000).collect::<Vec<_>>());
        assert_eq!(found(&names, "name1995*"), [1995]);
    }
}
