//! Text without what people leave out when they search for a name.

use telerad_core::PersonName;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_canonical;

/// A name as it is compared: lower case, without accents, groups joined by `=`.
pub(super) fn name(name: &PersonName) -> String {
    text(&name.to_dicom())
}

/// Lower case without accents. One character stays one character, since `?` in a key stands for one: `ß` is not `ss`.
pub(crate) fn text(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().flat_map(char::to_lowercase).filter(|c| !is_accent(*c)).map(base).collect()
}

/// The letter beneath the accents. Marks of other scripts make other letters (kana, Indic vowels) and stay.
fn base(letter: char) -> char {
    // Letters with a stroke have no canonical decomposition, and many keyboards lack them.
    match letter {
        'đ' => return 'd',
        'ħ' => return 'h',
        'ı' => return 'i',
        'ł' => return 'l',
        'ø' => return 'o',
        'ŧ' => return 't',
        _ => {}
    }
    let (mut first, mut only_accents) = (None, true);
    decompose_canonical(letter, |part| {
        if first.is_none() {
            first = Some(part);
        } else {
            only_accents &= is_accent(part);
        }
    });
    first.filter(|_| only_accents).unwrap_or(letter)
}

/// The block of accents of Latin, Greek and Cyrillic letters.
fn is_accent(mark: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&mark)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn accents_and_case_vanish_and_other_marks_stay() {
        for (plain, folded) in [
            ("DOE^JANE", "doe^jane"),
            ("MÜLLER^Jörg", "muller^jorg"),
            ("Mu\u{308}ller", "muller"),
            ("Łukasz^Ørsted", "lukasz^orsted"),
            ("İbrahim", "ibrahim"),
            ("ΆΝΝΑ", "αννα"),
            ("ЁЛКИН", "елкин"),
            ("Straße", "straße"),
            // Voiced kana are other letters, and Hangul syllables stay whole.
            ("やまだ", "やまだ"),
            ("김희중", "김희중"),
            ("山田^太郎", "山田^太郎"),
        ] {
            assert_eq!(text(plain), folded);
        }
    }

    #[test]
    fn one_character_stays_one() {
        for letter in ["é", "ß", "æ", "ø", "だ", "각", "ﬁ"] {
            assert_eq!(text(letter).chars().count(), 1, "{letter}");
        }
    }
}
