//! The escape sequences that bring a set into force (PS3.3 table C.12-3 and C.12-4).

use crate::Charset;
use crate::pairs::Pairs;

/// What bytes 21H to 7EH mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum G0 {
    Ascii,
    /// Half-width katakana below 80H, which neither standard has and ISO-2022-JP writers use.
    Katakana,
    Pairs(Pairs),
    /// The left half of JIS X 0201.
    Roman,
}

/// What bytes A0H to FFH mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum G1 {
    None,
    Pairs(Pairs),
    Single(Charset),
}

/// The sets in force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct State {
    pub(crate) g0: G0,
    pub(crate) g1: G1,
}

/// One set coming into force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Designation {
    G0(G0),
    G1(G1),
}

impl State {
    /// The state that a text of this set begins in.
    pub(crate) fn of(charset: Charset) -> Self {
        let g0 = if charset == Charset::JisX0201 { G0::Roman } else { G0::Ascii };
        let g1 = match Designation::of(charset) {
            Some(Designation::G1(g1)) => g1,
            _ => G1::None,
        };
        Self { g0, g1 }
    }

    pub(crate) fn designate(&mut self, designation: Designation) {
        match designation {
            Designation::G0(g0) => self.g0 = g0,
            Designation::G1(g1) => self.g1 = g1,
        }
    }
}

impl Designation {
    /// Reads what follows an escape character, and how many bytes that are.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        DESIGNATIONS
            .iter()
            .find(|(sequence, _)| bytes.starts_with(sequence))
            .map(|(sequence, designation)| (*designation, sequence.len()))
    }

    /// What brings the characters of `charset` beyond ASCII into force.
    pub(crate) fn of(charset: Charset) -> Option<Self> {
        Some(match charset {
            Charset::Iso2022Jp | Charset::JisX0208 => Self::G0(G0::Pairs(Pairs::JisX0208)),
            Charset::JisX0212 => Self::G0(G0::Pairs(Pairs::JisX0212)),
            Charset::EucKr => Self::G1(G1::Pairs(Pairs::KsX1001)),
            Charset::Gb2312 => Self::G1(G1::Pairs(Pairs::Gb2312)),
            Charset::Ascii => return None,
            _ if charset.is_extensible() => Self::G1(G1::Single(charset)),
            _ => return None,
        })
    }

    /// Whether a text that names `charset` may hold this sequence.
    pub(crate) fn is_declared_by(self, charset: Charset) -> bool {
        match self {
            Self::G0(G0::Ascii) => true,
            Self::G0(G0::Roman) => matches!(charset, Charset::JisX0201 | Charset::Iso2022Jp),
            // The name of JIS X 0201 means katakana above 7FH, which leaves delimiters alone.
            Self::G0(G0::Katakana) => charset == Charset::Iso2022Jp,
            _ => Self::of(charset) == Some(self),
        }
    }

    /// How this set writes a character beyond ASCII.
    pub(crate) fn bytes(self, character: char) -> Option<[Option<u8>; 2]> {
        match self {
            Self::G0(G0::Pairs(pairs)) => pairs.bytes(character).map(|pair| pair.map(Some)),
            Self::G1(G1::Pairs(pairs)) => {
                pairs.bytes(character).map(|pair| pair.map(|byte| Some(byte | 0x80)))
            }
            Self::G1(G1::Single(charset)) => {
                charset.high_byte(character).map(|byte| [Some(byte), None])
            }
            Self::G0(_) | Self::G1(G1::None) => None,
        }
    }
}

/// Sequences without their escape character; of two for one set, the first is written.
pub(crate) const DESIGNATIONS: &[(&[u8], Designation)] = &[
    (b"(B", Designation::G0(G0::Ascii)),
    (b"(J", Designation::G0(G0::Roman)),
    (b"(I", Designation::G0(G0::Katakana)),
    (b"$B", Designation::G0(G0::Pairs(Pairs::JisX0208))),
    // JIS C 6226-1978, the edition before it: the same characters but for a few exchanged glyphs.
    (b"$@", Designation::G0(G0::Pairs(Pairs::JisX0208))),
    (b"$(D", Designation::G0(G0::Pairs(Pairs::JisX0212))),
    (b"$)C", Designation::G1(G1::Pairs(Pairs::KsX1001))),
    (b"$)A", Designation::G1(G1::Pairs(Pairs::Gb2312))),
    (b")I", Designation::G1(G1::Single(Charset::JisX0201))),
    (b"-A", Designation::G1(G1::Single(Charset::Latin1))),
    (b"-B", Designation::G1(G1::Single(Charset::Iso8859_2))),
    (b"-C", Designation::G1(G1::Single(Charset::Iso8859_3))),
    (b"-D", Designation::G1(G1::Single(Charset::Iso8859_4))),
    (b"-F", Designation::G1(G1::Single(Charset::Iso8859_7))),
    (b"-G", Designation::G1(G1::Single(Charset::Iso8859_6))),
    (b"-H", Designation::G1(G1::Single(Charset::Iso8859_8))),
    (b"-L", Designation::G1(G1::Single(Charset::Iso8859_5))),
    (b"-M", Designation::G1(G1::Single(Charset::Iso8859_9))),
    (b"-T", Designation::G1(G1::Single(Charset::Tis620))),
    (b"-b", Designation::G1(G1::Single(Charset::Iso8859_15))),
];
