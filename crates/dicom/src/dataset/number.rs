//! Binary values as text and back.

use dicom_core::{PrimitiveValue, Tag, VR};

/// The numbers of a binary value, separated by `\`; `None` when the representation is not numeric or the length is no
/// multiple of its size.
pub(super) fn text_of(bytes: &[u8], vr: VR, big: bool) -> Option<String> {
    match vr {
        VR::US => join(bytes, big, |b: [u8; 2]| u16::from_le_bytes(b)),
        VR::SS => join(bytes, big, |b: [u8; 2]| i16::from_le_bytes(b)),
        VR::UL => join(bytes, big, |b: [u8; 4]| u32::from_le_bytes(b)),
        VR::SL => join(bytes, big, |b: [u8; 4]| i32::from_le_bytes(b)),
        VR::UV => join(bytes, big, |b: [u8; 8]| u64::from_le_bytes(b)),
        VR::SV => join(bytes, big, |b: [u8; 8]| i64::from_le_bytes(b)),
        VR::FL => join(bytes, big, |b: [u8; 4]| f32::from_le_bytes(b)),
        VR::FD => join(bytes, big, |b: [u8; 8]| f64::from_le_bytes(b)),
        VR::AT => tags(bytes, big),
        _ => None,
    }
}

/// Whether a value of this representation is binary numbers or tags.
pub(super) fn is_number(vr: VR) -> bool {
    matches!(vr, VR::AT | VR::FD | VR::FL | VR::SL | VR::SS | VR::SV | VR::UL | VR::US | VR::UV)
}

/// Whether a value of this representation is bytes, which are not read.
pub(super) fn is_bytes(vr: VR) -> bool {
    matches!(vr, VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::SQ | VR::UN)
}

/// The value to write for a text; `None` when a number is wrong.
pub(super) fn value_of(text: &str, vr: VR) -> Option<PrimitiveValue> {
    if text.is_empty() {
        return Some(PrimitiveValue::Empty);
    }
    Some(match vr {
        VR::US => PrimitiveValue::U16(parse(text)?.into()),
        VR::SS => PrimitiveValue::I16(parse(text)?.into()),
        VR::UL => PrimitiveValue::U32(parse(text)?.into()),
        VR::SL => PrimitiveValue::I32(parse(text)?.into()),
        VR::UV => PrimitiveValue::U64(parse(text)?.into()),
        VR::SV => PrimitiveValue::I64(parse(text)?.into()),
        VR::FL => PrimitiveValue::F32(parse(text)?.into()),
        VR::FD => PrimitiveValue::F64(parse(text)?.into()),
        VR::AT => {
            PrimitiveValue::Tags(text.split('\\').map(tag).collect::<Option<Vec<_>>>()?.into())
        }
        _ if is_bytes(vr) => return None,
        _ => PrimitiveValue::from(text),
    })
}

fn parse<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    text.split('\\').map(|number| number.trim().parse().ok()).collect()
}

fn join<const N: usize, T: std::fmt::Display>(
    bytes: &[u8],
    big: bool,
    of: impl Fn([u8; N]) -> T,
) -> Option<String> {
    let chunks = bytes.chunks_exact(N);
    if !chunks.remainder().is_empty() {
        return None;
    }
    let numbers = chunks.filter_map(|chunk| {
        let mut number = *chunk.first_chunk::<N>()?;
        if big {
            number.reverse();
        }
        Some(of(number).to_string())
    });
    Some(numbers.collect::<Vec<_>>().join("\\"))
}

/// Tags as eight hexadecimal digits each, the form in which attribute lists are usually written.
fn tags(bytes: &[u8], big: bool) -> Option<String> {
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let halves = join(bytes, big, |half: [u8; 2]| format!("{:04X}", u16::from_le_bytes(half)))?;
    let halves: Vec<&str> = halves.split('\\').collect();
    Some(halves.chunks(2).map(<[&str]>::concat).collect::<Vec<_>>().join("\\"))
}

fn tag(text: &str) -> Option<Tag> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let number = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 8)?;
    let [a, b, c, d] = number.to_be_bytes();
    Some(Tag(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

#[cfg(test)]
mod tests {
    use dicom_core::VR;

    use super::{text_of, value_of};

    #[test]
    fn numbers_are_read_in_either_byte_order() {
        assert_eq!(text_of(&[1, 0, 0, 1], VR::US, false).as_deref(), Some("1\\256"));
        assert_eq!(text_of(&[1, 0, 0, 1], VR::US, true).as_deref(), Some("256\\1"));
        assert_eq!(text_of(&[0x10, 0, 0x20, 0], VR::AT, false).as_deref(), Some("00100020"));
        assert_eq!(text_of(&[0, 0, 0], VR::US, false), None);
        assert_eq!(text_of(&[0, 0, 0x80, 0x3F], VR::FL, false).as_deref(), Some("1"));
    }

    #[test]
    fn a_text_that_is_no_number_is_refused() {
        assert!(value_of("70000", VR::US).is_none());
        assert!(value_of("1\\x", VR::SL).is_none());
        assert!(value_of("(0010,0020)", VR::AT).is_some());
        assert!(value_of("anything", VR::LO).is_some());
    }
}
