//! The text of a data set.

use telerad_charset::{CharacterSets, Charset, Separators};

use crate::vr;

/// How the text of a data set is written (PS3.3 section C.12.1.1.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repertoire {
    sets: CharacterSets,
    /// Whether (0008,0005) says what the text is, completely.
    declared: bool,
}

impl Default for Repertoire {
    fn default() -> Self {
        Self::of(b"")
    }
}

/// Text and how sure it is.
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) is_doubtful: bool,
}

impl Repertoire {
    /// From the value of (0008,0005).
    pub(crate) fn of(specific_character_set: &[u8]) -> Self {
        let text = String::from_utf8_lossy(specific_character_set);
        let terms = text.trim_matches([' ', '\0']);
        match CharacterSets::from_dicom(terms) {
            Ok(sets) => Self { sets, declared: !terms.is_empty() },
            // With the first value unknown, nothing is known of the bytes that no sequence precedes.
            Err(unknown) => Self { sets: unknown.understood, declared: unknown.position > 1 },
        }
    }

    /// Reads a value of this representation, which decides where code extensions end (PS3.5 section 6.1.2.5.3).
    pub(crate) fn decode(self, bytes: &[u8], vr: [u8; 2]) -> Decoded {
        if bytes.is_ascii() && !bytes.contains(&ESCAPE) {
            let text = String::from_utf8_lossy(bytes).into_owned();
            return Decoded { text, is_doubtful: false };
        }
        if self.declared {
            return self.decode_declared(bytes, vr);
        }
        // Devices that never set (0008,0005) send UTF-8 or Latin-1. Valid UTF-8 is hardly ever anything else; in
        // Latin-1 every byte is a character, so nothing is lost by reading it so. The doubt is reported.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => western(bytes),
        };
        Decoded { text, is_doubtful: true }
    }

    fn decode_declared(self, bytes: &[u8], vr: [u8; 2]) -> Decoded {
        let (first, is_shifted) = (self.sets.first(), bytes.contains(&ESCAPE));
        // Text that means something in Western Europe is never valid UTF-8 by accident.
        let is_western =
            matches!(first, Charset::Latin1 | Charset::Iso8859_9 | Charset::Iso8859_15);
        if is_western
            && !is_shifted
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return Decoded { text: text.to_owned(), is_doubtful: true };
        }
        // Control codes are no text (PS3.5 section 6.1.3): these are the letters that Windows has in their place.
        if first == Charset::Latin1 && !is_shifted && has_c1(bytes) {
            return Decoded { text: western(bytes), is_doubtful: true };
        }
        let decoded = self.sets.decode(bytes, separators(vr));
        let is_control = !is_shifted && first.has_high_controls() && has_c1(bytes);
        Decoded { is_doubtful: decoded.malformed || is_control, text: decoded.text.into_owned() }
    }

    /// Writes a value of this representation; `None` when the sets do not have all of its characters.
    pub(crate) fn encode(self, text: &str, vr: [u8; 2]) -> Option<Vec<u8>> {
        if text.is_ascii() {
            return Some(text.as_bytes().to_vec());
        }
        if self.declared { self.sets.encode(text, separators(vr)).ok() } else { None }
    }
}

/// Which characters give up a set that was switched to.
fn separators(vr: [u8; 2]) -> Separators {
    match &vr {
        b"PN" => Separators::PersonName,
        _ if vr::is_multi_valued_text(vr) => Separators::Values,
        _ => Separators::None,
    }
}

fn has_c1(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| (0x80..=0x9f).contains(byte))
}

/// Latin-1 as devices write it: with the letters of Windows where the standard has control codes.
fn western(bytes: &[u8]) -> String {
    let charset = if has_c1(bytes) { Charset::Windows1252 } else { Charset::Latin1 };
    charset.decode(bytes).text.into_owned()
}

/// The character that switches code elements (ISO 2022).
const ESCAPE: u8 = 0x1B;

#[cfg(test)]
mod tests {
    use super::Repertoire;

    #[track_caller]
    fn check(terms: &str, vr: &[u8; 2], bytes: &[u8], expected: &str, is_doubtful: bool) {
        let repertoire = Repertoire::of(terms.as_bytes());
        let decoded = repertoire.decode(bytes, *vr);
        assert_eq!(
            (decoded.text.as_str(), decoded.is_doubtful),
            (expected, is_doubtful),
            "{terms}"
        );
        if !is_doubtful {
            assert_eq!(repertoire.encode(expected, *vr).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn sets_are_switched_within_a_value_and_given_up_at_its_delimiters() {
        let name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B";
        check("\\ISO 2022 IR 87 ", b"PN", name, "Yamada^Tarou=山田^太郎", false);
        let korean = "ISO 2022 IR 6\\ISO 2022 IR 149";
        check(korean, b"LO", b"\x1b$)C\xb1\xe6\\\x1b$)C\xb5\xbf", "길\\동", false);
        check(korean, b"LT", b"\x1b$)C\xb1\xe6\\^\xb5\xbf", "길\\^동", false);
        check(korean, b"LO", b"\x1b$)C\xb1\xe6\\\xb5", "길\\\u{fffd}", true);
    }

    /// Names as the files of pydicom's character set collection hold them.
    #[test]
    fn real_names_are_read() {
        for (terms, bytes, expected) in [
            ("ISO_IR 127", &b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1"[..], "قباني^لنزار"),
            ("ISO_IR 138", b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
            ("ISO_IR 144", b"\xbb\xee\xdace\xdc\xd1yp\xd3", "Люкceмбypг"),
            ("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
            ("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        ] {
            check(terms, b"PN", bytes, expected, false);
        }
        // Two that say more than they must: the set is back without being called.
        for (terms, bytes, expected) in [
            ("\\ISO 2022 IR 149", &b"\x1b$)C\xb1\xe8\xc8\xf1\xc1\xdf\x1b(B "[..], "김희중 "),
            (
                "ISO 2022 IR 13\\ISO 2022 IR 87 ",
                b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
                "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
            ),
        ] {
            let decoded = Repertoire::of(terms.as_bytes()).decode(bytes, *b"PN");
            assert_eq!((decoded.text.as_str(), decoded.is_doubtful), (expected, false));
        }
    }

    #[test]
    fn what_was_not_declared_is_doubtful() {
        check("ISO_IR 100", b"LO", b"\x1b$B;3\x1b(B", "山", true);
        check("ISO_IR 100\\KLINGON", b"LO", b"\xe9", "é", false);
        check("KLINGON", b"LO", b"\xe9", "é", true);
        check("", b"LO", "é".as_bytes(), "é", true);
        check("ISO_IR 100", b"LO", b"\x80 \x93", "€ “", true);
        check("ISO_IR 127", b"LO", b"\xff", "\u{fffd}", true);
        // UTF-8 labelled as Latin-1, and Windows-1250 labelled as Latin-2.
        check("ISO_IR 100", b"PN", "Müller".as_bytes(), "Müller", true);
        check("ISO_IR 100", b"PN", "Ürün".as_bytes(), "Ürün", true);
        check("ISO_IR 101", b"PN", b"\x8aim\xe1k", "\u{8a}imák", true);
        check("ISO_IR 101", b"PN", b"\xa9im\xe1k", "Šimák", false);
    }

    #[test]
    fn a_second_byte_is_no_backslash() {
        check("GBK", b"LO", b"\x81\x5c\\\xcd\xf5", "乗\\王", false);
        check("GB18030", b"PN", b"\x81\x5e^\xcd\xf5", "乛^王", false);
    }
}
