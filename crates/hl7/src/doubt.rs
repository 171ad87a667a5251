//! How far the text of one value can be trusted.

use telerad_charset::Separators;

use crate::sets::ends_of_values;
use crate::{Field, Message, WarningKind};

/// Why the text of a value may not be what its sender wrote.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TextDoubt {
    /// The bytes contradict MSH-18, or MSH-18 names no known set: the value was read by the set that its bytes fit.
    Guessed,
    /// Some bytes are no text in the set the value was read by, or a set was carried over from the value before: letters
    /// are lost or are others.
    Lost,
}

/// In words without the value.
impl std::fmt::Display for TextDoubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Guessed => "bytes contradict the character set: read by the one they fit",
            Self::Lost => "bytes contradict the character set: letters are lost",
        })
    }
}

impl Message {
    /// Whether the text of a field is in doubt, for those who must not take one patient for another. The
    /// [`warnings`](Self::warnings) say that of a message, and not of which fields.
    ///
    /// Bytes above 7FH without any set in MSH-18 contradict nothing and are no doubt here.
    pub fn doubt(&self, field: Field<'_>) -> Option<TextDoubt> {
        let is_doubt =
            |kind| matches!(kind, WarningKind::CharsetContradicted | WarningKind::CharsetUnknown);
        let warned = self.warnings().iter().find(|warning| is_doubt(warning.kind));
        let raw = field.raw();
        if raw.is_ascii() && warned.is_none() {
            return None;
        }
        let own = self.character_sets().decode(raw, ends_of_values(self.delimiters()));
        // ISO 8859 has control codes where other sets have letters.
        let is_lost = |letter: char| matches!(letter, '\u{80}'..='\u{9f}' | '\u{fffd}');
        if own.text.contains(is_lost) {
            return Some(TextDoubt::Lost);
        }
        let warned = warned?;
        let shifts = warned.kind == WarningKind::CharsetContradicted
            && memchr::memchr(ESCAPE, self.as_bytes()).is_some();
        if shifts {
            let before = self.as_bytes().get(..field.span().end).unwrap_or_default();
            let carried = self.character_sets().decode(before, Separators::None);
            if !carried.text.ends_with(&*own.text) {
                return Some(TextDoubt::Lost);
            }
        }
        (own.malformed || !raw.is_ascii()).then_some(TextDoubt::Guessed)
    }
}

const ESCAPE: u8 = 0x1b;

#[cfg(test)]
mod tests {
    use super::TextDoubt;
    use crate::Message;

    /// The doubts about PID-3 and PID-5.
    #[track_caller]
    fn check(set: &str, pid: &[u8], expected: [Option<TextDoubt>; 2]) {
        let head = format!("MSH|^~\\&|A||||||ADT^A08|1|P|2.5||||||{set}\rPID|||");
        let message = Message::parse([head.as_bytes(), pid, b"\r"].concat()).unwrap();
        let pid = message.segment("PID").unwrap();
        assert_eq!([3, 5].map(|n| message.doubt(pid.field(n))), expected);
    }

    #[test]
    fn a_label_that_is_kept_leaves_no_doubt() {
        check("UNICODE UTF-8", "1||MÜLLER".as_bytes(), [None, None]);
        check("8859/1", b"1||M\xdcLLER", [None, None]);
        check("", b"1||M\xdcLLER", [None, None]);
        check("~ISO IR87", b"1||YAMADA=\x1b$B;3ED\x1b(B", [None, None]);
    }

    #[test]
    fn only_the_field_with_the_bytes_is_in_doubt() {
        use TextDoubt::{Guessed, Lost};
        check("8859/1", "1||MÜLLER".as_bytes(), [None, Some(Guessed)]);
        check("8859/1", "Ü1||MULLER".as_bytes(), [Some(Guessed), None]);
        check("UNICODE UTF-8", b"1||M\xdcLLER", [None, Some(Lost)]);
        check("8859/2", b"1||M\x8aLLER", [None, Some(Lost)]);
        check("KLINGON", "1||MÜLLER".as_bytes(), [None, Some(Guessed)]);
        check("KLINGON", b"1||MULLER", [None, None]);
    }

    #[test]
    fn utf8_under_another_name_is_in_doubt_though_its_bytes_have_a_meaning() {
        let guessed = [None, Some(TextDoubt::Guessed)];
        check("8859/2", "1||Šimek^Tomáš".as_bytes(), guessed);
        check("8859/5", "1||анна".as_bytes(), guessed);
        check("8859/7", "1||Müller".as_bytes(), guessed);
        // Valid UTF-8 too, and what it says: RŮŽENA, PÓŁ.
        check("8859/2", b"1||R\xd9\xaeENA^P\xd3\xa3", [None, None]);
        check("8859/5", b"1||\xc2\xb0\xcf", [None, None]);
    }

    #[test]
    fn a_set_carried_over_makes_the_next_value_doubtful() {
        let sets = "8859/1~KS X 1001";
        check(sets, b"1||\x1b$)C\xfb\xf3^\xd1\xce", [None, Some(TextDoubt::Lost)]);
        let both = [Some(TextDoubt::Guessed), Some(TextDoubt::Lost)];
        check(sets, b"1^\x1b$)C\xfb\xf3||\xd1\xce", both);
        check(sets, b"1||\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce", [None, None]);
    }
}
