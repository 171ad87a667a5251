//! Which character sets a message is read by.

use memchr::memchr;
use telerad_charset::{CharacterSets, Charset, Separators};

use crate::WarningKind;

/// The sets to read by, whether delimiters stand for themselves everywhere, and a reason to doubt.
pub(crate) struct Choice {
    pub(crate) sets: CharacterSets,
    pub(crate) is_splittable: bool,
    /// With the offset of the first byte that shows it.
    pub(crate) doubt: Option<(WarningKind, usize)>,
}

/// MSH-18, of a header that cannot be split before it is known. A name of a facility before it may hold the field
/// separator as the second byte of a character, so splitting is tried as the sets where that happens would have it, and
/// believed when the field then found names such a set.
pub(crate) fn declared(header: &[u8], separator: u8) -> &[u8] {
    if !header.is_ascii() {
        for charset in [Charset::Gb18030, Charset::ShiftJis] {
            let field = field(header, 17, |bytes| charset.find(separator, bytes));
            let named = std::str::from_utf8(field).ok().and_then(Charset::from_hl7);
            if named.is_some_and(|named| !named.is_splittable() && !named.is_extensible()) {
                return field;
            }
        }
    }
    field(header, 17, |bytes| bytes.iter().position(|&byte| byte == separator))
}

fn field(header: &[u8], index: usize, find: impl Fn(&[u8]) -> Option<usize>) -> &[u8] {
    let mut rest = header;
    for _ in 0..index {
        let Some((_, tail)) = find(rest).and_then(|end| rest.split_at_checked(end + 1)) else {
            return &[];
        };
        rest = tail;
    }
    rest.get(..find(rest).unwrap_or(rest.len())).unwrap_or_default()
}

/// Chooses by MSH-18 as declared, which may repeat (HL7 2.5.1 section 2.15.9.18), and by the bytes of the message.
pub(crate) fn choose(message: &[u8], declared: &[u8], repetition: Option<u8>) -> Choice {
    let names = declared.split(|&byte| Some(byte) == repetition);
    // No name has bytes above 7FH, so that what is no text is an unknown name.
    let named = CharacterSets::from_hl7(names.map(|name| std::str::from_utf8(name).unwrap_or("?")));
    let (sets, unknown) = match named {
        Ok(sets) => (sets, None),
        Err(unknown) => (unknown.understood, Some(WarningKind::CharsetUnknown)),
    };
    let high = match message.is_ascii() {
        true => None,
        false => message.iter().position(|byte| !byte.is_ascii()),
    };
    let shift = if sets.first().is_extensible() { memchr(ESCAPE, message) } else { None };
    let (sets, doubt) = match (high, shift) {
        (None, None) => (sets, None),
        (_, Some(shift)) => shifted(message, shift, sets),
        (Some(high), None) => unshifted(message, high, sets),
    };
    let doubt = match (unknown, doubt) {
        (Some(kind), _) => Some((kind, high.unwrap_or(0))),
        (None, doubt) => doubt,
    };
    let is_plain = high.is_none() && shift.is_none();
    Choice { sets, is_splittable: is_plain || sets.is_splittable(), doubt }
}

/// With escape sequences of ISO 2022, to sets declared or not.
fn shifted(message: &[u8], shift: usize, sets: CharacterSets) -> (CharacterSets, Doubt) {
    if !sets.decode(message, Separators::None).malformed {
        return (sets, None);
    }
    // Splitting must know of a two-byte set below 80H even if nobody announced it.
    let japanese = [Charset::Iso2022Jp, Charset::JisX0212];
    let is_japanese = [&b"\x1b$B"[..], b"\x1b$@", b"\x1b$(D"].iter().any(|sequence| {
        message.get(shift..).is_some_and(|rest| memchr::memmem::find(rest, sequence).is_some())
    });
    let others: Vec<Charset> = sets.iter().skip(1).collect();
    let sets = if is_japanese {
        CharacterSets::new(sets.first(), others.into_iter().chain(japanese))
    } else {
        sets
    };
    (sets, Some((WarningKind::CharsetContradicted, shift)))
}

/// Bytes above 7FH from `high` on, and no escape sequences.
fn unshifted(message: &[u8], high: usize, sets: CharacterSets) -> (CharacterSets, Doubt) {
    let bytes = message.get(high..).unwrap_or_default();
    let is_utf8 = std::str::from_utf8(bytes).is_ok();
    let has_c1 = || bytes.iter().any(|byte| (0x80..=0x9f).contains(byte));
    let first_malformed = || {
        let decoded = sets.first().decode(bytes);
        decoded.malformed_at.first().map(|place| high + place.start)
    };
    let contradicted = Some((WarningKind::CharsetContradicted, high));
    let utf8 = CharacterSets::from(Charset::Utf8);
    match sets.first() {
        Charset::Ascii => {
            let charset = match (is_utf8, has_c1()) {
                (true, _) => Charset::Utf8,
                (false, false) => Charset::Latin1,
                // ISO 8859 has control codes there, which are no text; these are the letters of Windows.
                (false, true) => Charset::Windows1252,
            };
            (CharacterSets::from(charset), Some((WarningKind::CharsetUndeclared, high)))
        }
        // Text that means something in Western Europe is never valid UTF-8 by accident.
        Charset::Latin1 | Charset::Iso8859_9 | Charset::Iso8859_15 | Charset::Windows1252
            if is_utf8 =>
        {
            (utf8, contradicted)
        }
        Charset::Latin1 if has_c1() => (CharacterSets::from(Charset::Windows1252), contradicted),
        Charset::Utf8 if is_utf8 => (sets, None),
        first => match first_malformed() {
            // In the other sets it may be by accident, unless the bytes make no sense there.
            Some(_) if is_utf8 => (utf8, contradicted),
            Some(offset) => (sets, Some((WarningKind::CharsetContradicted, offset))),
            None if is_utf8 && has_control_codes(first) && has_c1() => (utf8, contradicted),
            None => (sets, None),
        },
    }
}

/// Parts of ISO 8859, where 80H to 9FH hold no text.
fn has_control_codes(charset: Charset) -> bool {
    charset.is_extensible()
        && !matches!(charset, Charset::EucKr | Charset::Gb2312 | Charset::JisX0201)
}

type Doubt = Option<(WarningKind, usize)>;

const ESCAPE: u8 = 0x1b;
