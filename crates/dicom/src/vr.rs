//! Value representations (PS3.5 section 6.2).

use dicom_core::VR;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;

use crate::Tag;

/// Whether two bytes can be a value representation: two capital letters. Representations that a later edition adds
/// are read too, in the long form that PS3.5 section 7.1.2 reserves for them.
pub(crate) fn is_plausible(vr: [u8; 2]) -> bool {
    vr.iter().all(u8::is_ascii_uppercase)
}

/// Whether two bytes are one of the value representations of the table.
pub(crate) fn is_known(vr: [u8; 2]) -> bool {
    VR::from_binary(vr).is_some()
}

/// Whether an explicit element of this representation has two reserved bytes and a 32-bit length (PS3.5 section 7.1.2).
pub(crate) fn has_long_length(vr: [u8; 2]) -> bool {
    is_plausible(vr) && !SHORT.contains(&vr)
}

/// Whether the text of this representation is in the Specific Character Set (PS3.5 section 6.1.2.2).
pub(crate) fn has_character_set(vr: [u8; 2]) -> bool {
    matches!(&vr, b"LO" | b"LT" | b"PN" | b"SH" | b"ST" | b"UC" | b"UT")
}

/// Whether `\` separates values in text of this representation (PS3.5 section 6.2).
pub(crate) fn is_multi_valued_text(vr: [u8; 2]) -> bool {
    has_character_set(vr) && !matches!(&vr, b"LT" | b"ST" | b"UT")
}

/// The representation that the data dictionary gives an element; private creators are `LO`, the rest of what it does
/// not know is `UN` (PS3.5 section 6.2.2, section 7.8.1).
pub(crate) fn of(tag: Tag) -> VR {
    if tag.is_private() && (0x0010..=0x00FF).contains(&tag.1) {
        return VR::LO;
    }
    let tag = dicom_core::Tag(tag.0, tag.1);
    StandardDataDictionary.by_tag(tag).map_or(VR::UN, |entry| entry.vr().relaxed())
}

/// Whether the data dictionary calls the element a sequence.
pub(crate) fn is_sequence(tag: Tag) -> bool {
    of(tag) == VR::SQ
}

const SHORT: [[u8; 2]; 21] = [
    *b"AE", *b"AS", *b"AT", *b"CS", *b"DA", *b"DS", *b"DT", *b"FD", *b"FL", *b"IS", *b"LO", *b"LT",
    *b"PN", *b"SH", *b"SL", *b"SS", *b"ST", *b"TM", *b"UI", *b"UL", *b"US",
];

#[cfg(test)]
mod tests {
    use dicom_core::VR;

    use super::{has_long_length, is_plausible, of};
    use crate::Tag;

    #[test]
    fn the_long_form_is_that_of_the_table_and_of_the_future() {
        for vr in [b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"UR", b"OV", b"SV", b"UV", b"XX"] {
            assert!(has_long_length(*vr), "{vr:?}");
        }
        for vr in [b"PN", b"US", b"UI", b"AT", b"\0\0", b"??"] {
            assert!(!has_long_length(*vr), "{vr:?}");
        }
        assert!(!is_plausible(*b"u8") && !is_plausible([0x10, 0]));
    }

    #[test]
    fn private_creators_are_text_and_other_private_elements_unknown() {
        assert_eq!(of(Tag(0x0029, 0x0010)), VR::LO);
        assert_eq!(of(Tag(0x0029, 0x1010)), VR::UN);
    }
}
