//! Whether a text that switches between sets makes sense, found out without decoding it into a copy.

use encoding_rs::DecoderResult;

use crate::designation::{Designation, G0, G1, State};
use crate::extension::ESCAPE;
use crate::single::{character, only_character};
use crate::{CharacterSets, Charset, Separators};

/// What [`CharacterSets::survey`] finds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Survey {
    /// The text reads the same whether or not the first set is back behind its separators.
    Sound,
    /// Every byte has a meaning, but some another one once the first set is back behind separators: a set was switched
    /// to before one and relied on behind it.
    CarriedOver,
    /// The byte at this offset has no meaning, or begins a switch to a set that was not declared.
    Malformed(usize),
}

impl CharacterSets {
    /// Compares what [`decode`](Self::decode) would read with and without `separators`, and allocates nothing.
    pub fn survey(&self, bytes: &[u8], separators: Separators) -> Survey {
        // Without a switch, KS X 1001 is read with the additions that Windows has between its rows.
        let is_plain = !self.first().has_sequences() && !bytes.contains(&ESCAPE);
        if is_plain || !self.first().is_extensible() {
            return self.first().first_malformed(bytes).map_or(Survey::Sound, Survey::Malformed);
        }
        let initial = State::of(self.first());
        let mut state = initial;
        // What is in force above 7FH where separators end it. Below, they are not seen while another set is in force.
        let mut cut = initial.g1;
        let mut survey = Survey::Sound;
        let mut rest = bytes;
        while let Some((&byte, tail)) = rest.split_first() {
            let start = bytes.len() - rest.len();
            let malformed = |offset: usize| Survey::Malformed(start + offset);
            let mut length = 1;
            match (byte, state.g0) {
                (ESCAPE, _) => {
                    let Some((designation, sequence)) = Designation::read(tail) else {
                        return malformed(0);
                    };
                    if !self.iter().any(|charset| designation.is_declared_by(charset)) {
                        return malformed(0);
                    }
                    state.designate(designation);
                    if let Designation::G1(g1) = designation {
                        cut = g1;
                    }
                    length += sequence;
                }
                (0x21..=0x7e, G0::Pairs(pairs)) => {
                    let run = run(rest, |byte| matches!(byte, 0x21..=0x7e));
                    if let Some(offset) = pairs.first_malformed(run) {
                        return malformed(offset);
                    }
                    length = run.len();
                }
                (0x60..=0x7e, G0::Katakana) => return malformed(0),
                (0x80.., _) => {
                    let run = run(rest, |byte| !byte.is_ascii());
                    if let Some(offset) = state.g1.first_malformed(run) {
                        return malformed(offset);
                    }
                    if state.g1 != cut && !state.g1.reads_as(cut, run) {
                        survey = Survey::CarriedOver;
                    }
                    length = run.len();
                }
                _ if state == initial && cut == initial.g1 => {
                    length = run(rest, |byte| byte.is_ascii() && *byte != ESCAPE).len();
                }
                (0x21..=0x5f, G0::Katakana) => {}
                _ if byte < b' ' => (state, cut) = (initial, initial.g1),
                _ if separators.contain(byte) => cut = initial.g1,
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        survey
    }
}

impl Charset {
    /// Offset of the first malformed byte, as [`decode`](Self::decode) would tell it. The text is not kept, so that
    /// a document of many megabytes is checked without a copy; only JIS X 0208 and JIS X 0212 by themselves make one.
    pub fn first_malformed(self, bytes: &[u8]) -> Option<usize> {
        if self.has_sequences() {
            return match CharacterSets::from(self).survey(bytes, Separators::None) {
                Survey::Malformed(offset) => Some(offset),
                Survey::CarriedOver | Survey::Sound => None,
            };
        }
        if !self.extends_ascii() {
            return self.decode(bytes).malformed_at.first().map(|place| place.start);
        }
        let Some(encoding) = self.encoding() else {
            // Most chunks of a document are ASCII, which is told of many bytes at once.
            let chunks = bytes.chunks(CHUNK).enumerate().filter(|(_, chunk)| !chunk.is_ascii());
            let first =
                |chunk: &[u8]| chunk.iter().position(|&byte| character(self, byte).is_none());
            return { chunks }.find_map(|(n, chunk)| Some(n * CHUNK + first(chunk)?));
        };
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let mut buffer = [0; 2048];
        let mut position = 0;
        loop {
            let rest = bytes.get(position..).unwrap_or_default();
            let (result, read, _) =
                decoder.decode_to_utf8_without_replacement(rest, &mut buffer, true);
            position += read;
            match result {
                DecoderResult::InputEmpty => return None,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, after) => {
                    let end = position.saturating_sub(usize::from(after));
                    return Some(end.saturating_sub(usize::from(length)));
                }
            }
        }
    }
}

impl G1 {
    /// Offset of the first byte of a run above 7FH that has no meaning.
    fn first_malformed(self, run: &[u8]) -> Option<usize> {
        match self {
            Self::None => Some(0),
            Self::Single(charset) => charset.first_malformed(run),
            Self::Pairs(pairs) => {
                let end = run.iter().position(|byte| !matches!(byte, 0xa1..=0xfe));
                let known = run.get(..end.unwrap_or(run.len())).unwrap_or_default();
                pairs.first_malformed(known).or(end)
            }
        }
    }

