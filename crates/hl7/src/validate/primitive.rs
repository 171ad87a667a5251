//! Values of primitive types.

use crate::datatype::Ts;

/// Whether a value is one of its type; `None` for types that take any text.
pub(super) fn is_valid(datatype: &str, text: &str) -> Option<bool> {
    let text = text.trim();
    Some(match datatype {
        "NM" => is_number(text),
        "SI" => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        "DT" => matches!(text.len(), 4 | 6 | 8) && is_time_stamp(text),
        "TM" => is_time(text),
        "DTM" => is_time_stamp(text),
        _ => return None,
    })
}

/// `[+-]digits[.digits]` (HL7 2.5.1 section 2.A.48).
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

fn is_time_stamp(text: &str) -> bool {
    Ts { time: text.to_owned(), ..Ts::default() }.exact().is_ok()
}

/// `HH[MM[SS[.SSSS]]][+/-ZZZZ]` (HL7 2.5.1 section 2.A.77).
fn is_time(text: &str) -> bool {
    is_time_stamp(&format!("20000101{text}")) && text.len() >= 2
}
