//! Looking for delimiters in values of a few bytes, eight at a time.
//!
//! Calling `memchr` costs more than it saves below some tens of bytes, and nearly every value of a message is that
//! short.

/// Below this length these functions find a byte sooner than `memchr` does.
pub(crate) const SHORT: usize = 32;

/// Position of the first `byte`.
#[inline]
pub(crate) fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    let pattern = pattern(byte);
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let found = matches(u64::from_le_bytes(*word), pattern);
        if found != 0 {
            // The lowest match is exact; a borrow only reaches the bytes above it.
            return Some(bytes.len() - rest.len() + found.trailing_zeros() as usize / 8);
        }
        rest = tail;
    }
    let position = rest.iter().position(|&candidate| candidate == byte)?;
    Some(bytes.len() - rest.len() + position)
}

/// Whether any of three bytes occurs.
#[inline]
pub(crate) fn has_any(three: [u8; 3], bytes: &[u8]) -> bool {
    let [a, b, c] = three.map(pattern);
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        if matches(word, a) | matches(word, b) | matches(word, c) != 0 {
            return true;
        }
        rest = tail;
    }
    rest.iter().any(|byte| three.contains(byte))
}

#[inline]
fn pattern(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// A word whose lowest set high bit marks the first byte of `word` that equals the pattern's.
#[inline]
fn matches(word: u64, pattern: u64) -> u64 {
    let difference = word ^ pattern;
    difference.wrapping_sub(u64::from_ne_bytes([0x01; 8]))
        & !difference
        & u64::from_ne_bytes([0x80; 8])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_find_what_a_plain_loop_finds(bytes in proptest::collection::vec(0x7b..0x80_u8, 0..40)) {
            let plain = bytes.iter().position(|&byte| byte == b'|');
            prop_assert_eq!(super::find(b'|', &bytes), plain);
            let three = *b"|~}";
            let plain = bytes.iter().any(|byte| three.contains(byte));
            prop_assert_eq!(super::has_any(three, &bytes), plain);
        }

        #[test]
        fn neighbours_of_the_byte_are_not_found(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let plain = bytes.iter().position(|&byte| byte == 0x80);
            prop_assert_eq!(super::find(0x80, &bytes), plain);
        }
    }
}
