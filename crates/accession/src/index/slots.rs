//! From the hash of a key to the records that may hold it.

/// Open addressing with linear probing. A slot holds 32 bits of the hash and a record's place, never both zero.
pub(super) struct Slots {
    slots: Box<[u64]>,
    used: usize,
}

/// One key: its kind, its issuer and its text, hashed.
#[derive(Clone, Copy)]
pub(super) struct KeyHash(u64);

impl KeyHash {
    /// Folds multiplications of 64 by 64 bits over eight bytes at a time. What collides is told apart by its text, so that
    /// the hash has to be fast and even, not strong.
    pub(super) fn new(kind: u8, issuer: u16, text: &str) -> Self {
        let seed = u64::from(kind) << 32 | u64::from(issuer) << 8 | 1;
        let (chunks, rest) = text.as_bytes().as_chunks::<8>();
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let begin = fold(seed ^ A, text.len() as u64 ^ B);
        let words = chunks.iter().chain([&last]).map(|chunk| u64::from_le_bytes(*chunk));
        Self(words.fold(begin, |hash, word| fold(hash ^ word ^ A, B ^ hash.rotate_left(29))))
    }

    fn tag(self) -> u64 {
        self.0 << 32
    }
}

impl Slots {
    /// For `keys` keys, a quarter more than needed left free.
    pub(super) fn with_capacity(keys: usize) -> Self {
        let count = keys.saturating_add(keys / 3).saturating_add(8);
        Self { slots: vec![0; count].into_boxed_slice(), used: 0 }
    }

    /// Whether `keys` more would leave too little free for probing to end soon.
    pub(super) fn is_full_for(&self, keys: usize) -> bool {
        (self.used + keys).saturating_mul(8) > self.slots.len().saturating_mul(7)
    }

    /// Adds a place under a key. Beyond `max` places under one hash nothing is added: [`Slots::find`] then tells that there
    /// are too many whichever of them are meant.
    pub(super) fn add(&mut self, key: KeyHash, place: u32, max: usize) {
        let mut alike = 0;
        let mut index = self.home(key);
        // There is a free slot: the caller asked `is_full_for`.
        while let Some(slot) = self.slots.get_mut(index) {
            if *slot == 0 {
                *slot = key.tag() | (u64::from(place) + 1);
                self.used += 1;
                return;
            }
            alike += usize::from(*slot >> 32 == key.tag() >> 32);
            if alike > max {
                return;
            }
            index = self.next(index);
        }
    }

    /// Calls `found` with every place under the key, and perhaps with others; ends early when it says so.
    pub(super) fn find(
        &self,
        key: KeyHash,
        mut found: impl FnMut(u32) -> std::ops::ControlFlow<()>,
    ) {
        let mut index = self.home(key);
        while let Some(slot) = self.slots.get(index).filter(|slot| **slot != 0) {
            let place = (*slot as u32).wrapping_sub(1);
            if *slot >> 32 == key.tag() >> 32 && found(place).is_break() {
                return;
            }
            index = self.next(index);
        }
    }

    /// Reads where the keys begin, so that the memory is on its way for all of them before the first is searched.
    pub(super) fn touch(&self, keys: impl Iterator<Item = KeyHash>) {
        let slots = keys.filter_map(|key| self.slots.get(self.home(key)));
        std::hint::black_box(slots.fold(0, |all, one| all ^ one));
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    fn home(&self, key: KeyHash) -> usize {
        ((u128::from(key.0) * self.slots.len() as u128) >> 64) as usize
    }

    fn next(&self, index: usize) -> usize {
        if index + 1 == self.slots.len() { 0 } else { index + 1 }
    }
}

fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

// Two numbers without a pattern: the first digits of pi after the point, in hexadecimal.
const A: u64 = 0x243f_6a88_85a3_08d3;
const B: u64 = 0x1319_8a2e_0370_7344;
