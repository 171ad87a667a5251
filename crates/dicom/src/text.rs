//! The text of a data set.

use telerad_charset::Charset;

/// How the text of a data set is written (PS3.3 section C.12.1.1.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repertoire {
    charset: Charset,
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
    /// From the value of (0008,0005). Of several values, which announce code extensions, only the first is used;
    /// text that switches to another is doubtful.
    pub(crate) fn of(specific_character_set: &[u8]) -> Self {
        let text = String::from_utf8_lossy(specific_character_set);
        let first = text.split('\\').next().unwrap_or("").trim_matches([' ', '\0']);
        let charset = Charset::from_dicom(first);
        Self {
            charset: charset.unwrap_or(Charset::Ascii),
            declared: charset.is_some() && !first.is_empty(),
        }
    }

    pub(crate) fn decode(self, bytes: &[u8]) -> Decoded {
        if bytes.is_ascii() && !bytes.contains(&ESCAPE) {
            let text = String::from_utf8_lossy(bytes).into_owned();
            return Decoded { text, is_doubtful: false };
        }
        if self.declared {
            let decoded = self.charset.decode(bytes);
            let is_doubtful = decoded.malformed || bytes.contains(&ESCAPE);
            return Decoded { text: decoded.text.into_owned(), is_doubtful };
        }
        // Devices that never set (0008,0005) send UTF-8 or Latin-1. Valid UTF-8 is hardly ever anything else; in
        // Latin-1 every byte is a character, so nothing is lost by reading it so. The doubt is reported.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => Charset::Latin1.decode(bytes).text.into_owned(),
        };
        Decoded { text, is_doubtful: true }
    }

    pub(crate) fn encode(self, text: &str) -> Option<Vec<u8>> {
        if text.is_ascii() {
            return Some(text.as_bytes().to_vec());
        }
        if self.declared { self.charset.encode(text).ok() } else { None }
    }
}

/// The character that switches code elements (ISO 2022).
const ESCAPE: u8 = 0x1B;
