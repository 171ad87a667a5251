//! Inflating with a limit.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{
    DecompressorOxide, TINFL_LZ_DICT_SIZE, decompress, inflate_flags,
};

use crate::{Damage, DamageKind};

/// Inflates a stream piece by piece, never more than a limit.
///
/// What a broken stream yields before it breaks does not depend on how it was cut, which is why the decoder is driven
/// directly: a stream interface keeps back what it decoded in the step that fails.
pub(crate) struct Inflater {
    decoder: Box<DecompressorOxide>,
    /// The last 32 KiB that came out, which the stream refers back to (RFC 1951 section 3.2.3).
    window: Box<[u8]>,
    at: usize,
    produced: u64,
    bytes_max: u64,
    ended: bool,
    wrapper: Wrapper,
}

/// Whether the stream comes in the wrapper of zlib.
enum Wrapper {
    /// It does not: the rule (PS3.5 section A.5).
    Absent,
    /// It does, as some senders have it (RFC 1950).
    Zlib,
    /// What has come so far does not tell.
    Unknown { start: [u8; START_BYTES], len: usize },
}

/// The header of zlib, or that of a stored block, which begins with the same bits.
const START_BYTES: usize = 5;

impl Inflater {
    /// A raw deflate stream (RFC 1951). One in the wrapper of zlib is read too.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            decoder: Box::default(),
            window: vec![0; TINFL_LZ_DICT_SIZE].into_boxed_slice(),
            at: 0,
            produced: 0,
            bytes_max: u64::try_from(bytes_max).unwrap_or(u64::MAX),
            ended: false,
            wrapper: Wrapper::Unknown { start: [0; START_BYTES], len: 0 },
        }
    }

    /// Inflates `input` and hands the pieces to `take` until it answers `false`. What follows the end of the stream
    /// is padding (PS3.5 section A.5).
    pub(crate) fn feed(
        &mut self,
        input: &[u8],
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Damage> {
        if let Wrapper::Unknown { mut start, len: held } = self.wrapper {
            let mut len = held;
            for (place, byte) in start.iter_mut().skip(held).zip(input) {
                *place = *byte;
                len = len.saturating_add(1);
            }
            self.wrapper = wrapper_of(start, len);
            if matches!(self.wrapper, Wrapper::Unknown { .. }) {
                return Ok(());
            }
            // What was held back comes first.
            if !self.inflate(start.get(..held).unwrap_or(&[]), &mut take)? {
                return Ok(());
            }
        }
        self.inflate(input, &mut take)?;
        Ok(())
    }

    /// Whether `take` wants more.
    fn inflate(
        &mut self,
        mut input: &[u8],
        take: &mut impl FnMut(&[u8]) -> bool,
    ) -> Result<bool, Damage> {
        let mut flags = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
        if self.is_wrapped() {
            flags |= inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER;
        }
        while !self.ended {
            let (status, consumed, produced) =
                decompress(&mut self.decoder, input, &mut self.window, self.at, flags);
            input = input.get(consumed..).unwrap_or(&[]);
            let end = self.at.saturating_add(produced);
            let left = self.bytes_max.saturating_sub(self.produced);
            let allowed = usize::try_from(left).unwrap_or(usize::MAX).min(produced);
            let piece = self.window.get(self.at..self.at.saturating_add(allowed)).unwrap_or(&[]);
            self.produced = self.produced.saturating_add(allowed as u64);
            self.at = if end >= TINFL_LZ_DICT_SIZE { 0 } else { end };
            if !take(piece) {
                return Ok(false);
            }
            if allowed < produced {
                return Err(self.damage(DamageKind::InflatedTooLarge));
            }
            match status {
                TINFLStatus::Done => self.ended = true,
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => return Ok(true),
                _ => return Err(self.damage(DamageKind::Deflate)),
            }
        }
        Ok(true)
    }

    /// Whether the stream comes in the wrapper of zlib, which does not belong there.
    pub(crate) fn is_wrapped(&self) -> bool {
        matches!(self.wrapper, Wrapper::Zlib)
    }

    /// Whether the stream came to its end.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    fn damage(&self, kind: DamageKind) -> Damage {
        Damage { kind, offset: self.produced }
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inflater({} bytes, ended: {})", self.produced, self.ended)
    }
}

/// What the first bytes say. Those of the wrapper would begin a stored block of deflate, but that has its length twice,
/// once inverted (RFC 1951 section 3.2.4): what fails in that can be nothing else than a wrapper.
fn wrapper_of(start: [u8; START_BYTES], len: usize) -> Wrapper {
    let [method, a, b, c, d] = start;
    let is_checked = u16::from_be_bytes([method, a]).is_multiple_of(31);
    let is_wrapper = is_checked && a & NEEDS_DICTIONARY == 0 && [c, d] != [!a, !b];
    match len {
        0 => Wrapper::Unknown { start, len },
        // Deflate with a window of at most 32 KiB (RFC 1950 section 2.2).
        _ if method & 0x0F != 8 || method >> 4 > 7 => Wrapper::Absent,
        START_BYTES if is_wrapper => Wrapper::Zlib,
        START_BYTES => Wrapper::Absent,
        _ => Wrapper::Unknown { start, len },
    }
}

/// The stream refers to what neither side has (RFC 1950 section 2.2).
const NEEDS_DICTIONARY: u8 = 0x20;

/// The whole data set inflated.
pub(crate) fn all(deflated: &[u8], bytes_max: usize) -> Result<Vec<u8>, Damage> {
    let mut whole = Vec::new();
    let mut inflater = Inflater::new(bytes_max);
    inflater.feed(deflated, |piece| {
        whole.extend_from_slice(piece);
        true
    })?;
    if !inflater.is_ended() {
        return Err(inflater.damage(DamageKind::EndsEarly));
    }
    Ok(whole)
}

/// Deflates a whole data set, padded to even length (PS3.5 section A.5).
pub(crate) fn deflate(data_set: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    use std::io::Write as _;
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data_set)?;
    let mut bytes = encoder.finish()?;
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    Ok(bytes)
}

/// Deflates in the wrapper of zlib (RFC 1950), as some senders do.
#[cfg(test)]
pub(crate) fn zlib(data_set: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data_set).unwrap();
    encoder.finish().unwrap()
}

#[cfg(test)]
mod tests {
    use super::{all, zlib};
    use crate::DamageKind;

    #[test]
    fn a_stored_block_is_not_taken_for_a_wrapper() {
        // 78H begins a stored block whose padding bits are not zero; 789CH is also the start of most zlib streams.
        let mut stored = vec![0x78, 0x9C, 0x00, 0x63, 0xFF];
        stored.resize(5 + 0x9C, b'x');
        stored.extend_from_slice(b"\x01\0\0\xFF\xFF");
        assert_eq!(all(&stored, 1 << 10), Ok(vec![b'x'; 0x9C]));
    }

    #[test]
    fn a_wrapped_stream_that_is_changed_on_its_way_is_refused() {
        let mut wrapped = zlib(&[7; 100]);
        assert_eq!(all(&wrapped, 100), Ok(vec![7; 100]));
        let last = wrapped.len() - 1;
        wrapped[last] ^= 1;
        assert_eq!(all(&wrapped, 100).unwrap_err().kind, DamageKind::Deflate);
        assert_eq!(all(&wrapped[..last], 100).unwrap_err().kind, DamageKind::EndsEarly);
    }
}
