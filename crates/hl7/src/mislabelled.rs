//! UTF-8 under the name of another set, where every byte has a meaning in that set too.

use telerad_charset::Charset;

/// Whether bytes that are valid UTF-8 make words in `charset` that nobody writes.
///
/// Validity alone proves nothing: `RŮŽENA` of ISO 8859-2 is valid UTF-8, as any capital before one of A0H to BFH is. What
/// tells is what UTF-8 looks like when misread, a capital (in Cyrillic, a small letter) before a capital or a sign, in the
/// midst of small letters. Any one such place is enough, because genuine text would besides have to be valid UTF-8 in all
/// its letters.
pub(crate) fn is_nonsense(charset: Charset, message: &[u8]) -> bool {
    let is_latin = match charset {
        Charset::Iso8859_2 | Charset::Iso8859_3 | Charset::Iso8859_4 | Charset::Windows1250 => true,
        Charset::Iso8859_5 | Charset::Iso8859_7 | Charset::Windows1251 => false,
        _ => return false,
    };
    let decoded = charset.decode(message);
    let mut window = [' '; 4];
    decoded.text.chars().chain([' ', ' ']).any(|next| {
        let [_, before, first, second] = window;
        window = [before, first, second, next];
        is_odd(window, is_latin)
    })
}

/// Four characters that follow each other, of which the two in the middle are judged.
fn is_odd([before, first, second, after]: [char; 4], is_latin: bool) -> bool {
    if first.is_ascii() && second.is_ascii() {
        return false;
    }
    let is_foreign = !first.is_ascii() && !second.is_ascii();
    let rises = first.is_lowercase() && second.is_uppercase();
    let is_capital = first.is_uppercase() && !first.is_ascii();
    let falls_late = is_capital
        && is_foreign
        && ((before.is_uppercase() && second.is_lowercase())
            || (second.is_uppercase() && after.is_lowercase()));
    let has_sign = is_capital && SIGNS.contains(&second);
    // No word ends in the long L of Slovak; these two bytes are a capital S with caron in UTF-8.
    let is_caron = first == 'Ĺ' && second == '\u{a0}';
    // Latin letters on both sides of two others.
    let is_mixed =
        !is_latin && is_foreign && before.is_ascii_alphabetic() && after.is_ascii_alphabetic();
    rises || falls_late || has_sign || is_caron || is_mixed
}

/// Signs that nobody writes right behind a capital letter. Marks that stand for an apostrophe, close a quotation or make a
/// Greek numeral are not among them.
const SIGNS: [char; 15] =
    ['¤', '¦', '¨', '©', '¬', '¯', '±', '¸', '½', 'ˇ', '˘', '˛', '˝', 'ͺ', '΅'];

#[cfg(test)]
mod tests {
    use telerad_charset::Charset;

    use super::is_nonsense;

    /// What the texts are in `charset` passes; what of them is UTF-8 without any byte from 80H to 9FH is caught.
    #[track_caller]
    fn check(charset: Charset, texts: &[&str], utf8: &[&str]) {
        for text in texts {
            for text in [text.to_string(), text.to_uppercase(), text.to_lowercase()] {
                let bytes = charset.encode(&text).unwrap();
                let is_caught = std::str::from_utf8(&bytes).is_ok() && is_nonsense(charset, &bytes);
                assert!(!is_caught, "{text}");
                let alone = text.split(|letter: char| !letter.is_alphabetic());
                for word in alone {
                    let bytes = charset.encode(word).unwrap();
                    let is_utf8 = std::str::from_utf8(&bytes).is_ok();
                    assert!(!(is_utf8 && is_nonsense(charset, &bytes)), "{word}");
                }
            }
        }
        for text in utf8 {
            let bytes = text.as_bytes();
            assert!(!bytes.iter().any(|byte| (0x80..0xa0).contains(byte)), "{text} is no test");
            assert!(is_nonsense(charset, bytes), "{text}");
        }
    }

    #[test]
    fn central_european_text_is_told_from_utf8() {
        check(
            Charset::Iso8859_2,
            &[
                "RŮŽENA HŮŠKOVÁ Růžičková Dvořák Šimůnek Úžas Ůž",
                "Wójcik PÓŁTORAK Kęś GĘŚ Łoś Żółć",
                "DĹŽKA stĺp Ľubošík Ďuriš",
                "Kőműves Gyűjtő Szűcs",
                "RÂŞNOV TĂŞNAD Brăila Ţepeş",
                "Đurđević Žižek Šoštarić",
                "Groß Müller ÄÖÜ",
                "§ 5 ¤ 37 °C",
            ],
            &["Müller", "Tomáš", "Šimek", "Žák", "Martínek", "Wójcik", "ŻAK", "György", "Růžena"],
        );
    }

    #[test]
    fn cyrillic_text_is_told_from_utf8() {
        check(
            Charset::Iso8859_5,
            &[
                "Иванова Мария Петровна",
                "ТАНЯ ЩЁКИНА ЦАПКО ТАЯ ФЕДОТ УЛАН",
                "Ђорђевић Љубиша Његош Џајић",
                "Стоян Йорданов Щерев",
                "Їжакевич Ґ".trim_end_matches('Ґ'),
                "№ 5 § 3 МРТ г/м",
            ],
            &["анна", "лена", "Müller", "José"],
        );
    }

    #[test]
    fn greek_text_is_told_from_utf8() {
        check(
            Charset::Iso8859_7,
            &["Παπαδόπουλος Γεώργιος", "Β΄ ΟΡΟΦΟΣ Β’ «ΝΙΚΗ»", "Ελένη Άννα Ίων", "Μ² 5± ½"],
            &["Άννα".trim_start_matches('Ά'), "Μάνια".trim_start_matches('Μ'), "Müller", "äb José"],
        );
    }

    #[test]
    fn baltic_and_southern_text_is_told_from_utf8() {
        check(
            Charset::Iso8859_4,
            &["Jānis Bērziņš", "ŠĀŽ ŪŠAS ŽŪŠ Čiurlionis", "Õunapuu Väärt"],
            &["Müller", "José", "Tomáš".trim_end_matches('š')],
        );
        check(Charset::Iso8859_3, &["Ġorġ Ħaż ŬĤ", "Ĉiuĵaŭde"], &[]);
    }
}
