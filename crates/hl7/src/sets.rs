//! Which character sets a message is read by.

use memchr::memchr;
use telerad_charset::{CharacterSets, Charset, Separators, Survey};

use crate::mislabelled::is_nonsense;
use crate::{Delimiters, WarningKind};

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
pub(crate) fn declared(header: &[u8], delimiters: Delimiters) -> &[u8] {
    let separator = delimiters.field;
    if !header.is_ascii() {
        for charset in [Charset::Gb18030, Charset::ShiftJis] {
            let field = field(header, 17, |bytes| charset.find(separator, bytes));
            let named = std::str::from_utf8(field).ok().and_then(Charset::from_hl7);
            if named.is_some_and(|named| !named.is_splittable() && !named.is_extensible()) {
                return field;
            }
        }
    }
    if memchr(ESCAPE, header).is_some() {
        let field = field(header, 17, |bytes| Charset::Iso2022Jp.find(separator, bytes));
        if names(field, delimiters)
            .any(|name| Charset::from_hl7(name).is_some_and(|named| !named.is_splittable()))
        {
            return field;
        }
    }
    field(header, 17, |bytes| bytes.iter().position(|&byte| byte == separator))
}

/// The repetitions of MSH-18 (HL7 2.5.1 section 2.15.9.18). Null says as little about the set as nothing does.
fn names(declared: &[u8], delimiters: Delimiters) -> impl Iterator<Item = &str> {
    declared.split(move |&byte| Some(byte) == delimiters.repetition).map(|name| match name {
        b"\"\"" => "",
        // No name has bytes above 7FH, so that what is no text is an unknown name.
        _ => std::str::from_utf8(name).unwrap_or("?"),
    })
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

/// Whether the bytes are the same text in every set.
pub(crate) fn is_plain(message: &[u8]) -> bool {
    message.is_ascii() && memchr(ESCAPE, message).is_none()
}

/// Chooses by MSH-18 as declared and by the bytes of the message.
pub(crate) fn choose(message: &[u8], declared: &[u8], delimiters: Delimiters) -> Choice {
    let named = CharacterSets::from_hl7(names(declared, delimiters));
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
        (_, Some(shift)) => shifted(message, shift, sets, delimiters),
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
fn shifted(
    message: &[u8],
    shift: usize,
    sets: CharacterSets,
    delimiters: Delimiters,
) -> (CharacterSets, Doubt) {
    let doubt = Some((WarningKind::CharsetContradicted, shift));
    match sets.survey(message, ends_of_values(delimiters)) {
        Survey::Sound => return (sets, None),
        // Every value begins in the first set. A sender that goes on in another one meant something else.
        Survey::CarriedOver => return (sets, doubt),
        Survey::Malformed(_) => {}
    }
    // Splitting must know of a two-byte set below 80H even if nobody announced it.
    let japanese = [Charset::Iso2022Jp, Charset::JisX0212];
    let is_japanese = [&b"\x1b$B"[..], b"\x1b$@", b"\x1b$(D", b"\x1b(I"].iter().any(|sequence| {
        message.get(shift..).is_some_and(|rest| memchr::memmem::find(rest, sequence).is_some())
    });
    let sets = if is_japanese {
        CharacterSets::new(sets.first(), sets.iter().skip(1).chain(japanese))
    } else {
        sets
    };
    (sets, doubt)
}

/// Where a value ends, and with it the set that it switched to.
pub(crate) fn ends_of_values(delimiters: Delimiters) -> Separators {
    let Delimiters { field, component, repetition, subcomponent, .. } = delimiters;
    let ends = [component, repetition, subcomponent].map(|byte| byte.unwrap_or(field));
    let [component, repetition, subcomponent] = ends;
    Separators::Delimiters([field, component, repetition, subcomponent])
}

/// Bytes above 7FH from `high` on, and no escape sequences.
fn unshifted(message: &[u8], high: usize, sets: CharacterSets) -> (CharacterSets, Doubt) {
    let bytes = message.get(high..).unwrap_or_default();
    let is_utf8 = std::str::from_utf8(bytes).is_ok();
    let is_c1 = |byte: &u8| (0x80..=0x9f).contains(byte);
    let chunks = || bytes.chunks(CHUNK).enumerate().filter(|(_, chunk)| !chunk.is_ascii());
    let first_c1 =
        || chunks().find_map(|(n, chunk)| Some(n * CHUNK + chunk.iter().position(is_c1)?));
    let has_c1 = || first_c1().is_some();
    let first_malformed = || Some(high + sets.first().first_malformed(bytes)?);
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
            None if is_utf8 && is_nonsense(first, message) => (utf8, contradicted),
            Some(offset) => (sets, Some((WarningKind::CharsetContradicted, offset))),
            None if first.has_high_controls() => match first_c1() {
                Some(_) if is_utf8 => (utf8, contradicted),
                // Letters of another set, most often of Windows; of which one, nothing tells.
                Some(offset) => (sets, Some((WarningKind::CharsetContradicted, high + offset))),
                None => (sets, None),
            },
            None => (sets, None),
        },
    }
}

type Doubt = Option<(WarningKind, usize)>;

const ESCAPE: u8 = 0x1b;

/// Of so many bytes it is told at once whether they are ASCII.
const CHUNK: usize = 64;
