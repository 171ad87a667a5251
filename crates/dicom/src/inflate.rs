//! Inflating with a limit.

use flate2::{Decompress, FlushDecompress, Status};

use crate::{Damage, DamageKind};

/// Inflates a stream piece by piece, never more than a limit.
#[derive(Debug)]
pub(crate) struct Inflater {
    stream: Decompress,
    produced: u64,
    bytes_max: u64,
    ended: bool,
}

impl Inflater {
    /// A raw deflate stream (RFC 1951), without the zlib wrapper (PS3.5 section A.5).
    pub(crate) fn new(bytes_max: usize) -> Self {
        let bytes_max = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        Self { stream: Decompress::new(false), produced: 0, bytes_max, ended: false }
    }

    /// Inflates `input` and hands the pieces to `take` until it answers `false`. What follows the end of the stream
    /// is padding (PS3.5 section A.5).
    pub(crate) fn feed(
        &mut self,
        mut input: &[u8],
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Damage> {
        let mut buffer = [0_u8; 4096];
        while !self.ended {
            let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
            let status = self
                .stream
                .decompress(input, &mut buffer, FlushDecompress::None)
                .map_err(|_| self.damage(DamageKind::Deflate))?;
            let consumed = self.stream.total_in().saturating_sub(before_in);
            let produced = self.stream.total_out().saturating_sub(before_out);
            self.produced = self.produced.saturating_add(produced);
            self.ended = status == Status::StreamEnd;
            input = usize::try_from(consumed).ok().and_then(|n| input.get(n..)).unwrap_or(&[]);
            if self.produced > self.bytes_max {
                return Err(self.damage(DamageKind::InflatedTooLarge));
            }
            let piece = usize::try_from(produced).ok().and_then(|n| buffer.get(..n));
            if !take(piece.unwrap_or(&[])) || (consumed == 0 && produced == 0) {
                return Ok(());
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
