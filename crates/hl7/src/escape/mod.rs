//! Escape sequences (HL7 2.5.1 section 2.7).
//!
//! Reading never fails and never drops a character: a backslash that begins no sequence, and a sequence that
//! nobody defined, stay in the text as they are. Writing escapes delimiters and control codes, so that any text
//! comes back as it was.

mod page;
mod sequence;

use std::borrow::Cow;

use telerad_charset::{CharacterSets, Charset, PieceDecoder, Separators};

use self::page::Page;
use self::sequence::{Kind, Sequence, Tokens};
use crate::Delimiters;
use crate::syntax::{Stretches, Syntax};

/// Reads one value: character set first, then escapes, left to right, once.
///
/// `\F\ \S\ \T\ \R\ \E\ \P\` become delimiters, `\X..\` bytes of the character set, `\C..\` and `\M..\` switch sets,
/// `\H\` and `\N\` mark nothing in plain text. Formatting commands and local sequences `\Z..\` stay as they are.
pub fn decode(raw: &[u8], delimiters: Delimiters, charset: Charset) -> Cow<'_, str> {
    decode_with(&syntax_of(delimiters, charset), raw)
}

/// Reads formatted text, data type FT (HL7 2.5.1 section 2.7.6), that is still escaped with the standard `\`.
///
/// Formatting commands become lines and indentation; everything else is read as by [`decode`]. Line ends of any kind
/// come out as `\n`.
pub fn formatted_text(ft: &str) -> String {
    formatted_with(&syntax_of(Delimiters::STANDARD, Charset::Utf8), ft.as_bytes())
}

/// Writes one value so that [`decode`] reads exactly `text`: delimiters become their sequences, control codes except
/// tab `\X..\`, and the text `""`, which would mean null, is written in hexadecimal.
///
/// Where `delimiters` has no escape character nothing can be escaped, and `text` comes out as it is.
pub fn encode(text: &str, delimiters: Delimiters) -> String {
    write(text, delimiters, Breaks::Hexadecimal)
}

/// As [`encode`], but line ends (CR, LF or both) become `\.br\`, as data types FT and, by habit, TX write them.
pub fn encode_formatted(text: &str, delimiters: Delimiters) -> String {
    write(text, delimiters, Breaks::Formatted)
}

pub(crate) fn decode_with<'a>(syntax: &Syntax, raw: &'a [u8]) -> Cow<'a, str> {
    let escape = syntax.delimiters.escape;
    if escape.is_none_or(|escape| syntax.find(escape, raw).is_none()) {
        return syntax.decode(raw).text;
    }
    let mut reader = Reader::new(syntax, raw, Commands::Kept);
    reader.read();
    Cow::Owned(reader.page.into_text())
}

pub(crate) fn formatted_with(syntax: &Syntax, raw: &[u8]) -> String {
    let mut reader = Reader::new(syntax, raw, Commands::Obeyed);
    reader.read();
    let text = reader.page.into_text();
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text }
}

/// Offset of the first escape character that begins no sequence, or begins one that has no meaning here: a set that
/// is not known, or bytes that the set in force does not have. All of these stay in the text as they are.
pub(crate) fn stray(syntax: &Syntax, raw: &[u8]) -> Option<usize> {
    syntax.find(syntax.delimiters.escape?, raw)?;
    let mut reader = Reader::new(syntax, raw, Commands::Kept);
    reader.read();
    reader.stray
}

