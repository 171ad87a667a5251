//! Texts that switch between sets by escape sequences: ISO 2022 as DICOM and HL7 use it.

use crate::designation::{DESIGNATIONS, Designation, G0, G1, State};
use crate::output::Output;
use crate::{Charset, Decoded, Unmappable};

/// The character sets that one text may use, as (0008,0005) and MSH-18 list them.
///
/// The first is there from the beginning of every value and comes back at its [`Separators`]; the others are switched
/// to by escape sequences (PS3.5 section 6.1.2.5; HL7 2.5.1 section 2.15.9.18). A set that fills the whole code table,
/// such as UTF-8 or GB 18030, cannot be combined: it stands alone, and escape sequences mean nothing in it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct CharacterSets {
    first: Charset,
    others: [Option<Charset>; Self::OTHERS_MAX],
}

/// Which characters end a stretch of text within a value, so that the first set is back after them (PS3.5 section
/// 6.1.2.5.3). Control codes, line ends among them, always do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Separators {
    /// None: text that is one value (LT, ST, UT), and values of HL7, which are cut apart before they are read.
    None,
    /// `\`, `^` and `=`: PN.
    PersonName,
    /// `\`: LO, SH, UC.
    Values,
    /// These: a message of HL7 that is read before it is cut apart.
    Delimiters([u8; 4]),
}

impl Separators {
    pub(crate) fn contain(self, character: u8) -> bool {
        match self {
            Self::None => false,
            Self::PersonName => matches!(character, b'\\' | b'^' | b'='),
            Self::Values => character == b'\\',
            Self::Delimiters(delimiters) => delimiters.contains(&character),
        }
    }
}

impl CharacterSets {
    /// Sets beside the first that are kept; there are no more in any sensible combination.
    pub const OTHERS_MAX: usize = 7;

    /// The combination of `first` with `others`. Repeated sets, and those that cannot be switched to, are left out.
    pub fn new(first: Charset, others: impl IntoIterator<Item = Charset>) -> Self {
        let mut sets = Self::from(first);
        if first.is_extensible() {
            others.into_iter().for_each(|charset| sets.add(charset));
        }
        sets
    }

    fn add(&mut self, charset: Charset) {
        // ASCII is always within reach.
        let is_new = charset != Charset::Ascii && !self.iter().any(|known| known == charset);
        if charset.is_extensible()
            && is_new
            && let Some(place) = self.others.iter_mut().find(|place| place.is_none())
        {
            *place = Some(charset);
        }
    }

    /// The set that every value begins in.
    pub fn first(&self) -> Charset {
        self.first
    }

    /// All sets, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = Charset> + use<> {
        std::iter::once(self.first).chain(self.others.into_iter().flatten())
    }

    /// Whether there is more than one set.
    pub fn has_extensions(&self) -> bool {
        self.others.iter().any(Option::is_some)
    }

    /// Reads `bytes`, following the escape sequences in them.
    ///
    /// One to a known set that was not declared is followed too, and reported; an unknown one stays in the text and
    /// is reported.
    pub fn decode<'a>(&self, bytes: &'a [u8], separators: Separators) -> Decoded<'a> {
        self.decoder(separators).decode(bytes)
    }

    /// Writes `text`, switching sets where the first does not have a character. What comes out decodes, with the same
    /// `separators`, to exactly the same text.
    ///
    /// # Errors
    /// [`Unmappable`] for the first character that no set has, and for an escape character, which would be taken
    /// for the beginning of a sequence.
    pub fn encode(&self, text: &str, separators: Separators) -> Result<Vec<u8>, Unmappable> {
        if !self.first.is_extensible() {
            return self.first.encode(text);
        }
        if let Some(offset) = text.find(char::from(ESCAPE)) {
            return Err(self.first.unmappable(offset));
        }
        if self.has_extensions() && !text.is_ascii() {
            self.encode_extended(text, separators)
        } else {
            self.first.encode(text)
        }
    }

    pub(crate) fn decode_extended(&self, bytes: &[u8], separators: Separators) -> Decoded<'static> {
        self.decoder(separators).decode_extended(bytes)
    }

    /// A decoder of one value that comes in pieces.
    pub fn decoder(&self, separators: Separators) -> PieceDecoder {
        PieceDecoder { sets: *self, separators, state: State::of(self.first) }
    }

    pub(crate) fn encode_extended(
        &self,
        text: &str,
        separators: Separators,
    ) -> Result<Vec<u8>, Unmappable> {
        let initial = State::of(self.first);
        let mut writer = Writer {
            state: initial,
            initial,
            bytes: Vec::with_capacity(text.len() + 16),
            stretch: 0,
        };
        for (offset, character) in text.char_indices() {
            match u8::try_from(character) {
                Ok(byte @ 0..=0x7f) => {
                    if byte == ESCAPE {
                        return Err(self.first.unmappable(offset));
                    }
                    let is_end = byte < b' ' || separators.contain(byte);
                    if is_end {
                        writer.restore();
                    }
                    writer.designate(Designation::G0(initial.g0));
                    writer.bytes.push(byte);
                    if is_end {
                        writer.stretch = writer.bytes.len();
                    }
                }
                _ => self
                    .write(character, &mut writer)
                    .ok_or_else(|| self.first.unmappable(offset))?,
            }
        }
        writer.restore();
        Ok(writer.bytes)
    }

    /// Writes one character beyond ASCII; `None` when no set has it.
    fn write(&self, character: char, writer: &mut Writer) -> Option<()> {
        // The sets in force first, which spares escape sequences.
        let State { g0, g1 } = writer.state;
        let in_force = [Designation::G1(g1), Designation::G0(g0)];
        let declared = self.iter().filter_map(Designation::of);
        let mut designations = in_force.into_iter().chain(declared);
        let (designation, bytes) =
            designations.find_map(|place| Some((place, place.bytes(character)?)))?;
        writer.designate(designation);
        writer.bytes.extend(bytes.into_iter().flatten());
        Some(())
    }
}

