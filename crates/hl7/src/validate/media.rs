//! What kind of file ED and RP hold.
//!
//! Tables 0191 and 0291 of 2.3.1 and 2.5.1 list what HL7 had of its own, and no PDF. IHE RAD-128 asks for
//! `application^pdf^Base64`, the names of MIME, which later versions of HL7 took over as the table of ED-2.

/// Whether ED-2 or RP-3 is a top-level media type (RFC 2046, RFC 2077). Case does not count in MIME.
pub(super) fn is_type(text: &str) -> bool {
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(text.trim()))
}

/// Whether ED-3 or RP-4 can be a subtype. The registered ones grow by the week, so that of a media type only the spelling
/// is looked at; HL7's own types (`AP^PDF`) go with PDF as well.
pub(super) fn is_subtype(type_of_data: &str, text: &str) -> bool {
    let text = text.trim();
    let is_token = !text.is_empty() && text.bytes().all(is_token_byte);
    is_token && (is_type(type_of_data) || text.eq_ignore_ascii_case("pdf"))
}

/// RFC 6838 section 4.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte)
}

const TYPES: [&str; 8] =
    ["application", "audio", "image", "message", "model", "multipart", "text", "video"];