    /// Whether a run that has a meaning here has the same one in another set.
    fn reads_as(self, other: Self, run: &[u8]) -> bool {
        match (self, other) {
            (Self::Single(own), Self::Single(other)) => {
                run.iter().all(|&byte| high(own, byte) == high(other, byte))
            }
            (Self::Pairs(own), Self::Pairs(other)) => run.chunks(2).all(|pair| match pair {
                [row, cell] => own.character(*row, *cell) == other.character(*row, *cell),
                _ => false,
            }),
            // A pair is one character in one of them, and two or none in the other.
            _ => false,
        }
    }
}

fn high(charset: Charset, byte: u8) -> Option<char> {
    match charset.encoding() {
        Some(encoding) => only_character(encoding, &[byte]),
        None => character(charset, byte),
    }
}

fn run(bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|byte| !belongs(byte)).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

const CHUNK: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Survey;
    use crate::{CharacterSets, Separators};

    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::sample::select(vec![
                &b"\x1b(B"[..],
                b"\x1b(J",
                b"\x1b(I",
                b"\x1b$B",
                b"\x1b$(D",
                b"\x1b$)C",
                b"\x1b$)A",
                b"\x1b)I",
                b"\x1b-A",
                b"\x1b-L",
                b"\x1b-M",
                b"\x1b-F",
                b"\x1b",
                b"^",
                b"|",
                b"\r",
                b";3ED",
                b"\xfb\xf3",
                b"\xa1\xa1",
                b"\xe9",
                b"\xb1\xe8",
                b"\x85",
                b"A ",
                b"\x21",
            ])
            .prop_map(<[u8]>::to_vec),
            proptest::collection::vec(any::<u8>(), 0..3),
        ];
        proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_says_what_reading_says(bytes in pieces(), names in proptest::sample::select(vec![
            "", "~ISO IR87", "8859/1~KS X 1001", "8859/1~8859/5~8859/9", "ISO IR14~ISO IR87~ISO IR159",
            "KS X 1001~ISO2022IR58", "8859/7~8859/1", "ISO IR87", "UNICODE UTF-8", "8859/9~8859/1~KS X 1001~ISOIR58",
        ])) {
            let sets = CharacterSets::from_hl7(names.split('~')).expect("known sets");
            let separators = Separators::Delimiters(*b"|^~&");
            let whole = sets.decode(&bytes, Separators::None);
            let expected = match whole.malformed_at.first() {
                Some(place) => Survey::Malformed(place.start),
                None if whole.text != sets.decode(&bytes, separators).text => Survey::CarriedOver,
                None => Survey::Sound,
            };
            prop_assert_eq!(sets.survey(&bytes, separators), expected);
        }
    }
}