impl From<Charset> for CharacterSets {
    /// A set that must be switched to, such as JIS X 0212, comes behind ASCII.
    fn from(first: Charset) -> Self {
        let none = [None; Self::OTHERS_MAX];
        match first {
            Charset::JisX0208 => Self { first: Charset::Iso2022Jp, others: none },
            Charset::JisX0212 => {
                let mut sets = Self { first: Charset::Ascii, others: none };
                sets.add(first);
                sets
            }
            _ => Self { first, others: none },
        }
    }
}

impl Charset {
    /// Whether the codes 80H to 9FH are the control codes of ISO 6429, as in the parts of ISO 8859: no malformed bytes,
    /// but no text either. Where they occur, another set was meant, most often one of Windows.
    pub fn has_high_controls(self) -> bool {
        self.is_extensible()
            && !matches!(
                self,
                Self::Ascii
                    | Self::EucKr
                    | Self::Gb2312
                    | Self::Iso2022Jp
                    | Self::JisX0201
                    | Self::JisX0208
                    | Self::JisX0212
            )
    }

    /// Whether other sets can be switched to from this one and back (PS3.5 section 6.1.2.4).
    pub fn is_extensible(self) -> bool {
        match self {
            Self::Ascii
            | Self::Latin1
            | Self::Iso8859_2
            | Self::Iso8859_3
            | Self::Iso8859_4
            | Self::Iso8859_5
            | Self::Iso8859_6
            | Self::Iso8859_7
            | Self::Iso8859_8
            | Self::Iso8859_9
            | Self::Iso8859_15
            | Self::Tis620
            | Self::EucKr
            | Self::Gb2312
            | Self::Iso2022Jp
            | Self::JisX0201
            | Self::JisX0208
            | Self::JisX0212 => true,
            Self::Windows1250
            | Self::Windows1251
            | Self::Windows1252
            | Self::Utf8
            | Self::Gb18030
            | Self::Gbk
            | Self::Big5
            | Self::ShiftJis => false,
        }
    }
}

/// Reads the pieces of one value, remembering the sets that are in force between them.
///
/// HL7 needs it: escape sequences of its own stand between stretches of text that one designation covers.
#[derive(Clone, Copy, Debug)]
pub struct PieceDecoder {
    sets: CharacterSets,
    separators: Separators,
    state: State,
}

