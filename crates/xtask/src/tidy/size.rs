//! A file tells one story, and a function fits a screen.

use super::source::{Source, body_or_end, closing, line_of, words};
use super::{File, Finding};

/// The most lines a file may have outside its tests.
const FILE_LINES_MAX: usize = 800;
/// The most lines from `fn` to the closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// The most lines of the README.
const README_LINES_MAX: usize = 150;

/// Checks production code; a test may be a long table.
pub fn check(sources: &[Source], files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let lines = source.production_lines;
        if lines > FILE_LINES_MAX {
            let text = format!("{lines} lines outside tests, at most {FILE_LINES_MAX}");
            findings.push(Finding::new(&source.path, text));
        }
        findings.extend(long_functions(source));
    }
    for file in files.iter().filter(|file| file.path == "README.md") {
        let lines = file.text.lines().count();
        if lines > README_LINES_MAX {
            let text = format!("{lines} lines, at most {README_LINES_MAX}");
            findings.push(Finding::new(&file.path, text));
        }
    }
    findings
}

fn long_functions(source: &Source) -> Vec<Finding> {
    let code = &source.production;
    let mut findings = Vec::new();
    for at in words(code, "fn") {
        // `fn(u8)` is a type and has no body; a declaration in a trait ends with `;`.
        let Some(open) = body_or_end(code, at).filter(|open| code[*open..].starts_with('{')) else {
            continue;
        };
        if code[at + "fn".len()..].trim_start().starts_with('(') {
            continue;
        }
        let Some(end) = closing(code, open) else { continue };
        let lines = line_of(code, end) - line_of(code, at) + 1;
        if lines > FUNCTION_LINES_MAX {
            let name = code[at + "fn".len()..open].split(['(', '<']).next().unwrap_or("").trim();
            let text = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}");
            findings.push(Finding::new(source.place(at), text));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        super::check(&[Source::new(path, text)], &[])
            .into_iter()
            .map(|finding| format!("{}: {}", finding.place, finding.text))
            .collect()
    }

    #[test]
    fn a_long_function_is_found() {
        let body = "    x();\n".repeat(69);
        let text = format!("\nfn short(a: [u8; 3]) {{\n{}}}\n", &body[..body.len() - 9]);
        assert_eq!(found("crates/a/src/lib.rs", &text), [""; 0]);
        let text = format!("\nfn long<T>(f: fn(T)) {{\n{body}}}\n");
        let expected = "crates/a/src/lib.rs:2: `long` has 71 lines, at most 70";
        assert_eq!(found("crates/a/src/lib.rs", &text), [expected]);
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let lines = "//\n".repeat(801);
        let expected = "crates/a/src/b.rs: 801 lines outside tests, at most 800";
        assert_eq!(found("crates/a/src/b.rs", &lines), [expected]);
        assert_eq!(found("crates/a/src/b/tests.rs", &lines), [""; 0]);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{lines}}}\n");
        assert_eq!(found("crates/a/src/b.rs", &tests), [""; 0]);
    }

    #[test]
    fn a_long_readme_is_found() {
        let file = File { path: "README.md".to_owned(), text: "x\n".repeat(151) };
        let expected = Finding::new("README.md", "151 lines, at most 150");
        assert_eq!(super::check(&[], &[file]), [expected]);
    }
}
