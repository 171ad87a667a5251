//! Encapsulated and referenced data.

use std::fmt;

use super::composite::{Composite, Datatype, composite};
use super::{Base64, Hd, InvalidBase64};

composite! {
    /// RP, a pointer to data that is elsewhere (HL7 2.5.1 section 2.A.67), and ZDS-1 of IHE RAD-4.
    Rp {
        /// RP-1: an address, a file name or, in ZDS-1, the Study Instance UID.
        1 pointer: String,
        /// RP-2
        2 application_id: Hd,
        /// RP-3, table 0191.
        3 type_of_data: String,
        /// RP-4, table 0291.
        4 subtype: String,
    }
}

/// ED, encapsulated data (HL7 2.5.1 section 2.A.24): a view, since the data may be tens of megabytes.
#[derive(Clone)]
pub struct Ed<'a> {
    /// ED-1
    pub source_application: Hd,
    /// ED-2, table 0191, such as `application`, `AP`, `TEXT`.
    pub type_of_data: String,
    /// ED-3, table 0291, such as `pdf`.
    pub data_subtype: String,
    /// ED-4, table 0299: `A`, `Hex` or `Base64`.
    pub encoding: String,
    data: Composite<'a>,
}

/// What encapsulated data is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MediaType {
    /// DICOM objects.
    Dicom,
    /// HTML.
    Html,
    /// JPEG, GIF, PNG or TIFF images.
    Image,
    /// Anything else.
    Other,
    /// PDF.
    Pdf,
    /// Plain text.
    Plain,
    /// Rich text.
    Rtf,
    /// XML, among it clinical documents.
    Xml,
}

/// Why encapsulated data could not be taken out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The data is not what ED-4 says.
    #[error(transparent)]
    Base64(#[from] InvalidBase64),
    /// Hexadecimal data has an odd digit or something that is none.
    #[error("no hexadecimal data")]
    Hexadecimal,
    /// More bytes than the caller allowed.
    #[error("encapsulated data is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit that was given.
        bytes_max: usize,
    },
}

impl<'a> Ed<'a> {
    /// Reads a repetition of OBX-5. Data that stands alone in the first component is taken as the data.
    pub fn read(from: impl Into<Composite<'a>>) -> Self {
        let from = from.into();
        let text = |n| String::read(from.part(n));
        let (encoding, mut data) = (text(4), from.part(5));
        let mut source_application = Hd::read(from.part(1));
        if data.raw().is_empty() && text(2).is_empty() && looks_encoded(from.part(1).raw()) {
            data = from.part(1);
            source_application = Hd::default();
        }
        Self { source_application, type_of_data: text(2), data_subtype: text(3), encoding, data }
    }

    /// The data as it stands in the message, encoded.
    pub fn raw(&self) -> &'a [u8] {
        self.data.raw()
    }

    /// Where the encoded data stands in the message.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.data.span()
    }

    /// Whether the data is to be read as base64: ED-4 says so, or says nothing or the opposite of data that plainly is.
    pub fn is_base64(&self) -> bool {
        match self.encoding.to_ascii_lowercase().as_str() {
            "base64" => true,
            "hex" => false,
            _ => looks_encoded(self.raw()),
        }
    }

    /// Reads base64 piece by piece.
    pub fn base64(&self) -> Base64<'a> {
        Base64::new(self.raw(), self.data.escape_character())
    }

    /// The decoded data as a whole, whichever encoding it has.
    ///
    /// # Errors
    /// [`DataError`] when it is not what ED-4 says, or larger than `bytes_max`.
    pub fn bytes(&self, bytes_max: usize) -> Result<Vec<u8>, DataError> {
        if self.is_base64() {
            return self.base64_bytes(bytes_max);
        }
        let bytes = if self.encoding.eq_ignore_ascii_case("hex") {
            hexadecimal(self.raw()).ok_or(DataError::Hexadecimal)?
        } else {
            self.data.text().into_owned().into_bytes()
        };
        if bytes.len() > bytes_max { Err(DataError::TooLarge { bytes_max }) } else { Ok(bytes) }
    }

    fn base64_bytes(&self, bytes_max: usize) -> Result<Vec<u8>, DataError> {
        let expected = (self.raw().len() / 4).saturating_mul(3);
        let mut bytes = Vec::with_capacity(expected.min(bytes_max));
        let mut reader = self.base64();
        let mut piece = [0; 4096];
        loop {
            let length = reader.read(&mut piece)?;
            if length == 0 {
                return Ok(bytes);
            }
            if bytes.len().saturating_add(length) > bytes_max {
                return Err(DataError::TooLarge { bytes_max });
            }
            bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
        }
    }

    /// What the data is: by ED-3, else by ED-2 and ED-1, where senders put it by mistake, else by its first bytes.
    pub fn media_type(&self) -> MediaType {
        let labels =
            [&self.data_subtype, &self.type_of_data, &self.source_application.namespace_id];
        labels
            .into_iter()
            .find_map(|label| by_label(label))
            .or_else(|| by_content(self.raw()))
            .unwrap_or(MediaType::Other)
    }
}

impl fmt::Debug for Ed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed({:?}, {} bytes, <redacted>)", self.media_type(), self.raw().len())
    }
}

fn by_label(label: &str) -> Option<MediaType> {
    Some(match label.to_ascii_lowercase().as_str() {
        "pdf" | "application/pdf" => MediaType::Pdf,
        "xml" | "text/xml" | "x-hl7-cda-level-one" | "cda" => MediaType::Xml,
        "html" | "text/html" => MediaType::Html,
        "rtf" | "text/rtf" | "application/rtf" => MediaType::Rtf,
        "jpeg" | "jpg" | "gif" | "png" | "tiff" | "image" | "im" => MediaType::Image,
        "dicom" => MediaType::Dicom,
        "plain" | "txt" | "text/plain" | "text" | "tx" | "ft" => MediaType::Plain,
        _ => return None,
    })
}

/// How well-known files begin in base64.
const BEGINNINGS: [(&[u8], MediaType); 6] = [
    (b"JVBERi0", MediaType::Pdf),
    (b"PD94bWw", MediaType::Xml),
    (b"e1xydGY", MediaType::Rtf),
    (b"/9j/", MediaType::Image),
    (b"iVBORw0KGgo", MediaType::Image),
    (b"R0lGOD", MediaType::Image),
];

fn by_content(raw: &[u8]) -> Option<MediaType> {
    let beginning = BEGINNINGS.iter().find(|(bytes, _)| raw.starts_with(bytes));
    beginning.map(|(_, media_type)| *media_type)
}

fn looks_encoded(raw: &[u8]) -> bool {
    raw.len() > 8 && by_content(raw).is_some()
}

fn hexadecimal(raw: &[u8]) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Option<Vec<u8>> =
        raw.iter().filter(|byte| !byte.is_ascii_whitespace()).map(digit).collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
