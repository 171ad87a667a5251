//! The content of a frame while it arrives.

use bytes::Bytes;

/// Bytes that grow without ever being copied to a larger place, so that a frame of 20 MB, which is put together once
/// at its end, never takes more than twice its size.
#[derive(Default)]
pub(super) struct Content {
    /// All but the last are full.
    blocks: Vec<Vec<u8>>,
    len: usize,
}

/// Up to this size content is one block, which grows as vectors do.
const FIRST_BLOCK: usize = 64 << 10;
/// What is set aside beyond the content is less than one block, a thirty-second part of it within these bounds.
const BLOCK_MIN: usize = 16 << 10;
const BLOCK_MAX: usize = 1 << 20;

impl Content {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        self.blocks.truncate(1);
        self.blocks.iter_mut().for_each(Vec::clear);
        self.len = 0;
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = match self.blocks.as_slice() {
                [] => FIRST_BLOCK,
                [only] => FIRST_BLOCK.saturating_sub(only.len()),
                [.., last] => last.capacity().saturating_sub(last.len()),
            };
            if room == 0 || self.blocks.is_empty() {
                let is_first = self.blocks.is_empty();
                let size = (self.len / 32).clamp(BLOCK_MIN, BLOCK_MAX);
                self.blocks.push(if is_first { Vec::new() } else { Vec::with_capacity(size) });
                continue;
            }
            let (now, later) = rest.split_at(room.min(rest.len()));
            if let Some(last) = self.blocks.last_mut() {
                last.extend_from_slice(now);
            }
            self.len += now.len();
            rest = later;
        }
    }

    /// All of it, leaving nothing.
    pub(super) fn take(&mut self) -> Bytes {
        let Self { mut blocks, len } = std::mem::take(self);
        if blocks.len() <= 1 {
            return Bytes::from(blocks.pop().unwrap_or_default());
        }
        let mut whole = Vec::with_capacity(len);
        blocks.into_iter().for_each(|block| whole.extend_from_slice(&block));
        Bytes::from(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::Content;

    #[test]
    fn content_of_any_size_is_put_together_in_order() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        for (size, read) in
            [(0, 1), (1, 1), (65_536, 65_536), (65_537, 1000), (300_000, 7), (300_000, 299_999)]
        {
            let mut content = Content::default();
            bytes[..size].chunks(read).for_each(|piece| content.push(piece));
            assert_eq!(content.len(), size);
            assert!(content.take() == bytes[..size], "{size} in reads of {read}");
            assert_eq!(content.len(), 0);
        }
    }

    #[test]
    fn what_is_cleared_is_gone() {
        let mut content = Content::default();
        content.push(&[1; 200_000]);
        content.clear();
        content.push(b"two");
        assert_eq!(content.take(), &b"two"[..]);
    }
}
