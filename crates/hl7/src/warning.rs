//! What a sender got wrong and we could read all the same.

mod set;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::Location;

pub use self::set::WarningSet;

/// A deviation from the encoding rules, where it first occurs and how often.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Warning {
    /// What deviates.
    pub kind: WarningKind,
    /// Byte offset in the message of the first occurrence.
    pub offset: usize,
    /// Bytes of the first occurrence; 0 where something is missing.
    pub length: usize,
    /// The segment or field to blame, where one can be named.
    pub location: Option<Location>,
    /// Number of occurrences.
    pub count: usize,
}

impl Warning {
    pub(crate) fn new(kind: WarningKind, span: Range<usize>, location: Option<Location>) -> Self {
        Self { kind, offset: span.start, length: span.len(), location, count: 1 }
    }

    /// The bytes of the message that deviate, at the first occurrence.
    pub fn span(&self) -> Range<usize> {
        self.offset..self.offset + self.length
    }
}

/// Declares the kinds once: the enum, its list and the stable codes.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $text:literal;)*) => {
        /// The deviations that are tolerated.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum WarningKind {
            $($(#[$doc])* $kind,)*
        }

        impl WarningKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name of this kind in configuration and logs. It never changes.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$kind => $code,)*
                }
            }

            const fn text(self) -> &'static str {
                match self {
                    $(Self::$kind => $text,)*
                }
            }
        }
    };
}

kinds! {
    /// Empty lines between segments.
    BlankLine = "blank-line", "empty line";
    /// The bytes contradict MSH-18: valid UTF-8 labelled as a Western single-byte set, which is read as UTF-8, or
    /// invalid UTF-8 labelled as UTF-8, whose malformed sequences read as U+FFFD; control codes where ISO 8859 has no
    /// letters; a set that was switched to in one value and relied on in the next, which begins in the first set.
    CharsetContradicted = "charset-contradicted", "bytes contradict the character set of MSH-18";
    /// Bytes above 7FH although MSH-18 says ASCII or nothing; read as UTF-8 if all of them are, else as Latin-1.
    CharsetUndeclared = "charset-undeclared", "bytes above 7FH without a character set in MSH-18";
    /// MSH-18 names a set that is not known; read as if it named none.
    CharsetUnknown = "charset-unknown", "unknown character set in MSH-18";
    /// ADD or DSC: the message continues elsewhere (HL7 2.5.1 section 2.10.2), and is not joined here; see
    /// [`continuation`](crate::continuation).
    Continuation = "continuation", "continuation segment";
    /// A control code inside a field other than tab, line feed and ESC. Found by [`check`](crate::Message::check).
    ControlCode = "control-code", "control code in a field";
    /// MSH-2 is shorter or longer than the standard allows, or repeats a character.
    EncodingCharacters = "encoding-characters", "unusual encoding characters in MSH-2";
    /// An escape character that begins no sequence of the standard. It is kept as text. Found by
    /// [`check`](crate::Message::check).
    Escape = "escape", "escape character without a sequence";
    /// Blanks, tabs or frame bytes before a segment id; they belong to no field.
    IndentedSegment = "indented-segment", "blanks before a segment";
    /// Bytes before MSH: a byte order mark, frame bytes, or anything else.
    LeadingBytes = "leading-bytes", "bytes before MSH";
    /// A line feed inside a segment; it is kept as text, because what follows it is no segment.
    LineFeedInText = "line-feed-in-text", "line feed inside a segment";
    /// Segments ended by line feed, with or without carriage return (HL7 2.5.1 section 2.5.2 allows only CR).
    LineFeedTerminator = "line-feed-terminator", "segment ended by line feed";
    /// A segment id in small letters, which is read as in capitals.
    LowerCaseId = "lower-case-id", "segment id in small letters";
    /// Bytes that are no text in the character set of the message, and read as U+FFFD. Found by
    /// [`check`](crate::Message::check).
    MalformedText = "malformed-text", "bytes that are no text in the character set";
    /// The last segment has no terminator.
    MissingTerminator = "missing-terminator", "last segment without terminator";
    /// Another MSH in the same message: two messages in one frame.
    SecondHeader = "second-header", "second MSH";
    /// A line that is no segment, such as text after an unescaped carriage return. Its text belongs to no field, so a
    /// reader that must not lose text treats this as a fault.
    StrayLine = "stray-line", "line that is no segment";
    /// Frame bytes (VT, FS or NUL) after the last segment, whose terminator may be lost: they belong to no field.
    TrailingBytes = "trailing-bytes", "frame bytes after the last segment";
    /// Component or subcomponent delimiters in running text (OBX-5 of type FT, ST or TX, NTE-3), which the sender
    /// forgot to escape; read such fields with `whole_text`. Found by [`check`](crate::Message::check).
    UnescapedDelimiter = "unescaped-delimiter", "delimiter in running text";
}

impl WarningKind {
    /// Whether only [`check`](crate::Message::check) finds it.
    pub const fn needs_contents(self) -> bool {
        matches!(
            self,
            Self::ControlCode | Self::Escape | Self::MalformedText | Self::UnescapedDelimiter
        )
    }
}

/// Not the code of a [`WarningKind`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not the code of a warning")]
pub struct InvalidWarningKind;

impl FromStr for WarningKind {
    type Err = InvalidWarningKind;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        let mut kinds = Self::ALL.iter().copied();
        kinds.find(|kind| kind.code() == code).ok_or(InvalidWarningKind)
    }
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(location) = self.location {
            write!(f, " at {location}, byte {}", self.offset)?;
        } else {
            write!(f, " at byte {}", self.offset)?;
        }
        if self.count > 1 { write!(f, " ({} times)", self.count) } else { Ok(()) }
    }
}
