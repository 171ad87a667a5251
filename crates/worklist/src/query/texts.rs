//! Texts in the lengths of DICOM (PS3.5 section 6.2). The record keeps them whole, and a finding said so when they came.

/// As a long string, LO.
pub(super) fn long(text: &str) -> &str {
    first(text, LO)
}

/// As a short string, SH.
pub(super) fn short(text: &str) -> &str {
    first(text, 16)
}

/// As values of an LO with several: a longer text goes on in the next value, so that no warning loses its end.
pub(super) fn values<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut values: Vec<String> = Vec::new();
    for text in texts {
        let mut value = String::new();
        for word in text.split(' ') {
            let length = value.chars().count();
            if length > 0 && length + 1 + word.chars().count() > LO {
                values.push(std::mem::take(&mut value));
            } else if length > 0 {
                value.push(' ');
            }
            // A word that is longer than a value is cut where the value ends.
            let mut rest = word;
            while rest.chars().count() > LO {
                let part = first(rest, LO);
                values.push(part.to_owned());
                rest = rest.get(part.len()..).unwrap_or_default();
            }
            value.push_str(rest);
        }
        values.push(value);
    }
    values.retain(|value| !value.is_empty());
    values.join("\\")
}

fn first(text: &str, characters: usize) -> &str {
    let end = text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

const LO: usize = 64;

#[cfg(test)]
mod tests {
    use super::{long, values};

    #[test]
    fn texts_are_cut_between_characters() {
        let text = "ü".repeat(65);
        assert_eq!(long(&text), "ü".repeat(64));
        assert_eq!(long("ü"), "ü");
    }

    #[test]
    fn warnings_go_on_in_the_next_value() {
        assert_eq!(
            values(["Penicillin", "Contrast medium"].into_iter()),
            "Penicillin\\Contrast medium"
        );
        let long = format!("{} {}", "a".repeat(60), "b".repeat(10));
        assert_eq!(
            values([long.as_str()].into_iter()),
            format!("{}\\{}", "a".repeat(60), "b".repeat(10))
        );
        let word = "c".repeat(70);
        assert_eq!(
            values([word.as_str()].into_iter()),
            format!("{}\\{}", "c".repeat(64), "c".repeat(6))
        );
    }
}
