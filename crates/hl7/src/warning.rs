//! What a sender got wrong and we could read all the same.

/// A deviation from the encoding rules, where it first occurs and how often.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Warning {
    /// What deviates.
    pub kind: WarningKind,
    /// Byte offset in the message of the first occurrence.
    pub offset: usize,
    /// Number of occurrences.
    pub count: usize,
}

/// The deviations that are tolerated.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum WarningKind {
    /// Empty lines between segments.
    BlankLine,
    /// The bytes contradict MSH-18: valid UTF-8 labelled as a Western single-byte set, which is read as UTF-8, or
    /// invalid UTF-8 labelled as UTF-8, whose malformed sequences read as U+FFFD.
    CharsetContradicted,
    /// Bytes above 7FH although MSH-18 says ASCII or nothing; read as UTF-8 if all of them are, else as Latin-1.
    CharsetUndeclared,
    /// MSH-18 names a set that is not known; read as if it named none.
    CharsetUnknown,
    /// ADD or DSC: the message continues elsewhere (HL7 2.5.1 section 2.10.2), and is not joined here.
    Continuation,
    /// MSH-2 is shorter or longer than the standard allows, or repeats a character.
    EncodingCharacters,
    /// Bytes before MSH: a byte order mark, frame bytes, or anything else.
    LeadingBytes,
    /// Segments ended by line feed, with or without carriage return (HL7 2.5.1 section 2.5.2 allows only CR).
    LineFeedTerminator,
    /// A line feed inside a segment; it is kept as text, because what follows it is no segment.
    LineFeedInText,
    /// The last segment has no terminator.
    MissingTerminator,
    /// Another MSH in the same message: two messages in one frame.
    SecondHeader,
    /// A line that is no segment, such as text after an unescaped carriage return. Its text belongs to no field, so a
    /// reader that must not lose text treats this as a fault.
    StrayLine,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            WarningKind::BlankLine => "empty line",
            WarningKind::CharsetContradicted => "bytes contradict the character set of MSH-18",
            WarningKind::CharsetUndeclared => "bytes above 7FH without a character set in MSH-18",
            WarningKind::CharsetUnknown => "unknown character set in MSH-18",
            WarningKind::Continuation => "continuation segment",
            WarningKind::EncodingCharacters => "unusual encoding characters in MSH-2",
            WarningKind::LeadingBytes => "bytes before MSH",
            WarningKind::LineFeedTerminator => "segment ended by line feed",
            WarningKind::LineFeedInText => "line feed inside a segment",
            WarningKind::MissingTerminator => "last segment without terminator",
            WarningKind::SecondHeader => "second MSH",
            WarningKind::StrayLine => "line that is no segment",
        };
        write!(f, "{kind} at byte {}", self.offset)?;
        if self.count > 1 { write!(f, " ({} times)", self.count) } else { Ok(()) }
    }
}
