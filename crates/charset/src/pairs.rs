//! The sets of 94 by 94 characters that ISO 2022 switches to.

use std::sync::LazyLock;

use crate::output::Output;
use crate::single::only_character;

/// A set of two-byte characters, 94 rows of 94 cells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pairs {
    Gb2312,
    JisX0208,
    JisX0212,
    KsX1001,
}

impl Pairs {
    /// The character at two bytes, whose high bits do not matter.
    pub(crate) fn character(self, row: u8, cell: u8) -> Option<char> {
        let shifted = [0x8f, row | 0x80, cell | 0x80];
        let [_, plain @ ..] = &shifted;
        only_character(self.encoding(), if self == Self::JisX0212 { &shifted } else { plain })
    }

    /// Offset in a run, as [`read`](Self::read) takes it, of the first pair that means nothing.
    pub(crate) fn first_malformed(self, run: &[u8]) -> Option<usize> {
        let is_known =
            |pair: &[u8]| matches!(pair, [row, cell] if self.character(*row, *cell).is_some());
        run.chunks(2).position(|pair| !is_known(pair)).map(|index| index * 2)
    }

    /// The two bytes of a character, high bits clear. What comes out reads back as the same character.
    pub(crate) fn bytes(self, character: char) -> Option<[u8; 2]> {
        if self == Self::JisX0212 {
            let place = JIS_X_0212.binary_search_by_key(&character, |&(known, _)| known).ok()?;
            return JIS_X_0212.get(place).map(|&(_, bytes)| bytes);
        }
        let mut buffer = [0; 4];
        let (bytes, _, unmappable) = self.encoding().encode(character.encode_utf8(&mut buffer));
        match *bytes {
            // The Windows sets behind these names put more characters where a second byte is below A1H.
            [row @ 0xa1..=0xfe, cell @ 0xa1..=0xfe] if !unmappable => {
                let bytes = [row & 0x7f, cell & 0x7f];
                (self.character(row, cell) == Some(character)).then_some(bytes)
            }
            _ => None,
        }
    }

    /// Reads a run of bytes 21H to 7EH, or of the same with their high bits set, that begins at `start`.
    pub(crate) fn read(self, run: &[u8], start: usize, output: &mut Output) {
        if self.whole(run, &mut output.text) {
            return;
        }
        let mut start = start;
        for pair in run.chunks(2) {
            let character = match pair {
                [row, cell] => self.character(*row, *cell),
                _ => None,
            };
            match character {
                Some(character) => output.text.push(character),
                None => output.malformed(start..start + pair.len()),
            }
            start += pair.len();
        }
    }

    /// Appends what `run` says; false, and nothing appended, when a part of it means nothing.
    fn whole(self, run: &[u8], text: &mut String) -> bool {
        let mut euc = Vec::with_capacity(run.len().saturating_mul(2));
        for pair in run.chunks(2) {
            if self == Self::JisX0212 {
                euc.push(0x8f);
            }
            euc.extend(pair.iter().map(|byte| byte | 0x80));
        }
        let read = self.encoding().decode_without_bom_handling_and_without_replacement(&euc);
        let is_whole = run.len().is_multiple_of(2);
        match read {
            Some(read) if is_whole => {
                text.push_str(&read);
                true
            }
            _ => false,
        }
    }

    /// Where the table is: with the high bits set, and JIS X 0212 behind a shift byte.
    fn encoding(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Gb2312 => encoding_rs::GBK,
            Self::JisX0208 | Self::JisX0212 => encoding_rs::EUC_JP,
            Self::KsX1001 => encoding_rs::EUC_KR,
        }
    }
}

/// JIS X 0212 by character: `encoding_rs` reads that set but, as browsers do, never writes it.
static JIS_X_0212: LazyLock<Vec<(char, [u8; 2])>> = LazyLock::new(|| {
    let cells = || 0x21..=0x7e_u8;
    let mut table: Vec<_> = cells()
        .flat_map(|row| cells().map(move |cell| [row, cell]))
        .filter_map(|[row, cell]| Some((Pairs::JisX0212.character(row, cell)?, [row, cell])))
        .collect();
    table.sort_unstable();
    table.dedup_by_key(|(character, _)| *character);
    table
});
