//! Wildcard matching (PS3.4 section C.2.2.2.4).

/// `*` for any characters, `?` for one. Linear but for the stars, and without allocation: no pattern can blow up.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(t) {
        match (pattern.get(p), star) {
            (Some(b'*'), _) => {
                p += 1;
                if p == pattern.len() {
                    return true;
                }
                star = Some((p, t));
            }
            (Some(b'?'), _) => {
                p += 1;
                t += length(byte);
            }
            // A character of several bytes begins with a byte that is none of another's middle, so bytes will do.
            (Some(&literal), _) if literal == byte => {
                p += 1;
                t += 1;
            }
            (_, Some((after, taken))) => {
                p = after;
                t = taken + text.get(taken).map_or(1, |first| length(*first));
                star = Some((after, t));
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}

/// The longest run without wildcards.
pub(super) fn longest_literal(pattern: &str) -> &str {
    pattern.split(['*', '?']).max_by_key(|run| run.len()).unwrap_or("")
}

/// How many bytes a character has, by its first one.
fn length(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{longest_literal, matches};

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("a*c", "abbc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*b*", "abab", true),
            ("*b*b*", "aba", false),
            ("**", "", true),
            ("?", "é", true),
            ("*??", "é", false),
            ("*??", "éa", true),
            ("*?é", "日é", true),
            ("??", "日本", true),
            ("???", "日本", false),
            ("abc", "ABC", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn the_longest_literal_is_between_wildcards() {
        assert_eq!(longest_literal("*ab?cde*f"), "cde");
        assert_eq!(longest_literal("*?"), "");
    }
}
