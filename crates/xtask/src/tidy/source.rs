//! A Rust file as the rules see it: comments and literals blanked, tests told apart.
//!
//! This is no parser. It knows just enough of the lexical grammar (comments, strings, characters,
//! lifetimes, braces) that a rule can search for words without being fooled by prose.

/// A Rust source file with the views that rules search in; all views have equal line numbers.
pub struct Source {
    /// Path relative to the workspace, with `/`.
    pub path: String,
    /// Comments and the content of literals blanked; everything else in place.
    pub code: String,
    /// As `code`, with `#[cfg(test)]` items blanked too; empty in a file of tests.
    pub production: String,
    /// How many lines are neither in a `#[cfg(test)]` item nor in a file of tests.
    pub production_lines: usize,
}

impl Source {
    /// Reads a file's text; `path` decides whether the whole file is a test.
    pub fn new(path: &str, text: &str) -> Self {
        let code = blank_comments_and_literals(text);
        let is_test = path.ends_with("tests.rs") || path.split('/').any(|part| part == "tests");
        let (production, production_lines) =
            if is_test { (String::new(), 0) } else { blank_tests(&code) };
        Self { path: path.to_owned(), code, production, production_lines }
    }

    /// The package folder (`crates/core`, `examples`), when the file is in one.
    pub fn folder(&self) -> &str {
        let mut slashes = self.path.match_indices('/').map(|(index, _)| index);
        let end = match self.path.split('/').next() {
            Some("crates") => slashes.nth(1),
            _ => slashes.next(),
        };
        end.map_or("", |end| &self.path[..end])
    }

    /// `path:line` of a byte offset.
    pub fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.path, line_of(&self.code, offset))
    }
}

/// The line number, from 1, of a byte offset.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Byte offsets at which `word` stands with no identifier character on either side.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let open_left = !word.starts_with(is_identifier) || !before.is_some_and(is_identifier);
        let open_right = !word.ends_with(is_identifier) || !after.is_some_and(is_identifier);
        open_left && open_right
    })
}

/// Whether a character may be part of an identifier.
pub fn is_identifier(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// The offset just after the bracket that closes the one at `open`, if the text is balanced.
pub fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (offset, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(offset + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The offset of the first `{` or `;` after `from` that is in no parenthesis or bracket.
pub fn body_or_end(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (offset, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' | b';' if depth == 0 => return Some(offset),
            _ => {}
        }
    }
    None
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn blank_comments_and_literals(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => Some(line_end(&bytes, at)),
            b'/' if bytes.get(at + 1) == Some(&b'*') => Some(block_comment_end(&bytes, at)),
            b'"' => Some(string_end(&bytes, at)),
            b'r' => raw_string_end(&bytes, at),
            b'\'' => character_end(text, at),
            _ => None,
        };
        match end {
            Some(end) => {
                blank(&mut bytes[at..end]);
                at = end;
            }
            None => at += 1,
        }
    }
    String::from_utf8(bytes).expect("only whole literals and comments were blanked")
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn block_comment_end(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0usize;
    let mut next = at;
    while next < bytes.len() {
        match bytes.get(next..next + 2) {
            Some(b"/*") => (depth, next) = (depth + 1, next + 2),
            Some(b"*/") => (depth, next) = (depth - 1, next + 2),
            _ => next += 1,
        }
        if depth == 0 {
            return next;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while next < bytes.len() {
        match bytes[next] {
            b'\\' => next += 2,
            b'"' => return next + 1,
            _ => next += 1,
        }
    }
    bytes.len()
}

/// `r"…"`, `r#"…"#`; `None` for an identifier that only begins or ends with an r.
fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let before = at.checked_sub(1).map(|index| bytes[index]);
    let prefixed = matches!(before, Some(b'b' | b'c'));
    if !prefixed && before.is_some_and(|byte| is_identifier(char::from(byte))) {
        return None;
    }
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let content = at + 2 + hashes;
    let length = bytes[content..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |length| content + length + close.len()))
}

/// A character literal; `None` for a lifetime.
fn character_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at + 1..];
    let first = rest.chars().next()?;
    if first == '\\' {
        // The escaped character itself may be a quote.
        return rest[2..].find('\'').map(|length| at + 1 + 2 + length + 1);
    }
    rest[first.len_utf8()..].starts_with('\'').then(|| at + 1 + first.len_utf8() + 1)
}

fn blank_tests(code: &str) -> (String, usize) {
    let mut bytes = code.as_bytes().to_vec();
    let mut test_lines = 0;
    let mut done = 0;
    for start in ["#[cfg(test", "#[cfg(all(test"].iter().flat_map(|mark| code.match_indices(mark)) {
        let start = start.0;
        if start < done {
            continue;
        }
        let attribute = closing(code, start + 1).unwrap_or(code.len());
        let end = match body_or_end(code, attribute) {
            Some(open) if code.as_bytes()[open] == b'{' => closing(code, open),
            Some(semicolon) => Some(semicolon + 1),
            None => None,
        }
        .unwrap_or(code.len());
        test_lines += line_of(code, end) - line_of(code, start) + 1;
        blank(&mut bytes[start..end]);
        done = end;
    }
    let production = String::from_utf8(bytes).expect("only whole items were blanked");
    (production, code.lines().count().saturating_sub(test_lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(blank_comments_and_literals(text), expected);
    }

    #[test]
    fn comments_are_blank() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
    }

    #[test]
    fn literals_are_blank_and_lifetimes_are_not() {
        check(r#"f("x\"y") + 1"#, "f(      ) + 1");
        check(r##"f(r#"a"b"#)"##, "f(        )");
        check("fn f<'a>(x: &'a u8) {}", "fn f<'a>(x: &'a u8) {}");
        check(r"m('\'', '{', 'é')", "m(    ,    ,     )");
        check("for r in car {}", "for r in car {}");
    }

    #[test]
    fn tests_are_no_production_code() {
        let source =
            Source::new("crates/a/src/b.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n x\n}\n");
        assert_eq!(source.production.trim(), "fn a() {}");
        assert_eq!(source.production_lines, 1);
        let tests = Source::new("crates/a/src/b/tests.rs", "fn a() {}\n");
        assert_eq!((tests.production_lines, tests.production.as_str()), (0, ""));
    }

    #[test]
    fn a_file_knows_its_package() {
        assert_eq!(Source::new("crates/core/src/lib.rs", "").folder(), "crates/core");
        assert_eq!(Source::new("examples/gateway.rs", "").folder(), "examples");
        assert_eq!(Source::new("build.rs", "").folder(), "");
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        let found: Vec<usize> = words("pathfs fs::x _fs", "fs").collect();
        assert_eq!(found, [7]);
    }
}
