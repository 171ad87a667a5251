//! Whether two spellings are one name.

/// Compares without case, punctuation, the kind of space and the diacritics of Latin letters, which may be dropped
/// or, as in German and Scandinavian usage, written as a second letter, the same way throughout a word. Everything else
/// must be equal.
pub(super) fn same(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (a, b) = (words(a), words(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same_word(a, b))
}

fn words(text: &str) -> Vec<Vec<char>> {
    // An apostrophe or a full stop within a name is often left out.
    let text = text.replace(['\'', '\u{2019}', '.'], "");
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().flat_map(char::to_uppercase).collect())
        .collect()
}

fn same_word(a: &[char], b: &[char]) -> bool {
    [short, long].iter().any(|of_a| [short, long].iter().any(|of_b| of_a(a) == of_b(b)))
}

/// Diacritics dropped.
fn short(word: &[char]) -> String {
    spelled(word, |spellings| spellings.first())
}

/// Diacritics written as a second letter.
fn long(word: &[char]) -> String {
    spelled(word, |spellings| spellings.last())
}

fn spelled(
    word: &[char],
    choose: impl Fn(&'static [&'static str]) -> Option<&'static &'static str>,
) -> String {
    let mut text = String::new();
    for letter in word {
        match choose(plain(*letter)) {
            Some(spelling) => text.push_str(spelling),
            None => text.push(*letter),
        }
    }
    text
}

/// How a capital letter with a diacritic is written without it.
fn plain(letter: char) -> &'static [&'static str] {
    match letter {
        'À' | 'Á' | 'Â' | 'Ã' | 'Ā' | 'Ă' | 'Ą' => &["A"],
        'Ä' => &["A", "AE"],
        'Å' => &["A", "AA"],
        'Æ' => &["AE"],
        'Ç' | 'Ć' | 'Č' | 'Ċ' => &["C"],
        'Ď' | 'Đ' | 'Ð' => &["D"],
        'È' | 'É' | 'Ê' | 'Ë' | 'Ē' | 'Ė' | 'Ę' | 'Ě' => &["E"],
        'Ğ' | 'Ģ' | 'Ġ' => &["G"],
        'Ħ' => &["H"],
        'Ì' | 'Í' | 'Î' | 'Ï' | 'Ī' | 'Į' | 'İ' => &["I"],
        'Ķ' => &["K"],
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ł' => &["L"],
        'Ñ' | 'Ń' | 'Ņ' | 'Ň' => &["N"],
        'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ō' | 'Ő' => &["O"],
        'Ö' | 'Ø' => &["O", "OE"],
        'Œ' => &["OE"],
        'Ŕ' | 'Ř' => &["R"],
        'Ś' | 'Ş' | 'Š' | 'Ș' => &["S"],
        'ẞ' => &["SS"],
        'Ţ' | 'Ť' | 'Ț' => &["T"],
        'Þ' => &["TH"],
        'Ù' | 'Ú' | 'Û' | 'Ū' | 'Ů' | 'Ű' | 'Ų' => &["U"],
        'Ü' => &["U", "UE"],
        'Ý' | 'Ÿ' => &["Y"],
        'Ź' | 'Ż' | 'Ž' => &["Z"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[track_caller]
    fn check(a: &str, b: &str, expected: bool) {
        assert_eq!((same(a, b), same(b, a)), (expected, expected), "{a} and {b}");
    }

    #[test]
    fn case_punctuation_and_diacritics_do_not_make_another_name() {
        check("Müller", "MUELLER", true);
        check("Müller", "muller", true);
        check("Lefèvre-Dupont", "LEFEVRE DUPONT", true);
        check("O'Brien", "OBRIEN", true);
        check("Weiß", "WEISS", true);
        check("Åse Sørensen", "AASE SOERENSEN", true);
        check("山田　太郎", "山田 太郎", true);
    }

    #[test]
    fn other_letters_make_another_name() {
        check("Meyer", "Meier", false);
        check("Jan", "Jane", false);
        check("Jean", "Jean Paul", false);
        check("Muller", "Mueller", false);
        check("M?ller", "Müller", false);
        check("山田", "山口", false);
        check("Иванов", "Ivanov", false);
    }
}
