//! MSH-1 and MSH-2.

/// The delimiters of one message (HL7 2.5.1 section 2.5.4). `None` where MSH-2 does not define one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Delimiters {
    /// Between fields; MSH-1.
    pub field: u8,
    /// Between components; first character of MSH-2.
    pub component: Option<u8>,
    /// Between repetitions; second character of MSH-2.
    pub repetition: Option<u8>,
    /// Around escape sequences; third character of MSH-2.
    pub escape: Option<u8>,
    /// Between subcomponents; fourth character of MSH-2.
    pub subcomponent: Option<u8>,
    /// After a truncated value; fifth character of MSH-2, from version 2.7, and seen in 2.5.1 feeds.
    pub truncation: Option<u8>,
}

impl Delimiters {
    /// `|^~\&`, as nearly everybody sends them.
    pub const STANDARD: Self = Self {
        field: b'|',
        component: Some(b'^'),
        repetition: Some(b'~'),
        escape: Some(b'\\'),
        subcomponent: Some(b'&'),
        truncation: None,
    };

    /// Reads MSH-2 as it stands; the second value is false when it had to be read leniently.
    ///
    /// Doubled characters (`^~\\&`, escaped once too often by a sender's string literal) count once, and letters,
    /// digits and control codes are no delimiters. `^~&`, where the same habit swallowed the backslash, is read
    /// as components, repetitions and subcomponents without an escape character: one that is not declared is
    /// not invented.
    pub(crate) fn read(field: u8, encoding_characters: &[u8]) -> (Self, bool) {
        let mut found = [None; 5];
        let mut count = 0;
        let mut clean = true;
        for &byte in encoding_characters {
            let usable = byte.is_ascii_punctuation() && byte != field && byte != b'"';
            if !usable || found.contains(&Some(byte)) {
                clean = false;
                continue;
            }
            let Some(place) = found.get_mut(count) else {
                clean = false;
                break;
            };
            *place = Some(byte);
            count += 1;
        }
        let [component, repetition, escape, subcomponent, truncation] = found;
        let delimiters = Self { field, component, repetition, escape, subcomponent, truncation };
        if encoding_characters == b"^~&" {
            return (Self { escape: None, subcomponent: Some(b'&'), ..delimiters }, false);
        }
        (delimiters, clean && count >= 4)
    }

    /// MSH-2 as it is written: the delimiters that exist, in order, up to the first missing one.
    pub fn encoding_characters(&self) -> String {
        let all =
            [self.component, self.repetition, self.escape, self.subcomponent, self.truncation];
        all.into_iter().map_while(|byte| byte.map(char::from)).collect()
    }
}

impl Default for Delimiters {
    fn default() -> Self {
        Self::STANDARD
    }
}
