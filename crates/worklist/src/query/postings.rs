//! Small building blocks of the index.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Things by number; numbers of what is gone are given again.
pub(super) struct Slab<T> {
    items: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, item: T) -> u32 {
        if let Some(number) = self.free.pop()
            && let Some(slot) = self.items.get_mut(number as usize)
        {
            *slot = Some(item);
            return number;
        }
        let number =
            u32::try_from(self.items.len()).expect("an index holds less than 2^32 of each");
        self.items.push(Some(item));
        number
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let item = self.items.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(item)
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.items.get(number as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.items.get_mut(number as usize)?.as_mut()
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.items).filter(|(_, item)| item.is_some()).map(|(number, _)| number)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }
}

/// Numbers by the hash of a text and what it is. Other texts may have the same hash: what is found is compared again.
#[derive(Default)]
pub(super) struct Postings(HashMap<u64, Posting, BuildHasherDefault<Hashed>>);

/// What is a hash already is not hashed again.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

enum Posting {
    One(u32),
    Many(Vec<u32>),
}

/// What a text is.
#[derive(Clone, Copy, Hash)]
pub(super) enum Kind {
    Accession,
    OrderKey,
    PatientId,
    Person,
    RequestedProcedureId,
    Study,
}

impl Postings {
    pub(super) fn add(&mut self, kind: Kind, text: &str, number: u32) {
        match self.0.entry(hash(kind, text)) {
            Entry::Vacant(vacant) => {
                vacant.insert(Posting::One(number));
            }
            Entry::Occupied(mut kept) => match kept.get_mut() {
                Posting::One(one) => {
                    let one = *one;
                    kept.insert(Posting::Many(vec![one, number]));
                }
                Posting::Many(many) => many.push(number),
            },
        }
    }

    pub(super) fn remove(&mut self, kind: Kind, text: &str, number: u32) {
        let Entry::Occupied(mut kept) = self.0.entry(hash(kind, text)) else { return };
        let is_empty = match kept.get_mut() {
            Posting::One(one) => *one == number,
            Posting::Many(many) => {
                forget(many, number);
                many.is_empty()
            }
        };
        if is_empty {
            kept.remove();
        }
    }

    pub(super) fn get(&self, kind: Kind, text: &str) -> &[u32] {
        match self.0.get(&hash(kind, text)) {
            None => &[],
            Some(Posting::One(one)) => std::slice::from_ref(one),
            Some(Posting::Many(many)) => many,
        }
    }
}

/// Removes a number from a list whose order means nothing.
pub(super) fn forget(numbers: &mut Vec<u32>, number: u32) {
    if let Some(at) = numbers.iter().position(|kept| *kept == number) {
        numbers.swap_remove(at);
    }
}

fn hash(kind: Kind, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, text).hash(&mut hasher);
    hasher.finish()
}

/// Few different texts of many steps, each kept once.
#[derive(Default)]
pub(super) struct Words {
    numbers: HashMap<Box<str>, u32>,
    words: Vec<Box<str>>,
}

impl Words {
    pub(super) fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = u32::try_from(self.words.len()).expect("an index holds less than 2^32 words");
        self.words.push(word.into());
        self.numbers.insert(word.into(), number);
        number
    }

    pub(super) fn known(&self, word: &str) -> Option<u32> {
        self.numbers.get(word).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(AsRef::as_ref)
    }
}