fn syntax_of(delimiters: Delimiters, charset: Charset) -> Syntax {
    let sets = CharacterSets::from(charset);
    Syntax {
        delimiters,
        sets,
        is_splittable: sets.is_splittable(),
        stretches: Stretches::default(),
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Breaks {
    Formatted,
    Hexadecimal,
}

fn write(text: &str, delimiters: Delimiters, breaks: Breaks) -> String {
    let Some(escape) = delimiters.escape.map(char::from) else {
        return text.to_owned();
    };
    if text == "\"\"" {
        return format!("{escape}X2222{escape}");
    }
    let mut written = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let byte = u8::try_from(character).ok().filter(u8::is_ascii);
        let letter = match byte {
            Some(byte) if byte == delimiters.field => Some("F"),
            Some(byte) if Some(byte) == delimiters.escape => Some("E"),
            Some(byte) if Some(byte) == delimiters.component => Some("S"),
            Some(byte) if Some(byte) == delimiters.subcomponent => Some("T"),
            Some(byte) if Some(byte) == delimiters.repetition => Some("R"),
            Some(byte) if Some(byte) == delimiters.truncation => Some("P"),
            Some(b'\r' | b'\n') if breaks == Breaks::Formatted => {
                if character == '\r' {
                    characters.next_if_eq(&'\n');
                }
                Some(".br")
            }
            _ => None,
        };
        match (letter, byte) {
            (Some(letter), _) => {
                written.push(escape);
                written.push_str(letter);
                written.push(escape);
            }
            (None, Some(byte @ 0..=0x1f)) if byte != b'\t' => {
                written.push_str(&format!("{escape}X{byte:02X}{escape}"));
            }
            _ => written.push(character),
        }
    }
    written
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Commands {
    Kept,
    Obeyed,
}

struct Reader<'a> {
    syntax: &'a Syntax,
    raw: &'a [u8],
    commands: Commands,
    /// Reads the text in the sets of the message, following their escape sequences.
    decoder: PieceDecoder,
    /// The set that `\C..\` or `\M..\` switched to, until the end of the value or the next switch.
    switched: Option<Charset>,
    /// Bytes of adjacent hexadecimal sequences, which may hold one character between them.
    hexadecimal: Vec<u8>,
    hexadecimal_start: usize,
    page: Page,
    /// Where the first escape character stands that had to be taken for text.
    stray: Option<usize>,
}

impl<'a> Reader<'a> {
    fn new(syntax: &'a Syntax, raw: &'a [u8], commands: Commands) -> Self {
        Self {
            syntax,
            raw,
            commands,
            decoder: syntax.sets.decoder(Separators::None),
            switched: None,
            hexadecimal: Vec::new(),
            hexadecimal_start: 0,
            page: Page::with_capacity(raw.len()),
            stray: None,
        }
    }

    fn read(&mut self) {
        for token in Tokens::new(self.syntax, self.raw) {
            let written = self.raw.get(token.start..token.end).unwrap_or_default();
            match token.kind {
                Kind::Text => {
                    self.end_hexadecimal(token.start);
                    let escape = self.syntax.delimiters.escape;
                    let stray = escape.and_then(|escape| self.syntax.find(escape, written));
                    if let Some(offset) = stray {
                        self.stray.get_or_insert(token.start + offset);
                    }
                    let decoded = match self.switched {
                        Some(charset) => charset.decode(written),
                        None => self.decoder.decode(written),
                    };
                    self.page.push_str(&decoded.text);
                }
                Kind::Escape(Sequence::Hexadecimal(digits)) => {
                    if self.hexadecimal.is_empty() {
                        self.hexadecimal_start = token.start;
                    }
                    sequence::push_bytes(digits, &mut self.hexadecimal);
                }
                Kind::Escape(sequence) => {
                    self.end_hexadecimal(token.start);
                    self.obey(sequence, written, token.start);
                }
            }
        }
        self.end_hexadecimal(self.raw.len());
    }

    fn obey(&mut self, sequence: Sequence<'_>, written: &[u8], start: usize) {
        let Delimiters { field, component, repetition, escape, subcomponent, truncation } =
            self.syntax.delimiters;
        // A delimiter that MSH-2 leaves out is the standard one in a text that names it.
        let character = match sequence {
            Sequence::Field => Some(field),
            Sequence::Component => Some(component.unwrap_or(b'^')),
            Sequence::Repetition => Some(repetition.unwrap_or(b'~')),
            Sequence::Escape => escape,
            Sequence::Subcomponent => Some(subcomponent.unwrap_or(b'&')),
            Sequence::Truncation => Some(truncation.unwrap_or(b'#')),
            _ => None,
        };
        if let Some(character) = character {
            return self.page.push(char::from(character));
        }
        match sequence {
            Sequence::Highlight | Sequence::Normal => {}
            Sequence::Formatting(command) if self.commands == Commands::Obeyed => {
                self.page.obey(command);
            }
            // `ESC ( B` and `ESC ( J` bring the set of the message back.
            Sequence::Set(0x2842 | 0x284a) => self.switched = None,
            Sequence::Set(designation) => match set_of(designation) {
                Some(charset) => self.switched = Some(charset),
                None => {
                    self.stray.get_or_insert(start);
                    self.keep(written);
                }
            },
            _ => self.keep(written),
        }
    }

    /// A sequence without a meaning here is text.
    fn keep(&mut self, written: &[u8]) {
        self.page.push_str(&String::from_utf8_lossy(written));
    }

    fn end_hexadecimal(&mut self, end: usize) {
        if self.hexadecimal.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.hexadecimal);
        // Control codes and ASCII mean the same in every set, even where ISO-2022-JP gives ESC a task.
        let charset = if bytes.is_ascii() { Some(Charset::Ascii) } else { self.switched };
        let decoded = match charset {
            Some(charset) => charset.decode(&bytes),
            // A copy: bytes written out in full do not switch the text around them.
            None => { self.decoder }.decode(&bytes),
        };
        if decoded.malformed {
            // A byte of another set than the message's: what was written tells more than U+FFFD.
            self.stray.get_or_insert(self.hexadecimal_start);
            self.keep(self.raw.get(self.hexadecimal_start..end).unwrap_or_default());
        } else {
            self.page.push_str(&decoded.text);
        }
    }
}

/// The set that `\C..\` or `\M..\` designates (HL7 2.5.1 section 2.7.4): the bytes that follow ESC in ISO 2022.
fn set_of(designation: u32) -> Option<Charset> {
    Some(match designation {
        0x2d41 => Charset::Latin1,
        0x2d42 => Charset::Iso8859_2,
        0x2d43 => Charset::Iso8859_3,
        0x2d44 => Charset::Iso8859_4,
        0x2d4c => Charset::Iso8859_5,
        0x2d47 => Charset::Iso8859_6,
        0x2d46 => Charset::Iso8859_7,
        0x2d48 => Charset::Iso8859_8,
        0x2d4d => Charset::Iso8859_9,
        0x2d54 => Charset::Tis620,
        0x2d62 => Charset::Iso8859_15,
        0x2949 => Charset::JisX0201,
        0x2440 | 0x2442 => Charset::JisX0208,
        0x242844 => Charset::JisX0212,
        0x242943 => Charset::EucKr,
        0x242941 => Charset::Gbk,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
