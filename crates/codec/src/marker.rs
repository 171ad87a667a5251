//! Marker segments, which JPEG, JPEG-LS and JPEG 2000 share (T.81 section B.1.1).

use crate::Error;

/// The low bytes of markers.
pub(crate) const SOI: u8 = 0xD8;
pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
pub(crate) const DRI: u8 = 0xDD;

/// Reads a stream from one marker to the next.
#[derive(Clone, Debug)]
pub(crate) struct Markers<'a> {
    rest: &'a [u8],
}

impl<'a> Markers<'a> {
    /// A stream that must begin with this marker.
    pub(crate) fn begin(coded: &'a [u8], first: u8) -> Result<Self, Error> {
        match coded {
            [0xFF, marker, rest @ ..] if *marker == first => Ok(Self { rest }),
            _ => Err(Error::Invalid("does not begin with its marker")),
        }
    }

    /// The low byte of the next marker; it may be preceded by fill bytes (T.81 section B.1.1.2).
    pub(crate) fn next(&mut self) -> Result<u8, Error> {
        let [0xFF, rest @ ..] = self.rest else {
            return Err(if self.rest.is_empty() {
                Error::EndsEarly
            } else {
                Error::Invalid("a marker was expected")
            });
        };
        let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
        let (marker, rest) =
            rest.get(fill..).and_then(<[u8]>::split_first).ok_or(Error::EndsEarly)?;
        self.rest = rest;
        Ok(*marker)
    }

    /// The parameters of the marker segment whose marker was read.
    pub(crate) fn parameters(&mut self) -> Result<Fields<'a>, Error> {
        let (length, _) = self.rest.split_first_chunk::<2>().ok_or(Error::EndsEarly)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (segment, rest) = self.rest.split_at_checked(length).ok_or(Error::EndsEarly)?;
        self.rest = rest;
        let fields = segment.get(2..).ok_or(Error::Invalid("segment length"))?;
        Ok(Fields(fields))
    }

    /// What follows the last marker segment that was read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Goes on behind entropy-coded bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or(&[]);
    }
}

/// The parameters of a marker segment, most significant byte first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, Error> {
        let (byte, rest) = self.0.split_first().ok_or(Error::Invalid("segment length"))?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(crate) fn short(&mut self) -> Result<u16, Error> {
        let (pair, rest) =
            self.0.split_first_chunk::<2>().ok_or(Error::Invalid("segment length"))?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*pair))
    }

    pub(crate) fn long(&mut self) -> Result<u32, Error> {
        Ok(u32::from(self.short()?) << 16 | u32::from(self.short()?))
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or(Error::Invalid("segment length"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
