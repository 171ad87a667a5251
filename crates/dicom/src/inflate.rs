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
}

impl Inflater {
    /// A raw deflate stream (RFC 1951), without the zlib wrapper (PS3.5 section A.5).
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            decoder: Box::default(),
            window: vec![0; TINFL_LZ_DICT_SIZE].into_boxed_slice(),
            at: 0,
            produced: 0,
            bytes_max: u64::try_from(bytes_max).unwrap_or(u64::MAX),
            ended: false,
        }
    }

    /// Inflates `input` and hands the pieces to `take` until it answers `false`. What follows the end of the stream
    /// is padding (PS3.5 section A.5).
    pub(crate) fn feed(
        &mut self,
        mut input: &[u8],
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Damage> {
        while !self.ended {
            let flags = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
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
                return Ok(());
            }
            if allowed < produced {
                return Err(self.damage(DamageKind::InflatedTooLarge));
            }
            match status {
                TINFLStatus::Done => self.ended = true,
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => return Ok(()),
                _ => return Err(self.damage(DamageKind::Deflate)),
            }
        }
        Ok(())
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