impl PieceDecoder {
    /// Reads the next piece, as [`CharacterSets::decode`] does.
    pub fn decode<'a>(&mut self, bytes: &'a [u8]) -> Decoded<'a> {
        let first = self.sets.first;
        let is_plain = self.state == State::of(first) && !bytes.contains(&ESCAPE);
        if is_plain || !first.is_extensible() {
            first.decode(bytes)
        } else {
            self.decode_extended(bytes)
        }
    }

    fn decode_extended(&mut self, bytes: &[u8]) -> Decoded<'static> {
        let Self { sets, separators, state } = self;
        let initial = State::of(sets.first);
        let mut output = Output::with_capacity(bytes.len().saturating_mul(2));
        let mut rest = bytes;
        while let Some((&byte, tail)) = rest.split_first() {
            let start = bytes.len() - rest.len();
            let mut run = |belongs: fn(&u8) -> bool| {
                let length = rest.iter().take_while(|byte| belongs(byte)).count();
                let (run, tail) = rest.split_at(length.min(rest.len()));
                rest = tail;
                run
            };
            match (byte, state.g0, state.g1) {
                (ESCAPE, ..) => {
                    rest = tail;
                    match Designation::read(tail) {
                        Some((designation, length)) => {
                            state.designate(designation);
                            rest = tail.get(length..).unwrap_or_default();
                            if !sets.iter().any(|charset| designation.is_declared_by(charset)) {
                                output.doubt(start..start + 1 + length);
                            }
                        }
                        None => {
                            output.text.push(char::from(ESCAPE));
                            output.doubt(start..start + 1);
                        }
                    }
                }
                (0x21..=0x7e, G0::Pairs(pairs), _) => {
                    pairs.read(run(|byte| matches!(byte, 0x21..=0x7e)), start, &mut output);
                }
                (0x21..=0x5f, G0::Katakana, _) => {
                    output.text.extend(char::from_u32(u32::from(byte) + (0xff61 - 0x21)));
                    rest = tail;
                }
                (0x60..=0x7e, G0::Katakana, _) | (0x80.., _, G1::None) => {
                    output.malformed(start..start + 1);
                    rest = tail;
                }
                (0..=0x7f, ..) => {
                    if byte < b' ' || separators.contain(byte) {
                        *state = initial;
                    }
                    output.text.push(char::from(byte));
                    rest = tail;
                }
                (0xa1..=0xfe, _, G1::Pairs(pairs)) => {
                    pairs.read(run(|byte| matches!(byte, 0xa1..=0xfe)), start, &mut output);
                }
                (0x80.., _, G1::Pairs(_)) => {
                    output.malformed(start..start + 1);
                    rest = tail;
                }
                (0x80.., _, G1::Single(charset)) => {
                    let part = charset.decode(run(|byte| !byte.is_ascii()));
                    output.append(&part, start);
                }
            }
        }
        output.into_decoded()
    }
}

struct Writer {
    state: State,
    initial: State,
    bytes: Vec<u8>,
    /// Where the text since the last separator or line end begins.
    stretch: usize,
}

impl Writer {
    /// Makes sure that `designation` is in force.
    fn designate(&mut self, designation: Designation) {
        let is_in_force = match designation {
            Designation::G0(g0) => self.state.g0 == g0,
            Designation::G1(g1) => self.state.g1 == g1,
        };
        if is_in_force {
            return;
        }
        // Nothing is the sequence for "no set above 7FH"; the reader forgets it without one.
        let known = DESIGNATIONS.iter().find(|(_, known)| *known == designation);
        if let Some((sequence, _)) = known {
            let at = self.place_of(designation);
            self.bytes.splice(at..at, [ESCAPE].into_iter().chain(sequence.iter().copied()));
        }
        self.state.designate(designation);
    }

    /// A two-byte set above 7FH is designated at the beginning of its line or component, as annexes I and K of PS3.5
    /// write it and ISO-2022-KR readers expect it: to the ASCII before the characters it makes no difference.
    fn place_of(&self, designation: Designation) -> usize {
        let stretch = self.bytes.get(self.stretch..).unwrap_or_default();
        let is_ascii = stretch.iter().all(|&byte| byte.is_ascii() && byte != ESCAPE);
        match designation {
            Designation::G1(G1::Pairs(_)) if is_ascii => self.stretch,
            _ => self.bytes.len(),
        }
    }

    fn restore(&mut self) {
        self.designate(Designation::G0(self.initial.g0));
        self.designate(Designation::G1(self.initial.g1));
    }
}

pub(crate) const ESCAPE: u8 = 0x1b;

#[cfg(test)]
mod tests;
